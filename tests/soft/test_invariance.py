"""Augmentation that tunes itself: specification 09, 5.3 to 5.6, 5.8 and 5.11, through the one training loop."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor, nn

from isotropy.data import Batches
from isotropy.errors import DomainError, InfeasibleWarning, SchemaError, ShapeError
from isotropy.random import counter, spawn
from isotropy.runs import Run
from isotropy.soft import (
    Ascent,
    Constraint,
    Fixed,
    GroupTransforms,
    InvarianceConstraint,
    RuleView,
    StepInfo,
    TransformSet,
    suggest_bound,
)
from isotropy.soft._invariance import untraced
from isotropy.train import History, Task, fit


@dataclass
class Nothing:
    row: Tensor


class Mirror(TransformSet):
    """The one transformation x -> -x: the loss (theta x - 1)^2 at x = 1 becomes (theta + 1)^2."""

    name = "mirror"

    def sample(self, n: int, generator: torch.Generator) -> Nothing:
        return Nothing(torch.zeros(n))

    def apply(self, t: Nothing, x: Tensor) -> Tensor:
        return -x

    def log_density(self, t: Nothing) -> Tensor:
        return torch.zeros(len(t.row))


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.theta * x


def squared(model: nn.Module, batch: Any) -> Tensor:
    return (model(batch[0]) - 1).square().mean(-1)


def toy(bound: float, epochs: int = 20) -> tuple[float, InvarianceConstraint, History]:
    """minimise (theta - 1)^2 such that (theta + 1)^2 <= bound (specification 09, 5.4)."""
    keep = InvarianceConstraint(Mirror(), bound, multiplier=Ascent(lr=0.2))
    model = Line()
    ones = [(torch.ones(4, 1, dtype=torch.float64),)] * 10
    history = fit(model, squared, ones, optimizer=lambda p: torch.optim.SGD(p, 0.05), constraints=[keep],
                  max_epochs=epochs)  # fmt: skip
    return float(model.theta.detach()), keep, history


@pytest.mark.parametrize("bound", [1.0, 0.25, 4.5])
def test_the_multiplier_is_what_the_bound_costs(bound: float) -> None:
    """theta* = sqrt(eps) - 1 and mu* = (2 - sqrt(eps)) / sqrt(eps) to 1 %, -dP*/d eps = mu* to 2 %."""
    theta, keep, _ = toy(bound)
    root = min(math.sqrt(bound), 2.0)
    assert theta == pytest.approx(root - 1, abs=0.01)
    assert float(keep.multiplier) == pytest.approx((2 - root) / root, rel=0.01, abs=1e-12)
    assert keep.settled
    if bound == 1:
        step = 0.05 * bound
        low, high = ((toy(bound + by)[0] - 1) ** 2 for by in (-step, step))
        assert (low - high) / (2 * step) == pytest.approx(float(keep.multiplier), rel=0.02)


def test_one_pass_on_mixed_rows_finds_the_same_optimum() -> None:
    """The gradient is that of both passes in expectation; here every row is the same, so that only chance remains."""
    model, keep = Line(), InvarianceConstraint(Mirror(), 1.0, multiplier=Ascent(lr=0.02, patience=20), mixture=True)
    ones = [(torch.ones(256, 1, dtype=torch.float64),)] * 10
    fit(model, squared, ones, optimizer=lambda p: torch.optim.SGD(p, 0.02), constraints=[keep], max_epochs=60)
    assert float(model.theta.detach()) == pytest.approx(0, abs=0.05)
    assert float(keep.multiplier) == pytest.approx(1, abs=0.1)


def test_the_gradient_of_mixed_rows_is_that_of_both_in_expectation() -> None:
    """Without the factor 1 + mu it would be a third of it."""

    def slope(mixture: bool) -> float:
        model = Line()
        keep = InvarianceConstraint(Mirror(), 1.0, multiplier=Fixed(2.0), mixture=mixture)
        rows = [(torch.ones(20_000, 1, dtype=torch.float64),)]
        fit(model, squared, rows, optimizer=lambda p: torch.optim.SGD(p, 1.0), constraints=[keep], max_steps=1)
        return -float(model.theta.detach())

    # At theta = 0: -2 from the clean rows, 2 * 2 from the moved ones; standard deviation 3 * 2 * 0.47 * 2 / sqrt(n).
    assert slope(False) == pytest.approx(2.0)
    assert slope(True) == pytest.approx(2.0, abs=0.12)


class Network(nn.Sequential):
    def __init__(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            super().__init__(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))


def cross_entropy(model: nn.Module, batch: Any) -> Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none")


def whole_batch(model: nn.Module, batch: Any) -> Tensor:
    return cross_entropy(model, batch).mean()


X = torch.randn(48, 2, generator=spawn(0, "x"))
Y = torch.randint(3, (48,), generator=spawn(0, "y"))
TURNS = GroupTransforms("SO(2)", "Vector", name="turns")


def trained(
    constraints: list[Any], loss: Any = cross_entropy, max_epochs: int = 3, **settings: Any
) -> dict[str, Tensor]:
    model = Network()
    fit(model, loss, Batches(X, Y, batch_size=16, seed=1), optimizer=lambda p: torch.optim.Adam(p, 0.05),
        constraints=constraints, max_epochs=max_epochs, **settings)  # fmt: skip
    return model.state_dict()


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("mixture", [False, True])
def test_a_bound_never_reached_leaves_no_trace(mixture: bool) -> None:
    """Weights, statistics of batch norms and what dropout drew, bit for bit; a constraint that acts moves all."""
    plain = trained([])
    keep = InvarianceConstraint(TURNS, 1e9, mixture=mixture)
    assert equal(plain, trained([keep]))
    assert keep.multiplier.tolist() == [0.0]
    assert len(keep.history) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InfeasibleWarning)
        assert not equal(plain, trained([InvarianceConstraint(TURNS, 1e-3, multiplier=Ascent(1.0), mixture=mixture)]))


def test_instance_norms_that_remember_are_not_touched() -> None:
    model = nn.Sequential(nn.InstanceNorm1d(3, track_running_stats=True))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with untraced(model):
        away = model(torch.ones(2, 3, 4) * torch.arange(4.0))
    assert abs(float(away.mean())) < 1e-6  # by the statistics at hand
    assert equal(before, model.state_dict())
    assert model.training
    assert model[0].track_running_stats


def test_a_bound_that_one_epoch_never_missed_is_settled() -> None:
    info = StepInfo(epoch=0, step=4, loss=0.1, n=8, model=Line())
    for value, settled in ((0.2, True), (0.9, False)):
        rule, (at, bound) = Ascent(lr=0.1), torch.tensor([[value], [0.5]], dtype=torch.float64)
        state, view = rule.begin(1), RuleView(info, cross_entropy, at, bound, None, None)
        for _ in range(4):
            state = rule.after_step(state, view)
        assert rule.after_epoch(state, view).settled is settled


def _settled(rule: Ascent, epochs: list[list[float]], bound: float = 0.5) -> list[bool]:
    """Whether the rule is at rest after each epoch, of the penalties that its steps see."""
    info, state = StepInfo(epoch=0, step=4, loss=0.1, n=8, model=Line()), rule.begin(1)
    found: list[bool] = []
    for epoch in epochs:
        for value in epoch:
            at, limit = torch.tensor([[value], [bound]], dtype=torch.float64)
            view = RuleView(info, cross_entropy, at, limit, None, None)
            state = rule.after_step(state, view)
        state = rule.after_epoch(state, view)
        found.append(state.settled)
    return found


def test_a_multiplier_on_its_way_down_is_not_at_rest_however_high_it_was() -> None:
    assert not any(_settled(Ascent(lr=1.0, start=100.0), [[0.0] * 198, [0.45] * 2, [0.45] * 2]))


def test_a_bound_kept_with_room_to_spare_is_settled_whatever_single_batches_put_back() -> None:
    epochs = [[0.2] * 9 + [0.9 if i % 2 else 0.8] for i in range(6)]
    assert _settled(Ascent(lr=0.1), epochs) == [False, *[True] * 5]
    assert _settled(Ascent(lr=0.1), [[0.9] * 10] + [[0.2] * 10] * 3) == [False, False, True, True]


def test_a_penalty_that_leaves_its_trace_is_seen_by_this_test() -> None:
    """The same loss as a plain penalty: batch norms remember it, and dropout draws."""
    plain = trained([])
    leaky = Constraint(lambda model, batch, g: cross_entropy(model, batch).mean(), 1e9, Ascent())
    assert not equal(plain, trained([leaky]))


def test_statistics_are_those_of_the_clean_rows_whatever_the_multiplier_is() -> None:
    """And the backward pass of the clean rows is whole: statistics put back in place would break it."""
    rate = {"optimizer": lambda p: torch.optim.SGD(p, 0.0), "max_steps": 2}
    model, other = Network(), Network()
    batches = [(X[:16], Y[:16]), (X[16:32], Y[16:32])]
    fit(model, cross_entropy, batches, **rate)  # type: ignore[arg-type]
    keep = InvarianceConstraint(TURNS, 0.1, multiplier=Fixed(3.0))
    fit(other, cross_entropy, batches, constraints=[keep], **rate)  # type: ignore[arg-type]
    assert equal(model.state_dict(), other.state_dict())
    assert all(parameter.grad is not None for parameter in other.parameters())


def test_a_bound_out_of_reach_grows_linearly_and_is_said_within_three_epochs() -> None:
    """Inputs 1 and -1 with the target 1 for both: no theta has a loss under the mirror below 1 on average of both."""
    rows = [(torch.tensor([[1.0], [-1.0]], dtype=torch.float64),)] * 10
    model = Line()
    keep = InvarianceConstraint(Mirror(), 0.5, multiplier=Ascent(lr=0.01))
    seen: list[int] = []

    def watch(row: Any, model: nn.Module) -> None:
        seen.append(len(caught))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(model, squared, rows, optimizer=lambda p: torch.optim.SGD(p, 0.01), constraints=[keep], max_epochs=6,
            callbacks=[watch])  # fmt: skip
    assert seen == [0, 0, 1, 1, 1, 1]
    assert issubclass(caught[0].category, InfeasibleWarning)
    assert "resilience" in str(caught[0].message)
    growth = (keep.history[5]["multiplier"][0] - keep.history[1]["multiplier"][0]) / 40
    assert growth == pytest.approx(0.01 * (1 - 0.5), rel=0.05)
    assert not keep.settled


def test_a_resilient_bound_gives_way_and_settles() -> None:
    """Violation 1 - 0.5 = resilience * mu."""
    rows = [(torch.tensor([[1.0], [-1.0]], dtype=torch.float64),)] * 10
    keep = InvarianceConstraint(Mirror(), 0.5, multiplier=Ascent(lr=0.1, resilience=0.25))
    fit(Line(), squared, rows, optimizer=lambda p: torch.optim.SGD(p, 0.01), constraints=[keep], max_epochs=40)
    assert float(keep.multiplier) == pytest.approx(2.0, rel=0.01)
    assert keep.settled


def test_the_target_of_long_chains_is_the_smoothed_maximum() -> None:
    """Specification 09, 5.3: with c = mean(l^2) / mean(l)^2 the maximiser is l / sum l, above it a threshold form."""
    losses = torch.rand(50, generator=spawn(0, "losses"), dtype=torch.float64).numpy() + 0.05

    minimize: Any = scipy.optimize.minimize

    def solved(c: float) -> Any:
        found = minimize(
            lambda p: -p @ losses, [0.02] * 50, jac=lambda p: -losses, bounds=[(0, None)] * 50, method="SLSQP",
            constraints=[
                {"type": "eq", "fun": lambda p: p.sum() - 1, "jac": lambda p: [1.0] * 50},
                {"type": "ineq", "fun": lambda p: c / 50 - p @ p, "jac": lambda p: -2 * p},
            ],
            options={"ftol": 1e-15, "maxiter": 500},
        )  # fmt: skip
        return found.x

    c = float((losses**2).mean() / losses.mean() ** 2)
    # SLSQP ends where the objective, flat to second order at the maximum, changes by 1e-15; there the conditions of
    # Karush, Kuhn and Tucker, two numbers as long as every entry is positive, are solved to the last digits.
    found = solved(c)
    assert abs(found - losses / losses.sum()).max() < 1e-6
    assert found.min() > 0

    def conditions(at: Any) -> list[float]:
        p = (losses - at[0]) * at[1]
        return [p.sum() - 1, 50 * (p @ p) - c]

    scale, offset = np.polyfit(losses, found, 1)
    level, scale = scipy.optimize.root(conditions, [-offset / scale, scale], tol=1e-14).x
    assert abs((losses - level) * scale - losses / losses.sum()).max() < 1e-8
    wide = solved(1.5 * c)
    positive = wide > 1e-6
    slope = (wide[positive].max() - wide[positive].min()) / (losses[positive].max() - losses[positive].min())
    level = losses[positive].max() - wide[positive].max() / slope
    assert positive.sum() < 50
    assert abs(wide - slope * (losses - level).clip(0)).max() < 1e-5


class Rows(InvarianceConstraint):
    """Keeps what was drawn."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(TURNS, 0.1, loss=lambda model, batch: 1 + batch[0][:, 0].square(), **settings)


def test_a_row_is_moved_alike_whatever_stands_beside_it() -> None:
    """Specification 09, 5.8, bit for bit: streams are those of the numbers of the rows."""
    keep = Rows(steps=4, ids=lambda batch: batch[1])
    ids = torch.arange(6) * 7

    def moved(rows: list[int]) -> Tensor:
        return keep.hard.drawn(Network(), (X[rows], ids[rows]), spawn(0, "step")).x

    whole = moved([0, 1, 2, 3, 4, 5])
    assert torch.equal(whole[[4, 0]], moved([4, 0]))
    assert all(torch.equal(whole[i : i + 1], moved([i])) for i in range(6))
    assert not torch.equal(whole, keep.hard.drawn(Network(), (X[:6], ids), spawn(1, "step")).x)


def test_rows_of_a_mixture_are_moved_by_their_numbers_and_other_constraints_see_the_rows() -> None:
    keep = Rows(ids=lambda batch: batch[1], mixture=True, multiplier=Fixed(1.0))
    ids, turn = torch.arange(12) * 7, torch.randperm(12, generator=spawn(0, "order"))
    whole, _ = keep.mixed(Network(), (X[:12], ids), spawn(0, "step"))
    other, _ = keep.mixed(Network(), (X[:12][turn], ids[turn]), spawn(0, "step"))
    assert torch.equal(whole[turn], other)
    assert not torch.equal(whole, X[:12])
    seen: list[Tensor] = []

    def watch(model: nn.Module, batch: Any, generator: Any) -> Tensor:
        seen.append(batch[0])
        return batch[0].sum() * 0

    model, beside = Network(), Constraint(watch, 1.0, Fixed(1.0))
    data = [(X[:16], Y[:16])]
    keep = InvarianceConstraint(TURNS, 0.1, mixture=True, multiplier=Fixed(5.0))
    fit(
        model,
        cross_entropy,
        data,
        optimizer=torch.optim.SGD(model.parameters(), 0.1),
        constraints=[keep, beside],
        max_steps=1,
    )
    assert torch.equal(seen[0], X[:16])


def test_numbers_of_rows_are_uniform_and_independent_of_the_batch() -> None:
    """CORE section 0; moments and correlations within four standard errors, and the first numbers as written down."""
    ids = torch.tensor([5, 0, 2**40, 17])
    assert torch.equal(counter(3, ids, (2, 3))[1:3], counter(3, ids[1:3], (2, 3)))
    assert torch.equal(counter(3, ids, (2,)), counter(3, ids, (6,))[:, :2])
    assert not torch.equal(counter(3, ids, (2,)), counter(4, ids, (2,)))
    u = counter(0, torch.arange(20_000), (4,))
    assert bool(((u >= 0) & (u < 1)).all())
    assert (u.mean(0) - 0.5).abs().max() < 4 / math.sqrt(12 * len(u))
    assert (u.square().mean(0) - 1 / 3).abs().max() < 4 * 0.2981 / math.sqrt(len(u))
    neighbours = torch.cat([u[1:], u[:-1]], 1).T  # of rows that follow each other, and within rows
    assert (torch.corrcoef(neighbours) - torch.eye(8)).abs().max() < 5 / math.sqrt(len(u))


@pytest.mark.parametrize("mixture", [False, True])
def test_an_interrupted_training_goes_on_exactly(mixture: bool, tmp_path: Path) -> None:
    """Specification 09, 5.11: weights, multiplier and history."""

    def fresh() -> InvarianceConstraint:
        return InvarianceConstraint(TURNS, 0.9, multiplier=Ascent(0.05, patience=99), mixture=mixture)

    class Unplugged(Exception):
        pass

    def unplug(row: Any, model: nn.Module) -> None:
        if row["epoch"] == 2:
            raise Unplugged

    whole, part = fresh(), fresh()
    weights = trained([whole], max_epochs=5)
    with Run(tmp_path / "run") as run, pytest.raises(Unplugged):
        trained([fresh()], run=run, checkpoint_every=0.0, callbacks=[unplug], max_epochs=5)
    with Run(tmp_path / "run", resume=True) as run:
        assert equal(weights, trained([part], run=run, max_epochs=5))
    assert part.state_dict() == whole.state_dict()
    assert len(whole.history) == 5
    assert 0 < whole.history[-1]["acceptance"] <= 1


def test_labels_that_are_pictures_move_along() -> None:
    """A mask turned with its picture is predicted at no loss; left in place it is not."""
    turns = GroupTransforms("C(4)", "Field(Scalar)")
    picture = torch.rand(8, 1, 6, 6, generator=spawn(0, "pictures"))

    class Same(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x: Tensor) -> Tensor:
            return self.scale * x

    def difference(model: nn.Module, batch: Any) -> Tensor:
        return (model(batch[0]) - batch[1]).square().mean((1, 2, 3))

    def missed(target: Any, mixture: bool = False) -> float:
        keep = InvarianceConstraint(turns, 0.5, target=target, mixture=mixture, multiplier=Fixed(1.0))
        fit(Same(), difference, [(picture, picture)], optimizer=lambda p: torch.optim.SGD(p, 0.0), constraints=[keep],
            max_steps=1)  # fmt: skip
        return keep.history[0]["penalty"][0]

    assert missed(turns.apply) == missed(turns.apply, mixture=True) == 0
    assert missed(lambda t, y: y) > 0.05
    with pytest.raises(SchemaError, match="target="):
        missed(None)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: InvarianceConstraint(TURNS, 0.0), DomainError, "suggest_bound"),
        (lambda: InvarianceConstraint(TURNS, math.nan), DomainError, "bound=nan"),
        (lambda: InvarianceConstraint(TURNS, 1.0, steps=0), DomainError, "steps=0"),
        (lambda: InvarianceConstraint(TURNS, 1.0, sampler="gibbs"), DomainError, "'mh'"),
        (lambda: trained([InvarianceConstraint(TURNS, 1.0)] * 2), SchemaError, "'turns'"),
        (lambda: trained([InvarianceConstraint(TURNS, 1.0)], loss=lambda m, b: cross_entropy(m, b) - 9), DomainError,
         "at least 0"),
        (lambda: trained([InvarianceConstraint(TURNS, 1.0)], Task(whole_batch, per="batch")), ShapeError,
         "one number for each row"),
        (lambda: trained([InvarianceConstraint(TURNS, 1.0)], loss=lambda m, b: math.nan * cross_entropy(m, b)),
         DomainError, "epoch 0, step 0"),
        (lambda: suggest_bound(2.4, 10), DomainError, "guessing"),
        (lambda: suggest_bound(0.1, 1), DomainError, "two classes|2 classes"),
        (lambda: Ascent(resilience=-1.0), DomainError, "resilience"),
    ],
)  # fmt: skip
def test_what_is_refused(make: Callable[[], object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
