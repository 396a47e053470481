"""What several experiments record alike: one number of one method in one setting for each seed, and tables of those."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from isotropy.errors import DomainError
from isotropy.experiments._claims import Claim, Verdict
from isotropy.report import Column, Result, Table

Number = float | int


@dataclass(frozen=True)
class Score:
    """``method`` in ``setting`` of ``task``: a number for each seed, its unit in words, the mean CPU seconds of a seed.

    >>> Score("particles", "test", "GNN", "MSE", (1.0, 2.0), 10, 0.1).mean
    1.5
    """

    task: str
    setting: str
    method: str
    unit: str
    values: tuple[Number, ...]
    parameters: int
    seconds: Number

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def sd(self) -> float | None:
        """The standard deviation over seeds, None for a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True, kw_only=True)
class Scored(Result):
    """A result that consists of scores, and of the claims that they decide."""

    scores: tuple[Score, ...] = ()
    claims: tuple[Verdict, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def score(self, task: str, setting: str, method: str) -> Score:
        """The line of that task, setting and method; raises ``KeyError`` where there is none."""
        for score in self.scores:
            if (score.task, score.setting, score.method) == (task, setting, method):
                return score
        raise KeyError(f"no {method!r} in {setting!r} of {task!r}")

    def rows(self) -> Sequence[Mapping[str, float | int | str | None]]:
        return [
            {
                "task": score.task,
                "setting": score.setting,
                "method": score.method,
                "unit": score.unit,
                "mean": score.mean,
                "sd": score.sd,
                "seeds": len(score.values),
                "parameters": score.parameters,
                "seconds": score.seconds,
            }
            for score in self.scores
        ]

    def provenance(self) -> Mapping[str, object]:
        return {"seed": self.config.get("seed"), "seconds": f"{self.seconds:.1f}"}

    def published(self) -> Iterable[str]:
        """Lines of other people's numbers that a terminal shows below the table."""
        return ()

    def summary(self) -> Table:
        columns = (
            Column("table"),
            Column("setting"),
            Column("method"),
            Column("number", "number", explain="the mean over seeds"),
            Column("sd", "number", explain="standard deviation over seeds"),
            Column("unit"),
            Column("seeds", "number"),
            Column("parameters", "number"),
            Column("CPU s", "number", explain="processor seconds of one seed, one core"),
        )
        rows = [
            (s.task, s.setting, s.method, s.mean, s.sd, s.unit, len(s.values), s.parameters, s.seconds)
            for s in self.scores
        ]
        return Table(columns, rows, notes=list(self.published()))


R = TypeVar("R", bound=Scored)
Value = Callable[[R], float]


def of(task: str, setting: str, method: str) -> Callable[[Scored], float]:
    """The mean over seeds of one line of the result; KeyError where it was not run."""
    return lambda result: result.score(task, setting, method).mean


def worst(task: str, setting: str, method: str) -> Callable[[Scored], float]:
    """The largest over seeds."""
    return lambda result: max(result.score(task, setting, method).values)


def ratio(one: Value[R], other: Value[R]) -> Value[R]:
    return lambda result: one(result) / other(result)


def below(text: str, one: Value[R], other: Value[R]) -> Claim[R]:
    """The claim that one number is less than another."""
    return Claim(text, lambda r: one(r) < other(r), lambda r: f"{one(r):.4g} < {other(r):.4g}")


def at_most(text: str, values: Iterable[Value[R]], bound: float) -> Claim[R]:
    """The claim that no number is above ``bound``; raises DomainError for none, of which all would be true."""
    all_of = _some(text, values)
    return Claim(
        text,
        lambda r: all(value(r) <= bound for value in all_of),
        lambda r: ", ".join(f"{value(r):.3g}" for value in all_of) + f" <= {bound:g}",
    )


def at_least(text: str, values: Iterable[Value[R]], bound: float) -> Claim[R]:
    """The claim that no number is below ``bound``; raises DomainError for none, of which all would be true."""
    all_of = _some(text, values)
    return Claim(
        text,
        lambda r: all(value(r) >= bound for value in all_of),
        lambda r: ", ".join(f"{value(r):.4g}" for value in all_of) + f" >= {bound:g}",
    )


def _some(text: str, values: Iterable[Value[R]]) -> tuple[Value[R], ...]:
    found = tuple(values)
    if not found:
        raise DomainError(f"a claim about no number: {text}", "one number or more")
    return found
