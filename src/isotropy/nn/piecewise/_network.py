"""From many small cells to the parts: layers that are exact cell by cell, whose votes make the cells of the next."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.frames import MixturePartition, Partition, PiecewiseLayer, voronoi_partition
from isotropy.linalg import Segments, check_points
from isotropy.nn.piecewise._sizes import cell_sizes
from isotropy.nn.piecewise._standardised import Standardised
from isotropy.reps import Rep, Scalar, Vector
from isotropy.settings import Settled

N = TypeVar("N", bound="_OnEncoder")


class _Plan(NamedTuple):
    cells: int
    channels: tuple[int, ...]
    """Scalars, and as many Vectors, that each layer gives."""
    variances: tuple[float, ...]
    """Of a vote about the centre of its part, in square metres: coarser cells, layer by layer."""
    width: int


# Of the paper: cells, channels and variances; the width is that of the last layer of its network.
_PLANS: dict[str, _Plan] = {
    "paper": _Plan(40, (8, 8, 8, 32), (0.001, 0.001, 0.003, 0.005), 128),
    "small": _Plan(24, (4, 4, 16), (0.001, 0.003, 0.005), 32),
}


@dataclass(frozen=True, eq=False)
class PiecewiseTrace:
    """What happened within: ``votes`` (L, N, 3); of each layer the share of ``degenerate`` cells, how many ``cells``
    votes made, the ``residual`` of their mixture and the ``doubts`` about them; ``delta`` is the largest one."""

    votes: Float[Tensor, "L N 3"]
    degenerate: tuple[float, ...]
    cells: tuple[int, ...]
    residual: tuple[float, ...]
    doubts: tuple[float, ...]

    @property
    def delta(self) -> float:
        return max(self.doubts)


class PiecewiseEncoder(Settled):
    """Features of points of a cloud in parts, from cells that the network finds: small ones first, then its own.

    ``encoder(x (N, 3), normals (N, 3) | None, segments)`` gives features (N, c) of the type ``rep_out``, the Partition
    that each layer worked in, the first that of ``voronoi_partition``, the last that which the last votes made, and a
    PiecewiseTrace. Each layer is exact for any motions of its cells by ``group``; how near the whole is to exact for
    the true parts, ``isotropy.frames.piecewise_certificate`` tells. Nothing is drawn.

    - ``group``: "E(3)", "SE(3)", "O(3)", "SO(3)"; ``size``: "paper" has the cells, channels and variances of the paper,
      "small" trains on a CPU in minutes.
    - ``normals``: whether normals are given. ``cells``, ``variances`` (in the square of the unit of the points) replace
      those of the size, ``k_local`` is that of the layers.

    Raises DomainError, ShapeError, DtypeError for what does not fit. Source: Atzmon et al., ICLR 2024; specification
    06 §2.5.

    >>> encoder = PiecewiseEncoder(size="small")
    >>> feats, cells, trace = encoder(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)))
    >>> feats.shape, len(cells), trace.votes.shape
    (torch.Size([50, 64]), 4, torch.Size([3, 50, 3]))
    """

    def __init__(
        self,
        group: str = "E(3)",
        size: str = "small",
        *,
        normals: bool = False,
        cells: int | None = None,
        variances: tuple[float, ...] | None = None,
        k_local: int = 10,
    ) -> None:
        super().__init__()
        if size not in _PLANS:
            raise DomainError(f"size={size!r}", f"one of {', '.join(map(repr, _PLANS))}")
        plan = _PLANS[size]
        self.group, self.size, self.normals = group, size, normals
        self.cells = plan.cells if cells is None else cells
        self.variances = plan.variances if variances is None else tuple(variances)
        if len(self.variances) != len(plan.channels) or self.cells < 1:
            raise DomainError(
                f"cells={self.cells}, variances={self.variances}",
                f"1 or more, and {counted(len(plan.channels), 'variance')}",
            )
        facing = Vector("normal")
        rep: Rep | None = facing if normals else None
        layers: list[PiecewiseLayer] = []
        for channels in plan.channels:
            out = channels * Scalar + channels * Vector
            facings = "normal" if normals else ""
            layers.append(PiecewiseLayer(rep, out, group, k_local, width=plan.width, normals=facings))
            rep = facing + out if normals else out
        self.layers = nn.ModuleList(layers)
        self.rep_out: Rep = plan.channels[-1] * Scalar + plan.channels[-1] * Vector
        # Cells are chosen, not mixed: no derivative goes through a fit.
        self.mixtures = [MixturePartition(self.cells, variance, implicit=False) for variance in self.variances]

    def with_cells(self, cells: int) -> PiecewiseEncoder:
        """The same weights, beginning with other ``cells``.

        >>> encoder = PiecewiseEncoder()
        >>> [len(c) for c in encoder.with_cells(7)(torch.randn(30, 3))[1]][0]
        7
        """
        if cells < 1:
            raise DomainError(f"cells={cells}", "1 or more")
        other = copy.copy(self)
        other.cells = cells
        other.mixtures = [MixturePartition(cells, variance, implicit=False) for variance in self.variances]
        return other

    def settings(self) -> dict[str, Any]:
        return {"group": self.group, "size": self.size, "cells": self.cells, "variances": list(self.variances)}

    def forward(
        self, x: Tensor, normals: Tensor | None = None, segments: Segments | None = None
    ) -> tuple[Float[Tensor, "N c"], list[Partition], PiecewiseTrace]:
        if (normals is None) == self.normals:
            raise ShapeError(f"normals={'None' if normals is None else 'given'}", f"normals={self.normals} as declared")
        check_points(x, segments, dim=3)
        if normals is not None and normals.shape != x.shape:
            raise ShapeError(f"normals of shape {tuple(normals.shape)}", f"{tuple(x.shape)}, one for each point")
        clouds = Segments.one(len(x), x.device) if segments is None else segments
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "k=.* seeds for a cloud of")  # small clouds begin with single points
            cells, _ = voronoi_partition(x, self.cells, clouds)
        used, votes, degenerate, alive, residual, doubts = [cells], [], [], [], [], []
        feats, out = normals, x[:, :0]
        for layer, mixture in zip(cast(list[PiecewiseLayer], list(self.layers)), self.mixtures, strict=True):
            out, said = layer(x, feats, cells)
            _, cells, found = mixture(said, clouds)
            used.append(cells)
            votes.append(said)
            degenerate.append(layer.diagnostics["degenerate_fraction"])
            alive.append(len(cells))
            residual.append(found.residual)
            doubts.append(found.delta)
            feats = out if normals is None else torch.cat([normals, out], 1)
        trace = PiecewiseTrace(torch.stack(votes), tuple(degenerate), tuple(alive), tuple(residual), tuple(doubts))
        return out, used, trace


class _OnEncoder(Settled):
    """A network on a PiecewiseEncoder."""

    encoder: PiecewiseEncoder

    def with_cells(self: N, cells: int) -> N:
        """The same weights, beginning with other ``cells``."""
        other = copy.copy(self)
        other._modules = {**self._modules, "encoder": self.encoder.with_cells(cells)}
        return other


class PiecewiseSegmenter(_OnEncoder):
    """The part or class of each point: ``logits (N, num_classes)``, the Partitions of the layers, a PiecewiseTrace.

    The settings beside ``num_classes`` are those of PiecewiseEncoder: ``group``, ``size``, ``normals``, ``cells``,
    ``variances``, ``k_local``. The logits come from a last layer in the cells that the last votes made.

    >>> logits, cells, trace = PiecewiseSegmenter(4)(torch.randn(30, 3, generator=torch.Generator().manual_seed(0)))
    >>> logits.shape
    torch.Size([30, 4])
    """

    def __init__(self, num_classes: int, group: str = "E(3)", size: str = "small", **settings: Any) -> None:
        super().__init__()
        _check_classes(num_classes)
        self.num_classes = num_classes
        self.encoder = PiecewiseEncoder(group, size, **settings)
        self.decoder = PiecewiseLayer(
            self.encoder.rep_out, num_classes * Scalar, group, settings.get("k_local", 10), width=_PLANS[size].width
        )

    def settings(self) -> dict[str, Any]:
        return {"classes": self.num_classes}

    def forward(
        self, x: Tensor, normals: Tensor | None = None, segments: Segments | None = None
    ) -> tuple[Float[Tensor, "N classes"], list[Partition], PiecewiseTrace]:
        feats, cells, trace = self.encoder(x, normals, segments)
        logits, _ = self.decoder(x, feats, cells[-1])
        return logits, cells, trace


class PiecewiseClassifier(_OnEncoder):
    """The class of each cloud: ``logits (clouds, num_classes)``, the Partitions of the layers, a PiecewiseTrace.

    The settings are those of PiecewiseSegmenter. Of each point a small network sees how large its last cell is along
    the axes of that, and the scalars of the encoder; what it makes of these is pooled over points, by the mean and the
    largest. No motion of a cell changes any of it; where parts lie to each other is not seen. Clouds of different
    classes differ by little beside what a thigh and a foot differ by: sizes, and what is pooled, are taken about their
    mean, in units of their deviation, over the clouds seen in training.

    >>> logits, cells, trace = PiecewiseClassifier(4)(torch.randn(30, 3, generator=torch.Generator().manual_seed(0)))
    >>> logits.shape
    torch.Size([1, 4])
    """

    def __init__(self, num_classes: int, group: str = "E(3)", size: str = "small", **settings: Any) -> None:
        super().__init__()
        _check_classes(num_classes)
        self.num_classes = num_classes
        self.encoder = PiecewiseEncoder(group, size, **settings)
        width, self.scalars = _PLANS[size].width, _PLANS[size].channels[-1]
        sizes = 9 if self.encoder.normals else 6
        self.sizes = Standardised(sizes)
        self.numbers = nn.Sequential(
            nn.Linear(sizes + self.scalars, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, width),
        )  # fmt: skip
        self.head = nn.Sequential(
            Standardised(2 * width), nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, num_classes)
        )

    def settings(self) -> dict[str, Any]:
        return {"classes": self.num_classes}

    def forward(
        self, x: Tensor, normals: Tensor | None = None, segments: Segments | None = None
    ) -> tuple[Float[Tensor, "clouds classes"], list[Partition], PiecewiseTrace]:
        feats, cells, trace = self.encoder(x, normals, segments)
        last, clouds = cells[-1], cells[-1].clouds
        sizes = self.sizes(last.cells.gather(cell_sizes(x, normals, last, self.encoder.group)))
        numbers = self.numbers(torch.cat([sizes, feats[:, : self.scalars]], 1))
        return self.head(torch.cat([clouds.mean(numbers), clouds.max(numbers)], 1)), cells, trace


def _check_classes(num_classes: int) -> None:
    if num_classes < 1:
        raise DomainError(f"num_classes={num_classes}", "1 or more")
