"""The verb: the same folds and the same budget for every way to use a symmetry, and the table that comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from isotropy.comparison._duration import announce
from isotropy.comparison._fold import folds_by_method
from isotropy.comparison._methods import Budget, Method, kinds_of, methods_of
from isotropy.comparison._own import Own, one_hot
from isotropy.comparison._result import Comparison
from isotropy.comparison._table import Outcomes, comparison_of, largest_class
from isotropy.comparison._training import folds_of, train_fold
from isotropy.comparison._within import held_to
from isotropy.data import Dataset, Pictures, Tabular, Types
from isotropy.errors import SchemaError
from isotropy.groups import Window, is_subgroup, parse
from isotropy.reps import Scalar
from isotropy.runs import Job
from isotropy.study import (
    CandidateLike,
    Problem,
    answering,
    data_settings,
    dataset_of,
    listed,
    problem_of,
    told_of,
)


def compare(
    x: Dataset | Pictures | Tabular,
    y: Tabular | str | None = None,
    types: Types | None = None,
    *,
    groups: str | CandidateLike | Sequence[CandidateLike] | None = None,
    methods: str | Sequence[str] | None = None,
    backbone: Callable[[int, int], Any] | str | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] | str = "squared",
    rate: float | None = None,
    cluster: Iterable[Any] | str | None = None,
    seed: int = 0,
    quick: bool = False,
    memory: str | float | None = None,
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
    ``x (n, p)`` and ``y (n, q)`` are typed by ``types`` (or come together as a Dataset); integers count as numbers. The
    types may name the columns of a DataFrame ``x``, as for ``discover``.
    ``cluster (n,)`` are labels of the independent units, numbers or text. ``groups`` are groups, their names or
    Windows; with a single one, those candidates of the Dataset that are its subgroups come along. ``methods`` keeps
    some kinds only ("frames,layers"; plain is always there).
    ``quick`` is a first look: three folds of 500 steps, smaller networks. With ``out`` the run lives in that
    directory: a killed run continues with ``resume=True``, and the report is written there.

    Of ``Pictures`` x alone is given: TrivialAugment and a constraint stand beside the others, and ``methods``,
    ``quick``, ``windows`` and ``seed`` are all that may be said (docs/compare.md).

    ``memory``, such as "2GB", is a budget for forward and backward pass of every method, as ``fit`` takes it: networks
    that are chains of layers keep less and run the rest again, to the same bits; others are measured, and not run if
    they need more. The notes say which.

    ``backbone`` takes the place of our network everywhere but in exact layers: what makes one of (inputs, outputs),
    which sees rows (B, inputs), or its name "module:name"; ``rate`` is its learning rate (3e-3). ``loss`` is
    "squared", "absolute", "cross-entropy" for a column of classes 0, 1, ... that logits predict, or a function of
    predictions and targets (B, outputs) that gives each row a loss of at least 0, or its name. Functions and classes
    stand at the top of a module, so that other processes find them. Neither has a soft network.

    Raises ShapeError, SchemaError or DomainError for data, groups and methods that do not fit, InfeasibleBudget where
    the plain network needs more memory. Source: docs/compare.md.

    >>> from isotropy.data import load
    >>> found = compare(load("scaling", n=60), methods="augmentation", quick=True)
    >>> [method.name for method in found.methods]
    ['plain', 'augmentation Scale(3)']
    """
    began = time.monotonic()
    if isinstance(x, Pictures):
        others = {"y": y, "types": types, "cluster": cluster, "backbone": backbone, "rate": rate, "memory": memory}
        said = [name for name, given in others.items() if given is not None] + (["loss"] if loss != "squared" else [])
        if said:
            raise SchemaError(f"{', '.join(said)} with pictures", "groups, methods, windows, quick and seed")
        from isotropy.comparison._pictures import compare_pictures  # networks, only for pictures

        return compare_pictures(
            x, groups=groups, methods=methods, seed=seed, quick=quick, windows=windows, engine=engine, workers=workers,
            address=address, out=out, resume=resume, progress=progress,
        )  # fmt: skip
    kinds, own = kinds_of(methods), Own.of(backbone, loss, rate)
    dataset = dataset_of(x, y, types, cluster)
    problem = problem_of(dataset, _with_subgroups(dataset, groups), windows, seed)
    problem = _of_classes(_without_imposed(problem, dataset)) if own.classes else _without_imposed(problem, dataset)
    own.network(problem.x.shape[1], problem.y.shape[1], seed)  # refused before anything is trained
    budget = Budget.of(len(problem.x), quick=quick)
    existing = methods_of(problem, kinds, own=bool(own.backbone or own.loss))
    settings = {**data_settings(dataset, problem), "methods": list(kinds), "quick": quick, "budget": asdict(budget)}
    within: dict[str, Any] = {} if memory is None else {"memory": memory}
    settings |= own.told | within
    existing, told = (existing, []) if memory is None else held_to(memory, problem, existing, budget, own)
    with answering(out, resume, settings, problem, began=began) as answer:
        tried = [method for method in existing if not method.missing]

        def job(method: Method, fold: int) -> Job:
            asked: dict[str, Any] = {"kind": method.kind, "group": method.group, "fold": fold, "budget": budget}
            return problem.job(train_fold, **asked, **own.told, **within)

        left = [one for one in tried for fold in range(budget.folds) if not answer.run.has(job(one, fold).file)]
        announce(problem, left, budget, own, engine, workers, progress)
        found = folds_by_method(
            tried, budget.folds, job, answer.run, engine=engine, workers=workers, address=address, progress=progress,
            description="training",
        )  # fmt: skip
        result = judged(dataset, problem, existing, found, budget, own)
        return answer.write(replace(result, notes=(*result.notes, *told), **answer.stamp()))


def _of_classes(problem: Problem) -> Problem:
    """Numbers of classes as columns of shares, each a Scalar.

    Raises SchemaError for a column of another type: what a mirror or a turn changes is no number of a class.
    """
    y = one_hot(problem.y)
    (part,) = problem.rep_out.parts()
    if part.atom != Scalar:
        raise SchemaError(f"classes as {part.atom}", "a Scalar, which no group changes", f'y: Scalar("{part.name}")')
    return replace(problem, y=y, types=problem.types.model_copy(update={"y": y.shape[1] * Scalar("class")}))


def _with_subgroups(dataset: Dataset, groups: Any) -> Any:
    """A single group, and the candidates that the data set itself lists below it; several are taken as they are."""
    given = [] if groups is None else listed(groups, dataset.types, dataset.x)
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


def judged(
    dataset: Dataset,
    problem: Problem,
    listed: Sequence[Method],
    found: Mapping[str, Outcomes],
    budget: Budget,
    own: Own,
) -> Comparison:
    """The comparison that the ``found`` folds of each method make, without its seconds and settings.

    Raises DomainError where the plain network, to which all are compared, did not converge.
    """
    data = {**told_of(dataset), "units": int(problem.unit.max()) + 1}
    notes = _notes(dataset, problem)
    if own.classes:
        notes.append(largest_class(float(problem.y.mean(0).max()), "rows"))
    fold = folds_of(problem, budget.folds)
    return comparison_of(
        data, listed, found, fold, problem.unit, problem.candidates, budget, squared=not own.loss, notes=tuple(notes)
    )


def _notes(dataset: Dataset, problem: Problem) -> list[str]:
    notes = [
        f"{name}: {reason}. All methods share it, and it is not compared." for name, reason in dataset.imposed.items()
    ]
    for candidate in problem.candidates:
        if candidate.width is not None:
            widths = ", ".join(f"{w:.3g}" for w in sorted(set(candidate.width)))
            notes.append(
                f"{candidate.name}: no uniform law exists on this group; augmentation and asymmetry are within a "
                f"window of width {widths}."
            )
    return notes
