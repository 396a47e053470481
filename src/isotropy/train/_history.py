"""What a training did, one row for each epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass
class History:
    """Rows ``epoch, step, loss, validation, lr, penalty/..., multiplier/...``, and how the training ended.

    Terms with names add ``loss/<name>`` and ``validation/<name>``; several optimisers have ``lr/<name>`` each.
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
        """One column, in the order of the epochs, None where it is empty; raises ``KeyError`` for an unknown name."""
        if self.rows and not any(name in row for row in self.rows):
            raise KeyError(name)
        return [row.get(name) for row in self.rows]
