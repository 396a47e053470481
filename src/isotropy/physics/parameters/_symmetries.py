"""Exact symmetries of parameters: affine fields along which a model's predictions do not change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import ShapeError, counted
from isotropy.groups import LieAlgebra
from isotropy.linalg import nullspace
from isotropy.physics.parameters._fields import AffineField, coordinates, listed
from isotropy.physics.parameters._jacobian import Model, checked, jacobian, whitened


@dataclass(frozen=True, eq=False)
class ParameterSymmetries(LieAlgebra):
    """The Lie algebra of fields that a model does not see, with the ``spectrum`` that certifies its dimension.

    ``realisation`` are its ``AffineField``s in the user's units; ``basis`` the same as matrices on (coordinates, 1),
    whose commutators are the brackets of the fields up to sign.
    """

    spectrum: Float[Tensor, " q"] | None = None


def parameter_symmetries(
    model: Model,
    thetas: Tensor,
    *,
    weights: Tensor | None = None,
    log: bool | Sequence[int] = False,
    min_gap: float = 1e6,
) -> ParameterSymmetries:
    """All affine fields ``v(theta) = A theta + b`` with ``d model / d theta . v = 0``, found on ``thetas (K, p)``.

    ``model`` maps parameters (p,) to predictions (n,), in operations that torch differentiates. Points are draws from
    wherever the model is of interest, in general position; the ranks of the derivatives there have to sum to at least
    the p^2 + p unknowns. ``log`` puts all parameters, or those listed, on a logarithmic axis first: fields are then
    affine in ln theta. ``weights`` (n,) or (n, n) are those of ``sloppy_directions``: of exact symmetries they change
    nothing but which data count at all.

    Units do not matter: parameters are standardised over the points, the unknowns' columns brought to one size, and the
    fields told in the user's units, each with its largest standardised component 1.

    Raises AmbiguousRankError where the spectrum has no gap of ``min_gap`` (or several): the model has *nearly* a
    symmetry there, and ``sloppy_directions`` ranks it. ShapeError for too few points, DtypeError, DomainError.
    Source: specification 07 §2.4.

    >>> seen = lambda theta: theta[0] * theta[1] * torch.linspace(1.0, 2.0, 5, dtype=torch.float64)
    >>> found = parameter_symmetries(seen, torch.rand(20, 2, dtype=torch.float64) + 1)
    >>> found.dim, found.realisation[0].A.diagonal().round(decimals=6).sum().item()
    (1, 0.0)
    """
    thetas = checked(thetas, 2)
    K, p = thetas.shape
    logs = tuple(range(p)) if log is True else tuple(log or ())
    points = coordinates(thetas, logs)
    centre, spread = points.mean(0), points.std(0) if K > 1 else torch.zeros(p)
    if K < 2 or bool((spread <= 1e-9 * (1e-300 + centre.abs())).any()):  # fewer digits than a derivative keeps
        raise ShapeError(f"{K} points at which some parameter does not vary", "points that differ in every parameter")
    standard = torch.cat([(points - centre) / spread, torch.ones(K, 1, dtype=points.dtype)], 1)
    rows, independent = list[Tensor](), 0
    for theta, u in zip(thetas, standard, strict=True):
        J = whitened(jacobian(model, theta), weights)
        J = J * torch.where(listed(theta, logs), theta, 1.0) * spread
        independent += int(torch.linalg.matrix_rank(J))
        rows.append((J[:, :, None] * u).flatten(1))
    system = torch.cat(rows)
    if int(torch.linalg.matrix_rank(standard, rtol=1e-9)) < p + 1:  # as above: fewer digits decide nothing
        raise ShapeError(f"{K} points on a line or plane", f"{p + 1} points in general position, at least")
    # Data beyond the rank of a derivative say the same again.
    if independent < system.shape[1]:
        raise ShapeError(
            f"{counted(independent, 'independent equation')} for {system.shape[1]} unknowns",
            "as many at least",
            "give more points, not on a line or plane",
        )
    size = torch.linalg.vector_norm(system, dim=0)
    # A column below the rounding of the largest belongs to a parameter that the model does not read.
    dead = size <= system.shape[1] * torch.finfo(system.dtype).eps * float(size.max())
    scale = torch.where(dead, 1.0, size)
    found = nullspace(torch.where(dead, 0.0, system / scale), min_gap=min_gap)
    solutions = _reduced((found.basis / scale[:, None]).mT)
    fields = tuple(_field(v, centre, spread, logs) for v in solutions.unflatten(1, (p, p + 1)))
    basis = torch.stack([field.matrix for field in fields]) if fields else torch.zeros(0, p + 1, p + 1).double()
    structure = LieAlgebra.of(basis).structure if fields else torch.zeros(0, 0, 0).double()
    where = "ln theta" if logs == tuple(range(p)) else "theta" if not logs else "theta, some as logarithms"
    note = f"All fields affine in {where} that the predictions do not see."
    return ParameterSymmetries(
        basis, structure, found.gap, realisation=fields, complete=None, note=note, spectrum=found.spectrum
    )


def _reduced(solutions: Float[Tensor, "r q"]) -> Float[Tensor, "r q"]:
    """The same span with as many zeros as a choice of pivots gives, so that fields can be read."""
    if len(solutions) < 2:
        return solutions
    from scipy.linalg import qr

    pivots = torch.as_tensor(qr(solutions.numpy(), mode="r", pivoting=True)[1][: len(solutions)].copy()).long()
    return torch.linalg.solve(solutions[:, pivots], solutions)


def _field(v: Tensor, centre: Tensor, spread: Tensor, logs: tuple[int, ...]) -> AffineField:
    """From standardised coordinates, largest component 1, back to the user's."""
    v = v / v.flatten()[v.abs().argmax()]
    v = torch.where(v.abs() < 1e-9, 0.0, v)  # rounding of the null vectors, a thousandth of what the gap certifies
    A = spread[:, None] * v[:, :-1] / spread
    b = spread * v[:, -1] - A @ centre
    size = (A.abs() @ centre.abs()) + spread * v[:, -1].abs()
    return AffineField(A, torch.where(b.abs() < 1e-9 * size, 0.0, b), logs)
