"""The same stage drawn by MuJoCo: silhouettes and depths that another wrote, to judge ours by."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.data.render._camera import DISTANCE, FLOOR, FOCAL, camera
from isotropy.errors import IsotropyError, optional_import


class NoGLError(IsotropyError, RuntimeError):
    """No GL library that draws without a screen."""


def looked(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], R: Float[Tensor, "n 3 3"], size: int
) -> tuple[Bool[Tensor, "n size size"], Float[Tensor, "n size size"]]:
    """Silhouettes and depths of a mesh turned by each R; raises MissingExtraError, and NoGLError without a library."""
    os.environ.setdefault("MUJOCO_GL", "egl")
    mujoco = optional_import("mujoco", "control")
    model, turned = _stage(mujoco, vertices, faces, size), np.zeros(4)
    data, geom = mujoco.MjData(model), model.geom("object").id
    try:
        renderer = mujoco.Renderer(model, size, size)
    except Exception as error:  # each library has errors of its own
        raise NoGLError(
            f"MuJoCo's GL library {os.environ['MUJOCO_GL']!r}, which does not start ({error})",
            "one that draws without a screen",
            "set MUJOCO_GL=egl or MUJOCO_GL=osmesa before Python starts, and install libegl1 or libosmesa6",
        ) from error
    masks, depths = [], []
    with renderer:
        for one in R:
            mujoco.mju_mat2Quat(turned, one.flatten().numpy())
            data.mocap_quat[0] = turned
            mujoco.mj_forward(model, data)
            renderer.enable_segmentation_rendering()
            renderer.update_scene(data, camera="camera")
            masks.append(torch.from_numpy(renderer.render()[..., 0] == geom))
            renderer.disable_segmentation_rendering()
            renderer.enable_depth_rendering()
            renderer.update_scene(data, camera="camera")
            depths.append(torch.from_numpy(renderer.render().copy()).double())
            renderer.disable_depth_rendering()
    return torch.stack(masks), torch.stack(depths)


def _stage(mujoco: Any, vertices: Tensor, faces: Tensor, size: int) -> Any:
    """The mesh on a body that is moved by hand, the floor and the camera; a buffer for pictures of ``size``."""
    spec = mujoco.MjSpec()
    spec.visual.map.znear, spec.visual.map.zfar = 0.01, 50.0
    spec.visual.global_.offwidth = spec.visual.global_.offheight = size
    spec.add_mesh(
        name="object",
        uservert=vertices.flatten().numpy(),
        userface=faces.flatten().to(torch.int32).numpy(),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )
    body = spec.worldbody.add_body(name="object", mocap=True)
    body.add_geom(name="object", type=mujoco.mjtGeom.mjGEOM_MESH, meshname="object")
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[50, 50, 1], pos=[0, 0, FLOOR])
    eye, axes = camera()
    # MuJoCo's cameras look along -z, with y upwards.
    frame = torch.stack([axes[0], -axes[1], -axes[2]], 1)
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, frame.flatten().numpy())
    fovy = float(torch.rad2deg(2 * torch.atan(torch.tensor(1 / FOCAL, dtype=torch.float64))))
    spec.worldbody.add_camera(name="camera", pos=eye.tolist(), quat=quaternion, fovy=fovy)
    model = spec.compile()
    model.stat.extent = DISTANCE
    model.vis.map.znear, model.vis.map.zfar = 0.01, 20.0
    return model
