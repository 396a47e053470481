"""What a training is given: configurations to learn and to hold out, and the energy of each free atom."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch

from isotropy.data import LabelsWarning, Molecules, read_molecules
from isotropy.errors import DomainError, SchemaError, counted
from isotropy.nn.parts import symbol

_SAME = 1e-4  # Angstrom: files give positions to about that many digits


@dataclass(frozen=True)
class Keys:
    """What a file calls its labels: None where names are recognised, "" to go without."""

    energy: str | None = None
    forces: str | None = None
    stress: str | None = None

    def read(self, path: str | Path) -> Molecules:
        """The configurations of a file."""
        return read_molecules(path, energy=self.energy, forces=self.forces, stress=self.stress)


@dataclass(frozen=True, eq=False)
class Frames:
    """``train`` and ``valid``, the energy in eV of each free atom, ``isolated``, and where it is ``known`` from, with
    the ``residual`` in eV/atom of a fit (None where nothing was fitted); ``notes``: what else is worth knowing."""

    train: Molecules
    valid: Molecules
    isolated: Mapping[int, float]
    known: Mapping[int, str]
    residual: float | None
    notes: tuple[str, ...]


def prepared(path: str | Path, valid: str = "0.1", keys: Keys | None = None, *, seed: int = 0) -> Frames:
    """The frames of a file, and those held out: a share of them ("0.1"), another file, or one "config_type=NAME".

    Energies of free atoms are those of the isolated atoms in the file, else fitted. Configurations that are in both
    parts are counted in a LabelsWarning. Raises SchemaError for an element that only ``valid`` has, by frame, and
    DomainError for parts without a configuration.
    """
    keys = keys or Keys()
    whole = keys.read(path)
    notes = list(whole.notes)
    if valid.startswith("config_type="):
        name = valid.removeprefix("config_type=")
        held = whole.of_kind(name)
        assert whole.kind is not None
        rest = whole[whole.kind != whole.kinds.index(name)]
        if not len(rest):
            raise DomainError(f"--valid {valid}, which holds out all", "another config_type to learn from")
        train = rest
    elif _number(valid) is not None:
        share = _number(valid) or 0.0
        if not 0 < share < 1 or len(whole) < 2:
            raise DomainError(
                f"--valid {valid} of {counted(len(whole), 'configuration')}", "a share such as 0.1, of two or more"
            )
        train, held = whole.parted(min(len(whole) - 1, max(1, round((1 - share) * len(whole)))), seed)
    else:
        train, held = whole, keys.read(valid)
        notes += held.notes
    strangers = _only_in(held, train)
    if strangers:
        frames, names = strangers
        raise SchemaError(
            f"{names} in frames {frames} of the validation and in no frame to learn from (counted from 0)",
            "elements that are learned",
            "leave these frames out, or add some of them to the training",
        )
    missing = [
        name for name in ("forces", "stresses") if getattr(held, name) is None and getattr(train, name) is not None
    ]
    if missing:
        notes.append(f"the validation has no {' and no '.join(missing)}: the best model is chosen without them")
        held = _with_room(held, missing)
    twice = shared(train, held)
    if twice:
        told = counted(twice, "configuration")
        notes.append(
            f"{told} of the validation {'is' if twice == 1 else 'are'} also learned: errors there are too small"
        )
        warnings.warn(notes[-1], LabelsWarning, stacklevel=3)
    elements = sorted(set(train.numbers.tolist()))
    isolated, residual, note = fitted_references(train, {**held.isolated, **whole.isolated})
    notes += [note] if note else []
    given = {**held.isolated, **whole.isolated}
    known = {number: "isolated atom of the file" if number in given else "least squares" for number in elements}
    return Frames(train, held, isolated, known, residual, tuple(dict.fromkeys(notes)))


def fitted_references(molecules: Molecules, given: Mapping[int, float]) -> tuple[dict[int, float], float | None, str]:
    """The energy of each free atom in eV: those ``given``, the others by least squares over all known energies; the
    root mean square of what is left, in eV/atom (None where nothing is fitted), and what to know about it.

    >>> from isotropy.linalg import Segments
    >>> two = Molecules(torch.tensor([1, 1, 8]), torch.zeros(3, 3), torch.tensor([-3.0, -20.0]),
    ...     Segments.from_sizes(torch.tensor([1, 2])))
    >>> free, residual, _ = fitted_references(two, {})
    >>> {number: round(energy, 6) for number, energy in free.items()}, round(residual, 6)
    ({1: -3.0, 8: -17.0}, 0.0)
    """
    elements = sorted(set(molecules.numbers.tolist()))
    wanted = [number for number in elements if number not in given]
    isolated = {number: float(given[number]) for number in elements if number in given}
    if not wanted:
        return isolated, None, ""
    segments, energies = molecules.segments, molecules.energies.double()
    chosen = torch.ones(len(energies), dtype=torch.bool)
    chosen = chosen if molecules.labelled is None else molecules.labelled[:, 0]
    if not bool(chosen.any()):
        isolated |= dict.fromkeys(wanted, 0.0)
        return isolated, None, "no energies: free atoms are taken to have 0 eV"
    counts = torch.stack([segments.sum((molecules.numbers == number).double()) for number in elements], 1)
    columns = [elements.index(number) for number in wanted]
    rest = energies - sum(
        (counts[:, elements.index(number)] * energy for number, energy in isolated.items()), torch.zeros_like(energies)
    )
    A, b = counts[chosen][:, columns], rest[chosen]
    found = torch.linalg.lstsq(A, b, driver="gelsd").solution
    residual = float(((A @ found - b) / segments.sizes[chosen]).square().mean().sqrt())
    isolated |= dict(zip(wanted, found.tolist(), strict=True))
    names = ", ".join(map(symbol, wanted))
    note = f"energies of free atoms of {names} by least squares, which leaves {1e3 * residual:.3g} meV/atom (rms)"
    if int(torch.linalg.matrix_rank(A)) < len(wanted):
        note += "; compositions do not tell all of them apart, the smallest are taken"
    return dict(sorted(isolated.items())), residual, note


def shared(one: Molecules, other: Molecules) -> int:
    """How many configurations of the other are also in the one: elements, positions, cells equal to 1e-4 Angstrom."""
    known = set(_marks(one))
    return sum(mark in known for mark in _marks(other))


def tensors_of(frames: Frames) -> list[torch.Tensor]:
    """All that a training depends on, for a fingerprint."""
    found = [torch.tensor(sorted(frames.isolated.items()), dtype=torch.float64)]
    for some in (frames.train, frames.valid):
        values = (getattr(some, each.name) for each in fields(some))
        found += [some.segments.sizes, *(value for value in values if isinstance(value, torch.Tensor))]
    return found


def _with_room(held: Molecules, missing: Sequence[str]) -> Molecules:
    """The configurations with these labels, known of none of them: what they would be if read with others that have
    them."""
    known = torch.tensor([True, held.forces is not None, held.stresses is not None]).expand(len(held), 3)
    empty = {"forces": torch.zeros_like(held.positions), "stresses": held.positions.new_zeros(len(held), 3, 3)}
    labelled = known if held.labelled is None else held.labelled
    return replace(held, labelled=labelled, **{name: empty[name] for name in missing})


def _marks(molecules: Molecules) -> list[bytes]:
    places = (molecules.positions / _SAME).round().long()
    cells, pbc = molecules.cell, molecules.pbc
    ptr, order = molecules.segments.ptr.tolist(), molecules.segments.order
    marks: list[bytes] = []
    for k in range(len(molecules)):
        atoms = order[ptr[k] : ptr[k + 1]]
        box = b""  # of one that does not repeat, and of none
        if cells is not None and pbc is not None and bool(pbc[k].any()):
            box = (cells[k] / _SAME).round().long().numpy().tobytes() + pbc[k].numpy().tobytes()
        marks.append(molecules.numbers[atoms].numpy().tobytes() + places[atoms].numpy().tobytes() + box)
    return marks


def _only_in(held: Molecules, train: Molecules) -> tuple[str, str] | None:
    strangers = sorted(set(held.numbers.tolist()) - set(train.numbers.tolist()))
    if not strangers:
        return None
    wrong = torch.isin(held.numbers, torch.tensor(strangers))
    chosen = held.segments.label[wrong].unique()
    frames = (chosen if held.frame is None else held.frame[chosen]).tolist()
    return ", ".join(map(str, frames[:5])) + (", ..." if len(frames) > 5 else ""), ", ".join(map(symbol, strangers))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
