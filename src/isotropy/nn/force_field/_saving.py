"""Force fields into files: weights as safetensors, everything else that they are in the header, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import nn

from isotropy.nn.force_field._seen import Seen
from isotropy.storage import write_whole

FORMAT = "isotropy force field"
VERSION = "1"
UNITS = {"energy": "eV", "length": "Angstrom", "forces": "eV/Angstrom", "stress": "eV/Angstrom^3"}


def write_force_field(
    model: nn.Module,
    path: str | Path,
    settings: Sequence[Mapping[str, Any]],
    seen: Seen | None,
    factors: Sequence[float] | None = None,
) -> Path:
    """Writes the weights of a model, whole, with the ``settings`` of each of its members, what their training data
    showed, and the ``factors`` of a committee. A path that does not end in .safetensors is made to."""
    where = Path(path)
    where = where if where.suffix == ".safetensors" else where.with_name(where.name + ".safetensors")
    told = {
        "kind": type(model).__name__,
        "settings": settings,
        "seen": None if seen is None else asdict(seen),
        "factors": factors,
        "units": UNITS,
    }
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    text = {key: json.dumps(value, sort_keys=True) for key, value in told.items()}
    header = {"format": FORMAT, "version": VERSION, **text}
    write_whole(where, _in_order(safetensors.torch.save(state, metadata=header)))
    return where


def _in_order(content: bytes) -> bytes:
    """A safetensors file with its metadata by name: they come in another order in each process, and equal models have
    equal files."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + content[end:]
