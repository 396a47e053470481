"""Axes for a cloud whose second moments leave some undetermined: higher moments first, then its outermost points."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.frames._signs import stabilizer_rule
from isotropy.linalg import eigh

_MOST = 4096
"""Partial frames kept while choosing points; a cloud with more is sampled."""
_CHUNK = 2**20
"""(partial frame, point) pairs compared at a time."""
_PAIRS = 2048
"""Clouds of at most this many points are looked at pair by pair."""
_SAME = 16.0
"""Axes of points that coincide are found apart by at most this many times the rounding of one."""


@dataclass(frozen=True, eq=False)
class AxisBlock:
    """Axes U (d, m) that are not told apart.

    Rounding alone makes coordinates of size ``noise`` along them; extents up to ``thin`` show no directions.
    """

    U: Float[Tensor, "d m"]
    noise: float
    thin: float

    def __len__(self) -> int:
        return self.U.shape[1]


@dataclass(frozen=True, eq=False)
class TiedCloud:
    """One centred cloud ``y`` (n, d) of size 1 whose second moments have these ``blocks`` of axes, longest first.

    ``invariants`` (n, c) are numbers of size at most 1 that no symmetry changes; ``tol`` is what counts as equal,
    relative to the size of things.
    """

    y: Float[Tensor, "n d"]
    weight: Float[Tensor, " n"]
    invariants: Float[Tensor, "n c"]
    blocks: tuple[AxisBlock, ...]
    tol: float

    def extent(self, block: AxisBlock) -> float:
        """The largest length in the block, whatever its axes; 0 where that is too small to show directions."""
        largest = float(torch.linalg.vector_norm((self.y @ block.U).detach(), dim=1).max())
        return largest if largest > block.thin else 0.0

    def tolerance(self, block: AxisBlock) -> float:
        """What counts as equal among coordinates in the block, relative to its extent."""
        return max(self.tol, self.rounding(block))

    def rounding(self, block: AxisBlock) -> float:
        """The angle to which the direction of a point in the block is known; 0 in a null space."""
        extent = self.extent(block)
        return block.noise / extent if extent else 0.0


def pair_invariants(y: Float[Tensor, "n d"], weight: Float[Tensor, " n"]) -> Float[Tensor, "n c"]:
    """Means of <y_i, y_j>^k over all j, k = 3, 4, 6, between -1 and 1 for clouds of size 1: how others see a point.

    They tell apart points at one radius, as on a sphere. Clouds of many points, where they cost most, do without.

    >>> pair_invariants(torch.tensor([[1.0], [-0.5]]), torch.ones(2))[:, 0].tolist()
    [0.4375, -0.0546875]
    """
    if len(y) > _PAIRS:
        return y[:, :0]
    inner = y @ y.mT
    return torch.stack([inner**k @ weight for k in (3, 4, 6)], 1) / weight.sum()


@dataclass(frozen=True, eq=False)
class Partial:
    """F orthonormal sets of k axes (F, d, k) with their weights, and the place (k,) of each axis in the frame."""

    axes: Float[Tensor, "F d k"]
    weight: Float[Tensor, " F"]
    place: tuple[int, ...] = ()
    sampled: bool = False

    def times(self, bases: Float[Tensor, "R d m"], weight: Float[Tensor, " R"], place: tuple[int, ...]) -> "Partial":
        """Each set extended by each of the bases of one block."""
        F, R = len(self.weight), len(weight)
        left, right = self.axes.repeat_interleave(R, 0), bases.repeat(F, 1, 1)
        both = self.weight.repeat_interleave(R) * weight.repeat(F)
        return Partial(torch.cat([left, right], -1), both, self.place + place, self.sampled)


Rule = Callable[[int], tuple[Tensor, Tensor]]
"""Bases (R, m, m) and weights (R,) that stand for all bases of an m-dimensional block."""


def tied_frame(cloud: TiedCloud, rule: Rule | None, generator: torch.Generator) -> Partial:
    """The frame (F, d, d) of one cloud with tied axes: equivariant as a weighted set, independent of point order.

    Tied axes are parted by higher moments, then by choosing points; or, given ``rule``, they are turned by its bases.
    Axes that stand alone take both signs, null spaces a design on O(m) that is exact for outputs of degree 2.
    Source: specification 03 §2.3, policies 2-4.
    """
    blocks = [part for block in cloud.blocks for part in (split(cloud, block) if rule is None else [block])]
    starts = torch.tensor([0, *map(len, blocks)]).cumsum(0).tolist()
    places = [tuple(range(start, start + len(block))) for start, block in zip(starts, blocks, strict=False)]
    tied = [len(block) > 1 and cloud.extent(block) > 0 for block in blocks]
    one = cloud.y.new_ones(1)
    found = Partial(cloud.y.new_zeros(1, cloud.y.shape[1], 0), one)
    # Axes that stand alone come first, so that the points are chosen with their coordinates in view.
    for i in sorted(range(len(blocks)), key=lambda i: (tied[i], len(blocks[i]) > 1)):
        if tied[i] and rule is None:
            found = _choose_points(cloud, found, blocks[i], places[i], generator)
            continue
        bases, weight = rule(len(blocks[i])) if tied[i] and rule is not None else stabilizer_rule(len(blocks[i]))
        found = found.times(blocks[i].U @ bases.to(one), weight.to(one), places[i])
    order = sorted(range(len(found.place)), key=lambda k: found.place[k])
    return Partial(found.axes[:, :, order], found.weight, tuple(range(len(order))), found.sampled)


def split(cloud: TiedCloud, block: AxisBlock) -> list[AxisBlock]:
    """The block parted, again and again, by moments weighted with |y|^2p, p = 0 ... 3, and with each invariant.

    The moments are taken inside the block and relative to its own extent, so that thin blocks are seen clearly.
    """
    if len(block) == 1 or cloud.extent(block) == 0:
        return [block]
    p, radius = cloud.y @ block.U, cloud.y.square().sum(1)
    powers = torch.stack([radius**k for k in range(4)])
    weights = cloud.weight * torch.cat([powers, cloud.invariants.mT])
    mass = (cloud.weight * p.square().sum(1)).sum().detach()
    moments = torch.einsum("qn,ni,nj->qij", weights, p, p) / mass
    # Shifted by one, the tolerance of the clusters is relative to the mass, also where weights cancel.
    found = eigh(moments + torch.eye(len(block)).to(p), tol=cloud.tolerance(block))
    parting = (found.cluster[:, -1] > 0).nonzero().flatten()
    if not len(parting):
        return [block]
    vectors, cluster = found.vectors[parting[0]], found.cluster[parting[0]]
    parts = [replace(block, U=block.U @ vectors[:, cluster == c]) for c in cluster.unique()]
    return [part for few in parts for part in split(cloud, few)]


def _choose_points(
    cloud: TiedCloud, found: Partial, block: AxisBlock, place: tuple[int, ...], generator: torch.Generator
) -> Partial:
    """Fill the block axis by axis with the directions of the points that are extreme in everything invariant.

    What decides is, in this order: the length of what is left of the point in the block, its radius, its invariants,
    its lengths in all blocks, and its coordinates along all axes chosen so far. All points that tie are taken.
    """
    p, tol = cloud.y @ block.U @ block.U.mT, cloud.tolerance(block)
    with torch.no_grad():
        lengths = [
            torch.linalg.vector_norm(y, dim=1) for y in (cloud.y, *(cloud.y @ other.U for other in cloud.blocks))
        ]
        fixed = torch.stack([lengths[0], *cloud.invariants.T, *lengths[1:]])
    start = len(found.place)
    for k in place:
        tie = _ties(cloud.y, p / cloud.extent(block), fixed, found.axes.detach(), start, tol)
        branch, point = tie.nonzero(as_tuple=True)
        weight = found.weight[branch] / tie.sum(1)[branch]
        branch, point, weight, sampled = _limit(branch, point, weight, generator)
        left = _outside(p[point][:, None], found.axes[branch][:, :, start:])[:, 0]
        axis = left / torch.linalg.vector_norm(left, dim=-1, keepdim=True)
        longer = torch.cat([found.axes[branch], axis[:, :, None]], -1)
        found = merged(Partial(longer, weight, (*found.place, k), found.sampled or sampled), cloud.rounding(block))
    return found


@torch.no_grad()
def _ties(y: Tensor, p: Tensor, fixed: Tensor, axes: Tensor, start: int, tol: float) -> Bool[Tensor, "F n"]:
    """For each set of axes, the points that come first when the block is continued from axis ``start``."""
    found: list[Tensor] = []
    for some in axes.split(max(1, _CHUNK // len(p))):
        height = torch.linalg.vector_norm(_outside(p, some[:, :, start:]), dim=-1)
        same = [key.expand(len(some), -1) for key in fixed]
        found.append(_extreme([height, *same, *(y @ some).unbind(-1)], tol))
    return torch.cat(found)


def _outside(p: Float[Tensor, "... n d"], axes: Float[Tensor, "F d k"]) -> Float[Tensor, "F n d"]:
    """What is left of the points beside each set of axes."""
    return p - (p @ axes) @ axes.mT


def _extreme(keys: list[Tensor], tol: float) -> Bool[Tensor, "F n"]:
    """The points with the lexicographically largest keys (F, n) each, up to runs of gaps of at most ``tol``."""
    left = torch.ones_like(keys[0], dtype=torch.bool)
    for key in keys:
        value = torch.where(left, key, -torch.inf)
        ranked = value.sort(-1, descending=True).values
        # Points out of the race stand at minus infinity, and infinity minus infinity is no gap.
        jump = torch.nan_to_num(ranked[:, :-1] - ranked[:, 1:], nan=0.0) > tol
        inside = torch.cat([torch.ones_like(left[:, :1]), jump.cumsum(-1) == 0], -1)
        left &= value >= ranked.masked_fill(~inside, torch.inf).amin(-1, keepdim=True)
    return left


def _limit(
    branch: Int[Tensor, " P"], point: Int[Tensor, " P"], weight: Float[Tensor, " P"], generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, bool]:
    """At most ``_MOST`` of the extended sets, and whether some were left out."""
    if len(branch) <= _MOST:
        return branch, point, weight, False
    few = torch.randperm(len(branch), generator=generator)[:_MOST].to(branch.device)
    return branch[few], point[few], weight[few] * weight.sum() / weight[few].sum(), True


def merged(found: Partial, rounding: float) -> Partial:
    """The same measure with sets of axes that are equal to rounding taken together, and the sum of their weights."""
    flat = found.axes.detach().flatten(1)
    distance = torch.cdist(flat, flat, p=float("inf"))
    first = (distance <= _SAME * rounding).to(torch.uint8).argmax(1)
    kept, which = first.unique(return_inverse=True)
    weight = found.weight.new_zeros(len(kept)).index_add(0, which, found.weight)
    return Partial(found.axes[kept], weight, found.place, found.sampled)
