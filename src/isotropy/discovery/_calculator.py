"""Does a force field keep the laws that all potentials keep? Any calculator of ase, on structures of its user."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from isotropy.discovery._potentials import Answers, Gap, ask, jumps, moved, rotation, sizes, slopes
from isotropy.discovery._words import ROUNDING, verdict
from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.groups import SO, Group, O, T, Window, is_subgroup
from isotropy.report import Block, Column, Table, Text, section
from isotropy.runs import progress_bar
from isotropy.study import Answer, in_python, listed, next_block

_MOST = 16  # structures that are asked
_PATHS = 2  # of them taken apart: a path is some 300 calls
_DRAWS = 2  # of each motion for each structure
_SINGLE = 1e-4
"""Relative: what single precision leaves of forces, which are differences of larger numbers."""
_DIFFERENCES = ("minus the gradient", "slope along strains", "neighbours that leave")
UNITS = {"energy": "eV/atom", "forces": "eV/Å", "stress": "eV/Å³"}


@dataclass(frozen=True)
class Check:
    """One law and one quantity: the largest ``error`` in its ``unit``, relative to the size of the quantity, and where.

    ``name`` is the ``quantity`` and the ``motion`` together. ``structure`` counts from 0 in the order given.
    ``relative`` is to the size of the quantity, of energies to the typical force times 1 Angstrom; ``verdict`` says it
    in words.
    """

    name: str
    quantity: str
    motion: str
    error: float
    unit: str
    relative: float
    structure: int
    verdict: str

    @property
    def holds(self) -> bool:
        """Whether the error is what single precision leaves."""
        return self.relative <= _SINGLE


@dataclass(frozen=True, kw_only=True)
class CalculatorAudit(Answer[Check]):
    """Which laws a calculator keeps: ``audit["forces, rotations"]`` is one check; ``broken`` are those that fail.

    ``largest`` names the largest group among those asked that holds, or is empty. Beside the ``checks`` it tells the
    ``model``, the ``data`` and ``settings`` that it rests on, its ``notes`` and ``seconds``.
    """

    kind: ClassVar[str] = "calculator_audit"
    found: ClassVar[str] = "checks"
    model: str = ""
    checks: tuple[Check, ...] = ()
    largest: str = ""

    @property
    def broken(self) -> tuple[Check, ...]:
        """The checks that fail, the worst first."""
        return tuple(sorted((c for c in self.checks if not c.holds), key=lambda c: -c.relative))

    def title(self) -> str:
        return f"Audit of {self.model or 'a calculator'}"

    def headline(self) -> str:
        """The answer in a sentence or two."""
        group = f" The largest group that holds is {self.largest}." if self.largest else ""
        if not self.broken:
            many = len(self.checks)
            told = f"All {many} checks hold" if many > 1 else "The one check holds"
            return f"{told} to rounding.{group}"
        worst = self.broken[0]
        told = "; ".join(c.name for c in self.broken[:4]) + ("; and more" if len(self.broken) > 4 else "")
        off = f"{worst.error:.3g} {worst.unit} in structure {worst.structure}"
        asked = counted(len(self.checks), "check")
        if len(self.broken) == 1:
            return f"1 of {asked} fails: {worst.name}, off by {off}.{group}"
        return f"{len(self.broken)} of {asked} fail: {told}. The worst, {worst.name}, is off by {off}.{group}"

    @property
    def next_steps(self) -> Sequence[str]:
        """How to look at the worst law alone, or how to keep all of them."""
        groups = in_python(str(self.settings.get("groups", "E(3)")))
        asked = "isotropy.discovery.audit_calculator(calculator"
        if not self.broken:
            return (f"assert not {asked}, structures, groups={groups}).broken",)
        worst = self.broken[0]
        which = f"structures[{worst.structure}]" if self.data.get("structures") != 1 else "structures"
        alone = f"{asked}, {which}, groups={groups})[{in_python(worst.name)}]"
        return (
            alone,
            *(f"# {_CURES[what]}" for what in dict.fromkeys(c.motion for c in self.broken) if what in _CURES),
        )

    def summary(self) -> Table:
        return self._table(self.checks, title="Laws", notes=self.notes)

    def _table(self, checks: Sequence[Check], title: str = "", notes: Sequence[str] = ()) -> Table:
        """Every figure of some checks."""
        columns = (
            Column("law"),
            Column("quantity"),
            Column("largest error", "number"),
            Column("unit"),
            Column("relative", "number", explain="To the typical force (of energies: times 1 Å), or stress."),
            Column("verdict"),
            Column("structure", explain="Where the largest error is, counted from 0."),
        )
        cells = [(c.motion, c.quantity, c.error, c.unit, c.relative, c.verdict, str(c.structure)) for c in checks]
        return Table(columns, cells, title=title, notes=notes)

    def _laws(self) -> Table:
        """A row for each law, a column for each quantity, and the verdict where they meet."""
        quantities = tuple(dict.fromkeys(check.quantity for check in self.checks))
        said = {(check.motion, check.quantity): check.verdict for check in self.checks}
        motions = tuple(dict.fromkeys(check.motion for check in self.checks))
        rows = [(motion, *(said.get((motion, quantity)) for quantity in quantities)) for motion in motions]
        columns = (Column("law"), *map(Column, quantities))
        return Table(columns, rows, notes=self.notes, caption="Every figure is in result.json.")

    def blocks(self) -> Sequence[Block]:
        return [
            Text(self.headline(), style="headline"),
            *next_block(self.next_steps),
            *section("What fails", *([self._table(self.broken)] if self.broken else [])),
            *section("All laws", self._laws()),
            *section("How to read this", Text(_HOW_TO_READ, style="details")),
        ]


_CURES = {
    "minus the gradient": "forces that are minus the gradient: -torch.autograd.grad(energy.sum(), positions)[0]",
    "slope along strains": "a stress that is the slope: the energy's gradient by a strain of cell and positions, over "
    "the volume",
    "neighbours that leave": "no jumps: multiply what an edge adds by a factor that is 0 with its slope at the cutoff",
    "supercells": "neighbours by ase.neighborlist.neighbor_list, which finds each of the periodic images",
    "translations": "differences of positions in place of positions",
    "permutations": "a sum over neighbours, in whatever order they come",
}
"""What mends a law, beside the line to run."""

_HOW_TO_READ = """Each law is asked of each structure with random motions; the largest error is told.

- Translations, rotations, mirrors and permutations: the energy stays, forces and stress move along.
- Supercells: a cell that is repeated twice has twice the energy and the same forces.
- Minus the gradient: forces against central differences of the energy; the stress against small strains.
- Neighbours that leave: the structure is blown up evenly; where something changes most, the step is halved fourteen \
times. What is left then is a jump: dynamics will not conserve the energy there."""


def audit_calculator(
    calculator: Any,
    structures: Any,
    *,
    groups: str | Group | Sequence[str | Group] = "E(3)",
    name: str = "",
    seed: int = 0,
) -> CalculatorAudit:
    """Which laws a ``calculator`` of ase keeps on ``structures``, one Atoms or several; at most 16 are asked.

    ``groups`` are groups of space: of E(3) translations, rotations and mirrors are asked; permutations, supercells,
    forces that are slopes and the way of neighbours out of the cutoff always.

    Raises SchemaError for groups that do not act on space, ShapeError without structures, DomainError for answers that
    are not finite, and what the calculator raises.

    >>> from ase import Atoms
    >>> from ase.calculators.morse import MorsePotential
    >>> three = Atoms("H3", [[0, 0, 0], [0, 0, 1.1], [0.9, 0.2, 0.1]])
    >>> found = audit_calculator(MorsePotential(rcut1=1.5, rcut2=1.7), three, groups="SO(3)")
    >>> found["forces, rotations"].holds, found.largest
    (True, 'SO(3)')
    """
    began = time.perf_counter()
    asked = [one.group if isinstance(one, Window) else one for one in listed(groups)]
    for group in asked:
        if group.space != "space" or group.degree != 3:
            raise SchemaError(f"{group} for a calculator", "groups of space", 'groups="E(3)"')
    few = [structures] if hasattr(structures, "get_positions") else list(structures)
    if not few:
        raise ShapeError("no structures", "one or more")
    given, few = len(few), few[:_MOST]
    found: dict[tuple[str, str], tuple[float, float, int]] = {}
    for number, atoms in enumerate(_told(few)):
        generator = np.random.default_rng([seed, number])
        known = ask(calculator, atoms)
        size = sizes(calculator, atoms, known, generator)
        for gap in _all(calculator, atoms, known, asked, generator, paths=number < _PATHS):
            typical = size[gap.quantity]
            relative = gap.error / typical if typical > _LEAST else (0.0 if gap.error <= _LEAST else np.inf)
            key = gap.motion, gap.quantity
            if key not in found or relative > found[key][1]:
                found[key] = gap.error, float(min(relative, _FAR)), number
    checks = tuple(_check(quantity, motion, *values) for (motion, quantity), values in found.items())
    return CalculatorAudit(
        model=name or type(calculator).__name__,
        data={"structures": given, "used": len(few), "atoms": sum(map(len, few))},
        checks=checks,
        largest=_largest(asked, checks),
        notes=_notes(few),
        settings={"seed": seed, "groups": ", ".join(map(str, asked))},
        seconds=time.perf_counter() - began,
    )


def _told(structures: Sequence[Any]) -> Iterator[Any]:
    """The structures one after another, with a word now and then of how far it is."""
    with progress_bar("structures audited", len(structures)) as advance:
        for atoms in structures:
            yield atoms
            advance()


_LEAST = 1e-10  # eV/A: forces and errors below are zero to rounding
_FAR = 1e6  # relative to what is zero, nothing is small


def _all(
    calculator: Any, atoms: Any, known: Answers, groups: Sequence[Group], generator: np.random.Generator, *, paths: bool
) -> Iterator[Gap]:
    for _ in range(_DRAWS):
        for group in groups:
            for motion, R in _motions(group, generator):
                yield from moved(calculator, atoms, known, motion, generator, R)
        yield from moved(calculator, atoms, known, "permutations", generator)
    if atoms.pbc.any():
        yield from moved(calculator, atoms, known, "supercells", generator)
    yield from slopes(calculator, atoms, known, generator)
    if paths and len(atoms) > 1:
        yield from jumps(calculator, atoms)


def _motions(group: Group, generator: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """What a group asks: by name where it is all translations, rotations or mirrors, else by drawn elements."""
    if is_subgroup(T(3), group):
        yield "translations", None
    if is_subgroup(SO(3), group):
        yield "rotations", rotation(generator)
        if is_subgroup(O(3), group):
            yield "mirrors", rotation(generator, -1)
    elif group.compact:
        import torch

        drawn = torch.Generator().manual_seed(int(generator.integers(2**31)))
        g: Any = group.sample((), generator=drawn, dtype=torch.float64)
        yield f"elements of {group}", g.numpy()
    elif not isinstance(group, T):
        raise DomainError(f"{group} for a calculator", "E(3), SE(3), T(3), O(3), SO(3) or another compact group")


def _check(quantity: str, motion: str, error: float, relative: float, structure: int) -> Check:
    near = "as far as differences tell" if motion in _DIFFERENCES else "to single precision"
    said = f"exact {near}" if ROUNDING < relative <= _SINGLE else verdict(relative)
    return Check(f"{quantity}, {motion}", quantity, motion, error, UNITS[quantity], relative, structure, said)


def _largest(groups: Sequence[Group], checks: Sequence[Check]) -> str:
    """The largest group that holds, of those asked and of their parts that were asked with them."""
    names: dict[str, bool] = {}
    for check in checks:
        names[check.motion] = names.get(check.motion, True) and check.holds
    needs = {  # the largest first
        "E(3)": ("translations", "rotations", "mirrors"),
        "SE(3)": ("translations", "rotations"),
        "O(3)": ("rotations", "mirrors"),
        "SO(3)": ("rotations",),
        "T(3)": ("translations",),
    }
    kept = [part for part, motions in needs.items() if all(names.get(motion, False) for motion in motions)]
    kept += [str(group) for group in groups if names.get(f"elements of {group}", False)]
    return kept[0] if kept else ""


def _notes(structures: Sequence[Any]) -> tuple[str, ...]:
    notes: list[str] = []
    if not any(atoms.pbc.any() for atoms in structures):
        notes.append("No structure repeats: supercells and stress were not asked.")
    if len(structures) > _PATHS:
        notes.append(f"Neighbours were let go in the first {_PATHS} structures only.")
    return tuple(notes)
