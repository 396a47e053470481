"""The main job: from typed data to a verdict on every candidate symmetry."""

from __future__ import annotations

import hashlib
import platform
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isotropy.data import Dataset
from isotropy.discovery._candidates import CandidateLike, candidates, subgroups
from isotropy.discovery._continuous import continuous
from isotropy.discovery._findings import GroupFinding, Refit, findings, refit_of
from isotropy.discovery._jobs import curves_job, fit_job, gram_job, inputs_job, measure_job, refit_job
from isotropy.discovery._learners import learn, revive
from isotropy.discovery._problem import Problem
from isotropy.discovery._recommendation import Finding, recommend
from isotropy.discovery._result import Curve, Discovery, Learnt, Training
from isotropy.discovery._surrogates import surrogate_job
from isotropy.errors import SchemaError, ShapeError
from isotropy.groups import Window
from isotropy.reps import Schema
from isotropy.runs import Job, Run, map_jobs

_SURROGATES = 10
_LONG = 5000
_CALIBRATED_ROWS = 1000  # calibration redoes the analysis many times, on at most this many rows
_NETWORK_MARGIN = 0.98  # the network replaces the kernel only where it is better by more than noise


def discover(
    x: Dataset | Tensor | NDArray[np.generic],
    y: Tensor | NDArray[np.generic] | None = None,
    types: Schema | Mapping[str, Any] | None = None,
    *,
    groups: str | CandidateLike | Sequence[CandidateLike] | None = None,
    cluster: Tensor | NDArray[np.generic] | None = None,
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

    ``x (n, p)`` and ``y (n, q)`` are typed by ``types`` (or come together as a Dataset); ``cluster (n,)`` numbers the
    independent units. ``groups`` are groups, their printed names, or Windows on groups that have no uniform law.
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
    dataset = _dataset(x, y, types, cluster)
    problem = _problem(dataset, groups, windows, seed)
    with ExitStack() as stack:
        where = out if out is not None else stack.enter_context(tempfile.TemporaryDirectory())
        run = stack.enter_context(Run(where, resume=resume))
        settings = _settings(dataset, problem, quick=quick, tolerance=tolerance)
        run.configure(settings)
        if not run.has("problem.json"):
            problem.save(run)
        work = _Work(run, problem, engine, workers, address, progress)
        discovery = _analyse(work, dataset, tolerance=tolerance, quick=quick)
        discovery = replace(discovery, seconds=time.monotonic() - began, settings={**settings, **_versions()})
        if out is not None:
            discovery.to_json(run.path / "result.json")
            discovery.report(run.path / "report.html")
        return discovery


class _Work:
    """The engine and the run that all phases share."""

    def __init__(
        self, run: Run, problem: Problem, engine: str, workers: int | None, address: str | None, progress: bool | None
    ) -> None:
        self.run, self.problem = run, problem
        self._how: dict[str, Any] = {"engine": engine, "workers": workers, "address": address, "progress": progress}

    def map(self, jobs: Sequence[Job], description: str) -> list[Any]:
        return map_jobs(jobs, self.run, description=description, **self._how)


def _analyse(work: _Work, dataset: Dataset, *, tolerance: float, quick: bool) -> Discovery:
    problem = work.problem
    learner, splits, fits, scores, training = _compete(work, quick)
    indices = range(len(problem.candidates))
    jobs = [inputs_job(problem, i) for i in indices]
    jobs += [measure_job(problem, learner, i, split) for i in indices for split in range(splits)]
    outcomes = work.map(jobs, "judging candidates")
    names = [candidate.name for candidate in problem.candidates]
    tested = dict(zip(names, outcomes[: len(names)], strict=True))
    rest = outcomes[len(names) :]
    measured = {name: rest[i * splits : (i + 1) * splits] for i, name in enumerate(names)}
    refits = _refits(work, learner, splits, tested)
    curves, found_axes = _continuous(work, learner, splits)
    calibration = {} if quick else _calibrate(work, learner)
    found = findings(
        problem, measured, tested, refits, imposed=dataset.imposed, truth=dict(dataset.truth or {}), tolerance=tolerance
    )
    energy = problem.energy()
    losses = torch.stack([_losses(problem, fits, split) for split in range(splits)])
    mse, V = float(losses.mean()), float(energy.mean())
    below = subgroups(problem.candidates)
    advice = recommend([Finding(f.name, f.verdict, f.cost_rmse, f.price.mean, bool(f.imposed)) for f in found], below)
    state, _ = learn(learner, problem, problem.x, problem.y, problem.unit, seed=problem.seed, stream=("final",))
    return Discovery(
        data={
            "name": dataset.name, "title": dataset.title, "story": dataset.story, "rows": dataset.rows,
            "units": dataset.units, "inputs": str(dataset.types.x), "targets": str(dataset.types.y),
            "source": dataset.source, "noise": dataset.noise,
            "settings": {key: str(value) for key, value in dataset.settings.items()},
        },
        groups=tuple(found),
        edges=tuple((small, big) for big, smalls in below.items() for small in smalls),
        continuous=found_axes,
        recommendation=advice,
        tolerance=tolerance,
        learnt=Learnt(
            learner, 1 - mse / V, (mse / problem.y.shape[1]) ** 0.5, V, splits, scores,
            str(state["core"].get("kernel", "")),
        ),
        curves=tuple(curves),
        training=Training(**training) if training else Training(),
        calibration=calibration,
        notes=tuple(_notes(dataset, found)),
        model=revive(learner, problem, state),
        samples=dataset,
    )  # fmt: skip


def _compete(work: _Work, quick: bool) -> tuple[str, int, dict[tuple[int, int], Any], dict[str, float], dict[str, Any]]:
    """The learner that predicts one held-out half better, with the number of splits, its fits, the scores of all
    learners and the curves of the network's training."""
    problem = work.problem
    splits = 5 if len(problem.x) <= 2500 else 3

    def fit(learner: str, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Any]:
        jobs = [fit_job(problem, learner, split, fold) for split, fold in pairs]
        return dict(zip(pairs, work.map(jobs, f"fitting: {learner}"), strict=True))

    fits = fit("kernel", [(split, fold) for split in range(splits) for fold in (0, 1)])
    V = float(problem.energy().mean())
    scores = {"kernel": float(fits[0, 0]["loss"].mean()) / V}
    if quick:
        return "kernel", splits, fits, scores, {}
    trial = fit("network", [(0, 0)])[0, 0]
    scores["network"] = float(trial["loss"].mean()) / V
    if scores["network"] > _NETWORK_MARGIN * scores["kernel"]:
        return "kernel", splits, fits, scores, trial["curves"]
    fits = fit("network", [(split, fold) for split in range(3) for fold in (0, 1)])
    return "network", 3, fits, scores, trial["curves"]


def _losses(problem: Problem, fits: Mapping[tuple[int, int], Any], split: int) -> Tensor:
    """Held-out squared error of every row in one split."""
    losses = torch.empty(len(problem.x), dtype=torch.float64)
    for fold in (0, 1):
        losses[problem.half(split) == fold] = torch.from_numpy(fits[split, fold]["loss"])
    return losses


def _refits(work: _Work, learner: str, splits: int, tested: Mapping[str, Any]) -> dict[str, Refit]:
    """Refits with the symmetry imposed, for candidates whose inputs are not invariant or that have no uniform law."""
    problem = work.problem
    wanted = [
        (i, candidate)
        for i, candidate in enumerate(problem.candidates)
        if isinstance(candidate.measured, Window) or not tested[candidate.name]["invariant"]
    ]
    # Each split refits twice for each candidate; on long tables two splits tell enough.
    splits = min(splits, 2) if len(problem.x) > _LONG else splits
    jobs = [refit_job(problem, learner, i, split) for i, _ in wanted for split in range(splits)]
    outcomes = work.map(jobs, "imposing and refitting") if jobs else []
    return {
        candidate.name: refit_of(outcomes[at * splits : (at + 1) * splits], problem.unit)
        for at, (_, candidate) in enumerate(wanted)
    }


def _continuous(work: _Work, learner: str, splits: int) -> tuple[list[Curve], Any]:
    """Curves along one-parameter subgroups and the Gram spectrum, on the largest algebra among the candidates."""
    problem = work.problem
    index = max(range(len(problem.candidates)), key=lambda i: problem.candidates[i].group.dim)
    candidate = problem.candidates[index]
    if candidate.group.dim == 0:
        return [], continuous(candidate, None)
    curve, gram = work.map(
        [curves_job(problem, learner, index), gram_job(problem, learner, index, splits)], "continuous subgroups"
    )
    curves = [
        Curve(name, tuple(curve["angles"]), tuple(values), candidate.width is None)
        for name, values in zip(curve["names"], curve["values"], strict=True)
    ]
    return curves, continuous(candidate, gram)


def _calibrate(work: _Work, learner: str) -> dict[str, tuple[float, ...]]:
    """What the same analysis reads off exactly symmetric copies of the data, for every compact candidate."""
    problem = work.problem
    compact = [candidate for candidate in problem.candidates if not isinstance(candidate.measured, Window)]
    if not compact:
        return {}
    jobs = [surrogate_job(problem, "kernel", copy, _CALIBRATED_ROWS) for copy in range(_SURROGATES)]
    outcomes = work.map(jobs, "calibrating on symmetric copies")
    return {name: tuple(float(outcome["breaking"][name]) for outcome in outcomes) for name in outcomes[0]["breaking"]}


def _dataset(x: Any, y: Any, types: Any, cluster: Any) -> Dataset:
    if isinstance(x, Dataset):
        if y is not None or types is not None:
            raise SchemaError("a Dataset together with y or types", "one of them", "a Dataset holds all three")
        return x
    if y is None or types is None:
        raise SchemaError("x alone", "x, y and types", 'discover(x, y, dict(x=5 * Vector, y=Scalar), groups="O(3)")')
    schema = types if isinstance(types, Schema) else Schema(**dict(types))
    unit = None if cluster is None else torch.unique(torch.as_tensor(cluster), return_inverse=True)[1]
    return Dataset(_table("x", x), _table("y", y), schema, unit)


def _table(name: str, values: Any) -> Tensor:
    """A float64 table from a tensor or array of floating numbers; nothing else is converted."""
    if isinstance(values, np.ndarray):
        if values.dtype.kind not in "f":
            raise SchemaError(f"{name} with dtype {values.dtype}", "floating-point numbers", f"{name}.astype(float)")
        values = torch.from_numpy(np.ascontiguousarray(values))
    if not isinstance(values, Tensor) or not values.is_floating_point():
        raise SchemaError(f"{name} of type {type(values).__name__}", "a floating-point tensor or array")
    return (values[:, None] if values.ndim == 1 else values).double()


def _problem(dataset: Dataset, groups: Any, windows: Mapping[str, float] | None, seed: int) -> Problem:
    listed = dataset.groups if groups is None else groups
    if not listed:
        raise SchemaError("no candidate groups", "at least one", 'groups="O(3),O(2)@z"')
    unit = _units(dataset)
    units = int(unit.max()) + 1
    if units < 8:
        raise ShapeError(f"{units} independent units", "at least 8", "declare finer clusters, or give more data")
    found = candidates(listed, dataset.types, dataset.x, {**dict(dataset.windows), **(windows or {})})
    problem = Problem(dataset.x, dataset.y, unit, dataset.types, found, seed)
    # Columns alone cannot tell the dimensions of two spaces apart; together with the candidates they can.
    types = dataset.types.model_copy(update={"dims": problem.dims})
    types.check(dataset.x, dataset.y)
    return replace(problem, types=types)


def _units(dataset: Dataset) -> Tensor:
    """Independent units 0, 1, ...: the declared clusters, else the rows, equal inputs together."""
    if dataset.cluster is not None:
        return torch.unique(dataset.cluster, return_inverse=True)[1]
    unit = torch.unique(dataset.x, dim=0, return_inverse=True)[1]
    repeated = dataset.rows - int(unit.max()) - 1
    if not repeated:
        return torch.arange(dataset.rows)
    warnings.warn(
        f"{repeated} rows repeat the inputs of others; rows with equal inputs are kept together. Where rows are "
        "repeated measurements or steps of one series, declare cluster=",
        stacklevel=3,
    )
    return unit


def _settings(dataset: Dataset, problem: Problem, *, quick: bool, tolerance: float) -> dict[str, Any]:
    digest = hashlib.sha256()
    for array in (problem.x, problem.y, problem.unit):
        digest.update(array.numpy().tobytes())
    return {
        "data": dataset.name or "given arrays",
        "settings": {key: str(value) for key, value in dataset.settings.items()},
        "sha256": digest.hexdigest(),
        "groups": [candidate.name for candidate in problem.candidates],
        "windows": {c.name: list(c.width) for c in problem.candidates if c.width is not None},
        "seed": problem.seed,
        "quick": quick,
        "tolerance": tolerance,
    }


def _versions() -> dict[str, str]:
    from isotropy import __version__

    return {"versions": f"isotropy {__version__}, torch {torch.__version__}, Python {platform.python_version()}"}


def _notes(dataset: Dataset, found: Sequence[GroupFinding]) -> list[str]:
    notes: list[str] = []
    for finding in found:
        if finding.imposed:
            notes.append(f"{finding.name}: {finding.imposed}")
        elif not finding.inputs_invariant:
            notes.append(
                f"{finding.name}: the law of the inputs is not invariant (a classifier tells moved inputs apart on "
                f"{finding.shift:.0%} of the probability mass). That is a fact about the inputs, not about the map "
                "from inputs to targets, which is judged by refitting with the symmetry imposed."
            )
        if finding.width is not None:
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
