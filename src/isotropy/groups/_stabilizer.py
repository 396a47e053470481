"""The elements of a group that fix given vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups._group import Group
from isotropy.groups._linear import LinearGroup, matrix
from isotropy.groups._matrix import MatrixGroup
from isotropy.groups._placed import Conjugate, Placed, place
from isotropy.groups._rotations import SO, O
from isotropy.groups._stretches import GLPlus, Lorentz, Scale


def stabilizer(group: Group, *vectors: Tensor | Sequence[float]) -> Group:
    """The subgroup that fixes each of the defining vectors; without a vector the group itself.

    Raises ShapeError for vectors of another length, DomainError for the zero vector (it is fixed by everything, so
    asking for it is a slip) and for groups without a rule: products, and groups with translations.

    >>> O(3).stabilizer([0, 0, 1]) == O(2) @ "z"
    True
    """
    for v in vectors:
        group = _fix(group, torch.as_tensor(v, dtype=torch.float64).detach().cpu())
    return group


def _fix(group: Group, v: Float[Tensor, " d"]) -> LinearGroup:
    if not isinstance(group, LinearGroup) or group.affine:
        hint = "matrix groups fix defining vectors; take the linear part of a group with translations"
        raise DomainError(f"the stabilizer of a vector in {group}", "a group of matrices", hint)
    if v.shape != (group.degree,):
        raise ShapeError(f"a vector of shape {tuple(v.shape)}", f"({group.degree},) for {group}", "")
    if not bool(v.isfinite().all()) or not bool(v.any()):
        raise DomainError(f"the vector {v.tolist()}", "a finite vector that is not zero", "")
    if isinstance(group, (SO, O)):
        return SO(1, group.space) if group.n == 1 else place(type(group)(group.n - 1, group.space), v)
    if isinstance(group, Placed):
        inner = (group.frame.mT @ v)[:-1]
        if float(inner.abs().max()) <= 1e-12 * float(v.abs().max()):
            return group
        return Placed(_fix(group.base, inner), group.axis)
    if isinstance(group, Conjugate):
        moved = _fix(group.base, torch.linalg.solve(group.frame, v)).conjugate(group.frame)
        assert isinstance(moved, LinearGroup)
        return moved
    return _by_equations(group, v)


def _by_equations(group: LinearGroup, v: Float[Tensor, " d"]) -> LinearGroup:
    """The stabilizer from its generators: the A with A v = 0, and for finite groups the elements with h v = v."""
    title = f"{group}.stabilizer({v.tolist()})"
    if group.finite:
        elements = matrix(group.elements())
        fixing = elements[((elements @ v - v).abs() <= 1e-9 * v.abs().max()).all(-1)]
        return MatrixGroup(title, discrete=fixing, space=group.space)
    if not isinstance(group, (GLPlus, Scale, Lorentz)):
        raise DomainError(f"the stabilizer of a vector in {group}", "a group with a rule for it", "")
    # These stabilizers are connected for n > 1, so that their algebra generates them.
    basis = matrix(group.algebra.basis)
    _, s, Vh = torch.linalg.svd((basis @ v).T)
    rank = int((s > 1e-10 * s.max().clamp_min(1e-300)).sum())
    kept = torch.tensordot(Vh[rank:], basis, dims=1)
    return MatrixGroup(
        title, algebra=kept, discrete=torch.eye(group.degree, dtype=torch.float64)[None], space=group.space
    )
