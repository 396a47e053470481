"""What experiments record: one number of one method in one setting for each seed, and results that consist of those."""

import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from isotropy.report import Block, Column, Result, Table
from isotropy.study._claims import Number, Value, Verdict, claim_blocks
from isotropy.study._published import Published

Show = Callable[[Any], Iterable[Block]]


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


@dataclass(frozen=True)
class Trace:
    """What one training leaves for a ``figure``: columns of numbers under a name."""

    figure: str
    name: str
    columns: Mapping[str, Sequence[Number]]


@dataclass(frozen=True, kw_only=True)
class Scored(Result):
    """The answer of an experiment: scores merged over seeds, the claims that they decide, and how a report shows them.

    A subclass declares ``heading``, the blocks ``shown`` after the claims (`numbers`, `grid`, `bars`, `curves`, or any
    function from the result to blocks), and what others ``published``; ``told`` reads its own fields off outcomes.
    """

    heading: ClassVar[str] = ""
    shown: ClassVar[Sequence[Show]] = ()
    published: ClassVar[Published] = Published()
    number: ClassVar[Literal["number", "percent"]] = "number"
    claims: tuple[Verdict, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    scores: tuple[Score, ...] = ()

    @classmethod
    def told(cls, config: Any, done: Sequence[tuple[Any, Mapping[str, Any]]]) -> dict[str, Any]:
        """The fields that are read off finished trials ``(trial, outcome)``."""
        return {"scores": merged(done)}

    def score(self, task: str, setting: str, method: str) -> Score:
        """The line of that task, setting and method; raises ``KeyError`` where there is none."""
        for line in self.scores:
            if (line.task, line.setting, line.method) == (task, setting, method):
                return line
        raise KeyError(f"no {method!r} in {setting!r} of {task!r}")

    def lines(self, task: str, pattern: str = "") -> list[Score]:
        """The lines of a task in whose setting the regular expression ``pattern`` is found."""
        return [line for line in self.scores if line.task == task and re.search(pattern, line.setting)]

    def floor(self, line: Score) -> float | None:
        """What no line of its kind goes below, where that is known."""
        return None

    def rows(self) -> Sequence[Mapping[str, float | int | str | None]]:
        return [
            {
                "task": line.task,
                "setting": line.setting,
                "method": line.method,
                "unit": line.unit,
                "mean": line.mean,
                "sd": line.sd,
                "floor": self.floor(line),
                "seeds": len(line.values),
                "parameters": line.parameters,
                "seconds": line.seconds,
            }
            for line in self.scores
        ]

    def title(self) -> str:
        return self.heading or super().title()

    def provenance(self) -> Mapping[str, object]:
        return {"seed": self.config.get("seed"), "seconds": f"{self.seconds:.1f}"}

    def summary(self) -> Table:
        rows = self.rows()
        heads = {
            "task": Column("table"),
            "setting": Column("setting"),
            "method": Column("method"),
            "mean": Column("number", self.number, explain="the mean over seeds"),
            "sd": Column("sd", self.number, explain="standard deviation over seeds"),
            "floor": Column("floor", self.number, explain="what no line of its kind goes below"),
            "unit": Column("unit"),
            "seeds": Column("seeds", "number"),
            "parameters": Column("parameters", "number"),
            "seconds": Column("CPU s", "number", explain="processor seconds of one seed, one core"),
        }
        if all(row["floor"] is None for row in rows):
            del heads["floor"]
        notes = self.published.notes({line.task for line in self.scores})
        return Table(tuple(heads.values()), [[row[key] for key in heads] for row in rows], notes=notes)

    def blocks(self) -> Sequence[Block]:
        return [*claim_blocks(self.claims), *(block for show in self.shown for block in show(self))]


@dataclass(frozen=True, kw_only=True)
class Traced(Scored):
    """Scores, and the ``traces`` of an outcome under that name, of trainings from the first seed."""

    traces: tuple[Trace, ...] = ()

    def traced(self, figure: str) -> list[Trace]:
        """What trainings left for a figure."""
        return [trace for trace in self.traces if trace.figure == figure]

    @classmethod
    def told(cls, config: Any, done: Sequence[tuple[Any, Mapping[str, Any]]]) -> dict[str, Any]:
        first = [outcome.get("traces", ()) for trial, outcome in done if trial.job.seed == config.seed]
        return {**super().told(config, done), "traces": tuple(Trace(**trace) for some in first for trace in some)}


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


def of(task: str, setting: str, method: str) -> Value[Scored]:
    """The mean over seeds of one line of the result; KeyError where it was not run."""
    return Value(lambda result: result.score(task, setting, method).mean, frozenset({task}))


def worst(task: str, setting: str, method: str) -> Value[Scored]:
    """The largest over seeds."""
    return Value(lambda result: max(result.score(task, setting, method).values), frozenset({task}))


def least(task: str, setting: str, method: str) -> Value[Scored]:
    """The smallest over seeds."""
    return Value(lambda result: min(result.score(task, setting, method).values), frozenset({task}))


def each(
    task: str,
    settings: str | Iterable[str],
    methods: str | Iterable[str],
    read: Callable[[str, str, str], Value[Scored]] = of,
) -> list[Value[Scored]]:
    """What is ``read`` of all these methods, one after another, in all these settings."""
    places = (settings,) if isinstance(settings, str) else tuple(settings)
    names = (methods,) if isinstance(methods, str) else methods
    return [read(task, setting, method) for method in names for setting in places]


def moved(task: str, one: str, other: str, method: str) -> Value[Scored]:
    """How far apart two settings are, in the worst seed."""

    def value(result: Scored) -> float:
        pairs = zip(*(result.score(task, setting, method).values for setting in (one, other)), strict=True)
        return max(abs(a - b) for a, b in pairs)

    return Value(value, frozenset({task}))
