"""Which transformations a training with a constraint selects, beside how hard they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.soft._transforms import TransformSet

BINS = 5  # of strengths, equally wide


@dataclass(frozen=True)
class Selected:
    """What became of one ``kind`` of transformation of strengths ``low`` to ``high``.

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
        self._sums = torch.zeros(3, 0, dtype=torch.float64)

    def add(self, transforms: TransformSet, proposed: Any, loss: Float[Tensor, " n"], selected: Any) -> None:
        """Counts one batch: what was proposed first for each row, the loss under it, and what was selected."""
        which, strength = transforms.strengths(proposed)
        if not self.kinds:
            # Bins are those of the first batch; what is stronger later counts with the strongest.
            self.kinds, self.farthest = transforms.kinds, float(strength.max())
            self._sums = torch.zeros(3, len(self.kinds) * BINS, dtype=torch.float64)
        there, weights = self._bins(which, strength), torch.ones(len(which), dtype=torch.float64)
        self._sums[0].index_add_(0, there, weights)
        self._sums[1].index_add_(0, there, loss.detach().double().cpu())
        self._sums[2].index_add_(0, self._bins(*transforms.strengths(selected)), weights)

    def _bins(self, which: Tensor, strength: Tensor) -> Tensor:
        share = (strength.detach().double() / (self.farthest or 1.0)).clamp(0, 1)
        return (which * BINS + (share * BINS).long().clamp_max(BINS - 1)).cpu()

    def rows(self) -> list[Selected]:
        """One row for each kind and bin that was proposed, kinds in their order."""
        proposed, loss, selected = self._sums.tolist()
        total, width = max(sum(proposed), 1.0), self.farthest / BINS
        return [
            Selected(
                self.kinds[i // BINS], (i % BINS) * width, (i % BINS + 1) * width,
                proposed[i] / total, selected[i] / total, loss[i] / proposed[i],
            )
            for i in range(len(proposed)) if proposed[i]
        ]  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        return {"kinds": list(self.kinds), "farthest": self.farthest, "sums": self._sums.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.kinds, self.farthest = tuple(state["kinds"]), float(state["farthest"])
        self._sums = torch.tensor(state["sums"], dtype=torch.float64).reshape(3, -1)
