"""A world whose optimum is known: a puck on ice with three thrusters, paid for going where it is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isotropy.control._engine import gymnasium
from isotropy.control._moves import Move
from isotropy.control._observe import AXES, GRAVITY, KIND, RANGES, TARGET, VELOCITY, WIDTH
from isotropy.errors import DomainError, ShapeError
from isotropy.nn.parts import LimbTree

_DT, _DRAG, _MASS = 0.1, 1.0, 1.0  # s, 1/s, kg
_PUCK = LimbTree(torch.tensor([-1]))


class PointMass(gymnasium.Env[Any, NDArray[np.float64]]):
    """A puck of 1 kg that slides in the plane, with a drag of 1/s, pushed by three thrusters at right angles to each
    other, 1 N each, in a frame that is drawn for each episode relative to the target.

    It is seen as one limb, ``{"limbs": (1, 41)}``, whose hinge axes are those of the thrusters. A step of 0.1 s is paid
    the speed towards the target, m/s. ``sector``: targets are drawn within so many radians, about east. Thrusters
    turn along with the target, so that the optimum, each thruster full with the sign of its axis along it, is the same
    in every direction: ``best`` is its return. Thrusters are arrows and not axes of rotation: the world has
    SO(2)@z (``symmetry``), and its mirror is not that of a body of hinges.

    Raises DomainError for a sector of no size, ShapeError for other than three thrusts.

    >>> env = PointMass()
    >>> env.reset(seed=0)[0]["limbs"].shape, env.action_space.shape
    ((1, 41), (1, 3))
    """

    symmetry = "SO(2)@z"  # to a policy that holds thrusters to be axes, their mirror images cancel on average

    def __init__(self, sector: float = 2 * np.pi, steps: int = 50) -> None:
        if not 0 < sector <= 2 * np.pi + 1e-9:
            raise DomainError(f"sector={sector}", "radians, above 0 and up to 2 pi")
        self.sector, self.steps, self.graph, self.dt = sector, steps, _PUCK, _DT
        box = gymnasium.spaces.Box
        self.observation_space = gymnasium.spaces.Dict({"limbs": box(-np.inf, np.inf, (1, WIDTH), np.float64)})
        self.action_space = box(-1.0, 1.0, (1, 3), np.float64)
        self.thrusters, self.toward = np.eye(3), np.array([1.0, 0.0, 0.0])
        self.place, self.velocity, self.done = np.zeros(3), np.zeros(3), 0

    @property
    def best(self) -> float:
        """The return of the optimum from rest, over an episode."""
        push, speed, total = float(np.abs(self.thrusters @ self.toward).sum()) / _MASS, 0.0, 0.0
        for _ in range(self.steps):
            speed += _DT * (push - _DRAG * speed)
            total += speed
        return total

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.velocity, self.done = np.zeros(3), np.zeros(3), 0
        Q, R = np.linalg.qr(self.np_random.standard_normal((3, 3)))
        self.thrusters, self.toward = (Q * np.sign(np.diag(R))).T, np.array([1.0, 0.0, 0.0])
        self.rotate(self.sector * (self.np_random.uniform() - 0.5))
        return self.observe(), {}

    def step(
        self, action: NDArray[np.float64]
    ) -> tuple[dict[str, NDArray[np.float64]], float, bool, bool, dict[str, Any]]:
        u = np.asarray(action, np.float64)
        if u.size != 3:
            raise ShapeError(f"an action of shape {u.shape}", "(1, 3) or (3,): three thrusts")
        if not np.isfinite(u).all():
            raise DomainError("thrusts that are not finite", "numbers in [-1, 1]")
        push = u.reshape(3).clip(-1, 1) @ self.thrusters / _MASS
        push[2] = 0.0  # the ice holds it
        self.velocity = self.velocity + _DT * (push - _DRAG * self.velocity)
        self.place = self.place + _DT * self.velocity
        self.done += 1
        return self.observe(), float(self.velocity @ self.toward), False, self.done >= self.steps, {}

    def observe(self) -> dict[str, NDArray[np.float64]]:
        """The puck as a limb, as it is now."""
        limb = np.zeros((1, WIDTH))
        limb[0, GRAVITY] = 0.0, 0.0, -9.81
        limb[0, TARGET], limb[0, VELOCITY], limb[0, AXES] = self.toward, self.velocity, self.thrusters.ravel()
        limb[0, RANGES] = 0.5
        limb[0, KIND] = 1.0, 0.0, 0.0, 0.0
        return {"limbs": limb}

    def rotate(self, theta: float) -> None:
        """Turns everything about the vertical by ``theta`` radians."""
        R = Move(theta).matrix
        self.place, self.velocity, self.toward = R @ self.place, R @ self.velocity, R @ self.toward
        self.thrusters = self.thrusters @ R.T

    @property
    def bearing(self) -> float:
        """Where the target is, in radians from east."""
        return float(np.arctan2(self.toward[1], self.toward[0]))

    def state_dict(self) -> dict[str, Any]:
        """Where it is, and what it would draw next."""
        told = {name: torch.from_numpy(getattr(self, name).copy()) for name in _STATE}
        return {**told, "done": self.done, "random": self.np_random.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what ``state_dict`` told."""
        for name in _STATE:
            setattr(self, name, state[name].numpy().copy())
        self.done, self.np_random.bit_generator.state = state["done"], state["random"]


_STATE = ("place", "velocity", "toward", "thrusters")
