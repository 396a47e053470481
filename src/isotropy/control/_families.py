"""What each family of bodies is paid for, and when an episode ends (Chen et al., ICML 2023; their released code)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.control._bodies import bodies

_FAR = 100.0  # of a coordinate or a velocity: the simulation has blown up
_REST = 0.005  # how far resting poses and velocities are drawn apart


@dataclass(frozen=True)
class Upright:
    """The torso's ``height`` in metres, and how far it leans: ``tilt``, ``pitch`` and ``roll`` in radians."""

    height: float
    tilt: float
    pitch: float
    roll: float

    @classmethod
    def of(cls, state: Any) -> Upright:
        _, qx, qy, _ = q = state.qpos[3:7]
        R = state.xmat[1].reshape(3, 3)
        tilt = 2 * np.arctan2(np.hypot(qx, qy), np.hypot(q[0], q[3]))
        pitch = np.arctan2(-R[2, 0], np.hypot(R[2, 1], R[2, 2]))
        return cls(float(state.qpos[2]), float(tilt), float(pitch), float(np.arctan2(R[2, 1], R[2, 2])))


@dataclass(frozen=True)
class Family:
    """``heading``: paid for going where the torso looks; ``alive``: paid for each step; ``fallen(state, names)``."""

    heading: bool
    alive: float
    fallen: Callable[[Any, tuple[str, ...]], bool]
    rest: Callable[[Any, np.random.Generator], tuple[NDArray[np.float64], NDArray[np.float64]]]


def _near_rest(model: Any, draw: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    q, v = (draw.uniform(-_REST, _REST, size) for size in (model.nq, model.nv))
    return model.qpos0 + q, v


def _crouched(model: Any, draw: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return model.qpos0 + draw.uniform(-0.1, 0.1, model.nq), 0.1 * draw.standard_normal(model.nv)


def _hopper(lowest: float) -> Callable[[Any, tuple[str, ...]], bool]:
    def fallen(state: Any, names: tuple[str, ...]) -> bool:
        up = Upright.of(state)
        wild = bool((np.abs(np.concatenate([state.qpos[3:], state.qvel])) >= _FAR).any())
        return up.height <= lowest or up.tilt >= 1.0 or wild

    return fallen


def _between(low: float, high: float) -> Callable[[Any, tuple[str, ...]], bool]:
    def fallen(state: Any, names: tuple[str, ...]) -> bool:
        up = Upright.of(state)
        return not low < up.height < high or abs(up.pitch) >= 1.0 or abs(up.roll) >= 1.0

    return fallen


def _cheetah(state: Any, names: tuple[str, ...]) -> bool:
    up = Upright.of(state)
    thighs = [state.xpos[1 + k, 2] for k, name in enumerate(names) if "fthigh" in name]
    low = min([up.height, *map(float, thighs)]) <= 0.26
    still = float((state.qvel**2).sum()) <= 1.0
    return low or still or abs(up.pitch) >= 1.35 or abs(up.roll) >= 1.35


FAMILIES = {
    "hopper": Family(False, 1.0, _hopper(0.95), _near_rest),
    "walker": Family(True, 1.0, _between(0.8, 2.0), _near_rest),
    "humanoid": Family(True, 1.0, _between(0.834625, 1.834625), _near_rest),
    "cheetah": Family(True, 0.0, _cheetah, _crouched),
}
# Bodies without their lowest limbs stand lower, and may sink lower before they have fallen.
_SHORTER = {
    "hopper_3_shin": _hopper(0.45),
    "hopper_4_lower_shin": _hopper(0.6),
    "walker_2_right_leg_left_knee": _between(0.54, 1.74),
    "walker_3_left_knee_right_knee": _between(0.54, 1.74),
    "walker_3_left_leg_right_foot": _between(0.664, 2.0),
    "walker_4_right_knee_left_foot": _between(0.664, 1.864),
    "walker_5_left_knee": _between(0.664, 2.0),
}


def family_of(name: str, model: Any) -> Family:
    """The rules of a body: its family's for those of the benchmark, else those of ``any_body``."""
    if name not in bodies():
        return any_body(model)
    family = FAMILIES[name.split("_")[0]]
    return replace(family, fallen=_SHORTER.get(name, family.fallen))


def any_body(model: Any) -> Family:
    """Rules for a body of one's own: alive while its torso is above half its resting height and leans below 1 rad."""
    resting = float(model.qpos0[2])
    lowest = resting / 2 if resting > 0 else -np.inf  # where the floor is not known, falling is leaning

    def fallen(state: Any, names: tuple[str, ...]) -> bool:
        up = Upright.of(state)
        return up.height <= lowest or up.tilt >= 1.0

    return Family(False, 1.0, fallen, _near_rest)
