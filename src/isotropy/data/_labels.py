"""Energies, forces and stresses of configurations, under whichever names a file has them; nothing is dropped silently.

A frame is an ``Atoms`` of ase; messages count frames of the file from 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.errors import DomainError, SchemaError, counted

_USUAL = {
    "energy": ("energy", "REF_energy"),
    "forces": ("forces", "REF_forces"),
    "stress": ("stress", "REF_stress", "virial", "virials", "REF_virial", "REF_virials"),
}
_LIKE = {"energy": ("energy",), "forces": ("force",), "stress": ("stress", "virial")}
_ISOLATED = "isolatedatom", "isolatedatoms"  # the letters of what files call free atoms: IsolatedAtom, isolated_atom
_ASYMMETRIC = 1e-3  # relative: codes print stresses to some four digits
LABELS = ("energy", "forces", "stress")  # the columns of ``labelled``


class LabelsWarning(UserWarning):
    """Labels that were found under a name nobody gave, or that look as if they were in other units."""


@dataclass(frozen=True)
class Labels:
    """What a file says of B frames with N atoms: ``energies (B,)`` in eV, ``forces (N, 3)`` in eV/Angstrom, ``stresses
    (B, 3, 3)`` in eV/Angstrom^3, 0 where a frame does not say it; ``labelled (B, 3)``: which of the three it says.

    ``names`` are those that the file has for them.
    """

    energies: NDArray[np.float64]
    forces: NDArray[np.float64] | None
    stresses: NDArray[np.float64] | None
    labelled: NDArray[np.bool_]
    names: Mapping[str, str]


def labels_of(
    frames: Sequence[Any],
    *,
    energy: str | None = None,
    forces: str | None = None,
    stress: str | None = None,
    where: str = "the file",
    numbers: Sequence[int] | None = None,
) -> Labels:
    """The labels of frames, called as asked, else as usual (``energy``, ``REF_energy``, ...), else by the one name that
    looks like it, which a LabelsWarning tells; "" goes without.

    ``numbers`` are those of the frames in their file. Virials become stresses, over minus the volume.

    Raises SchemaError where nothing is labelled, for names that nothing has, several that look alike, usual names that
    differ in what they say or stand in different frames, frames without any label, and shapes that do not fit;
    DomainError for NaN and infinity, and stresses of what has no volume.
    """
    at = list(range(len(frames))) if numbers is None else list(numbers)
    asked = {"energy": energy, "forces": forces, "stress": stress}
    names = {kind: _names(frames, kind, given) for kind, given in asked.items()}
    _refuse_two_levels(frames, {kind: names[kind] for kind in LABELS if asked[kind] is None}, at)
    found = {kind: [_of(atoms, kind, names[kind], at[k]) for k, atoms in enumerate(frames)] for kind in LABELS}
    labelled = np.array([[value is not None for value in found[kind]] for kind in LABELS]).T.reshape(len(frames), 3)
    _refuse_unlabelled(frames, labelled, where, at)
    for kind in LABELS:
        said = "energies" if kind == "energy" else "stresses" if kind == "stress" else kind
        _finite(said, [value is None or bool(np.isfinite(value).all()) for value in found[kind]], at)
    whole: dict[str, Any] = {"energy": np.zeros(len(frames)), "forces": None, "stress": None}
    for column, kind in enumerate(LABELS):
        if labelled[:, column].any():
            parts = [
                value if value is not None else _nothing(kind, atoms)
                for value, atoms in zip(found[kind], frames, strict=True)
            ]
            whole[kind] = np.concatenate(parts) if kind == "forces" else np.array(parts, np.float64)
    used = {kind: " or ".join(given) for column, (kind, given) in enumerate(names.items()) if labelled[:, column].any()}
    return Labels(whole["energy"], whole["forces"], whole["stress"], labelled, used)


def energies_of(frames: Sequence[Any]) -> list[float]:
    """The energy of each frame; raises SchemaError where one has none."""
    return labels_of(frames, forces="", stress="").energies.tolist()


def free_atoms(frames: Sequence[Any], energy: str | None = None) -> tuple[list[int], dict[int, float]]:
    """The numbers of the frames that are configurations, and the energies of those that are not, by atomic number:
    single atoms of ``config_type=IsolatedAtom``, however it is written.

    Raises DomainError for two of one element with energies that differ.
    """
    free = [len(atoms) == 1 and _letters(atoms.info.get("config_type")) in _ISOLATED for atoms in frames]
    if all(free) or not any(free):
        return list(range(len(frames))), {}
    rest = [number for number, is_free in enumerate(free) if not is_free]
    if energy == "":
        return rest, {}
    alone = [number for number, is_free in enumerate(free) if is_free]
    known = labels_of([frames[k] for k in alone], energy=energy, forces="", stress="", numbers=alone)
    isolated: dict[int, float] = {}
    for number, value in zip(alone, known.energies.tolist(), strict=True):
        element = int(frames[number].numbers[0])
        if abs(isolated.setdefault(element, value) - value) > 1e-6:  # eV, the digits that files give
            raise DomainError(
                f"isolated atoms of element {element} with {isolated[element]} and {value} eV (frame {number})",
                "one energy for each element",
                "leave one of the frames out",
            )
    return rest, isolated


def _letters(word: Any) -> str:
    """The letters of a word, small."""
    return "".join(filter(str.isalpha, str(word))).lower()


def _names(frames: Sequence[Any], kind: str, given: str | None) -> tuple[str, ...]:
    """The names under which a label may stand, in the order in which they are looked for."""
    if given == "":
        return ()
    held = list(dict.fromkeys(key for atoms in frames for key in _held(atoms)))
    if given is not None:
        if given not in held:
            near = [key for key in held if _looks(key, kind)]
            hint = f"{kind}={near[0]!r}" if near else f"{kind}='' to go without"
            raise SchemaError(f"{kind}={given!r}, a name that no frame has", f"one of {', '.join(held)}", hint)
        return (given,)
    usual = tuple(name for name in _USUAL[kind] if name in held)
    if usual:
        return usual
    alike = [key for key in held if _looks(key, kind) and any(_fits(atoms, kind, key) for atoms in frames)]
    if len(alike) > 1:
        hint = f"{kind}={alike[0]!r}, or {kind}='' to go without"
        raise SchemaError(f"{' and '.join(alike)}, which all look like {kind}", "one of them", hint)
    if alike:
        warnings.warn(
            f"{kind} is read from {alike[0]!r}, the one name that looks like it; {kind}={alike[0]!r} says so, "
            f"{kind}='' goes without",
            LabelsWarning,
            stacklevel=4,
        )
    return tuple(alike)


def _refuse_two_levels(frames: Sequence[Any], names: Mapping[str, Sequence[str]], at: Sequence[int]) -> None:
    """``energy`` and ``REF_energy`` may come from two theories: refused where they differ or stand in different frames;
    a LabelsWarning where energies have only the one kind of name, and forces or stresses only the other."""
    # Names that only look alike were told already.
    usual = {kind: some for kind, some in names.items() if some and set(some) <= set(_USUAL[kind])}
    families = {kind: {_family(name) for name in some} for kind, some in usual.items()}
    for kind, some in usual.items():
        if len(some) < 2:
            continue
        hint = f"{kind}={some[0]!r} or {kind}={some[-1]!r}"
        first: dict[bool, tuple[str, int]] = {}  # where names of each family alone were met first
        for atoms, number in zip(frames, at, strict=True):
            said = {name: _of(atoms, kind, (name,), number) for name in some}
            said = {name: value for name, value in said.items() if value is not None}
            for one, other in pairwise(said):
                if np.abs(np.subtract(said[one], said[other])).max() > _digits(kind, said[one]):
                    raise SchemaError(f"{one} and {other} of frame {number}, which differ", "one of them", hint)
            if len({_family(name) for name in said}) == 1:
                first.setdefault(_family(next(iter(said))), (next(iter(said)), number))
        if len(first) > 1:
            told = " and ".join(f"{name} in frame {number}" for name, number in first.values())
            raise SchemaError(f"{told}, which may come from two theories", "one name in all frames", hint)
    if families and not set.intersection(*families.values()):
        told = ", ".join(f"{kind} from {' or '.join(map(repr, some))}" for kind, some in usual.items())
        asking = ", ".join(f"{kind}={some[0]!r}" for kind, some in usual.items())
        warnings.warn(
            f"{told}: these may come from two theories; {asking} says that they do not", LabelsWarning, stacklevel=4
        )


def _family(name: str) -> bool:
    return name.startswith("REF_")


def _digits(kind: str, value: Any) -> float:
    """How far two ways of writing one label may be apart: 1e-6 eV, 1e-4 eV/Angstrom, some four digits of a stress."""
    return {"energy": 1e-6, "forces": 1e-4, "stress": _ASYMMETRIC * float(np.abs(value).max())}[kind]


def _held(atoms: Any) -> dict[str, Any]:
    return {**atoms.info, **atoms.arrays, **({} if atoms.calc is None else atoms.calc.results)}


def _looks(key: str, kind: str) -> bool:
    # Trainers keep the weights of labels beside them, under names such as energy_weight.
    return any(word in key.lower() for word in _LIKE[kind]) and "weight" not in key.lower()


def _fits(atoms: Any, kind: str, key: str) -> bool:
    value = _held(atoms).get(key)
    return value is not None and np.asarray(value).dtype.kind in "fiu" and _shaped(kind, np.asarray(value), len(atoms))


def _shaped(kind: str, value: NDArray[Any], atoms: int) -> bool:
    if kind == "energy":
        return value.size == 1
    return value.shape == (atoms, 3) if kind == "forces" else value.shape in ((6,), (9,), (3, 3))


def _of(atoms: Any, kind: str, names: Sequence[str], number: int) -> Any:
    """The label of one frame, in our units and shape; None where it has none."""
    held = _held(atoms)
    name = next((name for name in names if name in held), None)
    if name is None:
        return None
    value = np.asarray(held[name])
    if value.dtype.kind not in "fiu" or not _shaped(kind, value, len(atoms)):
        wanted = {
            "energy": "one number",
            "forces": f"({len(atoms)}, 3), a row for each atom",
            "stress": "6 or 9 numbers",
        }
        raise SchemaError(f"{name} of shape {value.shape} in frame {number}", wanted[kind], f"mend frame {number}")
    value = value.astype(np.float64)
    if kind == "energy":
        return float(value.reshape(()))
    return value if kind == "forces" else _stress(atoms, name, value, number)


def _stress(atoms: Any, name: str, value: NDArray[np.float64], number: int) -> Any:
    """A stress ``(3, 3)``: from the six numbers of Voigt, in the order xx yy zz yz xz xy of ase, or from nine."""
    whole = value[[0, 5, 4, 5, 1, 3, 4, 3, 2]] if value.shape == (6,) else value
    whole = whole.reshape(3, 3)
    volume = abs(float(np.linalg.det(atoms.cell.array)))
    if not (volume > 0 and atoms.pbc.any()):
        if not whole.any():
            return None  # what calculators say of molecules
        raise DomainError(
            f"frame {number} with a {name} and no cell that repeats", "a volume", f"pbc and Lattice of frame {number}"
        )
    if np.abs(whole - whole.T).max() > _ASYMMETRIC * np.abs(whole).max():
        raise DomainError(
            f"a {name} in frame {number} that is not symmetric", "a symmetric tensor", f"mend frame {number}"
        )
    whole = (whole + whole.T) / 2
    return -whole / volume if "virial" in name.lower() else whole


def _nothing(kind: str, atoms: Any) -> Any:
    return 0.0 if kind == "energy" else np.zeros((len(atoms) if kind == "forces" else 3, 3))


def _refuse_unlabelled(frames: Sequence[Any], labelled: NDArray[np.bool_], where: str, at: Sequence[int]) -> None:
    wrong = [number for number, row in zip(at, labelled, strict=True) if not row.any()]
    if not wrong:
        return
    if len(wrong) == len(frames):
        held = list(dict.fromkeys(key for key in _held(frames[0]) if key not in ("numbers", "positions")))
        told = f", but with {', '.join(held)}" if held else ""
        raise SchemaError(
            f"{where} without an energy, forces or a stress{told}",
            "energy=... in the second line of each frame, and columns forces:R:3",
            "energy='NAME', forces='NAME' (--energy-key, --forces-key) if they have other names",
        )
    raise SchemaError(
        f"{counted(len(wrong), 'frame')} without an energy, forces or a stress: {_first(wrong)} (counted from 0)",
        "a label in each frame",
        "leave these frames out",
    )


def _finite(what: str, good: Sequence[bool], at: Sequence[int]) -> None:
    wrong = [at[k] for k, fine in enumerate(good) if not fine]
    if wrong:
        raise DomainError(
            f"{what} that are no finite numbers in configurations {_first(wrong)} (counted from 0)",
            "finite numbers",
            "remove or repair these configurations; nothing is dropped silently",
        )


def _first(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
