"""The tree of limbs of a body: which hangs on which, its hinges and motors, and what a network may know of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.control._bodies import model_of
from isotropy.control._engine import mujoco
from isotropy.control._mirror import Mirror, mirror_of, name_of
from isotropy.errors import MorphologyError, counted
from isotropy.nn.parts import LimbTree

_HINGES = 3  # a limb has at most so many: x, y and z


@dataclass(frozen=True)
class LimbGraph(LimbTree):
    """The limbs of a body by ``names``, the torso first; ``parents`` has -1 for it.

    ``joints (limbs, 3)`` and ``motors (limbs, 3)`` are MuJoCo's indices of the hinges of each limb and of the motors
    that drive them, -1 where a limb has fewer than three. From the parents follow ``traversals`` and ``relation``.

    Source: Chen et al. (ICML 2023), section 4; the embeddings are those of Hong et al. (ICLR 2022).

    >>> graph = LimbGraph.from_mjcf("walker_7_full")
    >>> graph.names[:3], graph.parents.tolist(), graph.left_right_permutation().tolist()
    (('torso', 'right_thigh', 'right_shin'), [-1, 0, 1, 2, 0, 4, 5], [0, 4, 5, 6, 1, 2, 3])
    """

    names: tuple[str, ...]
    joints: Int[Tensor, "limbs 3"]
    motors: Int[Tensor, "limbs 3"]
    model: Any

    @classmethod
    def from_mjcf(cls, body: Any) -> LimbGraph:
        """Of a body's name, the path of an MJCF file, or an MjModel.

        Raises MorphologyError, naming the body or the joint, where there is no torso with one free joint that all else
        hangs on, where limbs have no hinge or more than three, slides or balls, and where a hinge has no motor or a
        motor no hinge.
        """
        _, model = model_of(body)
        limbs = range(1, model.nbody)
        names = tuple(name_of(model, "BODY", b) for b in limbs)
        parents = [int(model.body_parentid[b]) - 1 for b in limbs]
        _check_root(model, names, parents)
        joints = torch.full((len(names), _HINGES), -1)
        for limb in range(1, len(names)):
            start, number = int(model.body_jntadr[limb + 1]), int(model.body_jntnum[limb + 1])
            _check_hinges(model, names[limb], range(start, start + number))
            joints[limb, :number] = torch.arange(start, start + number)
        drives = _drives(model)
        motors = torch.tensor([[drives.get(j, -1) if j >= 0 else -1 for j in row] for row in joints.tolist()])
        idle = [name_of(model, "JOINT", int(j)) for j in joints[(joints >= 0) & (motors < 0)]]
        if idle:
            raise MorphologyError(f"hinges without a motor: {', '.join(idle)}", "a motor for each hinge")
        return cls(torch.tensor(parents), names, joints, motors, model)

    @cached_property
    def mirror(self) -> Mirror | str:
        """What the mirror does to limbs, hinges and motors; where left and right differ, what has no image."""
        return mirror_of(self.model)

    def left_right_permutation(self) -> Int[Tensor, " limbs"] | None:
        """The limb that each limb becomes in the mirror; None where left and right differ."""
        return None if isinstance(self.mirror, str) else torch.from_numpy(self.mirror.bodies)

    @cached_property
    def twins(self) -> Int[Tensor, " limbs"]:  # type: ignore[override]
        """The limb on the other side of each; itself, where left and right differ."""
        twins = self.left_right_permutation()
        return torch.arange(len(self.names)) if twins is None else twins

    @cached_property
    def driven(self) -> Float[Tensor, "limbs 3"]:
        """1 where a motor drives the hinge."""
        return (self.motors >= 0).double()


def _check_root(model: Any, names: tuple[str, ...], parents: list[int]) -> None:
    roots = [name for name, parent in zip(names, parents, strict=True) if parent < 0]
    if len(roots) != 1:
        what = f"{counted(len(roots), 'body', 'bodies')} on the floor ({', '.join(roots)})" if roots else "no body"
        raise MorphologyError(what, "one torso that all limbs hang on")
    free = [j for j in range(model.njnt) if model.jnt_type[j] == mujoco.mjtJoint.mjJNT_FREE]
    if [int(model.jnt_bodyid[j]) for j in free] != [1] or model.body_jntnum[1] != 1:
        raise MorphologyError(
            f"torso {roots[0]} without a free joint of its own", "one free joint, of the torso and of no other body",
            '<joint type="free"/> in it',
        )  # fmt: skip


def _check_hinges(model: Any, limb: str, joints: range) -> None:
    if not 1 <= len(joints) <= _HINGES:
        raise MorphologyError(f"limb {limb} with {counted(len(joints), 'joint')}", "one to three hinges")
    for j in joints:
        if model.jnt_type[j] != mujoco.mjtJoint.mjJNT_HINGE:
            kind = {0: "free", 1: "ball", 2: "slide"}[int(model.jnt_type[j])]
            raise MorphologyError(f"joint {name_of(model, 'JOINT', j)} of limb {limb}, of type {kind}", "a hinge")


def _drives(model: Any) -> dict[int, int]:
    """The motor of each joint that has one."""
    drives: dict[int, int] = {}
    for motor in range(model.nu):
        joint = int(model.actuator_trnid[motor, 0])
        on = model.actuator_trntype[motor] == mujoco.mjtTrn.mjTRN_JOINT
        if not on or model.jnt_type[joint] != mujoco.mjtJoint.mjJNT_HINGE:
            raise MorphologyError(
                f"motor {name_of(model, 'ACTUATOR', motor)}, which drives no hinge", "a motor on a hinge"
            )
        if joint in drives:
            raise MorphologyError(f"two motors of joint {name_of(model, 'JOINT', joint)}", "one for each hinge")
        drives[joint] = motor
    return drives
