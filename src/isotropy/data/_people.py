"""People of capsules: the body of gymnasium's humanoid, bones of other sizes, posed by MuJoCo, as labelled points."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.data._capsules import capsule_surface, depth
from isotropy.data._motion import Body
from isotropy.data._rows import Rows, along
from isotropy.errors import DomainError, MissingExtraError, optional_import
from isotropy.groups import homogeneous
from isotropy.linalg import Segments
from isotropy.random import spawn

NARROW, WIDE = (0.0, 0.2), (0.6, 1.0)
"""Of the way from rest to the ends of what a joint can do: poses of people who stand, and poses never seen so."""
_SIZES = 0.15  # of bones: at most so much longer or shorter, thicker or thinner


@dataclass(frozen=True, eq=False)
class PartClouds(Rows):
    """Clouds in parts that move: points ``x (N, 3)`` in metres with unit ``normals``, flat, with ``segments``.

    ``label (N,)`` is the class of each point, one of ``names``; ``part (N,)`` which rigid part of its cloud it belongs
    to, numbered from 0 in each cloud; ``kind (clouds,)`` which subject or scene a cloud shows. ``motions (clouds, K, 4,
    4)`` bring the points of part k from where the part is at rest to where they are.
    """

    x: Float[Tensor, "N 3"] = along("parts")
    normals: Float[Tensor, "N 3"] = along("parts")
    label: Int[Tensor, " N"] = along("parts")
    part: Int[Tensor, " N"] = along("parts")
    segments: Segments = along("all")
    kind: Int[Tensor, " clouds"] = along("rows")
    motions: Float[Tensor, "clouds K 4 4"] = along("rows")
    names: tuple[str, ...] = ()

    @classmethod
    def joined(cls, clouds: Sequence[PartClouds]) -> PartClouds:
        """Clouds of several collections as one."""
        sizes = torch.cat([one.segments.sizes for one in clouds])
        fields = ("x", "normals", "label", "part", "kind")
        whole: dict[str, Any] = {name: torch.cat([getattr(one, name) for one in clouds]) for name in fields}
        most = max(one.motions.shape[1] for one in clouds)
        motions = [_padded(one.motions, most) for one in clouds]
        return cls(**whole, segments=Segments.from_sizes(sizes), motions=torch.cat(motions), names=clouds[0].names)


@dataclass(frozen=True, eq=False)
class Figure:
    """A body of capsules and its joints: ``model`` and ``state`` of MuJoCo, in which it is posed.

    ``start`` and ``end (geoms, 3)`` are those of the axis of each capsule as its body sees it, ``radius (geoms,)``;
    ``body (geoms,)`` is the body of each, ``part (bodies,)`` which bodies can move against each other.
    """

    model: Any
    state: Any
    start: Float[Tensor, "geoms 3"]
    end: Float[Tensor, "geoms 3"]
    radius: Float[Tensor, " geoms"]
    body: Int[Tensor, " geoms"]
    part: Int[Tensor, " bodies"]
    names: tuple[str, ...]

    def posed(self, angles: Float[Tensor, " joints"]) -> Float[Tensor, "bodies 4 4"]:
        """Where each body is, with these angles of its joints and its root at rest."""
        import mujoco

        self.state.qpos[:] = self.model.qpos0
        self.state.qpos[7:] = angles.numpy()
        mujoco.mj_kinematics(self.model, self.state)  # pyright: ignore[reportAttributeAccessIssue]
        R = torch.from_numpy(self.state.xmat[1:].reshape(-1, 3, 3).copy())
        return homogeneous(R, torch.from_numpy(self.state.xpos[1:].copy()))

    @property
    def rest(self) -> Float[Tensor, " joints"]:
        """The angles nearest to zero that joints can have: knees are never quite straight."""
        low, high = torch.from_numpy(self.model.jnt_range[1:].copy()).unbind(1)
        return torch.zeros_like(low).clamp(low, high)

    def drawn(self, share: tuple[float, float], draw: torch.Generator) -> Float[Tensor, " joints"]:
        """Angles so far from rest, as a share of the way to the end of the range of each joint, at either side."""
        low, high = torch.from_numpy(self.model.jnt_range[1:].copy()).unbind(1)
        rest = self.rest
        how = share[0] + (share[1] - share[0]) * torch.rand(len(low), generator=draw, dtype=torch.float64)
        side = torch.rand(len(low), generator=draw, dtype=torch.float64) * (high - low) < high - rest
        return rest + how * (torch.where(side, high, low) - rest)


def load_people(
    clouds: int = 60,
    n: int = 512,
    *,
    subjects: Sequence[int] = (0,),
    share: tuple[float, float] = NARROW,
    uneven: float = 0.0,
    seed: int = 0,
) -> PartClouds:
    """People of capsules with n points each, as labels of 13 bodies of which 11 can move: the feet go with the shins.

    Cloud i shows subject ``subjects[i % len]``: 0 is the humanoid itself, every other number a body whose bones are up
    to 15 % longer or shorter, thicker or thinner, of the same volume (joints counted twice). Joints are turned by a
    ``share`` of the way from rest to an end of their range; roots stand still. Points are uniform by area, those inside
    another body are left out; ``uneven`` is the deviation of the logarithm of the density of bodies, drawn anew for
    each cloud.

    Raises DomainError for settings that cannot be; MissingExtraError without mujoco and gymnasium (extra "control").
    Source: gymnasium's humanoid.xml (MIT), after Tassa, Erez and Todorov, IROS 2012.
    """
    if not (clouds >= 1 and n >= 4 and subjects and 0 <= share[0] <= share[1] <= 1 and uneven >= 0):
        raise DomainError(
            f"clouds={clouds}, n={n}, subjects={list(subjects)}, share={share}, uneven={uneven}",
            "1 cloud or more, 4 points or more, a subject, 0 <= share <= 1",
        )
    made: list[PartClouds] = []
    for i in range(clouds):
        subject, draw = subjects[i % len(subjects)], spawn(seed, "people", i)
        figure = _figure(subject)
        poses = figure.posed(figure.drawn(share, draw))[None]
        views, normals, label = _surface(figure, poses, n, uneven, draw)
        rest = figure.posed(figure.rest)
        first = torch.stack([(figure.part == k).nonzero()[0, 0] for k in range(int(figure.part.max()) + 1)])
        moved = (poses[0] @ torch.linalg.inv(rest))[first][None]
        kind, cloud = torch.tensor([subject]), Segments.one(n)
        made.append(PartClouds(views[0], normals[0], label, figure.part[label], cloud, kind, moved, figure.names))
    return PartClouds.joined(made)


def load_person(poses: int = 2, n: int = 700, *, subject: int = 0, seed: int = 0, share: float = 1.0) -> Body:
    """The same n points of one person in several poses, and which of its 11 parts each belongs to.

    Joints are turned by up to ``share`` of the way from rest to an end of their range. Raises what `load_people` does.
    """
    if poses < 1 or n < 4 or not 0 <= share <= 1:
        raise DomainError(f"poses={poses}, n={n}, share={share}", "a pose, 4 points or more, and 0 <= share <= 1")
    figure, draw = _figure(subject), spawn(seed, "person")
    each = torch.stack([figure.posed(figure.drawn((0.0, share), draw)) for _ in range(poses)])
    views, normals, label = _surface(figure, each, n, 0.0, draw)
    names = [
        " + ".join(name for name, part in zip(figure.names, figure.part.tolist(), strict=True) if part == k)
        for k in range(int(figure.part.max()) + 1)
    ]
    return Body(views, figure.part[label], tuple(names), normals)


def _surface(
    figure: Figure, poses: Float[Tensor, "V bodies 4 4"], n: int, uneven: float, draw: torch.Generator
) -> tuple[Float[Tensor, "V n 3"], Float[Tensor, "V n 3"], Int[Tensor, " n"]]:
    """Points of the surface in some poses, outside every other body in all of them, with normals and bodies."""
    axis = figure.end - figure.start
    density = (uneven * torch.randn(len(poses[0]), generator=draw, dtype=torch.float64)).exp()
    area = figure.radius * (axis.norm(dim=1) + 2 * figure.radius) * density[figure.body]
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    left = n
    while left > 0:
        geom = torch.multinomial(area, 3 * left, replacement=True, generator=draw)
        local, normal = capsule_surface(axis[geom], figure.radius[geom], draw)
        body = figure.body[geom]
        R, t = poses[:, body, :3, :3], poses[:, body, :3, 3]
        x = (R @ (local + figure.start[geom])[..., None])[..., 0] + t
        inside = torch.zeros_like(geom, dtype=torch.bool)
        for other in range(len(axis)):
            own = figure.body[other]
            for view, pose in zip(x, poses, strict=True):
                y = (view - pose[own, :3, 3]) @ pose[own, :3, :3] - figure.start[other]
                within = depth(y, axis[other], float(figure.radius[other])) > 1e-9
                # Of one body, too, what lies inside it is no surface.
                inside |= within & (geom != other)
        kept = (~inside).nonzero().flatten()[:left]
        found.append((x[:, kept], (R @ normal[..., None])[..., 0][:, kept], body[kept]))
        left -= len(kept)
    points, normals, bodies = (list(each) for each in zip(*found, strict=True))
    return torch.cat(points, 1), torch.cat(normals, 1), torch.cat(bodies)


@cache
def _figure(subject: int) -> Figure:
    """The humanoid, or one whose bones have other sizes: the volume of the capsules is that of the humanoid."""
    mujoco = optional_import("mujoco", "control")
    model = mujoco.MjModel.from_xml_path(str(_humanoid()))
    own = [int(body) - 1 for body in model.geom_bodyid]
    geoms = [g for g in range(model.ngeom) if own[g] >= 0]  # the floor belongs to the world
    bodies = model.nbody - 1
    if subject:
        draw = spawn(subject, "bones")
        size = 1 + _SIZES * (2 * torch.rand(2, bodies, generator=draw, dtype=torch.float64) - 1)
        before = _volume(model, geoms)
        _sized(model, geoms, own, size)
        _scaled(model, (before / _volume(model, geoms)) ** (1 / 3))
    axes = torch.zeros(len(geoms), 2, 3, dtype=torch.float64)
    for row, g in enumerate(geoms):
        half = float(model.geom_size[g, 1]) if model.geom_type[g] == mujoco.mjtGeom.mjGEOM_CAPSULE else 0.0
        way = torch.zeros(9, dtype=torch.float64).numpy()
        mujoco.mju_quat2Mat(way, model.geom_quat[g])
        along_z = torch.from_numpy(way.reshape(3, 3)[:, 2].copy())
        at = torch.from_numpy(model.geom_pos[g].copy())
        axes[row] = torch.stack([at - half * along_z, at + half * along_z])
    welded = torch.from_numpy(model.body_weldid[1:].copy()).long()
    return Figure(
        model, mujoco.MjData(model), axes[:, 0], axes[:, 1],
        torch.from_numpy(model.geom_size[geoms, 0].copy()), torch.tensor([own[g] for g in geoms]),
        welded.unique(return_inverse=True)[1], tuple(model.body(i + 1).name for i in range(bodies)),
    )  # fmt: skip


def _sized(model: Any, geoms: list[int], own: list[int], size: Float[Tensor, "2 bodies"]) -> None:
    """Bones of other lengths and thicknesses; what hangs on a longer bone hangs farther away."""
    long, thick = size.tolist()
    for g in geoms:
        model.geom_pos[g] *= long[own[g]]
        model.geom_size[g, 1] *= long[own[g]]
        model.geom_size[g, 0] *= thick[own[g]]
    for body in range(2, model.nbody):
        model.body_pos[body] *= long[int(model.body_parentid[body]) - 1]
    for joint in range(1, model.njnt):
        model.jnt_pos[joint] *= long[int(model.jnt_bodyid[joint]) - 1]


def _scaled(model: Any, factor: float) -> None:
    for each in (model.geom_pos, model.geom_size, model.body_pos, model.jnt_pos, model.qpos0[:3]):
        each *= factor


def _volume(model: Any, geoms: list[int]) -> float:
    """Of all capsules and balls; a ball has no half length."""
    sizes = [(float(model.geom_size[g, 0]), float(model.geom_size[g, 1]) * (model.geom_type[g] == 3)) for g in geoms]
    return sum(math.pi * r**2 * (2 * half + 4 / 3 * r) for r, half in sizes)


def _humanoid() -> Path:
    """The file of the body; gymnasium itself is not imported."""
    found = importlib.util.find_spec("gymnasium")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError.of("gymnasium", "control")
    return Path(next(iter(found.submodule_search_locations))) / "envs" / "mujoco" / "assets" / "humanoid.xml"


def _padded(motions: Float[Tensor, "clouds K 4 4"], most: int) -> Float[Tensor, "clouds most 4 4"]:
    still = torch.eye(4, dtype=motions.dtype).expand(len(motions), most - motions.shape[1], 4, 4)
    return torch.cat([motions, still], 1)
