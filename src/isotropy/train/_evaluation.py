"""The model as others see it, while it is being trained: its loss on validation batches, with averaged weights."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from isotropy.errors import DomainError
from isotropy.train._place import Place
from isotropy.train._task import Task, is_whole
from isotropy.train._terms import Means, Terms, share_of


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


class Average:
    """``average <- decay average + (1 - decay) parameters`` after each step, from the parameters after the first.

    The numbers of ``torch.optim.swa_utils.AveragedModel``, without its copy of the module: buffers stay those of the
    model. Source: Polyak, Juditsky, SIAM J. Control Optim. 30 (1992).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._parameters = [p for p in model.parameters() if p.is_floating_point() or p.is_complex()]
        self._values = [parameter.detach().clone() for parameter in self._parameters]
        self._mix: Any = get_ema_multi_avg_fn(decay)
        self._steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the parameters after a step."""
        if self._steps == 0:
            _copy(self._parameters, self._values)
        else:
            self._mix(self._values, self._parameters, self._steps)
        self._steps += 1

    @contextmanager
    def shown(self) -> Generator[None, None, None]:
        """The model with the average as its parameters, for as long as the context lasts."""
        own = [parameter.detach().clone() for parameter in self._parameters]
        self.install()
        try:
            yield
        finally:
            _copy(own, self._parameters)

    def install(self) -> None:
        """Gives the model the average for good."""
        _copy(self._values, self._parameters)

    def state_dict(self) -> dict[str, Any]:
        return {"values": self._values, "steps": self._steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        _copy(state["values"], self._values)
        self._steps = int(state["steps"])


@torch.no_grad()
def _copy(source: Sequence[Tensor], target: Sequence[Tensor]) -> None:
    for value, place in zip(source, target, strict=True):
        place.copy_(value)
