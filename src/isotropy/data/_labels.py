"""Energies and forces of configurations, under whichever names a file has them; nothing is dropped silently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.errors import DomainError, SchemaError, counted

_USUAL = {"energy": ("energy", "REF_energy"), "forces": ("forces", "REF_forces")}
_ISOLATED = "IsolatedAtom"  # the config_type that trainers of force fields give to free atoms


def energies_of(frames: Sequence[Any], name: str | None = None) -> list[float]:
    """The energy of each configuration: the one called ``name``, else ``energy``, else ``REF_energy``.

    Raises SchemaError where there is none, naming those that look like one, DomainError for NaN and infinity.
    """
    found = [_label(atoms, "energy", name) for atoms in frames]
    for atoms, energy in zip(frames, found, strict=True):
        if energy is None:
            near = _near(atoms, "energy")
            hint = f"energy={near[0]!r} if that is the one" if near else ""
            given = f"a configuration of {counted(len(atoms), 'atom')} without an energy"
            told = f", but with {', '.join(near)}" if near else ""
            raise SchemaError(given + told, f"{name or 'energy'}=... in its second line", hint)
    values = [float(energy) for energy in found]
    _finite("energies", np.isfinite(values))
    return values


def forces_of(frames: Sequence[Any], name: str | None = None) -> NDArray[np.float64] | None:
    """The forces on all atoms, one after another: those called ``name``, else ``forces``, else ``REF_forces``; None
    where no configuration has any, or ``name`` is "".

    Raises SchemaError where only some configurations have forces, or where they have another name that was not asked
    for, DomainError for NaN and infinity.
    """
    if name == "":
        return None
    found = [_label(atoms, "forces", name) for atoms in frames]
    if all(each is None for each in found):
        near = list(dict.fromkeys(key for atoms in frames for key in _near(atoms, "force")))
        if name is not None or near:
            given = f"{name or 'forces'} for no configuration" + (f", but {', '.join(near)}" if near else "")
            hint = f"forces={near[0]!r}, or forces='' to go without" if near else ""
            raise SchemaError(given, "(atoms, 3) numbers of that name", hint)
        return None
    if any(each is None for each in found):
        raise SchemaError("forces for some configurations", "forces for all, or for none")
    _finite("forces", np.array([np.isfinite(each).all() for each in found]))
    return np.concatenate([np.asarray(each, np.float64) for each in found])


def without_free_atoms(frames: Sequence[Any], name: str | None = None) -> tuple[list[Any], dict[int, float]]:
    """The configurations that are not marked ``config_type=IsolatedAtom``, and the energies of those by element."""
    free = [len(atoms) == 1 and atoms.info.get("config_type") == _ISOLATED for atoms in frames]
    if all(free):
        return list(frames), {}
    alone = [atoms for atoms, is_free in zip(frames, free, strict=True) if is_free]
    energies = zip(alone, energies_of(alone, name), strict=True)
    return [atoms for atoms, is_free in zip(frames, free, strict=True) if not is_free], {
        int(atoms.numbers[0]): energy for atoms, energy in energies
    }


def _label(atoms: Any, kind: str, name: str | None) -> Any:
    held = {**atoms.info, **atoms.arrays, **({} if atoms.calc is None else atoms.calc.results)}
    return next((held[key] for key in ((name,) if name else _USUAL[kind]) if key in held), None)


def _near(atoms: Any, word: str) -> list[str]:
    """Names that hold the word."""
    held = {**atoms.info, **atoms.arrays, **({} if atoms.calc is None else atoms.calc.results)}
    return [key for key in held if word in key.lower()]


def _finite(what: str, good: Any) -> None:
    wrong = np.flatnonzero(~np.asarray(good))
    if len(wrong):
        listed = ", ".join(map(str, wrong[:5])) + (", ..." if len(wrong) > 5 else "")
        raise DomainError(
            f"{what} that are no finite numbers in configurations {listed} (counted from 0)",
            "finite numbers",
            "remove or repair these configurations; nothing is dropped silently",
        )
