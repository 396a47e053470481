"""Meshes of triangles: what one is, families of them made of primitives, and those of files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.data._mirror import locate
from isotropy.data._shapes import THINGS
from isotropy.errors import DomainError, DtypeError, ShapeError, optional_import
from isotropy.groups import angles_to_matrix
from isotropy.random import spawn
from isotropy.storage import reading

Mesh = tuple[Tensor, Tensor]
"""Vertices ``(V, 3)`` and faces ``(F, 3)``, numbers of vertices."""

RADIUS = 0.75
_POSITION, _LOG_SIZE, _ANGLE = 0.06, 0.15, 0.15  # how far instances of a family differ (standard deviations; radians)
_KINDS = ("box", "cylinder", "icosphere", "cone")


def check_mesh(mesh: Any) -> tuple[Float[Tensor, "V 3"], Int[Tensor, "F 3"]]:
    """Vertices in float64 and faces, as they are given.

    Raises ShapeError for what is no mesh of triangles or an empty one, DomainError for vertices that are not finite and
    numbers of vertices that are none, DtypeError for faces that are not integers.
    """
    vertices, faces = (torch.as_tensor(part) for part in mesh)
    if vertices.dim() != 2 or vertices.shape[1] != 3 or faces.dim() != 2 or faces.shape[1] != 3:
        given = f"vertices {tuple(vertices.shape)} and faces {tuple(faces.shape)}"
        raise ShapeError(given, "(V, 3) and (F, 3): triangles", "split faces with more corners into triangles")
    if len(vertices) == 0 or len(faces) == 0:
        raise ShapeError("an empty mesh", "at least one triangle")
    if faces.is_floating_point() or faces.dtype == torch.bool:
        raise DtypeError(f"faces of dtype {faces.dtype}", "integers: the numbers of their vertices")
    if not bool(vertices.isfinite().all()):
        raise DomainError("vertices that are not finite", "a number for each coordinate")
    if int(faces.min()) < 0 or int(faces.max()) >= len(vertices):
        given = f"faces with vertices {int(faces.min())} to {int(faces.max())}"
        raise DomainError(given, f"0 to {len(vertices) - 1}", "some formats count from 1")
    return vertices.to("cpu", torch.float64), faces.to("cpu", torch.int64)


@dataclass(frozen=True)
class Family:
    """A class of objects: an assembly of three to five primitives, of which instances are jittered copies.

    - ``Family(seed, number)``: without a symmetry of its own, so that a pose is told by every view.
    - ``symmetric=True``: even numbers are surfaces of revolution (of 32 sides), odd ones prisms over 3 to 6 corners,
      both about z.

    >>> vertices, faces = Family(0, 3).instance(torch.Generator().manual_seed(0))
    >>> round(float(vertices.norm(dim=1).max()), 6), faces.shape[1]
    (0.75, 3)
    """

    seed: int
    number: int
    symmetric: bool = False

    @property
    def name(self) -> str:
        if not self.symmetric:
            return f"assembly {self.number}"
        return f"turned {self.number}" if self.number % 2 == 0 else f"prism {self.number}, C({self.order})"

    @property
    def order(self) -> int:
        """Of the rotations about z that leave an instance as it is: 1 without a symmetry."""
        return 1 if not self.symmetric else 32 if self.number % 2 == 0 else 3 + self.number // 2 % 4

    def instance(self, generator: torch.Generator) -> Mesh:
        """One object, in its own frame, within a ball of radius 0.75; raises MissingExtraError without trimesh."""
        return self._turned(generator) if self.symmetric else self._assembled(generator)

    def _assembled(self, generator: torch.Generator) -> Mesh:
        plan = spawn(self.seed, "family", self.number)
        parts: list[Mesh] = []
        for _ in range(3 + int(torch.randint(3, (), generator=plan))):
            kind = _KINDS[int(torch.randint(len(_KINDS), (), generator=plan))]
            size = 0.2 + 0.4 * torch.rand(3, generator=plan, dtype=torch.float64)
            place = 0.35 * torch.randn(3, generator=plan, dtype=torch.float64)
            angles = math.pi * (torch.rand(3, generator=plan, dtype=torch.float64) - 0.5)
            size, place, angles = (
                size * (_LOG_SIZE * _normal(generator)).exp(),
                place + _POSITION * _normal(generator),
                angles + _ANGLE * _normal(generator),
            )
            vertices, faces = _primitive(kind)
            parts.append(((vertices * size) @ angles_to_matrix(angles).mT + place, faces))
        vertices, faces = joined(parts)
        return normalised(vertices), faces

    def _turned(self, generator: torch.Generator) -> Mesh:
        plan, sides = spawn(self.seed, "turned", self.number), self.order
        flat = self.number % 2 == 1
        radii = (
            torch.full((2,), 0.5, dtype=torch.float64) if flat else 0.15 + 0.5 * torch.rand(5, generator=plan).double()
        )
        heights = torch.linspace(-0.6, 0.6, len(radii), dtype=torch.float64)
        scale = (_LOG_SIZE * _normal(generator)).exp()
        bent = (_LOG_SIZE * torch.randn(len(radii), generator=generator, dtype=torch.float64)).exp()
        radii = radii * scale[0] * (bent.mean() if flat else bent)
        angle = 2 * math.pi / sides * torch.arange(sides, dtype=torch.float64)
        ring = torch.stack([angle.cos(), angle.sin(), torch.zeros_like(angle)], -1)
        up = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
        rows = [radius * ring + height * scale[2] * up for radius, height in zip(radii, heights, strict=True)]
        poles = heights[[0, -1], None] * scale[2] * up
        vertices = torch.cat([*rows, poles])
        # About the axis, and not about the box, which for an odd number of sides is not centred on it.
        return RADIUS * vertices / vertices.norm(dim=1).max(), _lathe_faces(len(radii), sides)


def normalised(vertices: Float[Tensor, "V 3"]) -> Float[Tensor, "V 3"]:
    """The same about the centre of their bounding box, within a ball of radius 0.75."""
    centred = vertices - (vertices.amin(0) + vertices.amax(0)) / 2
    return RADIUS * centred / centred.norm(dim=1).max()


def joined(meshes: list[Mesh]) -> Mesh:
    """Several meshes as one."""
    first = np.cumsum([0, *(len(vertices) for vertices, _ in meshes[:-1])])
    faces = [faces + int(start) for (_, faces), start in zip(meshes, first, strict=True)]
    return torch.cat([vertices for vertices, _ in meshes]), torch.cat(faces)


def load_meshes() -> dict[str, Mesh]:
    """The 410 meshes by name, about the centres of their bounding boxes, within a ball of radius 0.75.

    Eleven classic models of at most 2000 triangles and 399 random objects of at most 600. Raises ``DataNotFoundError``
    without the file.
    """
    with np.load(locate(THINGS, of="meshes to render"), allow_pickle=False) as file:
        names, v, f = file["names"], file["v_offsets"], file["f_offsets"]
        vertices = torch.from_numpy(file["vertices"]).double()
        faces = torch.from_numpy(file["faces"]).long()
    return {str(name): (normalised(vertices[v[i] : v[i + 1]]), faces[f[i] : f[i + 1]]) for i, name in enumerate(names)}


def read_mesh(path: str | Path) -> Mesh:
    """A mesh file that trimesh reads (.obj, .ply, .stl, .off), as it is.

    Raises SchemaError for what it cannot read, MissingExtraError without it.
    """
    trimesh = optional_import("trimesh", "render")
    with reading(path, "a mesh, in .obj, .ply, .stl or .off"):
        loaded = trimesh.load(str(path), force="mesh", process=False)
        vertices, faces = np.asarray(loaded.vertices), np.asarray(loaded.faces)
    return check_mesh((vertices, faces))


def _primitive(kind: str) -> Mesh:
    """A primitive of about unit size, centred; facets few enough to be drawn a thousand times a second."""
    make = optional_import("trimesh", "render").creation
    made = {
        "box": lambda: make.box((1.0, 1.0, 1.0)),
        "cylinder": lambda: make.cylinder(0.5, 1.0, sections=16),
        "icosphere": lambda: make.icosphere(subdivisions=1, radius=0.5),
        "cone": lambda: make.cone(0.5, 1.0, sections=16),
    }[kind]()
    vertices = torch.tensor(np.asarray(made.vertices), dtype=torch.float64)
    shift = torch.tensor([0.0, 0.0, -0.5 if kind == "cone" else 0.0], dtype=torch.float64)
    return vertices + shift, torch.tensor(np.asarray(made.faces), dtype=torch.int64)


def _lathe_faces(rings: int, sides: int) -> Int[Tensor, "F 3"]:
    """Triangles between rings of vertices, closed by two poles that come last."""
    k = torch.arange(sides)
    after = (k + 1) % sides
    walls = [
        part
        for r in range(rings - 1)
        for part in (
            torch.stack([r * sides + k, r * sides + after, (r + 1) * sides + after], -1),
            torch.stack([r * sides + k, (r + 1) * sides + after, (r + 1) * sides + k], -1),
        )
    ]
    bottom, top, last = (
        torch.full((sides,), rings * sides),
        torch.full((sides,), rings * sides + 1),
        (rings - 1) * sides,
    )
    return torch.cat([*walls, torch.stack([bottom, after, k], -1), torch.stack([top, last + k, last + after], -1)])


def _normal(generator: torch.Generator) -> Float[Tensor, " 3"]:
    return torch.randn(3, generator=generator, dtype=torch.float64)
