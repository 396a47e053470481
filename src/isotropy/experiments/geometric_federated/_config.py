"""The sizes of the experiment: a version for two cores and some minutes, and one with the paper's schedule."""

from __future__ import annotations

from dataclasses import dataclass, field

from isotropy.study import Configuration, Number

LABELS, OFFICE, KINDS, OWN = "A", "B", "C", "D"
"""Skewed labels; domains and labels; three kinds of digits; a file of the user's own features."""

FEDAVG, MORE = "FedAvg", "FedAvg, more rounds"
POOLED, POOLED_MORE, POOLED_FILLED = "head of all rows", "head of all rows, more epochs", "head of all rows, filled up"
MODES = ("ggeur", "matched", "gaussian", "auto")
ONCE = ("CCVR", "ridge, one round", "LDA, one round", "FedPFT")
METHODS = (FEDAVG, MORE, *MODES, *ONCE, POOLED, POOLED_MORE, POOLED_FILLED)


@dataclass(frozen=True)
class Schedule:
    """``rounds`` of ``epochs`` at each site, by Adam at ``rate`` on batches of ``batch`` rows; every class of a site is
    filled up to ``target`` rows. "More rounds" are ``more_rounds`` of ``more_epochs``."""

    rounds: int = 15
    epochs: int = 2
    rate: Number = 1e-3
    batch: int = 64
    target: int = 300
    more_rounds: int = 30
    more_epochs: int = 5


@dataclass(frozen=True)
class DigitsPlan:
    """``train`` and ``test`` digits of MNIST, as ``dims`` principal components that ``public`` others give, which
    nobody trains on; dealt to ``sites`` by Dirichlet(alpha) of each class."""

    train: int = 4000
    test: int = 1000
    public: int = 2000
    dims: int = 64
    sites: int = 10
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True)
class OfficePlan:
    """Office-Caltech-10, one site for each domain: ``held`` of each domain's rows to test by; of the others each site
    keeps the share of a class that Dirichlet(alpha) gives its domain, one row at least. The ``dims`` principal
    components are those of the rows that sites keep."""

    held: Number = 0.3
    dims: int = 128
    schedule: Schedule = field(default_factory=lambda: Schedule(epochs=4, target=60, more_epochs=20))


@dataclass(frozen=True)
class KindsPlan:
    """Digits printed, of scikit-learn and of MNIST, 16 x 16 cells, as random features; one site each, with ``train``
    rows of its kind, ``test`` others to test by."""

    train: tuple[int, ...] = (300, 130, 700)
    test: int = 400
    dims: int = 128
    schedule: Schedule = field(default_factory=lambda: Schedule(epochs=4, target=100, more_epochs=20))


@dataclass(frozen=True)
class OwnPlan:
    """A user's own features: with domains dealt out as in B, without any as in A, to so many ``sites``."""

    sites: int = 10
    alpha: Number = 0.1
    held: Number = 0.3
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True)
class Config(Configuration):
    """The plans of the four parts, and how many ``seeds``.

    ``alphas`` are those of A and B, ``office_features`` those of B; ``features`` names the file of D: arrays x (n, p),
    y (n,) from 0 and, where there are domains, domain (n,). None named: D does not run.
    """

    digits: DigitsPlan = field(default_factory=DigitsPlan)
    office: OfficePlan = field(default_factory=OfficePlan)
    kinds: KindsPlan = field(default_factory=KindsPlan)
    own: OwnPlan = field(default_factory=OwnPlan)
    alphas: tuple[Number, ...] = (0.05, 0.1, 0.5)
    office_features: tuple[str, ...] = ("googlenet", "surf")
    features: str = ""
    seeds: int = 3


SMALL = Config()
_PUBLISHED = Schedule(rounds=100, epochs=10, target=5000, more_rounds=200, more_epochs=10)
_DOMAINS = Schedule(rounds=50, epochs=10, rate=1e-2, batch=16, target=50, more_rounds=100, more_epochs=10)
FULL = Config(
    digits=DigitsPlan(train=7000, test=1000, public=2000, schedule=_PUBLISHED),
    office=OfficePlan(schedule=_DOMAINS),
    kinds=KindsPlan(schedule=_DOMAINS),
    own=OwnPlan(schedule=_PUBLISHED),
)
