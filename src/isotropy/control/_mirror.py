"""Left and right: which limb, hinge and motor is the mirror image of which, found from the model's geometry alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.control._engine import mujoco

M = np.diag([1.0, -1.0, 1.0])  # the mirror in the body's own upright plane: left is +y
_TOL = 2e-5  # relative: models are written with six digits, and places add up


@dataclass(frozen=True)
class Mirror:
    """What the mirror does to a body: ``bodies``, ``joints`` (hinges, slides) and ``motors`` go to these indices.

    ``signs`` are those of the joints' values, ``motor_signs`` those of the controls: +1 where the axis of the twin is
    the axial image -M a of the joint's own (for slides M a), -1 where it is the opposite.
    """

    bodies: NDArray[np.int64]
    joints: NDArray[np.int64]
    signs: NDArray[np.float64]
    motors: NDArray[np.int64]
    motor_signs: NDArray[np.float64]


def mirror_of(model: Any) -> Mirror | str:
    """The mirror of a body in its upright plane, or, where left and right differ, what has no mirror image.

    Twins have the same mass, inertia, damping and range, at mirrored places in the resting pose. Shapes and frictions
    of the skin are not compared: a mirrored rollout is (``measure_symmetry``).
    """
    pose = _Pose.of(model)
    twin: dict[int, int] = {0: 0}  # the world
    hinges: dict[int, tuple[int, float]] = {}
    for b in range(1, model.nbody):  # parents come before their children
        pairs = [
            (found, int(c))
            for c in np.flatnonzero(pose.like(b))
            if c not in twin.values() and int(model.body_parentid[c]) == twin[int(model.body_parentid[b])]
            and (found := pose.joints(b, int(c))) is not None
        ]  # fmt: skip
        if not pairs:
            return f"body {name_of(model, 'BODY', b)}"
        # Limbs that lie in the plane may be their own twins or each other's: the fewer hinges turn round, the better.
        found, twin[b] = min(pairs, key=lambda pair: sum(sign < 0 for _, sign in pair[0].values()))
        hinges |= found
    joints, signs = np.arange(model.njnt), np.ones(model.njnt)
    for j, (k, sign) in hinges.items():
        joints[j], signs[j] = k, sign
    motors = _motors(model, joints, signs)
    bodies = np.array([twin[b] - 1 for b in range(1, model.nbody)])
    return motors if isinstance(motors, str) else Mirror(bodies, joints, signs, *motors)


def name_of(model: Any, kind: str, index: int) -> str:
    return mujoco.mj_id2name(model, getattr(mujoco.mjtObj, f"mjOBJ_{kind}"), index) or f"{kind.lower()} {index}"


@dataclass(frozen=True)
class _Pose:
    """The resting pose as the root sees it, in units of its size: centres of mass, anchors and axes of joints."""

    model: Any
    centres: NDArray[np.float64]
    inertias: NDArray[np.float64]
    anchors: NDArray[np.float64]
    axes: NDArray[np.float64]
    laws: NDArray[np.float64]

    @classmethod
    def of(cls, model: Any) -> _Pose:
        state = mujoco.MjData(model)
        mujoco.mj_kinematics(model, state)
        R, p = state.xmat[1].reshape(3, 3), state.xpos[1]
        size = max(float(np.abs(state.xipos[1:] - p).max()), 1e-12)
        told = np.concatenate([model.body_mass[:, None], np.sort(model.body_inertia, 1)], 1)
        dof = model.jnt_dofadr
        laws = np.stack([model.dof_damping[dof], model.dof_armature[dof], model.jnt_stiffness], 1)
        return cls(
            model, (state.xipos - p) @ R / size, told / np.maximum(told.max(0), 1e-12),
            (state.xanchor - p) @ R / size, state.xaxis @ R, laws,
        )  # fmt: skip

    def like(self, b: int) -> NDArray[np.bool_]:
        """Which bodies lie where the mirror puts body b, and weigh as much."""
        apart = np.abs(self.centres - M @ self.centres[b]).max(1)
        same = (apart < _TOL) & (np.abs(self.inertias - self.inertias[b]).max(1) < _TOL)
        same[0] = False
        return same

    def joints(self, b: int, c: int) -> dict[int, tuple[int, float]] | None:
        """The twin of each joint of body b among those of c, and its sign; None where one has none."""
        own, others = (np.flatnonzero(self.model.jnt_bodyid == body).tolist() for body in (b, c))
        found: dict[int, tuple[int, float]] = {}
        for j in own:
            twins = [(k, sign) for k in others if (sign := self._sign(j, k)) != 0]
            if not twins:
                return None
            found[j] = twins[0]
        return found if len(own) == len(others) else None

    def _sign(self, j: int, k: int) -> float:
        """That of the value of joint k in the mirror image of joint j; 0 where k is not that image."""
        kind = self.model.jnt_type[j]
        if self.model.jnt_type[k] != kind or not np.allclose(self.laws[j], self.laws[k], rtol=_TOL):
            return 0.0
        if kind == mujoco.mjtJoint.mjJNT_FREE:
            return 1.0
        if kind == mujoco.mjtJoint.mjJNT_BALL:
            return 0.0  # no angle of its own to give to a twin
        hinge = kind == mujoco.mjtJoint.mjJNT_HINGE
        along = float(M @ self.axes[j] @ self.axes[k]) * (-1.0 if hinge else 1.0)
        at = not hinge or bool(np.abs(M @ self.anchors[j] - self.anchors[k]).max() < _TOL)
        parallel = abs(abs(along) - 1) < _TOL
        return float(np.sign(along)) if at and parallel and _ranges(self.model, j, k, along) else 0.0


def _ranges(model: Any, j: int, k: int, sign: float) -> bool:
    """Whether joint k may move where the image of joint j may, told from where each rests."""
    own, other = (model.jnt_range[i] - model.qpos0[model.jnt_qposadr[i]] for i in (j, k))
    image = own if sign > 0 else -own[::-1]
    same = bool(model.jnt_limited[j] == model.jnt_limited[k])
    return same and (not model.jnt_limited[j] or np.allclose(image, other, atol=_TOL))


def _motors(
    model: Any, joints: NDArray[np.int64], signs: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]] | str:
    """The twin of each motor, one of the same laws on the twin of its joint, and the sign of its control."""
    laws = np.concatenate([model.actuator_gainprm, model.actuator_biasprm, model.actuator_ctrlrange], 1)
    motors, turned = np.full(model.nu, -1), np.ones(model.nu)
    for a in range(model.nu):
        joint = int(model.actuator_trnid[a, 0])
        if model.actuator_trntype[a] != mujoco.mjtTrn.mjTRN_JOINT:
            return f"motor {name_of(model, 'ACTUATOR', a)}, which drives no joint,"
        for b in set(range(model.nu)) - set(motors.tolist()):
            on = model.actuator_trntype[b] == mujoco.mjtTrn.mjTRN_JOINT and model.actuator_trnid[b, 0] == joints[joint]
            pull, other = model.actuator_gear[a, 0], model.actuator_gear[b, 0]
            if on and np.isclose(abs(pull), abs(other), rtol=_TOL) and np.allclose(laws[a], laws[b], rtol=_TOL):
                motors[a], turned[a] = b, signs[joint] * (np.sign(pull * other) or 1.0)
                break
        else:
            return f"motor {name_of(model, 'ACTUATOR', a)}"
    return motors, turned
