"""Scenes of particles that move: those a user has of RigidFall and Physion, as SubequivariantDynamics takes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.data._hdf5 import array_of, group_of, numbers_of, open_hdf5
from isotropy.data._mirror import DataNotFoundError
from isotropy.data._shapes import on_surface
from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.groups import quaternion_to_matrix
from isotropy.groups.parts import rotation3

_RIGID_FALL_DT = 1 / 60  # seconds of a frame
_PHYSION_DT, _PHYSION_G = 0.01, 9.81  # those of ThreeDWorld, which its files do not hold


@dataclass(frozen=True)
class ParticleScene:
    """Particles over time ``x (frames, n, 3)`` in metres, z up, the object of each ``(n,)``, ``gravity (3,)`` in m/s^2.

    A frame takes ``dt`` seconds; ``names`` are those of the objects, where they have any. Raises ShapeError where
    lengths do not fit, DomainError for places that are not finite.

    >>> x = torch.tensor([[[0.0, 0.0, 1.0]], [[0.1, 0.0, 1.0]], [[0.2, 0.0, 0.9]]])
    >>> scene = ParticleScene(x, torch.tensor([0]), torch.tensor([0.0, 0.0, -9.81]), dt=0.1)
    >>> place, v, after = scene.at(1)
    >>> v[0].tolist(), (10 * after[0]).round().tolist()
    ([1.0, 0.0, 0.0], [10.0, 0.0, -10.0])
    """

    x: Float[Tensor, "frames n 3"]
    objects: Int[Tensor, " labels"]
    gravity: Float[Tensor, " 3"]
    dt: float = _RIGID_FALL_DT
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.objects) != self.x.shape[1]:
            n = self.x.shape[1]
            raise ShapeError(f"{counted(len(self.objects), 'label')} of objects for {counted(n, 'particle')}", f"{n}")
        if not bool(self.x.isfinite().all()):
            raise DomainError("places of particles that are not finite", "metres")

    def at(self, t: int) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
        """Where the particles are at frame ``t``, how they came there, and their velocities (m/s) a frame later.

        Raises DomainError where there is no frame before or after.
        """
        if not 0 < t < len(self.x) - 1:
            raise DomainError(f"frame {t} of {len(self.x)}", f"1 to {len(self.x) - 2}: one before and one after it")
        before, now, after = self.x[t - 1 : t + 2]
        return now, (now - before) / self.dt, (after - now) / self.dt

    def turned(self, angle: float) -> ParticleScene:
        """The same about the vertical, by ``angle`` radians."""
        R = rotation3(torch.tensor([0.0, 0.0, angle], dtype=self.x.dtype))
        return ParticleScene(self.x @ R.T, self.objects, self.gravity, self.dt, self.names)


def read_rigid_fall(folder: str | Path) -> ParticleScene:
    """One rollout of RigidFall: the folder of its frames ``0.h5``, ``1.h5``, ..., as its authors' code writes them.

    Each holds ``positions (n + shapes, 3)``, particles object by object and then the floor; ``shape_quats (shapes,
    4)``; ``scene_params``: the number of objects, gravity, their starts. Heights are along y there and along z here.

    Raises DataNotFoundError for a folder without frames, MissingExtraError without h5py, and SchemaError for frames
    that are missing, that are no HDF5 or hold something else.

    Source: Li et al., *Visual Grounding of Learned Physical Models* (ICML 2020), whose code is
    github.com/YunzhuLi/VGPL-Dynamics-Prior.
    """
    frames = sorted(Path(folder).glob("[0-9]*.h5"), key=lambda path: (len(path.name), path.name))
    if not frames:
        raise DataNotFoundError(
            f"no frames 0.h5, 1.h5, ... in {folder}", "the folder of one rollout, such as data_RigidFall/train/0",
            "the data are those of github.com/YunzhuLi/VGPL-Dynamics-Prior",
        )  # fmt: skip
    for t, path in enumerate(frames):
        if path.name != f"{t}.h5":
            raise SchemaError(f"{path.name} after {t} frames in {folder}", f"{t}.h5")
    places, first = list[Tensor](), torch.zeros(0)
    for path in frames:
        with open_hdf5(path) as file:
            place, quats, told = (numbers_of(file, name, path) for name in ("positions", "shape_quats", "scene_params"))
        if path == frames[0]:
            first = told.reshape(-1)
        if (
            place.ndim != 2
            or place.shape[1] != 3
            or not quats.ndim
            or (places and len(place) - len(quats) != len(places[0]))
        ):
            n = len(places[0]) if places else "n"
            raise SchemaError(f"{path}: positions {tuple(place.shape)}", f"({n}, 3) and those of shapes")
        places.append(place[: len(place) - len(quats)].float())
    n, count = len(places[0]), round(float(first[0])) if len(first) > 1 else 0
    if count < 1 or n % count:
        raise SchemaError(
            f"{frames[0]}: scene_params {first.tolist()[:4]} with {counted(n, 'particle')}",
            "the number of objects, of as many particles each, then gravity",
        )
    x = torch.stack(places)[..., [2, 0, 1]]  # a turn that takes y to z
    objects = torch.arange(count).repeat_interleave(n // count)
    return ParticleScene(x, objects, torch.tensor([0.0, 0.0, float(first[1])]), _RIGID_FALL_DT)


def read_physion(path: str | Path, *, points: int = 64, seed: int = 0) -> ParticleScene:
    """One trial of Physion: a file of ThreeDWorld (``.hdf5``), whose objects are given ``points`` particles each.

    They are drawn uniformly by area on the meshes of ``static/mesh``, scaled by ``static/scale``, and moved by
    ``frames/*/objects`` (positions, and rotations as x, y, z, w); objects without a mesh are left out, as its authors
    do. Cloth has particles of its own (``frames/*/particles``), of which at most ``points`` are taken. Heights are
    along y there, in left-handed axes, and along z here. Frames take 0.01 s and gravity is 9.81 m/s^2, the values of
    the simulator, which the files do not hold. Scales are those of the file: the corrections of single meshes that
    the authors' preparation has are not made.

    Raises DataNotFoundError for a file that is not there, MissingExtraError without h5py, SchemaError for one that is
    no HDF5 or holds something else, DomainError for ``points`` below 1.

    Source: Bear et al., *Physion: Evaluating Physical Prediction from Vision in Humans and Machines* (NeurIPS 2021).
    """
    if points < 1:
        raise DomainError(f"points={points}", "1 or more")
    if not Path(path).is_file():
        raise DataNotFoundError(
            f"no file {path}", "one trial of Physion, such as Dominoes/0001.hdf5",
            "the data are those of github.com/cogtoolslab/physics-benchmarking-neurips2021",
        )  # fmt: skip
    draw = torch.Generator().manual_seed(seed)
    with open_hdf5(Path(path)) as file:
        ids = array_of(file, "static/object_ids", path).reshape(-1)
        told = array_of(file, "static/model_names", path).reshape(-1)
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in told]
        frames = sorted(group_of(file, "frames", path))
        if len(names) != len(ids) or not frames:
            raise SchemaError(
                f"{path}: {counted(len(ids), 'object')}, {counted(len(names), 'name')}, "
                f"{counted(len(frames), 'frame')}",
                "a name for each, frames",
            )
        own = "particles" in group_of(file, f"frames/{frames[0]}", path)
        read = _of_cloth if own else _of_bodies
        tracks = read(file, path, ids, frames, points, draw)
    kept = [k for k, track in enumerate(tracks) if track is not None]
    if not kept:
        raise SchemaError(f"{path}, in which no object has a mesh", "one that has")
    there = [track for track in tracks if track is not None]
    objects = torch.cat([torch.full((track.shape[1],), k) for k, track in enumerate(there)])
    x = torch.cat(there, 1).float()[..., [0, 2, 1]]  # y up becomes z up, left-handed axes right-handed ones
    gravity = torch.tensor([0.0, 0.0, -_PHYSION_G])
    return ParticleScene(x, objects, gravity, _PHYSION_DT, tuple(names[k] for k in kept))


def _of_bodies(
    file: Any, path: Any, ids: Any, frames: list[str], points: int, draw: torch.Generator
) -> list[Tensor | None]:
    """The particles of each rigid body ``(frames, points, 3)``, None of those without a mesh."""
    from isotropy.data.render import check_mesh

    scale = numbers_of(file, "static/scale", path).double()
    moved = [
        tuple(numbers_of(file, f"frames/{t}/objects/{name}", path).double() for name in ("positions", "rotations"))
        for t in frames
    ]
    n = len(ids)
    if scale.shape != (n, 3) or any(p.shape != (n, 3) or q.shape != (n, 4) for p, q in moved):
        raise SchemaError(
            f"{path}: scale {tuple(scale.shape)}, positions and rotations "
            f"{sorted({(tuple(p.shape), tuple(q.shape)) for p, q in moved})}",
            f"({n}, 3), ({n}, 3) and ({n}, 4) of {counted(n, 'object')}, in all frames",
        )  # fmt: skip
    p, R = torch.stack([p for p, _ in moved]), quaternion_to_matrix(torch.stack([q for _, q in moved]))
    tracks = list[Tensor | None]()
    for k in range(n):
        vertices = numbers_of(file, f"static/mesh/vertices_{k}", path).double()
        faces = numbers_of(file, f"static/mesh/faces_{k}", path).long()
        if not len(vertices) or not len(faces):
            tracks.append(None)
            continue
        if vertices.numel() % 3 or faces.numel() % 3:
            given = f"{path}: mesh {k} of {vertices.numel()} and {faces.numel()} numbers"
            raise SchemaError(given, "three for each vertex and each face")
        vertices, faces = check_mesh((vertices.reshape(-1, 3), faces.reshape(-1, 3)))
        own = on_surface(vertices * scale[k], faces, (1, points), draw)[0]
        tracks.append(own @ R[:, k].mT + p[:, k, None])
    return tracks


def _of_cloth(
    file: Any, path: Any, ids: Any, frames: list[str], points: int, draw: torch.Generator
) -> list[Tensor | None]:
    """The simulator's own particles of each object, the same ``points`` of them in every frame."""
    tracks = list[Tensor | None]()
    for name in ids:
        rows = [numbers_of(file, f"frames/{t}/particles/{int(name)}", path).double() for t in frames]
        if any(row.dim() != 2 or row.shape[1] < 3 or len(row) != len(rows[0]) for row in rows):
            raise SchemaError(f"{path}: particles of object {int(name)} that differ from frame to frame", "(n, >= 3)")
        few = torch.randperm(len(rows[0]), generator=draw)[:points]
        tracks.append(torch.stack([row[few, :3] for row in rows]) if len(few) else None)
    return tracks
