"""What acting costs: environments, policies, updates, and what is lived through; ratios within one process.

    python benchmarks/control.py [--quick]

Bars: an environment of ``gymnasium.make``, its observation and its wrappers included, makes at least half as many steps
as bare ``mj_step``; a replay of 20,000 transitions takes at most 1.1 times the bytes of its arithmetic. Shown beside
them: the small subequivariant policy against the one of the paper's size and against an MLP, and updates of TD3 with
the small one and with the MLP on turned scenes. Exit code 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import torch
from _measuring import seconds

from isotropy.control import Recipe, Replay, make_locomotion
from isotropy.control.parts import TD3, agent_of
from isotropy.train import fit

_engine: Any = mujoco
BODIES = ("hopper_3_shin", "hopper_5_full", "walker_7_full")


def environment(body: str, steps: int) -> float:
    """Bare steps a second over those of the environment, times a half: at most 1."""
    env = gymnasium.make(f"isotropy/{body}-v0")
    env.reset(seed=0)
    inner: Any = env.unwrapped
    actions = np.random.default_rng(0).uniform(-1, 1, (steps, *(env.action_space.shape or ())))
    controls = np.stack([inner.controls(action) for action in actions])
    env.reset(seed=0)
    states = list[tuple[Any, Any]]()  # that the environment steps from, so that the engine has the same contacts
    for action in actions:
        states.append((inner.data.qpos.copy(), inner.data.qvel.copy()))
        _, _, ended, cut, _ = env.step(action)
        if ended or cut:
            env.reset()

    def acted() -> None:
        env.reset(seed=0)
        for action in actions:
            _, _, ended, cut, _ = env.step(action)
            if ended or cut:
                env.reset()

    def bare() -> None:
        for control, (qpos, qvel) in zip(controls, states, strict=True):
            inner.data.qpos[:], inner.data.qvel[:], inner.data.ctrl[:] = qpos, qvel, control
            _engine.mj_step(inner.model, inner.data, 4)

    whole, engine = seconds(acted, 3), seconds(bare, 3)
    print(
        f"{body}: {steps / whole:.0f} steps a second, bare {steps / engine:.0f}, share {engine / whole:.2f} (bar 0.5)"
    )
    return 0.5 * whole / engine


def policies(quick: bool) -> None:
    """The small policy against the one of the paper's size and an MLP: batch 1, 5 limbs."""
    env: Any = make_locomotion("hopper_5_full").unwrapped
    seen = torch.from_numpy(env.reset(seed=0)[0]["limbs"]).float()[None]
    took: dict[str, float] = {}
    for name, policy, size in (
        ("small", "subequivariant", "small"),
        ("paper", "subequivariant", "paper"),
        ("mlp",) * 3,
    ):
        actor = agent_of(policy, [env.graph], size="small" if size == "mlp" else size, group="O(2)@z", seed=0).actor

        def act(actor: torch.nn.Module = actor) -> None:
            with torch.no_grad():
                for _ in range(10):
                    actor(seen, env.graph)

        took[name] = seconds(act, 2 if quick else 5) / 10
    for name, value in took.items():
        print(f"actor {name}: {1e3 * value:.2f} ms, {value / took['mlp']:.1f} x the MLP")
    print(f"paper / small: {took['paper'] / took['small']:.1f}")


def updates(quick: bool) -> None:
    """An update of TD3, batch 64, 3 limbs: the small subequivariant networks against MLPs on turned scenes."""
    env: Any = make_locomotion("hopper_3_shin").unwrapped
    recipe, count = Recipe(), 4 if quick else 10
    draw = torch.Generator().manual_seed(0)
    replay = Replay(3, 500)
    seen = env.reset(seed=0)[0]["limbs"]
    for _ in range(500):
        action = 2 * torch.rand(3, 3, generator=draw) - 1
        after, reward, ended, _, _ = env.step(action.double().numpy())
        replay.add(seen, action, reward, after["limbs"], ended)
        seen = env.reset()[0]["limbs"] if ended else after["limbs"]
    batches = [{**replay.sample(recipe.batch, draw), "body": 0} for _ in range(count)]
    took: dict[str, float] = {}
    for policy in ("subequivariant", "augmented"):
        agent = agent_of(policy, [env.graph], size="small", group="O(2)@z", seed=0)
        task = TD3([env.graph], recipe, turns=policy == "augmented")

        def learn(agent: Any = agent, task: TD3 = task) -> None:
            adam = {name: lambda p: torch.optim.Adam(p, 1e-4, fused=True) for name in ("actor", "critics")}
            fit(agent, task, batches, optimizer=adam, max_steps=count, clip=recipe.clip, progress=False)

        took[policy] = seconds(learn, 2) / count
    print(", ".join(f"update {name}: {1e3 * value:.1f} ms" for name, value in took.items()))
    print(f"subequivariant / MLP on turned scenes: {took['subequivariant'] / took['augmented']:.1f}")


def memory(limbs: int = 3, count: int = 20_000) -> float:
    """Bytes of the process that a full replay takes, over those of its arithmetic."""
    row = torch.ones(limbs, 41), torch.ones(limbs, 3), 1.0, torch.ones(limbs, 41), False
    Replay(limbs, 10).add(*row)
    before = _resident()
    replay = Replay(limbs, count)
    for _ in range(count):
        replay.add(*row)
    taken = _resident() - before
    told = Replay.bytes_of(limbs, count)
    print(f"replay: {taken / 2**20:.1f} MB of {len(replay)} transitions, {taken / told:.3f} x its arithmetic (bar 1.1)")
    return taken / told / 1.1


def _resident() -> int:
    """Bytes of the process that lie in memory (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    bars = [memory(), *(environment(body, 300 if quick else 1500) for body in BODIES)]
    policies(quick)
    updates(quick)
    return int(max(bars) > 1)


if __name__ == "__main__":
    sys.exit(main())
