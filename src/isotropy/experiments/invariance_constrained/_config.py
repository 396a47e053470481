"""Sizes of the experiment: small ones that say the same, and larger ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from isotropy.study import Configuration

KNOWN, FEASIBLE, HARMFUL, BEYOND = "known symmetries", "feasible bound", "harmful transformation", "beyond pictures"

MOTIONS = ("rotation", "translation", "scale")
"""What digits are moved by, and what constraints ask for (specification 09 §4.2)."""

DATA = {"original": "", "rotated": "rotation", "translated": "translation", "scaled": "scale"}
"""Sets of digits, and what each picture of them was moved by, in training and test alike."""

PEERS = ("none", "uniform", "trivial", "worst", "fixed", "matching", "all")
"""Ways to train: without augmentation; matching motion drawn uniformly; TrivialAugment (standard space); the worst of
eight draws at weight 1; losses of hard draws at weight 1 (no dual); the matching constraint; all three constraints."""

ASIDE = ("trivial", "worst", "fixed")
"""Those whose figure stands beside the others, and on which no claim of the paper rests."""


@dataclass(frozen=True)
class Plan:
    """Digits of a training and of its test, epochs, and what is asked: ``bound`` nats at dual rate ``dual``."""

    train: int = 5000
    test: int = 3000
    epochs: int = 15
    batch: int = 100
    rate: float = 1e-3
    dual: float = 2e-3
    bound: float = 0.5


EITHER_WAY, AS_WRITTEN = "6 and 9, either way up", "6 and 9, as written"
HALF_ALONE, OTHERS = "6 and 9, either way up, the half turn alone", "all but 6 and 9"
KEPT = (EITHER_WAY, AS_WRITTEN, HALF_ALONE, OTHERS)
"""Digits under half turns. Either way up: each picture is there a second time, upside down and under the other name, so
that pictures say nothing about which of the two was meant."""


@dataclass(frozen=True)
class Harm:
    """Training under half turns, with 6 and 9 among the digits and without, at ``bound`` below ln 2.

    The dual rate is high, so that the multiplier of what can be met is back at rest before the last epoch.
    """

    train: int = 5000
    epochs: int = 20
    batch: int = 100
    rate: float = 1e-3
    dual: float = 0.05
    bound: float = 0.5


@dataclass(frozen=True)
class Beyond:
    """``rows`` of points, series and sets, a third of them for the test."""

    rows: int = 900
    epochs: int = 30
    batch: int = 50
    rate: float = 3e-3
    dual: float = 1e-2
    bound: float = 0.4


@dataclass(frozen=True)
class Config(Configuration):
    """How many ``seeds``, and the plans of the parts; the ``ASIDE`` are trained once for each of ``aside`` seeds."""

    seeds: int = 3
    aside: int = 1
    plan: Plan = field(default_factory=Plan)
    harm: Harm = field(default_factory=Harm)
    beyond: Beyond = field(default_factory=Beyond)
