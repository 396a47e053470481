"""A discovery on pictures as the blocks of its report: three columns for each candidate and the sentence that follows,
curves over strips of pictures, multipliers, contradictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from isotropy.discovery._in_words import in_words
from isotropy.discovery._picture_findings import PictureFinding, Range, Shown
from isotropy.discovery._verdicts import HOLDS, MINIMAL_OVERLAP
from isotropy.errors import IsotropyError, counted
from isotropy.groups import parse
from isotropy.groups.parts import matrix
from isotropy.report import Bar, Bars, Block, Cell, Chip, Column, Curve, Curves, Images, Interval, Picture, Table, Text


def grounds(data: Mapping[str, Any], error: float, chance: float) -> str:
    """On what the advice rests."""
    classes = counted(len(data["classes"]), "class", "classes")
    told = f"{counted(data['rows'], 'picture')} of {data['size']} in {classes}. Networks trained on a third"
    return f"{told} of them err in {error:.1%} of the others; guessing the largest class errs in {chance:.1%}."


def said(groups: Sequence[PictureFinding], tolerance: float) -> Bars:
    """What the data say, as bars."""
    bars = [
        Bar(f.name, f.breaking.mean, f.breaking.low, f.breaking.high, tone=Chip.of(f.verdict).tone, grey=f.unreliable)
        for f in groups
    ]
    return Bars(
        bars, title="What the data say", xlabel="share of the signal that changes (axis stretched near zero)",
        percent=True, scale="root", tolerance=tolerance, interval_label="one-sided 95 % ends",
        caption="Read only where moved pictures look like pictures of the data; grey where too few do.",
    )  # fmt: skip


def tolerated(f: PictureFinding, shown: Shown | None, tolerance: float, chance: float) -> list[Block]:
    """The error curve over its strip, for a candidate with an axis; elements as bars for a finite one."""
    if not f.unit:
        return _element_by_element(f, shown)
    pictures = [] if shown is None else [(s, Picture(displayed(x), low=0, high=255)) for s, x in shown.strip]
    half = [1.96 * math.sqrt(max(e * (1 - e), 0) / max(f.asked, 1)) for e in f.errors]
    ends = (
        [max(e - h, 0) for e, h in zip(f.errors, half, strict=True)],
        [e + h for e, h in zip(f.errors, half, strict=True)],
    )
    return [
        Curves(
            [
                Curve("trained with the constraint", f.strengths, f.errors, *ends),
                Curve("trained without", f.strengths, f.errors_plain),
            ],
            title=f.name, xlabel=f"strength, {f.unit}", ylabel="share of held-out pictures told wrongly", percent=True,
            shade=(f.range.low, f.range.high) if f.range is not None else None,
            levels=[("guessing", chance)], strip=pictures,
            caption=f"Shaded: within {tolerance:.1%} of the error on unmoved pictures; without the constraint that "
            f"is {range_text(f.range_plain)}. Below: one picture of the data at the strengths above it.",
        )
    ]  # fmt: skip


def _element_by_element(f: PictureFinding, shown: Shown | None) -> list[Block]:
    """The error as bars, one for each element of a finite group, and a picture moved by each."""
    words = _elements(f)
    bars = [Bar(word, e) for word, e in zip(words, f.errors, strict=True)]
    strip = [Picture(displayed(x), words[int(s)], 0, 255) for s, x in (() if shown is None else shown.strip)]
    return [
        *([Images(strip, title=f"{f.name}: one picture", half=True)] if len(strip) > 1 else []),
        Bars(bars, title=f"{f.name}: held-out error of the constrained network", percent=True,
             xlabel="share of pictures told wrongly", half=True),
    ]  # fmt: skip


def _elements(f: PictureFinding) -> list[str]:
    """What each strength without a unit is, in words: elements of a group, or an operation that is done or not."""
    try:
        group = parse(f.name, degree=2)
    except IsotropyError:
        return ["not moved", f.name][: len(f.errors)]
    return [in_words(matrix(g)) for g in group.elements()] if group.finite else ["not moved"]


def multipliers(groups: Sequence[PictureFinding]) -> Curves:
    """How each multiplier went, on average over the trainings."""
    curves = [Curve(f.name, list(range(len(mean))), mean) for f in groups if (mean := _mean(f.multipliers))]
    return Curves(
        curves, title="The multiplier over training", xlabel="epoch", ylabel="multiplier, mean of the trainings",
        caption="Zero: no augmentation was needed. Flat: a price. Still rising: the bound is out of reach.",
    )  # fmt: skip


def selected(f: PictureFinding) -> list[Block]:
    """What training selected against how hard it is, by strength; nothing where there is one strength."""
    if not f.unit or len(f.selected) < 2:
        return []
    strength, proposed, chosen, loss = (list(column) for column in zip(*sorted(f.selected), strict=True))
    mean = sum(a * b for a, b in zip(proposed, loss, strict=True)) / sum(proposed)
    return [
        Curves(
            [
                Curve("selected", strength, [a / b for a, b in zip(chosen, proposed, strict=True)]),
                Curve("mean loss", strength, [one / mean if mean else 1.0 for one in loss]),
            ],
            title=f"{f.name}: what training selected", xlabel=f"how strong, {f.unit.split(',')[0]}",
            ylabel="times that of all proposals", half=True,
            caption="Both as multiples of what all proposals have: what is hard is selected more often than proposed. "
            "Chains are those of single pictures, so that the two lines need not be one.",
        )
    ]  # fmt: skip


def _mean(each: Sequence[Sequence[float]]) -> list[float]:
    """The mean over trainings, whose epochs may differ by a few, at equal shares of each."""
    at = np.linspace(0, 1, max(map(len, each), default=0))
    curves = [np.interp(at, np.linspace(0, 1, len(one)), one) for one in each if len(one)]
    return [float(v) for v in np.mean(curves, 0)] if curves else []


def contradiction(f: PictureFinding, shown: Shown | None) -> list[Block]:
    """The pair that contradicts most, where breaking was seen."""
    if shown is None or shown.contradiction is None or f.verdict not in ("approximate", "absent"):
        return []
    one, there, other = (displayed(x) for x in shown.contradiction)
    first, second = shown.labels
    return [
        Images(
            [
                Picture(one, f"labelled {first}", 0, 255),
                Picture(there, "the same, moved", 0, 255),
                Picture(other, f"labelled {second}", 0, 255),
            ],
            title=f"{f.name}: moved, {first} looks like {second}",
        )
    ]


def displayed(x: np.ndarray) -> np.ndarray:
    """Bytes (C, H, W) as (H, W) or (H, W, 3)."""
    return x[0] if len(x) == 1 else np.moveaxis(x, 0, -1)


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
        Interval.of(f.breaking),
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
