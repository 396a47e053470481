"""A policy at work: what an episode is worth, and what it is worth in every direction."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from isotropy.control._engine import gymnasium
from isotropy.control._stream import limbs_of, limbs_seen
from isotropy.errors import DomainError, SchemaError


@dataclass(frozen=True)
class Episode:
    """What one was worth (``gained``), its ``steps`` of control, and whether it ``ended`` by itself."""

    gained: float
    steps: int
    ended: bool


def play(
    env: Any,
    actor: nn.Module,
    seeds: Sequence[int],
    bearings: Sequence[float | None] = (None,),
    steps: int | None = None,
) -> list[list[Episode]]:
    """Episodes without noise: for each of the ``bearings`` (radians) one from the start of each seed, turned so that
    the target lies there.

    They are played side by side in copies of ``env``, so that the policy is asked once a step for all. An episode ends
    by itself, where the environment cuts it off, or after so many ``steps``.
    """
    starts = [(seed, bearing) for bearing in bearings for seed in seeds]
    if not starts:
        raise DomainError("no episodes", "at least one seed and one bearing")
    worlds = [copy.deepcopy(env) for _ in starts]
    graph, weight, going = limbs_of(env), next(actor.parameters()), list(range(len(starts)))
    seen = [_begun(world, *start, weight.dtype) for world, start in zip(worlds, starts, strict=True)]
    gained, lived, ended = [0.0] * len(starts), [0] * len(starts), [False] * len(starts)
    while going:
        with torch.no_grad():
            actions = actor(torch.stack([seen[i] for i in going]).to(weight), graph).double().cpu().numpy()
        for i, action in zip(tuple(going), actions, strict=True):
            observation, reward, ended[i], cut, _ = worlds[i].step(action.reshape(env.action_space.shape))
            seen[i], gained[i], lived[i] = (
                limbs_seen(observation, weight.dtype),
                gained[i] + float(reward),
                lived[i] + 1,
            )
            if ended[i] or cut or lived[i] == steps:
                going.remove(i)
    episodes = [Episode(*one) for one in zip(gained, lived, map(bool, ended), strict=True)]
    return [episodes[k : k + len(seeds)] for k in range(0, len(episodes), len(seeds))]


def by_bearing(
    env: Any, actor: nn.Module, bearings: int = 12, *, episodes: int = 1, steps: int | None = None, seed: int = 0
) -> NDArray[np.float64]:
    """Returns ``(bearings, episodes)`` with the target all round, the first in the east: the same starts, turned.

    They are played in double precision: chaos makes the rounding of single precision visible within 200 steps.
    """
    angles = [2 * math.pi * b / bearings for b in range(bearings)]
    found = play(env, copy.deepcopy(actor).double(), range(seed, seed + episodes), angles, steps)
    return np.array([[one.gained for one in row] for row in found])


def aimless(env: Any, episodes: int, seed: int = 0, steps: int | None = None, strength: float = 1.0) -> list[float]:
    """Returns of uniformly random actions, of whole episodes or their first ``steps``: what any policy has to beat.

    They are drawn within ``strength``; 0 is no torque at all.
    """
    env, draw, returns = copy.deepcopy(env), np.random.default_rng(seed), list[float]()
    for k in range(episodes):
        env.reset(seed=seed + k)
        gained, lived, over = 0.0, 0, False
        while not over:
            _, reward, ended, cut, _ = env.step(strength * draw.uniform(-1, 1, env.action_space.shape))
            gained, lived = gained + float(reward), lived + 1
            over = bool(ended or cut) or lived == steps
        returns.append(gained)
    return returns


def faced(env: Any, bearing: float) -> Any:
    """Turns the scene so that the target lies at ``bearing``, and what is seen then, through all ObservationWrappers.

    Raises SchemaError for an environment that cannot be turned.
    """
    inner = env.unwrapped
    if not all(hasattr(inner, name) for name in ("rotate", "observe", "bearing")):
        raise SchemaError(f"the environment {env}, which cannot be turned", "rotate(theta), observe() and bearing")
    inner.rotate(bearing - inner.bearing)
    return worn(env)


def worn(env: Any) -> Any:
    """What an environment shows as it is now: of the inmost, seen through what it wears."""
    if not isinstance(env, gymnasium.Wrapper):
        return env.observe()
    seen = worn(cast(Any, env).env)
    return cast(Any, env).observation(seen) if isinstance(env, gymnasium.ObservationWrapper) else seen


def _begun(env: Any, seed: int, bearing: float | None, dtype: torch.dtype) -> torch.Tensor:
    observation, _ = env.reset(seed=seed)
    return limbs_seen(observation if bearing is None else faced(env, bearing), dtype)
