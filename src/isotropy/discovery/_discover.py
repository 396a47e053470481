"""The main job, from typed data to a verdict on every candidate symmetry, and its phases.

Learners compete, candidates are judged, and what the data say beyond them is sought.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from isotropy.data import Dataset, Types
from isotropy.discovery._findings import (
    AngleCurve,
    Continuous,
    GroupFinding,
    Learnt,
    Refit,
    TrainingCurves,
    continuous,
    findings,
    refit_of,
)
from isotropy.discovery._jobs import curves, fit_all, fit_half, gram, inputs, measure, refit, surrogate
from isotropy.discovery._learners import revive
from isotropy.discovery._result import Discovery
from isotropy.discovery._verdicts import Finding, recommend
from isotropy.errors import DomainError
from isotropy.fields import from_json
from isotropy.groups import Window
from isotropy.reps import Values
from isotropy.runs import map_jobs
from isotropy.study import CandidateLike, Problem, answering, data_settings, dataset_of, problem_of, subgroups, told_of

Mapped = Callable[..., list[Any]]  # ``map_jobs`` in one run by one engine

_SURROGATES = 10
_LONG = 5000
_NETWORK_SPLITS = 3  # networks take longer to fit
_NETWORK_MARGIN = 0.98  # the network replaces the kernel only where it is better by more than noise


def discover(
    x: Dataset | Values,
    y: Values | None = None,
    types: Types | None = None,
    *,
    groups: str | CandidateLike | Sequence[CandidateLike] | None = None,
    cluster: Iterable[Any] | None = None,
    seed: int = 0,
    tolerance: float = 0.01,
    quick: bool = False,
    windows: Mapping[str, float] | None = None,
    engine: str = "serial",
    workers: int | None = None,
    address: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> Discovery:
    """Which candidate symmetries hold in ``y = f(x) + noise``, how far, and what imposing each would cost.

    ``x (n, p)`` and ``y (n, q)`` are typed by ``types`` (or come together as a Dataset); integers count as numbers.
    ``cluster (n,)`` are labels of the independent units, numbers or text. ``groups`` are groups, their printed names,
    or Windows on groups that have no uniform law.
    ``quick`` is the kernel learner alone, without calibration. With ``out`` the run lives in that directory: a killed
    run continues with ``resume=True``, finished jobs are not computed again, and the report is written there.

    Raises ShapeError, SchemaError or DomainError for data and candidates that do not fit (CORE section 0).
    Source: the estimators of docs/statistics.md; Kim, Lee, Yang, Lee, ICML 2023 (arXiv:2306.00356) for the penalties.

    >>> from isotropy.data import load
    >>> found = discover(load("inertia", nu=1.0, n=200), groups="O(3),O(2)@z", quick=True)
    >>> found["O(3)"].breaking.mean > found["O(2)@z"].breaking.mean
    True
    """
    began = time.monotonic()
    if not 0 < tolerance < 1:
        raise DomainError(f"tolerance={tolerance!r}", "a share of the signal between 0 and 1", "tolerance=0.01 is 1 %")
    dataset = dataset_of(x, y, types, cluster)
    problem = problem_of(dataset, groups, windows, seed)
    settings = {**data_settings(dataset, problem), "quick": quick, "tolerance": tolerance}
    with answering(out, resume, settings, problem, began=began) as answer:
        mapped = partial(map_jobs, run=answer.run, engine=engine, workers=workers, address=address, progress=progress)
        discovery = _analyse(problem, mapped, dataset, tolerance=tolerance, quick=quick)
        return answer.write(replace(discovery, **answer.stamp()))


@dataclass(frozen=True)
class _Winner:
    """The learner that predicts one held-out half better, on how many splits, and how both did."""

    learner: str
    splits: int
    loss: float  # mean squared error of held-out rows over all splits, summed over the targets
    scores: Mapping[str, float]
    training: TrainingCurves  # of the network


def _analyse(problem: Problem, mapped: Mapped, dataset: Dataset, *, tolerance: float, quick: bool) -> Discovery:
    """All phases, one after the other; the jobs of each run side by side."""
    winner = _compete(problem, mapped, quick)
    measured, tested = _judge(problem, mapped, winner)
    refits = _refits(problem, mapped, winner, tested)
    state, along, found_axes, calibration = _beyond(problem, mapped, winner, dataset.imposed, quick)
    found = findings(
        problem, measured, tested, refits, imposed=dataset.imposed, truth=dict(dataset.truth or {}), tolerance=tolerance
    )
    below = subgroups(problem.candidates)
    V = problem.signal
    return Discovery(
        data={**told_of(dataset), "source": dataset.source, "noise": dataset.noise},
        groups=tuple(found),
        edges=tuple((small, big) for big, smalls in below.items() for small in smalls),
        continuous=found_axes,
        recommendation=recommend(
            [Finding(f.name, f.verdict, f.cost_rmse, f.price.mean, bool(f.imposed)) for f in found], below
        ),
        tolerance=tolerance,
        learnt=Learnt(
            winner.learner, 1 - winner.loss / V, (winner.loss / problem.y.shape[1]) ** 0.5, V, winner.splits,
            winner.scores, str(state["core"].get("kernel", "")),
        ),
        curves=tuple(along),
        training=winner.training,
        calibration=calibration,
        notes=tuple(_notes(dataset, found)),
        model=revive(winner.learner, problem, state),
        samples=dataset,
    )  # fmt: skip


def _compete(problem: Problem, mapped: Mapped, quick: bool) -> _Winner:
    """Fits the kernels everywhere; the network too, on fewer splits, where it wins on the first half."""
    splits = 5 if len(problem.x) <= 2500 else 3
    halves = [(split, fold) for split in range(splits) for fold in (0, 1)]
    # The network is tried on one half, beside the kernels, and first, because it takes longest.
    trial = [] if quick else [problem.job(fit_half, learner="network", split=0, fold=0)]
    jobs = [*trial, *(problem.job(fit_half, learner="kernel", split=split, fold=fold) for split, fold in halves)]
    outcomes = mapped(jobs, description="fitting")
    training = from_json(outcomes[0]["curves"], TrainingCurves, "curves") if trial else TrainingCurves()
    fits = outcomes[len(trial) :]
    V = problem.signal
    scores = {"kernel": float(fits[0]["loss"].mean()) / V}
    if trial:
        scores["network"] = float(outcomes[0]["loss"].mean()) / V
    if scores["kernel"] * _NETWORK_MARGIN < scores.get("network", float("inf")):
        return _Winner("kernel", splits, _mean_loss(fits), scores, training)
    few = halves[: 2 * _NETWORK_SPLITS]
    jobs = [problem.job(fit_half, learner="network", split=split, fold=fold) for split, fold in few]
    fits = mapped(jobs, description="fitting networks")
    return _Winner("network", _NETWORK_SPLITS, _mean_loss(fits), scores, training)


def _mean_loss(fits: Sequence[Mapping[str, Any]]) -> float:
    return float(torch.cat([torch.from_numpy(fit["loss"]) for fit in fits]).mean())


def _judge(problem: Problem, mapped: Mapped, winner: _Winner) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """For every candidate the terms of its breaking in each split, and what its inputs say."""
    names, splits = [candidate.name for candidate in problem.candidates], range(winner.splits)
    jobs = [problem.job(inputs, index=i) for i in range(len(names))]
    for i in range(len(names)):
        jobs += [problem.job(measure, learner=winner.learner, index=i, split=split) for split in splits]
    outcomes = iter(mapped(jobs, description="judging candidates"))
    tested = {name: next(outcomes) for name in names}
    return {name: [next(outcomes) for _ in splits] for name in names}, tested


def _refits(problem: Problem, mapped: Mapped, winner: _Winner, tested: Mapping[str, Any]) -> dict[str, Refit]:
    """Refits with the symmetry imposed, for candidates whose inputs are not invariant or that have no uniform law."""
    wanted = [
        (i, candidate)
        for i, candidate in enumerate(problem.candidates)
        if isinstance(candidate.measured, Window) or not tested[candidate.name]["invariant"]
    ]
    # Each split refits twice for each candidate; on long tables two splits tell enough.
    splits = range(min(winner.splits, 2) if len(problem.x) > _LONG else winner.splits)
    jobs = [problem.job(refit, learner=winner.learner, index=i, split=split) for i, _ in wanted for split in splits]
    outcomes = iter(mapped(jobs, description="imposing and refitting") if jobs else [])
    return {candidate.name: refit_of([next(outcomes) for _ in splits], problem.unit) for _, candidate in wanted}


def _beyond(
    problem: Problem, mapped: Mapped, winner: _Winner, imposed: Mapping[str, str], quick: bool
) -> tuple[Mapping[str, Any], list[AngleCurve], Continuous, dict[str, tuple[float, ...]]]:
    """The model of all rows, curves and Gram spectrum on the largest algebra among the candidates, and what the same
    analysis reads off exactly symmetric copies of the data, for every compact candidate."""
    # Along a symmetry that the preparation of the data imposed there are no data at all.
    dims = [0 if candidate.name in imposed else candidate.group.dim for candidate in problem.candidates]
    index = dims.index(max(dims))
    largest = problem.candidates[index]
    compact = any(not isinstance(candidate.measured, Window) for candidate in problem.candidates)
    learner = winner.learner
    jobs = [problem.job(fit_all, learner=learner)]
    if dims[index]:
        jobs.append(problem.job(gram, learner=learner, index=index, splits=winner.splits))
        jobs.append(problem.job(curves, learner=learner, index=index))
    if compact and not quick:
        jobs += [problem.job(surrogate, learner="kernel", copy=copy) for copy in range(_SURROGATES)]
    description = "continuous subgroups" if quick else "continuous subgroups and calibration"
    final, *outcomes = mapped(jobs, description=description)
    shown: list[AngleCurve] = []
    grams = None
    if dims[index]:
        grams, along, *outcomes = outcomes
        shown = [
            AngleCurve(name, tuple(along["angles"]), tuple(values), largest.width is None)
            for name, values in zip(along["names"], along["values"], strict=True)
        ]
    copies = [outcome["breaking"] for outcome in outcomes]
    read = {name: tuple(float(copy[name]) for copy in copies) for name in (copies[0] if copies else ())}
    return final["state"], shown, continuous(largest, grams), read


def _notes(dataset: Dataset, found: Sequence[GroupFinding]) -> list[str]:
    notes: list[str] = []
    moved = [finding for finding in found if not finding.imposed and not finding.inputs_invariant]
    if moved:
        names = ", ".join(finding.name for finding in moved)
        least, most = (f"{edge(finding.shift for finding in moved):.0%}" for edge in (min, max))
        notes.append(
            f"{names}: the law of the inputs is not invariant (a classifier tells moved inputs apart on "
            f"{least if least == most else f'{least} to {most}'} of the probability mass). That is a fact about the "
            "inputs, not about the map from inputs to targets, which is judged by refitting with the symmetry imposed."
        )
    for finding in found:
        if finding.imposed:
            notes.append(f"{finding.name}: {finding.imposed}")
        elif finding.width is not None:
            widths = ", ".join(f"{w:.3g}" for w in sorted(set(finding.width)))
            notes.append(
                f"{finding.name}: no uniform law exists on this group; judged within a window of width {widths}."
            )
        if finding.rows_needed is not None:
            notes.append(f"{finding.name}: undecided; about {finding.rows_needed:,} rows would decide.")
        if finding.verdict == "not identifiable":
            notes.append(
                f"{finding.name}: only {finding.overlap:.0%} of moved inputs lie where there are data. Its price comes "
                "from refitting with the symmetry imposed; whether the symmetry holds, these data cannot tell."
            )
    return notes
