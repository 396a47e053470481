"""Surfaces as triangles, and clouds drawn from them uniformly by area, each point with the normal of its triangle."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.data._mirror import File, locate
from isotropy.errors import SchemaError

CAD = File(
    "03-frame-averaging/cad_meshes.npz",
    "542afdd1831a2bd8c451fee4a731fb529a70f4b626aa769e3bdb6c4518ff3c6c",
    "the folder models/ of github.com/mikedh/trimesh at commit a513c0e2cfa6dfbd3121a6dfd8ceb002b9ef55d8",
)


@dataclass(frozen=True, eq=False)
class Surface:
    """A triangle mesh: vertices (V, 3) and the three vertices of each face (F, 3)."""

    name: str
    vertices: Float[Tensor, "V 3"]
    faces: Int[Tensor, "F 3"]

    @property
    def watertight(self) -> bool:
        """Whether every edge belongs to exactly two faces."""
        edge = torch.cat([self.faces[:, [0, 1]], self.faces[:, [1, 2]], self.faces[:, [2, 0]]]).sort(1).values
        number = edge[:, 0] * len(self.vertices) + edge[:, 1]  # sorting numbers is much faster than sorting rows
        return bool((torch.unique(number, return_counts=True)[1] == 2).all())

    def sample(
        self, clouds: int, points: int, generator: torch.Generator
    ) -> tuple[Float[Tensor, "c n 3"], Float[Tensor, "c n 3"]]:
        """``clouds`` sets of ``points`` positions, uniform by area, and their unit normals.

        >>> flat = Surface("flat", torch.eye(3), torch.tensor([[0, 1, 2]]))
        >>> x, normal = flat.sample(1, 4, torch.Generator().manual_seed(0))
        >>> torch.allclose(x.sum(-1), torch.ones(1, 4)), torch.allclose(normal, torch.full((1, 4, 3), 3**-0.5))
        (True, True)
        """
        corner = self.vertices.double()[self.faces]
        across = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        area = across.norm(dim=-1)
        face = torch.multinomial(area, clouds * points, replacement=True, generator=generator)
        # Points beyond the diagonal of the parallelogram are folded back into the triangle.
        u = torch.rand(len(face), 2, generator=generator, dtype=torch.float64)
        u = torch.where(u.sum(1, keepdim=True) > 1, 1 - u, u)
        a, b, c = corner[face].unbind(1)
        x = a + u[:, :1] * (b - a) + u[:, 1:] * (c - a)
        normal = across[face] / area[face, None]
        shape = (clouds, points, 3)
        return x.reshape(shape).float(), normal.reshape(shape).float()


def load_surfaces(folder: str = "") -> list[Surface]:
    """The 18 watertight CAD parts, or the ``.obj`` files of ``folder`` (ABC), in the order of their names.

    Raises ``SchemaError`` where files are missing or cannot be read.
    """
    if folder:
        files = sorted(Path(folder).glob("**/*.obj"))
        if not files:
            raise SchemaError(f"no .obj file below {folder}", "the meshes of ABC", "unpack abc_full_10k_v00.zip there")
        return [_read_obj(file) for file in files]
    with np.load(locate(CAD, of="CAD parts")) as file:
        names = sorted(name[:-3] for name in file.files if name.endswith("__v"))
        surfaces = [
            Surface(name, torch.from_numpy(file[f"{name}__v"]), torch.from_numpy(file[f"{name}__f"].astype(np.int64)))
            for name in names
        ]
    return [surface for surface in surfaces if surface.watertight]


def _read_obj(path: Path) -> Surface:
    """Vertices and triangles of a Wavefront file; faces with more corners are fanned."""
    vertices: list[list[float]] = []
    faces: list[list[int]] = []
    for line in path.read_text().splitlines():
        kind, *values = line.split() or [""]
        if kind == "v":
            vertices.append([float(value) for value in values[:3]])
        elif kind == "f":
            corner = [int(value.split("/")[0]) for value in values]
            corner = [c - 1 if c > 0 else c + len(vertices) for c in corner]
            faces += [[corner[0], b, c] for b, c in pairwise(corner[1:])]
    if not vertices or not faces:
        raise SchemaError(f"{path} with {len(vertices)} vertices and {len(faces)} faces", "a triangle mesh")
    return Surface(path.stem, torch.tensor(vertices), torch.tensor(faces))
