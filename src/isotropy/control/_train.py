"""``train``: one policy for a body or for many, by TD3 in the one training loop."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from isotropy.control._agents import agent_of
from isotropy.control._engine import mujoco
from isotropy.control._episodes import aimless, by_bearing
from isotropy.control._film import films
from isotropy.control._stream import limbs_of
from isotropy.control._symmetry import measure_symmetry
from isotropy.control._td3 import Recipe
from isotropy.control._teach import teach
from isotropy.control._trained import Bearings, Trained
from isotropy.errors import DomainError, IsotropyError, SchemaError
from isotropy.estimate import Estimate
from isotropy.study import answering

POLICY, GIF = "policy.safetensors", "episode.gif"
_LAST = 3  # evaluations that count at the end
_AIMLESS = 20  # random episodes
_ROUND = 200  # steps of control by bearing: what rounding leaves of the symmetry for as long


def train(
    envs: Any,
    *,
    policy: str = "subequivariant",
    size: str = "small",
    group: str = "O(2)@z",
    steps: int | None = None,
    minutes: float | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    run: str | Path | None = None,
    resume: bool = False,
    bearings: int = 12,
    evaluations: int = 20,
    device: str = "cpu",
    environments: Sequence[Mapping[str, str]] = (),
    progress: bool | None = None,
) -> Trained:
    """One policy for an environment, or for several, trained by TD3; ``.act(observation)`` and ``.curve``.

    - ``envs``: of ``make_locomotion``, or any with ``env.unwrapped.graph`` and observations ``{"limbs": (limbs, 41)}``.
    - ``policy``: "subequivariant", of ``group`` "O(2)@z" or "SO(2)@z"; "mlp", "augmented" (an MLP on scenes turned at
      random) and "heading" (an MLP behind a HeadingFrame), which know one body; "shared", "transformer" and
      "heading-transformer" (behind a HeadingFrame), which drive any.
    - ``size``: "small", or for the subequivariant policy and transformers "paper".
    - ``steps`` of control, over all bodies, or ``minutes`` of the clock; ``recipe``: rates and sizes of TD3.
    - ``run``: the folder of result.json, report.html, weights and checkpoints; ``resume`` goes on there, on the CPU bit
      for bit where environments tell their state, as ours do.
    - ``bearings``: directions of the target that the policy is looked at in, for the first 200 steps of an episode;
      ``evaluations``, of whole episodes, over the training.

    Raises DomainError for unknown words, for numbers out of their ranges, for several bodies with a network that knows
    one, for both or neither of ``steps`` and ``minutes``, for mirrors ("O(2)@z") in a world that has none
    (``env.unwrapped.symmetry`` says so), and for transitions that are not finite; DivergedError, which is one, for
    losses that are not; SchemaError for environments without limbs, and for a device that is not there.

    >>> from isotropy.control import PointMass
    >>> result = train(PointMass(), policy="heading", steps=60, recipe=Recipe(warmup=20, batch=8), bearings=4)
    >>> result.updates, result.transitions, result.act(PointMass().reset(seed=0)[0]).shape
    (20, 60, (1, 3))
    """
    began = time.monotonic()
    worlds = list[Any](envs) if isinstance(envs, Iterable) and not isinstance(envs, str) else [envs]
    recipe = recipe or Recipe()
    updates = _updates(worlds, steps, minutes, recipe)
    _check(worlds, policy, group, bearings, evaluations, device)
    graphs = [limbs_of(env) for env in worlds]
    agent = agent_of(policy, graphs, size=size, group=group, seed=seed).to(device)
    settings = {
        "bodies": ", ".join(name_of(env) for env in worlds), "policy": policy, "size": size, "group": group,
        **({"steps": steps} if minutes is None else {"minutes": minutes}), "recipe": asdict(recipe), "seed": seed,
        "bearings": bearings, "evaluations": evaluations, "device": device,
        "environments": [dict(one) for one in environments],
    }  # fmt: skip
    with answering(run, resume, settings, began=began) as answer:
        capacity = recipe.capacity if steps is None else min(recipe.capacity, steps)
        history = teach(
            agent, worlds, replace(recipe, capacity=capacity), answer.run, updates=updates, minutes=minutes,
            looks=evaluations, turns=policy == "augmented", seed=seed, progress=progress,
        )  # fmt: skip
        actor = agent.actor.cpu().eval()
        answer.run.save(actor, POLICY)
        kept = [row["evaluations"] for row in history.rows if "evaluations" in row][-_LAST:]
        last = [[value for look in looks for value in look] for looks in zip(*kept, strict=True)]
        shown = films(worlds[0], actor, seed=seed)
        if shown.gif:
            answer.run.write(GIF, shown.gif)
        names = ("updates", "transitions", "cpu_s", "return", "evaluated")
        result = Trained(
            bodies=tuple(
                found_of(env, actor, bearings, returns, group, seed) for env, returns in zip(worlds, last, strict=True)
            ),
            policy=policy,
            size=size,
            group=group,
            curve={name: tuple(row.get(name) for row in history.rows) for name in names},
            transitions=int(history.rows[-1]["transitions"]),
            updates=history.steps,
            cpu_seconds=float(history.rows[-1]["cpu_s"]),
            environments=tuple(environments),
            where="" if run is None else str(run),
            seed=seed,
            actor=actor,
            graphs=tuple(graphs),
            frames=shown.frames,
            twins=shown.twins,
        )
        return answer.write(replace(result, **answer.stamp()))


def found_of(env: Any, actor: nn.Module, bearings: int, returns: Sequence[float], group: str, seed: int) -> Bearings:
    """What is told of a body: its returns, those of random actions, those all round, and the world that it acts in."""
    turned = by_bearing(env, actor, bearings, episodes=2, steps=_ROUND, seed=seed).mean(1) if bearings else np.zeros(0)
    return Bearings(
        name_of(env),
        len(limbs_of(env).parents),
        interval(returns, seed),
        float(np.mean(aimless(env, _AIMLESS, seed))),
        tuple(360.0 * k / max(bearings, 1) for k in range(bearings)),
        tuple(float(value) for value in turned),
        _world(env, group, seed),
        _ROUND if bearings else 0,
        float(np.mean(aimless(env, _AIMLESS, seed, _ROUND))) if bearings else 0.0,
        float(np.mean(aimless(env, _AIMLESS, seed, strength=0.0))),
    )


def interval(values: Sequence[float], seed: int, draws: int = 2000) -> Estimate:
    """The mean, with the percentiles of the means of episodes drawn again (bootstrap, 95 %).

    >>> print(interval([1.0, 1.0, 1.0], 0))
    1 [1, 1]
    """
    x = np.asarray(values, np.float64)
    means = x[np.random.default_rng(seed).integers(len(x), size=(draws, len(x)))].mean(1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Estimate(float(x.mean()), float(low), float(high), n=len(x))


def name_of(env: Any) -> str:
    """What an environment is called: its body, or its class."""
    return str(getattr(env.unwrapped, "name", type(env.unwrapped).__name__))


def _world(env: Any, group: str, seed: int) -> str:
    """The headline of the meter; empty for a world that is no model of MuJoCo."""
    if not isinstance(getattr(env.unwrapped, "model", None), mujoco.MjModel):
        return ""
    try:
        found = measure_symmetry(copy.deepcopy(env), group, steps=25, seed=seed)
    except IsotropyError:  # a body without a mirror image has its turns
        found = measure_symmetry(copy.deepcopy(env), "SO(2)@z", steps=25, seed=seed)
    return f"{found.verdict} (dynamics {found.surviving('dynamics')}, reward {found.surviving('reward')})"


def _check(worlds: Sequence[Any], policy: str, group: str, bearings: int, evaluations: int, device: str) -> None:
    """Raises what ``train`` says it raises of these, before anything is lived through."""
    for name, given, least in (("bearings", bearings, 0), ("evaluations", evaluations, 1)):
        if not isinstance(given, int) or given < least:
            raise DomainError(f"{name}={given}", f"a whole number, {least} or more")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as missing:  # torch has either for a device that is not there
        reason = str(missing).splitlines()[0]
        raise SchemaError(f"device={device!r}", "a device of this machine, cpu or cuda", reason) from missing
    for env in worlds if policy == "subequivariant" else ():
        has = getattr(getattr(env, "unwrapped", env), "symmetry", group)
        if has != group:
            raise DomainError(
                f"group={group!r} in {name_of(env)}, whose symmetry is {has}", has, f'group="{has}"'
            )  # fmt: skip


def _updates(worlds: Sequence[Any], steps: int | None, minutes: float | None, recipe: Recipe) -> int | None:
    """How many updates fit, None where the clock says; raises DomainError where none does."""
    if not worlds:
        raise DomainError("no environments", "one, or several")
    if (steps is None) == (minutes is None):
        raise DomainError(f"steps={steps} and minutes={minutes}", "one of them", "steps=20_000")
    if minutes is not None:
        if not 0 < minutes < math.inf:
            raise DomainError(f"minutes={minutes}", "above 0")
        if recipe.anneal:
            raise DomainError("a rate that falls to 0, and an end that the clock says", "steps=", "anneal=False")
        return None
    assert steps is not None
    first = len(worlds) * -(-recipe.warmup // len(worlds))  # each body has as many
    if steps < first + recipe.every:
        raise DomainError(
            f"steps={steps} with a warm-up of {first}", f"{first + recipe.every} or more",
            "fewer first steps: recipe=Recipe(warmup=...)",
        )  # fmt: skip
    return (steps - first) // recipe.every
