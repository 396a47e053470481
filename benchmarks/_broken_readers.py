"""Every reader of files, each with a small whole file to be damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

TABLE = "m,a,b,c,e,who,when\n" + "".join(
    f"{i % 7 + 1}.5,{i},{i * i % 11},-{i % 5},{i % 3}.25,w{i % 12},2024-05-{i % 28 + 1:02d}\n" for i in range(60)
)
SCHEMA = {
    "x": "Scalar('m') + Vector('r')", "y": "Scalar('e')", "dims": {"space": 3}, "cluster": "who",
    "columns": {"x": ["m", "a", "b", "c"], "y": ["e"]},
}  # fmt: skip
XYZ = "".join(
    f'3\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3:forces:R:3 energy=-{2076 + k}.5 pbc="T T T"\n'
    f"O 0.0 0.0 0.{k}1 0.1 0.0 -0.2\nH 0.0 0.75 0.58 0.0 0.1 0.1\nH 0.0 -0.75 0.58 -0.1 -0.1 0.1\n"
    for k in range(4)
)
CIF = """data_cu
_cell_length_a 3.6
_cell_length_b 3.6
_cell_length_c 3.6
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Cu1 Cu 0 0 0
Cu2 Cu 0.5 0.5 0
"""
PDB = "".join(
    f"ATOM  {i:5d}  C   ALA A   1    {i * 1.5:8.3f}{0.5:8.3f}{-i * 0.25:8.3f}  1.00  0.00           C  \n"
    for i in range(1, 6)
) + "END\n"  # fmt: skip
BVH = """HIERARCHY
ROOT Hips
{
 OFFSET 0 0 0
 CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
 JOINT Leg
 {
  OFFSET 0 -5 0
  CHANNELS 3 Zrotation Yrotation Xrotation
  End Site
  {
   OFFSET 0 -4 1
  }
 }
}
MOTION
Frames: 2
Frame Time: 0.01
0 9 0 0 0 0 10 0 0
0 9 1 0 5 0 20 0 0
"""
BODY = """<mujoco model="walker">
  <compiler angle="degree"/>
  <option timestep="0.004"/>
  <worldbody>
    <geom name="floor" type="plane" size="50 50 1"/>
    <body name="torso" pos="0 0 1.2">
      <freejoint name="root"/>
      <geom name="torso" type="capsule" fromto="0 0 -0.2 0 0 0.2" size="0.05"/>
      <body name="thigh" pos="0 0 -0.2">
        <joint name="hip" type="hinge" axis="0 1 0" range="-90 10"/>
        <geom name="thigh" type="capsule" fromto="0 0 0 0 0 -0.4" size="0.05"/>
        <body name="foot" pos="0 0 -0.4">
          <joint name="ankle" type="hinge" axis="0 1 0" range="-45 45"/>
          <geom name="foot" type="capsule" fromto="-0.1 0 -0.1 0.2 0 -0.1" size="0.05"/>
        </body>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="hip" joint="hip" gear="100" ctrlrange="-1 1"/>
    <motor name="ankle" joint="ankle" gear="50" ctrlrange="-1 1"/>
  </actuator>
</mujoco>
"""
OBJ = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\nf 2 3 4\nf 1 3 4\n"
LCPARAM = "#name zcmb zhel dz mb dmb\n" + "".join(f"s{i} 0.{i}1 0.{i}1 0 2{i}.5 0.1\n" for i in range(1, 6))
PLUS = "CID zHD zHEL m_b_corr m_b_corr_err_DIAG\n" + "".join(f"s{i} 0.{i}1 0.{i}1 2{i}.5 0.1\n" for i in range(1, 6))
DES = "CID,zHD,zHEL,MU,MUERR_FINAL\n" + "".join(f"s{i},0.{i}1,0.{i}1,4{i}.5,0.1\n" for i in range(1, 6))
COV = "3\n" + "\n".join("1" if i % 4 == 0 else "0.1" for i in range(9)) + "\n"
REQUEST = {
    "clients": [{"name": f"s{k}", "features": f"s{k}.npz"} for k in range(3)],
    "classes": 2, "algorithm": "fedprox", "rounds": 2, "augment": {"mode": "matched", "target": 40},
}  # fmt: skip


def write_xyz(folder: Path) -> None:
    (folder / "m.xyz").write_text(XYZ)


@dataclass(frozen=True)
class Reader:
    """``write`` puts whole files into a folder, ``read`` takes the folder; only ``targets`` are damaged, or all.

    One that ``makes`` files, and may go on for as long as it likes, is a command; it leaves what was there as it was.
    """

    write: Callable[[Path], Any]
    read: Callable[[Path], Any]
    targets: tuple[str, ...] = ("*",)
    makes: bool = False


def _text(name: str, content: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(content)


def _npz(name: str, **arrays: Any) -> Callable[[Path], Any]:
    return lambda folder: np.savez(folder / name, **arrays)


def write_table(folder: Path) -> None:
    (folder / "a.csv").write_text(TABLE)
    (folder / "schema.yaml").write_text(yaml.safe_dump(SCHEMA))


def _parquet(folder: Path) -> None:
    import pandas

    write_table(folder)
    pandas.read_csv(folder / "a.csv").to_parquet(folder / "a.parquet")
    (folder / "a.csv").unlink()


def _pictures(folder: Path) -> None:
    from PIL import Image

    for name in ("cats", "dogs"):
        (folder / name).mkdir()
        for k in range(3):
            pixels = np.random.default_rng(k).integers(0, 255, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{k}.{('png', 'jpg', 'bmp')[k]}")


def _views(folder: Path) -> None:
    from PIL import Image

    for thing in ("a", "b"):
        where = folder / "0123" / thing
        where.mkdir(parents=True)
        for k in range(2):
            Image.fromarray(np.full((8, 8, 3), 40 * k, np.uint8)).save(where / f"image_{k}.jpg")
            np.save(where / f"latent_{k}.npy", np.linspace(0, 0.7, 7))


def _idx(folder: Path) -> None:
    x, y = np.arange(5 * 28 * 28, dtype=np.uint8), np.arange(5, dtype=np.uint8)
    head = (0x803).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in (5, 28, 28))
    (folder / "x-idx3-ubyte").write_bytes(head + x.tobytes())
    (folder / "y-idx1-ubyte").write_bytes((0x801).to_bytes(4, "big") + (5).to_bytes(4, "big") + y.tobytes())


def _mat(name: str, content: dict[str, Any]) -> Callable[[Path], Any]:
    def write(folder: Path) -> None:
        from scipy.io import savemat

        savemat(folder / name, content)

    return write


def _tu(folder: Path) -> None:
    files = {
        "A": "1, 2\n2, 1\n2, 3\n3, 2\n4, 5\n5, 4", "graph_indicator": "1\n1\n1\n2\n2", "graph_labels": "-1\n1",
        "node_labels": "0\n1\n0\n1\n1", "edge_attributes": "0.5\n0.5\n1\n1\n2\n2",
    }  # fmt: skip
    for name, text in files.items():
        (folder / f"TOY_{name}.txt").write_text(text)


def write_graphs(folder: Path) -> None:
    edges = np.array([[0, 1, 1, 2, 3, 4], [1, 0, 2, 1, 4, 3]])
    np.savez(folder / "g.npz", edge_index=edges, batch=np.array([0, 0, 0, 1, 1]), x=np.ones((5, 2)), y=np.array([0, 1]))


def _graph_json(folder: Path) -> None:
    graphs = [{"edge_index": [[0, 1], [1, 0]], "x": [[1.0], [2.0]], "y": [k]} for k in range(3)]
    (folder / "g.json").write_text(json.dumps(graphs))


def _hdf5(name: str, tree: dict[str, Any]) -> Callable[[Path], Any]:
    def write(folder: Path) -> None:
        import h5py

        with h5py.File(folder / name, "w") as file:
            for key, value in tree.items():
                file[key] = value

    return write


def _rigid_fall(folder: Path) -> None:
    for t in range(3):
        tree = {
            "positions": np.random.default_rng(t).normal(size=(9, 3)), "shape_quats": np.zeros((1, 4)),
            "scene_params": np.array([2.0, -9.8, 0, 0]),
        }  # fmt: skip
        _hdf5(f"{t}.h5", tree)(folder)


def _force_field(folder: Path) -> None:
    from isotropy.nn import GauntForceField

    GauntForceField({1: -13.6, 8: -2000.0}, channels=4, interactions=1).save(folder / "model.safetensors")


def _exported(folder: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    torch.export.save(torch.export.export(model, (torch.ones(2, 4),)), folder / "model.pt2")


def write_run(folder: Path) -> None:
    import isotropy
    from isotropy.data import load

    data = load("inertia", nu=0.3, n=120)
    isotropy.discover(data.x, data.y, data.types, groups=["O(2)@z"], quick=True, out=folder / "run", progress=False)
    for path in (folder / "run").rglob("*"):
        if path.is_file() and path.name not in ("result.json", "config.yaml"):
            path.unlink()


def write_request(folder: Path) -> None:
    (folder / "sites.yaml").write_text(yaml.safe_dump(REQUEST))
    rng = np.random.default_rng(0)
    for k in range(3):
        np.savez(folder / f"s{k}.npz", x=rng.normal(size=(60, 3)).astype("f4"), y=np.arange(60) % 2)


def readers() -> dict[str, Reader]:
    """By name. Imports are made here, once for all tries."""
    from isotropy import data, load_run
    from isotropy.control import make_locomotion
    from isotropy.data.render import read_3diebench, read_mesh
    from isotropy.discovery import load_model
    from isotropy.federation import federate_files
    from isotropy.groups import parse
    from isotropy.nn import load_force_field
    from isotropy.physics.parts import read_formulas
    from isotropy.physics.supernovae import load_covmat, load_des5yr, load_lcparam, load_pantheon_plus
    from isotropy.represent import read_views
    from isotropy.reps import parse_type

    rows, text = np.random.default_rng(0), np.array(["arm", "arm", "leg"])
    arrays = {"x": rows.normal(size=(20, 4)), "y": rows.normal(size=(20, 1)), "cluster": np.arange(20) // 2}
    typed = {"x": "Scalar + Vector", "y": "Scalar", "dims": {"space": 3}}
    clouds = {"x": rows.normal(size=(4, 3, 3)), "part": text, "y": np.ones((4, 3, 3))}
    poses = {"views": rows.normal(size=(2, 9, 3)), "x": rows.normal(size=(5, 9, 3)), "y": np.ones(5)}
    pictures = {"images": np.zeros((2, 3, 3, 8, 8), np.uint8), "latents": rows.uniform(size=(2, 3, 7))}
    affnist = {"affNISTdata": {"image": np.zeros((1600, 4), np.uint8), "label_int": np.arange(4)}}
    homnist = {"img_data": np.zeros((4, 40, 40)), "labels": np.arange(4)}
    physion = {
        "static/mesh/vertices_0": np.eye(4, 3), "static/mesh/faces_0": np.array([[0, 1, 2], [0, 1, 3]]),
        "static/scale": np.ones((1, 3)), "static/object_ids": np.array([1]), "static/model_names": np.array([b"cone"]),
        "frames/0000/objects/positions": np.zeros((1, 3)), "frames/0000/objects/rotations": np.array([[0.0, 0, 0, 1]]),
        "frames/0001/objects/positions": np.ones((1, 3)), "frames/0001/objects/rotations": np.array([[0.0, 0, 0, 1]]),
    }  # fmt: skip

    def formula(folder: Path) -> None:
        read_formulas((folder / "formula.txt").read_text(errors="replace"))

    def words(folder: Path) -> None:
        for line in (folder / "words.txt").read_text(errors="replace").splitlines():
            kind, _, word = line.partition(": ")
            (parse_type if kind == "type" else parse)(word)

    types = "type: 5*Vector + Scalar('mass')\ntype: Cloud(Point)\ntype: Tensor(2, sym=True)\n"
    types += "group: O(2)@z\ngroup: SE(3) * S(4)\n"
    return {
        "table (.csv)": Reader(write_table, lambda f: data.load(f / "a.csv", schema=f / "schema.yaml")),
        "table (.parquet)": Reader(_parquet, lambda f: data.load(f / "a.parquet", schema=f / "schema.yaml")),
        "draft of a schema": Reader(write_table, lambda f: data.draft(f / "a.csv"), ("a.csv",)),
        "times": Reader(write_table, lambda f: data.read_times(f / "a.csv", "when", f / "schema.yaml")),
        "arrays (.npz)": Reader(_npz("a.npz", **arrays), lambda f: data.load(f / "a.npz", schema=typed)),
        "draft of arrays": Reader(_npz("a.npz", **arrays), lambda f: data.draft(f / "a.npz")),
        "clouds in parts": Reader(
            _npz("c.npz", **clouds),
            lambda f: data.read_parts(f / "c.npz", "part", schema={"x": "Cloud(Point)", "y": "Cloud(Vector)"}),
        ),
        "poses": Reader(
            _npz("p.npz", **poses), lambda f: (data.read_views(f / "p.npz"), data.read_targets(f / "p.npz"))
        ),
        "molecules (.xyz)": Reader(write_xyz, lambda f: data.read_molecules(f / "m.xyz")),
        "structures (.cif)": Reader(_text("m.cif", CIF), lambda f: data.read_structures(f / "m.cif")),
        "structures (.pdb)": Reader(_text("m.pdb", PDB), lambda f: data.read_structures(f / "m.pdb")),
        "motion (.bvh)": Reader(
            _text("m.bvh", BVH), lambda f: data.read_bvh((f / "m.bvh").read_text(errors="replace"))
        ),
        "graphs (.npz)": Reader(write_graphs, lambda f: data.read_graphs(f / "g.npz")),
        "graphs (.json)": Reader(_graph_json, lambda f: data.read_graphs(f / "g.json")),
        "graphs (.g6)": Reader(_text("g.g6", "D?{\nDQc\nD~{\n"), lambda f: data.read_graph6(f / "g.g6")),
        "graphs (TUDataset)": Reader(_tu, data.read_tu),
        "pictures (folder)": Reader(_pictures, lambda f: data.read_pictures(f, size=8)),
        "pictures (idx)": Reader(_idx, lambda f: data.read_idx(f / "x-idx3-ubyte", f / "y-idx1-ubyte")),
        "pictures (CIFAR)": Reader(
            lambda f: (f / "data_batch_1.bin").write_bytes(bytes(2 * 3073)), lambda f: data.read_cifar(f)
        ),
        "pictures (affNIST)": Reader(_mat("a.mat", affnist), lambda f: data.read_affnist(f / "a.mat")),
        "pictures (homNIST)": Reader(_mat("a.mat", homnist), lambda f: data.read_homnist(f / "a.mat")),
        "pictures (SVHN)": Reader(
            _mat("a.mat", {"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.arange(4)}),
            lambda f: data.read_svhn(f / "a.mat"),
        ),
        "pictures with poses": Reader(_npz("v.npz", **pictures), lambda f: read_views(f / "v.npz")),
        "pictures with poses (folder)": Reader(_views, lambda f: read_3diebench(f)),
        "mesh (.obj)": Reader(_text("m.obj", OBJ), lambda f: read_mesh(f / "m.obj")),
        "particles (RigidFall)": Reader(_rigid_fall, data.read_rigid_fall),
        "particles (Physion)": Reader(_hdf5("p.hdf5", physion), lambda f: data.read_physion(f / "p.hdf5", points=4)),
        "supernovae (lcparam)": Reader(_text("s.txt", LCPARAM), lambda f: load_lcparam(f / "s.txt")),
        "supernovae (Pantheon+)": Reader(_text("s.dat", PLUS), lambda f: load_pantheon_plus(f / "s.dat")),
        "supernovae (DES)": Reader(_text("s.csv", DES), lambda f: load_des5yr(f / "s.csv")),
        "covariance": Reader(_text("c.txt", COV), lambda f: load_covmat(f / "c.txt")),
        "force field": Reader(_force_field, lambda f: load_force_field(f / "model.safetensors")),
        "exported model (.pt2)": Reader(_exported, lambda f: load_model(str(f / "model.pt2"))),
        "run": Reader(write_run, lambda f: load_run(f / "run")),
        "federation": Reader(write_request, lambda f: federate_files(f / "sites.yaml")),
        "body of limbs (.xml)": Reader(_text("body.xml", BODY), lambda f: make_locomotion(str(f / "body.xml")).close()),
        "formula": Reader(_text("formula.txt", "u_t = u_xx + 2*u**2*sin(x); v_t = u_x"), formula),
        "types and groups": Reader(_text("words.txt", types), words),
    }
