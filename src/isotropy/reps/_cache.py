"""What a solver of invariants answers, and solved bases on disk: another process is answered by reading a file.

The folder is ISOTROPY_CACHE, or the user's cache folder; "off" keeps nothing. A file that cannot be read, or whose
contents do not match their checksum, is solved again and replaced.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from isotropy import __version__
from isotropy.groups import Group
from isotropy.groups.parts import matrix as whole
from isotropy.storage import cache_folder, write_whole

Kept = tuple[dict[str, Tensor], str]
"""What a file holds: named tensors, and a line of text about them."""

_FORMAT = "1"  # goes up when the solvers change their answers


def cache_key(words: Sequence[str], tensors: Sequence[Tensor]) -> str:
    """A stable name for a question: its words, and the exact numbers and shapes of its generators."""
    digest = hashlib.blake2b(digest_size=20)
    for word in (_FORMAT, __version__, *words):
        digest.update(f"{len(word)}:{word}".encode())
    for tensor in tensors:
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def generators_of(groups: Sequence[Group]) -> tuple[list[str], list[Tensor]]:
    """What tells groups apart, by what they do and not by name: words and tensors for ``cache_key``."""
    words = [f"{H.space} of dimension {H.degree}" for H in groups]
    return words, [part for H in groups for part in (whole(H.discrete), whole(H.algebra.basis))]


def remembered(key: str, solve: Callable[[], Kept], fits: Callable[[Kept], bool]) -> Kept:
    """What is kept under ``key`` and ``fits`` the question, else solved now and kept."""
    folder = cache_folder("bases")
    if folder is None:
        return solve()
    path = folder / f"{key}.safetensors"
    found = _read(path)
    if found is None or not fits(found):
        found = solve()
        _write(path, *found)
    return found


def _read(path: Path) -> Kept | None:
    try:
        with safe_open(path, framework="pt") as file:
            about: dict[str, str] = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except (OSError, SafetensorError, ValueError):
        return None
    text = about.get("about", "")
    return (tensors, text) if about.get("checksum") == _checksum(tensors, text) else None


def _write(path: Path, tensors: dict[str, Tensor], text: str) -> None:
    """No reader sees half a file; a folder that cannot be written only costs time."""
    whole_tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    content = save(whole_tensors, metadata={"about": text, "checksum": _checksum(whole_tensors, text)})
    with suppress(OSError):
        write_whole(path, content)


def _checksum(tensors: dict[str, Tensor], text: str) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(tensors):
        digest.update(f"{name}{tensors[name].dtype}{tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].contiguous().numpy().data)
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Invariants:
    """An orthonormal basis of the fixed vectors: a matrix ``dense (size, dim)``, or orbits of entries.

    With orbits entry i belongs to basis vector ``label[i]`` with ``weight[i]``, so that nothing large is stored.
    """

    size: int
    dim: int
    gap: float
    method: str
    dense: Float[Tensor, "size dim"] | None = None
    label: Int[Tensor, " size"] | None = None
    weight: Float[Tensor, " size"] | None = None

    @staticmethod
    def of_orbits(label: Tensor, weight: Tensor, dim: int, method: str) -> Invariants:
        return Invariants(len(label), dim, math.inf, method, None, label, weight)

    @staticmethod
    def all(size: int) -> Invariants:
        return Invariants.of_orbits(torch.arange(size), torch.ones(size, dtype=torch.float64), size, "degrees")

    @staticmethod
    def none(size: int, method: str) -> Invariants:
        zeros = torch.zeros(size, dtype=torch.float64)
        return Invariants.of_orbits(torch.zeros(size, dtype=torch.int64), zeros, 0, method)

    def matrix(self) -> Float[Tensor, "size dim"]:
        if self.dense is not None:
            return self.dense
        assert self.label is not None
        assert self.weight is not None
        matrix = torch.zeros(self.size, self.dim, dtype=torch.float64)
        return matrix.scatter(1, self.label[:, None], self.weight[:, None]) if self.dim else matrix


def stored(found: Sequence[Invariants]) -> Kept:
    """Several solutions in one file, each once however often it is used."""
    distinct = list({id(one): one for one in found}.values())
    place = {id(one): i for i, one in enumerate(distinct)}
    about = [(one.size, one.dim, repr(one.gap), one.method) for one in distinct]
    tensors: dict[str, Tensor] = {}
    for i, one in enumerate(distinct):
        fields = {"dense": one.dense, "label": one.label, "weight": one.weight}
        tensors |= {f"{name}.{i}": tensor.clone() for name, tensor in fields.items() if tensor is not None}
    return tensors, json.dumps([[place[id(one)] for one in found], about])


def restored(kept: Kept) -> list[Invariants]:
    """The inverse of ``stored``."""
    tensors, text = kept
    order, about = json.loads(text)
    found = [
        Invariants(
            size, dim, float(gap), method, *(tensors.get(f"{name}.{i}") for name in ("dense", "label", "weight"))
        )
        for i, (size, dim, gap, method) in enumerate(about)
    ]
    return [found[i] for i in order]
