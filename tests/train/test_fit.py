"""fit: the loop written by hand, no more and no less."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError, ShapeError
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.soft import Ascent, Constraint, Fixed, Rule, RuleState, RuleView, StepInfo
from isotropy.train import Batches, Cosine, fit

DRAW = spawn(0, "data")
X = torch.randn(120, 4, generator=DRAW)
Y = torch.sin(X @ torch.randn(4, 2, generator=DRAW))


def squared(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return (model(batch[0]) - batch[1]).square().mean(-1)


def network(seed: int = 0, dropout: float = 0.0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.Dropout(dropout), nn.Linear(16, 2))


def adam(model: nn.Module, lr: float = 1e-2) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=lr)


def weights(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])


def test_it_is_the_loop_written_by_hand() -> None:
    model, batches = network(), Batches(X, Y, 32, seed=4)
    history = fit(model, squared, batches, optimizer=adam(model), max_epochs=3)
    by_hand, again = network(), Batches(X, Y, 32, seed=4)
    optimizer, losses = adam(by_hand), []
    for epoch in range(3):
        again.set_epoch(epoch)
        total = 0.0
        for batch in again:
            optimizer.zero_grad()
            loss = squared(by_hand, batch).mean()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(batch[0])
        losses.append(total / 120)
    assert torch.equal(weights(model), weights(by_hand))
    assert history.curve("loss") == pytest.approx(losses, rel=1e-12)
    assert (history.epochs, history.steps, history.reason) == (3, 12, "max_epochs")


def test_the_seed_decides_and_the_callers_stream_is_left_alone() -> None:
    results = []
    for seed, outer in ((1, 5), (1, 6), (2, 5)):
        model = network(dropout=0.3)
        torch.manual_seed(outer)
        expected = torch.rand(1)
        torch.manual_seed(outer)
        fit(model, squared, Batches(X, Y, 32), optimizer=adam(model), max_epochs=2, seed=seed)
        assert torch.equal(torch.rand(1), expected)
        results.append(weights(model))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_steps_end_within_an_epoch_and_any_iterable_serves() -> None:
    model = network()
    history = fit(model, squared, [(X[:60], Y[:60]), (X[60:], Y[60:])], optimizer=adam(model), max_steps=5)
    assert [row["step"] for row in history.rows] == [2, 4, 5]
    assert history.reason == "max_steps"

    def endless() -> Any:
        while True:
            yield X, Y

    stream = fit(model, squared, endless(), optimizer=lambda parameters: torch.optim.SGD(parameters, 0.1), max_steps=7)
    assert (stream.epochs, stream.steps) == (1, 7)


def test_a_stream_that_does_not_start_again_is_refused() -> None:
    model = network()
    with pytest.raises(DomainError, match="no batches in epoch 1"):
        fit(model, squared, iter([(X, Y)]), optimizer=adam(model), max_epochs=2)


def test_the_best_weights_by_validation_are_kept_and_patience_ends() -> None:
    model = network(1)
    held_out, weights_after = (X[:40], Y[:40]), []
    history = fit(
        model,
        squared,
        Batches(X[40:60], Y[40:60], 20),
        optimizer=adam(model, 0.05),
        max_epochs=500,
        validation=[held_out],
        patience=10,
        callbacks=[lambda row, model: weights_after.append(weights(model))],
    )
    curve = history.curve("validation")
    best = min(range(len(curve)), key=curve.__getitem__)
    assert (history.best_epoch, history.best) == (best, curve[best])
    assert history.reason == "patience"
    assert history.epochs == best + 10 + 1
    assert torch.equal(weights(model), weights_after[best])
    assert float(squared(model, held_out).mean().detach()) == pytest.approx(curve[best], rel=1e-6)


def test_epochs_before_best_from_count_neither_as_best_nor_against_patience() -> None:
    model = network(1)
    history = fit(
        model,
        lambda model, batch: squared(model, batch),
        Batches(X, Y, 60),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.0),
        max_epochs=50,
        validation=[(X, Y)],
        patience=3,
        best_from=5,
    )
    assert history.best_epoch == 5
    assert history.epochs == 9


def test_validation_every_few_epochs_and_in_evaluation_mode() -> None:
    model = network(dropout=0.5)
    modes: list[bool] = []

    def watched(model: nn.Module, batch: Any) -> Tensor:
        modes.append(model.training)
        return squared(model, batch)

    history = fit(model, watched, [(X, Y)], optimizer=adam(model), max_epochs=5, validation=[(X, Y)], validate_every=2)
    assert [value is not None for value in history.curve("validation")] == [False, True, False, True, True]
    assert modes == [True, True, False, True, True, False, True, False]


def test_a_cosine_moves_the_rate_and_leaves_the_optimiser_as_it_was() -> None:
    model = network()
    optimizer = adam(model, 0.1)
    history = fit(model, squared, [(X, Y)], optimizer=optimizer, max_epochs=11, schedule=Cosine(final=0.5, warmup=2))
    expected = [0.05, 0.1] + [0.05 + 0.025 * (1 + math.cos(math.pi * k / 9)) for k in range(9)]
    assert history.curve("lr") == pytest.approx(expected, rel=1e-12)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_the_gradient_is_clipped() -> None:
    model = network()
    before = weights(model)
    fit(model, squared, [(X, 1e4 * Y)], optimizer=torch.optim.SGD(model.parameters(), lr=1.0), max_steps=1, clip=0.25)
    assert float((weights(model) - before).norm()) == pytest.approx(0.25, rel=1e-3)


class Recorder(Rule):
    """A rule that writes down what the loop tells it."""

    watches = True

    def __init__(self) -> None:
        self.steps: list[StepInfo] = []
        self.epochs: list[StepInfo] = []

    def begin(self, count: int) -> RuleState:
        return RuleState(torch.full((count,), 2.0, dtype=torch.float64))

    def after_step(self, state: RuleState, view: RuleView) -> RuleState:
        self.steps.append(view.info)
        return state

    def after_epoch(self, state: RuleState, view: RuleView) -> RuleState:
        self.epochs.append(view.info)
        return state


def size(model: nn.Module, batch: Any, generator: Generator | None) -> Tensor:
    return torch.stack([parameter.square().sum() for parameter in model.parameters()]).sum()


def test_a_constraint_joins_the_loss_and_hears_of_each_step_and_epoch() -> None:
    model, recorder = network(), Recorder()
    keep = Constraint(size, multiplier=recorder)
    rates = torch.optim.SGD(model.parameters(), lr=0.1)
    history = fit(
        model, squared, Batches(X, Y, 50), optimizer=rates, constraints=[keep], max_epochs=2, validation=[(X, Y)]
    )
    assert [(info.epoch, info.step, info.n) for info in recorder.steps] == [
        (epoch, 3 * epoch + k, 120) for epoch in (0, 1) for k in range(3)
    ]
    assert [(info.epoch, info.step, info.loss, info.validation) for info in recorder.epochs] == [
        (row["epoch"], row["step"] - 1, row["loss"], row["validation"]) for row in history.rows
    ]
    assert recorder.epochs[0].model is model
    assert history.curve("multiplier/penalty") == [2.0, 2.0]

    decayed = network()
    optimizer = torch.optim.SGD(decayed.parameters(), lr=0.1, weight_decay=4.0)  # the gradient of 2 |w|^2 is 4 w
    fit(decayed, squared, Batches(X, Y, 50), optimizer=optimizer, max_epochs=2)
    torch.testing.assert_close(weights(model), weights(decayed))


def test_a_bound_that_is_never_reached_changes_no_bit() -> None:
    free, bound = network(), network()
    fit(free, squared, Batches(X, Y, 50), optimizer=adam(free), max_epochs=3)
    keep = Constraint(size, bound=1e6, multiplier=Ascent(lr=0.1))
    fit(bound, squared, Batches(X, Y, 50), optimizer=adam(bound), constraints=[keep], max_epochs=3)
    assert torch.equal(weights(free), weights(bound))


def test_each_constraint_has_a_stream_of_its_own() -> None:
    def noise(model: nn.Module, batch: Any, generator: Generator | None) -> Tensor:
        draw = torch.rand((), generator=generator)
        return draw * next(model.parameters()).square().sum()

    def history(*others: Constraint) -> list[float]:
        model = network()
        frozen = torch.optim.SGD(model.parameters(), lr=0.0)
        keep = [Constraint(noise, multiplier=Fixed(1.0)), *others]
        rows = fit(model, squared, [(X, Y)], optimizer=frozen, constraints=keep, max_epochs=4)
        return rows.curve("penalty/penalty" if len(keep) == 1 else "penalty/0/penalty")

    assert history() == history(Constraint(noise, multiplier=Fixed(1.0)))


def test_a_callback_ends_the_training() -> None:
    model = network()
    history = fit(
        model, squared, [(X, Y)], optimizer=adam(model), max_epochs=9, callbacks=[lambda row, _: row["epoch"] == 3]
    )
    assert (history.epochs, history.reason) == (4, "callback")


def test_a_callback_may_look_at_the_model_in_evaluation() -> None:
    """And what is frozen on purpose stays so."""
    model, seen = network(dropout=0.5), list[tuple[bool, bool]]()
    model[1].eval()  # pyright: ignore[reportIndexIssue]

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        seen.append((model[2].training, model[1].training))  # pyright: ignore[reportIndexIssue]
        return squared(model, batch)

    fit(model, loss, [(X, Y)], optimizer=adam(model), max_epochs=3, callbacks=[lambda _, m: bool(m.eval()) and False])
    assert seen == [(True, False)] * 3


def test_one_model_can_be_fitted_again_and_in_float64_and_bfloat16() -> None:
    model = network().double()
    data = [(X.double(), Y.double())]
    first = fit(model, squared, data, optimizer=adam(model), max_epochs=20)
    second = fit(model, squared, data, optimizer=adam(model), max_epochs=20)
    assert second.curve("loss")[0] < first.curve("loss")[0]
    assert next(model.parameters()).dtype == torch.float64
    half = network()
    history = fit(half, squared, [(X, Y)], optimizer=adam(half), max_epochs=20, precision="bf16-mixed")
    assert next(half.parameters()).dtype == torch.float32
    assert history.curve("loss")[-1] < history.curve("loss")[0]


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    model = network()
    optimizer = adam(model)
    with pytest.raises(DomainError, match="without an end"):
        fit(model, squared, [(X, Y)], optimizer=optimizer)
    with pytest.raises(DomainError, match="max_epochs=0"):
        fit(model, squared, [(X, Y)], optimizer=optimizer, max_epochs=0)
    with pytest.raises(DomainError, match="without validation"):
        fit(model, squared, [(X, Y)], optimizer=optimizer, max_epochs=1, patience=3)
    with pytest.raises(ShapeError, match=r"one loss for each row"):
        fit(model, lambda m, b: squared(m, b).mean(), [(X, Y)], optimizer=optimizer, max_epochs=1)
    with pytest.raises(ShapeError, match=r"one loss for each row"):
        fit(model, lambda m, b: m(b[0]) - b[1], [(X, Y)], optimizer=optimizer, max_epochs=1)
    with pytest.raises(DomainError, match="unknown number"):
        fit(model, squared, iter([(X, Y)]), optimizer=optimizer, max_epochs=1, schedule=Cosine())
    with pytest.raises(DomainError, match="loss of nan in epoch 0"), Run(tmp_path / "run") as run:
        fit(model, squared, [(X, Y * math.nan)], optimizer=optimizer, max_epochs=1, run=run, checkpoint_every=0)
    assert not (tmp_path / "run/checkpoint.safetensors").exists()
