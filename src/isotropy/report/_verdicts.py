"""The words of a verdict, how each is marked and explained to a first reader, and the colours of a page by their role.

Colours are there for light and for dark paper, safe for colour-blind readers. No meaning rests on colour alone: each
verdict also has its word and its glyph, each curve its line style.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

Tone = Literal["holds", "small", "partial", "broken", "open", "blind", "silent", "plain"]

# Every light value is unique: inline figures are drawn in it and then turned into CSS variables by value.
PALETTE: Final[dict[str, tuple[str, str]]] = {
    "paper": ("#ffffff", "#15181c"),
    "wash": ("#f6f7f9", "#1d2126"),
    "rule": ("#dde1e6", "#343b44"),
    "faint": ("#b4bbc4", "#5d6671"),
    "muted": ("#59626d", "#a5aeb9"),
    "ink": ("#1c2127", "#e7e9ec"),
    "accent": ("#1d5c96", "#7fb6ea"),
    # Verdicts: blue keeps, ochre bends, brick breaks; violet waits; greys say nothing.
    "holds": ("#136f8a", "#5fbcd8"),
    "small": ("#4f95ab", "#93cfe2"),
    "partial": ("#b8760f", "#e6b04e"),
    "broken": ("#ae3b2f", "#ee8d7f"),
    "open": ("#6a5aa5", "#b0a3e6"),
    "blind": ("#6c7580", "#909aa6"),
    "silent": ("#8d959f", "#79828d"),
    "plain": ("#2a5f94", "#82b8ea"),
    "holds-tint": ("#c3e1ea", "#164250"),
    "small-tint": ("#eaf4f7", "#1f3238"),
    "partial-tint": ("#f8ebd2", "#4a3810"),
    "broken-tint": ("#f7dfdb", "#54241e"),
    "open-tint": ("#e9e5f5", "#332b57"),
    "blind-tint": ("#eceef1", "#272c33"),
    "silent-tint": ("#edeff2", "#262b32"),
    "plain-tint": ("#dfe9f3", "#1c3854"),
    # Curves and clouds (after Okabe and Ito).
    "series-1": ("#0a6ebd", "#6db4f2"),
    "series-2": ("#d06b00", "#f3a552"),
    "series-3": ("#00876c", "#4cc9a9"),
    "series-4": ("#b0529a", "#e39ad1"),
    "series-5": ("#7a6a00", "#d2c14a"),
    "series-6": ("#4d5866", "#b3bdc9"),
}

SERIES: Final = tuple(PALETTE[f"series-{i}"][0] for i in range(1, 7))
DASHES: Final = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))


def light(role: str) -> str:
    """The colour of a role on light paper, in which every figure is drawn.

    >>> light("paper")
    '#ffffff'
    """
    return PALETTE[role][0]


@dataclass(frozen=True)
class Chip:
    """A word in a coloured pill; ``note`` is one plain sentence, shown in the legend under the table.

    >>> Chip.of("approximate").tone
    'partial'
    """

    word: str
    tone: Tone = "plain"
    glyph: str = ""
    note: str = ""

    @classmethod
    def of(cls, verdict: str, note: str = "") -> Chip:
        """The chip of a verdict word; a word that is not a verdict gets a plain chip."""
        known = VERDICTS.get(verdict, cls(verdict))
        return replace(known, note=note or known.note)


VERDICTS: Final[dict[str, Chip]] = {
    chip.word: chip
    for chip in (
        Chip(
            "no breaking detected",
            "holds",
            "●",
            "The data show no violation, and one larger than the tolerance would have been seen. Safe to build in.",
        ),
        Chip(
            "negligible",
            "small",
            "◕",
            "A violation was found, small on both yardsticks. The price says what building it in costs.",
        ),
        Chip(
            "none seen",
            "holds",
            "◌",
            "Nothing of what the models explain violates it. The rest is noise or was not learned: build it in if the "
            "rest is noise.",
        ),
        Chip(
            "approximate",
            "partial",
            "◑",
            "The symmetry holds in part; imposing it exactly costs the price shown.",
        ),
        Chip("absent", "broken", "○", "Most of the signal violates this symmetry. Do not build it in."),
        Chip(
            "undecided",
            "open",
            "?",
            "The interval is too wide to tell how much breaks. More rows, or a better model, would.",
        ),
        Chip(
            "not identifiable",
            "blind",
            "∅",
            "Transformed inputs hardly occur in these data, so nothing in them can confirm or refute the symmetry. "
            "The greyed price is that of a model refitted with the symmetry imposed.",
        ),
        Chip(
            "no signal",
            "silent",
            "–",
            "No model predicts the targets better than a constant, so there is nothing whose symmetry could be judged.",
        ),
    )
}
