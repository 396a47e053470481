"""The model that a person wants audited: a program saved by ``torch.export``, or an object of their own code."""

from __future__ import annotations

import importlib
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isotropy.errors import SchemaError

_PLAIN = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/\w+|models/model\.json|data/sample_inputs/model\.pt"
    r"|data/weights/(weight_\d+|model_weights_config\.json)|data/constants/(tensor_\d+|model_constants_config\.json)"
)


class Program(nn.Module):
    """An exported program, which knows no modes of training, as a module that can be put in any."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def train(self, mode: bool = True) -> Program:
        self.training = mode
        return self

    def forward(self, x: Tensor) -> Any:
        return self.program(x)


def load_model(given: str) -> Callable[..., Any]:
    """The model in a ``.pt2`` file, or the object ``module:attr`` (looked for from the current directory too).

    Both are programs: open those that you trust. Pickles are refused, also inside a ``.pt2`` file. Raises
    ``SchemaError`` where there is no model, and for what is not one.

    >>> load_model("torch.nn.functional:silu")(torch.zeros(1))
    tensor([0.])
    """
    if given.endswith((".pt", ".pth", ".pkl", ".ckpt", ".bin")):
        raise SchemaError(
            f"the pickle {given}",
            "a .pt2 file or module:attr",
            "torch.export.save(torch.export.export(model, (x,), dynamic_shapes=...), 'model.pt2')",
        )
    if given.endswith(".pt2"):
        return _exported(Path(given))
    module, colon, name = given.partition(":")
    if not (colon and all(part.isidentifier() for part in [*module.split("."), *name.split(".")])):
        raise SchemaError(f"the model {given!r}", "a .pt2 file or module:attr", "isotropy audit model.pt2 ...")
    if "" not in sys.path:
        sys.path.insert(0, "")  # as python does: a person's own module lies where they stand
    try:
        model: Any = importlib.import_module(module)
        for part in name.split("."):
            model = getattr(model, part)
    except (ModuleNotFoundError, AttributeError) as error:
        raise SchemaError(f"the model {given!r}: {error}", "an object that can be imported as module:attr") from error
    if not callable(model) or isinstance(model, type):
        raise SchemaError(
            f"{given}, which is a {type(model).__name__}", "a model: a function or an nn.Module", "name an instance"
        )
    return model


def check_batches(model: Callable[..., Any], x: Tensor, given: str) -> None:
    """Calls the model on two and on three rows; raises ``SchemaError`` where it takes only batches of one size."""
    weight = next(iter(model.parameters()), None) if isinstance(model, nn.Module) else None
    x = x if weight is None else x.to(weight.dtype)
    for count in (2, 3):
        try:
            with torch.no_grad():
                model(x[:count])
        except Exception as error:
            raise SchemaError(
                f"{given}, which fails on {count} rows of shape {tuple(x.shape[1:])}: {str(error).splitlines()[0]}",
                f"a function of rows (B, {x.shape[1]}) for every B",
                "export with dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)" if given.endswith(".pt2") else "",
            ) from error


def _exported(path: Path) -> Program:
    from torch.export.pt2_archive._package import load_pt2

    data = path.read_bytes()  # once: what is checked is what is loaded
    try:
        _refuse_pickles(torch._C.PyTorchFileReader(io.BytesIO(data)), path)
        programs = load_pt2(io.BytesIO(data)).exported_programs
        return Program(programs["model"].module())
    except SchemaError:
        raise
    except Exception as error:
        raise SchemaError(
            f"{path}: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            "a program written by torch.export.save of this version of torch",
        ) from error


def _refuse_pickles(archive: Any, path: Path) -> None:
    """Lets pass only archives of text and raw numbers, whose sample inputs are nothing but tensors."""
    names: list[str] = archive.get_all_records()
    if "models/model.json" not in names:
        raise SchemaError(f"{path}, without a model", "a program written by torch.export.save")
    for name in names:
        if not _PLAIN.fullmatch(name):
            raise SchemaError(
                f"{path} with {name} inside", "a program with plain tensors only", "export the model again"
            )
    for kind in ("weights", "constants"):
        config = f"data/{kind}/model_{kind}_config.json"
        parts = json.loads(archive.get_record(config))["config"].values() if config in names else ()
        if any(part["use_pickle"] for part in parts):
            raise SchemaError(f"{path} with pickled {kind}", "plain tensors: nothing pickled is loaded")
    if "data/sample_inputs/model.pt" in names:
        sample = archive.get_record("data/sample_inputs/model.pt")
        try:
            if sample:
                torch.load(io.BytesIO(sample), weights_only=True)
        except Exception as error:
            raise SchemaError(f"{path} with pickled objects among its sample inputs", "tensors") from error
