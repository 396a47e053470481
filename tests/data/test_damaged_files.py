"""Files that other packages read and that are damaged: one refusal, whatever those packages raise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isotropy import data
from isotropy.data.render import read_3diebench, read_mesh
from isotropy.errors import DomainError, SchemaError
from isotropy.federation import federate_files
from isotropy.physics.supernovae import load_pantheon_plus
from isotropy.represent import read_views

CIF = """data_cu
_cell_length_a 3.6
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
Cu1 Cu
"""


def mat(folder: Path) -> None:
    """The header says a type of element that there is not."""
    from scipy.io import savemat

    savemat(folder / "a.mat", {"img_data": np.zeros((2, 40, 40)), "labels": np.arange(2)})
    whole = bytearray((folder / "a.mat").read_bytes())
    whole[128] = 77
    (folder / "a.mat").write_bytes(bytes(whole))


def struct(folder: Path) -> None:
    from scipy.io import savemat

    savemat(folder / "a.mat", {"affNISTdata": np.arange(3)})


def archive(folder: Path) -> None:
    np.savez(folder / "v.npz", images=np.zeros((2, 2, 3, 8, 8)), latents=np.zeros((2, 2, 7)))
    (folder / "v.npz").write_bytes((folder / "v.npz").read_bytes()[:-40])


def views(folder: Path) -> None:
    from PIL import Image

    where = folder / "0123" / "cup"
    where.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(where / "image_0.jpg")
    (where / "latent_0.npy").write_bytes(b"")


def tu(**changed: bytes) -> Callable[[Path], None]:
    files = {"A": b"1, 2\n2, 1", "graph_indicator": b"1\n1\n2", "graph_labels": b"-1\n1"} | changed

    def write(folder: Path) -> None:
        for name, content in files.items():
            (folder / f"TOY_{name}.txt").write_bytes(content)

    return write


def poses(folder: Path) -> None:
    np.savez(folder / "p.npz", rest=np.zeros((5, 3)), bent=np.zeros((5, 3), [("a", "f8")]))


def number(folder: Path) -> None:
    arrays = {"edge_index": np.zeros((2, 0), int), "batch": np.array([0]), "edge_attr": np.float64(1)}
    np.savez(folder / "g.npz", **arrays)


@pytest.mark.parametrize(
    ("write", "read", "said"),
    [
        (mat, lambda f: data.read_homnist(f / "a.mat"), "a MAT file up to version 7.2"),
        (struct, lambda f: data.read_affnist(f / "a.mat"), "a.mat without image"),
        (lambda f: (f / "m.cif").write_text(CIF), lambda f: data.read_structures(f / "m.cif"), "that ase can read"),
        (lambda f: (f / "m.obj").write_text("v 0 0 0\nv 1 0 0\nf 1 2 x\n"), lambda f: read_mesh(f / "m.obj"), "a mesh"),
        (archive, lambda f: read_views(f / "v.npz"), "an .npz archive"),
        (views, read_3diebench, "view 0 of .*cup, which cannot be read"),
        (tu(graph_labels=b"-1\n\xe9"), data.read_tu, "line 2 of TOY_graph_labels.txt"),
        (tu(graph_labels=b"-1\n99999999999999999999"), data.read_tu, "line 2 of TOY_graph_labels.txt"),
        (lambda f: (f / "a.csv").write_text("\n\n\n"), lambda f: data.draft(f / "a.csv"), "empty lines"),
        (
            lambda f: np.savez(f / "g.npz", edge_index=np.zeros((2, 0), int), batch=np.int64(0)),
            lambda f: data.read_graphs(f / "g.npz"),
            "arrays of numbers",
        ),
        (
            lambda f: (f / "s.dat").write_text("CID zHD CID zHD zHEL m_b_corr m_b_corr_err_DIAG\na 1 1 2 1\n"),
            lambda f: load_pantheon_plus(f / "s.dat"),
            "7 columns",
        ),
        (
            lambda f: (f / "sites.yaml").write_text("classes: 2024-13-45\nclients: []\n"),
            lambda f: federate_files(f / "sites.yaml"),
            "a YAML file with clients",
        ),
        (number, lambda f: data.read_graphs(f / "g.npz"), "arrays of numbers"),
        (poses, lambda f: data.read_views(f / "p.npz"), "numbers"),
    ],
    ids=[
        "mat",
        "struct",
        "cif",
        "obj",
        "npz",
        "npy",
        "text",
        "huge",
        "blank",
        "graphs",
        "twice",
        "date",
        "number",
        "mixed",
    ],
)
def test_what_is_damaged_is_refused_in_words(
    write: Callable[[Path], Any], read: Callable[[Path], Any], said: str, tmp_path: Path
) -> None:
    write(tmp_path)
    with pytest.raises(SchemaError, match=said):
        read(tmp_path)


def test_a_cell_that_is_not_finite_is_refused_by_its_frame(tmp_path: Path) -> None:
    (tmp_path / "m.xyz").write_text(
        '1\nLattice="nan 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3 energy=-1.5\nH 0 0 0\n'
    )
    with pytest.raises(DomainError, match="frame 0 with a cell"):
        data.read_molecules(tmp_path / "m.xyz")
