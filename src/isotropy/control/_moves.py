"""Turns about the vertical and mirrors, as they move the whole state of a simulated body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.control._engine import mujoco
from isotropy.control._mirror import M, Mirror
from isotropy.errors import MorphologyError, counted

Coordinates = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Root:
    """Where the free joint of a model stands in its coordinates ``q`` and velocities ``v``, and its ``body``."""

    q: int
    v: int
    body: int

    @classmethod
    def of(cls, model: Any) -> Root:
        """Raises MorphologyError unless the model has one free joint."""
        free = [j for j in range(model.njnt) if model.jnt_type[j] == mujoco.mjtJoint.mjJNT_FREE]
        if len(free) != 1:
            raise MorphologyError(
                f"a model with {counted(len(free), 'free joint')}",
                "one: the floating body that turns",
                "what is fixed to the ground cannot be turned against it",
            )
        (j,) = free
        return cls(int(model.jnt_qposadr[j]), int(model.jnt_dofadr[j]), int(model.jnt_bodyid[j]))


@dataclass(frozen=True)
class Move:
    """A turn by ``angle`` about the vertical (radians), after the mirror y to -y where ``mirror`` is given."""

    angle: float
    mirror: Mirror | None = None

    @property
    def matrix(self) -> NDArray[np.float64]:
        c, s = np.cos(self.angle), np.sin(self.angle)
        turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        return turn if self.mirror is None else turn @ M

    def state(self, model: Any, qpos: NDArray[np.float64], qvel: NDArray[np.float64]) -> Coordinates:
        """Coordinates and velocities of the moved state."""
        root, R, q, v = Root.of(model), self.matrix, qpos.copy(), qvel.copy()
        if self.mirror is not None:
            q, v = self._joints(model, q, v)
            spin = slice(root.v + 3, root.v + 6)
            v[spin] = -M @ qvel[spin]  # in the torso's own axes, and axial
        a = root.q
        q[a : a + 3], v[root.v : root.v + 3] = R @ qpos[a : a + 3], R @ qvel[root.v : root.v + 3]
        q[a + 3 : a + 7] = self._attitude(qpos[a + 3 : a + 7])
        return q, v

    def controls(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Controls (motors,) of the moved state: torques of hinges turn along, and change motors in the mirror."""
        if self.mirror is None:
            return u
        moved = np.empty_like(u)
        moved[self.mirror.motors] = self.mirror.motor_signs * u
        return moved

    def bodies(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions (bodies, 3) of the bodies, the world left out, of the moved state."""
        moved = x @ self.matrix.T
        if self.mirror is None:
            return moved
        twins = np.empty_like(moved)
        twins[self.mirror.bodies] = moved
        return twins

    def _attitude(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """The quaternion of turn . M . R . M."""
        w, x, y, z = q
        own = q if self.mirror is None else np.array([w, -x, y, -z])
        turn = np.array([np.cos(self.angle / 2), 0.0, 0.0, np.sin(self.angle / 2)])
        moved = np.empty(4)
        mujoco.mju_mulQuat(moved, turn, own)
        return moved

    def _joints(self, model: Any, q: NDArray[np.float64], v: NDArray[np.float64]) -> Coordinates:
        assert self.mirror is not None
        moved, rates = q.copy(), v.copy()
        for j, (twin, sign) in enumerate(zip(self.mirror.joints, self.mirror.signs, strict=True)):
            if model.jnt_type[j] != mujoco.mjtJoint.mjJNT_FREE:
                own, other = model.jnt_qposadr[j], model.jnt_qposadr[twin]
                moved[other] = model.qpos0[other] + sign * (q[own] - model.qpos0[own])
                rates[model.jnt_dofadr[twin]] = sign * v[model.jnt_dofadr[j]]
        return moved, rates
