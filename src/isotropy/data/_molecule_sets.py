"""Sets of molecules with energies and forces: acetylacetone and 3-(benzyloxy)pyridin-2-amine, from dynamics."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isotropy.data._labels import energies_of
from isotropy.data._mirror import File, locate
from isotropy.data._molecules import Molecules, frames_of, made_of
from isotropy.errors import SchemaError

MOLECULES = File(
    "05-gaunt-tensor-product/botnet_3bpa_acac.tar.xz",
    "41bb1deaa375ed863d47dcdf14f87db7a8aa0fd61341fae2cce5e7a46fe2eae7",
    "dataset_3BPA and dataset_acac of github.com/davkovacs/BOTNet-datasets at commit "
    "29e6d467317e4b5967b7ea5cbee54de953fa0d45 (MIT), as one archive",
)


@dataclass(frozen=True)
class _Part:
    """Where one set of configurations stands in the archive; ``rows`` of it where the file holds several."""

    member: str
    temperature: float | None = None
    rows: tuple[int | None, int | None] = (None, None)


_ISOLATED = {"acac": "dataset_acac/isolated_atoms.xyz", "3bpa": "dataset_3BPA/iso_atoms.xyz"}
_MIXED = "dataset_3BPA/train_mixedT.xyz"
_PARTS = {
    "acac": {
        "train_300K": _Part("dataset_acac/train_300K.xyz", 300.0),
        "train_600K": _Part("dataset_acac/train_600K.xyz", 600.0),
        "test_300K": _Part("dataset_acac/test_MD_300K.xyz", 300.0),
        "test_600K": _Part("dataset_acac/test_MD_600K.xyz", 600.0),
        "test_H_transfer": _Part("dataset_acac/test_H_transfer.xyz"),
        "test_dihedral": _Part("dataset_acac/test_dihedral.xyz"),
    },
    # The file of mixed temperatures has no labels; its energies jump after rows 166 and 333.
    "3bpa": {
        "train_300K": _Part("dataset_3BPA/train_300K.xyz", 300.0),
        "mixed_300K": _Part(_MIXED, 300.0, (0, 167)),
        "mixed_600K": _Part(_MIXED, 600.0, (167, 334)),
        "mixed_1200K": _Part(_MIXED, 1200.0, (334, 500)),
    },
}


def load_molecules(name: str, part: str = "train_300K", *, dtype: torch.dtype = torch.float64) -> Molecules:
    """Configurations of one molecule with energies and forces of density functional theory.

    ``"acac"``, acetylacetone: train_300K and train_600K (500 each), test_300K and test_600K (650 each),
    test_H_transfer (15) and test_dihedral (45), the last two without forces. ``"3bpa"``: train_300K (500) and, in
    place of the published test sets, mixed_300K, mixed_600K, mixed_1200K (136, 167, 166): the blocks of its file of
    mixed temperatures without the 31 configurations that are in train_300K. Energies are total ones in eV, hence
    float64 unless asked otherwise. Found by ISOTROPY_DATA and known by its checksum.

    Raises SchemaError for another name or part, DataNotFoundError, MissingExtraError without the extra [molecules].
    Sources: Kovacs et al., J. Chem. Theory Comput. 2021 (3BPA); Batatia et al., arXiv 2205.06643 (AcAc).
    """
    parts = _PARTS.get(name, {})
    if part not in parts:
        known = ", ".join(parts) if parts else ", ".join(_PARTS)
        raise SchemaError(f"the part {part!r} of {name}" if parts else f"the molecule {name!r}", f"one of {known}")
    entry = parts[part]
    path = locate(MOLECULES, of=name)
    atoms = _read(path, entry.member)
    if entry.member == _MIXED:
        seen = np.array(energies_of(_read(path, parts["train_300K"].member)))
        fresh = [bool(np.abs(seen - energy).min() > 1e-6) for energy in energies_of(atoms)]
        block = slice(*entry.rows)
        atoms = [one for one, new in zip(atoms[block], fresh[block], strict=True) if new]
    free = _read(path, _ISOLATED[name])
    isolated = {int(one.numbers[0]): energy for one, energy in zip(free, energies_of(free), strict=True)}
    return made_of(atoms, dtype, isolated=isolated, temperature=entry.temperature, name=f"{name} {part}")


@lru_cache(maxsize=4)
def _read(archive: Path, member: str) -> list[Any]:
    with tarfile.open(archive, "r:xz") as tar:
        file = tar.extractfile(member)
        if file is None:
            raise SchemaError(f"{archive.name} without {member}", "the file with that name")
        return frames_of(io.StringIO(file.read().decode()), member, format="extxyz")
