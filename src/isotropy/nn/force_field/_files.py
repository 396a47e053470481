"""Force fields from files: nothing but the file is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch

from isotropy.errors import SchemaError
from isotropy.nn.force_field._batches import Scales
from isotropy.nn.force_field._committee import ForceFieldCommittee
from isotropy.nn.force_field._model import GauntForceField
from isotropy.nn.force_field._saving import FORMAT, UNITS, VERSION
from isotropy.nn.force_field._seen import Seen
from isotropy.storage import no_file


def load_force_field(path: str | Path) -> GauntForceField | ForceFieldCommittee:
    """The force field, or the committee, of a file that ``save`` wrote, or of the folder of a training, in eval mode.

    Its energies are those of the saved one to the last bit. Raises SchemaError for another file, another version, and
    weights that do not belong to the settings, by name.

    >>> import tempfile
    >>> one = GauntForceField({1: -13.6}, channels=2, radial=(4,), r_max=3.0)
    >>> again = load_force_field(one.save(Path(tempfile.mkdtemp()) / "hydrogen"))
    >>> again.isolated, again.r_max
    ({1: -13.6}, 3.0)
    """
    where = Path(path)
    where = where / "model.safetensors" if where.is_dir() else where
    if not where.is_file():
        raise no_file(where)
    try:
        with safetensors.safe_open(where, "pt") as file:
            header: Mapping[str, str] = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise SchemaError(f"{where}: {error}", "a file that model.save(path) wrote") from error
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        found = header.get("format", "another file") + f", version {header.get('version', 'none')}"
        raise SchemaError(f"{where}: {found}", f"a {FORMAT}, version {VERSION}", "write it by model.save(path)")
    try:
        told: dict[str, Any] = {
            key: json.loads(header[key]) for key in ("kind", "factors", "settings", "seen", "units")
        }
        members = [_made(settings) for settings in told["settings"]]
    except (KeyError, TypeError, ValueError) as error:
        raise SchemaError(f"{where}: a header without {error}", "what model.save(path) wrote") from error
    if told["units"] != UNITS:
        raise SchemaError(f"{where} in {told['units']}", f"{UNITS}")
    model: GauntForceField | ForceFieldCommittee = members[0]
    if len(members) > 1:
        of_energy, of_forces = told["factors"]
        model = ForceFieldCommittee(members, (of_energy, of_forces))
    model.to(next(value.dtype for value in state.values() if value.is_floating_point()))
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise SchemaError(f"{where}: {error}", "the weights of its settings", "write it by model.save(path)") from error
    for member in members:
        member.seen = None if told["seen"] is None else _seen(**told["seen"])
    return model.eval()


def _made(settings: Mapping[str, Any]) -> GauntForceField:
    rest = {**settings}
    isolated = {int(number): energy for number, energy in rest.pop("isolated").items()}
    scales = Scales(**rest.pop("scales"))
    return GauntForceField(isolated, scales=scales, generator=torch.Generator(), **rest)


def _seen(r_max: float, elements: list[str], closest: dict[str, float], fewest: int, most: int) -> Seen:
    """What JSON has as lists."""
    return Seen(r_max, tuple(elements), closest, fewest, most)
