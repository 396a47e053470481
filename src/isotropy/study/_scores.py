"""What experiments record: one number of one method in one setting for each seed, and results that consist of those."""

from __future__ import annotations

import statistics
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol, cast, runtime_checkable

from isotropy.report import Block, Column, Result, Table
from isotropy.study._claims import Number, Value, Verdict, claim_blocks
from isotropy.study._published import Published

Show = Callable[[Any], Iterable[Block]]


@runtime_checkable
class Measured(Protocol):
    """What tables, figures and claims read: a number for each seed of one method in one setting of a task."""

    @property
    def task(self) -> str: ...
    @property
    def setting(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def values(self) -> Sequence[Number]: ...
    @property
    def parameters(self) -> int: ...
    @property
    def seconds(self) -> Number: ...
    @property
    def mean(self) -> float: ...
    @property
    def sd(self) -> float | None: ...


class OverSeeds:
    """The mean and the standard deviation of ``values``."""

    @property
    def mean(self: Any) -> float:
        return statistics.fmean(self.values)

    @property
    def sd(self: Any) -> float | None:
        """The standard deviation over seeds, None for a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Score(OverSeeds):
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


@dataclass(frozen=True, kw_only=True)
class Reproduction(Result):
    """The answer of an experiment: its lines, the claims that they decide, and how a report shows them.

    A subclass declares ``heading``, the blocks ``shown`` after the claims (`numbers`, `grid`, `bars`, `curves`, or any
    function from the result to blocks), and what others ``published``; ``told`` reads its own fields off outcomes.
    """

    heading: ClassVar[str] = ""
    shown: ClassVar[Sequence[Show]] = ()
    published: ClassVar[Published] = Published()
    number: ClassVar[Literal["number", "percent"]] = "number"
    claims: tuple[Verdict, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @abstractmethod
    def measures(self) -> Sequence[Measured]:
        """Every number of the result, with its values over seeds."""

    @classmethod
    @abstractmethod
    def told(cls, config: Any, done: Sequence[Any]) -> dict[str, Any]:
        """The fields that are read off finished trials ``(trial, outcome)``."""

    def measure(self, task: str, setting: str, method: str) -> Measured:
        """The line of that task, setting and method; raises ``KeyError`` where there is none."""
        for line in self.measures():
            if (line.task, line.setting, line.method) == (task, setting, method):
                return line
        raise KeyError(f"no {method!r} in {setting!r} of {task!r}")

    def rows(self) -> Sequence[Mapping[str, float | int | str | None]]:
        return [
            {
                "task": line.task,
                "setting": line.setting,
                "method": line.method,
                "unit": line.unit,
                "mean": line.mean,
                "sd": line.sd,
                "seeds": len(line.values),
                "parameters": line.parameters,
                "seconds": line.seconds,
            }
            for line in self.measures()
        ]

    def title(self) -> str:
        return self.heading or super().title()

    def provenance(self) -> Mapping[str, object]:
        return {"seed": self.config.get("seed"), "seconds": f"{self.seconds:.1f}"}

    def summary(self) -> Table:
        lines = self.measures()
        floors = any(_floor(line) is not None for line in lines)
        columns = (
            Column("table"),
            Column("setting"),
            Column("method"),
            Column("number", self.number, explain="the mean over seeds"),
            Column("sd", self.number, explain="standard deviation over seeds"),
            *([Column("floor", self.number, explain="what no line of its kind goes below")] if floors else []),
            Column("unit"),
            Column("seeds", "number"),
            Column("parameters", "number"),
            Column("CPU s", "number", explain="processor seconds of one seed, one core"),
        )
        rows = [
            (s.task, s.setting, s.method, s.mean, s.sd, *floor, s.unit, len(s.values), s.parameters, s.seconds)
            for s in lines
            for floor in [(_floor(s),) if floors else ()]
        ]
        return Table(columns, rows, notes=self.published.notes({line.task for line in lines}))

    def blocks(self) -> Sequence[Block]:
        return [*claim_blocks(self.claims), *(block for show in self.shown for block in show(self))]


@dataclass(frozen=True, kw_only=True)
class Scored(Reproduction):
    """A reproduction that consists of scores, merged over seeds."""

    scores: tuple[Score, ...] = ()

    def measures(self) -> Sequence[Score]:
        return self.scores

    def score(self, task: str, setting: str, method: str) -> Score:
        """The line of that task, setting and method; raises ``KeyError`` where there is none."""
        return cast(Score, self.measure(task, setting, method))

    @classmethod
    def told(cls, config: Any, done: Sequence[Any]) -> dict[str, Any]:
        return {"scores": merged(done)}


def _floor(line: Measured) -> float | None:
    return getattr(line, "floor", None)


def merged(done: Iterable[tuple[Any, Mapping[str, Any]]]) -> tuple[Score, ...]:
    """One line for each method in each setting, with a number for every seed, and the mean of their seconds."""
    lines: dict[tuple[str, str, str], list[Score]] = {}
    for trial, outcome in done:
        for score in trial.scores(outcome):
            lines.setdefault((score.task, score.setting, score.method), []).append(score)
    return tuple(
        replace(
            same[0],
            values=tuple(value for score in same for value in score.values),
            seconds=sum(score.seconds for score in same) / len(same),
        )
        for same in lines.values()
    )


def of(task: str, setting: str, method: str) -> Value[Reproduction]:
    """The mean over seeds of one line of the result; KeyError where it was not run."""
    return Value(lambda result: result.measure(task, setting, method).mean, frozenset({task}))


def worst(task: str, setting: str, method: str) -> Value[Reproduction]:
    """The largest over seeds."""
    return Value(lambda result: max(result.measure(task, setting, method).values), frozenset({task}))
