"""The verb: the same folds and the same budget for every way to use a symmetry, and the table that comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isotropy.comparison._duration import announce
from isotropy.comparison._judging import Against, accuracy_of, against, error_from, error_of
from isotropy.comparison._methods import Budget, Method, MethodFinding, Standing, kinds_of, methods_of
from isotropy.comparison._own import Own, one_hot
from isotropy.comparison._recommendation import ALPHA, Contender, as_good, choose, recommend
from isotropy.comparison._result import Comparison
from isotropy.comparison._training import folds_of, train_fold
from isotropy.comparison._within import held_to
from isotropy.data import Dataset, Tabular, Types
from isotropy.errors import DomainError, SchemaError
from isotropy.estimate import Estimate
from isotropy.groups import Window, is_subgroup, parse
from isotropy.reps import Scalar
from isotropy.runs import map_jobs
from isotropy.study import (
    CandidateLike,
    Problem,
    answering,
    data_settings,
    dataset_of,
    listed,
    problem_of,
    subgroups,
    told_of,
)

Outcomes = Sequence[Mapping[str, Any]]


def compare(
    x: Dataset | Tabular,
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
        jobs = [
            problem.job(
                train_fold, kind=method.kind, group=method.group, fold=fold, budget=budget, **own.told, **within
            )
            for method in tried
            for fold in range(budget.folds)
        ]
        left = [method for method, job in zip(_each(tried, budget), jobs, strict=True) if not answer.run.has(job.file)]
        announce(problem, left, budget, own, engine, workers, progress)
        outcomes = iter(
            map_jobs(jobs, answer.run, engine, workers, address=address, progress=progress, description="training")
        )
        found = {method.name: [next(outcomes) for _ in range(budget.folds)] for method in tried}
        result = judged(dataset, problem, existing, found, budget, own)
        return answer.write(replace(result, notes=(*result.notes, *told), **answer.stamp()))


def _each(methods: Sequence[Method], budget: Budget) -> list[Method]:
    return [method for method in methods for _ in range(budget.folds)]


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
    table = _Table.of(problem, listed, found, budget, squared=not own.loss)
    advice = recommend(
        table.contenders, table.below, table.signal, constant="their mean" if table.squared else "a constant"
    )
    return Comparison(
        data={**told_of(dataset), "units": int(problem.unit.max()) + 1},
        methods=tuple(table.finding(method, found.get(method.name, ())) for method in listed),
        recommended=table.chosen if table.signal else "",
        recommendation=advice,
        constant=table.constant,
        edges=tuple((small, big) for big, smalls in table.below.items() for small in smalls),
        budget=asdict(budget),
        notes=(*_notes(dataset, problem), *([_largest_class(problem)] if own.classes else [])),
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """All methods against the best and against the plain one, on the same rows."""

    errors: Mapping[str, Estimate]
    accuracies: Mapping[str, Estimate]
    best: str
    to_best: Mapping[str, Against]
    to_plain: Mapping[str, Against]
    contenders: Sequence[Contender]
    below: Mapping[str, Sequence[str]]
    diverged: Mapping[str, str]
    whole: str  # the candidate under which plain and soft networks are held
    constant: float
    signal: bool
    squared: bool

    @classmethod
    def of(
        cls, problem: Problem, listed: Sequence[Method], found: Mapping[str, Outcomes], budget: Budget, squared: bool
    ) -> _Table:
        fold, unit = folds_of(problem, budget.folds), problem.unit
        diverged = {name: said for name, folds in found.items() for said in [_divergence(folds)] if said}
        if "plain" in diverged:
            raise DomainError(
                f"a plain network that did not converge ({diverged['plain']})",
                "targets and inputs that a network can be trained on",
                "look for a few rows with values far beyond all others",
            )
        losses = {name: _by_row(folds, "loss", fold) for name, folds in found.items() if name not in diverged}
        best = min(losses, key=lambda name: float(losses[name].mean()))
        right = {name: _by_row(found[name], "right", fold) for name in losses if "right" in found[name][0]}
        errors = {name: error_of(loss, fold, unit, squared=squared) for name, loss in losses.items()}
        to_best = against(losses, best, fold, unit, squared=squared)
        mean = _by_row(found["plain"], "constant", fold)
        # The best is the best of many: its p-value against the mean is corrected for their number.
        to_mean = against({**losses, "the mean": mean}, "the mean", fold, unit)[best]
        contenders: list[Contender] = []
        for m in listed:
            if m.name in losses:
                e, p_best = errors[m.name], 1.0 if m.name == best else to_best[m.name].p_adjusted
                contenders.append(Contender(m.name, m.kind, m.group, m.exact, e.mean, e.low, e.high, p_best))
        return cls(
            errors, {name: accuracy_of(each, fold, unit) for name, each in right.items()},
            best, to_best, against(losses, "plain", fold, unit, squared=squared), contenders,
            subgroups(problem.candidates), diverged, problem.candidates[0].name,
            error_from(float(mean.mean()), squared), to_mean.excess < 0 and to_mean.p_adjusted < ALPHA, squared,
        )  # fmt: skip

    @property
    def chosen(self) -> str:
        return choose(self.contenders, self.below).name

    def standing(self, name: str) -> Standing:
        if self.signal and name == self.chosen:
            return "recommended"
        if name == self.best:
            return "best"
        if name in {c.name for c in as_good(self.contenders)}:
            return "as good"
        return "undecided" if self.to_best[name].p_adjusted >= ALPHA else "worse"

    def finding(self, method: Method, outcomes: Outcomes) -> MethodFinding:
        name = method.name
        missing = method.missing or self.diverged.get(name, "")
        if missing:
            return MethodFinding(name, method.kind, method.group, "not run", missing=missing)
        best, plain = self.to_best.get(name), self.to_plain.get(name)
        asymmetry = [o["equivariance_error"] for o in outcomes if o["equivariance_error"] is not None]
        return MethodFinding(
            name,
            method.kind,
            method.group,
            self.standing(name),
            error=self.errors[name],
            excess=0.0 if best is None else best.excess,
            p_best=None if best is None else best.p_adjusted,
            excess_plain=0.0 if plain is None else plain.excess,
            p_plain=None if plain is None else plain.p_adjusted,
            equivariance_error=sum(asymmetry) / len(asymmetry) if asymmetry else None,
            equivariance_group=method.group or self.whole,
            accuracy=self.accuracies.get(name),
            seconds=sum(o["seconds"] for o in outcomes),
            row_seconds=sum(o["predict_seconds"] for o in outcomes) / sum(len(o["loss"]) for o in outcomes),
            peak_mb=max(o["peak_mb"] for o in outcomes),
            parameters=int(outcomes[0]["parameters"]),
            fold_errors=tuple(error_from(float(o["loss"].mean()), self.squared) for o in outcomes),
            best_steps=tuple(int(o["best_step"]) for o in outcomes),
        )


def _divergence(outcomes: Outcomes) -> str:
    """Why a method has no errors, or nothing."""
    return next((f"it did not converge: {o['diverged']}" for o in outcomes if o["diverged"]), "")


def _by_row(outcomes: Outcomes, key: str, fold: Tensor) -> Tensor:
    """The values of all rows in their order, each from the fold that held it out."""
    values = torch.empty(len(fold), dtype=torch.float64)
    for number, outcome in enumerate(outcomes):
        values[fold == number] = torch.from_numpy(outcome[key])
    return values


def _largest_class(problem: Problem) -> str:
    share = float(problem.y.mean(0).max())
    return f"{100 * share:.1f} % of the rows are of the most frequent class: the accuracy of who always says so."


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
