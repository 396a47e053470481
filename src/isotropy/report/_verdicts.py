"""The words of a verdict: how each is coloured, marked and explained to somebody who reads it for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from isotropy.report._palette import Tone


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
        known = VERDICTS.get(verdict)
        if known is None:
            return cls(verdict, note=note)
        return cls(known.word, known.tone, known.glyph, note or known.note)


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
            "The symmetry holds in part. Encourage it softly; imposing it exactly costs the price shown.",
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
