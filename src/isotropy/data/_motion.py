"""Recorded motion: skeletons read from BVH files, and bodies of capsules that they move."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.data._capsules import capsule_surface, depth
from isotropy.data._mirror import File, locate
from isotropy.errors import DomainError, SchemaError
from isotropy.random import spawn

CMU = File(
    "06-piecewise-equivariance/cmu_subject131.tar.gz",
    "ed51bd005cbc3ccf46c0bd15bfacc03c2e5211e1837902518afe9cd6d598ebf9",
    "subject 131 of the CMU motion capture database, mocap.cs.cmu.edu, funded by NSF EIA-0196217",
)
CLIPS = ("131_01", "131_02", "131_03")
_METRES = 0.0254 / 0.45  # the unit of the skeletons
_CHANNELS = {"Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation"}


@dataclass(frozen=True, eq=False)
class Skeleton:
    """J joints by their ``names``, and F frames of their motion ``seconds`` apart, as a BVH file has them, in its unit.

    ``parent (J,)`` comes before its children, -1 for the root; ``offset (J, 3)`` is where a joint is on its parent.
    ``bones (b, 3)`` are the ends, as the joint ``bone_of (b,)`` sees them, of what each joint carries: the way to each
    of its children, or the end that the file names. ``rotation (F, J, 3, 3)`` and ``position (F, 3)`` of the root move.
    """

    names: tuple[str, ...]
    parent: Int[Tensor, " J"]
    offset: Float[Tensor, "J 3"]
    bones: Float[Tensor, "b 3"]
    bone_of: Int[Tensor, " b"]
    rotation: Float[Tensor, "F J 3 3"]
    position: Float[Tensor, "F 3"]
    seconds: float

    def pose(self, frame: int) -> tuple[Float[Tensor, "J 3 3"], Float[Tensor, "J 3"]]:
        """Where each joint is in a frame: ``y -> R y + t`` brings what it carries into space."""
        R, t = [], []
        for joint, parent in enumerate(self.parent.tolist()):
            own = self.rotation[frame, joint]
            if parent < 0:
                R.append(own)
                t.append(self.offset[joint] + self.position[frame])
            else:
                R.append(R[parent] @ own)
                t.append(R[parent] @ self.offset[joint] + t[parent])
        return torch.stack(R), torch.stack(t)


@dataclass(frozen=True, eq=False)
class Body:
    """Points on a body in several poses, ``views (V, n, 3)``, the ``part (n,)`` of each and the ``names`` of parts.

    Where parts are not known ``names`` is empty, and all points are of part 0; ``normals (V, n, 3)`` point outwards.
    """

    views: Float[Tensor, "V n 3"]
    part: Int[Tensor, " n"]
    names: tuple[str, ...]
    normals: Float[Tensor, "V n 3"] | None = None


def read_bvh(text: str) -> Skeleton:
    """The skeleton and the motion in the text of a BVH file.

    Rotations are those of its channels from left to right, in degrees, as products of matrices: Z Y X is Rz Ry Rx.
    Raises SchemaError for text that is no BVH, naming the line.

    >>> text = '''HIERARCHY
    ... ROOT hip
    ... { OFFSET 0 0 0
    ...   CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
    ...   End Site
    ...   { OFFSET 0 2 0 } }
    ... MOTION
    ... Frames: 1
    ... Frame Time: 0.01
    ... 1 0 0 90 0 0'''
    >>> skeleton = read_bvh(text)
    >>> R, t = skeleton.pose(0)
    >>> skeleton.names, (R[0] @ skeleton.bones[0] + t[0]).round(decimals=6).tolist()
    (('hip',), [-1.0, 0.0, 0.0])
    """
    head, found, tail = text.partition("MOTION")
    words = head.replace("{", " { ").replace("}", " } ").split()
    if not found or not words or words[0] != "HIERARCHY":
        raise SchemaError("text without HIERARCHY and MOTION", "a BVH file")
    joints = _hierarchy(words[1:])
    channels = [channel for joint in joints for channel in joint.channels]
    lines = [line for line in tail.splitlines() if line.strip()]
    try:
        frames, seconds = int(lines[0].split(":")[1]), float(lines[1].split(":")[1])
        values = torch.tensor([[float(word) for word in line.split()] for line in lines[2:]], dtype=torch.float64)
    except (IndexError, ValueError) as error:
        raise SchemaError(
            f"a BVH file whose motion cannot be read ({error})", "Frames:, Frame Time: and numbers"
        ) from error
    if values.shape != (frames, len(channels)):
        raise SchemaError(
            f"motion of shape {tuple(values.shape)}", f"({frames}, {len(channels)}), as the file declares"
        )
    return _skeleton(joints, values, seconds)


@dataclass
class _Joint:
    name: str
    parent: int
    offset: list[float]
    channels: list[str]
    ends: list[list[float]]


def _hierarchy(words: list[str]) -> list[_Joint]:
    joints: list[_Joint] = []
    open_: list[int] = []  # -1 for the end of a limb
    at = 0
    try:
        while at < len(words):
            word = words[at]
            if word in ("ROOT", "JOINT"):
                joints.append(_Joint(words[at + 1], open_[-1] if open_ else -1, [0.0] * 3, [], []))
                open_.append(len(joints) - 1)
                at += 3  # its name and {
            elif word == "End":
                open_.append(-1)
                at += 3
            elif word == "OFFSET":
                offset = [float(value) for value in words[at + 1 : at + 4]]
                if open_[-1] < 0:
                    joints[open_[-2]].ends.append(offset)
                else:
                    joints[open_[-1]].offset = offset
                at += 4
            elif word == "CHANNELS":
                count = int(words[at + 1])
                if count < 0:
                    raise ValueError(words[at + 1])
                joints[open_[-1]].channels = words[at + 2 : at + 2 + count]
                at += 2 + count
            elif word == "}":
                open_.pop()
                at += 1
            else:
                raise ValueError(word)
    except (IndexError, ValueError) as error:
        raise SchemaError(
            f"a hierarchy that cannot be read at {' '.join(words[at : at + 4])!r}", "a BVH file"
        ) from error
    unknown = {channel for joint in joints for channel in joint.channels} - _CHANNELS
    if unknown or not joints:
        raise SchemaError(
            f"channels {sorted(unknown)}" if unknown else "no joint", "positions and rotations of X, Y, Z"
        )
    moved = [joint.name for joint in joints[1:] if any(name.endswith("position") for name in joint.channels)]
    if moved:
        raise SchemaError(f"positions of the joint {moved[0]}", "positions of the one root, rotations of the others")
    return joints


def _skeleton(joints: list[_Joint], values: Float[Tensor, "F c"], seconds: float) -> Skeleton:
    frames = len(values)
    rotation = torch.eye(3, dtype=torch.float64).expand(frames, len(joints), 3, 3).clone()
    position = torch.zeros(frames, 3, dtype=torch.float64)
    column = 0
    for number, joint in enumerate(joints):
        for channel in joint.channels:
            axis = "XYZ".index(channel[0])
            if channel.endswith("rotation"):
                rotation[:, number] = rotation[:, number] @ _about(axis, values[:, column].deg2rad())
            elif number == 0:
                position[:, axis] = values[:, column]
            column += 1
    ends = [(number, end) for number, joint in enumerate(joints) for end in joint.ends]
    ends += [(joint.parent, joint.offset) for joint in joints if joint.parent >= 0]
    ends = [(owner, end) for owner, end in sorted(ends, key=lambda pair: pair[0]) if any(end)]
    return Skeleton(
        tuple(joint.name for joint in joints),
        torch.tensor([joint.parent for joint in joints]),
        torch.tensor([joint.offset for joint in joints], dtype=torch.float64),
        torch.tensor([end for _, end in ends], dtype=torch.float64).reshape(-1, 3),
        torch.tensor([owner for owner, _ in ends], dtype=torch.int64),
        rotation,
        position,
        seconds,
    )


def _about(axis: int, angle: Float[Tensor, " F"]) -> Float[Tensor, "F 3 3"]:
    R = torch.zeros(len(angle), 3, 3, dtype=torch.float64)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    R[:, axis, axis] = 1.0
    R[:, a, a] = R[:, b, b] = angle.cos()
    R[:, b, a], R[:, a, b] = angle.sin(), -angle.sin()
    return R


@cache
def _clip(name: str) -> Skeleton:
    if name not in CLIPS:
        raise DomainError(f"the clip {name!r}", f"one of {', '.join(CLIPS)}")
    with tarfile.open(locate(CMU, of="recorded motion")) as archive:
        member = archive.extractfile(f"{name}.bvh")
        assert member is not None
        return read_bvh(member.read().decode("ascii"))


def load_motion(
    clip: str = "131_01", frames: Sequence[int] = (0, 250, 500), n: int = 2000, seed: int = 0, thickness: float = 1.0
) -> Body:
    """A recorded body, in capsules along its bones, in some ``frames`` of a ``clip`` at 120 frames a second, in metres.

    ``n`` points are uniform by area; those inside another capsule in any of the frames are left out. A joint with all
    the bones that it carries is one part. ``thickness`` multiplies the radii, a fifth of a bone between 2 and 9 cm.

    Raises DomainError for another clip, frames that it does not have, and n that is no number of points;
    DataNotFoundError where the files are not here. Source: CMU motion capture database, subject 131.
    """
    skeleton = _clip(clip)
    if any(not 0 <= frame < len(skeleton.rotation) for frame in frames) or not frames:
        raise DomainError(f"frames {list(frames)}", f"frames 0 to {len(skeleton.rotation) - 1} of {clip}")
    if not 4 <= n <= 100_000:
        raise DomainError(f"n={n}", "4 to 100,000 points")
    ends, draw = skeleton.bones * _METRES, spawn(seed, "body")
    length = ends.norm(dim=1)
    radius = thickness * (0.2 * length).clamp(0.02, 0.09)
    bone = torch.multinomial(radius * (length + 2 * radius), 4 * n, replacement=True, generator=draw)
    local, normal = capsule_surface(ends[bone], radius[bone], draw)
    views, facing, inside = [], [], torch.zeros(4 * n, dtype=torch.bool)
    for frame in frames:
        R, t = skeleton.pose(frame)
        R, t = R[skeleton.bone_of], t[skeleton.bone_of] * _METRES
        x = (R[bone] @ local[..., None])[..., 0] + t[bone]
        for other in range(len(ends)):
            own = skeleton.bone_of[bone] == skeleton.bone_of[other]
            inside |= ~own & (depth((x - t[other]) @ R[other], ends[other], float(radius[other])) > 1e-9)
        views.append(x)
        facing.append((R[bone] @ normal[..., None])[..., 0])
    kept = (~inside).nonzero().flatten()[:n]
    owners, part = skeleton.bone_of[bone[kept]].unique(return_inverse=True)
    names = tuple(skeleton.names[joint] for joint in owners.tolist())
    return Body(torch.stack(views)[:, kept], part, names, torch.stack(facing)[:, kept])
