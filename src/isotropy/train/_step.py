"""One step of a training: the optimisers, the constraints and the stream of numbers that a task works with."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.random import spawn
from isotropy.soft import Constraint, StepInfo
from isotropy.train._place import Place, of_groups, set_up
from isotropy.train._terms import DivergedError


class Step:
    """The step that a training is at: what a ``Task`` may read and do in its own ``step``.

    ``model`` is to be called, ``optimizers`` are known by name, ``generator`` is the task's own stream on the CPU;
    ``epoch`` and ``number`` count from 0. Gradients and optimisers move in ``descend`` only.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Mapping[str, Optimizer],
        place: Place,
        *,
        whole: bool,
        constraints: Sequence[Constraint] = (),
        clip: float | None = None,
        seed: int = 0,
    ) -> None:
        self.model, self._steppers = set_up(place, model, optimizers, whole)
        self.optimizers, self.constraints = optimizers, constraints
        self.generator = spawn(seed, "task")
        self.epoch = self.number = 0
        self.share = 1.0  # how much this process's part of the batch counts among those of all
        self._bare, self._place, self._whole, self._clip = model, place, whole, clip
        self._generators = [spawn(seed, "constraint", number) for number in range(len(constraints))]
        self._rates = {name: [float(group["lr"]) for group in one.param_groups] for name, one in optimizers.items()}
        self._penalised = self._ever_penalised = False
        _check_together(constraints)

    def mixed(self, batch: Any) -> Any:
        """The batch as a constraint that trains on mixed batches wants it; the batch itself without such a one."""
        for constraint, generator in zip(self.constraints, self._generators, strict=True):
            batch = constraint.mixed(self._bare, batch, generator)
        return batch

    def penalised(self, objective: Tensor, batch: Any) -> Tensor:
        """``objective`` plus the terms of the constraints; a task that is given constraints adds them once a step."""
        if self.constraints and objective.device.type == "cpu" and not math.isfinite(float(objective.detach())):
            where = f"epoch {self.epoch}, step {self.number}"
            raise DivergedError(
                f"a training loss of {float(objective.detach())} in {where}", "finite numbers", "a lower learning rate"
            )
        for constraint in self.constraints:
            objective = objective if constraint.scale == 1 else constraint.scale * objective
        for constraint, generator in zip(self.constraints, self._generators, strict=True):
            try:
                term = constraint.term(self._bare, batch, generator)
            except DomainError as error:
                error.add_note(f"in epoch {self.epoch}, step {self.number}: {', '.join(constraint.names)}")
                raise
            if term.device.type == "cpu" and not math.isfinite(float(term.detach())):
                names = ", ".join(constraint.names)
                raise DivergedError(
                    f"the constraint on {names}, {float(term.detach())}, in epoch {self.epoch}, step {self.number}",
                    "finite numbers",
                )
            objective = objective + term
        self._penalised = self._ever_penalised = True
        return objective

    def descend(self, objective: Tensor, optimizer: str | None = None) -> None:
        """One step of one optimiser down the gradient of ``objective ()``, clipped where ``fit`` was told to.

        Only the parameters of this optimiser receive a gradient. Raises ``DomainError`` for an optimiser that is not
        there, ``ShapeError``, and ``DivergedError`` for a clipped gradient that is not finite.
        """
        name = self._name(optimizer)
        if objective.dim() != 0:
            raise ShapeError(f"an objective of shape {tuple(objective.shape)}", "one number, ()", "take its mean")
        if self.share != 1.0:
            objective = self.share * objective
        moved = self.optimizers[name]
        moved.zero_grad(set_to_none=True)
        if self._whole:
            self._place.backward(objective)
        else:
            own = [parameter for parameter in of_groups(moved) if parameter.requires_grad]
            self._place.backward(objective, inputs=own)
            self._average_gradients(own)
        if self._clip is not None:
            self._clip_gradients(name, self._clip)
        self._steppers[name].step()

    def _name(self, given: str | None) -> str:
        names = list(self.optimizers)
        if given is None and len(names) == 1:
            return names[0]
        if given is None or given not in self.optimizers:
            raise DomainError(
                f"descend(..., {given!r})", f"one of the optimisers: {', '.join(map(repr, names))}",
                "name it in fit(..., optimizer={name: ...})",
            )  # fmt: skip
        return given

    def _average_gradients(self, parameters: Sequence[Tensor]) -> None:
        if self._place.world_size > 1:
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad.copy_(self._place.all_reduce(parameter.grad, reduce_op="mean"))  # pyright: ignore[reportArgumentType]

    def _clip_gradients(self, name: str, most: float) -> None:
        norm = self._place.clip_gradients(self.model, self._steppers[name], max_norm=most, error_if_nonfinite=False)
        if norm is not None and not math.isfinite(float(norm)):
            what = f"gradients of {name!r}" if len(self.optimizers) > 1 else "gradients"
            raise DivergedError(
                f"{what} that are not finite in epoch {self.epoch}", "finite numbers", "a lower learning rate"
            )

    def rates(self) -> dict[str, float]:
        """The learning rate of each optimiser, as columns of a row."""
        rates = {name: float(one.param_groups[0]["lr"]) for name, one in self.optimizers.items()}
        return {"lr": rates.popitem()[1]} if len(rates) == 1 else {f"lr/{name}": rate for name, rate in rates.items()}

    def set_rates(self, factor: float) -> None:
        """The learning rates with which the training began, times a factor."""
        for name, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self._rates[name], strict=True):
                group["lr"] = rate * factor

    def finish(self, loss: Tensor, rows: int, known: int) -> None:
        """Tells the constraints of this step, of the mean loss and the number of rows of the batch and of an epoch."""
        if not self._penalised:
            return
        self._penalised = False
        for constraint in self.constraints:
            if constraint.rule.needs_rows and not rows:
                raise ShapeError(
                    f"{type(constraint.rule).__name__} with a loss that is one number for a batch",
                    "a loss for each row, (B,)",
                    "use another rule: Fixed, Ascent",
                )
        if not self.constraints:
            return
        rate = float(next(iter(self.optimizers.values())).param_groups[0]["lr"])
        info = StepInfo(self.epoch, self.number, float(loss.detach()), known, self._bare)
        for constraint in self.constraints:
            constraint.decoupled_step(self._bare, rate)
            constraint.after_step(info)

    def finish_epoch(self, info: StepInfo) -> dict[str, float]:
        """Tells the constraints of the epoch; the columns that they fill. Raises ``DomainError`` for unused ones."""
        columns: dict[str, float] = {}
        if self.constraints and not self._ever_penalised:
            raise DomainError(
                "constraints that the step of the task does not use",
                "constraints that act",
                "descend on now.penalised(objective, batch)",
            )
        for number, constraint in enumerate(self.constraints):
            constraint.after_epoch(info)
            place = f"{number}/" if len(self.constraints) > 1 else ""
            latest = constraint.history[-1]
            for j, name in enumerate(constraint.names):
                columns[f"penalty/{place}{name}"] = latest["penalty"][j]
                columns[f"multiplier/{place}{name}"] = latest["multiplier"][j]
        return columns

    def state_dict(self) -> dict[str, Any]:
        return {
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "rates": self._rates,
            "constraints": [constraint.state_dict() for constraint in self.constraints],
            "generators": [generator.get_state() for generator in (self.generator, *self._generators)],
            "penalised": self._ever_penalised,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        for constraint, values in zip(self.constraints, state["constraints"], strict=True):
            constraint.load_state_dict(values)
        for generator, values in zip((self.generator, *self._generators), state["generators"], strict=True):
            generator.set_state(values)
        self._rates, self._ever_penalised = state["rates"], state["penalised"]


def _check_together(constraints: Sequence[Constraint]) -> None:
    """Raises ``SchemaError`` for two of one name that have to be told apart, or two that mix batches."""
    names = [one.names[0] for one in constraints if one.distinct]
    if twice := [name for name in names if names.count(name) > 1]:
        raise SchemaError(
            f"two constraints called {twice[0]!r}", "names that differ", 'transformations have name="..."'
        )
    if sum(one.mixture for one in constraints) > 1:
        raise SchemaError("two constraints with mixture=True", "at most one", "the others with mixture=False")


def optimizers_of(model: nn.Module, given: Any) -> dict[str, Optimizer]:
    """Optimisers by name: built already, or built from the parameters of the model, or of its part of that name."""
    if not isinstance(given, Mapping):
        return {"": given if isinstance(given, Optimizer) else given(model.parameters())}
    made: dict[str, Optimizer] = {}
    for name, one in given.items():  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(one, Optimizer):
            parts = dict(model.named_modules())
            if name not in parts:
                raise SchemaError(
                    f"an optimiser of {name!r}", f"a part of the model: {', '.join(n for n in parts if n)}",
                    "give the optimiser built, or the name of a part",
                )  # fmt: skip
            one = one(parts[name].parameters())
        made[str(name)] = one  # pyright: ignore[reportUnknownArgumentType]
    if not made:
        raise DomainError("no optimiser", "at least one")
    return made
