"""``isotropy audit`` of exported programs and of a person's own objects; how files are read is tested in discovery."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner, Result

from isotropy.cli import app

X = torch.randn(6, 20, generator=torch.Generator().manual_seed(0))
DATA = ["inertia", "--set", "n=60"]

# torch.export touches deprecated corners of torch itself.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*", "ignore::FutureWarning:torch.*")


class Energy(nn.Module):
    """A layer and its nonlinearity: not equivariant under anything in particular."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layer = nn.Linear(20, 9)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).tanh()


class Batch(Energy):
    """The same, with the number of rows written into the program."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(6, 2, 10).flatten(1))


def audited(model: object, *args: str) -> Result:
    return CliRunner().invoke(app, ["audit", str(model), *DATA, "--group", "O(3)", *args])


def exported(model: nn.Module, path: Path, **options: object) -> Path:
    torch.export.save(torch.export.export(model, (X,), **options), path)  # type: ignore[arg-type]
    return path


def test_a_program_and_the_module_it_came_from_have_one_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exported(Energy(), tmp_path / "m.pt2", dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    monkeypatch.setattr(sys.modules[__name__], "own", Energy(), raising=False)
    monkeypatch.chdir(tmp_path)
    program = audited(path, "--group", "O(2)@z", "--out", str(tmp_path / "run"))
    assert program.exit_code == 0, (program.output, program.exception)
    assert "O(2)@z" in program.output
    assert (tmp_path / "run/result.json").is_file()
    assert f"report: {tmp_path / 'run/report.html'}" in program.output
    assert 'next:\n  isotropy.symmetrize(model, "O(3)"' in program.output
    own = audited(f"{__name__}:own", "--group", "O(2)@z")
    assert own.exit_code == 0, (own.output, own.exception)
    tables = ([line for line in run.output.splitlines() if line[:4] in (" O(2", " O(3")] for run in (program, own))
    rows = [[line.split() for line in table] for table in tables]
    figures = [[row[:4] for row in each] for each in rows]
    assert len(figures[0]) == 2
    assert figures[0] == figures[1]
    # Its one layer is where it is lost; an exported program shows no layers.
    shown = [[row[-1] for row in each] for each in reversed(rows)]
    assert shown[0] == ["layer", "layer"]
    assert "layer" not in shown[1]


def test_an_object_beside_the_person_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_models.py").write_text("class box:\n    zero = staticmethod(lambda x: x[:, :9])\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    shown = audited("own_models:box.zero")
    assert shown.exit_code == 0, (shown.output, shown.exception)
    assert "--out DIR" in shown.output
    sys.modules.pop("own_models", None)


def test_a_program_for_one_batch_size_is_refused_with_the_way_to_export_it(tmp_path: Path) -> None:
    shown = audited(exported(Batch(), tmp_path / "fixed.pt2"))
    assert shown.exit_code == 2
    assert "fails on 2 rows" in shown.output
    assert "dynamic_shapes" in shown.output


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("torch:sum", "makes a tensor of shape () of 2 rows"),
        ("torch:unbind", "makes a tuple of 2 rows"),
        ("math:sin", "fails on 2 rows"),
        ("torch.nn:Linear", "TypeError"),
        ("broken_models:net", "ZeroDivisionError: division by zero"),
        ("unparsed_models:net", "SyntaxError"),
    ],
)
def test_what_is_no_model_of_rows_is_refused(
    model: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_models.py").write_text("net = 1 / 0\n")
    (tmp_path / "unparsed_models.py").write_text("net = (\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    shown = audited(model)
    assert shown.exit_code == 2, shown.output
    assert said in shown.output
    assert "Traceback" not in shown.output


def test_a_pickle_named_as_a_program_is_refused_unopened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "exploded",)

    path = tmp_path / "bomb.pt2"
    path.write_bytes(pickle.dumps(Bomb()))
    shown = audited(path)
    assert shown.exit_code == 2
    assert "bomb.pt2" in shown.output
    assert not (tmp_path / "exploded").exists()


def test_a_function_that_makes_a_model_is_called_and_a_refusal_leaves_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made.py").write_text("import torch\n\ndef net():\n    return torch.nn.Linear(20, 9)\n")
    monkeypatch.chdir(tmp_path)
    wrong = CliRunner().invoke(app, ["audit", "made:net", *DATA, "--groups", "O(2)", "--out", "a"])
    assert wrong.exit_code == 2, wrong.output
    assert not (tmp_path / "a").exists()
    right = CliRunner().invoke(app, ["audit", "made:net", *DATA, "--groups", "SO(2)@z", "--out", "a"])
    assert right.exit_code == 0, right.output
