"""The shapes that must hold (specification 11 §4 and §5): what is exact, what generalises, and against whom."""

from __future__ import annotations

from collections.abc import Iterator

from isotropy.experiments.subequivariant._config import (
    AUGMENTED,
    BEARING,
    BLIND,
    EXACT,
    HEADING,
    MLP,
    OURS,
    PHYSICS,
    PLAIN,
    RETURNS,
    SECTOR,
    TURNS_ALONE,
    Config,
)
from isotropy.study import Claim, Scored, Value, at_least, at_most, below, least, of, worst


def claims(config: Config) -> Iterator[Claim[Scored]]:
    """The claims on the tasks that a configuration has."""
    for method in (OURS, TURNS_ALONE, BLIND, HEADING):
        yield at_most(f"E2: turns change no torque of {method}", worst(EXACT, "turn", method), 1e-12)
    yield at_most("E2: mirrors change no torque under O(2)@z", worst(EXACT, "mirror", OURS), 1e-12)
    yield at_least("E2: mirrors change torques under SO(2)@z", of(EXACT, "mirror", TURNS_ALONE), 1e-2)
    yield at_least("E2: a tilt against gravity changes torques", of(EXACT, "tilt", OURS), 1e-2)
    yield at_most("E2: without gravity no tilt does", worst(EXACT, "tilt", BLIND), 1e-12)
    yield at_least("E2: turns change torques of the MLP", of(EXACT, "turn", MLP), 1e-2)
    for method in (OURS, HEADING):
        yield at_most(
            f"E3: {method} knows turned scenes as those of its sector", _apart(SECTOR, "turned / sector", method), 1e-4
        )
    yield at_least("E3: the MLP does not", of(SECTOR, "turned / sector", MLP), 1.5)
    yield at_most("E3: augmentation nearly closes the gap", of(SECTOR, "turned / sector", AUGMENTED), 1.1)
    yield below(
        "E3: the subequivariant model is the best on turned scenes but for heading normalisation",
        of(SECTOR, "turned", OURS), of(SECTOR, "turned", AUGMENTED),
    )  # fmt: skip
    yield at_least("E5: 90 % of the optimum on every seed", least(BEARING, "of the optimum, all round", OURS), 0.9)
    yield at_least(
        "E5: the worst bearing is worth 95 % of the best on every seed",
        least(BEARING, "worst / best bearing", OURS),
        0.95,
    )
    yield at_most("E5: under 3 minutes of the processor a seed", worst(BEARING, "time of the processor", OURS), 180.0)
    yield below(
        "E5: the MLP is worth less in its worst direction",
        of(BEARING, "worst / best bearing", MLP), of(BEARING, "worst / best bearing", OURS),
    )  # fmt: skip
    for task in config.tasks if OURS in config.walkers else ():
        yield at_least(
            f"E1, E4, {task}: every direction is worth the same to the subequivariant policy",
            least(RETURNS, f"{task}, worst / best bearing", OURS), 0.999,
        )  # fmt: skip
        yield below(
            f"E1, E4, {task}: for every body and seed the lower end of the last returns is above twice that of random "
            "actions", 0.0, least(RETURNS, f"{task}, margin", OURS),
        )  # fmt: skip
        yield below(
            f"E1, E4, {task}: it is above that of no torque", 0.0, least(RETURNS, f"{task}, above no torque", OURS)
        )
    yield at_most("E6: turned scenes are as others", _apart(PHYSICS, "turned / other", OURS), 0.01)
    yield below(
        "E6: the plain network is worse on turned scenes", of(PHYSICS, "turned", OURS), of(PHYSICS, "turned", PLAIN)
    )


def _apart(task: str, setting: str, method: str) -> Value[Scored]:
    """How far from 1, either way, at most over seeds."""
    return Value(lambda r: max(abs(v - 1) for v in r.score(task, setting, method).values), frozenset({task}))
