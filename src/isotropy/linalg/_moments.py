"""Numbers, means and scatters of sets of rows, which add up exactly as the sets do."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.linalg._segments import Segments

_NARROW = 64  # entries of an outer product up to which summing one for each row is cheaper than a product for each set


@dataclass(frozen=True, eq=False)
class Moments:
    """How many rows ``n (*sets,)``, their ``mean (*sets, d)`` and ``scatter (*sets, d, d)``, sums of squares about it.

    ``a + b`` has the moments of the rows of both, set by set (the parallel axis theorem); the unit has n = 0. What was
    put together is remembered as two parts: ``inner``, the scatters of the parts about their own means, and ``outer``,
    the scatter of these means. All in float64, covariances with divisor n; those of no row at all are zero.
    Source: Chan, Golub, LeVeque, COMPSTAT 1982, eq. (1.5).

    Raises ShapeError where sizes disagree.

    >>> x = torch.tensor([[0.0, 0.0], [2.0, 0.0], [4.0, 6.0]])
    >>> whole = Moments.of(x[:2]) + Moments.of(x[2:])
    >>> whole.mean.tolist(), torch.equal(whole.cov, Moments.of(x).cov)
    ([2.0, 2.0], True)
    >>> [part.diagonal().tolist() for part in (3 * whole.within, 3 * whole.between)]
    [[2.0, 0.0], [6.0, 24.0]]
    """

    n: Float[Tensor, "*sets"]
    mean: Float[Tensor, "*sets d"]
    inner: Float[Tensor, "*sets d d"]
    outer: Float[Tensor, "*sets d d"] = field(repr=False)

    @classmethod
    def of(cls, x: Tensor, weight: Tensor | None = None, segments: Segments | None = None) -> Moments:
        """Those of rows ``x (N, d)``, each counted ``weight (N,)`` times; one for each of the ``segments``.

        Raises ShapeError for other shapes, DomainError for negative weights and for numbers that are not finite.
        """
        if x.ndim != 2:
            raise ShapeError(f"x of shape {tuple(x.shape)}", "(N, d)")
        x = x.to(torch.float64)
        w = torch.ones_like(x[:, 0]) if weight is None else weight.to(torch.float64)
        if len(w) != len(x) or w.ndim != 1:
            raise ShapeError(f"weights of shape {tuple(w.shape)}", f"({len(x)},), one for each row")
        if not bool(torch.isfinite(x).all() and torch.isfinite(w).all()) or bool((w < 0).any()):
            raise DomainError("NaN, infinite numbers or negative weights", "finite rows and weights of at least 0")
        sets = Segments.one(len(x), x.device) if segments is None else segments
        n = sets.sum(w)
        mean = sets.sum(w[:, None] * x) / n.clamp_min(torch.finfo(n.dtype).tiny)[:, None]
        scatter = _scatters((x - sets.gather(mean)) * w.sqrt()[:, None], sets)
        found = cls(n, mean, scatter, torch.zeros_like(scatter))
        return (
            found
            if segments is not None
            else cls(*(part[0] for part in (found.n, found.mean, found.inner, found.outer)))
        )

    @property
    def scatter(self) -> Float[Tensor, "*sets d d"]:
        return self.inner + self.outer

    @property
    def cov(self) -> Float[Tensor, "*sets d d"]:
        """Scatter over n."""
        return self._over(self.scatter)

    @property
    def within(self) -> Float[Tensor, "*sets d d"]:
        """The part of the covariance that the sets put together have each about its own mean."""
        return self._over(self.inner)

    @property
    def between(self) -> Float[Tensor, "*sets d d"]:
        """The part of the covariance that the means of the sets put together have."""
        return self._over(self.outer)

    def __add__(self, other: Moments) -> Moments:
        if self.mean.shape != other.mean.shape:
            raise ShapeError(
                f"moments of shapes {tuple(self.mean.shape)} and {tuple(other.mean.shape)}", "the same sets and columns"
            )
        n = self.n + other.n
        share = other.n / torch.where(n > 0, n, 1.0)
        apart = other.mean - self.mean
        lever = (self.n * share)[..., None, None] * apart[..., :, None] * apart[..., None, :]
        return Moments(
            n,
            # Each mean is left as it is where the other set is empty.
            torch.where((other.n > 0)[..., None], self.mean + share[..., None] * apart, self.mean),
            self.inner + other.inner,
            self.outer + other.outer + lever,
        )

    def __radd__(self, other: int) -> Moments:
        """So that ``sum`` works, which begins at 0."""
        return self

    def map(self, A: Float[Tensor, "e d"], t: Float[Tensor, " e"] | None = None) -> Moments:
        """Those of the rows ``A x + t``.

        >>> Moments.of(torch.eye(2)).map(2 * torch.eye(2, dtype=torch.float64)).mean.tolist()
        [1.0, 1.0]
        """
        A = A.to(torch.float64)
        mean = self.mean @ A.T if t is None else self.mean @ A.T + t.to(torch.float64)
        return Moments(self.n, mean, A @ self.inner @ A.T, A @ self.outer @ A.T)

    def _over(self, part: Tensor) -> Tensor:
        return part / torch.where(self.n > 0, self.n, 1.0)[..., None, None]


def _scatters(centred: Tensor, sets: Segments) -> Tensor:
    """Sums of the outer products of rows, for each set."""
    d = centred.shape[1]
    if d * d <= _NARROW:
        return sets.sum(centred[:, :, None] * centred[:, None, :])
    found = centred.new_zeros(sets.count, d, d)
    sizes = sets.sizes.tolist()
    for s, rows in enumerate(centred[sets.order].split(sizes) if sets.count else ()):
        torch.mm(rows.T, rows, out=found[s])
    return found
