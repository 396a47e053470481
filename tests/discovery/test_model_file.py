"""Models from files: plain programs load and compute, and nothing that a file says is executed."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from isotropy.discovery._model_file import load_model
from isotropy.errors import SchemaError


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 8), nn.Linear(8, 2)
        self.norm, self.drop = nn.LayerNorm(8), nn.Dropout(0.5)
        self.register_buffer("shift", torch.arange(8.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.drop(self.norm(torch.tanh(self.first(x)) + self.shift))
        h = torch.einsum("bi,bi->bi", h, h.softmax(-1)).reshape(x.shape[0], 8)
        return self.second(torch.cat([h[:, :4], h[:, 4:]], 1))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module]:
    torch.manual_seed(0)
    model = Mixed().eval()
    rows = torch.export.Dim("rows", min=1, max=100_000)
    exported = torch.export.export(model, (torch.randn(5, 3),), dynamic_shapes=({0: rows},))
    path = tmp_path_factory.mktemp("models") / "model.pt2"
    torch.export.save(exported, path)
    return path, model


def rewritten(source: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy of an archive after ``change`` edited its parts."""
    with zipfile.ZipFile(source) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target


def edited(key: str, change: Callable[[Any], None]) -> Callable[[dict[str, bytes]], None]:
    def edit(parts: dict[str, bytes]) -> None:
        (name,) = [name for name in parts if name.endswith(key)]
        value = json.loads(parts[name])
        change(value)
        parts[name] = json.dumps(value).encode()

    return edit


def test_a_plain_program_computes_what_the_module_does(program: tuple[Path, nn.Module]) -> None:
    path, model = program
    loaded, x = load_model(str(path)), torch.randn(11, 3)
    assert isinstance(loaded, nn.Module)
    loaded.eval().train()  # which torch's own module refuses
    assert torch.allclose(loaded(x), model(x), atol=1e-6)
    _, tangent = torch.func.jvp(loaded, (x,), (torch.ones_like(x),))
    assert torch.allclose(tangent, torch.func.jvp(model, (x,), (torch.ones_like(x),))[1], atol=1e-5)


class Bomb:
    """Whoever unpickles this leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.trace, "executed")


def pickled(trace: Path) -> bytes:
    return pickle.dumps(Bomb(trace))


def saved(trace: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save(Bomb(trace), buffer)
    return buffer.getvalue()


def put(suffix: str, content: bytes) -> Callable[[dict[str, bytes]], None]:
    def edit(parts: dict[str, bytes]) -> None:
        root = next(iter(parts)).split("/", 1)[0]
        parts[f"{root}/{suffix}"] = content

    return edit


def test_pickled_example_inputs_are_never_opened(program: tuple[Path, nn.Module], tmp_path: Path) -> None:
    path, model = program
    trace = tmp_path / "trace"
    for content in (pickled(trace), saved(trace)):
        bomb = rewritten(path, tmp_path / "bomb.pt2", put("data/sample_inputs/model.pt", content))
        x = torch.randn(4, 3)
        assert torch.allclose(load_model(str(bomb))(x), model(x), atol=1e-6)
        assert not trace.exists()
    # The same file does execute where torch.export.load reads it, so the test can fail.
    with contextlib.suppress(Exception):
        torch.export.load(bomb)
    assert trace.exists()


def payload(change: dict[str, Any]) -> Callable[[Any], None]:
    return lambda config: next(iter(config["config"].values())).update(change)


def first_node(change: dict[str, Any]) -> Callable[[Any], None]:
    return lambda program: program["graph_module"]["graph"]["nodes"][0].update(change)


def symbol(text: str) -> Callable[[Any], None]:
    def edit(program: Any) -> None:
        values = program["graph_module"]["graph"]["tensor_values"]
        name = next(name for name, value in values.items() if "as_expr" in value["sizes"][0])
        values[name]["sizes"][0]["as_expr"]["expr_str"] = text

    return edit


WEIGHTS, CONSTANTS, PROGRAM = "model_weights_config.json", "model_constants_config.json", "models/model.json"
ATTACKS: dict[str, Callable[[dict[str, bytes]], None]] = {
    "pickled weight": edited(WEIGHTS, payload({"use_pickle": True})),
    "weight elsewhere": edited(WEIGHTS, payload({"path_name": "../../secret"})),
    "opaque constant": edited(
        CONSTANTS,
        lambda c: c["config"].update(a={"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True}),
    ),
    "custom object": edited(
        CONSTANTS,
        lambda c: c["config"].update(a={"path_name": "custom_obj_0", "is_param": False, "use_pickle": True}),
    ),
    "compiled code": put("data/aotinductor/model/a.so", b"\x7fELF"),
    "system call": edited(PROGRAM, first_node({"target": "torch.os.system"})),
    "torch.load": edited(PROGRAM, first_node({"target": "torch.load"})),
    "other library": edited(PROGRAM, first_node({"target": "torch.ops.evil.run.default"})),
    "a file as tensor": edited(PROGRAM, first_node({"target": "torch.ops.aten.from_file.default"})),
    "method by name": edited(PROGRAM, first_node({"target": "_operator.methodcaller"})),
    "evaluated size": edited(PROGRAM, symbol("__import__('os').system('touch trace')")),
    "evaluated call": edited(PROGRAM, symbol("exec(s0)")),
    "attribute of a symbol": edited(PROGRAM, symbol("Symbol('s0').__class__")),
    "code in a name": edited(PROGRAM, first_node({"name": "x = 1\n    import os #"})),
    "two roots": lambda parts: parts.update({"other/models/model.json": b"{}"}),
    "no program": lambda parts: [parts.pop(name) for name in list(parts) if name.endswith(PROGRAM)] and None,
    "no JSON": put("models/model.json", b"\x80\x04K\x01."),
    "deep JSON": put("models/model.json", b"[" * 100_000 + b"]" * 100_000),
    "wrong JSON": put("models/model.json", b"[1, 2]"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_everything_else_is_refused(name: str, program: tuple[Path, nn.Module], tmp_path: Path) -> None:
    bad = rewritten(program[0], tmp_path / "bad.pt2", ATTACKS[name])
    with pytest.raises(SchemaError, match=r"expected a plain program of torch\.export\.save"):
        load_model(str(bad))


def test_guards_are_dropped_not_executed(program: tuple[Path, nn.Module], tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    guard = f"[open({str(trace)!r}, 'w').close()]"
    path = rewritten(program[0], tmp_path / "guard.pt2", edited(PROGRAM, lambda p: p.update(guards_code=[guard])))
    load_model(str(path))(torch.randn(3, 3))
    assert not trace.exists()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1), junk=st.binary(min_size=1, max_size=8))
def test_damaged_files_are_refused_or_harmless(
    at: float, junk: bytes, program: tuple[Path, nn.Module], tmp_path: Path
) -> None:
    content = bytearray(program[0].read_bytes())
    place = int(at * (len(content) - len(junk)))
    content[place : place + len(junk)] = junk
    damaged = tmp_path / "damaged.pt2"
    damaged.write_bytes(content)
    # Nothing but a model or a SchemaError comes out.
    with contextlib.suppress(SchemaError):
        assert callable(load_model(str(damaged)))


@pytest.mark.parametrize("suffix", ["pt", "pth", "pkl", "ckpt", "joblib"])
def test_pickles_are_refused_by_name(suffix: str, tmp_path: Path) -> None:
    trace, path = tmp_path / "trace", tmp_path / f"model.{suffix}"
    path.write_bytes(pickled(trace))
    with pytest.raises(SchemaError, match=r"is a pickle, which runs code: torch\.export\.save"):
        load_model(str(path))
    assert not trace.exists()


def test_python_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_models.py").write_text(
        "from torch import nn\n"
        "net = nn.Dropout()\n"
        "class Holder:\n    inner = nn.Identity()\n"
        "class Fresh(nn.Identity):\n    pass\n"
        "number = 3\n"
    )
    monkeypatch.chdir(tmp_path)  # a person's own module lies where they stand
    monkeypatch.setattr(sys, "path", list(sys.path))
    net = load_model("my_models:net")
    assert isinstance(net, nn.Dropout)
    assert not net.training
    assert isinstance(load_model("my_models:Holder.inner"), nn.Identity)
    assert isinstance(load_model("my_models:Fresh"), nn.Identity)
    with pytest.raises(SchemaError, match="a model that can be called"):
        load_model("my_models:number")
    for wrong in ("my_models:absent", "absent_module_x:net"):
        with pytest.raises(SchemaError, match="importable attribute"):
            load_model(wrong)
    for wrong in ("my_models", "os.system('x'):y", "a:b(c)", "", ":"):
        with pytest.raises(SchemaError, match=r"MODEL\.pt2 or module:attribute"):
            load_model(wrong)
    sys.modules.pop("my_models", None)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"absent\.pt2: it cannot be read"):
        load_model(str(tmp_path / "absent.pt2"))
