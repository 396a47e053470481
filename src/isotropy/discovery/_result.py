"""The answer of ``discover``: findings, the continuous symmetries behind them, the model, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from isotropy.discovery._blocks import by_part, fitted, head, how_to_read, lattice, levels, trusted
from isotropy.discovery._conserved import Conserved, Motions
from isotropy.discovery._conserved_blocks import conserved_blocks, conserved_sentence
from isotropy.discovery._continuous import spectrum
from isotropy.discovery._findings import (
    AngleCurve,
    Continuous,
    DependenceFinding,
    GroupFinding,
    Learnt,
    NoiseFinding,
    TrainingCurves,
)
from isotropy.discovery._found_blocks import (
    alarm,
    along,
    beyond,
    components,
    loud,
    moved_samples,
    noise,
    open_questions,
    where,
)
from isotropy.discovery._regions import Region
from isotropy.discovery._unlisted import Unlisted
from isotropy.discovery._verdicts import HOLDS
from isotropy.errors import counted
from isotropy.fields import Json
from isotropy.report import Block, Cell, Chip, Column, Interval, Meter, Table, Text, section
from isotropy.study import Answer, Model, comparing, data_blocks, next_block, symmetrising


@dataclass(frozen=True, kw_only=True, repr=False)
class Discovery(Answer[GroupFinding]):
    """Which candidate symmetries hold in the data, how far, how sure that is, and what to do about it.

    ``found["O(3)"]`` is one finding; ``calibration`` holds, for each group, the breaking that the same analysis reads
    off exactly symmetric copies of the data; ``model`` predicts targets from raw inputs. Of motions, ``conserved``
    lists the quantity of each symmetry.
    """

    kind: ClassVar[str] = "discovery"
    schema: ClassVar[int] = 2
    groups: tuple[GroupFinding, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    continuous: Continuous = Continuous()
    recommendation: str = ""
    tolerance: float = 0.01
    learnt: Learnt = Learnt("", 0.0, 0.0, 0.0, 0, {})
    curves: tuple[AngleCurve, ...] = ()
    training: TrainingCurves = TrainingCurves()
    calibration: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    noise: tuple[NoiseFinding, ...] = ()
    dependence: DependenceFinding = DependenceFinding()
    unlisted: tuple[Unlisted, ...] = ()
    regions: tuple[Region, ...] = ()
    proposed: bool = False
    conserved: tuple[Conserved, ...] = ()
    hints: tuple[str, ...] = ()
    model: Model | None = field(default=None, compare=False, repr=False, metadata={"json": False})
    samples: Any = field(default=None, compare=False, repr=False, metadata={"json": False})
    motions: Motions | None = field(default=None, compare=False, repr=False, metadata={"json": False})

    def payload(self) -> dict[str, Json]:
        # Of data that are no motions nothing is said.
        told = super().payload()
        return told if self.conserved else {key: value for key, value in told.items() if key != "conserved"}

    @property
    def sentences(self) -> Sequence[str]:
        """What to do about the symmetries, and what is conserved on motions."""
        advice = list(super().sentences)
        if not self.conserved:
            return advice
        return [*(f"{one}." for one in advice), conserved_sentence(self.conserved)]

    def title(self) -> str:
        return f"Symmetries of {self.about}"

    def blocks(self) -> Sequence[Block]:
        """The whole report, from the recommendation down to the small print."""
        return [
            *head(self.recommendation, self.learnt, self.data, self.dependence.units if self.alarm else None),
            *loud(self.dependence),
            *Text.with_care(self.hints),
            *next_block(self.next_steps),
            *section(
                "What holds",
                self.summary(),
                levels(self.groups, self.tolerance),
                *by_part(self.groups),
                *components(self.groups),
                *noise(self.noise),
                *lattice(self.groups, self.edges),
                *Text.with_care(self.quiet_notes),
            ),
            *section("What is conserved", *conserved_blocks(self.conserved, self.motions)),
            *section("What was asked", *data_blocks(self.data, [f.name for f in self.groups])),
            *section(
                "Where it breaks",
                *where(self.regions, self.groups),
                *along(self.curves),
                *spectrum(self.continuous, self.tolerance),
                *beyond(self.unlisted),
                *moved_samples(self.samples, self.groups),
            ),
            *section("How the model was fitted", *fitted(self.learnt, self.training)),
            *section(
                "Can the method be trusted here?",
                *trusted(self.groups, self.calibration, self._rows),
            ),
            *section("How to read this report", *how_to_read(self.tolerance)),
        ]

    @property
    def _rows(self) -> int:
        """The rows that judge."""
        data: Mapping[str, Any] = self.data
        return int(data.get("judging", data)["rows"])

    @property
    def alarm(self) -> str:
        """What must not be overlooked: that rows depend on each other; empty where they do not."""
        return alarm(self.dependence)

    @property
    def quiet_notes(self) -> tuple[str, ...]:
        """The notes without what the alarm says."""
        return tuple(note for note in self.notes if not (self.alarm and note == self.dependence.sentence))

    @property
    def next_steps(self) -> Sequence[str]:
        """How to use what holds, how many rows would decide what is undecided, and how to compare ways of using it."""
        return steps(self.groups, self.data, self.command)

    def summary(self) -> Table:
        """The verdict table, for terminals and at the head of the report; with the truth where a problem has one."""
        known = any(f.truth is not None for f in self.groups)
        columns = [column for column in _COLUMNS if known or column.label != "truth"]
        rows = [_cells(f) if known else _cells(f)[:1] + _cells(f)[2:] for f in self.groups]
        grey = [i for i, f in enumerate(self.groups) if f.unreliable]
        return Table(columns, rows, grey=grey, title="Verdicts", notes=open_questions(self.groups))


_COLUMNS = (
    Column("group"),
    Column("truth", "percent", explain="The share that breaks the symmetry in truth, known for this problem."),
    Column(
        "how much it breaks",
        "percent",
        explain="The share of the signal that violates the symmetry, of what the models explain, with one-sided 95 % "
        "ends; where nothing is seen to break, the upper end counts what neither models nor noise account for.",
    ),
    Column(
        "explained",
        "percent",
        explain="The share of the variation of the targets that the models explain; cross-fitted, so that errors of "
        "single fits do not count.",
    ),
    Column(
        "of all variation",
        "percent",
        explain="The breaking as a share of all variation of the targets, noise included.",
        terminal=False,
    ),
    Column("level", explain="What is left: the share that respects the symmetry.", terminal=False),
    Column("verdict"),
    Column(
        "price of imposing it",
        "signed percent",
        explain="By how much the best error reached (RMSE) would rise if the symmetry were built in; against at least "
        "0.01 % of the signal, below which an error is no yardstick.",
    ),
    Column("p-value", "p", explain="Test of exact symmetry, corrected for testing several groups."),
    Column(
        "overlap",
        "percent",
        explain="Share of moved inputs that lie where there are data; where it may be under a third, nothing can be "
        "said (under a fifth along a window).",
    ),
    Column("inputs invariant", explain="Whether moved inputs look like inputs to a classifier."),
)


def _cells(f: GroupFinding) -> tuple[Cell, ...]:
    return (
        f.name,
        f.truth,
        Interval.of(f.breaking),
        Interval.of(f.explained),
        f.breaking_of_variance,
        Meter(f.level, 1 - f.breaking.high, 1 - f.breaking.low, Chip.of(f.verdict).tone),
        Chip.of(f.verdict),
        Interval.of(f.price),
        f.p_adjusted,
        f.overlap,
        f.inputs_invariant,
    )


_MOST = 3


def steps(groups: Sequence[GroupFinding], data: Mapping[str, Any], command: str) -> tuple[str, ...]:
    """Two or three lines: how to build in what holds, what to compare, and which rows would decide."""
    inputs, targets = str(data.get("inputs", "")), str(data.get("targets", ""))
    holding = [f for f in groups if f.verdict in HOLDS and not f.imposed]
    maybe = [f for f in groups if f.verdict in ("none seen", "approximate") and not f.imposed]
    found: list[str] = []
    if built_in := next(filter(None, (symmetrising(f.name, inputs, targets) for f in holding)), ""):
        found.append(built_in)
    if holding or maybe:
        found.append(comparing(command, (holding or maybe)[0].name))
    open_ones = [f for f in groups if f.verdict in ("undecided", "none seen") and f.rows_needed]
    if open_ones:
        first = min(open_ones, key=lambda f: f.rows_needed or 0)
        found.append(f"# about {counted(first.rows_needed or 0, 'row')} like these would decide {first.name}")
    return tuple(found[:_MOST])
