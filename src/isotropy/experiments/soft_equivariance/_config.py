"""The sizes of the experiment: the paper's own, and a version for two cores and some minutes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from isotropy.study import Configuration, Number

NETWORKS, DISCOVER = "networks", "discover"


@dataclass(frozen=True)
class Setting:
    """One inertia problem y = J (I + nu D): ``axis`` as in ``data.synthetic.Inertia``, ``seeds`` trainings of each.

    >>> Setting(-1.0, 2, seeds=3).name
    'nu=-1, a=2'
    """

    nu: Number
    axis: int = 2
    seeds: int = 1

    @property
    def name(self) -> str:
        return f"nu={self.nu:g}" + (f", a={self.axis}" if self.nu else "")


@dataclass(frozen=True)
class Question:
    """A built-in problem that ``discover`` is asked about, once for each seed."""

    problem: str
    settings: Mapping[str, Number | str]
    seeds: int = 1

    @property
    def name(self) -> str:
        """The problem with its settings, as a command line writes them."""
        return " ".join([self.problem, *(f"{key}={value}" for key, value in self.settings.items())])


@dataclass(frozen=True)
class Plan:
    """How one network is trained; the same for all methods, but for the width of those that are exact.

    ``ch`` and ``ch_exact`` are channels of ``uniform_rep(..., rule="paper")``, ``width`` that of the plain network.
    ``rate`` falls along a cosine to 0 over ``epochs``; ``decay`` is the paper's weight decay on weights and biases.
    The strengths of the paper's schedule start at one of ``starts`` (the one with the lowest validation loss counts)
    and are tuned once at epoch ``adjust_at`` with ``power``. The weights kept are the best on validation rows, for the
    paper's schedule from epoch ``2 adjust_at`` on. ``every`` is the number of epochs between two updates of the
    strengths by the evidence.
    """

    rows: int = 1000
    batch: int = 500
    epochs: int = 8000
    rate: Number = 1e-3
    decay: Number = 2e-4
    ch: int = 128
    ch_exact: int = 90
    width: int = 384
    depth: int = 3
    starts: tuple[Number, ...] = (100.0,)
    adjust_at: int = 2000
    window: int = 100
    skip: int = 50
    power: Number = 2.0
    every: int = 20
    validate_every: int = 1
    rpp_equivariant: Number = 1e-5
    rpp_residual: Number = 1.0


@dataclass(frozen=True)
class Config(Configuration):
    """Which problems, how often, and how each network is trained."""

    settings: tuple[Setting, ...]
    questions: tuple[Question, ...]
    plan: Plan = field(default_factory=Plan)
    question_rows: int = 3000
    quick: bool = False


def inertia_settings(principal: int, others: int) -> tuple[Setting, ...]:
    """The paper's five: nothing broken, each axis weightless, two axes changed by three tenths (§5.1)."""
    return (
        Setting(-1.0, 2, principal),
        Setting(0.0, 2, principal),
        Setting(-1.0, 0, others),
        Setting(-1.0, 1, others),
        Setting(-0.3, -1, others),
    )


def questions(settings: tuple[Setting, ...], seeds: int) -> tuple[Question, ...]:
    """What ``discover`` is asked: the inertia settings, and the four variants of cosine similarity."""
    inertia = [Question("inertia", {"nu": s.nu, "axis": s.axis}, s.seeds) for s in settings]
    variants = ("so3-scale", "so3", "scale", "none")
    return (*inertia, *(Question("cossim", {"variant": variant}, seeds) for variant in variants))


# ch=108 is the least with a tensor of rank 3: a narrower network under O(3) only scales the identity (docs/results).
_SHORT = Plan(
    epochs=300, rate=1e-2, ch=108, ch_exact=108, starts=(0.01, 1.0), adjust_at=100, window=20, skip=10, validate_every=5
)
_FEW, _FIVE = inertia_settings(3, 1), inertia_settings(5, 5)
SMALL = Config(_FEW, questions(_FEW, 1), _SHORT, question_rows=_SHORT.rows, quick=True)
FULL = Config(_FIVE, questions(_FIVE, 3), Plan())
