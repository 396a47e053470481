"""An object on the stage, and its pictures for given latents."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from isotropy.data.render import latents as views
from isotropy.data.render._camera import (
    AMBIENT,
    FLOOR,
    SPOT,
    SPOT_BLEND,
    SPOT_DISTANCE,
    SPOT_HALF_ANGLE,
    SUN,
    WHITE,
    camera,
    hsv,
    rays,
    seen,
)
from isotropy.data.render._mesh import check_mesh
from isotropy.data.render._rasters import Raster, drawn, numba_raster, torch_raster
from isotropy.errors import DomainError, SchemaError, nearest

RASTERS: dict[str, Raster] = {"raster": numba_raster, "torch": torch_raster}
_TOGETHER = 2**14  # pixels, finer ones counted, that are shaded at once: what they take stays in the cache
BACKENDS = (*RASTERS, "mujoco")


class Scene:
    """A mesh ``(vertices (V, 3), faces (F, 3))`` on the stage of 3DIEBench, drawn as it is given.

    - ``size``: pixels of a side; ``supersample``: every pixel is the mean of its square of so many.
    - ``backend``: "raster" (numba, of the extra [render]), "torch" (the same pictures bit for bit, slowly), or "mujoco"
      (the extra [control], and a GL library): silhouettes and depths only, by another's hand.

    Shading is flat, by pale light from above, a coloured spot, and a little from everywhere; there are no shadows.
    Pictures are the same in any batch. Raises ShapeError and DomainError for what is no mesh of triangles,
    MissingExtraError where a drawing needs a package that is not there.

    >>> corners = torch.tensor([[-0.6, -0.4, 0.0], [0.6, -0.4, 0.0], [0.0, 0.6, 0.0]])
    >>> scene = Scene((corners, torch.tensor([[0, 1, 2]])), size=16, backend="torch")
    >>> still = torch.tensor([views.STILL])
    >>> scene.render(still).shape, bool(scene.silhouette(still)[0, 8, 8])
    (torch.Size([1, 3, 16, 16]), True)
    """

    def __init__(self, mesh: Any, size: int = 64, supersample: int = 2, backend: str = "raster") -> None:
        self.vertices, self.faces = check_mesh(mesh)
        if size < 1 or supersample < 1:
            raise DomainError(f"size={size}, supersample={supersample}", "at least 1")
        if backend not in BACKENDS:
            raise SchemaError(f"backend={backend!r}", f"one of {', '.join(BACKENDS)}", nearest(backend, BACKENDS))
        self.size, self.supersample, self.backend = size, supersample, backend
        corner = self.vertices[self.faces]
        across = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        self.normals = across / across.norm(dim=1, keepdim=True).clamp_min(1e-300)  # none where a face has no area

    def render(self, latents: Tensor) -> UInt8[Tensor, "n 3 size size"]:
        """Pictures of latents ``(n, 7)``; raises DomainError for latents that are not finite."""
        if self.backend == "mujoco":
            raise SchemaError('pictures by backend="mujoco"', '"raster" or "torch"', "it draws silhouettes and depths")
        pictures = torch.empty(len(latents), 3, self.size, self.size, dtype=torch.uint8)
        together = max(1, _TOGETHER // (self.size * self.supersample) ** 2)
        for start in range(0, len(latents), together):
            some = slice(start, start + together)
            pictures[some] = self._pictures(views.check(latents[some]).double())
        return pictures

    def silhouette(self, latents: Tensor) -> Bool[Tensor, "n size size"]:
        """Where the centre of a pixel sees the object."""
        return self._looked(latents)[0]

    def depth(self, latents: Tensor) -> Float[Tensor, "n size size"]:
        """How far along the axis of the camera is what the centre of a pixel sees, the floor included."""
        return self._looked(latents)[1]

    def _looked(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        if self.backend == "mujoco":
            from isotropy.data.render._mujoco import looked

            return looked(self.vertices, self.faces, views.rotation(latents.double()), self.size)
        face, inverse = self._traced(turned(self.vertices, views.rotation(latents.double())), self.size)
        shape = (len(latents), self.size, self.size)
        return (face >= 0).reshape(shape), (1 / inverse).reshape(shape)

    def _traced(self, vertices: Float[Tensor, "n V 3"], size: int) -> tuple[Int[Tensor, "n p"], Float[Tensor, "n p"]]:
        """Of every pixel the face (-1: the floor) and 1/depth."""
        raster = RASTERS[self.backend]
        points = seen(vertices)
        found = [drawn(one, self.faces, size, raster) for one in points]
        face, inverse = (torch.stack(part) for part in zip(*found, strict=True))
        eye, _ = camera()
        floor = (rays(size)[2] / (FLOOR - eye[2])).double()
        return torch.where(inverse < floor, -1, face), torch.maximum(inverse, floor)

    def _pictures(self, latents: Float[Tensor, "n 7"]) -> UInt8[Tensor, "n 3 size size"]:
        R, s = views.rotation(latents), self.supersample
        fine = self.size * s
        face, inverse = self._traced(turned(self.vertices, R), fine)
        ray, normals, where = rays(fine), turned(self.normals, R).mT.float().contiguous(), inverse.float()
        blocks = [slice(start, start + _TOGETHER) for start in range(0, fine * fine, _TOGETHER)]
        colour = torch.cat(
            [_shaded(latents.float(), face[:, some], where[:, some], ray[:, some], normals) for some in blocks], -1
        )
        planes = colour.reshape(-1, 3, fine, fine)
        # One addition after the other: the sum is the same for any number of pictures.
        total = torch.zeros(len(latents), 3, self.size, self.size)
        for i in range(s):
            for j in range(s):
                total += planes[..., i::s, j::s]
        return (total * (255 / s**2)).round_().to(torch.uint8)


def turned(x: Float[Tensor, "V 3"], R: Float[Tensor, "n 3 3"]) -> Float[Tensor, "n V 3"]:
    """Points (or normals) turned by each R; written out, so that no batch is summed in an order of its own."""
    columns = R[:, None].unbind(-1)
    return x[:, :1] * columns[0] + x[:, 1:2] * columns[1] + x[:, 2:] * columns[2]


def _shaded(
    latents: Float[Tensor, "n 7"],
    face: Int[Tensor, "n p"],
    inverse: Float[Tensor, "n p"],
    ray: Float[Tensor, "3 p"],
    normals: Float[Tensor, "n 3 F"],
) -> Float[Tensor, "n 3 p"]:
    """What light comes from each pixel: its colour times the lights that fall on it (Lambert)."""
    hue_floor, theta, phi, hue_light = latents[:, 3:, None].unbind(1)
    toward = torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()], 1)
    eye, _ = camera()
    on_floor = (face < 0)[:, None]
    own = normals.gather(2, face.clamp_min(0)[:, None].expand(-1, 3, -1))
    normal = torch.where(on_floor, normals.new_tensor([[0.0], [0.0], [1.0]]), own)
    # Triangles have two sides: that which is seen is lit.
    normal = torch.where(_dot(normal, ray) > 0, -normal, normal)
    gap = (SPOT_DISTANCE * toward - eye.float()[:, None]) - ray / inverse[:, None]
    distance = _dot(gap, gap).sqrt()
    inner, outer = (math.cos(SPOT_HALF_ANGLE * part) for part in (1 - SPOT_BLEND, 1.0))
    within = ((_dot(gap, toward) / distance - outer) / (inner - outer)).clamp(0, 1)
    within = within * within * (3 - 2 * within)
    pale = AMBIENT + SUN / 2 * (1 + normal[:, 2:])  # a sun as wide as 90 degrees reaches around corners
    spot = SPOT * within * (_dot(normal, gap) / distance).clamp_min(0)
    lit = pale + spot * hsv(hue_light, 1.0, 0.8).mT
    return (torch.where(on_floor, hsv(hue_floor, 0.6, 0.6).mT, WHITE) * lit).clamp_max(1)


def _dot(x: Tensor, y: Tensor) -> Float[Tensor, "n 1 p"]:
    """Of each pixel, summed in one order."""
    product = x * y
    return product[:, 0:1] + product[:, 1:2] + product[:, 2:3]
