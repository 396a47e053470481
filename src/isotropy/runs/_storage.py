"""What a run writes, in the few formats that hold data and never code."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors.torch
import yaml
from torch import Tensor

from isotropy.errors import DomainError, SchemaError

PARTIAL = ".run"  # the hidden folder of a run directory: its lock, and files that are not whole yet


def encode(name: str, content: Any) -> bytes:
    """The bytes of ``content`` in the format that the suffix of ``name`` says; raises ``DomainError`` if it cannot."""
    suffix = Path(name).suffix
    if suffix == ".json":
        return json_text(content, name, indent=1).encode() + b"\n"
    if suffix == ".jsonl":
        return b"".join(json_text(row, name).encode() + b"\n" for row in cast(Iterable[Any], content))
    if suffix in (".yaml", ".yml"):
        json_text(content, name)  # what JSON holds is what we write: no tags, nothing that a reader would construct
        return yaml.safe_dump(content, sort_keys=True, allow_unicode=True).encode()
    if suffix == ".npz":
        return _npz(name, cast(Mapping[str, Any], content))
    if suffix == ".safetensors":
        # Contiguous copies: tied weights may share memory, which the format refuses.
        return safetensors.torch.save(
            {key: value.detach().clone().contiguous() for key, value in cast(Mapping[str, Tensor], content).items()}
        )
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, bytes):
        return content
    raise DomainError(
        f"{type(content).__name__} for {name}", "text or bytes", "or a name ending in .json .yaml .npz .safetensors"
    )


def decode(name: str, data: bytes) -> Any:
    """What ``encode`` wrote; other suffixes come back as text where they are UTF-8, else as bytes."""
    suffix = Path(name).suffix
    if suffix == ".json":
        return json.loads(data)
    if suffix == ".jsonl":
        # A last line without its end was torn by a crash.
        return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]
    if suffix in (".yaml", ".yml"):
        return yaml.safe_load(data)
    if suffix == ".npz":
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    if suffix == ".safetensors":
        return safetensors.torch.load(data)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def json_text(content: Any, what: str, indent: int | None = None) -> str:
    """``content`` as JSON with sorted keys; refuses NaN, infinities and objects that JSON does not know."""
    try:
        return json.dumps(content, allow_nan=False, sort_keys=True, indent=indent)
    except (TypeError, ValueError) as error:
        raise DomainError(
            f"{what}: {error}",
            "finite numbers, text, booleans, None, lists, and dictionaries with text keys",
            "float(x), x.tolist(), or None for a number that does not exist",
        ) from error


def _npz(name: str, content: Mapping[str, Any]) -> bytes:
    arrays = {key: np.asarray(value) for key, value in content.items()}
    for key, array in arrays.items():
        if array.dtype.hasobject:
            raise DomainError(f"{name}: array {key!r} of dtype object", "numbers, booleans or text of fixed width")
    buffer = io.BytesIO()
    np.savez(buffer, **cast(Any, arrays))
    return buffer.getvalue()


def safe_name(name: str) -> Path:
    """``name`` as a path inside a run directory; raises ``SchemaError`` if it leads out of it.

    >>> safe_name("jobs/a.npz").as_posix()
    'jobs/a.npz'
    """
    path = Path(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or path.parts[0] == PARTIAL:
        raise SchemaError(f"the name {name!r}", "a relative path inside the run directory")
    return path
