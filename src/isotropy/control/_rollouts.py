"""A rollout and its moved twin, through the ``step`` of an environment as it is wrapped."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.control._engine import gymnasium, mujoco
from isotropy.control._moves import Coordinates, Move
from isotropy.errors import SchemaError, counted


@dataclass(frozen=True)
class Rollout:
    """Positions of bodies ``x (steps, bodies, 3)``, rewards and ends ``(steps,)``, observations ``(steps, n)``."""

    x: NDArray[np.float64]
    reward: NDArray[np.float64]
    ended: NDArray[np.bool_]
    seen: NDArray[np.float64]


class Stage:
    """An environment over MuJoCo in which the same actions are played from moved states."""

    def __init__(self, env: Any, steps: int, seed: int) -> None:
        self.env, self.inner, self.seed = env, env.unwrapped, seed
        self.model: Any = getattr(self.inner, "model", None)
        self.data: Any = getattr(self.inner, "data", None)
        if not isinstance(self.model, mujoco.MjModel) or self.data is None:
            raise SchemaError(
                f"the environment {env}, without a model and data of MuJoCo", "one that has them (env.unwrapped.model)"
            )
        draw = np.random.default_rng(seed)
        shape = (steps, *env.action_space.shape)
        low, high = env.action_space.low, env.action_space.high
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            low, high = -np.ones_like(low), np.ones_like(high)
        self.actions = draw.uniform(low, high, shape).astype(env.action_space.dtype)
        self._reset()
        self.start: Coordinates = self.data.qpos.copy(), self.data.qvel.copy()

    def play(self, move: Move, start: Coordinates | None = None) -> Rollout:
        """What happens from the moved start, with the moved controls."""
        self._reset()
        self._begin(move, *(start or self.start))
        x, rewards, ends, seen = [], [], [], []
        for action in self.actions:
            observation, reward, ended, _, _ = self.env.step(self._moved(move, action))
            mujoco.mj_kinematics(self.model, self.data)
            x.append(self.data.xpos[1:].copy())
            rewards.append(float(reward))
            ends.append(bool(ended))
            seen.append(self._flat(observation))
        return Rollout(np.array(x), np.array(rewards), np.array(ends), np.array(seen))

    def shaken(self) -> Coordinates:
        """The start as rounding might have left it: what becomes of it is what the engine makes of rounding."""
        draw = np.random.default_rng(self.seed + 1)
        q, v = self.start
        eps = np.finfo(np.float64).eps
        return q + eps * (1 + np.abs(q)) * draw.choice((-1, 1), q.shape), v + eps * draw.choice((-1, 1), v.shape)

    def _moved(self, move: Move, action: NDArray[Any]) -> NDArray[Any]:
        """The action whose motors pull as the moved ones would: number by number, in the form that wrappers take."""
        if move.mirror is None:
            return action
        told = getattr(self.inner, "action_motors", np.arange(action.size))
        if len(told) != action.size or not set(range(self.model.nu)) <= set(told.tolist()):
            raise SchemaError(
                f"actions of {counted(action.size, 'number')} for {counted(self.model.nu, 'motor')}",
                "one for each", "env.unwrapped.action_motors says which motor each drives",
            )  # fmt: skip
        place = {int(motor): k for k, motor in enumerate(told) if motor >= 0}
        moved = action.reshape(-1).copy()
        for motor, k in place.items():
            twin, sign = int(move.mirror.motors[motor]), move.mirror.motor_signs[motor]
            moved[place[twin]] = sign * action.reshape(-1)[k]
        return moved.reshape(action.shape)

    def _reset(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # gymnasium's, of spaces and of steps beyond an end
            self.env.reset(seed=self.seed)

    def _begin(self, move: Move, q: NDArray[np.float64], v: NDArray[np.float64]) -> None:
        """The moved start; an environment that keeps more than bodies, a target say, moves it by its own ``move``."""
        own = getattr(self.inner, "move", None)
        q, v = (q, v) if callable(own) else move.state(self.model, q, v)
        self.data.qpos[:], self.data.qvel[:] = q, v
        self.data.qacc_warmstart[:] = 0.0  # the solver begins from nothing, as in a fresh scene
        mujoco.mj_forward(self.model, self.data)
        if callable(own):
            own(move)

    def _flat(self, observation: Any) -> NDArray[np.float64]:
        flat = gymnasium.spaces.flatten(self.env.observation_space, observation)
        return np.asarray(flat, np.float64).reshape(-1).copy()


def named_entries(space: Any) -> Sequence[str]:
    """A name for each number of a flattened observation: its indices, behind its key where there are keys."""
    if isinstance(space, gymnasium.spaces.Dict):
        return [f"{key} {entry}" for key, one in space.spaces.items() for entry in named_entries(one)]
    shape = getattr(space, "shape", None) or (gymnasium.spaces.flatdim(space),)
    return [",".join(map(str, index)) for index in np.ndindex(*shape)]
