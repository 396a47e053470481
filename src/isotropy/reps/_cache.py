"""Solved bases on disk: the same question in another process is answered by reading a file.

The folder is ISOTROPY_CACHE, or the user's cache folder; "off" keeps nothing. A file that cannot be read, or whose
contents do not match their checksum, is solved again and replaced.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pooch
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from isotropy import __version__

Solved = tuple[Float[Tensor, "n r"], float]

_FORMAT = "1"  # goes up when the solvers change their answers


def cache_folder() -> Path | None:
    """Where solved bases are kept; None where the user wants none."""
    named = os.environ.get("ISOTROPY_CACHE", "")
    if named.lower() == "off":
        return None
    return (Path(named) if named else Path(str(pooch.os_cache("isotropy")))) / "bases"


def cache_key(words: Sequence[str], tensors: Sequence[Tensor]) -> str:
    """A stable name for a question: its words, and the exact numbers and shapes of its generators."""
    digest = hashlib.blake2b(digest_size=20)
    for word in (_FORMAT, __version__, *words):
        digest.update(f"{len(word)}:{word}".encode())
    for tensor in tensors:
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def remembered(key: str, rows: int, solve: Callable[[], Solved]) -> Solved:
    """The basis ``(rows, r)`` and gap kept under ``key``, else solved now and kept."""
    folder = cache_folder()
    if folder is None:
        return solve()
    path = folder / f"{key}.safetensors"
    found = _read(path, rows)
    if found is None:
        found = solve()
        _write(path, *found)
    return found


def _read(path: Path, rows: int) -> Solved | None:
    try:
        with safe_open(path, framework="pt") as file:
            about: dict[str, str] = file.metadata() or {}
            basis: Tensor = file.get_tensor("basis")
        gap = float(about["gap"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    whole = basis.dtype == torch.float64 and basis.ndim == 2 and len(basis) == rows
    return (basis, gap) if whole and about.get("checksum") == _checksum(basis, gap) else None


def _write(path: Path, basis: Tensor, gap: float) -> None:
    """By rename, so that no reader sees half a file; a folder that cannot be written only costs time."""
    about = {"gap": repr(gap), "checksum": _checksum(basis, gap)}
    content = save({"basis": basis.contiguous()}, metadata=about)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise


def _checksum(basis: Tensor, gap: float) -> str:
    return hashlib.blake2b(repr(gap).encode() + basis.contiguous().numpy().tobytes(), digest_size=16).hexdigest()
