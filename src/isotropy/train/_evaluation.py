"""The model as others see it, while it is being trained: its loss on validation batches, with averaged weights."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from isotropy.errors import DomainError
from isotropy.train._average import Average
from isotropy.train._task import Task, is_whole
from isotropy.train._terms import Means, Terms, share_of

if TYPE_CHECKING:
    from isotropy.train._place import Place


class Evaluation:
    """Measures the terms of a task on validation batches, without gradients, in evaluation mode."""

    def __init__(
        self, task: Task, model: nn.Module, batches: Iterable[Any] | None, place: Place, average: Average | None
    ) -> None:
        self.task, self.model, self.batches, self.place, self.average = task, model, batches, place, average

    def averaged(self) -> AbstractContextManager[None]:
        """The model with its averaged weights, where there is an average."""
        return nullcontext() if self.average is None else self.average.shown()

    def measure(self) -> dict[str, float]:
        """The mean of each term over the validation rows. Raises ``DomainError`` without batches."""
        whole = is_whole(self.task)
        self.model.eval()
        means = Means()
        with torch.no_grad(), nullcontext() if whole else self.place.autocast():
            for batch in self.batches or ():
                terms = self.task.evaluate(self.model, self.place.to_device(batch))
                means.add_rows(Terms.read(terms, self.task.per if whole else "either"), share_of(self.batches) > 0)
        self.model.train()
        if not means.sums:
            raise DomainError("no validation batches", "an iterable that starts again", "a list or Batches")
        return means.over(self.place)
