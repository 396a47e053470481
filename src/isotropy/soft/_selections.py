"""Which transformations a training with a constraint selects, beside how hard they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.soft._transforms import TransformSet

BINS = 5  # of strengths, as wide as each other to one part in thirty
NARROW = 320  # narrow ones behind them


@dataclass(frozen=True)
class Selected:
    """What became of one ``kind`` of transformation of strengths above ``low`` and up to ``high`` (the first from 0).

    Both are NaN for transformations that have no strength, as the mirrors of O(2), whose rotations have one.
    ``proposed`` and ``selected`` are shares of all draws, ``loss`` is the mean loss of rows under those proposed. Where
    the draws follow the law aimed at, a density proportional to the loss, ``often`` is ``loss`` over its mean.
    """

    kind: str
    low: float
    high: float
    proposed: float
    selected: float
    loss: float

    @property
    def often(self) -> float:
        """How many times as often as it was proposed."""
        return self.selected / self.proposed


class Selections:
    """Counts of transformations proposed and selected, by kind and strength, over a training.

    >>> from isotropy.soft import ImageOps, draw
    >>> ops, seen = ImageOps(["brightness", "contrast"]), Selections()
    >>> drawn = draw(lambda x, y: x.mean((1, 2, 3)), torch.rand(100, 1, 4, 4), None, ops,
    ...              generator=torch.Generator().manual_seed(0))
    >>> seen.add(ops, drawn.first, drawn.first_loss, drawn.params)
    >>> len(seen.rows()), {row.kind for row in seen.rows()} == {"brightness", "contrast"}
    (10, True)
    """

    def __init__(self) -> None:
        self.kinds: tuple[str, ...] = ()
        self.farthest = 0.0
        # Many narrow bins, which become wider by powers of two as something stronger comes: what was counted before is
        # never in the wrong one. The last place of a kind is for what has no strength.
        self._width = 0.0
        self._sums = torch.zeros(3, 0, NARROW + 1, dtype=torch.float64)

    def add(self, transforms: TransformSet, proposed: Any, loss: Float[Tensor, " n"], selected: Any) -> None:
        """Counts one batch: what was proposed first for each row, the loss under it, and what was selected."""
        if not len(loss):
            return
        if not self.kinds:
            self.kinds = transforms.kinds
            self._sums = torch.zeros(3, len(self.kinds), NARROW + 1, dtype=torch.float64)
        before, after = (
            (k.cpu(), s.detach().double().cpu()) for k, s in map(transforms.strengths, (proposed, selected))
        )
        for _, strength in (before, after):
            self._widen(float(strength.where(strength.isfinite(), 0).max()))
        there, one = self._places(*before), torch.ones(len(loss), dtype=torch.float64)
        flat = self._sums.flatten(1)
        flat[0].index_add_(0, there, one)
        flat[1].index_add_(0, there, loss.detach().double().cpu())
        flat[2].index_add_(0, self._places(*after), one)

    def _widen(self, farthest: float) -> None:
        self.farthest = max(self.farthest, farthest)
        if not self._width:
            self._width = self.farthest / NARROW
        while self._width and self.farthest > NARROW * self._width * (1 + 1e-12):
            pairs = self._sums[..., :NARROW].unflatten(-1, (-1, 2)).sum(-1)
            self._sums = torch.cat([pairs, torch.zeros_like(pairs), self._sums[..., NARROW:]], -1)
            self._width *= 2

    def _places(self, which: Tensor, strength: Tensor) -> Tensor:
        # Bins hold their upper end, so that the strongest of the first batch stays where it is when they become wider.
        upper = (strength.where(strength.isfinite(), 0) / (self._width or 1.0)).ceil().long()
        bin = (upper - 1).clamp(0, NARROW - 1).where(strength.isfinite(), NARROW)
        return which * (NARROW + 1) + bin

    def rows(self) -> list[Selected]:
        """One row for each kind and bin that was proposed, kinds in their order, those without a strength last."""
        steps = self.farthest / (BINS * self._width) if self._width else 0.0
        edges = [round(k * steps) for k in range(BINS)]
        ends = [*(edge * self._width for edge in edges), self.farthest]
        ranges = [*pairwise(ends), (math.nan, math.nan)]
        places = [*zip(edges, [*edges[1:], NARROW], strict=True), (NARROW, NARROW + 1)]
        total = max(float(self._sums[0].sum()), 1.0)
        found: list[Selected] = []
        for kind, sums in zip(self.kinds, self._sums.unbind(1), strict=True):
            for (low, high), (start, end) in zip(ranges, places, strict=True):
                proposed, loss, selected = sums[:, start:end].sum(1).tolist()
                if proposed:
                    found.append(Selected(kind, low, high, proposed / total, selected / total, loss / proposed))
        return found

    def state_dict(self) -> dict[str, Any]:
        kinds = list(self.kinds)
        return {"kinds": kinds, "farthest": self.farthest, "width": self._width, "sums": self._sums.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.kinds, self.farthest = tuple(state["kinds"]), float(state["farthest"])
        self._width = float(state["width"])
        self._sums = torch.tensor(state["sums"], dtype=torch.float64).reshape(3, len(self.kinds), NARROW + 1)
