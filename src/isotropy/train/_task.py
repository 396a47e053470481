"""What a training does at a step; one loss and one optimiser are the task that nobody has to write."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.train._step import Step
from isotropy.train._terms import Terms

Loss = Callable[[nn.Module, Any], Tensor | Mapping[str, Tensor]]
Named = Tensor | Mapping[str, Tensor]


class Task:
    """What ``fit`` does with a batch: as it stands, one step of one optimiser down the mean of ``loss(model, batch)``.

    ``loss`` returns ``(B,)``, a number for each row, or several of these by name, whose sum is trained and whose means
    are recorded as ``loss/<name>``. With ``per="batch"`` each is one number ``()`` for a batch, as contrastive losses
    are, and epochs are means over batches. Subclasses write what differs:

    - ``evaluate(model, batch)``, the terms of a batch: what validation measures, and what the inherited step descends.
    - ``step(now, batch)``, an own step: it calls ``now.model``, moves optimisers with ``now.descend(objective, name)``,
      draws from ``now.generator`` and returns the terms to record, of either kind, some at some steps only.
    - ``state_dict()`` and ``load_state_dict(state)`` for what changes outside of the model, of tensors, numbers, text,
      lists and dictionaries: a checkpoint keeps it with the model and every optimiser.

    Constraints act where an own step descends on ``now.penalised(objective, batch)``. Raises ``DomainError`` for a task
    without a loss.

    >>> import torch
    >>> class Turns(Task):
    ...     def step(self, now, batch):
    ...         for name in ("0", "1"):
    ...             now.descend((now.model(batch) - 1).square().mean(), name)
    ...         return {"error": (now.model(batch) - 1).square().mean(-1)}
    >>> model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
    >>> from isotropy.train import fit
    >>> optimizer = {"0": lambda p: torch.optim.SGD(p, 0.1), "1": lambda p: torch.optim.SGD(p, 0.1)}
    >>> history = fit(model, Turns(), [torch.ones(8, 1)], optimizer=optimizer, max_steps=40)
    >>> [row for row in history.rows[-1]], history.curve("loss/error")[-1] < 0.01
    (['epoch', 'step', 'loss', 'loss/error', 'validation', 'lr/0', 'lr/1'], True)
    """

    loss: Loss | None = None
    per: Literal["row", "batch"] = "row"

    def __init__(self, loss: Loss | None = None, *, per: Literal["row", "batch"] = "row") -> None:
        self.loss, self.per = loss, per

    def evaluate(self, model: nn.Module, batch: Any) -> Named:
        """The terms of a batch."""
        if self.loss is None:
            raise DomainError(f"{type(self).__name__} without a loss", "Task(loss), or its own evaluate(model, batch)")
        return self.loss(model, batch)

    def step(self, now: Step, batch: Any) -> Named | Terms:
        """Trains on a batch and returns its terms."""
        terms = Terms.read(self.evaluate(now.model, now.mixed(batch)), self.per)
        now.descend(now.penalised(terms.total, batch))
        return terms

    def state_dict(self) -> dict[str, Any]:
        """What changes in training outside of the model."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what ``state_dict`` returned."""


def is_whole(task: Task) -> bool:
    """Whether the step is the inherited one, which calls the model as a whole and goes backward once."""
    return type(task).step is Task.step
