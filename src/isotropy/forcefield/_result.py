"""What a training or an evaluation of a force field found, and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from isotropy.forcefield._dynamics import Motion
from isotropy.forcefield._look import UNITS, Look
from isotropy.report import Block, Column, Curve, Curves, Points, Scatter, Table, Text, section
from isotropy.study import Answer

_AXES = {"energy": ("eV/atom above free atoms", "energy"), "stress": ("eV/Å³", "stress")}
_CURVES = {"valid/per_atom_rmse": "energy", "valid/force_rmse": "forces", "valid/stress_rmse": "stress"}


@dataclass(frozen=True)
class SetErrors:
    """The errors of one set: root mean squares in meV/atom, meV/Angstrom and meV/Angstrom^3, None where unknown."""

    name: str
    configurations: int
    energy: float | None
    forces: float | None
    stress: float | None

    @classmethod
    def of(cls, name: str, seen: Look) -> SetErrors:
        """Those of a look."""
        return cls(name, seen.configurations, *(seen.rmse.get(what) for what in UNITS))


@dataclass(frozen=True, kw_only=True, repr=False)
class ForceFieldReport(Answer[SetErrors]):
    """The errors of a force field on its ``sets``, ``report["validation"]``, and what was looked at beside them.

    ``looks`` of each set; ``curves`` of each member, by step; ``references``: the energy of each free atom in eV, with
    where it is ``known`` from and the ``residual`` of a fit in meV/atom; ``motion`` at constant energy; ``laws``: of an
    audit, the relative error of each by name and ``broken``, those that fail; ``factors`` of a committee. ``steps`` and
    ``members`` were trained; ``where`` they are kept. ``data``, ``notes``, ``settings``, ``seconds``, ``date`` and
    ``command`` say how it was asked.
    """

    kind: ClassVar[str] = "force_field"
    found: ClassVar[str] = "sets"
    sets: tuple[SetErrors, ...]
    looks: Mapping[str, Look]
    curves: tuple[Mapping[str, tuple[float | None, ...]], ...] = ()
    references: Mapping[str, float] = field(default_factory=dict[str, float])
    known: Mapping[str, str] = field(default_factory=dict[str, str])
    residual: float | None = None
    motion: Motion | None = None
    laws: Mapping[str, float] = field(default_factory=dict[str, float])
    broken: tuple[str, ...] = ()
    factors: tuple[float, ...] = ()
    steps: int = 0
    members: int = 1
    where: str = ""

    def title(self) -> str:
        return f"A force field of {', '.join(self.references)}" if self.references else "A force field"

    def headline(self) -> str:
        """The answer in a sentence."""
        last = self.sets[-1]
        figures = [(getattr(last, what), unit) for what, unit in UNITS.items()]
        told = ", ".join(f"{value:.4g} {unit}" for value, unit in figures if value is not None)
        drift = (
            "" if self.motion is None else f" Dynamics at constant energy drift by {self.motion.drift:.2g} meV/atom/ps."
        )
        laws = f" Laws of potentials that fail: {', '.join(self.broken)}." if self.broken else ""
        return f"{last.name.capitalize()}: {told} (rms errors of energy, forces, stress where known).{drift}{laws}"

    @property
    def next_steps(self) -> Sequence[str]:
        if not self.where:
            return ()
        return (
            f"isotropy forcefield evaluate {self.where} test.xyz",
            f"isotropy forcefield md {self.where} start.xyz --steps 1000 --out {self.where}-way.xyz",
            f"atoms.calc = isotropy.nn.ase_calculator(isotropy.nn.load_force_field({self.where!r}))",
        )

    def summary(self) -> Table:
        columns = (
            Column("set"),
            Column("configurations", "number"),
            *(Column(what, "number", unit=unit) for what, unit in UNITS.items()),
        )
        rows = [(one.name, one.configurations, one.energy, one.forces, one.stress) for one in self.sets]
        return Table(columns, rows, title="Root mean square errors", notes=self.notes)

    def blocks(self) -> Sequence[Block]:
        last = self.looks[self.sets[-1].name]
        return [
            Text(self.headline(), style="headline"),
            self.summary(),
            *section("Known and predicted", *_parity(self.looks)),
            *section("Where the errors are", *_by(last), *self._calibration()),
            *section("Training", *self._learning(), *self._references()),
            *section("Neighbours", *_neighbours(self.looks)),
            *section("Dynamics", *self._moving()),
            *section("Laws of potentials", *self._laws()),
        ]

    def _learning(self) -> list[Block]:
        shown: list[Block] = []
        for column, what in _CURVES.items():
            lines: list[Curve] = []
            for number, curve in enumerate(self.curves):
                pairs = [(x, 1e3 * y) for x, y in zip(curve["step"], curve[column], strict=True) if x is not None and y]
                if pairs:
                    label = f"member {number + 1}" if len(self.curves) > 1 else "validation"
                    lines.append(Curve(label, [x for x, _ in pairs], [y for _, y in pairs]))
            if lines:
                axes: Any = {"xlabel": "step", "ylabel": UNITS[what], "ylog": True, "half": True}
                shown.append(Curves(lines, title=f"Error of {what} in validation", name=f"learning-{what}", **axes))
        return shown

    def _references(self) -> list[Block]:
        if not self.references:
            return []
        rows = [(name, energy, self.known.get(name, "")) for name, energy in self.references.items()]
        columns = (Column("element"), Column("energy", "number", unit="eV"), Column("from"))
        left = "" if self.residual is None else f"The fit leaves {self.residual:.3g} meV/atom (rms)."
        return [Table(columns, rows, title="Energies of free atoms", caption=left)]

    def _calibration(self) -> list[Block]:
        rows = [(name, *(one.coverage.get(what) for what in ("energy", "forces"))) for name, one in self.looks.items()]
        if not self.factors:
            return []
        columns = (Column("set"), Column("energies", "percent"), Column("forces", "percent"))
        told = f"Spreads are multiplied by {self.factors[0]:.3g} (energies) and {self.factors[1]:.3g} (forces), so that"
        caption = f"{told} 90 % of the errors on validation lie within their 90 % level; other sets are measured."
        return [Table(columns, rows, title="Errors within the 90 % level of the committee", caption=caption)]

    def _moving(self) -> list[Block]:
        if self.motion is None:
            return []
        motion = self.motion
        lines = [Curve("total energy less the first", motion.femtoseconds, motion.total)]
        caption = (
            f"Steps of {motion.step:g} fs, {motion.temperature:.0f} K on average, drift {motion.drift:.3g} meV/atom/ps."
        )
        axes: Any = {"xlabel": "femtoseconds", "ylabel": "meV/atom", "caption": caption}
        return [Curves(lines, title=f"The energy along dynamics ({motion.ensemble})", name="dynamics", **axes)]

    def _laws(self) -> list[Block]:
        if not self.laws:
            return []
        rows = [(name, error, "fails" if name in self.broken else "holds") for name, error in self.laws.items()]
        columns = (Column("law"), Column("relative error", "number"), Column("verdict"))
        return [Table(columns, rows, caption="In double precision, on one configuration; `isotropy audit` asks more.")]


def _parity(looks: Mapping[str, Look]) -> list[Block]:
    """A figure for energies, one for forces with a colour for each element, one for stresses, of the last set."""
    name, last = list(looks.items())[-1]
    shown: list[Block] = []
    for what, (unit, called) in _AXES.items():
        if what in last.pairs:
            cloud = Points(name, last.pairs[what]["known"], last.pairs[what]["predicted"])
            axes: Any = {"xlabel": f"known, {unit}", "ylabel": f"predicted, {unit}", "diagonal": True, "half": True}
            shown.append(Scatter([cloud], title=f"{called.capitalize()}, {name}", name=f"parity-{what}", **axes))
    pulled = {key.removeprefix("forces, "): pairs for key, pairs in last.pairs.items() if key.startswith("forces")}
    if pulled:
        clouds = [Points(element, pairs["known"], pairs["predicted"]) for element, pairs in pulled.items()]
        axes = {"xlabel": "known, eV/Å", "ylabel": "predicted, eV/Å", "diagonal": True, "half": True}
        shown.insert(1, Scatter(clouds, title=f"Forces, {name}", name="parity-forces", **axes))
    return shown


def _by(last: Look) -> list[Block]:
    shown: list[Block] = []
    for title, errors in (("element", last.by_element), ("config_type", last.by_kind)):
        if errors:
            rows = list(errors.items())
            columns = (Column(title), Column("error of forces", "number", unit=UNITS["forces"]))
            shown.append(Table(columns, rows, title=f"By {title}"))
    if last.by_size:
        middles = [(one.low + one.high) / 2 for one in last.by_size]
        line = Curve("error of a component", middles, [one.rmse for one in last.by_size])
        axes: Any = {"xlabel": "size of the force, eV/Å", "ylabel": UNITS["forces"]}
        shown.append(Curves([line], title="Errors by the size of the force", name="by-size", **axes))
    return shown


def _neighbours(looks: Mapping[str, Look]) -> list[Block]:
    lines: list[Curve] = []
    for name, one in looks.items():
        total = sum(one.neighbours.values())
        counts = sorted((int(number), count) for number, count in one.neighbours.items())
        lines.append(Curve(name, [n for n, _ in counts], [count / max(total, 1) for _, count in counts]))
    axes: Any = {"xlabel": "neighbours of an atom", "ylabel": "share of the atoms", "percent": True}
    return [Curves(lines, title="Neighbours per atom", name="neighbours", **axes)]
