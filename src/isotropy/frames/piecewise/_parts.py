"""The parts of a body that moves in parts, from poses of it: which points keep one rigid motion, and how each moved."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError, counted
from isotropy.frames.piecewise._motions import Motions, Poses
from isotropy.frames.piecewise._partition import Partition
from isotropy.groups import homogeneous
from isotropy.linalg import Segments, eigh, farthest_points, neighbours

_PATCHES = (5, 12, 40)
"""Points of the surroundings from which a motion is guessed: few stay within a small part, many are exact."""
_SEEDS = 256
_ROUNDS = 8
_FLOOR = 1e4
"""Units of the last place that motions fitted to small patches, and read far from them, are exact to."""
_UNLIKELY = 0.999
"""Of the points of a part, that share lies within the distance up to which a motion explains a point at all."""
_ODDS = math.log(20.0)
"""A point is decided where its motion explains it twenty times better than any other."""
_ALIKE = 0.5
"""What a neighbour that keeps its distance counts, in log odds: four outweigh a point's own slight preference."""
_SURROUNDINGS = 8
_PURE = 0.2


@dataclass(frozen=True, eq=False)
class Parts:
    """What ``discover_parts`` finds of N points in V poses, in the unit of the points.

    ``partition`` has the K parts, numbered by size, the largest first. ``motions`` are V - 1 tensors (K, 4, 4) that
    bring a part from the first pose to each other one. ``residual (K,)`` is the root mean square distance per
    coordinate that they leave, of points that they explain; about ``noise`` times the root of 2. ``stabiliser`` names
    for each part the group of turns and mirrors about its centre that its second moments cannot see: O(2) about an axis
    for a table top, a rod or a capsule, O(3) for a ball or a point, C(1) where there is none. ``undecided (N,)`` marks
    points that no motion explains, or two nearly as well; they are given to the likeliest part. ``noise`` is the
    standard deviation of a coordinate, given or estimated.
    """

    partition: Partition
    motions: list[Float[Tensor, "K 4 4"]]
    residual: Float[Tensor, " K"]
    stabiliser: tuple[str, ...]
    undecided: Bool[Tensor, " N"]
    noise: float

    def __len__(self) -> int:
        return len(self.partition)

    def __repr__(self) -> str:
        many, open_ = counted(len(self.undecided), "point"), int(self.undecided.sum())
        return f"Parts({counted(len(self), 'part')} of {many}, {open_} undecided, noise {self.noise:.2g})"


def discover_parts(views: Tensor, noise: float | None = None) -> Parts:
    """Which of N corresponding points in V >= 2 poses ``views (V, N, 3)`` move together, how many such parts there are.

    Motions are guessed from the surroundings of points spread over the body, grown over all points that they explain,
    and taken one by one while they explain more than their 6 (V - 1) numbers are worth (BIC); then points and motions
    are fitted in turn, parts that one motion explains are joined, and neighbours that keep their distance in all poses
    lean on each other. A body that moves as a whole is one part. ``noise`` is the standard deviation of a coordinate,
    in the unit of the points; by default it is estimated, first from small surroundings, then from the parts. Nothing
    is drawn: neither the order of points nor a motion of all of them changes the parts. Time is some hundred times N.

    Raises ShapeError for other shapes, fewer than two poses and fewer than four points; DomainError naming pose and row
    that are not finite, and for negative noise; DtypeError. Source: specification 06 §5.9; as a fit of several models
    that pays for each it follows Isack and Boykov, IJCV 2012.

    >>> x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> x[40:] += 4.0
    >>> turned = torch.cat([x[:40], x[40:] @ torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]).double()])
    >>> discover_parts(torch.stack([x, turned]))
    Parts(2 parts of 60 points, 0 undecided, noise ...)
    """
    check_views(views, noise)
    given = views.detach().to("cpu", torch.float64)
    centres = given.mean(1)
    poses = Poses.of(given - centres[:, None])
    # Who is near is asked of the points as they came, whose rounding says which distances are equal.
    search = _Search.of(poses, views[0].detach().cpu(), _FLOOR * torch.finfo(views.dtype).eps, noise)
    motions, label = search.run()
    search, motions, label = _again(search, motions, label, noise)
    return _told(search, motions, label, centres)


def check_views(views: Tensor, noise: float | None) -> None:
    """Refuses what are no poses of one set of points."""
    if views.dtype not in (torch.float32, torch.float64):
        raise DtypeError(f"views of dtype {views.dtype}", "float32 or float64", "views.double()")
    if views.ndim != 3 or views.shape[-1] != 3:
        raise ShapeError(
            f"views of shape {tuple(views.shape)}", "(V, N, 3): row i is the same point in every pose", "torch.stack"
        )
    if len(views) < 2:
        raise ShapeError("one pose", "two or more: one pose does not show what moves", "stack another one")
    if views.shape[1] < 4:
        raise ShapeError(counted(views.shape[1], "point"), "four or more: three points fit nearly any motion")
    bad = (~views.isfinite()).any(-1).nonzero()
    if len(bad):
        raise DomainError(
            f"coordinates that are not finite in pose {int(bad[0, 0])}, row {int(bad[0, 1])}", "finite ones"
        )
    if noise is not None and not (noise >= 0 and math.isfinite(noise)):
        raise DomainError(f"noise={noise}", "a standard deviation, 0 or more, in the unit of the points")


@dataclass(frozen=True, eq=False)
class _Search:
    """Poses, who is near whom, and what a distance costs; ``noise`` is that of a coordinate of one pose."""

    poses: Poses
    points: Float[Tensor, "N 3"]
    edges: Int[Tensor, "2 F"]
    floor: float
    noise: float

    @classmethod
    def of(cls, poses: Poses, points: Float[Tensor, "N 3"], floor: float, noise: float | None) -> _Search:
        floor *= float(poses.first.norm(dim=1).max())
        found = cls(poses, points, neighbours(points, k=_SURROUNDINGS), floor, 0.0)
        return found.at(found._noise_of_patches() if noise is None else noise)

    def at(self, noise: float) -> _Search:
        return replace(self, noise=max(noise, self.floor))

    @property
    def dof(self) -> int:
        """Coordinates that show where a point is: those of the other poses."""
        return 3 * len(self.poses.others)

    @property
    def worst(self) -> float:
        """What a point costs that no motion explains."""
        return float(scipy.stats.chi2.ppf(_UNLIKELY, self.dof)) / 2

    @property
    def price(self) -> float:
        """What a motion costs: half its numbers times the log of the points (Schwarz 1978)."""
        return self.dof * math.log(len(self.poses.first))

    def costs(self, motions: Motions) -> Float[Tensor, "H N"]:
        """Half of the squared distance in units of the variance of a coordinate, in which all poses are noisy."""
        return (self.poses.apart(motions) / (2 * self.noise**2)).clamp_max(self.worst)

    def run(self) -> tuple[Motions, Int[Tensor, " N"]]:
        """Motions that pay, and the one of each point."""
        motions = Motions.none(len(self.poses.others))
        paid = torch.full_like(self.poses.first[:, 0], self.worst)
        for _ in range(_ROUNDS):
            more = self._taken(self._grown(self._guesses(paid)), paid)
            if not len(more):
                break
            motions = self._in_turn(motions.and_also(more))
            paid = self.costs(motions).amin(0)
        if not len(motions):
            raise DomainError(
                f"poses in which no four points keep their distances to within {self.noise:.1e}",
                "row i the same point in every pose",
                "sort the points alike in all poses, or give their noise",
            )
        return motions, self._leaning(self.costs(motions))

    def _guesses(self, paid: Float[Tensor, " N"]) -> Motions:
        """From surroundings of points spread over what no motion explains yet, among what none explains."""
        guessed, rows = Motions.none(len(self.poses.others)), (paid >= self.worst).nonzero().flatten()
        if len(rows) < 4:
            return guessed
        seeds, _ = farthest_points(self.points[rows], min(_SEEDS, len(rows)))
        for k in _PATCHES:
            sets, source = _surroundings(self.points[rows], k)
            mine, of = sets.take(seeds)
            guessed = guessed.and_also(self.poses.fit_sums(of.sum(self.poses.pairs[rows[source[mine]]])))
        return guessed

    def _grown(self, motions: Motions) -> Motions:
        """Each fitted again to all that it explains, until it explains no more; of those that explain the same, one."""
        grown, before = Motions.none(len(self.poses.others)), None
        for _ in range(_ROUNDS):
            inside = self.costs(motions) < self.worst
            settled = torch.zeros(len(inside), dtype=torch.bool) if before is None else (inside == before).all(1)
            first = _first_of_each(inside)
            first = first[inside[first].sum(1) >= 4]
            grown, going = grown.and_also(motions.take(first[settled[first]])), first[~settled[first]]
            if not len(going):
                return grown
            before = inside[going]
            motions = self.poses.fit(before.double())
        return grown.and_also(motions)

    def _taken(self, motions: Motions, paid: Float[Tensor, " N"]) -> Motions:
        """One after another the motion that saves most, while it saves more than it costs."""
        costs, chosen = self.costs(motions), []
        while len(costs):
            saved = (paid - costs).clamp_min(0).sum(1)
            best = int(saved.argmax())
            if float(saved[best]) <= self.price:
                break
            chosen.append(best)
            paid = torch.minimum(paid, costs[best])
        return motions.take(torch.tensor(chosen, dtype=torch.int64))

    def _in_turn(self, motions: Motions) -> Motions:
        """Points and motions fitted in turn; of two that one motion explains as well, for its price, one goes."""
        label = self.costs(motions).argmin(0)
        for turn in range(1, 4 * _ROUNDS + 1):
            motions = self._fitted(motions, label)
            again = self.costs(motions).argmin(0)
            settled = bool(torch.equal(again, label))
            # Points of one part that two motions explain alike change sides for long: they are not waited for.
            if settled or turn % _ROUNDS == 0:
                joined = self._joined(motions, again)
                if joined is not None:
                    motions, again = joined, self.costs(joined).argmin(0)
                elif settled:
                    break
            label = again
        return motions

    def _fitted(self, motions: Motions, label: Int[Tensor, " N"]) -> Motions:
        """To the points that each explains; one that explains fewer than four stays as it is."""
        costs = self.costs(motions)
        inside = torch.nn.functional.one_hot(label, len(motions)).double().mT * (costs < self.worst)
        few = inside.sum(1) < 4
        again = self.poses.fit(inside)
        return Motions(
            torch.where(few[:, None, None, None], motions.R, again.R),
            torch.where(few[:, None, None], motions.t, again.t),
        )

    def _joined(self, motions: Motions, label: Int[Tensor, " N"]) -> Motions | None:
        """The points of two motions that are each other's likeliest given to one, where that is cheaper."""
        K = len(motions)
        if K < 2:
            return None
        costs = self.costs(motions)
        own = torch.nn.functional.one_hot(label, K).double().mT
        # What the points of each would cost under each other one; its neighbour is the cheapest.
        other = (own @ costs.mT).fill_diagonal_(torch.inf).argmin(1)
        both = own + own[other]
        fitted = self.poses.fit(both * (torch.minimum(costs, costs[other]) < self.worst))
        found, share = self.costs(fitted), own.mean(1)
        before = _mixed(costs, share) + self.price
        for k in range(K):
            l = int(other[k])
            left = torch.ones(K, dtype=torch.bool)
            left[[k, l]] = False
            after = torch.cat([costs[left], found[k : k + 1]]), torch.cat([share[left], (share[k] + share[l])[None]])
            if _mixed(*after) < before:
                return motions.take(left.nonzero().flatten()).and_also(fitted.take(torch.tensor([k])))
        return None

    def _leaning(self, costs: Float[Tensor, "K N"]) -> Int[Tensor, " N"]:
        """The motion of each point, where neighbours that keep their distance in all poses lean on each other."""
        source, target = self.edges
        lengths = torch.stack([(p[source] - p[target]).norm(dim=1) for p in (self.poses.first, *self.poses.others)])
        # A difference of two lengths has the deviation of two coordinates: three of them are kept.
        kept = (lengths - lengths[0]).abs().amax(0) < 3 * math.sqrt(2) * self.noise * math.sqrt(2)
        source, target = source[kept], target[kept]
        q = torch.softmax(-costs, 0)
        for _ in range(2 * _ROUNDS):
            around = torch.zeros_like(q).index_add(1, target, q[:, source])
            q = torch.softmax(_ALIKE * around - costs, 0)
        return q.argmax(0)

    def _noise_of_patches(self) -> float:
        """From the smaller surroundings: a fifth of them at least lie within one part, and leave the least."""
        sets, source = _surroundings(self.points, _PATCHES[1])
        motions = self.poses.fit_sums(sets.sum(self.poses.pairs[source]))
        square = torch.zeros(sets.count, dtype=torch.float64)
        for pose, R, t in zip(self.poses.others, motions.R.unbind(1), motions.t.unbind(1), strict=True):
            there = (R[sets.label] @ self.poses.first[source][..., None])[..., 0] + t[sets.label]
            square += sets.sum((there - pose[source]).square().sum(1))
        free = len(self.poses.others) * (3 * sets.sizes - 6).clamp_min(1).double()
        least = torch.from_numpy(scipy.stats.chi2.ppf(_PURE, free.numpy()))
        return float((square / (2 * least)).quantile(_PURE).sqrt())

    def noise_of(self, motions: Motions, label: Int[Tensor, " N"]) -> float:
        """From how far motions leave their points, by the median: what no motion explains does not count."""
        square = self.poses.apart(motions).gather(0, label[None])[0]
        return float((square.median() / scipy.stats.chi2.median(self.dof)).sqrt())


def _mixed(costs: Float[Tensor, "K N"], share: Float[Tensor, " K"]) -> float:
    """What all points cost where each motion has its share of them: to say which one it is costs, too."""
    return -float(torch.logsumexp(share.log()[:, None] - costs, 0).sum())


def _first_of_each(sets: Bool[Tensor, "H N"]) -> Int[Tensor, " h"]:
    """The first row of each set that rows mark, in their order."""
    _, first = np.unique(np.packbits(sets.numpy(), axis=1), axis=0, return_index=True)
    return torch.from_numpy(first).sort().values


def _surroundings(y: Float[Tensor, "n 3"], k: int) -> tuple[Segments, Int[Tensor, " E"]]:
    """Each point with its k nearest: to whose surroundings every entry belongs, and the row of its point."""
    own = torch.arange(len(y)).expand(2, -1)
    source, target = torch.cat([own, neighbours(y, k=k)], 1)
    return Segments(target, len(y)), source


def _again(
    search: _Search, motions: Motions, label: Int[Tensor, " N"], noise: float | None
) -> tuple[_Search, Motions, Int[Tensor, " N"]]:
    """Once more with the noise that the parts themselves show."""
    if noise is None:
        search = search.at(search.noise_of(motions, label))
        motions, label = search.run()
    return search, motions, label


def _told(search: _Search, motions: Motions, label: Int[Tensor, " N"], centres: Float[Tensor, "V 3"]) -> Parts:
    sizes = torch.bincount(label, minlength=len(motions))
    kept = sizes.argsort(descending=True, stable=True)[: int((sizes > 0).sum())]
    place = torch.full_like(sizes, -1).index_put((kept,), torch.arange(len(kept)))
    motions, label = motions.take(kept), place[label]
    squares = search.poses.squares(motions)
    costs = search.poses.apart(motions) / (2 * search.noise**2)
    own = costs.gather(0, label[None])[0]
    others = costs.scatter(0, label[None], torch.inf).amin(0)
    undecided = (own >= search.worst) | (others - own < _ODDS)
    partition = Partition(label)
    explained = (own < search.worst).double()
    left = partition.cells.sum(squares.gather(0, label[None])[0] * explained)
    residual = (left / (search.dof * partition.cells.sum(explained).clamp_min(1))).sqrt()
    # y -> R (y - c_0) + t + c_v
    t = motions.t + centres[1:] - (motions.R @ centres[0][:, None])[..., 0]
    moved = [homogeneous(R, shift) for R, shift in zip(motions.R.unbind(1), t.unbind(1), strict=True)]
    stabiliser = tuple(_stabiliser(search.poses.first[partition.rows(k)], search.noise) for k in range(len(partition)))
    return Parts(partition, moved, residual, stabiliser, undecided, search.noise)


def _stabiliser(y: Float[Tensor, "n 3"], noise: float) -> str:
    """Which turns about the centre change the second moments by no more than the points themselves vary."""
    y = y - y.mean(0)
    found = eigh(y.mT @ y / len(y), tol=0.0)
    along = (y @ found.vectors).square()
    least = (3 * noise) ** 2  # lengths that noise alone has
    mean = torch.where(found.values > least, found.values, 0.0)

    def alike(a: int, b: int) -> bool:
        apart = along[:, a] - along[:, b]
        return float(mean[a] - mean[b]) <= 2 * float(apart.std()) / len(y) ** 0.5 if float(mean[a]) else True

    first, last = alike(0, 1), alike(1, 2)
    if first and last:
        return "O(3)"
    if not (first or last):
        return "C(1)"
    axis = found.vectors[:, 2 if first else 0]
    axis = axis * torch.sign(axis[axis.abs().argmax()])
    return "O(2)@(" + ",".join(f"{value:g}" for value in (axis.round(decimals=3) + 0.0).tolist()) + ")"
