"""Models from the outside: exported programs and a person's own objects; nothing pickled is loaded."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from isotropy.cli import app
from isotropy.cli._model import load_model
from isotropy.errors import SchemaError

X = torch.randn(6, 20)

# torch.export touches deprecated corners of torch itself.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*", "ignore::FutureWarning:torch.*")


class Energy(nn.Module):
    """|x|^2 through a layer: not invariant under anything in particular."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layer = nn.Linear(20, 9)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).tanh()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.pt2"
    exported = torch.export.export(Energy(), (X,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    torch.export.save(exported, path)
    return path


def test_an_exported_program_computes_what_the_module_computes(program: Path) -> None:
    model = load_model(str(program))
    assert isinstance(model, nn.Module)
    torch.testing.assert_close(model.eval()(X), Energy()(X))
    torch.testing.assert_close(model.train()(X[:3]), Energy()(X[:3]))
    assert not model.eval().training


def _with(program: Path, path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy of the archive with other contents."""
    with zipfile.ZipFile(program) as archive:
        files = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"model/{name}", content)
    return path


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("place", ["weights", "constants", "sample_inputs", "custom", "compiled", "legacy"])
def test_a_program_with_a_pickle_inside_is_refused_unopened(place: str, program: Path, tmp_path: Path) -> None:
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))

    def change(files: dict[str, bytes]) -> None:
        if place == "weights":
            config = files["data/weights/model_weights_config.json"]
            files["data/weights/model_weights_config.json"] = config.replace(
                b'"use_pickle": false', b'"use_pickle": true'
            ).replace(b'"use_pickle":false', b'"use_pickle":true')
            assert files["data/weights/model_weights_config.json"] != config
            files["data/weights/weight_0"] = bomb
        elif place == "constants":
            files["data/constants/model_constants_config.json"] = (
                b'{"config": {"c": {"path_name": "tensor_0", "use_pickle": true}}}'
            )
            files["data/constants/tensor_0"] = bomb
        elif place == "sample_inputs":
            files["data/sample_inputs/model.pt"] = bomb
        elif place == "custom":
            files["data/constants/opaque_obj_0"] = bomb
        elif place == "compiled":
            files["data/aotinductor/model/model.so"] = b"\x7fELF"
        else:
            files["data/weights/model.pt"] = bomb

    changed = _with(program, tmp_path / "changed.pt2", change)
    with pytest.raises(SchemaError, match=r"changed\.pt2 with"):
        load_model(str(changed))
    assert not (tmp_path / "exploded").exists()


def test_an_archive_that_was_only_copied_is_read(program: Path, tmp_path: Path) -> None:
    copy = _with(program, tmp_path / "copy.pt2", lambda files: None)
    torch.testing.assert_close(load_model(str(copy))(X), Energy()(X))


@pytest.mark.parametrize("content", [b"", b"PK not a zip", pickle.dumps([1, 2, 3])])
def test_a_file_that_is_no_program_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.pt2"
    path.write_bytes(content)
    with pytest.raises(SchemaError, match=r"broken\.pt2"):
        load_model(str(path))


def test_audit_of_an_exported_program_and_of_an_own_object(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ["inertia", "--set", "n=60"]
    shown = CliRunner().invoke(
        app, ["audit", str(program), *data, "--group", "O(3)", "--group", "O(2)@z", "--out", str(tmp_path / "run")]
    )
    assert shown.exit_code == 0, (shown.output, shown.exception)
    assert "O(3)" in shown.output
    assert "O(2)@z" in shown.output
    assert (tmp_path / "run/result.json").is_file()
    assert (tmp_path / "run/report.html").is_file()

    (tmp_path / "own_models.py").write_text("class box:\n    zero = staticmethod(lambda x: x[:, :9])\n")
    monkeypatch.chdir(tmp_path)
    own = CliRunner().invoke(app, ["audit", "own_models:box.zero", *data, "--group", "O(3)"])
    assert own.exit_code == 0, (own.output, own.exception)


def test_a_program_for_one_batch_size_is_refused_with_the_way_to_export_it(tmp_path: Path) -> None:
    path = tmp_path / "fixed.pt2"
    torch.export.save(torch.export.export(Energy(), (X,)), path)
    shown = CliRunner().invoke(app, ["audit", str(path), "inertia", "--set", "n=60", "--group", "O(3)"])
    assert shown.exit_code == 2
    assert "dynamic_shapes" in shown.output
