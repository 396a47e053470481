"""``isotropy frames check``: as a new user would try it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from frames.zoo import zoo
from isotropy.cli import app


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["frames", "check", *args])
    return result.exit_code, result.output


def test_a_zoo_of_molecules(tmp_path: Path) -> None:
    text = ""
    for name, x in zoo().items():
        text += f"{len(x)}\n{name}\n" + "".join(f"C {a:.15f} {b:.15f} {c:.15f}\n" for a, b, c in x.tolist())
    (tmp_path / "zoo.xyz").write_text(text)
    code, output = run(str(tmp_path / "zoo.xyz"))
    assert code == 0, output
    rows = {line.split()[0]: line.split() for line in output.splitlines() if line.strip()}
    assert rows["cube"][5:8] == ["1=2=3", "inf", "48"]
    assert rows["twisted"][5] == "none"
    assert rows["icosahedron"][7] == "120"
    assert all(float(row[-1]) < 1e-10 for name, row in rows.items() if name in ("cube", "benzene", "co2", "torus"))


def test_points_of_an_array_under_a_group_of_the_plane(tmp_path: Path) -> None:
    np.savez(tmp_path / "plane.npz", square=zoo(2)["square"].numpy())
    code, output = run(str(tmp_path / "plane.npz"), "--groups", "O(2)")
    assert code == 0, output
    assert output.splitlines()[-1].split()[-2] == "8"


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    bad = {"bad.xyz": "2\nwater\nO 0 0 0\nH 1 x 0\n", "short.xyz": "3\n\nO 0 0 0\n", "nan.xyz": "1\n\nO 0 nan 0\n"}
    for name, text in bad.items():
        (tmp_path / name).write_text(text)
    expected = {"bad.xyz": "'x'", "short.xyz": "short.xyz", "nan.xyz": "finite coordinates"}
    for name, word in expected.items():
        code, output = run(str(tmp_path / name))
        assert (code, word in output) == (2, True), output
    (tmp_path / "damaged.npz").write_text("no archive")
    code, output = run(str(tmp_path / "damaged.npz"))
    assert (code, "damaged.npz" in output) == (2, True), output
    np.savez(tmp_path / "image.npz", image=np.zeros((2, 3, 3)))
    for args in ((str(tmp_path / "image.npz"),), (str(tmp_path / "none.xyz"),), ("points.txt",)):
        assert run(*args)[0] == 2
    assert run(str(tmp_path / "nan.xyz"), "--group", "S(3)")[0] == 2


@pytest.mark.parametrize("comment", ["[/] step 3", "energy [eV] -3", ":smile: [bold]", "[link=x]a"])
def test_comments_of_a_file_are_printed_as_they_are(tmp_path: Path, comment: str) -> None:
    (tmp_path / "m.xyz").write_text(f"3\n{comment}\nH 0 0 0\nO 0 0 1\nH 0.9 0 1.2\n")
    code, output = run(str(tmp_path / "m.xyz"))
    assert code == 0, output
    assert comment in output
