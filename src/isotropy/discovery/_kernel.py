"""Kernel ridge regression with landmarks: a strong first look at a few thousand rows, in seconds.

Kernels depend on the standardised features through inner products and distances alone, so a rotated table gives the
rotated fit: the learner itself favours no axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import accumulate, combinations_with_replacement
from typing import Any, Protocol, runtime_checkable

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import ShapeError

_LANDMARKS = 800
_ROWS = 8000  # more rows cost time and hardly help that many landmarks
_SELECTION_ROWS = 500  # rows on which the kernels compete; the ridge is chosen again on all rows
# Entries of a kernel matrix held at once: pieces that stay in the cache, where larger ones would be paged in anew.
_PIECE = 1 << 17
_RANK = 1e-13  # of the largest eigenvalue: smaller ones are rounding
_FEWER = 0.5  # monomials that are at most so many of the landmarks are the faster way
_RIDGES = torch.logspace(-10, 1, 23, dtype=torch.float64)


def _columns(a: Tensor, *more: Tensor | int) -> Tensor:
    """``a`` with further columns, where a number stands for a column of it."""
    return torch.cat([a, *[c if isinstance(c, Tensor) else torch.full_like(a[..., :1], c) for c in more]], -1)


@runtime_checkable
class Kernel(Protocol):
    """``k(a, b)`` of rows ``a (n, p)`` and ``b (m, p)``, and ``k(a, b) @ w`` in pieces or without the matrix."""

    def __call__(self, a: Tensor, b: Tensor) -> Tensor: ...

    def weighted(self, a: Tensor, b: Tensor, w: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class _Power:
    degree: int
    scale: float

    def __call__(self, a: Float[Tensor, "n p"], b: Float[Tensor, "m p"]) -> Float[Tensor, "n m"]:
        inner = _columns(a / (self.scale * a.shape[-1]), 1) @ _columns(b, 1).mT  # <a, b> / (scale p) + 1 at once
        power = inner
        for _ in range(self.degree - 1):
            power = power * inner
        return power

    def weighted(self, a: Float[Tensor, "n p"], b: Float[Tensor, "m p"], w: Float[Tensor, "m q"]) -> Tensor:
        p = a.shape[-1] + 1
        if math.comb(p + self.degree - 1, self.degree) > _FEWER * len(b):
            return torch.cat([self(piece, b) @ w for piece in _pieces(a, b)])
        # Few columns: the polynomial in its monomials, which are fewer than the landmarks.
        left, right = _columns(a / (self.scale * (p - 1)), 1).mT.contiguous(), _columns(b, 1).mT
        sums = _monomials(right, self.degree) @ w * _orders(p, self.degree).to(w)
        return (sums.mT @ _monomials(left, self.degree)).mT


def _monomials(z: Float[Tensor, "p n"], degree: int) -> Float[Tensor, "k n"]:
    """All products of so many of the columns, in the order of ``torch.combinations``."""
    found, first = z, list(range(len(z)))  # those whose factors begin with column i start at first[i]
    for _ in range(degree - 1):
        each = [column * found[start:] for column, start in zip(z, first, strict=True)]
        found, first = torch.cat(each), [0, *accumulate(len(some) for some in each[:-1])]
    return found


@lru_cache(maxsize=64)
def _orders(p: int, degree: int) -> Float[Tensor, "k 1"]:
    """In how many orders the factors of each monomial can stand."""
    every = combinations_with_replacement(range(p), degree)
    repeated = (math.prod(math.factorial(some.count(i)) for i in set(some)) for some in every)
    return torch.tensor([[math.factorial(degree) / times] for times in repeated], dtype=torch.float64)


@dataclass(frozen=True)
class _Gaussian:
    width: float

    def __call__(self, a: Float[Tensor, "n p"], b: Float[Tensor, "m p"]) -> Float[Tensor, "n m"]:
        return _exponential(*self._halves(a, b))

    def weighted(self, a: Float[Tensor, "n p"], b: Float[Tensor, "m p"], w: Float[Tensor, "m q"]) -> Tensor:
        left, right = self._halves(a, b)
        return torch.cat([_exponential(piece, right) @ w for piece in _pieces(left, b)])

    def _halves(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Two factors whose product is ``-|a - b|^2 / 2`` in units of the width: the matrix is touched twice more."""
        a, b = (part / (self.width * math.sqrt(part.shape[-1])) for part in (a, b))
        half_a, half_b = (part.square().sum(-1, keepdim=True) / -2 for part in (a, b))
        return _columns(a, half_a, 1), _columns(b, 1, half_b).mT


def _exponential(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b).clamp_max_(0).exp_()


@dataclass(frozen=True)
class _Sum:
    first: Kernel
    second: Kernel

    def __call__(self, a: Float[Tensor, "n p"], b: Float[Tensor, "m p"]) -> Float[Tensor, "n m"]:
        return self.first(a, b) + self.second(a, b)

    def weighted(self, a: Float[Tensor, "n p"], b: Float[Tensor, "m p"], w: Float[Tensor, "m q"]) -> Tensor:
        return self.first.weighted(a, b, w) + self.second.weighted(a, b, w)


KERNELS: dict[str, Kernel] = {
    "linear": _Power(1, 1.0),
    "quadratic": _Power(2, 1.0),
    "cubic": _Power(3, 1.0),
    "cubic, steep": _Power(3, 0.2),
    "gaussian, narrow": _Gaussian(0.5),
    "gaussian": _Gaussian(1.0),
    "gaussian, wide": _Gaussian(2.0),
    "linear + gaussian": _Sum(_Power(1, 1.0), _Gaussian(1.0)),
}

_OVER_BODIES = "sum over bodies: "
ADDITIVE = ("cubic", "gaussian", "gaussian, wide")
"""Kernels that also compete as sums over bodies, each body read by itself (f = sum_i phi(body_i) + const)."""


def kernel(name: str, bodies: Int[Tensor, "bodies k"] | None) -> Callable[[Tensor, Tensor], Tensor]:
    """The kernel of that name; ``bodies`` holds the columns of each body for the additive ones."""
    base, parts = _terms(name, bodies)
    return lambda a, b: reduce(torch.add, (base(a[..., part], b[..., part]) for part in parts)) / len(parts)


def _terms(name: str, bodies: Int[Tensor, "bodies k"] | None) -> tuple[Kernel, list[Any]]:
    """The kernel that is averaged, and the columns that each of its terms reads."""
    if not name.startswith(_OVER_BODIES):
        return KERNELS[name], [slice(None)]
    assert bodies is not None
    return KERNELS[name.removeprefix(_OVER_BODIES)], list(bodies)


def competing(bodies: Int[Tensor, "bodies k"] | None) -> list[str]:
    """The names of the kernels that compete for data with these bodies."""
    return [*KERNELS, *([_OVER_BODIES + name for name in ADDITIVE] if bodies is not None else [])]


@dataclass(frozen=True)
class KernelRidge:
    """A fitted kernel regression: ``f(z) = k(z, landmarks) @ weights`` on standardised features ``z (..., p)``."""

    kernel: str
    landmarks: Float[Tensor, "m p"]
    weights: Float[Tensor, "m q"]
    validation: float
    bodies: Int[Tensor, "bodies k"] | None = None

    def __call__(self, z: Float[Tensor, "... p"]) -> Float[Tensor, "... q"]:
        base, parts = _terms(self.kernel, self.bodies)
        out = z.new_zeros(())
        for part in parts:
            at = self.landmarks[:, part]
            out = out + base.weighted(z[..., part].reshape(-1, at.shape[1]), at, self.weights)
        return (out / len(parts)).reshape(*z.shape[:-1], self.weights.shape[-1])

    @classmethod
    def fit(
        cls,
        z: Float[Tensor, "n p"],
        y: Float[Tensor, "n q"],
        *,
        unit: Int[Tensor, " n"] | None = None,
        bodies: Int[Tensor, "bodies k"] | None = None,
        generator: torch.Generator,
        kernels: Sequence[str] | None = None,
        weight: Float[Tensor, " n"] | None = None,
    ) -> KernelRidge:
        """The kernel and the ridge that predict held-out units best (leave-one-out where every row is its own unit).

        ``weight`` counts rows, in what is fitted and in how it is validated. Raises ShapeError for fewer than four.

        >>> z = torch.linspace(-1, 1, 40, dtype=torch.float64)[:, None]
        >>> f = KernelRidge.fit(z, z**3, generator=torch.Generator().manual_seed(0))
        >>> bool((f(z) - z**3).abs().max() < 1e-3)
        True
        """
        if len(z) > _ROWS:
            kept = torch.randperm(len(z), generator=generator)[:_ROWS]
            z, y, unit = z[kept], y[kept], None if unit is None else unit[kept]
            weight = None if weight is None else weight[kept]
        n = len(z)
        if n < 4:
            raise ShapeError(f"{n} rows", "at least 4 rows to fit on", "give more data")
        unit = torch.arange(n) if unit is None else torch.unique(unit, return_inverse=True)[1]
        clustered = len(torch.unique(unit)) < n
        order = torch.randperm(n, generator=generator)
        few = _whole_units(unit, _SELECTION_ROWS, generator) if clustered else order[:_SELECTION_ROWS]
        held_out = _held_out(unit, generator) if clustered else None
        names, sample = kernels or competing(bodies), z[few]
        held = None if held_out is None else held_out[few]
        counted = None if weight is None else weight[few]
        scores = (
            [_solve(kernel(name, bodies), sample, y[few], sample, held, counted)[1] for name in names]
            if len(names) > 1
            else [0]
        )
        best = names[min(range(len(names)), key=scores.__getitem__)]
        at = z if n <= _LANDMARKS else z[order[:_LANDMARKS]]
        weights, score = _solve(kernel(best, bodies), z, y, at, held_out, weight)
        used = weights.any(1)
        return cls(best, at[used], weights[used], score, bodies)


def _pieces(rows: Tensor, landmarks: Tensor) -> tuple[Tensor, ...]:
    """The rows in pieces whose kernel matrix is of a handy size."""
    return rows.split(max(1, _PIECE // len(landmarks)))


def _whole_units(unit: Tensor, rows: int, generator: torch.Generator) -> Tensor:
    """About ``rows`` rows drawn unit by unit, at least eight units."""
    shuffled = torch.randperm(int(unit.max()) + 1, generator=generator)
    counts = torch.bincount(unit)[shuffled].cumsum(0)
    take = max(int((counts <= rows).sum()), min(8, len(shuffled)))
    return torch.isin(unit, shuffled[:take]).nonzero()[:, 0]


def _held_out(unit: Tensor, generator: torch.Generator) -> Tensor:
    """A quarter of the units, to validate on."""
    units = int(unit.max()) + 1
    chosen = torch.rand(units, generator=generator) < 0.25
    chosen[torch.randint(0, units, (1,), generator=generator)] = True
    return chosen[unit]


def _solve(
    k: Callable[[Tensor, Tensor], Tensor],
    z: Tensor,
    y: Tensor,
    at: Tensor,
    held_out: Tensor | None,
    weight: Tensor | None = None,
) -> tuple[Tensor, float]:
    """Weights at the landmarks and the validation mean squared error of the best ridge."""
    K = k(at, at)
    if at is z and weight is None:
        # All rows are landmarks: Phi = U sqrt(e), and its Gram matrix is diagonal already.
        e, U = torch.linalg.eigh(K)
        keep = e > e[-1] * _RANK
        s, U = e[keep], U[:, keep]
        phi, root = U * s.sqrt(), U / s.sqrt()
        ridge, score = _chosen(phi, lambda: (phi, s), y, held_out)
        return root @ ((phi.mT @ y) / (s + ridge)[:, None]), score
    # Features Phi = k(z, at) root have the kernel as their inner product; only landmarks that add to it have weights.
    root = _inverse_root(K)
    phi = torch.cat([k(piece, at) @ root for piece in _pieces(z, at)])
    if weight is not None:
        phi, y = phi * weight.sqrt()[:, None], y * weight.sqrt()[:, None]
    gram = phi.mT @ phi

    def orthogonal() -> tuple[Tensor, Tensor]:
        s, V = torch.linalg.eigh(gram)
        return phi @ V, s

    ridge, score = _chosen(phi, orthogonal, y, held_out)
    gram.diagonal().add_(ridge)
    return root @ torch.cholesky_solve(phi.mT @ y, torch.linalg.cholesky(gram)), score


def _inverse_root(K: Float[Tensor, "m m"]) -> Float[Tensor, "m r"]:
    """R with R R^T a generalised inverse of K, by its pivoted Cholesky factor; rows that add nothing are 0."""
    tolerance = _RANK * float(K.diagonal().sum())
    factor, pivots, rank, _ = scipy.linalg.lapack.dpstrf(K.numpy(), tol=tolerance, lower=1)
    L = torch.from_numpy(np.tril(factor[:rank, :rank]))
    root = K.new_zeros(len(K), rank)
    root[torch.from_numpy(pivots[:rank].astype(np.int64)) - 1] = torch.linalg.solve_triangular(
        L.mT, torch.eye(rank, dtype=K.dtype), upper=True
    )
    return root


def _chosen(
    phi: Tensor, orthogonal: Callable[[], tuple[Tensor, Tensor]], y: Tensor, held_out: Tensor | None
) -> tuple[float, float]:
    """The ridge that predicts best, and its error: left-out rows, or the units held out."""
    if held_out is None or bool(held_out.all()) or not bool(held_out.any()):
        return _leave_one_out(*orthogonal(), y)
    return _leave_units_out(phi, y, held_out)


def _leave_one_out(q: Tensor, s: Tensor, y: Tensor) -> tuple[float, float]:
    """Ridge and closed-form leave-one-out error for features ``q`` with orthogonal columns of squared lengths ``s``."""
    ridges = _RIDGES * s[-1]
    shrink = 1 / (s.clamp_min(0) + ridges[:, None])  # (ridges, m)
    leverage = (q.square() @ shrink.mT).clamp_max(1 - 1e-9)
    fitted = (q @ (shrink.mT[:, :, None] * (q.mT @ y)[:, None]).flatten(1)).unflatten(1, (len(ridges), -1))
    scores = ((y[:, None] - fitted) / (1 - leverage)[..., None]).square().sum(-1).mean(0)
    best = int(scores.argmin())
    return float(ridges[best]), float(scores[best])


def _leave_units_out(phi: Tensor, y: Tensor, held_out: Tensor) -> tuple[float, float]:
    new, old = phi[held_out], phi[~held_out]
    s, V = torch.linalg.eigh(old.mT @ old)
    projected, target = new @ V, V.mT @ (old.mT @ y[~held_out])
    best = (0.0, float("inf"))
    for ridge in (_RIDGES * s[-1]).tolist():
        prediction = projected @ (target / (s.clamp_min(0) + ridge)[:, None])
        score = float((y[held_out] - prediction).square().sum(1).mean())
        best = min(best, (ridge, score), key=lambda pair: pair[1])
    return best
