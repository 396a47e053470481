"""Frames that vary continuously: every tuple of points gives axes, and the nearly dependent ones count less."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from isotropy.errors import DomainError, InfeasibleError, counted
from isotropy.frames._padded import euclidean, log_of, no_rows, nothing, padded, placed, stacked
from isotropy.frames._signs import complete
from isotropy.groups import DiscreteMeasure, Group, parse
from isotropy.linalg import Segments
from isotropy.random import spawn

MOST_TUPLES = 2_000_000
"""The largest number of tuples in a batch that is listed."""


@dataclass(frozen=True, init=False)
class WeightedTupleFrame:
    """Axes by Gram-Schmidt from each (d-1)-tuple of points, weighted so that the measure is continuous in the cloud.

    SO completes the axes to a right-handed basis, O takes both signs of the last axis: ``n (n-1)`` or ``2 n (n-1)``
    atoms for d = 3.

    - ``group``: O(d), SO(d), or after centring at the mean E(d), SE(d).
    - ``power``: the next point j of a tuple has the conditional weight ``|r_j|^(2 power) / sum_k |r_k|^(2 power)``, r
      being what the points before it leave of it. ``power >= 1/2`` makes averages Lipschitz.
    - ``num_samples``: so many tuples are drawn for each cloud instead of all, by the same uniforms of ``seed``:
      unbiased, value and derivative, with ``exact=False``, and equivariant under permutations in distribution only.

    Averages of a continuous function are continuous in x wherever outputs are invariant, and for all outputs at clouds
    of rank d-1 or more. At clouds of lower rank (a line in space, a point), marked ``degenerate``, the stabiliser is
    averaged by a finite rule, exact for outputs of degree at most 2; a component that the stabiliser moves is 0 there,
    and near by depends on the direction of approach.

    Call with ``x (B, n, d)``, or flat ``(N, d)`` with segments. Raises DomainError for another group, a power that is
    not positive or a cloud that is not finite, ShapeError and DtypeError for wrong input, InfeasibleError for more
    tuples than can be listed. Source: Dym, Lawrence and Siegel, ICML 2024; the weights of their tuples, Gram
    determinants, are normalised here stage by stage, without which invariant averages jump at clouds on a line.

    >>> frame = WeightedTupleFrame("SO(2)")
    >>> frame(torch.tensor([[[2.0, 0.0], [0.0, 1.0]]])).weight
    tensor([[0.8000, 0.2000]])
    """

    group: Group
    power: float
    num_samples: int | None
    seed: int

    def __init__(self, group: Group | str, power: float = 1.0, num_samples: int | None = None, seed: int = 0) -> None:
        group = parse(group)
        euclidean(group)
        if not (power > 0 and math.isfinite(power)):
            raise DomainError(f"power={power}", "a positive number")
        if num_samples is not None and num_samples < 1:
            raise DomainError(f"num_samples={num_samples}", "at least 1, or None for all tuples")
        for name, value in (("group", group), ("power", power), ("num_samples", num_samples), ("seed", seed)):
            object.__setattr__(self, name, value)

    def __call__(self, x: Shaped[Tensor, "*index d"], segments: Segments | None = None) -> DiscreteMeasure:
        if no_rows(x, segments):
            return nothing(self.group, x, exact=self.num_samples is None)
        special, affine = euclidean(self.group)
        clouds = padded(self.group, x, segments, centred=affine)
        d = x.shape[-1]
        rank = _rank(clouds.y.detach(), clouds.zero)
        length = rank.clamp_max(d - 1)
        parts: list[tuple[Tensor, Tensor]] = []
        rows: list[Tensor] = []
        for level in length.unique().tolist():
            some = (length == level).nonzero().flatten()
            axes, weight = self._tuples(clouds.y[some], int(level), clouds.rounding[some])
            g, rule = complete(axes, special)
            parts.append((g.flatten(1, 2), (weight[..., None] * rule).flatten(1)))
            rows.append(some)
        g, weight = stacked(parts, torch.cat(rows))
        return DiscreteMeasure(
            placed(g, clouds.centre, affine, x),
            log_of(weight).to(x),
            exact=self.num_samples is None,
            degenerate=rank < d - 1,
        )

    def _tuples(self, y: Tensor, level: int, rounding: Tensor) -> tuple[Tensor, Tensor]:
        """Axes ``(B, P, level, d)`` and weights ``(B, P)`` of all tuples, or of those drawn."""
        if self.num_samples is not None and level > 0:
            # Drawn on the CPU, and for all stages, so that neither the device nor the rank of a cloud changes them.
            u = torch.rand(y.shape[2] - 1, self.num_samples, generator=spawn(self.seed, "tuples"), dtype=torch.float64)
            return drawn_tuples(y, u[:level].to(y.device), self.power, rounding)
        if len(y) * y.shape[1] ** level > MOST_TUPLES:
            given = (
                f"{counted(len(y), 'cloud')} of {counted(y.shape[1], 'point')}, with {y.shape[1]}^{level} tuples each"
            )
            raise InfeasibleError(given, f"at most {MOST_TUPLES} tuples", "num_samples=100 draws them")
        return all_tuples(y, level, self.power, rounding)


def all_tuples(
    y: Float[Tensor, "B n d"], level: int, power: float, rounding: Float[Tensor, " B"]
) -> tuple[Float[Tensor, "B P level d"], Float[Tensor, "B P"]]:
    """The axes of every tuple of ``level`` different points, with its weight; unit vectors where the weight is 0."""
    batch, n, d = y.shape
    axes, weight = y.new_zeros(batch, 1, 0, d), y.new_ones(batch, 1)
    index = torch.zeros(1, 0, dtype=torch.int64, device=y.device)
    every = torch.arange(n, device=y.device)
    for _ in range(level):
        left = _left_over(y[:, None], axes)
        conditional, unit = _conditional(left, power, rounding)
        fresh = (index[:, None] != every[:, None]).all(-1).flatten()
        index = torch.cat([index[:, None].expand(-1, n, -1), every[:, None].expand(len(index), -1, -1)], -1)
        index = index.flatten(0, 1)[fresh]
        weight = (weight[..., None] * conditional).flatten(1)[:, fresh]
        longer = torch.cat([axes[:, :, None].expand(-1, -1, n, -1, -1), unit[..., None, :]], -2)
        axes = longer.flatten(1, 2)[:, fresh]
    return _whole(axes, weight), weight


def drawn_tuples(
    y: Float[Tensor, "B n d"], u: Float[Tensor, "level k"], power: float, rounding: Float[Tensor, " B"]
) -> tuple[Float[Tensor, "B k level d"], Float[Tensor, "B k"]]:
    """``k`` tuples drawn with their weights as probabilities, by the uniform numbers ``u``, stage by stage.

    Each weighs 1/k; its derivative is that of its probability, so that the derivative of an average is unbiased too.
    """
    count = u.shape[1]
    axes = y.new_zeros(len(y), count, 0, y.shape[2])
    weight = y.new_full((len(y), count), 1 / count)
    for uniform in u:
        left = _left_over(y[:, None], axes)
        conditional, unit = _conditional(left, power, rounding)
        conditional = conditional.expand(-1, count, -1)
        unit = unit.expand(-1, count, -1, -1)
        chosen = _invert(conditional.detach(), uniform)
        p = conditional.gather(-1, chosen)[..., 0]
        weight = weight * (p / p.detach())
        axes = torch.cat([axes, torch.take_along_dim(unit, chosen[..., None], 2)], 2)
    return axes, weight


def _left_over(y: Float[Tensor, "B _P n d"], axes: Float[Tensor, "B P l d"]) -> Float[Tensor, "B _P n d"]:
    """Each point without its components along the axes of each tuple; removed twice, for its digits."""
    left = y
    for _ in range(2 if axes.shape[2] else 0):
        left = left - (left @ axes.mT) @ axes
    return left


def _conditional(
    left: Float[Tensor, "B P n d"], power: float, rounding: Float[Tensor, " B"]
) -> tuple[Float[Tensor, "B P n"], Float[Tensor, "B P n d"]]:
    """The weight of each point as the next of a tuple, and its direction; both 0 where rounding alone is left."""
    square = left.square().sum(-1)
    alive = square.detach() > rounding[:, None, None].square()
    safe = torch.where(alive, square, 1.0)
    weight = torch.where(alive, safe**power, 0.0)
    total = weight.sum(-1, keepdim=True)
    unit = torch.where(alive[..., None], left * safe.rsqrt()[..., None], 0.0)
    return weight / torch.where(total > 0, total, 1.0), unit


def _invert(p: Float[Tensor, "B k n"], u: Float[Tensor, " k"]) -> Int[Tensor, "B k 1"]:
    """The points at which the cumulative weights pass ``u``."""
    cumulative = p.cumsum(-1)
    return torch.searchsorted(
        cumulative / cumulative[..., -1:], u[None, :, None].expand(len(p), -1, 1).contiguous(), right=True
    )


def _whole(axes: Float[Tensor, "B P l d"], weight: Float[Tensor, "B P"]) -> Float[Tensor, "B P l d"]:
    """Coordinate axes in place of those that have no weight."""
    standard = torch.eye(axes.shape[-1], dtype=axes.dtype, device=axes.device)[: axes.shape[2]]
    return torch.where((weight.detach() > 0)[..., None, None], axes, standard)


def _rank(y: Float[Tensor, "B n d"], zero: Float[Tensor, " B"]) -> Int[Tensor, " B"]:
    """The dimension of the span, by Gram-Schmidt on the point farthest from the span of those before."""
    rank = torch.zeros(len(y), dtype=torch.int64, device=y.device)
    left = y
    for _ in range(min(y.shape[1:])):
        size = torch.linalg.vector_norm(left, dim=-1)
        longest, at = size.max(1)
        rank = rank + (longest > zero)
        axis = (
            torch.take_along_dim(left, at[:, None, None], 1) / torch.where(longest > zero, longest, 1.0)[:, None, None]
        )
        for _ in range(2):
            left = left - (left @ axis.mT) @ axis
        left = left * (longest > zero)[:, None, None]
    return rank
