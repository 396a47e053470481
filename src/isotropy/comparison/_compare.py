"""The verb: the same folds and the same budget for every way to use a symmetry."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from isotropy.comparison._findings import judged
from isotropy.comparison._methods import Budget, kinds_of, methods_of
from isotropy.comparison._result import Comparison
from isotropy.comparison._training import train_fold
from isotropy.data import Dataset, Types
from isotropy.errors import SchemaError
from isotropy.groups import Window, is_subgroup, parse
from isotropy.reps import Values
from isotropy.runs import map_jobs
from isotropy.study import CandidateLike, Problem, answering, data_settings, dataset_of, listed, problem_of


def compare(
    x: Dataset | Values,
    y: Values | None = None,
    types: Types | None = None,
    *,
    groups: str | CandidateLike | Sequence[CandidateLike] | None = None,
    methods: str | Sequence[str] | None = None,
    cluster: Iterable[Any] | None = None,
    seed: int = 0,
    quick: bool = False,
    windows: Mapping[str, float] | None = None,
    engine: str = "serial",
    workers: int | None = None,
    address: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> Comparison:
    """Which way to use a symmetry predicts ``y`` best, what each costs, and which to take.

    On the same folds and steps it trains the plain network, and for each candidate group augmentation, frame averaging,
    invariant coordinates and exact layers, where these exist, and one network that keeps all groups softly.
    ``x (n, p)`` and ``y (n, q)`` are typed by ``types`` (or come together as a Dataset); integers count as numbers.
    ``cluster (n,)`` are labels of the independent units, numbers or text. ``groups`` are groups, their names or
    Windows; with a single one, those candidates of the Dataset that are its subgroups come along. ``methods`` keeps
    some kinds only ("frames,layers"; plain is always there).
    ``quick`` is a first look: three folds of 500 steps, smaller networks. With ``out`` the run lives in that
    directory: a killed run continues with ``resume=True``, and the report is written there.

    Raises ShapeError, SchemaError or DomainError for data, groups and methods that do not fit. Source: docs/compare.md.

    >>> from isotropy.data import load
    >>> found = compare(load("scaling", n=60), methods="frames", quick=True)
    >>> [method.name for method in found.run]
    ['frames Scale(3)', 'plain']
    """
    began = time.monotonic()
    kinds = kinds_of(methods)
    dataset = dataset_of(x, y, types, cluster)
    problem = problem_of(dataset, _with_subgroups(dataset, groups), windows, seed)
    problem = _without_imposed(problem, dataset)
    budget = Budget.of(len(problem.x), quick=quick)
    existing = methods_of(problem, kinds)
    settings = {**data_settings(dataset, problem), "methods": list(kinds), "quick": quick, "budget": asdict(budget)}
    with answering(out, resume, settings, problem, began=began) as answer:
        tried = [method for method in existing if not method.missing]
        jobs = [
            problem.job(train_fold, kind=method.kind, group=method.group, fold=fold, budget=budget)
            for method in tried
            for fold in range(budget.folds)
        ]
        outcomes = iter(
            map_jobs(jobs, answer.run, engine, workers, address=address, progress=progress, description="training")
        )
        found = {method.name: [next(outcomes) for _ in range(budget.folds)] for method in tried}
        return answer.write(replace(judged(dataset, problem, existing, found, budget), **answer.stamp()))


def _with_subgroups(dataset: Dataset, groups: Any) -> Any:
    """A single group, and the candidates that the data set itself lists below it; several are taken as they are."""
    given = [] if groups is None else listed(groups)
    if len(given) != 1:
        return groups
    (one,) = given
    whole = one.group if isinstance(one, Window) else one
    own = [parse(name) for name in dataset.groups]
    return [one, *(group for group in own if group.name != whole.name and is_subgroup(group, whole))]


def _without_imposed(problem: Problem, dataset: Dataset) -> Problem:
    """Without the symmetries that the preparation of the data forces on every method alike."""
    left = tuple(c for c in problem.candidates if c.name not in dataset.imposed)
    if not left:
        names = ", ".join(c.name for c in problem.candidates)
        raise SchemaError(f"only {names}, which the preparation of these data imposes", "another candidate group")
    return replace(problem, candidates=left)
