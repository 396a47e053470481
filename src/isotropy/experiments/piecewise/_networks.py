"""The networks that are compared: others' by their names, and ours, whose loss and partitions are told along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.experiments.peers import LABELLERS, Pooled
from isotropy.experiments.piecewise._config import Learning
from isotropy.frames import Partition
from isotropy.linalg import Segments
from isotropy.nn import PiecewiseClassifier, PiecewiseSegmenter, PiecewiseTrace, part_targets, piecewise_loss
from isotropy.random import derive

OURS = "piecewise frames"
METHODS = (*LABELLERS, OURS)
UNIT = 0.125
"""Metres. Of networks that see points of a limb, about as large as the numbers they see."""
_VARIANCES = {"small": (0.001, 0.003, 0.005), "paper": (0.001, 0.001, 0.003, 0.005)}  # of votes, in square metres
_VOTES = 1.0


class Piecewise(nn.Module):
    """Ours on dense clouds as others are, with or without normals: logits; ``partitions``, ``trace`` are the last."""

    def __init__(self, network: PiecewiseSegmenter | PiecewiseClassifier) -> None:
        super().__init__()
        self.network = network
        self.partitions: list[Partition] = []
        self.trace: PiecewiseTrace | None = None

    def forward(self, x: Float[Tensor, "rows n d"]) -> Tensor:
        rows, n, _ = x.shape
        points, *normals = x.flatten(0, 1).split(3, 1)
        logits, self.partitions, self.trace = self.network(points, *normals, segments=clouds_of(rows, n))
        return logits.unflatten(0, (rows, n)) if isinstance(self.network, PiecewiseSegmenter) else logits


def clouds_of(rows: int, n: int) -> Segments:
    """``rows`` clouds of n points, flat."""
    return Segments(torch.arange(rows).repeat_interleave(n), rows)


def network(method: str, classes: int, plan: Learning, seed: int, *, whole: bool = False) -> nn.Module:
    """A network of one ``method``, labels of points, or of ``whole`` clouds, from a seed of its own.

    >>> network("PointNet", 5, Learning(normals=False), 0)(torch.randn(2, 9, 3)).shape
    torch.Size([2, 9, 5])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "network", method))
        if method != OURS:
            made = LABELLERS[method](classes, plan.divide, plan.k, inputs=6 if plan.normals else 3)
            return Pooled(made) if whole else made
        variances = tuple(variance / UNIT**2 for variance in _VARIANCES[plan.size])
        kind = PiecewiseClassifier if whole else PiecewiseSegmenter
        settings = {"cells": plan.cells, "variances": variances, "k_local": plan.k, "normals": plan.normals}
        return Piecewise(kind(classes, "E(3)", plan.size, **settings))


def losses(method: str) -> Callable[[nn.Module, Any], Float[Tensor, " rows"]]:
    """The cross entropy of each row; of ours, with the error of votes for the centres of parts.

    A batch is points (rows, n, 3), or (rows, n, 6) with normals, labels (rows, n) or (rows,), and parts (rows, n).
    """

    def entropy(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        x, label, _ = batch
        return _entropy(model(x), label)

    def ours(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        x, label, part = batch
        logits = model(x)
        assert isinstance(model, Piecewise)
        assert model.trace is not None
        votes = _vote_error(model.trace, x, part)
        return _entropy(logits, label) + _VOTES * votes

    return ours if method == OURS else entropy


def _entropy(logits: Tensor, label: Int[Tensor, ...]) -> Float[Tensor, " rows"]:
    each = nn.functional.cross_entropy(logits.flatten(0, -2), label.flatten(), reduction="none")
    return each.view(len(label), -1).mean(1)


def _vote_error(trace: PiecewiseTrace, x: Float[Tensor, "rows n d"], part: Int[Tensor, "rows n"]) -> Tensor:
    """The loss of the paper without its entropy, which is added with a weight of its own."""
    flat, sets = x[..., :3].flatten(0, 1), clouds_of(*x.shape[:2])
    targets = part_targets(flat, part.flatten(), sets)
    nothing = torch.zeros(len(flat), 1)
    return piecewise_loss(nothing, trace, targets, torch.zeros(len(flat), dtype=torch.int64), weight=0.0)
