"""Plain names for algebras of matrices: what they keep, and what a person would call them.

An algebra that was found in data is known to a few degrees. What it *keeps* - linear functions w.x, quadratic forms
x.Qx, a point - says what it is; where these determine the algebra it is put back from them, and where whole numbers
lie close, from whole numbers. So there is a list of readings, the simplest first, and the data choose among them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import counted
from isotropy.groups._form_text import axis_text, form_text, listed, point_text, sum_text
from isotropy.groups._kept import (
    CLOSE,
    EXACT,
    blunt,
    echelon,
    echelon_rows,
    keeping,
    kept_by,
    leading,
    null,
    orthonormal,
    pair_products,
    reached,
)
from isotropy.groups._whole import whole_algebra, whole_forms, whole_rows

_NEARER = (1.0, 0.5, 0.25, 0.1)  # shares of that closeness which are tried until what is kept determines the maps
_FEW = 2  # more than so many things kept are not listed


@dataclass(frozen=True)
class PlainAlgebra:
    """An algebra ``basis`` (k, m, m), its plain ``name``, and the quadratic ``form`` (d, d) by which it is known."""

    basis: Float[Tensor, "k m m"]
    name: str
    form: Float[Tensor, "d d"] | None = None


def plain_algebras(
    basis: Float[Tensor, "k m m"], to: Float[Tensor, "d r"] | None = None, *, affine: bool = False
) -> Iterator[PlainAlgebra]:
    """Readings of an algebra, the simplest first and itself last; those before may differ from it by a little.

    ``to`` are the units in which closeness is judged: vectors are ``to @ z`` with z of size 1. With ``affine`` the
    matrices are homogeneous.

    >>> turn = torch.tensor([[[0.0, -1.0, 0.01], [1.0, 0.0, 0.0], [0.0, 0.02, 0.0]]], dtype=torch.float64)
    >>> [reading.name for reading in plain_algebras(turn)][0]
    'rotation about z'
    """
    d = basis.shape[-1] - affine
    to = torch.eye(d, dtype=basis.dtype) if to is None else to.to(basis)
    return (_affine if affine else _linear)(basis, to)


def _linear(A: Tensor, to: Tensor) -> Iterator[PlainAlgebra]:
    k = len(A)
    back = torch.linalg.pinv(to)
    z = orthonormal(back @ A @ to)
    r = z.shape[-1]
    if k == r * r:
        yield PlainAlgebra(A, "every linear map")
        return
    one = torch.eye(r, dtype=A.dtype) / math.sqrt(r)
    along = (z * one).sum((-1, -2))
    if float(along.norm()) > 1 - CLOSE**2:  # among them the scaling of everything
        scaling = (to @ back)[None]
        if k == 1:
            yield PlainAlgebra(scaling, "uniform scaling")
        else:
            rest = z - along[:, None, None] * one
            rest = leading(rest, k - 1)
            for inner in _linear(to @ rest @ back, to):
                yield replace(inner, basis=torch.cat([inner.basis, scaling]), name=f"{inner.name}, and uniform scaling")
        return
    if k == r * r - 1:
        traceless = null(one.flatten()[None], EXACT).unflatten(1, (r, r))
        yield PlainAlgebra(to @ traceless @ back, "every linear map that keeps volumes")
        return
    if (kept := _determining(z)) is not None:
        yield from _kept(kept[0] @ back, back.mT @ kept[1] @ back, to, k)
    for reading in (whole_algebra(A), echelon(A)):
        if reading is not None:
            yield PlainAlgebra(reading, _generic(reading, to, back))


def _generic(A: Tensor, to: Tensor, back: Tensor) -> str:
    """The name of an algebra that is not known by what it keeps."""
    z = orthonormal(back @ A @ to)
    w, forms = kept_by(z)
    name = _single(z[0], to, back) if len(A) == 1 else f"a group of {counted(len(A), 'dimension')} of linear maps"
    few = 0 < len(w) + len(forms) <= _FEW
    return (
        f"{name}, keeping {listed(echelon_rows(w @ back), back.mT @ forms @ back, to.norm(dim=1))}"
        if few and len(A) > 1
        else name
    )


def _determining(z: Tensor) -> tuple[Tensor, Tensor] | None:
    """Linear functions, and at most one form, that are kept by these maps and by no others."""
    for share in _NEARER:
        w, forms = kept_by(z, share * CLOSE)
        for kept in (forms, blunt(forms)) if len(forms) <= 1 else ():
            if len(keeping(w, kept)) == len(z) and (len(w) or not _flat(kept)):
                return w, kept
    return None


def _flat(forms: Tensor) -> bool:
    """Whether a form is as good as degenerate: its maps are then no rotations but shears, to what data can tell."""
    sizes = torch.linalg.eigvalsh(forms).abs()
    return bool(((sizes > EXACT) & (sizes < CLOSE / 3 * sizes.amax(-1, keepdim=True))).any())


def _kept(w: Tensor, forms: Tensor, to: Tensor, k: int) -> Iterator[PlainAlgebra]:
    """Readings of the algebra that keeps some linear functions and at most one form more."""
    inside = torch.linalg.pinv(to).mT
    for functions in whole_rows(w):
        for form, plain in whole_forms(forms, functions, to):
            # Maps of the subspace in which the data lie, and no others.
            kept = keeping(functions @ to, to.mT @ form @ to)
            if len(kept) == k:
                basis = echelon(to @ kept @ inside.mT)
                name = _kept_name(kept, basis, functions, form, plain, to)
                yield PlainAlgebra(basis, name, form[0] if len(form) else None)


def _kept_name(z: Tensor, A: Tensor, w: Tensor, forms: Tensor, plain: bool, to: Tensor) -> str:
    """The name of maps ``A``, in units of the data ``z``, that keep functions w and at most one form."""
    d, size = A.shape[-1], to.norm(dim=1)
    moved = reached(z.transpose(0, 1).flatten(1))  # the subspace in which the maps move things, as columns
    p = moved.shape[1]
    if not len(forms) or len(A) != p * (p - 1) // 2:
        return "every linear map that keeps " + listed(w, forms, size)
    Q = _without(forms[0], w)
    inner = moved.mT @ to.mT @ Q @ to @ moved
    signs = torch.linalg.eigvalsh(inner / inner.abs().max())
    plus, minus = int((signs > EXACT).sum()), int((signs < -EXACT).sum())
    where = "" if p == d else _place(A, reached(A.transpose(0, 1).flatten(1)))
    kept = f", keeping {form_text(Q, size)}"
    if 0 in (plus, minus):
        what = "rotation" if p == 2 else "all rotations"
        return what + (where if plain else f" in sheared coordinates{where}{kept}")
    if p > 2:
        kind = "Lorentz transformations" if 1 in (plus, minus) else "linear maps"
        return f"{kind} SO({min(plus, minus)},{max(plus, minus)}){where}{kept}"
    squeezed = bool((Q.diagonal().abs() * size.square()).max() < EXACT * (Q.abs() * torch.outer(size, size)).max())
    return ("hyperbolic scaling" if squeezed else "boost") + where + kept


def _without(Q: Tensor, w: Tensor) -> Tensor:
    """The form less products of the functions w, which are kept anyway."""
    if not len(w):
        return Q
    products = pair_products(w).flatten(1)
    rest = (Q.flatten() - Q.flatten() @ torch.linalg.pinv(products) @ products).unflatten(0, Q.shape)
    return rest / rest.flatten()[rest.abs().argmax()]


def _place(A: Tensor, moved: Tensor) -> str:
    """Where the maps act: about an axis in three dimensions, else in a plane, or leaving some vectors alone."""
    d, p = moved.shape
    fixed = null(A.flatten(0, 1), EXACT)
    if len(fixed) == 1:
        return f" about {axis_text(fixed[0])}" if d == 3 else f" that fix {axis_text(fixed[0])}"
    if p == 2:
        return " in the plane of " + " and ".join(axis_text(v) for v in echelon_rows(moved.mT))
    return " that fix " + " and ".join(axis_text(v) for v in echelon_rows(fixed))


def _single(z: Tensor, to: Tensor, back: Tensor) -> str:
    """One generator that neither functions nor forms determine, by its eigenvalues (in units of the data)."""
    roots = torch.linalg.eigvals(z)
    radius = float(roots.abs().max())
    if radius < CLOSE:
        U, _, Vh = torch.linalg.svd(z)
        return f"shear along {axis_text(to @ U[:, 0])}, by {sum_text(Vh[0] @ back)}"
    turning, growing = float(roots.imag.abs().max()) / radius, float(roots.real.abs().max()) / radius
    if turning < CLOSE:
        values, vectors = torch.linalg.eig(z)
        axes = [(float(a.real) / radius, to @ v.real) for a, v in zip(values, vectors.mT, strict=True)]
        first = max(axes, key=lambda pair: abs(pair[0]))[0]
        axes = [(power / first, axis) for power, axis in axes if abs(power) > CLOSE]
        return "scaling by " + ", ".join(
            f"s{'' if abs(power - 1) < 0.01 else f'^{power:.2g}'} along {axis_text(axis)}" for power, axis in axes
        )
    if growing < CLOSE:
        return "rotation in several planes at once" if len(to) > 3 else "rotation in sheared coordinates"
    return "spiral: rotation with scaling"


# Affine maps.
def _affine(A: Tensor, to: Tensor) -> Iterator[PlainAlgebra]:
    d = A.shape[-1] - 1
    back = torch.linalg.pinv(to)
    coordinates = torch.cat([(back @ A[:, :d, :d] @ to).flatten(1), A[:, :d, d] @ back.mT], 1)
    _, _, Vh = torch.linalg.svd(coordinates, full_matrices=False)
    _, s, mix = torch.linalg.svd(Vh[:, : -to.shape[1]].mT, full_matrices=True)
    turning = int((s > CLOSE).sum())
    shifts = to @ (mix[turning:] @ Vh[:, -to.shape[1] :]).mT  # columns
    inner = (mix[:turning] @ Vh)[:, : -to.shape[1]].unflatten(1, (to.shape[1], -1))
    offsets = (mix[:turning] @ Vh)[:, -to.shape[1] :] @ to.mT
    linear = to @ inner @ back
    still: list[tuple[Tensor, str]] = [(A.new_zeros(0, d + 1, d + 1), "")]
    if shifts.shape[1]:
        still = [(_translations(rows), _shift_name(rows, d)) for rows in whole_rows(shifts.mT)]
    if not turning:
        yield from (PlainAlgebra(basis, name) for basis, name in still)
        return
    # A point that all maps leave alone, up to the translations.
    free = torch.eye(d, dtype=A.dtype) - (shifts @ torch.linalg.pinv(shifts) if shifts.shape[1] else 0)
    rows, right = (free @ linear).flatten(0, 1), -(offsets @ free.mT).flatten()
    centre = torch.linalg.lstsq(rows, right[:, None], driver="gelsd").solution[:, 0]
    missed = float((rows @ centre - right).norm()) / max(float(to.norm()), 1e-300)
    at = "" if shifts.shape[1] == d else f" about the point {point_text(centre)}"
    if missed < CLOSE:
        for translations, shift in still:
            for reading in _linear(linear, to):
                name = (
                    reading.name + ("" if shift and shifts.shape[1] == d else at) + (f", and {shift}" if shift else "")
                )
                yield PlainAlgebra(torch.cat([translations, _about(reading.basis, centre)]), name, reading.form)
    yield PlainAlgebra(A, f"a group of {counted(len(A), 'dimension')} of affine maps")


def _translations(rows: Tensor) -> Tensor:
    d = rows.shape[1]
    basis = rows.new_zeros(len(rows), d + 1, d + 1)
    basis[:, :d, d] = rows
    return basis


def _about(A: Tensor, centre: Tensor) -> Tensor:
    return torch.nn.functional.pad(torch.cat([A, -(A @ centre)[..., None]], -1), (0, 0, 0, 1))


def _shift_name(rows: Tensor, d: int) -> str:
    if len(rows) == d:
        return "all translations"
    return f"translation{'s' * (len(rows) > 1)} along " + " and ".join(axis_text(row) for row in rows)
