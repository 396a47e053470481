"""The answer of ``compare``: every method's error, asymmetry and cost, and which to take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from isotropy.comparison._blocks import HOW, built, costs, errors, head, how_to_read, not_run, pairs
from isotropy.comparison._methods import STANDINGS, MethodFinding
from isotropy.report import Block, Cell, Chip, Column, Interval, Table, Text, section
from isotropy.study import Answer, data_blocks, next_block, symmetrising


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison(Answer[MethodFinding]):
    """Which way to use a symmetry wins on these data: plain, augmentation, soft, frames, coordinates, exact layers.

    ``compared["frames O(3)"]`` is one method; ``recommended`` the name of the one to take; ``constant`` the error of
    predicting the mean.
    """

    kind: ClassVar[str] = "comparison"
    found: ClassVar[str] = "methods"
    methods: tuple[MethodFinding, ...] = ()
    recommended: str = ""
    recommendation: str = ""
    constant: float = 0.0
    edges: tuple[tuple[str, str], ...] = ()
    budget: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def run(self) -> tuple[MethodFinding, ...]:
        """The methods that exist for these data, lowest error first."""
        found = [(f.error.mean, f) for f in self.methods if f.error is not None]
        return tuple(f for _, f in sorted(found, key=lambda pair: pair[0]))

    @property
    def _groups(self) -> list[str]:
        return list(dict.fromkeys(f.group for f in self.methods if f.group))

    @property
    def next_steps(self) -> Sequence[str]:
        """How to build the recommended method into a network of one's own."""
        chosen = next((f for f in self.methods if f.name == self.recommended), None)
        inputs, targets = str(self.data.get("inputs", "")), str(self.data.get("targets", ""))
        if chosen is None or not chosen.group or self._of == "pictures":
            return ()
        if chosen.kind in ("given parts", "found parts"):
            one, rep = chosen.group.partition("^")[0], targets.removeprefix("Cloud(").removesuffix(")")
            return (f"isotropy.frames.PiecewiseLayer(None, {rep!r}, {one!r})",)
        if chosen.kind in ("frames", "coordinates"):
            return tuple(filter(None, [symmetrising(chosen.group, inputs, targets)]))
        if chosen.kind == "layers":
            return (f"isotropy.nn.EMLP({inputs!r}, {targets!r}, {chosen.group!r})",)
        return ()

    @property
    def _of(self) -> str:
        """What the data have that others have not: "pictures", "parts", or nothing."""
        return next(word for word in HOW if not word or self.data.get(word))

    def title(self) -> str:
        return f"Ways to use a symmetry: {self.about}"

    def blocks(self) -> Sequence[Block]:
        """The whole report, from the recommendation down to the small print."""
        return [
            *head(self.recommendation, self.data, self.budget, self.constant, self._loss),
            *next_block(self.next_steps),
            *section("Which way wins", self.summary(), errors(self.run, self._loss), *Text.with_care(self.notes)),
            *section("What was asked", *data_blocks(self.data, self._groups)),
            *section("What it costs", *costs(self.run)),
            *section(
                "How it was found",
                pairs(self.run, self.budget["folds"]),
                built(self.methods, str(self.settings.get("backbone", "")), self._of),
                *not_run(self.methods),
                *how_to_read(),
            ),
        ]

    def summary(self) -> Table:
        """Every method that was run, lowest error first, for terminals and at the head of the report."""
        said = f"Mean loss ({self._loss}) of rows not seen; 95 %." if self._loss else _SQUARED
        classes = any(f.accuracy for f in self.run)
        accuracy = [Column("accuracy", "percent", explain=_ACCURACY)] if classes else []
        columns = (Column("method"), Column("error", "number", explain=said), *accuracy, *_COLUMNS)
        return Table(columns, [_cells(f, classes) for f in self.run], title="Methods")

    @property
    def _loss(self) -> str:
        """The loss that was asked for; empty for squared errors."""
        return str(self.settings.get("loss", ""))


_SQUARED = "Root mean squared error on rows not seen, in the unit of the targets; 95 %."
_ACCURACY = "The share of rows not seen whose class is right; 95 %."
_COLUMNS = (
    Column("standing"),
    Column("above the best", "signed percent", explain="Relative difference of the errors."),
    Column("p against best", "p", explain="Paired test on the same rows, corrected for the number of methods (Holm)."),
    Column("p against plain", "p", explain="The same against the plain network.", terminal=False),
    Column(
        "asymmetry",
        "percent",
        explain="Equivariance error of the trained models under their group; of plain and soft under the largest.",
    ),
    Column("seconds", "number", explain="Processor seconds of training, all folds together."),
    Column("µs a row", "number", explain="Processor time of predicting one row, in microseconds.", terminal=False),
    Column("MB", "number", explain="What tensors take in one step of training."),
)


def _cells(f: MethodFinding, classes: bool) -> tuple[Cell, ...]:
    assert f.error is not None
    tone, glyph, note = STANDINGS[f.standing]
    return (
        f.name,
        Interval.of(f.error),
        *([None if f.accuracy is None else Interval.of(f.accuracy)] if classes else []),
        Chip(f.standing, tone, glyph, note),
        f.excess,
        f.p_best,
        f.p_plain,
        f.equivariance_error,
        None if f.seconds is None else float(f"{f.seconds:.3g}"),
        None if f.row_seconds is None else float(f"{1e6 * f.row_seconds:.3g}"),
        None if f.peak_mb is None else float(f"{f.peak_mb:.3g}"),
    )
