"""The model as others see it, while it is being trained: with a moving average of its weights."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


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
