"""Plain names for algebras of matrices: what they keep, and what a person would call them.

An algebra that was found in data is known to a few degrees. What it *keeps* - linear functions w.x, quadratic forms
x.Qx, a point - says what it is; where these determine the algebra it is put back from them, and where whole numbers
lie close, from whole numbers. So there is a list of readings, the simplest first, and the data choose among them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.groups._rotations import axis_name

_CLOSE = 0.2  # a map of size 1 that changes something by less than this keeps it, to what data can tell
_NEARER = (1.0, 0.5, 0.25, 0.1)  # shares of that closeness which are tried until what is kept determines the maps
_EXACT = 1e-6
_WHOLE = 3  # axes and coefficients are read as whole numbers up to this
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
    yield from (_affine if affine else _linear)(basis, to)


def _linear(A: Tensor, to: Tensor) -> Iterator[PlainAlgebra]:
    k = len(A)
    back = torch.linalg.pinv(to)
    z = _orthonormal(back @ A @ to)
    r = z.shape[-1]
    if k == r * r:
        yield PlainAlgebra(A, "every linear map")
        return
    one = torch.eye(r, dtype=A.dtype) / math.sqrt(r)
    along = (z * one).sum((-1, -2))
    if float(along.norm()) > 1 - _CLOSE**2:  # among them the scaling of everything
        scaling = (to @ back)[None]
        if k == 1:
            yield PlainAlgebra(scaling, "uniform scaling")
        else:
            rest = z - along[:, None, None] * one
            rest = _leading(rest, k - 1)
            for inner in _linear(to @ rest @ back, to):
                yield replace(inner, basis=torch.cat([inner.basis, scaling]), name=f"{inner.name}, and uniform scaling")
        return
    if k == r * r - 1:
        traceless = _null(one.flatten()[None], _EXACT).unflatten(1, (r, r))
        yield PlainAlgebra(to @ traceless @ back, "every linear map that keeps volumes")
        return
    if (kept := _determining(z)) is not None:
        yield from _kept(kept[0] @ back, back.mT @ kept[1] @ back, to, k)
    for reading in (_whole_algebra(A), _echelon(A)):
        if reading is not None:
            yield PlainAlgebra(reading, _generic(reading, to, back))


def _generic(A: Tensor, to: Tensor, back: Tensor) -> str:
    """The name of an algebra that is not known by what it keeps."""
    z = _orthonormal(back @ A @ to)
    w, forms = _kept_by(z)
    name = _single(z[0], to, back) if len(A) == 1 else f"a group of {len(A)} dimensions of linear maps"
    few = 0 < len(w) + len(forms) <= _FEW
    return (
        f"{name}, keeping {_listed(_reduced(w @ back), back.mT @ forms @ back, to.norm(dim=1))}"
        if few and len(A) > 1
        else name
    )


def _determining(z: Tensor) -> tuple[Tensor, Tensor] | None:
    """Linear functions, and at most one form, that are kept by these maps and by no others."""
    for share in _NEARER:
        w, forms = _kept_by(z, share * _CLOSE)
        for kept in (forms, _blunt(forms)) if len(forms) <= 1 else ():
            if len(keeping(w, kept)) == len(z) and (len(w) or not _flat(kept)):
                return w, kept
    return None


def _flat(forms: Tensor) -> bool:
    """Whether a form is as good as degenerate: its maps are then no rotations but shears, to what data can tell."""
    sizes = torch.linalg.eigvalsh(forms).abs()
    return bool(((sizes > _EXACT) & (sizes < _CLOSE / 3 * sizes.amax(-1, keepdim=True))).any())


def _kept_by(z: Tensor, close: float = _CLOSE) -> tuple[Tensor, Tensor]:
    """The linear functions that maps keep, and the forms beyond their products."""
    w = linear_functions(z, close)
    return w, _beyond(quadratic_forms(z, close), w)


def _blunt(forms: Tensor) -> Tensor:
    """Forms with their small eigenvalues put to 0: they are known to a few degrees only."""
    values, vectors = torch.linalg.eigh(forms)
    values = torch.where(values.abs() < _CLOSE * values.abs().amax(-1, keepdim=True), 0.0, values)
    return vectors @ (values[..., None] * vectors.mT)


# What is kept.
def linear_functions(A: Float[Tensor, "k d d"], close: float = _CLOSE) -> Float[Tensor, "a d"]:
    """An orthonormal basis of the w with w.(Ax) = 0 for all A and x."""
    return _null(A.mT.flatten(0, 1), close)


def quadratic_forms(A: Float[Tensor, "k d d"], close: float = _CLOSE) -> Float[Tensor, "b d d"]:
    """An orthonormal basis of the symmetric Q with A^T Q + Q A = 0 for all A.

    >>> turn = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
    >>> (quadratic_forms(turn)[0].abs() * 2**0.5).round(decimals=4).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    sym = _symmetric(A.shape[-1], A)
    moved = A.mT[:, None] @ sym + sym @ A[:, None]
    found = _null(moved.flatten(2).mT.flatten(0, 1), close)
    return torch.einsum("bs,sij->bij", found, sym)


def keeping(w: Float[Tensor, "a d"], forms: Float[Tensor, "b d d"]) -> Float[Tensor, "k d d"]:
    """All matrices that keep these linear functions and quadratic forms, an orthonormal basis.

    >>> len(keeping(torch.zeros(0, 4), torch.diag(torch.tensor([1.0, -1.0, -1.0, -1.0]))[None]))
    6
    """
    d = w.shape[-1]
    units = torch.eye(d * d, dtype=w.dtype).unflatten(1, (d, d))
    rows = [torch.einsum("ai,sij->saj", w, units).flatten(1)]
    rows += [(units.mT @ Q + Q @ units).flatten(1) / max(float(Q.abs().max()), 1e-300) for Q in forms]
    return _null(torch.cat(rows, 1).mT, _EXACT).unflatten(-1, (d, d))


def _kept(w: Tensor, forms: Tensor, to: Tensor, k: int) -> Iterator[PlainAlgebra]:
    """Readings of the algebra that keeps some linear functions and at most one form more."""
    inside = torch.linalg.pinv(to).mT
    for functions in _whole_rows(w):
        for form, plain in _whole_forms(forms, functions, to):
            # Maps of the subspace in which the data lie, and no others.
            kept = keeping(functions @ to, to.mT @ form @ to)
            if len(kept) == k:
                basis = _echelon(to @ kept @ inside.mT)
                name = _kept_name(kept, basis, functions, form, plain, to)
                yield PlainAlgebra(basis, name, form[0] if len(form) else None)


def _kept_name(z: Tensor, A: Tensor, w: Tensor, forms: Tensor, plain: bool, to: Tensor) -> str:
    """The name of maps ``A``, in units of the data ``z``, that keep functions w and at most one form."""
    d, size = A.shape[-1], to.norm(dim=1)
    moved = _range(z.transpose(0, 1).flatten(1))  # the subspace in which the maps move things, as columns
    p = moved.shape[1]
    if not len(forms) or len(A) != p * (p - 1) // 2:
        return "every linear map that keeps " + _listed(w, forms, size)
    Q = _without(forms[0], w)
    inner = moved.mT @ to.mT @ Q @ to @ moved
    signs = torch.linalg.eigvalsh(inner / inner.abs().max())
    plus, minus = int((signs > _EXACT).sum()), int((signs < -_EXACT).sum())
    where = "" if p == d else _place(A, _range(A.transpose(0, 1).flatten(1)))
    kept = f", keeping {form_text(Q, size)}"
    if 0 in (plus, minus):
        what = "rotation" if p == 2 else "all rotations"
        return what + (where if plain else f" in sheared coordinates{where}{kept}")
    if p > 2:
        kind = "Lorentz transformations" if 1 in (plus, minus) else "linear maps"
        return f"{kind} SO({min(plus, minus)},{max(plus, minus)}){where}{kept}"
    squeezed = bool((Q.diagonal().abs() * size.square()).max() < _EXACT * (Q.abs() * torch.outer(size, size)).max())
    return ("hyperbolic scaling" if squeezed else "boost") + where + kept


def _without(Q: Tensor, w: Tensor) -> Tensor:
    """The form less products of the functions w, which are kept anyway."""
    if not len(w):
        return Q
    products = _products(w).flatten(1)
    rest = (Q.flatten() - Q.flatten() @ torch.linalg.pinv(products) @ products).unflatten(0, Q.shape)
    return rest / rest.flatten()[rest.abs().argmax()]


def _place(A: Tensor, moved: Tensor) -> str:
    """Where the maps act: about an axis in three dimensions, else in a plane, or leaving some vectors alone."""
    d, p = moved.shape
    fixed = _null(A.flatten(0, 1), _EXACT)
    if len(fixed) == 1:
        return f" about {_axis(fixed[0])}" if d == 3 else f" that fix {_axis(fixed[0])}"
    if p == 2:
        return " in the plane of " + " and ".join(_axis(v) for v in _reduced(moved.mT))
    return " that fix " + " and ".join(_axis(v) for v in _reduced(fixed))


def _single(z: Tensor, to: Tensor, back: Tensor) -> str:
    """One generator that neither functions nor forms determine, by its eigenvalues (in units of the data)."""
    roots = torch.linalg.eigvals(z)
    radius = float(roots.abs().max())
    if radius < _CLOSE:
        U, _, Vh = torch.linalg.svd(z)
        return f"shear along {_axis(to @ U[:, 0])}, by {_sum_text(Vh[0] @ back)}"
    turning, growing = float(roots.imag.abs().max()) / radius, float(roots.real.abs().max()) / radius
    if turning < _CLOSE:
        values, vectors = torch.linalg.eig(z)
        axes = [(float(a.real) / radius, to @ v.real) for a, v in zip(values, vectors.mT, strict=True)]
        first = max(axes, key=lambda pair: abs(pair[0]))[0]
        axes = [(power / first, axis) for power, axis in axes if abs(power) > _CLOSE]
        return "scaling by " + ", ".join(
            f"s{'' if abs(power - 1) < 0.01 else f'^{power:.2g}'} along {_axis(axis)}" for power, axis in axes
        )
    if growing < _CLOSE:
        return "rotation in several planes at once" if len(to) > 3 else "rotation in sheared coordinates"
    return "spiral: rotation with scaling"


# Affine maps.
def _affine(A: Tensor, to: Tensor) -> Iterator[PlainAlgebra]:
    d = A.shape[-1] - 1
    back = torch.linalg.pinv(to)
    coordinates = torch.cat([(back @ A[:, :d, :d] @ to).flatten(1), A[:, :d, d] @ back.mT], 1)
    _, _, Vh = torch.linalg.svd(coordinates, full_matrices=False)
    _, s, mix = torch.linalg.svd(Vh[:, : -to.shape[1]].mT, full_matrices=True)
    turning = int((s > _CLOSE).sum())
    shifts = to @ (mix[turning:] @ Vh[:, -to.shape[1] :]).mT  # columns
    inner = (mix[:turning] @ Vh)[:, : -to.shape[1]].unflatten(1, (to.shape[1], -1))
    offsets = (mix[:turning] @ Vh)[:, -to.shape[1] :] @ to.mT
    linear = to @ inner @ back
    still: list[tuple[Tensor, str]] = [(A.new_zeros(0, d + 1, d + 1), "")]
    if shifts.shape[1]:
        still = [(_translations(rows), _shift_name(rows, d)) for rows in _whole_rows(shifts.mT)]
    if not turning:
        yield from (PlainAlgebra(basis, name) for basis, name in still)
        return
    # A point that all maps leave alone, up to the translations.
    free = torch.eye(d, dtype=A.dtype) - (shifts @ torch.linalg.pinv(shifts) if shifts.shape[1] else 0)
    rows, right = (free @ linear).flatten(0, 1), -(offsets @ free.mT).flatten()
    centre = torch.linalg.lstsq(rows, right[:, None], driver="gelsd").solution[:, 0]
    missed = float((rows @ centre - right).norm()) / max(float(to.norm()), 1e-300)
    at = "" if shifts.shape[1] == d else f" about the point {_point(centre)}"
    if missed < _CLOSE:
        for translations, shift in still:
            for reading in _linear(linear, to):
                name = (
                    reading.name + ("" if shift and shifts.shape[1] == d else at) + (f", and {shift}" if shift else "")
                )
                yield PlainAlgebra(torch.cat([translations, _about(reading.basis, centre)]), name, reading.form)
    yield PlainAlgebra(A, f"a group of {len(A)} dimensions of affine maps")


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
    return f"translation{'s' * (len(rows) > 1)} along " + " and ".join(_axis(row) for row in rows)


# Whole numbers.
def _whole_rows(w: Tensor) -> list[Tensor]:
    """A subspace of row vectors written with small whole numbers, in ways that lie close; itself last."""
    if not len(w):
        return [w]
    reduced = _reduced(w)
    found: list[Tensor] = []
    for m in range(1, _WHOLE + 1):
        rounded = (reduced * m).round()
        if _near(rounded, reduced) and not any(_same_span(rounded, other) for other in found):
            found.append(
                rounded / torch.tensor([[float(math.gcd(*row))] for row in rounded.int().tolist()]).to(rounded)
            )
    return [*found, reduced]


def _near(rounded: Tensor, rows: Tensor) -> bool:
    cosine = torch.nn.functional.cosine_similarity(rounded, rows, dim=-1)
    return bool((cosine > 1 - _CLOSE**2 / 2).all())


def _same_span(a: Tensor, b: Tensor) -> bool:
    return bool((a @ torch.linalg.pinv(b) @ b - a).abs().max() < _EXACT)


def _whole_forms(forms: Tensor, w: Tensor, to: Tensor) -> Iterator[tuple[Tensor, bool]]:
    """The form (up to squares of the functions w) as the Euclidean one, one of special relativity, one of whole
    numbers, and itself; and whether it is the Euclidean one."""
    if not len(forms):
        yield forms, False
        return
    d = forms.shape[-1]
    # Closeness in units of the data, as everywhere.
    span = (to.mT @ torch.cat([forms, _products(w)]) @ to).flatten(1)
    one = torch.eye(d, dtype=forms.dtype)
    time = one.clone()
    time[1:] *= -1
    for form, plain in ((one, True), (time, False)):
        target = (to.mT @ form @ to).flatten()
        inside = target @ torch.linalg.pinv(span) @ span
        if float((inside - target).norm()) < _CLOSE * float(target.norm()):
            yield form[None], plain
    Q = forms[0] / forms[0].flatten()[forms[0].abs().argmax()]
    seen = [one / one.norm(), time / time.norm()]
    for m in range(1, _WHOLE + 1):
        # Whole coefficients of the polynomial: halves beside the diagonal.
        rounded = (m * Q).round().diagonal().diag() + ((2 * m * Q).round() / 2).fill_diagonal_(0.0)
        a, b = (to.mT @ rounded @ to).flatten(), (to.mT @ Q @ to).flatten()
        if float(a @ b) <= (1 - _CLOSE**2 / 2) * float(a.norm() * b.norm()):
            continue
        direction = rounded / rounded.norm()
        if not any(abs(float((direction * other).sum())) > 1 - _EXACT for other in seen):
            seen.append(direction)
            yield rounded[None], False
    yield Q[None], False


def _whole_algebra(A: Tensor) -> Tensor | None:
    """The same generators with whole numbers for entries, where these lie close and close under brackets."""
    reduced = _echelon(A)
    for m in range(1, _WHOLE + 1):
        rounded = (reduced * m).round() / m
        if float((rounded - reduced).flatten(1).norm(dim=1).max()) > _CLOSE * float(
            reduced.flatten(1).norm(dim=1).max()
        ):
            continue
        flat = rounded.flatten(1)
        brackets = (rounded[:, None] @ rounded - rounded @ rounded[:, None]).flatten(2)
        if bool((brackets @ torch.linalg.pinv(flat) @ flat - brackets).abs().max() < _EXACT):
            return rounded
    return None


# Linear algebra.
def _null(rows: Float[Tensor, "m n"], close: float) -> Float[Tensor, "r n"]:
    """Unit vectors that ``rows`` take to ``close`` at most."""
    _, s, Vh = torch.linalg.svd(rows, full_matrices=True)
    s = torch.cat([s, s.new_zeros(len(Vh) - len(s))])
    return Vh[s <= close]


def _range(rows: Float[Tensor, "n m"]) -> Float[Tensor, "n p"]:
    U, s, _ = torch.linalg.svd(rows, full_matrices=False)
    return U[:, s > _EXACT * s[0]]


def _orthonormal(A: Tensor) -> Tensor:
    return torch.linalg.qr(A.flatten(1).mT)[0].mT.unflatten(-1, A.shape[1:])


def _leading(A: Tensor, k: int) -> Tensor:
    return torch.linalg.svd(A.flatten(1), full_matrices=False)[2][:k].unflatten(-1, A.shape[1:])


def _beyond(forms: Tensor, w: Tensor) -> Tensor:
    """Forms that are not made of products of the linear functions w."""
    if not len(w) or not len(forms):
        return forms
    known = _orthonormal(_products(w)).flatten(1)
    rest = forms.flatten(1) - forms.flatten(1) @ known.mT @ known
    _, s, Vh = torch.linalg.svd(rest, full_matrices=False)
    return Vh[s > 0.5].unflatten(-1, forms.shape[1:])


def _products(w: Tensor) -> Float[Tensor, "s d d"]:
    """The forms (a.x)(b.x) of pairs of linear functions."""
    pairs = list(itertools.combinations_with_replacement(w, 2))
    return (
        torch.stack([torch.outer(a, b) + torch.outer(b, a) for a, b in pairs])
        if pairs
        else w.new_zeros(0, w.shape[-1], w.shape[-1])
    )


def _symmetric(d: int, like: Tensor) -> Float[Tensor, "s d d"]:
    pairs = list(itertools.combinations_with_replacement(range(d), 2))
    basis = like.new_zeros(len(pairs), d, d)
    for k, (i, j) in enumerate(pairs):
        basis[k, i, j] = basis[k, j, i] = 1.0 if i == j else math.sqrt(0.5)
    return basis


def _echelon(A: Tensor) -> Tensor:
    """The basis whose members have the largest independent entries to themselves, each with largest entry 1."""
    return _reduced(A.flatten(1)).unflatten(-1, A.shape[1:])


def _reduced(rows: Float[Tensor, "k n"]) -> Float[Tensor, "k n"]:
    rows = rows.clone()
    taken: list[tuple[int, int]] = []
    for i in range(len(rows)):
        # The largest entry of the rows that are left, the first of nearly equal ones.
        left = torch.linalg.qr(rows[i:].mT)[0].mT.abs().amax(0) if len(rows[i:]) else rows[i:]
        column = int((left > left.max() - 1e-3).nonzero()[0])
        row = i + int(rows[i:, column].abs().argmax())
        rows[[i, row]] = rows[[row, i]]
        rows[i] = rows[i] / rows[i, column]
        for other in range(len(rows)):
            if other != i:
                rows[other] = rows[other] - rows[other, column] * rows[i]
        taken.append((column, i))
    ordered = rows[[i for _, i in sorted(taken)]]
    scale = ordered.abs().amax(1, keepdim=True)
    return torch.where(ordered.abs() < 1e-9 * scale, 0.0, ordered) / scale


# Text.
def form_text(Q: Float[Tensor, "d d"], size: Float[Tensor, " d"] | None = None) -> str:
    """A quadratic form, up to its scale, as a polynomial in the coordinates; terms that matter little to data of that
    ``size`` are left out.

    >>> form_text(torch.tensor([[1.0, 0.5], [0.5, -2.0]]))
    'x^2 + x y - 2 y^2'
    """
    d = len(Q)
    pairs = list(itertools.combinations_with_replacement(range(d), 2))
    names = [axis_name(i, d) for i in range(d)]
    square = [f"{names[i]}^2" if i == j else f"{names[i]} {names[j]}" for i, j in pairs]
    values = [float(Q[i, j]) * (1 if i == j else 2) for i, j in pairs]
    weight = torch.ones_like(Q) if size is None else torch.outer(size, size) / size.max() ** 2
    common = _common(values) * next((math.copysign(1.0, a) for a in values if abs(a) > _EXACT), 1.0)
    terms = [(a / common, what) for a, what in zip(values, square, strict=True)]
    return _polynomial(terms, [float(weight[i, j]) for i, j in pairs])


def _common(values: list[float]) -> float:
    """The greatest common divisor of whole numbers, else 1."""
    if any(abs(a - round(a)) > _EXACT for a in values):
        return 1.0
    return float(math.gcd(*(round(a) for a in values)) or 1)


def _sum_text(w: Tensor) -> str:
    w = w * w[w.abs().argmax()].sign()
    w = w / (w.max() if bool((w - w.round()).abs().max() > _EXACT) else _common(w.tolist()))
    return _polynomial([(float(a), axis_name(i, len(w))) for i, a in enumerate(w)])


def _polynomial(terms: list[tuple[float, str]], weights: list[float] | None = None) -> str:
    weights = weights or [1.0] * len(terms)
    largest = max(abs(a) * weight for (a, _), weight in zip(terms, weights, strict=True))
    text = ""
    for (a, what), weight in zip(terms, weights, strict=True):
        if abs(a) * weight < 0.005 * largest:
            continue
        size = "" if abs(abs(a) - 1) < 0.005 else f"{abs(a):.3g} "
        text += (" - " if a < 0 else " + ") + size + what
    return text.removeprefix(" + ") if text.startswith(" + ") else "-" + text.removeprefix(" - ")


def _listed(w: Tensor, forms: Tensor, size: Tensor) -> str:
    return " and ".join([*map(_sum_text, w), *(form_text(Q / Q.flatten()[Q.abs().argmax()], size) for Q in forms)])


def _axis(v: Tensor) -> str:
    d = len(v)
    v = v / v[v.abs().argmax()]
    for m in range(1, _WHOLE + 1):
        if bool(((m * v).round() - m * v).abs().max() < _EXACT * m):
            whole = [int(a) for a in (m * v).round()]
            sign = 1 if next(a for a in reversed(whole) if a) > 0 else -1
            if sum(map(abs, whole)) == 1:
                return axis_name(whole.index(sign), d)
            return "(" + ",".join(str(sign * a) for a in whole) + ")"
    v = v / v.norm()
    return "(" + ", ".join(f"{float(a):.2f}" for a in v) + ")"


def _point(c: Tensor) -> str:
    return "(" + ", ".join(f"{float(a):.3g}" for a in c) + ")"
