"""A training within a budget of memory: planned on its first batch, and measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.optics import InfeasibleBudget, fit_in_memory, measure_peak
from isotropy.optics.parts import Planner, StepMeter, in_words, planner_of, read_bytes, untouched
from isotropy.runs import Run
from isotropy.train._place import Place

RECORD = "memory.json"
PAGE = "memory.html"
_ROUNDS = 6
T = TypeVar("T")


@dataclass
class Memory:
    """A model that keeps within ``budget`` bytes, and what its steps were measured to take.

    ``model`` shares its parameters with the one that was given. The first batch is gone through before the first step
    until forward and backward pass keep within the budget. The second step is measured: by then the state of the
    optimiser, which does not count, has its place.
    """

    model: nn.Module
    planner: Planner
    budget: float
    run: Run | None
    steps: int = 0
    loss: Callable[..., Any] | None = None

    @classmethod
    def of(cls, model: nn.Module, budget: str | float, run: Run | None, loss: Any = None) -> Memory:
        """Raises DomainError for a model without blocks that run one after the other."""
        planned = model if planner_of(model) is not None else fit_in_memory(model, None)
        planner = planner_of(planned)
        assert planner is not None, "what fit_in_memory returns has one"
        return cls(planned, planner, read_bytes(budget), run, loss=getattr(loss, "loss", loss))

    def step(self, objective: Callable[[], Tensor] | None, work: Callable[[], T], batch: Any, place: Place) -> T:
        """Does ``work``, a step; before the first one it plans for the pass through ``objective`` that it takes.

        Steps that are a task's own have no such objective: the budget is that of the blocks then.
        """
        if self.steps == 0:
            self.planner.replan(self.budget)
            if objective is not None:
                self._fit(objective, batch, place)
        self.steps += 1
        if self.steps != 2:
            result = work()
            if self.steps == 1:
                self._write(None)
            return result
        if place.device.type == "cuda":  # the allocator's figure is the one that counts there
            done: list[T] = []
            peak = measure_peak(lambda: done.append(work()), device=place.device)
            self._write(peak)
            return done[0]
        with StepMeter() as meter:
            self.planner.watch = meter
            try:
                result = work()
            finally:
                self.planner.watch = None
        self._write(meter.highest, meter)
        return result

    def _fit(self, objective: Callable[[], Tensor], batch: Any, place: Place) -> None:
        """What the pass takes beside the blocks is measured, and taken off their budget."""
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        before, outside = [p.grad for p in parameters], 0.0

        drawn = [self.model] if self.loss is None else [self.model, self.loss]

        def work() -> None:
            for p in parameters:
                p.grad = None
            place.backward(objective())

        self.planner.replan(None)
        try:
            for turn in range(_ROUNDS):
                with untouched(drawn, batch):
                    work()  # in which the plan is made; the next one is measured
                with untouched(drawn, batch):
                    peak = measure_peak(work, device=place.device)
                plan = self.planner.plan
                if plan is None:
                    raise DomainError("a step that does not run the blocks", "a loss that calls the model")
                if turn and peak <= self.budget:
                    return
                outside += max(0.0, peak - (self.budget if turn else plan.predicted.peak_bytes))
                self.planner.replan(self.budget, outside)
        finally:
            for p, grad in zip(parameters, before, strict=True):
                p.grad = grad
        raise InfeasibleBudget(
            f"a budget of {in_words(self.budget)}", f"more: {in_words(outside)} are taken outside of the blocks"
        )

    def _write(self, measured: int | None, steps: StepMeter | None = None) -> None:
        """The record, and once the second step was measured the picture of its plan beside it."""
        plan = self.planner.plan
        if self.run is None or plan is None:
            return
        if measured is not None:
            seen = () if steps is None else steps.steps(len(plan.steps))
            plan.report(self.run.path / PAGE, seen, self.planner.outside)
        record = {
            "budget": self.budget,
            "outside": self.planner.outside,
            "predicted_peak": plan.predicted.peak_bytes,
            "predicted_seconds": plan.predicted.seconds,
            "recomputed": plan.predicted.recomputed,
            "measured_peak": measured,
            "plan": plan.explain().splitlines(),
        }
        self.run.write(RECORD, record)
