"""An experiment as a list of trials: pure jobs, and where the numbers of their outcomes stand in its tables."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, cast, get_type_hints

from isotropy.fields import from_json
from isotropy.runs import Job, Run
from isotropy.study._scores import Score

P = ParamSpec("P")
C = TypeVar("C", bound="Configuration")
Outcome = Mapping[str, Any]
Key = tuple[str, str]
Numbers = Mapping[Key, str] | Callable[[Outcome], Mapping[Key, Any]]
Done = tuple["Trial", Outcome]


@dataclass(frozen=True, kw_only=True)
class OnDevice:
    """A plan of what may run on an accelerator: its ``device`` is that of the configuration it stands in."""

    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What the configurations of all experiments hold: the parts that run (none named: all), first seed, engine.

    An experiment adds the plans of its parts, and ``device = "cpu"`` where it trains or times on others.
    """

    parts: tuple[str, ...] = ()
    seed: int = 0
    engine: Literal["serial", "process"] = "process"

    def job(self, function: Callable[..., Outcome], seed: int | None = None, **arguments: Any) -> Job:
        """The call of a `job` written down, with the seed of the configuration unless it has its own.

        Dataclasses among the arguments become JSON, their ``device`` that of the configuration.
        """
        device = getattr(self, "device", None)
        for name, value in arguments.items():
            if device is not None and is_dataclass(value) and any(one.name == "device" for one in fields(value)):
                arguments[name] = replace(cast(Any, value), device=device)
        return job_of(function, self.seed if seed is None else seed, **arguments)

    def trials(
        self,
        function: Callable[..., Outcome],
        task: str,
        method: str = "",
        numbers: Numbers | None = None,
        /,
        stage: str = "trials",
        *,
        seeds: int = 1,
        alone: bool = False,
        **arguments: Any,
    ) -> Iterator[Trial]:
        """A `Trial` of the `job` for each of so many ``seeds``; the other ``arguments`` are those of the function."""
        for seed in self.seeds_of(seeds):
            yield Trial(self.job(function, seed, **arguments), task, method, numbers or {}, stage, alone)

    def seeds_of(self, count: int) -> range:
        """So many seeds, from the first one on."""
        return range(self.seed, self.seed + count)


def job_of(function: Callable[..., Outcome], seed: int, **arguments: Any) -> Job:
    """The call of a function at the top of a file, written down; dataclasses among the arguments become JSON."""
    plain = {name: asdict(cast(Any, value)) if is_dataclass(value) else value for name, value in arguments.items()}
    return Job(f"{function.__module__}:{function.__name__}", plain, seed)


def job(function: Callable[Concatenate[Run, P], Outcome]) -> Callable[Concatenate[Run, P], dict[str, Any]]:
    """Makes a function ``(run, *, seed, plan, ...) -> {name: number}`` at the top of a file one that trials can name.

    Dataclasses among its arguments arrive as the JSON that jobs hold, and its ``traces`` leave as such. ``seconds`` of
    the processor are added to what it returns: those of the wall would count what else the machine does. Raises
    ``SchemaError`` for a plan that its type does not know.
    """

    @functools.wraps(function)
    def called(run: Run, /, *positional: P.args, **arguments: P.kwargs) -> dict[str, Any]:
        began = time.process_time()
        hints = get_type_hints(function)
        for name, value in arguments.items():
            if isinstance(value, Mapping) and is_dataclass(hints.get(name)):
                arguments[name] = from_json(dict(cast(Mapping[str, Any], value)), hints[name], name)
        found = dict(function(run, *positional, **arguments))
        if "traces" in found:
            found["traces"] = [asdict(cast(Any, one)) if is_dataclass(one) else one for one in found["traces"]]
        return {**found, "seconds": time.process_time() - began}

    return called


@dataclass(frozen=True)
class Trial:
    """One ``job`` of ``task`` by ``method``, and which of its numbers are scores.

    ``numbers`` maps (setting, unit) to a name in the outcome ("errors.test" for one inside another), or is a function
    from the outcome to numbers by (setting, unit); a mapping there holds those of several methods. Trials of one
    ``stage`` may run side by side, stages follow one another; those that run ``alone`` take turns.

    >>> Trial(Job("isotropy.runs:echo"), "fits", "line", {("test", "MSE"): "error"}).stage
    'trials'
    """

    job: Job
    task: str
    method: str = ""
    numbers: Numbers = field(default_factory=dict[Key, str])
    stage: str = "trials"
    alone: bool = False

    def scores(self, outcome: Outcome) -> Iterator[Score]:
        """The lines that its outcome fills, each with one number."""
        numbers = self.numbers
        read = numbers(outcome) if callable(numbers) else {key: _at(outcome, name) for key, name in numbers.items()}
        for (setting, unit), value in read.items():
            by_method = cast(Mapping[str, Any], value) if isinstance(value, Mapping) else {self.method: value}
            for method, number in by_method.items():
                size, seconds = outcome.get("parameters", 0), outcome["seconds"]
                yield Score(self.task, setting, method, unit, (number,), size, seconds)


def _at(outcome: Outcome, name: str) -> Any:
    return functools.reduce(lambda inner, key: inner[key], name.split("."), cast(Any, outcome))
