"""All methods against the best and against the plain one: the table of a comparison, from the outcomes of its folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from isotropy.comparison._judging import Against, accuracy_of, against, error_from, error_of
from isotropy.comparison._methods import Budget, Method, MethodFinding, Standing
from isotropy.comparison._recommendation import ALPHA, Contender, as_good, choose, recommend
from isotropy.comparison._result import Comparison
from isotropy.errors import DomainError
from isotropy.estimate import Estimate
from isotropy.study import Candidate, subgroups

Outcomes = Sequence[Mapping[str, Any]]


def comparison_of(
    data: Mapping[str, Any],
    listed: Sequence[Method],
    found: Mapping[str, Outcomes],
    fold: Tensor,
    unit: Tensor,
    candidates: Sequence[Candidate],
    budget: Budget,
    *,
    squared: bool = False,
    notes: tuple[str, ...] = (),
) -> Comparison:
    """The comparison of the ``listed`` methods, of which those that were run have outcomes, one for each fold.

    ``fold (n,)`` and ``unit (n,)`` are those of the rows of ``data``, ``candidates`` the groups that were asked for;
    ``squared`` says that errors are roots of mean squares; ``budget`` and ``notes`` are told.

    Raises DomainError where the plain network, to which all are compared, did not converge.
    """
    table = _Table.of(listed, found, fold, unit, candidates, squared)
    advice = recommend(
        table.contenders, table.below, table.signal, constant="their mean" if table.squared else "a constant"
    )
    return Comparison(
        data=data,
        methods=tuple(table.finding(method, found.get(method.name, ())) for method in listed),
        recommended=table.chosen if table.signal else "",
        recommendation=advice,
        constant=table.constant,
        edges=tuple((small, big) for big, smalls in table.below.items() for small in smalls),
        budget=asdict(budget),
        notes=notes,
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
        cls, listed: Sequence[Method], found: Mapping[str, Outcomes], fold: Tensor, unit: Tensor,
        candidates: Sequence[Candidate], squared: bool,
    ) -> _Table:  # fmt: skip
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
            subgroups(candidates), diverged, candidates[0].name,
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


def largest_class(share: float, what: str) -> str:
    """What an accuracy is to be read beside."""
    return f"{100 * share:.1f} % of the {what} are of the most frequent class: the accuracy of who always says so."


def _divergence(outcomes: Outcomes) -> str:
    """Why a method has no errors, or nothing."""
    return next((f"it did not converge: {o['diverged']}" for o in outcomes if o["diverged"]), "")


def _by_row(outcomes: Outcomes, key: str, fold: Tensor) -> Tensor:
    """The values of all rows in their order, each from the fold that held it out."""
    values = torch.empty(len(fold), dtype=torch.float64)
    for number, outcome in enumerate(outcomes):
        values[fold == number] = torch.from_numpy(outcome[key])
    return values
