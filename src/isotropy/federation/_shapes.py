"""The geometric shape of a class: axes of its cloud and variances along them, without where the cloud lies."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.federation._factors import Factors
from isotropy.linalg import Eigen, Moments, eigh

Rank = int | float | Literal["auto"] | None
_TIE = 1e-3  # a relative gap below which sampled eigenvalues are not told apart: their axes are any of a subspace
_ROUNDING = 1e-8  # of the largest eigenvalue: how far a covariance may be from symmetric and from positive


@dataclass(frozen=True, eq=False)
class GeometricShape:
    """Axes ``vectors (p, q)`` and variances ``values (q,)`` along them, descending, of ``n`` rows about ``mean (p,)``.

    ``within`` is the shape inside the sites alone, for clouds whose means lie apart from site to site.

    >>> from isotropy.random import spawn
    >>> shape = GeometricShape.from_cov(torch.diag(torch.tensor([1.0, 4.0])))
    >>> shape.values.tolist(), shape.sample(3, generator=spawn(0, "draws")).shape
    ([4.0, 1.0], torch.Size([3, 2]))
    """

    eigen: Eigen
    n: float
    mean: Float[Tensor, " p"]
    within: Eigen | None = field(default=None, repr=False)
    dtype: torch.dtype = torch.float64

    @classmethod
    def from_cov(
        cls, cov: Tensor, *, mean: Tensor | None = None, n: float = float("inf"), rank: Rank = None
    ) -> GeometricShape:
        """From a covariance ``(p, p)``; DomainError says how far it is from symmetric, or its smallest eigenvalue."""
        if cov.ndim != 2 or cov.shape[0] != cov.shape[1]:
            raise ShapeError(f"a covariance of shape {tuple(cov.shape)}", "(p, p)")
        C = cov.to(torch.float64)
        size = float(C.abs().max())
        skew = float((C - C.T).abs().max())
        if skew > _ROUNDING * size:
            raise DomainError(f"a covariance with C - C^T up to {skew:.3g}", "a symmetric one")
        eigen = eigh(C, tol=_TIE)
        low = float(eigen.values[-1])
        if low < -_ROUNDING * size:
            raise DomainError(f"a covariance with the eigenvalue {low:.3g}", "none below zero")
        where = C.new_zeros(len(C)) if mean is None else mean.to(torch.float64)
        return cls(_cut(eigen, rank, n, None), n, where, None, cov.dtype)

    @property
    def values(self) -> Float[Tensor, " q"]:
        return self.eigen.values

    @property
    def vectors(self) -> Float[Tensor, "p q"]:
        return self.eigen.vectors

    @property
    def blocks(self) -> tuple[tuple[int, ...], ...]:
        """Axes whose variances are not told apart: within a block any rotation of them is as good."""
        label = self.eigen.cluster.tolist()
        return tuple(tuple(i for i, c in enumerate(label) if c == k) for k in range(label[-1] + 1 if label else 0))

    @property
    def cov(self) -> Float[Tensor, "p p"]:
        return (self.vectors * self.values) @ self.vectors.T

    def factor(self) -> Float[Tensor, "p q"]:
        """A with ``A A^T`` the covariance."""
        return factor(self.eigen)

    def sample(self, n: int, *, generator: torch.Generator) -> Float[Tensor, "n p"]:
        """Draws of N(0, covariance): how members of the class lie about its mean."""
        noise = torch.randn(n, len(self.values), generator=generator, dtype=torch.float64)
        return (noise @ self.factor().T).to(self.dtype)

    def similarity(self, other: GeometricShape, kind: str = "subspace", q: int = 5) -> float:
        """How alike two shapes are: no kind depends on where the clouds lie, or on signs of axes.

        - "subspace": share of the leading ``q`` axes' space in common, 0 to 1; q/p for spaces drawn at random.
        - "literal": sum of ``|<u_m, v_m>|`` over the leading ``q`` axes, index by index, 0 to q [recalled from the
          paper]; axes whose variances tie, or change places, count as different.
        - "affinity": ``<A, B>`` of the covariances over their norms, 0 to 1.
        - "affine" and "bures" are *distances*: of the affine-invariant metric (full rank only), and of Bures and
          Wasserstein.

        Raises ShapeError for other widths, DomainError for unknown kinds, and for "affine" of singular covariances.
        """
        if len(self.mean) != len(other.mean):
            raise ShapeError(
                f"shapes of {len(self.mean)} and {counted(len(other.mean), 'feature')}", "the same encoder"
            )
        if kind not in _KINDS:
            raise DomainError(f"kind={kind!r}", f"one of {', '.join(_KINDS)}")
        return _KINDS[kind](self, other, q)


class ClassShapes(Mapping[int, GeometricShape]):
    """The shape of each class that has rows; the others raise KeyError."""

    def __init__(self, shapes: Mapping[int, GeometricShape], classes: int) -> None:
        self._shapes, self.classes = dict(shapes), classes

    def __getitem__(self, c: int) -> GeometricShape:
        try:
            return self._shapes[c]
        except KeyError:
            raise KeyError(f"class {c} has no rows at any site, so it has no shape") from None

    def __iter__(self) -> Iterator[int]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def factor(eigen: Eigen) -> Float[Tensor, "p q"]:
    return eigen.vectors * eigen.values.clamp_min(0.0).sqrt()


def shape_of_matrix(moments: Moments, c: int, rank: Rank, edge: float | None, dtype: torch.dtype) -> GeometricShape:
    n = float(moments.n[c])
    whole = _cut(eigh(moments.cov[c] if moments.cov.ndim == 3 else moments.cov, tol=_TIE), rank, n, edge)
    apart = bool(moments.outer[c].any())
    within = _cut(eigh(moments.within[c], tol=_TIE), rank, n, edge) if apart else None
    return GeometricShape(whole, n, moments.mean[c], within, dtype)


def shape_of_factor(moments: Factors, c: int, rank: Rank, edge: float | None, dtype: torch.dtype) -> GeometricShape:
    n = float(moments.n[c])
    within = None if not len(moments.outer[c]) else _cut(_of_rows(moments.rows(c, "within")), rank, n, edge)
    return GeometricShape(_cut(_of_rows(moments.rows(c, "all")), rank, n, edge), n, moments.mean[c], within, dtype)


def _of_rows(F: Float[Tensor, "r p"]) -> Eigen:
    """Eigenvalues and vectors of ``F^T F`` that are not zero for lack of rows."""
    _, s, Vh = torch.linalg.svd(F, full_matrices=False)
    values = s.square()
    gaps = values[:-1] - values[1:] > _TIE * values.amax().clamp_min(0.0) if len(values) else values.bool()
    cluster = torch.cat([torch.zeros(min(1, len(values)), dtype=torch.int64), gaps.to(torch.int64)]).cumsum(0)
    return Eigen(values, Vh.T, cluster)


def _cut(eigen: Eigen, rank: Rank, n: float, edge: float | None) -> Eigen:
    """The leading directions that ``rank`` asks for, values clipped at zero."""
    values = eigen.values.clamp_min(0.0)
    most = int(min(n - 1, len(values))) if n > 1 else 0
    if rank is None:
        q = len(values)
    elif rank == "auto":
        q = _share(values, 0.99) if edge is None else int((values > edge).sum())
    elif isinstance(rank, float):
        if not 0 < rank <= 1:
            raise DomainError(f"rank={rank}", "a share of the variance in (0, 1], or a whole number of directions")
        q = _share(values, rank)
    else:
        if rank < 1:
            raise DomainError(f"rank={rank}", "at least one direction")
        if rank > most:
            warnings.warn(f"rank {rank} of a class of {n:g} rows is cut to {most}", stacklevel=3)
        q = min(int(rank), most)
    q = min(q, len(values))
    return Eigen(values[:q], eigen.vectors[:, :q], _labels(eigen.cluster[:q]))


def _share(values: Tensor, share: float) -> int:
    total = values.sum()
    return 0 if total <= 0 else 1 + int((values.cumsum(0) < share * total * (1 - 1e-12)).sum())


def _labels(cluster: Int[Tensor, " q"]) -> Int[Tensor, " q"]:
    return cluster if not len(cluster) else cluster - cluster[0]


def _leading(a: GeometricShape, b: GeometricShape, q: int) -> Tensor:
    """Products of the leading axes of two shapes."""
    if not 1 <= q <= min(len(a.values), len(b.values)):
        raise DomainError(
            f"q={q} of {len(a.values)} and {counted(len(b.values), 'axis', 'axes')}", "axes that both shapes have"
        )
    return a.vectors[:, :q].T @ b.vectors[:, :q]


def _affinity(a: GeometricShape, b: GeometricShape, q: int) -> float:
    # <A, B> = sum_mn l_m k_n <u_m, v_n>^2: nothing of p x p.
    product = (a.vectors.T @ b.vectors).square()
    size = a.values.norm() * b.values.norm()
    return float(a.values @ product @ b.values / size)


def _affine(a: GeometricShape, b: GeometricShape, q: int) -> float:
    p = len(a.mean)
    for shape in (a, b):
        if len(shape.values) < p or float(shape.values[-1]) <= _ROUNDING * float(shape.values[0]):
            raise DomainError(
                f"a covariance of rank below {p}", "one of full rank", 'kind="bures" or "subspace" takes any'
            )
    white = (b.vectors.T @ a.vectors) / a.values.sqrt()
    return float(eigh(white.T @ (b.values[:, None] * white)).values.log().square().sum().sqrt())


def _bures(a: GeometricShape, b: GeometricShape, q: int) -> float:
    # tr (A^1/2 B A^1/2)^1/2 is the sum of singular values of F_a^T F_b.
    common = torch.linalg.svdvals(a.factor().T @ b.factor()).sum()
    return float((a.values.sum() + b.values.sum() - 2 * common).clamp_min(0.0).sqrt())


_KINDS: dict[str, Any] = {
    "subspace": lambda a, b, q: float(_leading(a, b, q).square().sum() / q),
    "literal": lambda a, b, q: float(_leading(a, b, q).diagonal().abs().sum()),
    "affinity": _affinity,
    "affine": _affine,
    "bures": _bures,
}
