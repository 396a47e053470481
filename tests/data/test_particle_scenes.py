"""Scenes of particles from the files of RigidFall and Physion, written here as their authors' code writes them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isotropy.data import ParticleScene, read_physion, read_rigid_fall
from isotropy.errors import DomainError, MissingExtraError, SchemaError, ShapeError
from isotropy.nn import SubequivariantDynamics


class _Group(dict[str, Any]):
    """A group of the stand-in: a mapping whose keys may be paths."""

    def get(self, name: str, default: Any = None) -> Any:  # type: ignore[override]
        head, _, rest = name.partition("/")
        found = super().get(head, default)
        return found.get(rest, default) if rest and isinstance(found, _Group) else found


class _File(_Group):
    """As much of h5py's File as a reader uses, over an npz."""

    def __init__(self, path: Path, mode: str = "r") -> None:
        super().__init__()
        try:
            with np.load(path) as held:
                for name in held.files:
                    here: _Group = self
                    *groups, last = name.split("/")
                    for group in groups:
                        here = here.setdefault(group, _Group())
                    here[last] = held[name]
        except ValueError as error:
            raise OSError("file signature not found") from error

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None: ...


Write = Callable[[Path, dict[str, Any]], None]


@pytest.fixture(params=["h5py", "stand-in"])
def write(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file by h5py, where it is installed; else, and once more, by what stands in for it."""
    if request.param == "h5py":
        h5py = pytest.importorskip("h5py")

        def written(path: Path, arrays: dict[str, Any]) -> None:
            with h5py.File(path, "w") as file:
                for name, array in arrays.items():
                    file.create_dataset(name, data=array)

        return written
    module: Any = type(sys)("h5py")
    module.File = _File
    monkeypatch.setitem(sys.modules, "h5py", module)

    def saved(path: Path, arrays: dict[str, Any]) -> None:
        with path.open("wb") as file:
            np.savez(file, **arrays)

    return saved


def rigid_fall(folder: Path, write: Write, frames: int = 4) -> np.ndarray:
    """Three objects of four particles and a floor, which fall along y."""
    folder.mkdir()
    start = np.random.default_rng(0).normal(size=(13, 3)).astype(np.float32)
    told = np.array([3, -7.5, *range(9), 1.0])
    for t in range(frames):
        place = start - np.float32(0.5 * 7.5 * (t / 60) ** 2) * np.array([0, 1, 0], np.float32)
        write(folder / f"{t}.h5", {"positions": place, "shape_quats": np.zeros((1, 4)), "scene_params": told})
    return start[:12]


def physion(path: Path, write: Write, **changed: Any) -> None:
    """A tetrahedron and a body without a mesh; the first turns about the vertical (y) by a quarter in each frame."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
    arrays: dict[str, Any] = {
        "static/object_ids": np.array([7, 9]), "static/model_names": np.array([b"pyramid", b"lamp"]),
        "static/scale": np.array([[2.0, 3.0, 4.0], [1.0, 1.0, 1.0]]),
        "static/mesh/vertices_0": corners, "static/mesh/faces_0": faces,
        "static/mesh/vertices_1": np.zeros((0, 3)), "static/mesh/faces_1": np.zeros((0, 3), int),
    }  # fmt: skip
    for t in range(4):
        half = t * np.pi / 4
        turn = np.array([[0, np.sin(half), 0, np.cos(half)], [0, 0, 0, 1.0]])
        arrays[f"frames/{t:04}/objects/rotations"] = turn
        arrays[f"frames/{t:04}/objects/positions"] = np.array([[0.0, 5.0 - t, 0.0], [0.0, 0.0, 0.0]])
    write(path, {**arrays, **changed})


def test_a_rollout_of_rigid_fall_stands_upright_and_is_learned_from(tmp_path: Path, write: Write) -> None:
    start = rigid_fall(tmp_path / "0", write)
    scene = read_rigid_fall(tmp_path / "0")
    assert scene.x.shape == (4, 12, 3)
    assert scene.objects.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert scene.gravity.tolist() == [0, 0, -7.5]
    torch.testing.assert_close(scene.x[0], torch.from_numpy(start[:, [2, 0, 1]]))
    x, v, after = scene.at(1)
    torch.testing.assert_close((after - v) / scene.dt, scene.gravity.expand(12, 3), atol=0.05, rtol=0)
    model = SubequivariantDynamics(hidden=4)
    assert model(x, v, scene.objects, scene.gravity).shape == after.shape


def test_a_trial_of_physion_is_its_meshes_scaled_turned_and_moved(tmp_path: Path, write: Write) -> None:
    physion(tmp_path / "a.hdf5", write)
    scene = read_physion(tmp_path / "a.hdf5", points=30)
    assert scene.x.shape == (4, 30, 3)  # the lamp has no mesh
    assert scene.names == ("pyramid",)
    x, y, z = scene.x[0].unbind(-1)  # axes are theirs but for y and z, which changed places
    assert bool((x >= -1e-6).all() and (y >= -1e-6).all() and (z >= 5 - 1e-6).all())
    assert float((x / 2 + (z - 5) / 3 + y / 4).max()) <= 1 + 1e-5
    quarter = scene.x[1] - torch.tensor([0.0, 0.0, 4.0])  # their x goes to -z, which is y to x and x to -y here
    torch.testing.assert_close(quarter, torch.stack([y, -x, z - 5], -1), atol=1e-5, rtol=0)
    again = read_physion(tmp_path / "a.hdf5", points=30)
    assert torch.equal(again.x, scene.x)
    assert not torch.equal(read_physion(tmp_path / "a.hdf5", points=30, seed=1).x, scene.x)


def test_cloth_has_particles_of_its_own(tmp_path: Path, write: Write) -> None:
    draw = np.random.default_rng(0)
    arrays: dict[str, Any] = {"static/object_ids": np.array([3]), "static/model_names": np.array([b"cloth_square"])}
    rows = draw.normal(size=(3, 20, 4))
    for t in range(3):
        arrays[f"frames/{t:04}/particles/3"] = rows[t]
    write(tmp_path / "a.hdf5", arrays)
    scene = read_physion(tmp_path / "a.hdf5", points=8)
    assert scene.x.shape == (3, 8, 3)
    first = torch.from_numpy(rows[0][:, [0, 2, 1]]).float()
    assert bool((torch.cdist(scene.x[0], first).min(1).values < 1e-6).all())
    write(tmp_path / "b.hdf5", {**arrays, "frames/0001/particles/3": rows[1][:5]})
    with pytest.raises(SchemaError, match="object 3 that differ"):
        read_physion(tmp_path / "b.hdf5")


def test_broken_rollouts_are_refused_in_words(tmp_path: Path, write: Write) -> None:
    with pytest.raises(SchemaError, match=r"no frames 0\.h5"):
        read_rigid_fall(tmp_path)
    whole = {"positions": np.zeros((5, 3)), "shape_quats": np.zeros((1, 4)), "scene_params": np.array([2.0, -9.0])}
    cases = {
        "hole": ({0: whole, 2: whole}, r"2\.h5 after 1 frames.*1\.h5"),
        "less": ({0: whole, 1: {**whole, "positions": np.zeros((4, 3))}}, r"1\.h5: positions \(4, 3\)"),
        "flat": ({0: {**whole, "positions": np.zeros((5, 2))}}, r"positions \(5, 2\)"),
        "parts": ({0: {**whole, "scene_params": np.array([3.0, -9.0])}}, "3.0, -9.0.*4 particles"),
        "none": ({0: {"positions": np.zeros((5, 3))}}, r"without shape_quats.*positions"),
        "nan": ({0: {**whole, "positions": np.full((5, 3), np.nan)}}, "not finite"),
    }
    for name, (frames, said) in cases.items():
        folder = tmp_path / name
        folder.mkdir()
        for t, arrays in frames.items():
            write(folder / f"{t}.h5", arrays)
        with pytest.raises((SchemaError, DomainError), match=said):
            read_rigid_fall(folder)
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "0.h5").write_text("not HDF5")
    with pytest.raises(SchemaError, match="cannot be read"):
        read_rigid_fall(tmp_path / "text")


def test_broken_trials_are_refused_in_words(tmp_path: Path, write: Write) -> None:
    with pytest.raises(SchemaError, match=r"no file .*a\.hdf5"):
        read_physion(tmp_path / "a.hdf5")
    with pytest.raises(DomainError, match="points=0"):
        read_physion(tmp_path / "a.hdf5", points=0)
    for changed, said in (
        ({"static/model_names": np.array([b"pyramid"])}, "2 objects, 1 name,"),
        ({"static/scale": np.ones((1, 3))}, r"scale \(1, 3\)"),
        ({"frames/0002/objects/rotations": np.ones((2, 3))}, "in all frames"),
        ({"static/mesh/vertices_0": np.zeros((0, 3))}, "no object has a mesh"),
        ({"static/mesh/vertices_0": np.zeros(4)}, "mesh 0 of 4 and"),
        ({"static/mesh/faces_0": np.array([[0, 1, 7000]])}, "vertices 0 to 7000"),
    ):
        physion(tmp_path / "b.hdf5", write, **changed)
        with pytest.raises((SchemaError, DomainError), match=said):
            read_physion(tmp_path / "b.hdf5")
    write(tmp_path / "c.hdf5", {"labels": np.zeros(3)})
    with pytest.raises(SchemaError, match=r"without static/object_ids.*labels"):
        read_physion(tmp_path / "c.hdf5")


def test_files_without_their_reader_name_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "0.h5").write_bytes(b"")
    with pytest.raises(MissingExtraError, match=r"\[hdf5\]"):
        read_rigid_fall(tmp_path)


def test_scenes_that_do_not_fit_are_refused() -> None:
    x, down = torch.zeros(3, 2, 3), torch.tensor([0.0, 0.0, -9.8])
    with pytest.raises(ShapeError, match="3 labels of objects for 2 particles"):
        ParticleScene(x, torch.zeros(3, dtype=torch.long), down)
    with pytest.raises(DomainError, match=r"frame 2 of 3.*1 to 1"):
        ParticleScene(x, torch.zeros(2, dtype=torch.long), down).at(2)
