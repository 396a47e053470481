"""What trainings of several experiments share: the call of ``fit``, a place in the run, and what is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from isotropy import __version__
from isotropy.modes import evaluating
from isotropy.random import derive
from isotropy.runs import Run

if TYPE_CHECKING:
    from isotropy.train import History, Task

Loss = Callable[[nn.Module, Any], Tensor]


def train(
    network: nn.Module, loss: Loss | Task, batches: Iterable[Any], plan: Any, run: Run, seed: int, **settings: Any
) -> History:
    """Adam with a cosine to 0, or what ``settings`` of ``fit`` say instead; resumed where it was interrupted.

    ``rate`` and ``epochs`` are those of the plan, as are ``decay``, ``clip`` and ``validate_every`` where it has them.
    """
    from isotropy.train import Cosine, fit  # most questions of a study train nothing

    clip = getattr(plan, "clip", None)
    usual: dict[str, Any] = {
        "optimizer": torch.optim.Adam(
            network.parameters(), lr=float(plan.rate), weight_decay=float(getattr(plan, "decay", 0.0))
        ),
        "schedule": Cosine(),
        "max_epochs": getattr(plan, "epochs", None),
        "validate_every": getattr(plan, "validate_every", 1),
        "clip": None if clip is None else float(clip),
    }
    history = fit(
        network, loss, batches, run=run, checkpoint_every=60.0, seed=seed, progress=False, **(usual | settings)
    )
    network.eval()
    return history


def cross_entropy(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """That of each row, from logits and the numbers of classes."""
    x, y = batch
    return nn.functional.cross_entropy(network(x), y, reduction="none")


def accuracy(network: nn.Module, x: Tensor, y: Tensor, *, at_once: int = 500) -> float:
    """The share of rows whose likeliest class is the true one, in evaluation; ``at_once`` rows are asked at a time.

    >>> accuracy(nn.Identity(), torch.eye(3), torch.tensor([0, 1, 0])) == 2 / 3
    True
    """
    with evaluating(network), torch.no_grad():
        found = torch.cat([network(rows).argmax(1) for rows in x.split(at_once)])
    return float((found == y).double().mean())


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
