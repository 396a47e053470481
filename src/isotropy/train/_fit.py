"""``fit``: what to train, on what, until when; the loop itself is in ``_loop``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from isotropy.data import Batches, Moved
from isotropy.errors import DomainError
from isotropy.random import derive
from isotropy.runs import Run, progress_bar
from isotropy.soft import Constraint
from isotropy.train._loop import Callback, Loop
from isotropy.train._memory import Memory
from isotropy.train._place import Place, place_of, seeded
from isotropy.train._schedule import Schedule, Settings
from isotropy.train._step import Step, optimizers_of
from isotropy.train._task import Loss, Task, is_whole
from isotropy.train._writers import History, RunMetrics, Writer

if TYPE_CHECKING:
    from lightning_fabric import Fabric

OptimizerLike = Optimizer | Callable[[Iterator[nn.Parameter]], Optimizer]


def fit(
    model: nn.Module,
    loss: Loss | Task,
    batches: Iterable[Any],
    *,
    optimizer: OptimizerLike | Mapping[str, OptimizerLike],
    constraints: Sequence[Constraint] = (),
    schedule: Schedule | None = None,
    max_steps: int | None = None,
    max_epochs: int | None = None,
    validation: Iterable[Any] | None = None,
    validate_every: int = 1,
    patience: int | None = None,
    best_from: int = 0,
    clip: float | None = None,
    average: float | None = None,
    memory: str | float | None = None,
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

    - ``loss``: one number for each row, or several by name; or a ``Task``, which says what happens at a step.
    - ``batches``: any iterable that starts again for each epoch (``Batches``, a list, a DataLoader), or a stream,
      endless or not, for one epoch. Its ``set_epoch`` is called, its ``state_dict`` kept, and what its ``columns()``
      tell goes into the row of an epoch, where it has them: data may grow while they are trained on.
    - ``optimizer``: built, or builds itself from the parameters; several by name for a task that takes its own steps,
      built, or building themselves from the part of the model that has the name. ``schedule(step, total)`` multiplies
      the learning rates, ``clip`` bounds the norm of the gradient of each.
    - ``validation``: batches on which the same loss, without constraints, is measured every ``validate_every`` epochs.
      The model ends with its best weights since epoch ``best_from``, and training stops after ``patience`` epochs
      without a better one.
    - ``average``: the decay, such as 0.999, of a moving average of the parameters. Validation, callbacks and the
      trained model have the averaged ones; steps and constraints do not.
    - ``memory``: a budget such as "2GB" for forward and backward passes of a model whose blocks run one after the other
      (``optics.fit_in_memory``). What of them is kept and what runs again is planned on the first batch; plan and
      measured peak go to ``memory.json`` of the run. Steps are bit for bit those without a budget.
    - ``callbacks`` receive ``(row, model)`` after each epoch and end the training by returning True; ``writers``
      receive the rows.
    - ``run``: where a checkpoint is written, at most every ``checkpoint_every`` seconds and at the end, and rows go to
      ``metrics.jsonl``. A training that finds its checkpoint continues from it: on the CPU bit for bit as if it had
      not been interrupted.
    - ``devices`` (a number or "auto"), ``precision`` (Lightning's names) or a ``fabric``: where the training lies, if
      not where the model lies.

    Raises ``DomainError`` without an end, ``InfeasibleBudget`` for too little memory, ``DivergedError`` for a loss or a
    term that is not finite, by name and step, ``ShapeError`` for a loss that is not one number for each row,
    ``SchemaError`` for another training's checkpoint.

    >>> x = torch.linspace(-1, 1, 64)[:, None]
    >>> line = torch.nn.Linear(1, 1)
    >>> history = fit(line, lambda model, batch: (model(batch[0]) - batch[1]).square().mean(-1),
    ...     Batches(x, 3 * x, batch_size=16), optimizer=torch.optim.SGD(line.parameters(), lr=0.5), max_epochs=30)
    >>> round(line.weight.item(), 3), history.reason
    (3.0, 'max_epochs')
    """
    settings = Settings(
        max_steps, max_epochs, schedule, None, patience, best_from, validate_every, clip, average,
        checkpoint_every, seed,
    )  # fmt: skip
    if patience is not None and validation is None:
        raise DomainError(f"patience={patience} without validation", "validation batches to be patient about")
    within = None if memory is None else Memory.of(model, memory, run, loss)
    model = model if within is None else within.model
    place = fabric or place_of(model, devices, precision)
    task = loss if isinstance(loss, Task) else Task(loss)
    optimizers = optimizers_of(model, optimizer)
    for constraint in constraints:
        constraint.set_loss(task.evaluate)
    batches = _placed(batches, place)
    steps = len(cast(Sized, batches)) if hasattr(batches, "__len__") else None
    settings = replace(settings, total=_total(max_steps, max_epochs, steps))
    if schedule is not None and settings.total is None:
        raise DomainError(
            "a schedule, and batches of unknown number",
            "a total number of steps",
            "give max_steps, or batches with len()",
        )
    cuda = [place.device] if place.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda), progress_bar("training", settings.total, progress) as advance:
        seeded(derive(seed, "fit"), place.device)
        whole = is_whole(task)
        now = Step(model, optimizers, place, whole=whole, constraints=constraints, clip=clip, seed=seed)
        training = Loop(
            model=model,
            task=task,
            now=now,
            batches=batches,
            validation=None if validation is None else _placed(validation, place),
            place=place,
            settings=settings,
            writers=[*([RunMetrics(run)] if run is not None else []), *writers] if place.is_global_zero else [],
            callbacks=callbacks,
            run=run,
            advance=advance,
            memory=within,
        )
        training.restore()
        return training.run_to_the_end()


def _placed(batches: Iterable[Any], fabric: Place) -> Iterable[Any]:
    """Batches on the device of this process, which rows move to once, and the part of them that it works on."""
    if isinstance(batches, Batches):
        batches = batches.to(fabric.device)
    if isinstance(batches, Batches | Moved) and fabric.world_size > 1:
        return batches.shard(fabric.global_rank, fabric.world_size)
    if isinstance(batches, DataLoader) and fabric.world_size > 1:
        return cast(Iterable[Any], cast(Any, fabric).setup_dataloaders(batches))
    return batches


def _total(max_steps: int | None, max_epochs: int | None, steps: int | None) -> int | None:
    by_epochs = None if max_epochs is None or steps is None else max_epochs * steps
    known = [total for total in (max_steps, by_epochs) if total is not None]
    return min(known) if known else None
