"""What a limb tells of itself: 41 numbers, in the order of the benchmark (Chen et al., ICML 2023, section 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.control._engine import mujoco
from isotropy.control._graph import LimbGraph

WIDTH = 41
# Where each kind of number stands. Hinge axes and angular velocities are axial: a mirror turns them the other way.
OFFSET, GRAVITY, TARGET, VELOCITY, SPIN = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12), slice(12, 15)
AXES, ANGLES, RANGES, KIND, HEIGHT = slice(15, 24), slice(24, 27), slice(27, 36), slice(36, 40), slice(40, 41)
_KINDS = ("torso", "thigh", "shin", "foot")
_NEXT, _LAST = np.array([1, 2, 0]), np.array([2, 0, 1])  # of a cross product
_FASTEST = 10.0  # metres a second: what is faster is shown as fast as that


class Observer:
    """Reads the limbs of a model; ``clip`` says how velocities beyond 10 m/s are shortened.

    "norm" keeps their direction, and with it every symmetry; "component" cuts each coordinate, as the benchmark does.
    """

    def __init__(self, model: Any, graph: LimbGraph, clip: str) -> None:
        self.model, self.clip = model, clip
        n = len(graph.names)
        joints = graph.joints.numpy()
        self.hinged = joints >= 0  # (limbs, 3)
        self.joint = np.where(self.hinged, joints, 0)
        self.place = model.jnt_qposadr[self.joint]
        low, high = (np.degrees(model.jnt_range[self.joint, side]) for side in (0, 1))
        low, high = (
            np.where(model.jnt_limited[self.joint], end, whole) for end, whole in ((low, -180.0), (high, 180.0))
        )
        self.low, self.high = low, high
        self.still = np.zeros((n, WIDTH))
        self.still[:, KIND] = [[kind in name for kind in _KINDS] for name in graph.names]
        self.still[:, GRAVITY] = model.opt.gravity
        # What never changes of the ranges stands there already; of the angles' shares, slope and start are known.
        fixed = np.stack([np.zeros_like(low), (180 + low) / 360, (180 + high) / 360], -1)
        self.still[:, RANGES] = np.where(self.hinged[..., None], fixed, 0.5).reshape(n, 9)
        self.slope = np.where(self.hinged, np.degrees(1.0) / np.where(self.hinged, high - low, 1.0), 0.0)
        self.start = np.where(self.hinged, -low / np.where(self.hinged, high - low, 1.0), 0.5)
        self.mask, self.mask_axes = self.hinged.astype(float), self.hinged.astype(float)[..., None]

    def __call__(self, state: Any, toward: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(limbs, 41)`` of a state whose kinematics are up to date; ``toward (2,)`` is where the target is."""
        limbs = self.still.copy()
        x, spin = state.xpos[1:], state.cvel[1:, :3]
        # The engine tells velocities at the centre of mass of the whole body; here they are of each limb's origin.
        # (spin x arm, written out: numpy's cross takes longer than all else here)
        arm = x - state.subtree_com[1]
        v = state.cvel[1:, 3:] + spin[:, _NEXT] * arm[:, _LAST] - spin[:, _LAST] * arm[:, _NEXT]
        limbs[:, OFFSET] = x - x[0]
        limbs[:, 6:8] = toward
        limbs[:, VELOCITY] = self._clipped(v)
        limbs[:, SPIN] = spin
        limbs[:, AXES] = (self.mask_axes * state.xaxis[self.joint]).reshape(len(x), 9)
        angle = self.mask * state.qpos[self.place]
        limbs[:, ANGLES] = angle
        limbs[:, RANGES.start : RANGES.stop : 3] = self.slope * angle + self.start
        limbs[:, HEIGHT] = x[:, 2:]
        return limbs

    def _clipped(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.clip == "component":
            return v.clip(-_FASTEST, _FASTEST)
        speed = np.sqrt((v * v).sum(1, keepdims=True))
        return v if speed.max() <= _FASTEST else v * (_FASTEST / np.maximum(speed, _FASTEST))


def refresh(model: Any, state: Any) -> None:
    """Positions and velocities of bodies as the coordinates say; a step leaves them where they were before it."""
    mujoco.mj_kinematics(model, state)
    mujoco.mj_comPos(model, state)
    mujoco.mj_comVel(model, state)
