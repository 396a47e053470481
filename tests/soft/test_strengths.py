"""Strengths that follow the data: marginal likelihood and validation loss, each against its closed-form optimum."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.random import spawn
from isotropy.reps import Vector
from isotropy.soft import Bilevel, Constraint, Evidence, ProjectionPenalty, Ratio, SoftLinear, StepInfo

GROUPS = ["SO(3)"]


@dataclass
class Ridge:
    """A linear map of eight vectors to a vector on whitened inputs: every optimum has a closed form."""

    layer: SoftLinear
    x: Tensor
    y: Tensor
    noise: float

    @staticmethod
    def of(broken: float, n: int = 150, noise: float = 0.09, groups: list[str] = GROUPS) -> Ridge:
        """Forbidden entries of the true map have size ``broken``; x^T x = n, so that the curvature is even."""
        layer = SoftLinear(8 * Vector, Vector, groups, bias=False, generator=spawn(0, "layer")).double()
        x = torch.linalg.qr(torch.randn(n, 24, generator=spawn(0, "x"), dtype=torch.float64)).Q * n**0.5
        with torch.no_grad():
            W = layer.project(0) + broken * torch.randn(3, 24, generator=spawn(0, "w"), dtype=torch.float64)
            y = x @ W.mT + noise**0.5 * torch.randn(n, 3, generator=spawn(0, "e"), dtype=torch.float64)
        return Ridge(layer, x, y, noise)

    @property
    def least_squares(self) -> Tensor:
        return (self.x.mT @ self.y).mT / len(self.x)

    def solve(self, constraint: Constraint, steps: int = 60) -> None:
        """Sets the weights to the minimum of mse + multiplier . penalty, by gradient steps of an even quadratic."""
        optimizer = torch.optim.LBFGS(self.layer.parameters(), max_iter=steps, tolerance_grad=1e-14, tolerance_change=0)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = (self.layer(self.x) - self.y).square().mean()
            loss = loss + (constraint.multiplier * constraint.penalty(self.layer, None, None)).sum()
            loss.backward()
            return loss

        optimizer.step(closure)

    def info(self, epoch: int, model: nn.Module | None = None) -> StepInfo:
        loss = float((self.layer(self.x) - self.y).square().mean().detach())
        return StepInfo(epoch, epoch, loss, len(self.x), model or self.layer, validation=self.noise)


@pytest.mark.parametrize("broken", [0.05, 0.5])
def test_evidence_finds_the_maximum_of_the_marginal_likelihood(broken: float) -> None:
    """Forbidden coordinates of the least-squares map are N(0, 1/beta + noise/n): the best beta in closed form."""
    ridge = Ridge.of(broken)
    penalty = ProjectionPenalty(ridge.layer)
    constraint = Constraint(penalty, multiplier=Evidence(every=1, start=1.0, probes=200))
    for epoch in range(30):
        ridge.solve(constraint)
        constraint.term(ridge.layer, (ridge.x, ridge.y), spawn(epoch, "probe"))
        constraint.after_epoch(ridge.info(epoch))
    n, free = len(ridge.x), int(penalty.complement.dims)
    spread = penalty.complement.squares([ridge.least_squares]).item() / free
    beta = 1 / (spread - ridge.noise / n)
    best = 2 * ridge.noise * beta / (n * 3 * penalty.scale.item())
    assert constraint.multiplier.item() == pytest.approx(best, rel=0.02)
    assert constraint.settled


def test_evidence_tells_a_symmetry_that_holds_from_one_that_does_not() -> None:
    ridge = Ridge.of(0.0, groups=["SO(2)@z", "SO(2)@x"])
    with torch.no_grad():  # the truth keeps z only
        W = ridge.layer.project(0)
        ridge.y = ridge.x @ W.mT + 0.3 * torch.randn(150, 3, generator=spawn(0, "e"), dtype=torch.float64)
    constraint = Constraint(ProjectionPenalty(ridge.layer), multiplier=Evidence(every=1, start=1.0, probes=20))
    for epoch in range(30):
        ridge.solve(constraint)
        constraint.term(ridge.layer, (ridge.x, ridge.y), spawn(epoch, "probe"))
        constraint.after_epoch(ridge.info(epoch))
    holds, broken = constraint.multiplier.tolist()
    assert holds > 30 * broken
    json.dumps(constraint.state_dict(), allow_nan=False)


def test_evidence_waits_and_leaves_zeros_alone() -> None:
    ridge = Ridge.of(0.5, groups=["SO(3)", "SO(2)@z"])
    constraint = Constraint(ProjectionPenalty(ridge.layer), multiplier=Evidence(every=20, start=(0.0, 1.0)))
    for epoch in range(20):
        constraint.term(ridge.layer, (ridge.x, ridge.y), spawn(epoch, "probe"))
        assert constraint.multiplier.tolist() == [0.0, 1.0]
        constraint.after_epoch(ridge.info(epoch))
    assert constraint.multiplier[0] == 0.0
    assert constraint.multiplier[1] != 1.0
    log = Constraint(ProjectionPenalty(ridge.layer, distance="log"), multiplier=Evidence(every=1))
    with pytest.raises(DomainError, match="mse"):
        log.after_epoch(ridge.info(0))


@pytest.mark.parametrize("terms", [0, 60])
def test_the_hypergradient(terms: int) -> None:
    """Against finite differences of the retrained validation loss; one step has its sign, the series its value."""
    ridge = Ridge.of(0.1, n=40)
    other = Ridge.of(0.1, n=60)
    held_out = (other.x, other.y)
    rule = Bilevel(validation=held_out, start=2.0, terms=terms, step=0.5)
    constraint = Constraint(ProjectionPenalty(ridge.layer), multiplier=rule)

    def loss_at(multiplier: float) -> float:
        constraint._state = replace(constraint._state, multiplier=torch.tensor([multiplier]).double())
        ridge.solve(constraint)
        return float((ridge.layer(other.x) - other.y).square().mean().detach())

    h = 1e-3
    expected = float(torch.tensor(loss_at(2.0 * (1 + h)) / loss_at(2.0 * (1 - h))).log() / (2 * h))
    loss_at(2.0)
    constraint.term(ridge.layer, (ridge.x, ridge.y), None)
    slope = rule.slope(constraint.multiplier, constraint._view(ridge.info(0))).item()
    assert slope * expected > 0
    if terms:
        assert slope == pytest.approx(expected, rel=0.02)


def test_bilevel_ends_at_the_minimum_of_the_validation_loss() -> None:
    ridge, other = Ridge.of(0.1, n=40), Ridge.of(0.1, n=60)
    rule = Bilevel(validation=(other.x, other.y), start=0.01, terms=40, step=0.5, every=1)
    constraint = Constraint(ProjectionPenalty(ridge.layer), multiplier=rule)
    for step in range(60):
        ridge.solve(constraint)
        constraint.term(ridge.layer, (ridge.x, ridge.y), None)
        constraint.after_step(ridge.info(step))
    assert constraint.settled

    def loss_at(multiplier: float) -> float:
        constraint._state = replace(constraint._state, multiplier=torch.tensor([multiplier]).double())
        ridge.solve(constraint)
        return float((ridge.layer(other.x) - other.y).square().mean().detach())

    found = constraint.multiplier.item()
    at_found = loss_at(found)
    assert at_found < loss_at(0.0)
    assert all(at_found <= loss_at(found * factor) + 1e-9 for factor in (0.3, 0.7, 1.4, 3.0))


def test_settings_are_checked() -> None:
    with pytest.raises(DomainError):
        Evidence(every=0)
    with pytest.raises(DomainError):
        Bilevel(validation=None, lr=0.0)
    with pytest.raises(DomainError):
        Ratio(at=10, power=1)
