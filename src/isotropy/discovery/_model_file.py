"""Models from files, without running what a file says: only exported programs of plain tensor operations are read."""

from __future__ import annotations

import importlib
import inspect
import io
import json
import operator
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from isotropy.errors import SchemaError

_PICKLES = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".jit", ".zip"}
_LARGEST_PROGRAM = 64 * 2**20  # bytes of JSON

# Operations that an exported program may name. Everything else that torch would resolve (torch.load, torch.os.system,
# operators of other libraries) stays out; so does the one tensor operation that opens files.
_TARGET = re.compile(r"torch\.ops\.(aten|prims)\.(?!from_file)\w+\.\w+|torch\.sym_\w+|_operator\.(\w+)|math\.\w+")
_OPERATORS = {
    *("getitem", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "neg"),
    *("eq", "ne", "lt", "le", "gt", "ge", "and_", "or_", "not_", "index"),
}
# Words of the symbolic sizes, which torch hands to a parser that evaluates them.
_SYMBOLIC = re.compile(r"\s+|(?P<word>[A-Za-z_]\w*)|'\w+'|\d+(\.\d+)?|[-+*/(),=<>%]")
_WORDS = {
    *("Symbol", "Integer", "Float", "Rational", "Add", "Mul", "Pow", "Max", "Min", "Mod", "PythonMod", "FloorDiv"),
    *("CleanDiv", "CeilDiv", "IntTrueDiv", "FloatTrueDiv", "CeilToInt", "FloorToInt", "ToFloat", "TruncToInt"),
    *("True", "False", "positive", "nonnegative", "integer", "real", "evaluate"),
}
_NAME = re.compile(r"[\w.]*")
# Texts that are read as data: literals of operations, and nested JSON that names container types.
_FREE = {"as_string", "as_strings", "in_spec", "out_spec", "torch_version", "verifiers"}


def load_model(source: str) -> Any:
    """The model that ``source`` names: an exported program "MODEL.pt2", or "module:attribute" in Python.

    A .pt2 file of ``torch.export.save`` is data here: tensors are read from their bytes, every operation must be a
    tensor operation of torch, and pickled parts, compiled code, example inputs and guards are refused or left out.
    "module:attribute" imports the module, which runs its code; the attribute is a function or module, or takes no
    arguments and makes one. Modules come in eval mode; calculators of ase and estimators that predict come as they are.

    Raises SchemaError for anything else, naming what to write instead.

    >>> load_model("torch:sin")(torch.zeros(1))
    tensor([0.])
    >>> load_model("weights.pt")
    Traceback (most recent call last):
        ...
    isotropy.errors.SchemaError: given the file weights.pt; expected a program MODEL.pt2 or module:attribute; \
a .pt file is a pickle, which runs code: torch.export.save(torch.export.export(model, (x,)), 'MODEL.pt2')
    """
    path = Path(source)
    if path.suffix in _PICKLES:
        raise SchemaError(
            f"the file {source}",
            "a program MODEL.pt2 or module:attribute",
            f"a {path.suffix} file is a pickle, which runs code: "
            "torch.export.save(torch.export.export(model, (x,)), 'MODEL.pt2')",
        )
    if path.suffix == ".pt2":
        return _exported(path)
    module, colon, attribute = source.partition(":")
    if not colon or not re.fullmatch(r"\w+(\.\w+)*", module) or not re.fullmatch(r"\w+(\.\w+)*", attribute):
        raise SchemaError(f"the model {source!r}", "MODEL.pt2 or module:attribute", "such as mypackage.models:net")
    return _imported(module, attribute)


def _imported(module: str, attribute: str) -> Any:
    if "" not in sys.path:
        sys.path.insert(0, "")  # as python does: a person's own module lies where they stand
    try:
        found: Any = operator.attrgetter(attribute)(importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        raise SchemaError(f"{module}:{attribute}", "an importable attribute", str(error)) from error
    if isinstance(found, type) and (issubclass(found, nn.Module) or is_calculator(found)):
        found = found()
    if inspect.isfunction(found) and not inspect.signature(found).parameters:
        found = found()  # a function of nothing is no model: it makes one
    if not (callable(found) or is_calculator(found) or hasattr(found, "predict")):
        raise SchemaError(f"{module}:{attribute}, a {type(found).__name__}", "a model that can be called")
    return found.eval() if isinstance(found, nn.Module) else found


def is_calculator(model: Any) -> bool:
    """Whether a model is a calculator of ase, or a class of them.

    >>> is_calculator(torch.sin)
    False
    """
    return hasattr(model, "implemented_properties") and hasattr(model, "get_potential_energy")


class Program(nn.Module):
    """An exported program, which knows no modes of training, as a module that can be put in any."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def train(self, mode: bool = True) -> Program:
        self.training = mode
        return self

    def forward(self, *x: Any) -> Any:
        return self.program(*x)


def _exported(path: Path) -> Program:
    try:
        parts = _records(path)
        program = _program(parts)
    # A damaged archive may also claim features of zip that Python lacks, encryption, or streams that do not unpack.
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, SchemaError):
            raise
        raise _refusal(path, f"it cannot be read: {error}") from error
    # Written anew from what was checked, so that torch sees this and nothing else.
    clean = io.BytesIO()
    with zipfile.ZipFile(clean, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {**parts, "models/model.json": json.dumps(program).encode()}.items():
            archive.writestr(f"model/{name}", content)
    clean.seek(0)
    try:
        rebuilt = torch.export.load(clean).module(check_guards=False)
    except Exception as error:
        raise _refusal(path, f"torch cannot rebuild it: {error}") from error
    return Program(rebuilt)


def _refusal(path: Path | str, why: str) -> SchemaError:
    return SchemaError(f"{path}: {why}", "a plain program of torch.export.save", "or pass module:attribute")


def _records(path: Path) -> dict[str, bytes]:
    """The parts of the archive that are needed, by their names below its root."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        roots = {name.split("/", 1)[0] for name in names}
        if len(roots) != 1 or len(set(names)) != len(names):
            raise _refusal(path, "not one archive with one root")
        kept: dict[str, bytes] = {}
        for name in names:
            part = name.split("/", 1)[1] if "/" in name else name
            if part.startswith(("data/aotinductor/", "data/executorch/")):
                raise _refusal(path, "it holds compiled code")
            if part.startswith("data/sample_inputs/"):
                kept[part] = b""  # torch would unpickle them
            elif part.startswith(("data/weights/", "data/constants/")) or part in {
                "models/model.json",
                "archive_format",
                "archive_version",
                "byteorder",
                ".data/version",
            }:
                kept[part] = archive.read(name)
        if len(kept.get("models/model.json", b"")) > _LARGEST_PROGRAM:
            raise _refusal(path, "its program is too long")
    for kind in ("weights", "constants"):
        config = json.loads(kept[f"data/{kind}/model_{kind}_config.json"])["config"]
        for name, payload in config.items():
            plain = re.fullmatch(r"(weight|tensor)_\d+", payload["path_name"]) and payload["use_pickle"] is False
            if not plain:
                raise _refusal(path, f"{name} in its {kind} is pickled")
            _check(name, payload)
        # A record that no entry names is none of the formats that torch still reads for old files.
        known = {payload["path_name"] for payload in config.values()} | {f"model_{kind}_config.json"}
        prefix = f"data/{kind}/"
        kept = {n: c for n, c in kept.items() if not n.startswith(prefix) or n.removeprefix(prefix) in known}
    return kept


def _program(parts: dict[str, bytes]) -> dict[str, Any]:
    program = json.loads(parts["models/model.json"])
    program["guards_code"] = []  # torch would execute them
    for part in _dicts(program):
        if isinstance(part.get("metadata"), dict):
            part["metadata"] = {}
    _check("the program", program)
    return program


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _dicts(inner)


def _check(where: str, value: Any, key: str = "") -> None:
    """Refuse texts that torch would resolve, evaluate, or write into the source code that it makes."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.startswith(("as_operator", "as_custom", "as_opaque", "as_graph")):
                raise _refusal(where, f"it uses {name}")
            _check(where, name)
            _check(where, inner, name)
    elif isinstance(value, list):
        for inner in value:
            _check(where, inner, key)
    elif isinstance(value, str) and key not in _FREE:
        if key == "target":
            found = _TARGET.fullmatch(value)
            allowed = found is not None and (found[2] is None or found[2] in _OPERATORS)
        elif key == "expr_str":
            allowed = _symbolic(value)
        else:
            allowed = _NAME.fullmatch(value) is not None
        if not allowed:
            raise _refusal(where, f"{key or 'name'} {value[:60]!r} is not allowed")


def _symbolic(text: str) -> bool:
    at = 0
    while at < len(text):
        found = _SYMBOLIC.match(text, at)
        if found is None or (
            found["word"] and found["word"] not in _WORDS and not re.match(r"[su]\d+$", found["word"])
        ):
            return False
        at = found.end()
    return True
