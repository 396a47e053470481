"""A constraint: keep these penalties at or below their bounds, each at the price of a multiplier that a rule moves."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from isotropy.errors import InfeasibleError, SchemaError, ShapeError, counted
from isotropy.soft._rules import (
    Ascent,
    PenaltyFunction,
    Rule,
    RuleState,
    RuleView,
    StepInfo,
    Values,
    as_values,
    per_penalty,
)


class Constraint:
    """Adds ``sum_j multiplier_j (penalty_j - bound_j)`` to the training loss and lets ``multiplier`` (a rule) move it.

    ``penalty(model, batch, generator)`` returns ``()`` or ``(J,)``; ``penalty.names``, where it has them, fixes J. The
    training loop calls ``term`` before each optimiser step, then ``decoupled_step``, ``after_step``, and at the end of
    an epoch ``after_epoch``. While all multipliers are zero the term carries no gradient at all, so a bound that is
    never reached leaves the weights bit-identical to an unconstrained run.
    With ``decoupled=True`` the term is zero and ``penalty.decay`` shrinks the weights after the step instead (§2.7).

    >>> from isotropy.soft import Fixed
    >>> size = Constraint(lambda model, batch, generator: model.weight.square().sum(), multiplier=Fixed(2.0))
    >>> layer = torch.nn.Linear(1, 1)
    >>> torch.equal(size.term(layer, None, None), 2 * layer.weight.square().sum())
    True
    """

    mixture = False  # whether it trains on a batch of its own, ``mixed``, in place of the rows at hand
    scale = 1.0  # what the loss of that batch is multiplied by
    distinct = False  # whether a training takes at most one of each name

    def __init__(
        self,
        penalty: PenaltyFunction,
        bound: float | Sequence[float] = 0.0,
        multiplier: Rule | None = None,
        *,
        decoupled: bool = False,
    ) -> None:
        self.penalty = penalty
        self.names: tuple[str, ...] = tuple(getattr(penalty, "names", ("penalty",)))
        self.rule = Ascent() if multiplier is None else multiplier
        self.bound: Values = per_penalty(bound, len(self.names), "bound")
        self.decoupled = decoupled
        self.history: list[dict[str, Any]] = []
        self._state: RuleState = self.rule.begin(len(self.names))
        self._batch: Any = None
        self._generator: Generator | None = None
        self._values: Tensor | None = None
        self._sum: Tensor | None = None
        self._steps = 0
        if decoupled and not hasattr(penalty, "decay"):
            raise InfeasibleError(
                f"decoupled=True with {type(penalty).__name__}",
                "a penalty on weights, which has decay(model, amounts)",
                "use ProjectionPenalty(..., distance='mse') or decoupled=False",
            )

    @property
    def multiplier(self) -> Values:
        """The multipliers in use ``(J,)``, float64, never negative."""
        return self._state.multiplier.clone()

    @property
    def settled(self) -> bool:
        """Whether the rule has come to rest."""
        return self._state.settled

    def set_loss(self, loss: Callable[[nn.Module, Any], Any]) -> None:
        """Hears from ``fit`` which loss it trains; of use to constraints on that loss."""

    def mixed(self, model: nn.Module, batch: Any, generator: Generator) -> Any:
        """The batch that is trained on: the one at hand, but for a constraint with ``mixture``."""
        del model, generator
        return batch

    def term(self, model: nn.Module, batch: Any, generator: Generator | None = None) -> Tensor:
        """What to add to the loss of this step, a scalar on the model's device; draws are by default torch's global."""
        self._batch, self._generator, self._values = batch, generator, None
        if self.decoupled or not any(self._state.multiplier.tolist()):
            if self.rule.watches:
                with torch.no_grad():
                    self._keep(self.penalty(model, batch, generator))
            reference = next(model.parameters())
            return torch.zeros((), dtype=reference.dtype, device=reference.device)
        weighted = getattr(self.penalty, "weighted", None)
        if weighted is not None and not self.rule.watches:
            # Nobody asks for the single values in each step; history evaluates them at the end of the epoch.
            term = weighted(model, self._state.multiplier)
            offset = float(self._state.multiplier @ self.bound)
            return term - offset if offset else term
        values = self.penalty(model, batch, generator).reshape(-1)
        self._keep(values)
        return (self._state.multiplier.to(values) * (values - self.bound.to(values))).sum()

    def decoupled_step(self, model: nn.Module, lr: float) -> None:
        """Shrinks the penalised parts of the weights by ``lr * multiplier``, after the optimiser's own step."""
        if self.decoupled and any(self._state.multiplier.tolist()):
            getattr(self.penalty, "decay")(model, lr * self._state.multiplier)  # noqa: B009

    def after_step(self, info: StepInfo) -> None:
        """Lets the rule move the multipliers after an optimiser step."""
        if self.rule.watches and self._values is not None:
            self._state = self.rule.after_step(self._state, self._view(info))

    def after_epoch(self, info: StepInfo) -> None:
        """Lets the rule move the multipliers after an epoch and writes a row of ``history``."""
        view = self._view(info)
        used = self._state.multiplier
        self._state = self.rule.after_epoch(self._state, view)
        values = view.evaluate() if self._sum is None else self._sum / self._steps
        row = {"epoch": info.epoch, "penalty": as_values(values).tolist(), "multiplier": used.tolist()}
        self.history.append(row)
        self._sum, self._steps = None, 0

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes in training, in plain numbers, lists and dictionaries (JSON keeps it exactly)."""
        return {
            "names": list(self.names),
            "multiplier": self._state.multiplier.tolist(),
            "settled": self._state.settled,
            "memory": dict(self._state.memory),
            "history": [dict(row) for row in self.history],
            "epoch_sum": None if self._sum is None else as_values(self._sum).tolist(),
            "epoch_steps": self._steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what ``state_dict`` returned; raises ``SchemaError`` if it is of other penalties."""
        if list(state["names"]) != list(self.names):
            raise SchemaError(f"the state of {state['names']}", f"{list(self.names)}")
        multiplier = torch.tensor(state["multiplier"], dtype=torch.float64)
        self._state = RuleState(multiplier, bool(state["settled"]), dict(state["memory"]))
        self.history = [dict(row) for row in state["history"]]
        total = state["epoch_sum"]
        self._sum = None if total is None else torch.tensor(total, dtype=torch.float64)
        self._steps = int(state["epoch_steps"])

    def _keep(self, values: Tensor) -> None:
        values = values.detach().reshape(-1)
        if len(values) != len(self.names):
            raise ShapeError(
                counted(len(values), "penalty", "penalties"),
                f"{len(self.names)}: {', '.join(self.names)}",
                "give the penalty names",
            )
        self._values = values
        # Summed in float64 and on its own device, so that no step waits for a transfer.
        self._sum = values.double() if self._sum is None else self._sum.to(values.device) + values
        self._steps += 1

    def _view(self, info: StepInfo) -> RuleView:
        values = torch.zeros(len(self.names)) if self._values is None else self._values
        return RuleView(info, self.penalty, as_values(values), self.bound, self._batch, self._generator)
