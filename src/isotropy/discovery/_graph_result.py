"""The answer of ``discover`` on graphs: whether the order of nodes tells anything about classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from isotropy.discovery._verdicts import HOLDS, Verdict
from isotropy.estimate import Estimate
from isotropy.report import Bar, Bars, Block, Chip, Column, Interval, Table, Text, section
from isotropy.study import Answer

_CHEAP = 0.02  # of the accuracy


@dataclass(frozen=True)
class GraphFinding:
    """What was learnt about one renumbering of nodes, by its ``name``.

    ``breaking`` is the share of the signal that it changes (one-sided 95 % ends, confidence 0.90), read where
    renumbered graphs look like graphs of the data; ``overlap`` the share of them that do, surely ``overlap_low``;
    ``p_adjusted``, ``test`` and the ``verdict``. ``cost_accuracy`` is the accuracy that is lost by learning without the
    order (95 % ends ``cost_low``, ``cost_high``), ``explained`` the share of the classes' variation that forests
    explain, ``note`` what the verdict leaves open, ``p_value`` that before correction.
    """

    name: str
    breaking: Estimate = field(metadata={"headline": ("n", "confidence")})
    verdict: Verdict
    overlap: float
    overlap_low: float
    p_value: float
    p_adjusted: float
    test: Literal["randomisation", "estimate"]
    explained: float
    note: str
    cost_accuracy: float
    cost_low: float
    cost_high: float

    @property
    def unreliable(self) -> bool:
        """Whether the figures of the data say nothing about the world, and are shown greyed."""
        return self.verdict in ("not identifiable", "no signal")


@dataclass(frozen=True, kw_only=True, repr=False)
class GraphDiscovery(Answer[GraphFinding]):
    """Which renumberings of nodes leave the classes of graphs as they are: ``found["S(n)"]`` is one finding.

    ``groups`` are the findings, ``recommendation`` is what follows at this ``tolerance``; ``error`` is the held-out
    error of forests that read the order, ``chance`` that of guessing the most frequent class. As every answer it tells
    its ``data``, ``settings``, ``notes``, ``seconds``, ``date`` and ``command``.
    """

    kind: ClassVar[str] = "graph_discovery"
    groups: tuple[GraphFinding, ...] = ()
    recommendation: str = ""
    tolerance: float = 0.01
    error: float = 0.0
    chance: float = 0.0

    def title(self) -> str:
        return f"Whether the order of nodes counts in {self.about}"

    def blocks(self) -> Sequence[Block]:
        grounds = (
            f"{self.data['rows']:,} graphs of {self.data['nodes']:,} nodes in {self.data['classes']} classes. Forests "
            f"that read the order, trained on a third, err in {self.error:.1%} of the others; guessing the largest "
            f"class errs in {self.chance:.1%}."
        )
        bars = [
            Bar(f.name, f.breaking.mean, f.breaking.low, f.breaking.high, tone=Chip.of(f.verdict).tone,
                grey=f.unreliable)
            for f in self.groups
        ]  # fmt: skip
        figure = Bars(
            bars, title="How much renumbering changes", percent=True, scale="root", tolerance=self.tolerance,
            xlabel="share of the signal that changes (axis stretched near zero)", interval_label="one-sided 95 % ends",
            caption="Read only where renumbered graphs look like graphs of the data; grey where too few do.",
        )  # fmt: skip
        return [
            Text.advice(self.recommendation, grounds),
            *Text.with_care(self.notes),
            *section("Two questions", self.summary(), figure),
            *section("How to read this", Text(_READING, style="details")),
        ]

    def summary(self) -> Table:
        """The card: what the data say of each candidate, and what insisting costs."""
        grey = [i for i, f in enumerate(self.groups) if f.unreliable]
        rows = [
            (f.name, Chip.of(f.verdict), Interval.of(f.breaking), f.overlap,
             f.p_adjusted, Interval(f.cost_accuracy, f.cost_low, f.cost_high))
            for f in self.groups
        ]  # fmt: skip
        notes = [f"{f.name}: {f.note}" for f in self.groups if f.note]
        return Table(_COLUMNS, rows, grey=grey, title="Two questions", notes=notes)


_COLUMNS = (
    Column("candidate"),
    Column("the data say"),
    Column("how much it breaks", "percent", explain="The share of the signal that changes; one-sided 95 % ends."),
    Column("occur", "percent", explain="The share of renumbered graphs that look like graphs of the data."),
    Column("p", "p", explain="Of the hypothesis that the order tells nothing, corrected for the candidates (Holm)."),
    Column(
        "accuracy lost",
        "signed percent",
        explain="How much of the held-out accuracy goes when forests learn every graph in random orders; 95 % ends.",
    ),
)


def advice(groups: Sequence[GraphFinding]) -> str:
    """What follows, in a sentence."""
    kept = [f for f in groups if f.verdict in HOLDS or f.verdict == "none seen"]
    # What forests lose without an order they did use, whatever was seen of it where renumbered graphs occur.
    free, dear = ([f.name for f in kept if (f.cost_low <= 0) is at_no_cost] for at_no_cost in (True, False))
    broken = [f.name for f in groups if f.verdict in ("approximate", "absent")]
    silent = [f for f in groups if f.unreliable or f.verdict == "undecided"]
    cheap = [f.name for f in silent if f.verdict != "no signal" and f.cost_high < _CHEAP]
    said: list[str] = []
    if free:
        said.append(f"build in {', '.join(free)}: classes do not depend on that order")
    if dear:
        said.append(f"no breaking of {', '.join(dear)} is seen, but learning without that order costs accuracy")
    if broken:
        said.append(f"keep the order that {', '.join(broken)} would mix: classes depend on it")
    if silent:
        names = ", ".join(f.name for f in silent)
        least = f"; learning without that of {', '.join(cheap)} costs little" if cheap else ""
        said.append(f"the data do not decide {names}{least}")
    return "; ".join(said) or "nothing was asked"


_READING = """Graphs are renumbered at random: all nodes of a graph, `S(n)`, or those that have the same label among \
themselves, `S(n) within label`. Two forests that saw neither the graph nor each other's are asked about it as it was \
numbered and anew; what both change alike is breaking. They read labels and degrees of the first and last nodes, how \
labels, degrees and edges lie along the order, and what no order changes; an order that only shows elsewhere is missed.

Files often number nodes by a rule (a chemist's line notation, say). Renumbered graphs then occur nowhere in the \
data, the word is "not identifiable", and what is left to read is the price: the accuracy lost by learning without \
the order. An order that was written by a rule tells something of the graph, so that a small price is no proof that \
classes depend on it."""
