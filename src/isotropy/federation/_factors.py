"""Moments of fewer rows than columns, kept as factors: no matrix of all columns by all columns is ever formed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import ShapeError
from isotropy.linalg import Moments, Segments

Rows = tuple[Float[Tensor, "_ p"], ...]


@dataclass(frozen=True, eq=False)
class Factors:
    """As ``Moments``, one set for each class, with scatters ``F^T F`` of rows F (r, p), r at most p.

    ``kept`` is the number of leading directions to which each class was cut, if it was cut.
    """

    n: Float[Tensor, " C"]
    mean: Float[Tensor, "C p"]
    inner: Rows
    outer: Rows
    kept: int | None = None

    @classmethod
    def of(cls, x: Float[Tensor, "N p"], segments: Segments, kept: int | None = None) -> Factors:
        n = segments.sizes.to(torch.float64)
        mean = segments.sum(x) / n.clamp_min(1.0)[:, None]
        centred = (x - segments.gather(mean))[segments.order]
        rows = tuple(_shortened(part, kept) for part in centred.split(segments.sizes.tolist()))
        return cls(n, mean, rows, tuple(x[:0] for _ in rows), kept)

    def __add__(self, other: Factors) -> Factors:
        if self.mean.shape != other.mean.shape:
            raise ShapeError(
                f"moments of shapes {tuple(self.mean.shape)} and {tuple(other.mean.shape)}", "the same sets and columns"
            )
        n = self.n + other.n
        share = other.n / n.clamp_min(1.0)
        apart = other.mean - self.mean
        lever = (self.n * share).sqrt()[:, None] * apart
        kept = self.kept if other.kept is None else other.kept
        return Factors(
            n,
            torch.where((other.n > 0)[:, None], self.mean + share[:, None] * apart, self.mean),
            tuple(_shortened(torch.cat(pair), kept) for pair in zip(self.inner, other.inner, strict=True)),
            tuple(
                _shortened(torch.cat([*pair, lever[c : c + 1][: int(share[c] * self.n[c] > 0)]]), kept)
                for c, pair in enumerate(zip(self.outer, other.outer, strict=True))
            ),
            kept,
        )

    def __radd__(self, other: int) -> Factors:
        return self

    def rows(self, c: int, part: Literal["all", "within", "between"]) -> Float[Tensor, "r p"]:
        """F with ``F^T F`` the covariance of a class, or a part of it."""
        chosen = {"within": [self.inner[c]], "between": [self.outer[c]], "all": [self.inner[c], self.outer[c]]}[part]
        return torch.cat(chosen) / self.n[c].clamp_min(1.0).sqrt()

    def dense(self) -> Moments:
        """The same with matrices."""
        inner, outer = (torch.stack([F.T @ F for F in part]) for part in (self.inner, self.outer))
        return Moments(self.n, self.mean, inner, outer)

    def keep(self, chosen: Tensor) -> Factors:
        """The chosen classes; the others become empty."""
        some = chosen.tolist()
        inner, outer = (
            tuple(F if stays else F[:0] for F, stays in zip(part, some, strict=True))
            for part in (self.inner, self.outer)
        )
        return Factors(self.n * chosen, self.mean * chosen[:, None], inner, outer, self.kept)


def _shortened(F: Tensor, kept: int | None) -> Tensor:
    """Axes with the same ``F^T F``, at most as many as columns; with ``kept``, the leading ones only.

    Few rows are turned too: left as they are, they would be the rows of the site.
    """
    limit = F.shape[1] if kept is None else kept
    if not len(F):
        return F
    _, s, Vh = torch.linalg.svd(F, full_matrices=False)
    return (s[:, None] * Vh)[:limit]
