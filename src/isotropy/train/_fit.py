"""``fit``: what to train, on what, until when; the loop itself is in ``_loop``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from isotropy.errors import DomainError
from isotropy.random import derive, spawn
from isotropy.runs import Run, progress_bar
from isotropy.soft import Constraint
from isotropy.train._batches import Batches
from isotropy.train._history import History
from isotropy.train._loop import Callback, Loss, Settings, Training
from isotropy.train._schedule import Schedule
from isotropy.train._writers import RunMetrics, Writer


def fit(
    model: nn.Module,
    loss: Loss,
    batches: Iterable[Any],
    *,
    optimizer: Optimizer | Callable[[Iterator[nn.Parameter]], Optimizer],
    constraints: Sequence[Constraint] = (),
    schedule: Schedule | None = None,
    max_steps: int | None = None,
    max_epochs: int | None = None,
    validation: Iterable[Any] | None = None,
    validate_every: int = 1,
    patience: int | None = None,
    best_from: int = 0,
    clip: float | None = None,
    callbacks: Sequence[Callback] = (),
    writers: Sequence[Writer] = (),
    run: Run | None = None,
    checkpoint_every: float = 30.0,
    seed: int = 0,
    devices: int | str | None = None,
    precision: Any = None,
    fabric: Fabric | None = None,
    progress: bool | None = None,
) -> History:
    """Trains ``model`` in place on ``loss(model, batch) -> (B,)`` plus the constraints' terms, and returns its history.

    ``batches`` is any iterable that starts again for each epoch (``Batches``, a list, a DataLoader); its ``set_epoch``
    is called where it has one. ``optimizer`` is built, or builds itself from the parameters. ``schedule(step, total)``
    multiplies the learning rate. With ``validation`` batches the same loss, without constraints, is measured every
    ``validate_every`` epochs; the model ends with its best weights since epoch ``best_from``, and training stops after
    ``patience`` epochs without a better one. ``clip`` bounds the norm of the gradient. ``callbacks`` receive
    ``(row, model)`` after each epoch and end the training by returning True; ``writers`` receive the rows.
    With a ``run`` a checkpoint is written at most every ``checkpoint_every`` seconds and at the end, rows go to its
    ``metrics.jsonl``, and a training that finds its checkpoint continues from it: on the CPU bit for bit as if it had
    not been interrupted. The training lies where the model lies, or on ``devices`` (a number or "auto"), or where
    ``fabric`` says. Raises ``DomainError`` without an end, ``DivergedError`` for a loss that is not finite,
    ``ShapeError`` for a loss that is not one number for each row, ``SchemaError`` for another training's checkpoint.

    >>> x = torch.linspace(-1, 1, 64)[:, None]
    >>> line = torch.nn.Linear(1, 1)
    >>> history = fit(line, lambda model, batch: (model(batch[0]) - batch[1]).square().mean(-1),
    ...     Batches(x, 3 * x, batch_size=16), optimizer=torch.optim.SGD(line.parameters(), lr=0.5), max_epochs=30)
    >>> round(line.weight.item(), 3), history.reason
    (3.0, 'max_epochs')
    """
    _check(max_steps, max_epochs, validation, patience, validate_every)
    fabric = fabric or _fabric(model, devices, precision)
    built = optimizer if isinstance(optimizer, Optimizer) else optimizer(model.parameters())
    batches = _placed(batches, fabric)
    steps = len(cast(Sized, batches)) if hasattr(batches, "__len__") else None
    total = _total(max_steps, max_epochs, steps)
    if schedule is not None and total is None:
        raise DomainError(
            "a schedule, and batches of unknown number",
            "a total number of steps",
            "give max_steps, or batches with len()",
        )
    settings = Settings(
        max_steps, max_epochs, schedule, total, patience, best_from, validate_every, clip, checkpoint_every, seed
    )
    cuda = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda), progress_bar("training", total, progress) as advance:
        torch.manual_seed(derive(seed, "fit"))
        forward, stepper = cast(tuple[nn.Module, Any], fabric.setup(model, built))
        main = fabric.is_global_zero
        training = Training(
            model=model,
            forward=forward,
            optimizer=built,
            step_optimizer=stepper,
            loss=loss,
            batches=batches,
            validation=None if validation is None else _placed(validation, fabric),
            constraints=constraints,
            generators=[spawn(seed, "constraint", number) for number in range(len(constraints))],
            fabric=fabric,
            settings=settings,
            writers=[*([RunMetrics(run)] if run is not None else []), *writers] if main else [],
            callbacks=callbacks,
            run=run,
            advance=advance,
        )
        training.restore()
        return training.run_to_the_end()


def _check(
    max_steps: int | None, max_epochs: int | None, validation: object, patience: int | None, validate_every: int
) -> None:
    if max_steps is None and max_epochs is None:
        raise DomainError("a training without an end", "max_steps=... or max_epochs=...")
    for name, value in (("max_steps", max_steps), ("max_epochs", max_epochs), ("patience", patience)):
        if value is not None and value < 1:
            raise DomainError(f"{name}={value}", "at least 1, or None")
    if validate_every < 1:
        raise DomainError(f"validate_every={validate_every}", "at least 1")
    if patience is not None and validation is None:
        raise DomainError(f"patience={patience} without validation", "validation batches to be patient about")


def _fabric(model: nn.Module, devices: int | str | None, precision: Any) -> Fabric:
    """Fabric where the model lies, or on as many devices as asked for."""
    if devices is not None:
        fabric = Fabric(accelerator="auto", devices=devices, precision=precision)
        fabric.launch()
        return fabric
    device = next(model.parameters()).device
    if device.type == "cpu":
        return Fabric(accelerator="cpu", devices=1, precision=precision)
    return Fabric(accelerator=device.type, devices=[device.index or 0], precision=precision)


def _placed(batches: Iterable[Any], fabric: Fabric) -> Iterable[Any]:
    """Batches on the device of this process: a table moves once, a DataLoader gets its part of the rows."""
    if isinstance(batches, Batches):
        placed = batches.to(fabric.device)
        return placed.shard(fabric.global_rank, fabric.world_size) if fabric.world_size > 1 else placed
    if isinstance(batches, DataLoader) and fabric.world_size > 1:
        return cast(Iterable[Any], fabric.setup_dataloaders(batches))
    return batches


def _total(max_steps: int | None, max_epochs: int | None, steps: int | None) -> int | None:
    by_epochs = None if max_epochs is None or steps is None else max_epochs * steps
    known = [total for total in (max_steps, by_epochs) if total is not None]
    return min(known) if known else None
