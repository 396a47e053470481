"""TD3 in the one loop: what an update computes, what is kept, and trainings that go on where they were."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isotropy.control import PointMass, Recipe, Replay, make_locomotion
from isotropy.control._agents import POLICIES, agent_of
from isotropy.control._replay import turned
from isotropy.control._stream import ReplayStream
from isotropy.control._td3 import TD3, Agent
from isotropy.errors import DomainError, SchemaError
from isotropy.nn.parts import LimbTree
from isotropy.runs import Run
from isotropy.train import fit

QUICK = Recipe(warmup=20, every=2, batch=8, rate=1e-3)


class PulledThePlug(Exception):
    pass


def trained(envs: list[Any], run: Run | None = None, *, steps: int = 24, plug: int | None = None) -> tuple[Any, ...]:
    """The weights, the curve and the replay after so many updates; ``plug`` is pulled at a step."""
    graphs = [env.unwrapped.graph for env in envs]
    agent = agent_of("shared", graphs, size="small", group="SO(2)@z", seed=3)

    class Plugged(TD3):
        def step(self, now: Any, batch: Any) -> Any:
            if plug is not None and now.number == plug:
                raise PulledThePlug
            return super().step(now, batch)

    stream = ReplayStream(envs, agent.actor, QUICK, seed=3, per_epoch=7)
    history = fit(
        agent, Plugged(graphs, QUICK), stream, optimizer=dict.fromkeys(("actor", "critics"), adam),
        max_steps=steps, clip=QUICK.clip, seed=3, run=run, checkpoint_every=0.0, progress=False,
    )  # fmt: skip
    rows = [{k: v for k, v in row.items() if k != "cpu_s"} for row in history.rows]
    kept = [life.replay.state_dict()["rows"] for life in stream.lives]
    return agent.state_dict(), rows, kept, stream


def adam(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, 1e-3)


@pytest.mark.parametrize("plugs", [(5, 13, 20), (6, 7, 8, 14)])  # within epochs, and at their ends
def test_a_training_of_two_bodies_goes_on_bit_for_bit(plugs: tuple[int, ...], tmp_path: Path) -> None:
    def worlds() -> list[Any]:
        return [make_locomotion("hopper_3_shin"), make_locomotion("walker_2_right_leg_left_knee", target="point")]

    weights, rows, kept, whole = trained(worlds())
    for plug in plugs:
        with Run(tmp_path / "run", resume=True) as run, pytest.raises(PulledThePlug):
            trained(worlds(), run, plug=plug)
    with Run(tmp_path / "run", resume=True) as run:
        again, other_rows, other_kept, resumed = trained(worlds(), run)
        noted = (run.path / "metrics.jsonl").read_text().splitlines()
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert rows == other_rows
    assert all(torch.equal(a[k], b[k]) for a, b in zip(kept, other_kept, strict=True) for k in a)
    assert (whole.transitions, whole.updates) == (resumed.transitions, resumed.updates) == (20 + 2 * 24, 24)
    assert len(noted) == len(rows)
    assert '"transitions"' in noted[-1]
    assert '"updates"' in noted[-1]


def test_an_update_is_that_of_the_paper() -> None:
    """Targets, losses and slow copies against another way to compute them."""
    env = make_locomotion("hopper_3_shin")
    graph = env.unwrapped.graph
    recipe = Recipe(smoothing=0.0, rate=1e-2, delay=2, tau=0.1, clip=1e9)
    agent = agent_of("shared", [graph], size="small", group="SO(2)@z", seed=0)
    for critic in agent.slow_critics:  # copies that differ, so that the smaller one is told apart
        with torch.no_grad():
            for weight in critic.parameters():
                weight.add_(0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel())))
    draw = torch.Generator().manual_seed(1)
    seen, after = (torch.randn(5, 3, 41, generator=draw) for _ in range(2))
    action = torch.rand(5, 3, 3, generator=draw)
    batch = {"seen": seen, "action": action, "reward": torch.arange(5.0), "next": after,
             "done": torch.tensor([0.0, 1, 0, 1, 0]), "body": 0}  # fmt: skip
    before = {name: value.clone() for name, value in agent.state_dict().items()}
    told: list[Any] = []

    class Watched(TD3):
        def step(self, now: Any, batch: Any) -> Any:
            told.append(super().step(now, batch))
            return told[-1]

    with torch.no_grad():
        next_action = agent.slow_actor(after, graph)
        worth = torch.minimum(*(critic(after, next_action, graph) for critic in agent.slow_critics))
        target = torch.stack([batch["reward"][k] + 0.99 * (0 if batch["done"][k] else 1) * worth[k] for k in range(5)])
        error = sum((critic(seen, action, graph) - target).square().mean() for critic in agent.critics)
    fit(agent, Watched([graph], recipe), [batch, batch], optimizer={"actor": adam, "critics": adam}, max_steps=2,
        progress=False)  # fmt: skip
    assert torch.allclose(told[0]["critic"].mean(), error, rtol=1e-5)
    assert "value" in told[0]
    assert "value" not in told[1]
    now = agent.state_dict()
    name = next(name for name in now if name.startswith("critics.0.up.0.weight"))
    slow = before["slow_" + name] + 0.1 * (_after_one(name, before, batch, graph) - before["slow_" + name])
    assert torch.allclose(now["slow_" + name], slow, atol=1e-6)


def _after_one(name: str, before: dict[str, Any], batch: dict[str, Any], graph: LimbTree) -> torch.Tensor:
    """A weight of the critics after one step: Adam's first is the rate times the sign of the gradient."""
    agent = agent_of("shared", [graph], size="small", group="SO(2)@z", seed=0)
    agent.load_state_dict(before)
    recipe = Recipe(smoothing=0.0, tau=0.1)
    fit(agent, TD3([graph], recipe), [batch], optimizer={"actor": adam, "critics": adam}, max_steps=1, progress=False)
    return agent.state_dict()[name]


def test_the_actor_climbs_the_value_of_its_critic() -> None:
    """After an update of the actor alone the first critic finds its torques worth more."""
    env = make_locomotion("hopper_3_shin")
    graph = env.unwrapped.graph
    agent = agent_of("heading", [graph], size="small", group="SO(2)@z", seed=0)
    draw = torch.Generator().manual_seed(1)
    seen, after = (torch.randn(16, 3, 41, generator=draw) for _ in range(2))
    batch = {"seen": seen, "action": torch.rand(16, 3, 3, generator=draw), "reward": torch.arange(16.0), "next": after,
             "done": torch.zeros(16), "body": 0}  # fmt: skip

    def still(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, 0.0)

    def worth() -> float:
        with torch.no_grad():
            return float(agent.critics[0](seen, agent.actor(seen, graph), graph).mean())

    before = worth()
    fit(agent, TD3([graph], Recipe()), [batch], optimizer={"actor": adam, "critics": still}, max_steps=1,
        progress=False)  # fmt: skip
    assert worth() > before + 1e-4


def test_actions_of_targets_are_smoothed_by_clipped_noise() -> None:
    """The critics of the targets are shown the slow actor's torques with noise of the recipe, clipped twice."""
    graph = make_locomotion("hopper_3_shin").unwrapped.graph
    agent = agent_of("heading", [graph], size="small", group="SO(2)@z", seed=0)
    after = torch.randn(64, 3, 41, generator=torch.Generator().manual_seed(1))
    shown: list[torch.Tensor] = []
    handle = agent.slow_critics[0].register_forward_pre_hook(lambda _, given: shown.append(given[1]))
    recipe = Recipe(smoothing=0.4, smoothing_clip=0.5)
    TD3([graph], recipe)._target(
        agent, after, torch.zeros(64), torch.zeros(64), graph, torch.Generator().manual_seed(7)
    )  # fmt: skip
    handle.remove()
    with torch.no_grad():
        chosen = agent.slow_actor(after, graph)
    noise = 0.4 * torch.randn(chosen.shape, generator=torch.Generator().manual_seed(7))
    assert float(noise.abs().max()) > 0.5  # so that the clip is seen
    expected = torch.minimum(torch.maximum(noise, torch.tensor(-0.5)), torch.tensor(0.5)) + chosen
    assert torch.allclose(shown[0], expected.clamp(-1, 1), atol=1e-6)


def test_a_cut_is_no_end_and_the_oldest_is_overwritten() -> None:
    env = PointMass(steps=4)
    agent = agent_of("shared", [env.graph], size="small", group="SO(2)@z", seed=0)
    stream = ReplayStream([env], agent.actor, Recipe(warmup=9, every=1, batch=4, capacity=6), per_epoch=3)
    assert len(list(stream)) == 3
    life = stream.lives[0]
    rows = life.replay.state_dict()["rows"]
    assert float(rows["done"].max()) == 0.0
    assert len(life.returns) == 3
    assert len(life.replay) == 6
    assert stream.transitions == 12
    # After a cut the next transition begins from another start, and never from what lay behind the cut.
    steps = [(rows["next"][k], rows["seen"][(k + 1) % 6]) for k in range(5)]
    assert [bool(torch.equal(a, b)) for a, b in steps] == [True, False, True, True, True]  # 7 .. 12; 8 is cut


def test_replay_takes_the_memory_that_is_said() -> None:
    replay = Replay(5, 1000)
    held = sum(value.numel() * value.element_size() for value in replay._rows.values())
    assert held == Replay.bytes_of(5, 1000)
    with pytest.raises(DomainError, match="not finite"):
        replay.add(torch.full((5, 41), math.nan), torch.zeros(5, 3), 0.0, torch.zeros(5, 41), False)
    full = Replay(1, 1)
    full.add(torch.ones(1, 41), torch.zeros(1, 3), 1.0, torch.ones(1, 41), False)
    with pytest.raises(DomainError, match="not finite"):
        full.add(torch.zeros(1, 41), torch.zeros(1, 3), math.nan, torch.zeros(1, 41), False)
    assert (full.sample(1, torch.Generator())["seen"] == 1).all()  # what was refused has overwritten nothing
    with pytest.raises(DomainError, match="empty replay"):
        replay.sample(3, torch.Generator())


def test_turned_limbs_are_those_of_a_turned_scene() -> None:
    env = make_locomotion("walker_7_full")
    seen, _ = env.reset(seed=3)
    env.unwrapped.rotate(1.1)
    other = env.unwrapped.observe()["limbs"]
    moved = turned(torch.from_numpy(seen["limbs"])[None], torch.tensor([1.1], dtype=torch.float64))[0]
    np.testing.assert_allclose(moved, other, atol=1e-12)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_learns_from_a_batch(policy: str) -> None:
    env = make_locomotion("hopper_3_shin")
    agent = agent_of(policy, [env.unwrapped.graph], size="small", group="O(2)@z", seed=0)
    before = {name: value.clone() for name, value in agent.named_parameters()}
    stream = ReplayStream([env], agent.actor, QUICK, per_epoch=2)
    task = TD3([env.unwrapped.graph], QUICK, turns=policy == "augmented")
    fit(agent, task, stream, optimizer={"actor": adam, "critics": adam}, max_steps=2, progress=False)
    for part in ("actor", "critics", "slow_actor", "slow_critics"):
        assert any(
            not torch.equal(value, before[name]) for name, value in agent.named_parameters() if name.startswith(part)
        )


def test_worlds_that_do_not_fit_are_refused() -> None:
    import gymnasium

    agent = agent_of("shared", [PointMass().graph], size="small", group="SO(2)@z", seed=0)
    with pytest.raises(SchemaError, match="without a tree of limbs"):
        ReplayStream([gymnasium.make("Ant-v5")], agent.actor, QUICK)
    graphs = [make_locomotion(body).unwrapped.graph for body in ("hopper_3_shin", "hopper_5_full")]
    with pytest.raises(DomainError, match="3, 5 limbs"):
        agent_of("mlp", graphs, size="small", group="O(2)@z", seed=0)
    with pytest.raises(DomainError, match="'transformer'"):
        agent_of("sets", graphs, size="small", group="O(2)@z", seed=0)
    with pytest.raises(DomainError, match="gamma"):
        Recipe(gamma=1.0)
    assert isinstance(agent, Agent)
