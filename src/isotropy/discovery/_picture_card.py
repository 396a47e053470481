"""Three columns for each candidate, the sentence that follows, and how they are to be read."""

from __future__ import annotations

from collections.abc import Sequence

from isotropy.discovery._picture_findings import PictureFinding, Range
from isotropy.discovery._verdicts import HOLDS, MINIMAL_OVERLAP
from isotropy.report import Cell, Chip, Column, Interval, Table, Text


def card(groups: Sequence[PictureFinding]) -> Table:
    """The table of the three columns."""
    grey = [i for i, f in enumerate(groups) if f.unreliable]
    notes = [f"{f.name}: {f.note}" for f in groups if f.note]
    return Table(_COLUMNS, [_cells(f) for f in groups], grey=grey, title="The answers", notes=notes)


_COLUMNS = (
    Column("candidate"),
    Column("the data say", explain="The verdict on the data alone, where moved pictures look like pictures of them."),
    Column(
        "how much it breaks",
        "percent",
        explain="The share of the signal that the candidate changes, read where moved pictures look like pictures of "
        "the data; one-sided 95 % ends.",
    ),
    Column("occur", "percent", explain="The share of moved pictures that look like pictures of the data."),
    Column(
        "the task tolerates",
        explain="The strengths at which a network that is trained with the constraint stays within the tolerance of "
        "its error on unmoved pictures.",
    ),
    Column(
        "multiplier",
        "number",
        explain="The weight that the constraint ended with: a price in nats per nat where it settled.",
    ),
    Column("which is", explain="A price only where the multiplier settled; else accumulated violation."),
    Column(
        "accuracy lost",
        "signed percent",
        explain="How much of the accuracy on unmoved pictures insisting took; 95 % ends.",
    ),
)


def range_text(found: Range | None) -> str:
    """A range in words.

    >>> range_text(Range(-30.0, 30.0, "degrees"))
    '-30 to 30 degrees'
    """
    if found is None:
        return "-"
    return f"{found.low:.3g} to {found.high:.3g} {found.unit}".strip()


def price_text(found: PictureFinding) -> str:
    """What the multiplier is."""
    if not found.settled:
        return "accumulated violation"
    if found.multiplier:
        return "a price"
    missed = any(value > 0 for training in found.multipliers for value in training)
    return "free in the end: the bound is kept without it" if missed else "free: the bound was never missed"


def _cells(f: PictureFinding) -> tuple[Cell, ...]:
    return (
        f.name,
        Chip.of(f.verdict),
        Interval(f.breaking.mean, f.breaking.low, f.breaking.high),
        f.overlap,
        range_text(f.range),
        f.multiplier,
        price_text(f),
        Interval(f.cost_accuracy, f.cost_low, f.cost_high),
    )


def advice(groups: Sequence[PictureFinding]) -> str:
    """What follows, in a sentence: what holds, what breaks, what may be insisted on although the data are silent."""
    holds = [f.name for f in groups if f.verdict in HOLDS or f.verdict == "none seen"]
    broken = [f.name for f in groups if f.verdict in ("approximate", "absent")]
    silent = [f for f in groups if f.unreliable or f.verdict == "undecided"]
    cheap = [f.name for f in silent if f.settled and f.cost_high < _CHEAP]
    said: list[str] = []
    if holds:
        said.append(f"build in {', '.join(holds)}")
    if broken:
        said.append(f"leave {', '.join(broken)} alone: labels change")
    if silent:
        names = ", ".join(f.name for f in silent)
        said.append(
            f"the data do not decide {names}" + (f"; insisting on {', '.join(cheap)} costs little" if cheap else "")
        )
    return "; ".join(said) or "nothing was asked"


_CHEAP = 0.02  # of the accuracy


def small_print(tolerance: float) -> Text:
    """How the three columns are to be read."""
    return Text(_READING.format(tolerance=tolerance, least=MINIMAL_OVERLAP), style="details")


_READING = """Three questions that have different answers, and are not merged:

- *What the data say* rests on pictures alone. Two networks that saw neither the picture nor each other's are asked \
about it as it is and moved; what both change alike is breaking. Where a moved picture does not look like any of the \
data (farther from its fifth neighbour than 95 % of pictures are), nothing can be said; where the share that occur may \
be less than {least:.0%} (its lower 95 % end), the word is "not identifiable".
- *What the task tolerates* is what a network can learn: its error on pictures that it has not seen, moved by each \
strength. The range is where it stays within {tolerance:.1%} of the error on unmoved ones. It says nothing about what \
the label of a moved picture should be.
- *What insisting costs*: training keeps the loss under hard transformations at a bound, half of the way from \
the clean loss to guessing. The multiplier is the weight that this took. Where it settled it is a price: what one nat \
less would cost the task. Where it did not, the bound was out of reach and it is accumulated violation, no price."""
