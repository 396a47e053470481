"""How many rows of each class a site has, where they lie and how they spread: all that may leave it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, InfeasibleError, ShapeError
from isotropy.federation._checks import checked
from isotropy.federation._factors import Factors
from isotropy.federation._shapes import ClassShapes, Rank, shape_of_factor, shape_of_matrix
from isotropy.linalg import Moments, Segments

_BYTES = 4 * 2**30  # of covariances that one site may hold without being asked for a rank
_EXACT = 1e-10  # the relative error of covariances that sums about a centre may have


@dataclass(frozen=True, eq=False)
class Sums:
    """Numbers ``n (C,)`` and the sums ``s (C, p)`` of x - c and ``Q (C, p, p)`` of (x - c)(x - c)^T: they add up."""

    n: Float[Tensor, " C"]
    s: Float[Tensor, "C p"]
    Q: Float[Tensor, "C p p"]

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.n + other.n, self.s + other.s, self.Q + other.Q)

    def __radd__(self, other: int) -> Sums:
        return self

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.n, self.s, self.Q))


@dataclass(frozen=True, eq=False)
class ClassStats:
    """Number ``n (C,)``, ``mean (C, p)`` and covariance ``cov (C, p, p)`` of each class, in float64, divisor n.

    ``a + b``, and ``sum`` of a list, are those of the rows of both, to rounding. ``within`` and ``between`` are the
    parts of ``cov`` inside the sites and between their means. Fewer rows than columns are kept as factors, so that no
    matrix of p x p is formed until ``cov`` is asked for. Results have the ``dtype`` of the features.
    Source: Ma et al., CVPR 2025 (arXiv 2503.06457), the aggregation of local covariances.

    >>> x, y = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)), torch.arange(60) % 2
    >>> whole = sum(ClassStats.from_data(x[k::3], y[k::3], classes=2) for k in range(3))
    >>> whole.n.tolist(), bool((whole.cov - ClassStats.from_data(x, y, classes=2).cov).abs().max() < 1e-12)
    ([30.0, 30.0], True)
    """

    moments: Moments | Factors
    dtype: torch.dtype = torch.float64
    noise: Float[Tensor, " C"] | None = None
    """The standard deviation of noise that was added to each entry of the sums of squares, if any was."""

    @classmethod
    def from_data(cls, x: Tensor, y: Tensor, *, classes: int, rank: int | None = None, site: str = "") -> ClassStats:
        """Of rows ``x (n, p)`` with labels ``y (n,)`` from 0 to ``classes - 1``.

        With ``rank`` each class is cut to its leading directions, which is not exact. Raises ShapeError, DtypeError or
        DomainError, with the ``site``, for other rows or labels; InfeasibleError where matrices would be too large.
        """
        x, y = checked(x, y, classes, site)
        sets, rows = Segments(y, classes), x.to(torch.float64)
        if rank is not None and rank < 1:
            raise DomainError(f"rank={rank}", "at least one direction")
        if rank is not None or len(x) < x.shape[1]:
            return cls(Factors.of(rows, sets, rank), x.dtype)
        size = 2 * 8 * classes * x.shape[1] ** 2  # two parts, within and between, in float64
        if size > _BYTES:
            raise InfeasibleError(
                f"{classes} covariances of {x.shape[1]} x {x.shape[1]}, {size / 2**30:.1f} GB",
                f"at most {_BYTES / 2**30:.0f} GB",
                "give rank=, the number of directions to keep of each class",
            )
        return cls(Moments.of(rows, segments=sets), x.dtype)

    @classmethod
    def from_sums(cls, n: Tensor, s: Tensor, Q: Tensor, *, centre: Tensor | float = 0.0) -> ClassStats:
        """From sums about a ``centre (p,)``, as secure aggregation adds them up.

        What is within and what is between sites is then not known apart. Raises DomainError where the classes lie so
        far from the centre, for their spread, that rounding would show.
        """
        n, s, Q = (part.to(torch.float64) for part in (n, s, Q))
        if s.shape != (*n.shape, Q.shape[-1]) or Q.shape != (*s.shape, s.shape[-1]):
            raise ShapeError(
                f"sums of shapes {tuple(n.shape)}, {tuple(s.shape)}, {tuple(Q.shape)}", "(C,), (C, p), (C, p, p)"
            )
        safe = torch.where(n > 0, n, 1.0)
        offset = s / safe[:, None]
        cov = Q / safe[:, None, None] - offset[:, :, None] * offset[:, None, :]
        if not all(bool(part.isfinite().all()) for part in (n, s, Q)):
            raise DomainError("sums with NaN or infinity", "finite numbers")
        far = offset.square().sum(-1) * torch.finfo(torch.float64).eps
        own = cov.diagonal(dim1=1, dim2=2).sum(1)
        # One row has no spread of its own.
        spread = torch.where(n > 1, own, (n * own).sum() / n.sum().clamp_min(1.0))
        bad = (n > 0) & (far > _EXACT * spread)
        if bool(bad.any()):
            worst = int(bad.nonzero()[0])
            size = float(spread[worst].clamp_min(0).sqrt())
            raise DomainError(
                f"class {worst} at {float(offset[worst].norm()):.3g} from the centre, spread {size:.3g}",
                f"covariances that are exact to {_EXACT:g}",
                "take a centre near the mean of all rows, such as one earlier round of means finds; where it is one, "
                "look for an outlier, which moves the mean, or clip rows",
            )
        mean = (offset + torch.as_tensor(centre, dtype=torch.float64)) * (n > 0)[:, None]
        scatter = n[:, None, None] * (cov + cov.mT) / 2
        return cls(Moments(n, mean, scatter, torch.zeros_like(scatter)))

    @property
    def n(self) -> Float[Tensor, " C"]:
        return self.moments.n

    @property
    def mean(self) -> Float[Tensor, "C p"]:
        return self.moments.mean

    @property
    def classes(self) -> int:
        return len(self.n)

    @property
    def width(self) -> int:
        return self.mean.shape[1]

    @property
    def dense(self) -> Moments:
        """Moments with matrices, whichever way they are kept."""
        return self.moments if isinstance(self.moments, Moments) else self.moments.dense()

    @property
    def cov(self) -> Float[Tensor, "C p p"]:
        return self.dense.cov

    @property
    def within(self) -> Float[Tensor, "C p p"]:
        return self.dense.within

    @property
    def between(self) -> Float[Tensor, "C p p"]:
        return self.dense.between

    def along(self, c: int, axes: Float[Tensor, "p q"]) -> Float[Tensor, "q q"]:
        """The covariance of class ``c`` along some axes; of factors no matrix of p x p is formed."""
        if isinstance(self.moments, Factors):
            rows = self.moments.rows(c, "all") @ axes
            return rows.T @ rows
        return axes.T @ self.moments.scatter[c] @ axes / self.n[c].clamp_min(1.0)

    def __add__(self, other: ClassStats) -> ClassStats:
        a, b = self.moments, other.moments
        if a.mean.shape != b.mean.shape:
            raise ShapeError(
                f"{self.classes} classes of {self.width} features, and {other.classes} of {other.width}",
                "the same classes and the same encoder at every site",
            )
        if isinstance(a, Factors) and isinstance(b, Factors):
            whole = a + b
        else:
            whole = (a.dense() if isinstance(a, Factors) else a) + (b.dense() if isinstance(b, Factors) else b)
        return ClassStats(whole, torch.promote_types(self.dtype, other.dtype), _together(self.noise, other.noise))

    def __radd__(self, other: int) -> ClassStats:
        return self

    def to_sums(self, centre: Tensor | float = 0.0) -> Sums:
        """Numbers and sums about a public ``centre (p,)``: what is added up where nobody may see a single site."""
        moments = self.dense
        offset = (self.mean - torch.as_tensor(centre, dtype=torch.float64)) * (self.n > 0)[:, None]
        s = self.n[:, None] * offset
        return Sums(self.n, s, moments.scatter + s[:, :, None] * offset[:, None, :])

    def release(self, min_count: int = 10) -> ClassStats:
        """Without the classes that have fewer than ``min_count`` rows: of one row the mean *is* the row."""
        stays = self.n >= min_count
        moments = self.moments
        if isinstance(moments, Factors):
            return replace(self, moments=moments.keep(stays))
        n, mean = moments.n * stays, moments.mean * stays[:, None]
        inner, outer = (part * stays[:, None, None] for part in (moments.inner, moments.outer))
        return replace(self, moments=Moments(n, mean, inner, outer))

    def shapes(self, rank: Rank = None) -> ClassShapes:
        """The shape of each class that has rows: axes and variances along them, descending.

        ``rank``: None for all, a number, a share of the variance below 1, or "auto": what stands out of the noise that
        was added, and 99 % of the variance where none was.
        """
        found = {}
        for c in range(self.classes):
            if self.n[c] <= 0:
                continue
            edge = None if self.noise is None else _edge(self.noise[c], self.width, self.n[c])
            if isinstance(self.moments, Factors):
                found[c] = shape_of_factor(self.moments, c, rank, edge, self.dtype)
            else:
                found[c] = shape_of_matrix(self.moments, c, rank, edge, self.dtype)
        return ClassShapes(found, self.classes)


def _edge(noise: Tensor, width: int, n: Tensor) -> float:
    """The largest eigenvalue of symmetric noise of entries ``noise`` over n: the edge of Wigner's semicircle."""
    return float(2 * noise * width**0.5 / n)


def _together(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """Independent noise of two sites."""
    return a if b is None else b if a is None else (a.square() + b.square()).sqrt()
