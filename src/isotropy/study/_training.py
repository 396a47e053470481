"""What trainings of several experiments share: the call of ``fit``, a place in the run, and what is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, is_dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from isotropy import __version__
from isotropy.random import derive
from isotropy.runs import Run

Loss = Callable[[nn.Module, Any], Tensor]


def train(
    network: nn.Module,
    loss: Loss,
    batches: Iterable[Any],
    settings: Any,
    run: Run,
    seed: int,
    validation: Iterable[Any] | None = None,
    decay: float | int = 0.0,
    clip: float | int | None = None,
) -> None:
    """Adam with a cosine to 0, over the epochs, with the rate, of a plan; resumed where it was interrupted."""
    from isotropy.train import Cosine, fit  # most questions of a study train nothing

    fit(
        network,
        loss,
        batches,
        optimizer=torch.optim.Adam(network.parameters(), lr=float(settings.rate), weight_decay=float(decay)),
        schedule=Cosine(),
        max_epochs=settings.epochs,
        validation=validation,
        validate_every=getattr(settings, "validate_every", 1),
        clip=None if clip is None else float(clip),
        run=run,
        checkpoint_every=60.0,
        seed=seed,
        progress=False,
    )
    network.eval()


def part(run: Run, plan: Any, *keys: object) -> Run:
    """The place of one training in the run: a name without what file systems refuse.

    The plan is in the name, and the version of the package, so that a run that is continued with other sizes or code
    trains anew and does not take a checkpoint of the old ones for its own.

    >>> import tempfile
    >>> with Run(tempfile.mkdtemp()) as run:
    ...     part(run, {"epochs": 3}, "FA-GIN+ID, sorted", 0).path.name[:-6]
    'FA-GIN_ID__sorted-0-'
    """
    name = "-".join(str(key) for key in keys)
    plan = asdict(cast(Any, plan)) if is_dataclass(plan) else plan
    digest = f"{derive(0, __version__, json.dumps(plan, sort_keys=True)):016x}"[-6:]
    clean = "".join(letter if letter.isalnum() or letter == "-" else "_" for letter in name)
    return run.part(f"training/{clean}-{digest}")


def size(network: nn.Module) -> int:
    """How many numbers training changes.

    >>> size(nn.Linear(2, 3))
    9
    """
    return sum(parameter.numel() for parameter in network.parameters())
