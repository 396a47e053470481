"""What a frame sees in one cloud: its axes, how sure they are, and how many elements stand for it."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.frames._averaged import FrameAveraged
from isotropy.frames._pca import PCAFrame
from isotropy.groups import Group, Window
from isotropy.measure import equivariance_defects
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Vector

_WIDTH = 32
_DRAWS = 16
_ROUNDING = 1e-14  # eigenvalues below this share of the largest are zero


@dataclass(frozen=True)
class Portrait:
    """One cloud as principal axes see it.

    ``spreads`` are standard deviations along the axes, in the unit of the coordinates, equal ``clusters`` mark axes
    that the second moments do not tell apart, ``gap`` is the smallest relative gap between eigenvalues of different
    clusters (inf for one cluster), ``frames`` the number of elements, ``exact`` whether they are all, and ``error`` the
    largest deviation of a frame-averaged random network from equivariance, relative to the size of its output. About an
    axis the spreads are those of the plane across it.

    >>> Portrait(2, (1.0, 0.0), (0, 1), 1.0, 4, True, 0.0).frames
    4
    """

    points: int
    spreads: tuple[float, ...]
    clusters: tuple[int, ...]
    gap: float
    frames: int
    exact: bool
    error: float


def portrait(x: Float[Tensor, "n d"], frame: PCAFrame, seed: int = 0) -> Portrait:
    """What ``frame`` makes of the cloud ``x (n, d)``, and how exact the average over it is.

    Raises what the frame raises. Source: specification 03 §3.

    >>> square = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]).double()
    >>> seen = portrait(square, PCAFrame("O(2)"))
    >>> seen.frames, seen.clusters, seen.error < 1e-10
    (8, (0, 0), True)
    """
    group: Group = frame.group
    type_ = Cloud(Point if group.affine else Vector)
    measure = frame(x[None])
    found = frame.spectrum(x[None])
    values, clusters = found.values[0], found.cluster[0]
    values = torch.where(values > _ROUNDING * values[0], values, 0.0)
    apart = clusters[1:] != clusters[:-1]
    gaps = ((values[:-1] - values[1:]) / values[0])[apart]
    model = FrameAveraged(_Network(x.shape[1], seed), frame, type_, type_)
    within = None if group.compact else Window(group, 1.0)
    defects = equivariance_defects(
        model.to(x.dtype), group, x[None], model.rep_in, model.rep_out, measure=within, n=_DRAWS, seed=seed
    )
    return Portrait(
        points=len(x),
        spreads=tuple((values / len(x)).sqrt().tolist()),
        clusters=tuple(clusters.tolist()),
        gap=float(gaps.min()) if len(gaps) else math.inf,
        frames=int((measure.weight > 0).sum()),
        exact=measure.exact,
        error=defects.largest,
    )


class _Network(nn.Module):
    """A random smooth map of points to points, which knows the whole cloud through its mean feature."""

    def __init__(self, d: int, seed: int) -> None:
        super().__init__()
        draw = spawn(seed, "portrait")
        first, second = torch.randn(d, _WIDTH, generator=draw), torch.randn(2 * _WIDTH, d, generator=draw)
        self.first = nn.Parameter(first / math.sqrt(d), requires_grad=False)
        self.second = nn.Parameter(second / math.sqrt(2 * _WIDTH), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(x @ self.first + 0.3)
        return x + torch.cat([h, h.mean(1, keepdim=True).expand_as(h)], -1) @ self.second
