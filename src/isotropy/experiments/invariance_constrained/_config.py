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


@dataclass(frozen=True)
class Harm:
    """Training under half turns, with 6 and 9 among the digits and without, at ``bound`` below ln 2."""

    train: int = 5000
    epochs: int = 12
    batch: int = 100
    rate: float = 1e-3
    dual: float = 5e-3
    bound: float = 0.4


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
    """How many ``seeds``, and the plans of the parts."""

    seeds: int = 3
    plan: Plan = field(default_factory=Plan)
    harm: Harm = field(default_factory=Harm)
    beyond: Beyond = field(default_factory=Beyond)
