"""All published experiments in one run that can be resumed, and one table of which claims held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from isotropy.errors import MissingExtraError, SchemaError, counted
from isotropy.report import Block, Column, Result, Table, Text
from isotropy.runs import Run
from isotropy.study import Experiment, Verdict


@dataclass(frozen=True)
class Reproduced:
    """One experiment: its claims as they were judged, processor seconds, and why it did not run, where it did not."""

    experiment: str
    claims: tuple[Verdict, ...] = ()
    seconds: float = 0.0
    missing: str = ""

    def count(self, held: bool | None) -> int:
        """How many claims held (True), did not (False), or could not be decided (None)."""
        return sum(verdict.held is held for verdict in self.claims)


@dataclass(frozen=True, kw_only=True)
class Reproductions(Result):
    """Which claims held, experiment by experiment; ``seconds`` is the sum of the processor seconds of all jobs."""

    kind: ClassVar[str] = "reproductions"
    experiments: tuple[Reproduced, ...] = ()

    def rows(self) -> Sequence[Mapping[str, float | int | str]]:
        """One record for each experiment: its name, three counts of claims, processor seconds."""
        return [
            {
                "experiment": one.experiment,
                "held": one.count(True),
                "not held": one.count(False),
                "not decided": one.count(None),
                "seconds": one.seconds,
            }
            for one in self.experiments
        ]

    def summary(self) -> Table:
        """The counts, with a note for each experiment that did not run."""
        heads = {
            "experiment": Column("experiment"),
            **{word: Column(word, "number") for word in ("held", "not held", "not decided")},
            "seconds": Column("CPU s", "number", explain="processor seconds of all jobs, one core"),
        }
        notes = tuple(f"{one.experiment} did not run: {one.missing}" for one in self.experiments if one.missing)
        return Table(tuple(heads.values()), [[row[key] for key in heads] for row in self.rows()], notes=notes)

    @property
    def claims(self) -> tuple[Verdict, ...]:
        """All claims, each under the name of its experiment."""
        return tuple(
            replace(verdict, text=f"{one.experiment}: {verdict.text}")
            for one in self.experiments
            for verdict in one.claims
        )

    def title(self) -> str:
        """The heading of the report."""
        return "Published experiments, run again"

    def blocks(self) -> Sequence[Block]:
        """How many claims held, the counts, and each claim that did not hold, with what was found."""
        held = sum(verdict.held is True for verdict in self.claims)
        missed = [(verdict.text, verdict.numbers) for verdict in self.claims if verdict.held is False]
        return [
            Text(f"{held} of {counted(len(self.claims), 'claim')} held in this run.", style="headline"),
            self.summary(),
            Table((Column("claim"), Column("found")), missed, title="What did not hold", name="missed"),
        ]


def reproduced(experiment: Experiment[Any, Any], config: Any, run: Run) -> Any:
    """The result of a configuration of an experiment, written as ``result.json`` and ``report.html``."""
    return experiment.run(config, run).write(run.path)


def reproduce_all(
    experiments: Mapping[str, Experiment[Any, Any]],
    run: Run,
    *,
    full: bool = False,
    seed: int = 0,
    device: str | None = None,
) -> Reproductions:
    """Runs each experiment in a folder of its own name and tells which claims held; a killed run continues.

    An experiment that cannot run here, for want of an extra or of data that are named by hand, is told and passed over.
    ``device`` is for those that have one.
    """
    lines: list[Reproduced] = []
    for name, experiment in experiments.items():
        path = run.path / name
        fits = device if hasattr(experiment.small, "device") else None
        config = experiment.configured(full=full, seed=seed, device=fits)
        try:
            with Run(path, resume=path.exists()) as own:
                own.configure({"experiment": name, "full": full, "seed": seed, **({"device": fits} if fits else {})})
                result = reproduced(experiment, config, own)
            lines.append(Reproduced(name, tuple(result.claims), result.seconds))
        except (MissingExtraError, SchemaError) as missing:
            lines.append(Reproduced(name, missing=str(missing)))
    return Reproductions(experiments=tuple(lines), seconds=sum(line.seconds for line in lines)).write(run.path)
