"""Where a training happens: on the device of its model in this process, or wherever Lightning Fabric says."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Alone:
    """One process, one device, the precision of the model: what a training asks of Fabric, at no cost.

    Fabric takes 8 ms to build and a second to import, which short trainings would pay each time.
    """

    world_size, global_rank, is_global_zero = 1, 0, True

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def setup(self, model: nn.Module, *optimizers: Optimizer) -> Any:
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        return model, *optimizers

    def to_device(self, batch: Any) -> Any:
        if self.device.type == "cpu":
            return batch
        from lightning_fabric.utilities import move_data_to_device

        return move_data_to_device(batch, self.device)

    def autocast(self) -> AbstractContextManager[None]:
        return nullcontext()

    def backward(self, objective: Tensor, **how: Any) -> None:
        objective.backward(**how)  # pyright: ignore[reportUnknownMemberType]

    def clip_gradients(
        self, model: nn.Module, optimizer: Optimizer, *, max_norm: float, error_if_nonfinite: bool
    ) -> Tensor:
        return nn.utils.clip_grad_norm_(of_groups(optimizer), max_norm, error_if_nonfinite=error_if_nonfinite)

    def all_reduce(self, values: Tensor, reduce_op: str) -> Tensor:
        return values


if TYPE_CHECKING:
    Place = Alone | Fabric
else:
    Place = Any  # Fabric is imported when a training asks for it


def place_of(model: nn.Module, devices: int | str | None, precision: Any) -> Place:
    """Where the model lies, or on as many devices as asked for."""
    device = next(model.parameters()).device
    if devices is None and precision is None:
        return Alone(device)
    from lightning_fabric import Fabric

    if devices is not None:
        fabric = Fabric(accelerator="auto", devices=devices, precision=precision)
        fabric.launch()
        return fabric
    if device.type == "cpu":
        return Fabric(accelerator="cpu", devices=1, precision=precision)
    return Fabric(accelerator=device.type, devices=[device.index or 0], precision=precision)


def set_up(
    place: Place, model: nn.Module, optimizers: Mapping[str, Optimizer], whole: bool
) -> tuple[nn.Module, dict[str, Any]]:
    """The model to be called and what steps each optimiser, at this place.

    A step that is not ours (``whole=False``) may call any part of the model and go backward more than once, which the
    wrapper of several processes does not follow: it gets the model as it is, and ``Step`` averages the gradients.
    """
    if whole or place.world_size == 1:
        forward, *steppers = cast(Any, place.setup)(model, *optimizers.values())
    else:
        model.to(place.device)
        for tensor in chain(model.parameters(), model.buffers()):
            torch.distributed.broadcast(tensor.detach(), 0)  # pyright: ignore[reportUnknownMemberType]
        made = cast(Any, place).setup_optimizers(*optimizers.values())
        forward, steppers = model, made if isinstance(made, tuple) else (made,)
    return forward if whole else model, dict(zip(optimizers, steppers, strict=True))


def of_groups(optimizer: Optimizer) -> list[Tensor]:
    """The parameters that an optimiser moves."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def seeded(seed: int, device: torch.device) -> None:
    """Begins the streams of torch's own generators; the one of the CPU alone is quicker to reach."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The state of torch's own generators."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Brings back what ``random_state`` returned."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
