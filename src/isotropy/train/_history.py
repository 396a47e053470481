"""What a training did, one row for each epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass
class History:
    """Rows ``epoch, step, loss, validation, lr, penalty/..., multiplier/...``, and how the training ended.

    ``reason`` is ``"max_steps"``, ``"max_epochs"``, ``"patience"`` or ``"callback"``; ``best`` is the lowest
    validation loss, at ``best_epoch``, whose weights the model has (None without validation).

    >>> History([{"epoch": 0, "loss": 2.0}, {"epoch": 1, "loss": 1.0}], "max_epochs").curve("loss")
    [2.0, 1.0]
    """

    rows: list[Row] = field(default_factory=list[Row])
    reason: str = ""
    best: float | None = None
    best_epoch: int | None = None

    @property
    def epochs(self) -> int:
        return len(self.rows)

    @property
    def steps(self) -> int:
        return int(self.rows[-1]["step"]) if self.rows else 0

    def curve(self, name: str) -> list[Any]:
        """One column, in the order of the epochs; raises ``KeyError`` for an unknown name."""
        return [row[name] for row in self.rows]
