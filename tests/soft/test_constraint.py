"""Constraints and the rules that need only penalties: the laws of CORE section 7, the schedule of specification 2.4."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError, InfeasibleError, InfeasibleWarning, SchemaError, ShapeError
from isotropy.random import spawn
from isotropy.soft import Ascent, Constraint, Fixed, Ratio, StepInfo


class Number(nn.Module):
    """A model that is one number."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(start, dtype=torch.float64))


class Recorded:
    """A penalty whose values were written down beforehand, one row for each epoch from ``first`` on."""

    names = ("a", "b", "c")

    def __init__(self, rows: Tensor, first: int = 0) -> None:
        self.rows, self.first, self.epoch, self.asked = rows, first, 0, list[int]()

    def __call__(self, model: nn.Module, batch: Any, generator: Generator | None) -> Tensor:
        self.asked.append(self.epoch)
        return self.rows[self.epoch - self.first]


def run_epochs(constraint: Constraint, penalty: Recorded, epochs: int) -> list[list[float]]:
    """The multipliers after each epoch, moved by the rule alone."""
    seen = []
    for epoch in range(epochs):
        penalty.epoch = epoch
        constraint._state = constraint.rule.after_epoch(constraint._state, constraint._view(info(Number(), epoch)))
        seen.append(constraint.multiplier.tolist())
    return seen


def info(model: nn.Module, epoch: int = 0, step: int = 0) -> StepInfo:
    return StepInfo(epoch=epoch, step=step, loss=1.0, n=10, model=model)


def right(model: nn.Module, batch: Any, generator: Generator | None) -> Tensor:
    """(theta + 1)^2: closed-form toy of specification 09, 5.4."""
    return (model.get_parameter("theta") + 1).square()


def solve(constraint: Constraint, epochs: int, steps: int = 25, lr: float = 0.05) -> Number:
    model = Number()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    step = 0
    for epoch in range(epochs):
        for _ in range(steps):
            optimizer.zero_grad()
            loss = (model.theta - 1).square() + constraint.term(model, None, None)
            loss.backward()
            optimizer.step()
            constraint.after_step(info(model, epoch, step))
            step += 1
        constraint.after_epoch(info(model, epoch, step))
    return model


@pytest.mark.parametrize("proportional", [0.0, 0.5])
@pytest.mark.parametrize(("bound", "theta", "multiplier"), [(1.0, 0.0, 1.0), (0.25, -0.5, 3.0), (4.5, 1.0, 0.0)])
def test_ascent_finds_the_closed_form_optimum(
    bound: float, theta: float, multiplier: float, proportional: float
) -> None:
    constraint = Constraint(right, bound, Ascent(lr=0.1, proportional=proportional))
    model = solve(constraint, epochs=50)
    assert model.theta.item() == pytest.approx(theta, abs=0.01)
    assert constraint.multiplier.item() == pytest.approx(multiplier, rel=0.01, abs=1e-12)
    assert constraint.settled


def test_a_bound_never_reached_leaves_the_weights_bit_identical() -> None:
    def train(constraint: Constraint | None) -> list[Tensor]:
        generator = spawn(0, "data")
        x = torch.randn(64, 3, generator=generator)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = nn.Linear(3, 2)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        for step in range(20):
            optimizer.zero_grad()
            loss = (model(x) - 1).square().mean()
            if constraint is not None:
                loss = loss + constraint.term(model, x, generator)
            loss.backward()
            optimizer.step()
            if constraint is not None:
                constraint.after_step(info(model, 0, step))
        return [parameter.detach() for parameter in model.parameters()]

    loose = Constraint(lambda model, batch, generator: model(batch).square().mean(), 1e6, Ascent(lr=1.0))
    tight = Constraint(lambda model, batch, generator: model(batch).square().mean(), 1e-3, Ascent(lr=1.0))
    free = train(None)
    assert all(torch.equal(a, b) for a, b in zip(free, train(loose), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(free, train(tight), strict=True))
    assert loose.multiplier.item() == 0.0 < tight.multiplier.item()


def test_an_unreachable_bound_warns_once_and_respects_its_cap() -> None:
    def distance(model: nn.Module, batch: Any, generator: Generator | None) -> Tensor:
        return 1 + right(model, batch, generator)

    constraint = Constraint(distance, 0.5, Ascent(lr=0.04, cap=20.0))
    with pytest.warns(InfeasibleWarning, match="out of reach") as caught:
        solve(constraint, epochs=40, lr=0.02)
    assert len(caught) == 1
    assert constraint.multiplier.item() == 20.0
    assert not constraint.settled  # at its cap, and the bound is missed
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solve(Constraint(distance, 1.5, Ascent(lr=0.04)), epochs=20)


def test_the_term_is_the_weighted_excess_over_the_bound() -> None:
    model = Number(2.0)
    constraint = Constraint(lambda m, b, g: torch.stack([m.theta, m.theta**2]), multiplier=Fixed(3.0))
    with pytest.raises(ShapeError, match="names"):
        constraint.term(model, None, None)
    constraint = Constraint(right, 0.5, Fixed(3.0))
    term = constraint.term(model, None, None)
    term.backward()
    assert term.item() == 3.0 * (9.0 - 0.5)
    assert model.theta.grad is not None
    assert model.theta.grad.item() == 3.0 * 2 * 3.0


def test_ratio_reproduces_the_paper_schedule() -> None:
    """Check 6.4, against an independent transcription of specification 2.4."""
    rows = torch.rand(100, 3, generator=spawn(0, "penalties"), dtype=torch.float64) + 0.1
    rows[20] = 1e-6  # in the warm-up: has to be ignored
    rows[70, 1] = 0.01  # the last record of any entry decides, and brings its whole row
    at, power = 250, 2
    penalty = Recorded(rows, first=at - 100)
    constraint = Constraint(penalty, multiplier=Ratio(at=at, power=power, start=(0.0, 3.0, 0.5)))
    seen = run_epochs(constraint, penalty, at + 60)
    best = [float("inf")] * 3
    for row in rows[50:].tolist():
        if any(now < then for now, then in zip(row, best, strict=True)):
            best = row
    least = min(best[1], best[2])
    expected = [0.0, 3.0 / (best[1] / least) ** power, 0.5 / (best[2] / least) ** power]
    assert penalty.asked == list(range(at - 50, at))
    assert seen[at - 2] == [0.0, 3.0, 0.5]
    assert seen[at - 1] == pytest.approx(expected, rel=1e-12, abs=0)
    assert seen[-1] == seen[at - 1]
    assert constraint.settled


def test_ratio_keeps_the_whole_vector_of_the_last_record() -> None:
    rows = torch.ones(3, 3, dtype=torch.float64)
    rows[0] = torch.tensor([1.0, 4.0, 2.0])
    rows[1] = torch.tensor([9.0, 8.0, 1.5])  # c broke its record here: the vector is this one
    rows[2] = torch.tensor([9.0, 8.0, 1.6])  # no record
    penalty = Recorded(rows)
    constraint = Constraint(penalty, multiplier=Ratio(at=3, power=1, window=3, skip=0))
    run_epochs(constraint, penalty, 3)
    assert constraint.multiplier.tolist() == pytest.approx([1.5 / 9, 1.5 / 8, 1.0], rel=1e-12)


@pytest.mark.parametrize("settings", [{"at": 40}, {"at": 100, "window": 30}, {"at": 10, "skip": -1}])
def test_ratio_refuses_a_schedule_without_evaluations(settings: dict[str, int]) -> None:
    with pytest.raises(DomainError, match="skip < min"):
        Ratio(power=2, **settings)


def test_resume_restores_a_constraint_exactly() -> None:
    def fresh() -> Constraint:
        return Constraint(right, 0.25, Ascent(lr=0.02, proportional=0.3))

    whole, first, second = fresh(), fresh(), fresh()
    model = Number()
    for constraint, span in ((whole, range(7)), (first, range(4))):
        for step in span:
            constraint.term(model, None, None)
            constraint.after_step(info(model, 0, step))
            if step == 2:
                constraint.after_epoch(info(model, 0, step))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for step in range(4, 7):
        second.term(model, None, None)
        second.after_step(info(model, 1, step))
    second.after_epoch(info(model, 1, 7))
    whole.after_epoch(info(model, 1, 7))
    assert second.state_dict() == whole.state_dict()
    with pytest.raises(SchemaError):
        Constraint(Recorded(torch.ones(1, 3))).load_state_dict(first.state_dict())


def test_what_a_constraint_refuses() -> None:
    with pytest.raises(DomainError):
        Constraint(right, multiplier=Fixed(-1.0))
    with pytest.raises(ShapeError):
        Constraint(Recorded(torch.ones(1, 3)), multiplier=Fixed((1.0, 2.0)))
    with pytest.raises(InfeasibleError, match="decoupled"):
        Constraint(right, multiplier=Fixed(1.0), decoupled=True)
