"""What an experiment is: a paper, two sizes of our own, trials, and the shapes that must hold in what they give."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import Any, Generic, TypeVar, cast

from isotropy.errors import SchemaError
from isotropy.fields import from_text, jsonable
from isotropy.report import Table
from isotropy.runs import Run, map_jobs
from isotropy.study._claims import Claim
from isotropy.study._scores import Scored
from isotropy.study._trials import Configuration, Done, Trial

C = TypeVar("C", bound=Configuration)
R = TypeVar("R", bound=Scored)
_BY_OPTIONS = {"seed": "--seed 1", "device": "--device cuda", "parts": "--part NAME"}


@dataclass(frozen=True)
class Experiment(Generic[C, R]):
    """A published experiment that can be run again: ``isotropy reproduce NAME [--full]``.

    Parameters
    ----------
    name: what the command line calls it.
    paper: authors, title, place, year.
    result: the class of its answer, which declares the report and what others published.
    small: a configuration that takes minutes on two cores.
    full: the paper's sizes.
    trials: the jobs of a configuration, and where their numbers stand.
    judge: the claims that its answer is tried by, or a function from the configuration to these.

    >>> from isotropy.experiments import REGISTRY
    >>> REGISTRY["soft-equivariance"].paper[:8]
    'Kim, Lee'
    """

    name: str
    paper: str
    result: type[R]
    small: C
    full: C
    trials: Callable[[C], Iterable[Trial]]
    judge: Sequence[Claim[R]] | Callable[[C], Iterable[Claim[R]]]

    @property
    def published(self) -> Table:
        """Other people's numbers, never mixed with ours."""
        return self.result.published.table

    @property
    def claims(self) -> tuple[Claim[R], ...]:
        """The claims on the small version."""
        return self.claims_of(self.small)

    def claims_of(self, config: C) -> tuple[Claim[R], ...]:
        """Those that the parts which run can decide."""
        found = self.judge(config) if callable(self.judge) else self.judge
        return tuple(claim for claim in found if not config.parts or claim.tasks <= set(config.parts))

    def run(self, config: C, run: Run) -> R:
        """Computes what ``run`` does not hold yet, and says which claims held; a killed run continues.

        ``seconds`` of the result is the sum of the jobs' processor seconds, whatever the engine.
        """
        chosen = [trial for trial in self.trials(config) if not config.parts or trial.task in config.parts]
        done: list[Done] = []
        for stage in dict.fromkeys(trial.stage for trial in chosen):
            some = [trial for trial in chosen if trial.stage == stage]
            engine = "serial" if any(trial.alone for trial in some) else config.engine
            outcomes = map_jobs([trial.job for trial in some], run, engine, description=stage)
            done += zip(some, outcomes, strict=True)
        result = self.result(
            **self.result.told(config, done),
            config=cast(dict[str, Any], jsonable(asdict(config))),
            seconds=sum(outcome["seconds"] for _, outcome in done),
        )
        return replace(result, claims=tuple(claim.judge(result) for claim in self.claims_of(config)))

    def configured(
        self,
        *,
        full: bool = False,
        seed: int = 0,
        parts: Sequence[str] = (),
        device: str | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> C:
        """The small or the full version with some of its fields changed: ``settings={"plan.epochs": "10"}``.

        Raises ``SchemaError`` for a field that there is not (naming the nearest), a value that does not fit it, a part
        that no trial belongs to, and a device that this machine does not have; ``MissingExtraError`` for a part whose
        extra is not installed.
        """
        config = replace(self.full if full else self.small, seed=seed)
        for key, value in (settings or {}).items():
            config = _changed(config, key, value, self.name)
        if device is not None:
            if not hasattr(config, "device"):
                raise SchemaError(f"--device {device} for {self.name}", "no device: it runs on the CPU")
            _available(device)
            config = replace(config, **{"device": device})
        if parts:
            asked = replace(config, parts=tuple(parts))  # trials may need an extra that only one part asks for
            known = list(dict.fromkeys(trial.task for trial in self.trials(asked)))
            for part in parts:
                if part not in known:
                    raise SchemaError(f"--part {part} for {self.name}", "one of " + ", ".join(known))
            config = replace(config, parts=tuple(one for one in known if one in parts))
        return config


def _changed(config: Any, key: str, value: object, name: str) -> Any:
    """The dataclass with one field, or one field of a dataclass in it ("plan.epochs"), read from text."""
    known = list(_paths(config))
    if key not in known:
        near = difflib.get_close_matches(key, known, 1) or [one for one in known if one.endswith(f".{key}")]
        hint = _BY_OPTIONS.get(key) or (f"--set {near[0]}=..." if near else "")
        raise SchemaError(f"--set {key}=... for {name}", "one of " + ", ".join(known), hint)
    return _replaced(config, key, value, name)


def _replaced(config: Any, key: str, value: object, name: str) -> Any:
    head, _, rest = key.partition(".")
    if rest:
        return replace(config, **{head: _replaced(getattr(config, head), rest, value, name)})
    others = {one.name: getattr(config, one.name) for one in fields(config)}
    return replace(config, **{head: getattr(from_text(type(config), {**others, head: value}, of=name), head)})


def _paths(config: Any, hidden: Iterable[str] = tuple(_BY_OPTIONS)) -> Iterable[str]:
    for one in fields(config):
        inner = getattr(config, one.name)
        if is_dataclass(inner):
            yield from (f"{one.name}.{path}" for path in _paths(inner, ("device",)))
        elif one.name not in hidden and _is_plain(inner):
            yield one.name


def _is_plain(value: object) -> bool:
    """Whether a command line can say it: a number, a text, or several."""
    several = cast(tuple[object, ...], value) if isinstance(value, tuple) else (value,)
    return all(one is None or isinstance(one, str | int | float) for one in several)


def _available(device: str) -> None:
    """Raises ``SchemaError``, before anything runs, for a device that this machine does not have."""
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as missing:
        reason = str(missing).splitlines()[0]
        raise SchemaError(f"--device {device}", "a device of this machine, e.g. cpu or cuda", reason) from missing
