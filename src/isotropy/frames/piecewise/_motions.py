"""Rigid motions of weighted sets of corresponding points, many at once, and how far each leaves each point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

# Residuals held at a time, which stay in the cache: 2 MB.
_HELD = 2**18


@dataclass(frozen=True, eq=False)
class Motions:
    """H motions from the first pose to each of W others, ``y -> R y + t``: ``R (H, W, 3, 3)``, ``t (H, W, 3)``."""

    R: Float[Tensor, "H W 3 3"]
    t: Float[Tensor, "H W 3"]

    def __len__(self) -> int:
        return len(self.R)

    @classmethod
    def none(cls, W: int) -> Motions:
        return cls(torch.zeros(0, W, 3, 3, dtype=torch.float64), torch.zeros(0, W, 3, dtype=torch.float64))

    def take(self, rows: Tensor) -> Motions:
        return Motions(self.R[rows], self.t[rows])

    def and_also(self, other: Motions) -> Motions:
        return Motions(torch.cat([self.R, other.R]), torch.cat([self.t, other.t]))


@dataclass(frozen=True, eq=False)
class Poses:
    """Corresponding points: ``first (N, 3)``, and the ``others (W, N, 3)``, each about its own centroid, in float64."""

    first: Float[Tensor, "N 3"]
    others: Float[Tensor, "W N 3"]
    pairs: Float[Tensor, "N p"]
    """All that sums over points are taken of: 1, y, and of each other pose z and z y^T."""

    @classmethod
    def of(cls, views: Float[Tensor, "V N 3"]) -> Poses:
        first, others = views[0], views[1:]
        products = (others[..., :, None] * first[:, None, :]).flatten(2)
        columns = [torch.ones_like(first[:, :1]), first, *others, *products]
        return cls(first, others, torch.cat(columns, 1))

    def fit(self, weights: Float[Tensor, "H N"]) -> Motions:
        """The proper motions that bring the weighted points closest to where they are. Source: Kabsch 1976."""
        return self.fit_sums(weights @ self.pairs)

    def fit_sums(self, sums: Float[Tensor, "H p"]) -> Motions:
        """The same from sums of ``pairs`` over the points of each set, with their weights."""
        W = len(self.others)
        mean = sums[:, 1:] / sums[:, :1].clamp_min(torch.finfo(sums.dtype).tiny)
        y, z, product = mean[:, :3], mean[:, 3 : 3 + 3 * W], mean[:, 3 + 3 * W :]
        y, z, product = y[:, None, :], z.unflatten(1, (W, 3)), product.unflatten(1, (W, 3, 3))
        U, _, Vh = torch.linalg.svd(product - z[..., :, None] * y[..., None, :])
        last = torch.linalg.det(U) * torch.linalg.det(Vh)
        R = torch.cat([U[..., :2], U[..., 2:] * last[..., None, None]], -1) @ Vh
        return Motions(R, z - (R @ y[..., None])[..., 0])

    def squares(self, motions: Motions) -> Float[Tensor, "H N"]:
        """The squared distance between where each motion brings each point and where it is, summed over the poses."""
        found = [(rest.square()).sum((1, 2)) for _, rest in self._rests(motions)]
        return torch.cat(found) if found else self.first.new_zeros(0, len(self.first))

    def apart(self, motions: Motions) -> Float[Tensor, "H N"]:
        """The squared distance of a point in all poses from the place whose images under each motion are nearest.

        Noise in the first pose moves the images in all others alike: what they have in common, c = sum_v R_v^T r_v of
        the W rests r_v, counts for less, sum_v |r_v|^2 - |c|^2 / (W + 1). Of noise with the deviation s of a coordinate
        in each pose this is s^2 times chi-squared with 3 W degrees of freedom.
        """
        found = []
        for part, rest in self._rests(motions):
            common = part.R.mT.transpose(1, 2).flatten(2) @ rest.flatten(1, 2)
            found.append(rest.square().sum((1, 2)) - common.square().sum(1) / (1 + len(self.others)))
        return torch.cat(found) if found else self.first.new_zeros(0, len(self.first))

    def _rests(self, motions: Motions) -> Iterator[tuple[Motions, Float[Tensor, "h W 3 N"]]]:
        """Some motions at a time, and from where points are to where these bring them; sums go along points."""
        first, others = self.first.mT.contiguous(), self.others.mT.contiguous()
        for some in torch.arange(len(motions)).split(max(1, _HELD // self.others.numel())):
            part = motions.take(some)
            there = (part.R.flatten(0, 2) @ first).unflatten(0, part.R.shape[:3])
            yield part, there + part.t[..., None] - others
