"""From the outcomes of jobs to one finding per candidate, and to the continuous symmetries that nobody listed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import scipy
import torch
from torch import Tensor

from isotropy.discovery._verdicts import ALPHA, Grounds, Verdict, rows_to_decide, verdict
from isotropy.estimate import Estimate
from isotropy.groups import LieAlgebra
from isotropy.measure import Breaking, BreakingTerms, combine, holm
from isotropy.measure.parts import SMALLEST_ERROR, along_lattice, clustered_mean
from isotropy.study import Candidate, Problem, subgroups

_LEAST_SIGNAL = 1e-3  # a model must explain at least this share of the energy
# A direction is not shown to be broken while its eigenvalue may lie below twice the tolerated share of the signal.
_TOLERANCE = 0.02
_CLOSED = 0.2


@dataclass(frozen=True)
class GroupFinding:
    """Everything that was learnt about one candidate; shares are of the signal's energy V, prices of the error.

    ``breaking`` and ``price`` carry pairs of one-sided 95 % bounds (confidence 0.90). ``raw`` is the estimate before
    it was made consistent along the lattice.
    """

    derived: ClassVar[tuple[str, ...]] = ("level",)
    name: str
    breaking: Estimate = field(metadata={"headline": ("n", "confidence")})
    upper_worst: float
    price: Estimate
    cost_rmse: float
    p_value: float
    p_adjusted: float
    overlap: float
    shift: float
    inputs_invariant: bool
    verdict: Verdict
    raw: float
    cross: float
    plug_in: float
    standard_error: float
    width: tuple[float, ...] | None = None
    imposed: str = ""
    rows_needed: int | None = None
    truth: float | None = None
    basis: str = "orbit"  # how the price was found: averaging along orbits, or refitting with the symmetry imposed

    @property
    def level(self) -> float:
        return 1 - self.breaking.mean

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
    """How well the data could be predicted, by which learner; ``explained`` is 1 - (held-out error) / (energy)."""

    learner: str
    explained: float
    held_out_rmse: float
    energy: float
    splits: int
    scores: Mapping[str, float]
    kernel: str = ""


@dataclass(frozen=True)
class Refit:
    """What imposing a symmetry and retraining costs, from paired held-out losses."""

    difference: float
    low: float
    high: float
    p_value: float
    error: float


def refit_of(outcomes: Sequence[Mapping[str, Any]], unit: torch.Tensor) -> Refit:
    """The mean difference of the losses over splits, with one-sided 95 % ends and a one-sided p-value."""
    imposed, free = (
        torch.from_numpy(np.stack([outcome[name] for outcome in outcomes])) for name in ("imposed", "free")
    )
    difference = imposed - free
    mean, (se, degrees) = float(difference.mean()), clustered_mean(difference, unit)
    t = float(scipy.special.stdtrit(degrees, 0.95))
    p = float(scipy.special.stdtr(degrees, -mean / se)) if se > 0 else float(mean <= 0)
    return Refit(mean, mean - t * se, mean + t * se, p, float(free.mean()))


def findings(
    problem: Problem,
    measured: Mapping[str, Sequence[Mapping[str, Any]]],
    tested: Mapping[str, Mapping[str, Any]],
    refits: Mapping[str, Refit],
    *,
    imposed: Mapping[str, str],
    truth: Mapping[str, float],
    tolerance: float,
) -> list[GroupFinding]:
    """One finding per candidate, largest first."""
    energy, below = problem.energy, subgroups(problem.candidates)
    index = {candidate.name: i for i, candidate in enumerate(problem.candidates)}
    answers: dict[str, Breaking] = {}
    p_values: dict[str, float] = {}
    for candidate in problem.candidates:
        rows, name = problem.measured(candidate), candidate.name
        terms = [
            BreakingTerms(**{key: torch.from_numpy(term) for key, term in outcome["terms"].items()})
            for outcome in measured[name]
        ]
        unit = torch.unique(problem.unit[rows], return_inverse=True)[1]
        answers[name] = combine(terms, energy[rows], unit)
        # Only the first split is tested: p-values of splits of the same data are too dependent to gain from more.
        p_values[name] = refits[name].p_value if name in refits else measured[name][0]["p_value"]
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    consistent = along_lattice(adjusted, {name: below[name] for name in adjusted})
    edges = [(index[small], index[big]) for big, smalls in below.items() for small in smalls]
    weights = [1 / max(answers[c.name].standard_error, 1e-6) ** 2 for c in problem.candidates]
    level = monotone([answers[c.name].estimate.mean for c in problem.candidates], weights, edges)
    return [
        _finding(
            problem, c, answers[c.name], max(level[i], 0.0), tested[c.name], refits.get(c.name),
            p_values=(p_values[c.name], consistent[c.name]), imposed=imposed.get(c.name, ""), truth=truth.get(c.name),
            tolerance=tolerance,
        )
        for i, c in enumerate(problem.candidates)
    ]  # fmt: skip


def _finding(
    problem: Problem, candidate: Candidate, answer: Breaking, consistent: float, test: Mapping[str, Any],
    refit: Refit | None, *, p_values: tuple[float, float], imposed: str, truth: float | None, tolerance: float,
) -> GroupFinding:  # fmt: skip
    breaking, price = _along_orbits(answer, consistent) if refit is None else _by_refitting(answer, refit)
    if imposed:
        # True by construction: the preparation of the data leaves nothing to estimate.
        breaking = price = Estimate(0.0, 0.0, 0.0, answer.estimate.n, answer.estimate.confidence)
    p_value, p_adjusted = p_values
    evidence = Grounds(
        breaking.mean, breaking.low, breaking.high, price.low, test["overlap"],
        significant=p_adjusted < ALPHA,
        imposed=bool(imposed),
        # A constant predicts as well: then there is nothing that could be symmetric or not.
        signal=answer.held_out < answer.energy * (1 - _LEAST_SIGNAL),
    )  # fmt: skip
    word = verdict(evidence, tolerance)
    rows_needed = rows_to_decide(len(problem.x), answer.standard_error, breaking.mean, tolerance)
    return GroupFinding(
        name=candidate.name,
        breaking=breaking,
        upper_worst=breaking.high if imposed else max(answer.upper_worst, breaking.high),
        price=price,
        cost_rmse=math.sqrt(breaking.mean * answer.energy / problem.y.shape[1]),
        p_value=p_value,
        p_adjusted=p_adjusted,
        overlap=test["overlap"],
        shift=test["shift"],
        inputs_invariant=test["invariant"],
        verdict=word,
        raw=answer.estimate.mean,
        cross=answer.cross,
        plug_in=answer.plug_in,
        standard_error=answer.standard_error,
        width=candidate.width,
        imposed=imposed,
        rows_needed=rows_needed if word == "undecided" else None,
        truth=truth,
        basis="orbit" if refit is None else "refit",
    )


def _along_orbits(answer: Breaking, consistent: float) -> tuple[Estimate, Estimate]:
    """Breaking and price from averages over orbits, the interval moved with the level that the lattice calls for."""
    raw = answer.estimate
    shifted = consistent - raw.mean
    low, high = max(raw.low + min(shifted, 0.0), 0.0), min(raw.high + max(shifted, 0.0), 1.0)
    return Estimate(consistent, low, high, raw.n, raw.confidence), answer.price


def _by_refitting(answer: Breaking, refit: Refit) -> tuple[Estimate, Estimate]:
    """Breaking and price from what the refitted model loses; its gain from moved copies can hide some breaking.

    The upper end of the breaking is therefore the larger of both readings.
    """
    V, n, confidence = answer.energy, answer.estimate.n, answer.estimate.confidence
    left = max(refit.error, SMALLEST_ERROR * V)
    low, mean, high = (max(value, 0.0) for value in (refit.low, refit.difference, refit.high))
    price = Estimate(mean / left, low / left, high / left, n, confidence)
    return Estimate(mean / V, low / V, max(answer.estimate.high, high / V), n, confidence), price


def monotone(breaking: Sequence[float], weights: Sequence[float], edges: Sequence[tuple[int, int]]) -> list[float]:
    """The nearest values (weighted least squares) with b_H <= b_G for every edge (H, G), H a subgroup of G.

    Isotonic regression on a partial order, through its dual, a non-negative least-squares problem.

    >>> monotone([0.3, 0.1], [1.0, 1.0], [(0, 1)])
    [0.2, 0.2]
    """
    b, w = np.asarray(breaking, float), np.asarray(weights, float)
    if not edges:
        return b.tolist()
    C = np.zeros((len(edges), len(b)))
    for row, (lower, upper) in enumerate(edges):
        C[row, lower], C[row, upper] = -1.0, 1.0
    root = 1 / np.sqrt(w)
    # Dual of min 1/2 |W^(1/2) (z - b)|^2 subject to C z >= 0: z = b + W^-1 C^T m with m >= 0 least squares.
    multipliers, _ = scipy.optimize.nnls((C * root).T, -b / root)
    fitted = b + root**2 * (C.T @ multipliers)
    return [float(round(value, 12)) for value in fitted]


def continuous(candidate: Candidate, gram: Mapping[str, Any] | None) -> Continuous:
    """Eigenvalues with 90 % intervals, axes with the angle that contains 95 % of resampled ones."""
    if gram is None:
        return Continuous()
    group = candidate.group
    matrices, replicates = torch.from_numpy(gram["matrices"]), torch.from_numpy(gram["replicates"])
    matrix = matrices.mean(0)
    values, vectors = torch.linalg.eigh(matrix)
    # Resampled rows of every split, around each split's own matrix: rows and models vary together.
    drawn = torch.einsum("ai,bac,ci->bi", vectors, replicates, vectors)
    low, high = (torch.quantile(drawn, q, dim=0) for q in (0.05, 0.95))
    _, drawn_vectors = torch.linalg.eigh(replicates)
    overlap = (drawn_vectors.mT @ vectors).abs().amax(1).clamp(max=1)
    angles = torch.quantile(torch.rad2deg(overlap.arccos()), 0.95, dim=0)
    kept = low <= _TOLERANCE
    directions = vectors[:, kept]
    return Continuous(
        group=candidate.name,
        dimension=int(kept.sum()),
        axes=tuple(tuple(_signed(axis).tolist()) for axis in vectors.mT),
        eigenvalues=tuple(values.tolist()),
        intervals=tuple(zip(low.tolist(), high.tolist(), strict=True)),
        angles=tuple(angles.tolist()),
        names=group.generator_names,
        closes=LieAlgebra.of(group.algebra.hat(directions.mT)).is_closed(_CLOSED),
    )


def _signed(axis: Tensor) -> Tensor:
    """The axis with its largest entry positive: a direction and its opposite are one."""
    return axis * np.sign(float(axis[axis.abs().argmax()])) + 0.0
