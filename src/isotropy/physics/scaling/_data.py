"""Exponents from data: a power law fitted in logarithms, or the weights under which a given function scales."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import overload

import scipy
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import AmbiguousRankError, DegenerateError, DomainError, DtypeError, ShapeError
from isotropy.estimate import Estimate
from isotropy.linalg import nullspace

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class PowerLawFit:
    """``y = constant * prod_i x_i ** exponents[i]``, each with its 95 % interval in ``intervals``.

    ``noise`` is the standard deviation of ln y about the law, ``bend`` the p-value of no curvature in logarithms: where
    it is small the data are no power law, whatever the exponents say.
    """

    exponents: Float[Tensor, " p"]
    intervals: tuple[Estimate, ...]
    constant: float
    noise: float
    bend: float


@dataclass(frozen=True)
class FunctionScaling:
    """All weights under which a function scales: ``weights (r, p + 1)``, of the inputs, then of the output.

    Rows are orthonormal; none where the ``spectrum`` (descending, of the columns at unit size) has no ``gap`` that
    certifies one. ``nearest`` is the direction that comes nearest to a scaling, claimed or not.
    """

    weights: Float[Tensor, "r q"]
    gap: float
    spectrum: Float[Tensor, " q"]
    nearest: Float[Tensor, " q"]


@overload
def exponents_from_data(X: Tensor, y: Tensor, *, error: float | None = None) -> PowerLawFit: ...
@overload
def exponents_from_data(X: Function, y: Tensor, *, error: float | None = None) -> FunctionScaling: ...
def exponents_from_data(
    X: Tensor | Function, y: Tensor, *, error: float | None = None
) -> PowerLawFit | FunctionScaling:
    """The exponents of a power law ``y`` of measured ``X (n, p)``; or, of a function ``f`` and points, all its weights.

    ``exponents_from_data(X, y)`` is least squares in logarithms. ``exponents_from_data(f, X)`` with
    ``f: (n, p) -> (n,)`` solves ``sum_i w_i x_i df/dx_i = w_0 f`` on the points by the nullspace of
    ``[x_i df/dx_i, -f]``, which a gap of 1e6 in its spectrum has to certify. Learned functions are not exact:
    ``error``, the relative error of their slopes, says which singular values may be 0; these have to lie ten times
    below all others.

    Raises DomainError for values that are not positive (or not finite), ShapeError for sizes, DtypeError for integers,
    DegenerateError for columns whose logarithms are dependent, or too few rows.
    Source: specification 07 §2.1.

    >>> x = torch.tensor([[1.0], [2.0], [4.0], [9.0]], dtype=torch.float64)
    >>> exponents_from_data(x, 5 * x[:, 0] ** 1.5).exponents
    tensor([1.5000], dtype=torch.float64)
    >>> exponents_from_data(lambda x: (x[:, 0] ** 3).sqrt(), x).weights
    tensor([[0.5547, 0.8321]], dtype=torch.float64)
    """
    if isinstance(X, Tensor):
        return _power_law(X, y)
    return _function(X, y, error)


def _checked(x: Tensor, name: str, ndim: int) -> Tensor:
    if not x.is_floating_point():
        raise DtypeError(f"{name} of dtype {x.dtype}", "float32 or float64")
    if x.ndim != ndim:
        raise ShapeError(f"{name} of shape {tuple(x.shape)}", "(n, p)" if ndim == 2 else "(n,)")
    if not bool(x.isfinite().all()):
        row = int((~x.isfinite()).reshape(len(x), -1).any(1).nonzero()[0])
        raise DomainError(f"NaN or infinity in row {row} of {name}", "finite values")
    return x.detach().double()


def _power_law(X: Tensor, y: Tensor) -> PowerLawFit:
    X, y = _checked(X, "X", 2), _checked(y, "y", 1)
    n, p = X.shape
    if len(y) != n:
        raise ShapeError(f"{n} rows of X and {len(y)} of y", "as many")
    for name, values in (("X", X), ("y", y[:, None])):
        if bool((values <= 0).any()):
            row = int((values <= 0).any(1).nonzero()[0])
            raise DomainError(f"a value <= 0 in row {row} of {name}", "positive values, which have logarithms")
    if n < p + 2:
        raise DegenerateError(f"{n} rows for {p} exponents and a constant", f"at least {p + 2}")
    logs = X.log()
    centred, target = logs - logs.mean(0), y.log()
    spread = centred.std(0)
    # Rounding of the logarithms themselves: what varies less than that does not vary.
    if bool((spread <= 1e-12 * (1 + logs.abs().amax(0))).any()):
        raise DegenerateError(f"column {int(spread.argmin())} of X, which does not vary", "columns that vary")
    values = torch.linalg.svdvals(centred / spread)
    if float(values[-1]) <= 1e-10 * float(values[0]):  # dependent to the rounding of products
        hint = "of columns that move together only the sum of exponents can be told: leave one out"
        raise DegenerateError("columns of X whose logarithms are dependent", "independent ones", hint)
    Q, R = torch.linalg.qr(centred)
    exponents = torch.linalg.solve_triangular(R, (Q.mT @ (target - target.mean()))[:, None], upper=True)[:, 0]
    rest = target - target.mean() - centred @ exponents
    free = n - p - 1
    noise = float(rest.square().sum() / free) ** 0.5
    inverse = torch.linalg.solve_triangular(R, torch.eye(p, dtype=R.dtype), upper=True)
    width = float(scipy.stats.t.ppf(0.975, free)) * noise * torch.linalg.vector_norm(inverse, dim=1)
    pairs = zip(exponents.tolist(), width.tolist(), strict=True)
    intervals = tuple(Estimate(mean, mean - half, mean + half, n=n) for mean, half in pairs)
    constant = math.exp(float(target.mean() - logs.mean(0) @ exponents))
    return PowerLawFit(exponents, intervals, constant, noise, _bend(centred / spread, rest, free))


def _bend(logs: Tensor, rest: Tensor, free: int) -> float:
    """The p-value of an F test that squares and products of the logarithms explain nothing of the rest."""
    n, p = logs.shape
    products = torch.stack([logs[:, i] * logs[:, j] for i in range(p) for j in range(i + 1)], 1)
    linear = torch.cat([torch.ones(n, 1, dtype=logs.dtype), logs], 1)
    Q = torch.linalg.qr(linear).Q
    products = products - Q @ (Q.mT @ products)
    U, s, _ = torch.linalg.svd(products, full_matrices=False)
    kept = U[:, s > 1e-10 * max(float(s[0]), 1.0)]  # directions that the linear part leaves, beyond rounding
    more = kept.shape[1]
    total = float(rest.square().sum())
    # A law without noise has a rest of rounding errors, about which nothing can be asked.
    if not more or free - more < 1 or total <= n * (1e-13 * (1 + float(logs.abs().max()))) ** 2:
        return 1.0
    explained = float((kept.mT @ rest).square().sum())
    ratio = explained / more / max((total - explained) / (free - more), 1e-300)
    return float(scipy.stats.f.sf(ratio, more, free - more))


def _function(f: Function, X: Tensor, error: float | None) -> FunctionScaling:
    X = _checked(X, "X", 2)
    distinct, p = len(X.unique(dim=0)), X.shape[1]
    if distinct < p + 2:  # p + 1 weights: as many equations may have a solution by chance
        raise DegenerateError(f"{distinct} distinct rows for {p + 1} weights", f"at least {p + 2}")
    x = X.clone().requires_grad_()
    value = f(x)
    if value.shape != (len(X),):
        raise ShapeError(f"f(X) of shape {tuple(value.shape)}", f"({len(X)},)", "f maps rows to numbers")
    if not bool(value.isfinite().all()):
        raise DomainError(f"f not finite at row {int((~value.isfinite()).nonzero()[0])} of X", "finite values")
    if value.requires_grad:
        (slope,) = torch.autograd.grad(value.sum(), x, allow_unused=True)
    else:
        slope = None
    slope = torch.zeros_like(X) if slope is None else slope
    rows = torch.cat([X * slope, -value.detach()[:, None]], 1)
    size = torch.linalg.vector_norm(rows, dim=0)
    largest = float(size.max())
    if not float(size[-1]) > 0:
        raise DomainError("a function that is 0 at all points", "one that is not, whose weight can be told")
    # A column below the rounding of the largest says that f does not depend on that input: left as the zero it is.
    dead = size <= rows.shape[1] * torch.finfo(X.dtype).eps * largest
    scale = torch.where(dead, largest, size)
    scaled = torch.where(dead, 0.0, rows / scale)
    basis, gap, spectrum, vectors = _null(scaled, error)
    weights = torch.linalg.qr(basis / scale[:, None]).Q.mT if basis.shape[1] else basis.mT
    return FunctionScaling(
        torch.stack([_unit(w) for w in weights]) if len(weights) else weights, gap, spectrum, _unit(vectors[-1] / scale)
    )


def _null(scaled: Tensor, error: float | None) -> tuple[Tensor, float, Tensor, Tensor]:
    """Null vectors that a gap certifies, the gap, all singular values and right vectors of unit rows."""
    size = torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
    _, values, vectors = torch.linalg.svd(scaled / torch.where(size > 0, size, 1.0), full_matrices=True)
    spectrum = torch.cat([values, values.new_zeros(scaled.shape[1] - len(values))])
    if error is None:
        try:
            found = nullspace(scaled)
        except AmbiguousRankError:
            steep = spectrum[:-1] / spectrum[1:].clamp(min=1e-300)
            return scaled.new_zeros(scaled.shape[1], 0), float(steep.max()), spectrum, vectors
        return found.basis, found.gap, spectrum, vectors
    rank = int((spectrum > error * spectrum[0]).sum())
    below = float(spectrum[rank]) if rank < len(spectrum) else error * float(spectrum[0])
    gap = float(spectrum[rank - 1]) / max(below, 1e-300)
    return vectors[rank if gap >= _APART else len(vectors) :].mT, gap, spectrum, vectors


_APART = 10.0  # how far above the error the other singular values of a learned function stand


def _unit(v: Tensor) -> Tensor:
    v = v / torch.linalg.vector_norm(v)
    return v * torch.where(v[v.abs().argmax()] < 0, -1.0, 1.0)
