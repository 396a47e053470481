"""Points from files: charged particles, clouds on small meshes or of ModelNet40, surfaces of CAD parts, cities."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.data._hdf5 import array_of, open_hdf5
from isotropy.data._mirror import DataNotFoundError, File, locate
from isotropy.data._rows import Clouds
from isotropy.errors import SchemaError, counted, one_of
from isotropy.random import spawn

Part = Literal["train", "test"]
THINGS = File(
    "14-split-invariant-equivariant/meshes.npz",
    "e27f8227991aeb5eba6c5def42fc2b79bd8b240938d183ce00fe8980cc5847cb",
    "eleven meshes of github.com/alecjacobson/common-3d-test-models and the 399 of pybullet_data/random_urdfs",
)
MESHES = File(
    "08-transformation-invariant-mds/geometric_shapes.npz",
    "01910425e93731cae8b89cb912db732e7f60367d4c3399e1016ff59075af176b",
    "github.com/Yannick-S/geometric_shapes at commit a8ebf48b79530e7f31f17442361557b14ad4811f, its meshes as arrays "
    "<class>__{train,test}__{v,f}",
)
CHARGED = File(
    "03-frame-averaging/nbody_charged5_small.npz",
    "7112d4bb7054cd7b634c8d243bec7afe23ec881bb4b2ed91dab3a5d0ec7fd493",
    "a simulation of five charged particles with the settings of Satorras et al., ICML 2021 (seed 43)",
)
CAD = File(
    "03-frame-averaging/cad_meshes.npz",
    "542afdd1831a2bd8c451fee4a731fb529a70f4b626aa769e3bdb6c4518ff3c6c",
    "the folder models/ of github.com/mikedh/trimesh at commit a513c0e2cfa6dfbd3121a6dfd8ceb002b9ef55d8",
)
TSPLIB = File(
    "08-transformation-invariant-mds/tsplib_euc2d.npz",
    "8e258c90192d715352950f9ac4751353a08f88198c6f480d792b93d6c5d26dd0",
    "TSPLIB95 (Reinelt 1991): its EUC_2D instances with proven optima, as arrays names, optimal and xy_<name>",
)


def load_particles() -> dict[str, Clouds]:
    """The parts ``train``, ``valid`` and ``test``: 3000, 2000 and 2000 simulations, 1000 steps of 0.001 each.

    States ``x (rows, 5, 7)`` (position, velocity, charge of each particle) and later positions ``y (rows, 5, 3)``.
    Raises ``SchemaError`` where the file is missing or is not the known one. Source: Satorras et al., ICML 2021, §5.1.
    """
    with np.load(locate(CHARGED, of="charged particles")) as file:
        arrays = {name: torch.from_numpy(file[name]).float() for name in file.files}

    def part(name: str) -> Clouds:
        loc, vel, charge = (arrays[f"{name}_{key}"] for key in ("loc0", "vel0", "charges"))
        return Clouds(torch.cat([loc, vel, charge[..., None]], -1), arrays[f"{name}_locT"])

    return {name: part(name) for name in ("train", "valid", "test")}


def load_shapes(part: Part, per_class: int, points: int, seed: int) -> Clouds:
    """Clouds ``(N, points, 3)`` of one mesh per class, and the numbers of the classes ``(N,)``.

    Clouds are centred and of unit root mean square radius. Raises DataNotFoundError without the file of meshes, and
    DomainError for another part.
    """
    one_of("part", part, get_args(Part))
    with np.load(locate(MESHES, of="the shapes"), allow_pickle=False) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    names = sorted({name.split("__")[0] for name in arrays})
    clouds = [
        on_surface(
            arrays[f"{name}__{part}__v"].double(),
            arrays[f"{name}__{part}__f"].long(),
            (per_class, points),
            spawn(seed, "clouds", part, name),
        )
        for name in names
    ]
    return Clouds(unit(torch.cat(clouds)), torch.arange(len(names)).repeat_interleave(per_class))


def on_surface(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], shape: tuple[int, int], generator: torch.Generator
) -> Float[Tensor, "clouds points 3"]:
    """Points that lie uniformly on a mesh of triangles.

    >>> corners = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> x = on_surface(corners, torch.tensor([[0, 1, 2]]), (2, 50), torch.Generator().manual_seed(0))
    >>> bool((x >= 0).all()), bool((x.sum(-1) <= 1 + 1e-6).all())
    (True, True)
    """
    a, b, c = vertices[faces].unbind(1)
    area = torch.linalg.cross(b - a, c - a).norm(dim=1)
    face = torch.multinomial(area, shape[0] * shape[1], replacement=True, generator=generator)
    u, v = torch.rand(2, len(face), 1, generator=generator, dtype=vertices.dtype)
    # The corner beyond the diagonal of the unit square is folded back.
    u, v = torch.where(u + v > 1, 1 - u, u), torch.where(u + v > 1, 1 - v, v)
    return (a[face] + u * (b - a)[face] + v * (c - a)[face]).view(*shape, 3)


def unit(x: Float[Tensor, "N n 3"]) -> Float[Tensor, "N n 3"]:
    """Clouds about their centres, of unit root mean square radius.

    >>> unit(torch.tensor([[[1.0, 0.0, 0.0], [5.0, 0.0, 0.0]]]))[0, :, 0].tolist()
    [-1.0, 1.0]
    """
    x = x - x.mean(1, keepdim=True)
    return x / x.square().sum(2).mean(1).sqrt()[:, None, None]


def read_modelnet(folder: str, part: Part, points: int) -> Clouds:
    """The first ``points`` of the 2048 of every cloud in the h5 files of ModelNet40, as ``load_shapes`` gives them.

    Raises ``DataNotFoundError`` where the folder has no such files, ``MissingExtraError`` without h5py, ``SchemaError``
    for files of another form.
    """
    files = sorted(Path(folder).glob(f"ply_data_{part}*.h5"))
    if not files:
        raise DataNotFoundError(
            f"no files ply_data_{part}*.h5 in {folder}",
            "the folder modelnet40_ply_hdf5_2048 (435 MB) of PointNet's authors",
            "get it where you have a network, then --set modelnet=FOLDER",
        )
    clouds: list[Tensor] = []
    labels: list[Tensor] = []
    for path in files:
        with open_hdf5(path) as file:
            data, label = (array_of(file, name, path) for name in ("data", "label"))
        if data.ndim != 3 or data.shape[1] < points or data.shape[2] != 3 or label.size != len(data):
            raise SchemaError(f"{path}: data {data.shape}, label {label.shape}", f"(N, >= {points}, 3) and (N, 1)")
        clouds.append(torch.from_numpy(data[:, :points]).double())
        labels.append(torch.from_numpy(label.reshape(-1)).long())
    return Clouds(unit(torch.cat(clouds)), torch.cat(labels))


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
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        kind, *values = line.split() or [""]
        try:
            if kind == "v":
                x, y, z = (float(value) for value in values[:3])
                vertices.append([x, y, z])
            elif kind == "f":
                corner = [int(value.split("/")[0]) for value in values]
                corner = [c - 1 if c > 0 else c + len(vertices) for c in corner]
                faces += [[corner[0], b, c] for b, c in pairwise(corner[1:])]
        except ValueError as error:
            expected = "three coordinates, or the numbers of vertices"
            raise SchemaError(f"line {number} of {path.name}: {line[:40]!r}", expected) from error
    used = {corner for face in faces for corner in face}
    if not used or not 0 <= min(used) <= max(used) < len(vertices):
        given = f"{counted(len(vertices), 'vertex', 'vertices')} and {counted(len(faces), 'face')}"
        raise SchemaError(f"{path} with {given}", "a triangle mesh, its faces between vertices that are there")
    return Surface(path.stem, torch.tensor(vertices), torch.tensor(faces))


@dataclass(frozen=True, eq=False)
class Instance:
    """One real instance: cities ``x (n, 2)`` and the length of an optimal tour in rounded distances."""

    name: str
    x: Float[Tensor, "n 2"]
    optimum: float


def load_tours(largest: int) -> list[Instance]:
    """The EUC_2D instances of TSPLIB with at most ``largest`` cities; raises ``DataNotFoundError`` without the file."""
    with np.load(locate(TSPLIB, of="the real tours"), allow_pickle=False) as file:
        arrays: Mapping[str, Any] = dict(file)
    found = [
        Instance(str(name), torch.from_numpy(arrays[f"xy_{name}"]), float(optimum))
        for name, optimum in zip(arrays["names"], arrays["optimal"], strict=True)
    ]
    return [instance for instance in found if len(instance.x) <= largest]


def rounded(D: Tensor) -> Tensor:
    """Distances as TSPLIB counts them: to the nearest whole number, halves upwards.

    >>> rounded(torch.tensor([1.5, 2.4])).tolist()
    [2.0, 2.0]
    """
    return (D + 0.5).floor()
