"""What a multiplier rule sees and keeps: frozen settings, one small state, three verbs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError, ShapeError

Values = Float[Tensor, " J"]
PenaltyFunction = Callable[[nn.Module, Any, Generator | None], Tensor]


@dataclass(frozen=True)
class StepInfo:
    """What the training loop tells a constraint after a step or an epoch; both counts start at 0.

    ``loss`` is the training loss (mean squared error per output), ``n`` the number of training rows, ``validation``
    the same loss on held-out rows where there are any.

    >>> StepInfo(epoch=0, step=9, loss=0.5, n=100, model=torch.nn.Linear(2, 1)).validation is None
    True
    """

    epoch: int
    step: int
    loss: float
    n: int
    model: nn.Module
    validation: float | None = None


@dataclass(frozen=True)
class RuleView:
    """All that a rule may look at: the loop's news, the penalty and its last values ``(J,)``, the last batch."""

    info: StepInfo
    penalty: PenaltyFunction
    values: Values
    bound: Values
    batch: Any
    generator: Generator | None

    def evaluate(self) -> Values:
        """The penalties ``(J,)`` of the model as it is now, in float64."""
        with torch.no_grad():
            return as_values(self.penalty(self.info.model, self.batch, self.generator))


@dataclass(frozen=True)
class RuleState:
    """The multiplier ``(J,)`` (float64, on the CPU) with what its rule remembers, in plain numbers and lists."""

    multiplier: Values
    settled: bool = False
    memory: dict[str, Any] = field(default_factory=dict[str, Any])


class Rule(ABC):
    """How multipliers follow their penalties; a rule is frozen, its state is passed in and a new one comes out."""

    watches = False  # whether it moves after each step, so that the penalty is evaluated even at multiplier zero
    needs_rows = False  # whether it reads the loss as a mean over rows, which a loss of whole batches is not

    @abstractmethod
    def begin(self, count: int) -> RuleState:
        """The state before training, for ``count`` penalties."""

    def after_step(self, state: RuleState, view: RuleView) -> RuleState:
        """The state after an optimiser step."""
        return state

    def after_epoch(self, state: RuleState, view: RuleView) -> RuleState:
        """The state after an epoch."""
        return state


def as_values(values: Tensor) -> Values:
    """Penalties ``()`` or ``(J,)`` as a detached float64 vector on the CPU."""
    return values.detach().to(device="cpu", dtype=torch.float64).reshape(-1)


def per_penalty(given: float | Sequence[float] | Tensor, count: int, what: str) -> Values:
    """One number for all penalties, or one for each: a float64 vector ``(J,)``, none of them negative or NaN.

    >>> per_penalty(0.5, 3, "start").tolist()
    [0.5, 0.5, 0.5]
    """
    values = torch.as_tensor(given, dtype=torch.float64).detach().cpu()
    if values.dim() > 1 or (values.dim() == 1 and values.numel() != count):
        raise ShapeError(
            f"{what} of shape {tuple(values.shape)}", f"one number or {count}", "one entry for each penalty"
        )
    if not bool((values >= 0).all()):
        raise DomainError(f"{what} = {values.tolist()}", "numbers >= 0")
    return values.expand(count).clone()
