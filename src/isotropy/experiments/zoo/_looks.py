"""The looks: rows of a law are drawn, ``discover`` is asked about them, and what it said is kept."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from isotropy.data.zoo import LAWS
from isotropy.discovery import discover
from isotropy.errors import IsotropyError, SchemaError
from isotropy.experiments.zoo._config import TASK, Config
from isotropy.experiments.zoo._judging import TOLERANCE, Look, Said, misadvised, setting_of, torn, wrong
from isotropy.fields import jsonable
from isotropy.runs import Run
from isotropy.study import Trial, job


@job
def look_job(run: Run, *, seed: int, law: str, rows: int, noise: float) -> dict[str, Any]:
    """A quick look at one law, by somebody who knows its types and nothing else."""
    look = looked(law, rows, noise, seed)
    found = sum(len(list(kind(look))) for kind in (wrong, torn, misadvised)) + bool(look.refused)
    return {"look": jsonable(asdict(look)), "objections": found}


def looked(name: str, rows: int, noise: float, seed: int) -> Look:
    """What ``discover`` says about so many rows of a law."""
    law = LAWS[name]
    data = law.dataset(rows, noise, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a user should look at; a table has no room for it
        try:
            found = discover(
                data.x, data.y, data.types,
                groups=data.groups, windows=law.windows, seed=seed, tolerance=TOLERANCE, quick=True, progress=False,
            )  # fmt: skip
        except IsotropyError as refusal:
            return Look(name, rows, noise, seed, refused=str(refusal))
    said = tuple(
        Said(
            group=one.name,
            verdict=one.verdict,
            breaking=one.breaking.mean,
            low=one.breaking.low,
            high=one.breaking.high,
            price=one.price.mean,
            p=one.p_adjusted,
            parts=tuple((part.name, part.verdict) for part in getattr(one, "parts", ())),
        )
        for one in found.groups
    )
    return Look(name, rows, noise, seed, said, found.recommendation, found.learnt.explained)


def trials(config: Config) -> Iterator[Trial]:
    """Every law with every number of rows and every noise."""
    for name in config.laws or LAWS:
        if name not in LAWS:
            raise SchemaError(f"the law {name!r}", "one of " + ", ".join(LAWS))
        for rows in config.rows:
            for noise in config.noise:
                for seed in config.seeds_of(config.seeds):
                    asked = config.job(look_job, seed, law=name, rows=rows, noise=float(noise))
                    yield Trial(asked, TASK, name, {(setting_of(rows, noise), "objections"): "objections"})
