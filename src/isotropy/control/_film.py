"""A strip of pictures of a body at work, drawn from where its geometry lies: capsules, and no GL library."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import nn

from isotropy.control._engine import mujoco
from isotropy.control._stream import limbs_of, limbs_seen
from isotropy.report import Picture

_W, _H, _SCALE = 180, 200, 80  # pixels, and pixels a metre
_FLOOR, _SKY, _LIMB = (205, 205, 200), (250, 250, 248), np.array((70, 110, 160))
_OVER = 2  # drawn so many times larger, then made smaller: edges are smooth


def film(env: Any, actor: nn.Module, *, seed: int = 0, frames: int = 8, steps: int | None = None) -> list[Picture]:
    """So many pictures over one episode without noise, seen from the side, the target to the right.

    Empty for an environment that has no model of MuJoCo. Where a simulation blows up, the film ends before.
    """
    inner = env.unwrapped
    if not isinstance(getattr(inner, "model", None), mujoco.MjModel):
        return []
    env = copy.deepcopy(env)
    inner, graph, weight = env.unwrapped, limbs_of(env), next(actor.parameters())
    observation, _ = env.reset(seed=seed)
    shots, over = [(0, capsules(inner))], False
    while not over and (steps is None or len(shots) <= steps):
        with torch.no_grad():
            action = actor(limbs_seen(observation)[None].to(weight), graph)[0].double().cpu().numpy()
        observation, _, ended, cut, _ = env.step(action.reshape(env.action_space.shape))
        shots.append((len(shots), capsules(inner)))
        over = bool(ended or cut)
    shots = [shot for shot in shots if np.isfinite(shot[1]).all()]
    chosen = np.unique(np.linspace(0, len(shots) - 1, frames).round().astype(int))
    return [Picture(drawn(shots[k][1]), f"{shots[k][0] * inner.dt:.2f} s") for k in chosen]


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


def drawn(shapes: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The capsules from the side, those behind first and lighter: ``(200, 180, 3)`` pixels."""
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
