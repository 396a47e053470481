"""Pictures of a body at work and of its twins, drawn from where its geometry lies: capsules, and no GL library."""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import nn

from isotropy.control._engine import mujoco
from isotropy.control._episodes import worn
from isotropy.control._moves import Move
from isotropy.control._stream import limbs_of, limbs_seen
from isotropy.report import Picture

_W, _H, _SCALE = 180, 200, 80  # pixels, and pixels a metre
_FLOOR, _SKY, _LIMB = (205, 205, 200), (250, 250, 248), np.array((70, 110, 160))
_TURN = 2 * np.pi / 3  # of the twin, radians
_GIF = 0.04  # seconds of one of its pictures
_OVER = 2  # drawn so many times larger, then made smaller: edges are smooth


@dataclass(frozen=True)
class Films:
    """An episode in pictures (``frames``), its ``twins`` by what they show, and the first beside its turned twin as a
    moving picture (``gif``). All are empty for an environment that has no model of MuJoCo."""

    frames: tuple[Picture, ...] = ()
    twins: Mapping[str, tuple[Picture, ...]] = field(default_factory=dict[str, tuple[Picture, ...]])
    gif: bytes = b""


def films(env: Any, actor: nn.Module, *, seed: int = 0) -> Films:
    """The episode from the start of a seed, from the start turned by 120 degrees, and from the mirrored one, where left
    and right limbs are images of each other: what a policy makes of them is the same where it keeps the symmetry."""
    one = played(env, actor, seed=seed)
    if not one:
        return Films()
    dt, mirror = env.unwrapped.dt, env.unwrapped.graph.mirror
    other = played(env, actor, seed=seed, move=Move(_TURN))
    twins = {"The same start turned by 120 degrees, seen along its own target": strip(other, dt)}
    if not isinstance(mirror, str) and (mirror.signs > 0).all():
        image = played(env, actor, seed=seed, move=Move(0.0, mirror))
        twins |= {
            "From behind": strip(one, dt, behind=True),
            "The mirrored start, from behind": strip(image, dt, behind=True),
        }
    return Films(
        tuple(strip(one, dt)), {name: tuple(pictures) for name, pictures in twins.items()}, moving(one, other, dt)
    )


def film(env: Any, actor: nn.Module, *, seed: int = 0, frames: int = 8, steps: int | None = None) -> list[Picture]:
    """So many pictures over one episode without noise, seen from the side, the target to the right.

    Empty for an environment that has no model of MuJoCo. Where a simulation blows up, the film ends before.
    """
    shots = played(env, actor, seed=seed, steps=steps)
    return strip(shots, env.unwrapped.dt, frames) if shots else []


def played(
    env: Any, actor: nn.Module, *, seed: int = 0, steps: int | None = None, move: Move | None = None
) -> list[NDArray[np.float64]]:
    """The ``capsules`` at each step of an episode, from a start that was moved where a ``move`` is given.

    In double precision, as ``by_bearing`` plays: rounding would tell twins apart within 200 steps.
    """
    inner = env.unwrapped
    if not isinstance(getattr(inner, "model", None), mujoco.MjModel):
        return []
    env, actor = copy.deepcopy(env), copy.deepcopy(actor).double()
    inner, graph = env.unwrapped, limbs_of(env)
    observation, _ = env.reset(seed=seed)
    if move is not None:
        inner.move(move)
        observation = worn(env)
    shots, over = [capsules(inner)], False
    while not over and (steps is None or len(shots) <= steps):
        with torch.no_grad():
            action = actor(limbs_seen(observation, torch.float64)[None], graph)[0].numpy()
        observation, _, ended, cut, _ = env.step(action.reshape(env.action_space.shape))
        shots.append(capsules(inner))
        over = bool(ended or cut)
    return [shot for shot in shots if np.isfinite(shot).all()]


def strip(shots: Sequence[NDArray[np.float64]], dt: float, frames: int = 8, behind: bool = False) -> list[Picture]:
    """So many of the shots, evenly over time, from the side or from ``behind``."""
    chosen = np.unique(np.linspace(0, len(shots) - 1, frames).round().astype(int))
    return [Picture(drawn(shots[k], behind), f"{k * dt:.2f} s") for k in chosen]


def moving(one: Sequence[NDArray[np.float64]], other: Sequence[NDArray[np.float64]], dt: float) -> bytes:
    """A GIF of two films side by side, in real time; the shorter waits in its last picture."""
    every = max(1, round(_GIF / dt))
    pairs = [
        np.concatenate([drawn(shots[min(k, len(shots) - 1)]) for shots in (one, other)], 1)
        for k in range(0, max(len(one), len(other)), every)
    ]
    first, *rest = [Image.fromarray(pair) for pair in pairs]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=rest, duration=max(20, round(1000 * every * dt)), loop=0)
    return file.getvalue()


def capsules(inner: Any) -> NDArray[np.float64]:
    """``(geoms, 7)``: radius and both ends (along the target, across, up), metres, the torso at along = across = 0."""
    model, data = inner.model, inner.data
    mujoco.mj_kinematics(model, data)
    along = np.array([np.cos(inner.bearing), np.sin(inner.bearing), 0.0])
    axes = np.stack([along, [-along[1], along[0], 0.0], [0.0, 0.0, 1.0]])
    origin = np.array([*data.qpos[:2], 0.0])
    found = list[list[float]]()
    for geom in range(model.ngeom):
        if model.geom_bodyid[geom] == 0:
            continue  # the floor
        kind, size = int(model.geom_type[geom]), model.geom_size[geom]
        half = size[1] if kind in (mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_CYLINDER) else 0.0
        axis = half * data.geom_xmat[geom].reshape(3, 3)[:, 2]
        radius = float(size[0] if kind != mujoco.mjtGeom.mjGEOM_BOX else size.max())
        ends = (axes @ (data.geom_xpos[geom] + sign * axis - origin) for sign in (-1, 1))
        found.append([radius, *(float(v) for end in ends for v in end)])
    return np.array(found)


def drawn(shapes: NDArray[np.float64], behind: bool = False) -> NDArray[np.uint8]:
    """The capsules from the side, or from ``behind``, the farther ones first and lighter: ``(200, 180, 3)`` pixels."""
    if behind:  # what lay along lies deep, what lay to the left is on the left
        shapes = shapes[:, (0, 2, 1, 3, 5, 4, 6)] * np.array([1, -1, 1, 1, -1, 1, 1])
    picture = Image.new("RGB", (_OVER * _W, _OVER * _H), _SKY)
    pen, unit, ground = ImageDraw.Draw(picture), _OVER * _SCALE, _OVER * (_H - 12)
    pen.rectangle((0, ground, _OVER * _W, _OVER * _H), fill=_FLOOR)
    depth = shapes[:, (2, 5)].mean(1)
    for shape in shapes[np.argsort(-depth, kind="stable")]:
        radius, ends = (
            unit * shape[0],
            [(_OVER * _W / 2 + unit * shape[k], ground - unit * shape[k + 2]) for k in (1, 4)],
        )
        far = float(np.clip((shape[2] + shape[5]) / 2 + 0.3, 0, 0.6))
        colour = tuple(int(v) for v in _LIMB + far * (230 - _LIMB))
        pen.line(ends, fill=colour, width=max(1, round(2 * radius)))
        for x, y in ends:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return np.asarray(picture.resize((_W, _H), Image.Resampling.BOX))
