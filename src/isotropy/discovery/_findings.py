"""What a discovery finds: one record for each candidate, and what is known beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from isotropy.discovery._verdicts import Verdict
from isotropy.estimate import Estimate
from isotropy.measure import Dependence
from isotropy.study import Finding

Evidence = Literal["orbit", "window", "refit"]
Test = Literal["randomisation", "block randomisation", "paired refits", "kernel"]


@dataclass(frozen=True)
class PartFinding:
    """One candidate in one part of the target: shares of that part's own signal, prices of its own error."""

    name: str
    breaking: float
    low: float
    high: float
    verdict: Verdict
    price: float
    cost_rmse: float
    p_adjusted: float
    explained: float


@dataclass(frozen=True)
class NoiseFinding:
    """The noise of one part of the target: a standard deviation per column with its ends, and how it is known."""

    name: str
    deviation: float
    low: float
    high: float
    source: str


@dataclass(frozen=True)
class DependenceFinding:
    """Whether rows depend on each other: what was found, how strong, and what the units are taken to be."""

    kind: str = "none"
    strength: float = 0.0
    effective: float = 0.0
    units: int = 0
    block: int = 1
    sentence: str = ""

    @classmethod
    def of(cls, found: Dependence) -> DependenceFinding:
        return cls(found.kind, found.strength, found.effective, found.units, found.block, found.sentence)


@dataclass(frozen=True, repr=False)
class GroupFinding(Finding):
    """Everything that was learnt about one candidate, told by the part of the target that speaks most against it.

    ``breaking`` is a share of that part's signal, ``breaking_of_variance`` of its whole energy, ``explained`` the share
    of that energy that the models explain; ``price`` is by how much the error (RMSE) would rise, ``cost_rmse`` the same
    in the unit of the target. All carry pairs of one-sided 95 % bounds (confidence 0.90). ``raw`` is the estimate
    before it was made consistent along the lattice. ``evidence`` is how the figures were found: averaging along orbits,
    along a window of a group without a uniform law, or refitting with the symmetry imposed; ``test`` where the p-value
    comes from. ``note`` says what the verdict leaves open.
    """

    shown: ClassVar[tuple[str, ...]] = ("verdict", "breaking", "explained", "price", "note")
    derived: ClassVar[tuple[str, ...]] = ("level",)
    name: str
    breaking: Estimate = field(metadata={"headline": ("n", "confidence")})
    upper_worst: float
    explained: Estimate
    breaking_of_variance: float
    price: Estimate
    cost_rmse: float
    p_value: float
    p_adjusted: float
    overlap: float
    shift: float
    inputs_invariant: bool
    verdict: Verdict
    parts: tuple[PartFinding, ...]
    evidence: Evidence
    test: Test
    raw: float
    cross: float
    plug_in: float
    standard_error: float
    note: str = ""
    width: tuple[float, ...] | None = None
    imposed: str = ""
    rows_needed: int | None = None
    truth: float | None = None
    p_kernel: float | None = None  # of the test without a learner, where one was made
    components: tuple[tuple[str, float], ...] = ()  # connected components and cosets, with the overlap of each
    components_low: tuple[float, ...] = ()  # the lower ends of these overlaps

    @property
    def level(self) -> float:
        return 1 - self.breaking.mean

    @property
    def overlap_low(self) -> float:
        """The one-sided 95 % lower end of ``overlap``, which decides what can be told at all."""
        return min(self.components_low, default=self.overlap)

    @property
    def unreliable(self) -> bool:
        """Whether the figures say nothing about the world, and are shown greyed."""
        return self.verdict in ("not identifiable", "no signal")


@dataclass(frozen=True)
class Continuous:
    """Near-null directions of the Gram matrix of Lie derivatives on the algebra of ``group``, smallest first.

    ``axes`` are unit directions in the basis of the algebra (for so(3): axes of rotation), ``eigenvalues`` in shares
    of the signal; ``dimension`` counts those that the data do not show to be broken.
    """

    group: str = ""
    dimension: int = 0
    axes: tuple[tuple[float, ...], ...] = ()
    eigenvalues: tuple[float, ...] = ()
    intervals: tuple[tuple[float, float], ...] = ()
    angles: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    closes: bool = True


@dataclass(frozen=True)
class AngleCurve:
    """Half the mean squared change of the function along a one-parameter subgroup, as a share of the signal."""

    name: str
    angles: tuple[float, ...]
    values: tuple[float, ...]
    periodic: bool


@dataclass(frozen=True)
class TrainingCurves:
    """How the soft network learnt: loss per output and strength of each group's penalty, by epoch."""

    epochs: tuple[int, ...] = ()
    loss: tuple[float, ...] = ()
    validation: tuple[float, ...] = ()
    strengths: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    penalties: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])


@dataclass(frozen=True)
class Learnt:
    """How well the data could be predicted, by which learner.

    ``explained`` is 1 - (held-out error) / (variance), the mean over the parts of the target; ``energy`` the variance,
    summed over the targets.
    """

    learner: str
    explained: float
    held_out_rmse: float
    energy: float
    splits: int
    scores: Mapping[str, float]
    kernel: str = ""
    errors: Mapping[str, float] = field(default_factory=dict[str, float])  # RMSE per output of each part of the target
