"""A task says what happens at a step; everything around the step stays that of fit."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from test_fit import X, Y, network, size, squared, weights
from torch import Tensor, nn

from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.soft import Constraint, Evidence, Fixed
from isotropy.train import Batches, CSVMetrics, DivergedError, History, Step, Task, fit

# --- several optimisers ---------------------------------------------------------------------------------------------


class Pair(nn.Module):
    """A critic that learns the values of (x, a), and an actor that looks for the best a."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.critic, self.actor = nn.Linear(6, 1), nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.1))


class ActorCritic(Task):
    """The actor moves at each second step; the scale of the noise shrinks, and is the task's own."""

    def __init__(self, plug: int | None = None, kill: bool = False) -> None:
        self.noise, self.plug, self.kill, self.steps = 1.0, plug, kill, 0

    def step(self, now: Step, batch: Any) -> dict[str, Tensor]:
        if self.steps == self.plug:
            os.kill(os.getpid(), signal.SIGKILL) if self.kill else None
            raise InterruptedError
        self.steps += 1
        (x, y), model = batch, now.model
        action = model.actor(x)
        tried = action.detach() + self.noise * torch.randn(action.shape, generator=now.generator)
        value = model.critic(torch.cat([x, tried], 1)).squeeze(1)
        error = (value - y.sum(1) + tried.square().sum(1)).square()
        now.descend(error.mean(), "critic")
        self.noise *= 0.95
        if now.number % 2:
            return {"critic": error.detach()}
        gain = -model.critic(torch.cat([x, action], 1)).squeeze(1)
        now.descend(gain.mean(), "actor")
        return {"critic": error.detach(), "actor": gain.detach()}

    def evaluate(self, model: nn.Module, batch: Any) -> Tensor:
        return model.actor(batch[0]).square().sum(-1)

    def state_dict(self) -> dict[str, Any]:
        return {"noise": self.noise}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.noise = state["noise"]


PARTS: dict[str, Any] = {
    "critic": lambda parameters: torch.optim.Adam(parameters, 1e-2),
    "actor": lambda parameters: torch.optim.SGD(parameters, 1e-2, momentum=0.9),
}


def play(run: Run | None = None, plug: int | None = None, batches: Any = None, **more: Any) -> Any:
    model, kill = Pair(), more.pop("kill", False)
    batches = Batches(X, Y, 40, seed=1) if batches is None else batches
    settings = {"max_epochs": 4, "optimizer": PARTS, "checkpoint_every": 0.0, "seed": 5, "clip": 1.0} | more
    history = fit(model, ActorCritic(plug, kill), batches, run=run, **settings)
    return model, history


def same(a: tuple[nn.Module, History], b: tuple[nn.Module, History]) -> bool:
    return torch.equal(weights(a[0]), weights(b[0])) and a[1] == b[1]


def test_two_optimisers_are_the_loop_written_by_hand() -> None:
    model, history = play(clip=None)
    by_hand = Pair()
    critic, actor = PARTS["critic"](by_hand.critic.parameters()), PARTS["actor"](by_hand.actor.parameters())

    class Plain:
        model, generator, number = by_hand, torch.Generator(), 0

        def descend(self, objective: Tensor, name: str) -> None:
            optimizer = {"critic": critic, "actor": actor}[name]
            optimizer.zero_grad()
            objective.backward()
            optimizer.step()

    now: Any = Plain()
    now.generator = spawn(5, "task")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(5, "fit"))
        task, batches = ActorCritic(), Batches(X, Y, 40, seed=1)
        for epoch in range(4):
            batches.set_epoch(epoch)
            for batch in batches:
                last = task.step(now, batch)
                now.number += 1
    assert torch.equal(weights(model), weights(by_hand))
    assert set(history.rows[0]) == {
        "epoch", "step", "loss", "loss/critic", "loss/actor", "validation", "lr/critic", "lr/actor"
    }  # fmt: skip
    assert history.rows[0]["loss"] == history.rows[0]["loss/critic"] + history.rows[0]["loss/actor"]
    assert set(last) == {"critic"}


def test_a_task_that_is_interrupted_continues_bit_for_bit(tmp_path: Path) -> None:
    whole = play(validation=[(X, Y)], patience=3, average=0.9)
    for plug in (2, 3, 1):
        with Run(tmp_path / "run", resume=plug != 2) as run, pytest.raises(InterruptedError):
            play(run, plug, validation=[(X, Y)], patience=3, average=0.9)
    with Run(tmp_path / "run", resume=True) as run:
        assert same(whole, play(run, validation=[(X, Y)], patience=3, average=0.9))


def test_a_task_that_is_killed_continues_bit_for_bit(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        try:
            play(Run(tmp_path / "run"), plug=7, kill=True)
        finally:
            os._exit(0)  # only reached if the kill did not happen
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with Run(tmp_path / "run", resume=True) as run:
        assert same(play(), play(run))


def test_a_checkpoint_of_other_optimisers_is_refused(tmp_path: Path) -> None:
    with Run(tmp_path / "run") as run:
        play(run)
        with pytest.raises(SchemaError, match="optimizers=critic; expected the checkpoint's optimizers=critic, actor"):
            play(run, optimizer={"critic": PARTS["critic"]})
        with pytest.raises(SchemaError, match=r"average=0\.5; expected the checkpoint's average=None"):
            play(run, average=0.5)


def test_optimisers_are_named_after_parts_of_the_model_or_built() -> None:
    model = Pair()
    with pytest.raises(SchemaError, match=r"an optimiser of 'judge'; expected a part of the model: critic, actor"):
        fit(model, ActorCritic(), [(X, Y)], optimizer={"judge": PARTS["critic"]}, max_steps=1)
    with pytest.raises(DomainError, match="no optimiser"):
        fit(model, ActorCritic(), [(X, Y)], optimizer={}, max_steps=1)
    built = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(DomainError, match=r"descend\(..., 'critic'\); expected one of the optimisers: 'judge'"):
        fit(model, ActorCritic(), [(X, Y)], optimizer={"judge": built}, max_steps=1)
    with pytest.raises(DomainError, match=r"descend\(..., None\); expected one of the optimisers: 'critic', 'actor'"):
        fit(model, Task(lambda m, b: m.critic(b)[:, 0]), [torch.ones(3, 6)], optimizer=PARTS, max_steps=1)


def test_only_the_parameters_of_the_optimiser_get_a_gradient() -> None:
    model, _ = play(max_epochs=None, max_steps=1, optimizer={**PARTS, "actor": lambda p: torch.optim.SGD(p, 0.0)})
    before = Pair()
    assert torch.equal(weights(model.actor), weights(before.actor))
    assert not torch.equal(weights(model.critic), weights(before.critic))
    # The actor descended last, through the critic, whose gradient is still that of its own error.
    assert model.critic.weight.grad is not None


# --- terms ----------------------------------------------------------------------------------------------------------


def named(model: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    return {"error": squared(model, batch), "size": 0.1 * model(batch[0]).square().sum(-1)}


def test_named_terms_are_summed_for_training_and_recorded_by_name(tmp_path: Path) -> None:
    model, plain = network(), network()
    rates = torch.optim.SGD(model.parameters(), 0.1)
    writer = CSVMetrics(tmp_path / "metrics.csv")
    history = fit(
        model, named, Batches(X, Y, 50), optimizer=rates, max_epochs=3, validation=[(X, Y)], validate_every=2,
        writers=[writer],
    )  # fmt: skip
    fit(
        plain,
        lambda model, batch: sum(named(model, batch).values(), torch.zeros(())),
        Batches(X, Y, 50),
        optimizer=torch.optim.SGD(plain.parameters(), 0.1),
        max_epochs=3,
    )
    torch.testing.assert_close(weights(model), weights(plain))
    row = history.rows[-1]
    for name in ("loss", "validation"):
        assert row[name] == row[f"{name}/error"] + row[f"{name}/size"]
    for name, value in named(model, (X, Y)).items():
        assert float(value.mean().detach()) == pytest.approx(row[f"validation/{name}"])
    assert history.curve("validation/size")[0] is None
    with pytest.raises(KeyError):
        history.curve("loss/other")
    head, first, *_, last = writer.path.read_text().splitlines()
    assert "validation/size" in head
    assert len(head.split(",")) == len(first.split(",")) == len(last.split(","))


def test_terms_that_cannot_be_read_are_refused_by_name() -> None:
    def run(loss: Callable[..., Any], **how: Any) -> None:
        model = network()
        fit(model, Task(loss, **how), [(X, Y)], optimizer=torch.optim.SGD(model.parameters(), 0.1), max_steps=1)

    with pytest.raises(ShapeError, match=r"the term 'b' of shape \(\); expected one loss for each row"):
        run(lambda m, b: {"a": squared(m, b), "b": squared(m, b).mean()})
    with pytest.raises(TypeError, match="the term 'b' of type float; expected a tensor"):
        run(lambda m, b: {"a": squared(m, b), "b": 0.5})

    class Silent(Task):
        def step(self, now: Step, batch: Any) -> Any:
            return None

    with pytest.raises(TypeError, match="a loss of type NoneType; expected a tensor, or tensors by name"):
        fit(network(), Silent(), [(X, Y)], optimizer=lambda p: torch.optim.SGD(p, 0.1), max_steps=1)
    with pytest.raises(ShapeError, match="no terms"):
        run(lambda m, b: {})
    with pytest.raises(ShapeError, match=r"a loss of shape \(120,\); expected one number for the batch, \(\)"):
        run(squared, per="batch")
    with pytest.raises(DomainError, match="Task without a loss"):
        fit(network(), Task(), [(X, Y)], optimizer=lambda p: torch.optim.SGD(p, 0.1), max_steps=1)


def contrast(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Rows know their partners among all others."""
    one, other = model(batch[0]), model(batch[0].flip(1))
    return nn.functional.cross_entropy(one @ other.mT, torch.arange(len(one)))


def test_a_loss_of_whole_batches_is_trained_and_is_no_mean_over_rows() -> None:
    model, by_hand = network(), network()
    task = Task(contrast, per="batch")
    batches = [(X[:50], Y[:50]), (X[50:60], Y[50:60])]
    history = fit(model, task, batches, optimizer=torch.optim.SGD(model.parameters(), 0.1), max_epochs=1,
                  validation=batches)  # fmt: skip
    optimizer, losses = torch.optim.SGD(by_hand.parameters(), 0.1), []
    for batch in batches:
        optimizer.zero_grad()
        loss = contrast(by_hand, batch)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert torch.equal(weights(model), weights(by_hand))
    assert history.curve("loss") == [pytest.approx(sum(losses) / 2, rel=1e-12)]  # not weighted by 50 and 10

    keep = Constraint(size, multiplier=Fixed(0.1))
    fit(model, task, batches, optimizer=torch.optim.SGD(model.parameters(), 0.1), max_epochs=1, constraints=[keep])
    needy = Constraint(size, multiplier=Evidence())
    with pytest.raises(ShapeError, match="Evidence with a loss that is one number for a batch"):
        fit(model, task, batches, optimizer=torch.optim.SGD(model.parameters(), 0.1), max_epochs=1, constraints=[needy])


def test_a_term_that_is_not_finite_stops_the_training_by_name_and_step(tmp_path: Path) -> None:
    def breaks(model: nn.Module, batch: Any) -> dict[str, Tensor]:
        terms = named(model, batch)
        return terms if len(batch[0]) == 50 else terms | {"size": terms["size"] * math.nan}

    model = network()
    with Run(tmp_path / "run") as run, pytest.raises(DivergedError, match=r"the term 'size', nan, in epoch 0, step 2"):
        fit(model, breaks, Batches(X, Y, 50), optimizer=torch.optim.SGD(model.parameters(), 0.1), max_epochs=3,
            run=run, checkpoint_every=0.0)  # fmt: skip
    assert Run.attach(tmp_path / "run").has("checkpoint.safetensors")  # of the last good step

    def infinite(model: nn.Module, batch: Any, generator: Any) -> Tensor:
        return size(model, batch, generator) * math.inf

    model, keep = network(), Constraint(infinite, multiplier=Fixed(1.0))
    with pytest.raises(DivergedError, match=r"the constraint on penalty, inf, in epoch 0, step 0"):
        fit(model, squared, [(X, Y)], optimizer=torch.optim.SGD(model.parameters(), 0.1), max_epochs=1,
            constraints=[keep])  # fmt: skip


def test_constraints_act_in_the_own_step_that_asks_for_them() -> None:
    class Own(Task):
        def __init__(self, asks: bool) -> None:
            self.asks = asks

        def step(self, now: Step, batch: Any) -> Tensor:
            losses = squared(now.model, batch)
            objective = losses.mean()
            now.descend(now.penalised(objective, batch) if self.asks else objective)
            return losses

    def train(task: Any) -> nn.Module:
        model = network()
        keep = Constraint(size, multiplier=Fixed(0.1))
        fit(model, task, Batches(X, Y, 50), optimizer=torch.optim.SGD(model.parameters(), 0.1), max_epochs=2,
            constraints=[keep])  # fmt: skip
        return model

    assert torch.equal(weights(train(Own(asks=True))), weights(train(squared)))
    with pytest.raises(DomainError, match="constraints that the step of the task does not use"):
        train(Own(asks=False))
    with pytest.raises(DomainError, match="Own without a loss"):
        fit(network(), Own(asks=True), [(X, Y)], optimizer=lambda p: torch.optim.SGD(p, 0.1), max_epochs=1,
            validation=[(X, Y)])  # fmt: skip


# --- streams --------------------------------------------------------------------------------------------------------


class Replay:
    """Rows that are drawn again and again from what was gathered, which the stream itself makes and remembers."""

    def __init__(self) -> None:
        self.gathered: list[Tensor] = []
        self.generator = torch.Generator().manual_seed(3)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            self.gathered.append(torch.randn(4, generator=self.generator))
            rows = torch.randint(len(self.gathered), (8,), generator=self.generator)
            x = torch.stack(self.gathered)[rows]
            yield x, x[:, :2].sin()

    def state_dict(self) -> dict[str, Any]:
        return {"gathered": self.gathered, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.gathered = list(state["gathered"])
        self.generator.set_state(state["generator"])


def test_a_replay_stream_is_continued_where_it_was(tmp_path: Path) -> None:
    buffer, again = Replay(), Replay()
    whole = play(batches=buffer, max_epochs=None, max_steps=20)
    assert (whole[1].epochs, whole[1].steps) == (1, 20)
    with Run(tmp_path / "run") as run, pytest.raises(InterruptedError):
        play(run, plug=9, batches=Replay(), max_epochs=None, max_steps=20)
    with Run(tmp_path / "run", resume=True) as run:
        assert same(whole, play(run, batches=again, max_epochs=None, max_steps=20))
    assert torch.equal(torch.stack(buffer.gathered), torch.stack(again.gathered))


def test_a_stream_without_a_state_is_gone_through_again(tmp_path: Path) -> None:
    def pairs() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            x = torch.randn(8, 4)  # the numbers of fit, which a resumed training has again
            yield x, x[:, :2].sin()

    whole = play(batches=pairs(), max_epochs=None, max_steps=12)
    with Run(tmp_path / "run") as run, pytest.raises(InterruptedError):
        play(run, plug=5, batches=pairs(), max_epochs=None, max_steps=12)
    with Run(tmp_path / "run", resume=True) as run:
        assert same(whole, play(run, batches=pairs(), max_epochs=None, max_steps=12))


# --- what a call costs ----------------------------------------------------------------------------------------------


def test_one_process_on_one_device_builds_no_fabric(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("a Fabric is built")

    monkeypatch.setattr("lightning_fabric.Fabric.__init__", refused)
    model = network()
    fit(model, squared, [(X, Y)], optimizer=torch.optim.SGD(model.parameters(), 0.1), max_steps=1)
    with pytest.raises(AssertionError):
        fit(model, squared, [(X, Y)], optimizer=torch.optim.SGD(model.parameters(), 0.1), max_steps=1,
            precision="bf16-mixed")  # fmt: skip
