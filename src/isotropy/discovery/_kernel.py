"""Kernel ridge regression with landmarks: a strong first look at a few thousand rows, in seconds.

Kernels depend on the standardised features through inner products and distances alone, so a rotated table gives the
rotated fit: the learner itself favours no axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from itertools import accumulate, combinations_with_replacement
from typing import Any, Protocol, runtime_checkable

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import ShapeError, counted

_LANDMARKS = 800
_ROWS = 8000  # more rows cost time and hardly help that many landmarks
_SELECTION_ROWS = 500  # rows on which the kernels compete; the ridge is chosen again on all rows
# Entries of a kernel matrix held at once: pieces that stay in the cache, where larger ones would be paged in anew.
_PIECE = 1 << 17
_RANK = 1e-13  # of the largest eigenvalue: smaller ones are rounding
_FEWER = 0.5  # monomials that are at most so many of the landmarks are the faster way
_OVERSHOOT = 2.0  # times the largest target: what a sum of bumps says beyond it is an artefact of its weights
_RIDGES = torch.logspace(-10, 1, 23, dtype=torch.float64)


def _columns(a: Tensor, *more: Tensor | int) -> Tensor:
    """``a`` with further columns, where a number stands for a column of it."""
    return torch.cat([a, *[c if isinstance(c, Tensor) else torch.full_like(a[..., :1], c) for c in more]], -1)


Reader = Callable[[Tensor], Tensor]


@runtime_checkable
class Kernel(Protocol):
    """``k(a, b)`` of rows ``a (n, p)`` and ``b (m, p)``, and ``k(a, b) @ w`` in pieces or without the matrix.

    A reader takes rows ``(bodies, n, p)`` to the sum over bodies of ``k(., at) @ w``, for ``at (bodies, m, p)``.
    """

    def __call__(self, a: Tensor, b: Tensor) -> Tensor: ...

    def reader(self, at: Float[Tensor, "bodies m p"], w: Float[Tensor, "m q"]) -> Reader: ...


@dataclass(frozen=True)
class _Power:
    degree: int
    scale: float

    def __call__(self, a: Float[Tensor, "n p"], b: Float[Tensor, "m p"]) -> Float[Tensor, "n m"]:
        return (_columns(a / (self.scale * a.shape[-1]), 1) @ _columns(b, 1).mT).pow(self.degree)

    def reader(self, at: Float[Tensor, "bodies m p"], w: Float[Tensor, "m q"]) -> Reader:
        p, size = at.shape[-1] + 1, self.scale * at.shape[-1]
        if math.comb(p + self.degree - 1, self.degree) > _FEWER * at.shape[1]:
            return lambda z: _body_by_body(z, lambda i, piece: self(piece, at[i]) @ w, at.shape[1])
        # Few columns: the polynomial in its monomials, which are fewer than the landmarks.
        sums = _monomials(_columns(at, 1).mT, self.degree) @ w * _orders(p, self.degree).to(w)
        sums = sums.flatten(0, 1).mT

        def read(z: Float[Tensor, "bodies n p"]) -> Float[Tensor, "n q"]:
            left = torch.cat([z.mT / size, torch.ones_like(z[..., :1]).mT], 1)
            pieces = left.split(max(1, _PIECE // sums.shape[1]), 2)
            return torch.cat([(sums @ _monomials(piece, self.degree).flatten(0, 1)).mT for piece in pieces])

        return read


def _body_by_body(
    z: Float[Tensor, "bodies n p"], read: Callable[[int, Tensor], Tensor], landmarks: int
) -> Float[Tensor, "n q"]:
    """The sum over bodies of what is read of each, in pieces."""
    each = [torch.cat([read(i, piece) for piece in _pieces(rows, landmarks)]) for i, rows in enumerate(z)]
    return reduce(torch.add, each)


def _monomials(z: Float[Tensor, "... p n"], degree: int) -> Float[Tensor, "... k n"]:
    """All products of so many of the columns, in the order of ``torch.combinations``."""
    p = z.shape[-2]
    found, first = z, list(range(p))  # those whose factors begin with column i start at first[i]
    for _ in range(degree - 1):
        each = [z[..., i : i + 1, :] * found[..., start:, :] for i, start in enumerate(first)]
        found, first = torch.cat(each, -2), [0, *accumulate(some.shape[-2] for some in each[:-1])]
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
        return _exponential(self._left(a), self._right(b))

    def reader(self, at: Float[Tensor, "bodies m p"], w: Float[Tensor, "m q"]) -> Reader:
        right = [self._right(rows) for rows in at]
        return lambda z: _body_by_body(z, lambda i, piece: _exponential(self._left(piece), right[i]) @ w, at.shape[1])

    def _left(self, a: Float[Tensor, "n p"]) -> Float[Tensor, "n p2"]:
        """One of two factors whose product is ``-|a - b|^2 / 2`` in units of the width: fewer touches of the matrix."""
        a = a / (self.width * math.sqrt(a.shape[-1]))
        return _columns(a, a.square().sum(-1, keepdim=True) / -2, 1)

    def _right(self, b: Float[Tensor, "m p"]) -> Float[Tensor, "p2 m"]:
        b = b / (self.width * math.sqrt(b.shape[-1]))
        return _columns(b, 1, b.square().sum(-1, keepdim=True) / -2).mT


def _exponential(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b).clamp_max_(0).exp_()


@dataclass(frozen=True)
class _Sum:
    first: Kernel
    second: Kernel

    def __call__(self, a: Float[Tensor, "n p"], b: Float[Tensor, "m p"]) -> Float[Tensor, "n m"]:
        return self.first(a, b) + self.second(a, b)

    def reader(self, at: Float[Tensor, "bodies m p"], w: Float[Tensor, "m q"]) -> Reader:
        first, second = self.first.reader(at, w), self.second.reader(at, w)
        return lambda z: first(z) + second(z)


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

    def matrix(a: Tensor, b: Tensor) -> Tensor:
        total = base(a[..., parts[0]], b[..., parts[0]])
        for part in parts[1:]:
            total += base(a[..., part], b[..., part])
        return total / len(parts) if len(parts) > 1 else total

    return matrix


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
    """A fitted kernel regression: ``f(z) = k(z, landmarks) @ weights`` on standardised features ``z (..., p)``.

    Gaussians say nothing far from the data, where large weights of either sign no longer cancel: their sums are cut off
    at twice the largest target (``largest``, a length, so that no direction is favoured). Polynomials go on.
    """

    kernel: str
    landmarks: Float[Tensor, "m p"]
    weights: Float[Tensor, "m q"]
    validation: float
    bodies: Int[Tensor, "bodies k"] | None = None
    largest: float = math.inf

    def __call__(self, z: Float[Tensor, "... p"]) -> Float[Tensor, "... q"]:
        out = self._read(self._by_body(z.reshape(-1, z.shape[-1]))) / len(self._terms)
        limit = _OVERSHOOT * self.largest
        if self.kernel.removeprefix(_OVER_BODIES).startswith("gaussian") and 0 < limit < math.inf:
            out = out * (limit / torch.linalg.vector_norm(out, dim=-1, keepdim=True).clamp_min(limit))
        return out.reshape(*z.shape[:-1], self.weights.shape[-1])

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what was made ready for reading is a function, which no file holds."""
        return {name: value for name, value in vars(self).items() if name not in ("_read", "_terms")}

    @cached_property
    def _terms(self) -> list[Any]:
        return _terms(self.kernel, self.bodies)[1]

    @cached_property
    def _read(self) -> Reader:
        return _terms(self.kernel, self.bodies)[0].reader(self._by_body(self.landmarks), self.weights)

    def _by_body(self, rows: Float[Tensor, "n p"]) -> Float[Tensor, "terms n k"]:
        """The columns that each term of the kernel reads."""
        if len(self._terms) == 1:
            return rows[None]
        return rows.mT.contiguous()[torch.stack(self._terms)].mT

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
            raise ShapeError(counted(n, "row"), "at least 4 rows to fit on", "give more data")
        unit = torch.arange(n) if unit is None else torch.unique(unit, return_inverse=True)[1]
        clustered = len(torch.unique(unit)) < n
        order = torch.randperm(n, generator=generator)
        few = _whole_units(unit, _SELECTION_ROWS, generator) if clustered else order[:_SELECTION_ROWS]
        held_out = _held_out(unit, generator) if clustered else None
        names, sample = kernels or competing(bodies), z[few]
        held = None if held_out is None else held_out[few]
        share = None if weight is None else weight[few]
        scores = (
            [_solve(kernel(name, bodies), sample, y[few], sample, held, share)[1] for name in names]
            if len(names) > 1
            else [0]
        )
        best = names[min(range(len(names)), key=scores.__getitem__)]
        at = z if n <= _LANDMARKS else z[order[:_LANDMARKS]]
        weights, score = _solve(kernel(best, bodies), z, y, at, held_out, weight)
        used = weights.any(1)
        return cls(best, at[used], weights[used], score, bodies, float(torch.linalg.vector_norm(y, dim=1).max()))


def _pieces(rows: Tensor, landmarks: int) -> tuple[Tensor, ...]:
    """The rows in pieces whose matrix with so many landmarks is of a handy size."""
    return rows.split(max(1, _PIECE // landmarks))


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
    phi = torch.cat([k(piece, at) @ root for piece in _pieces(z, len(at))])
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
