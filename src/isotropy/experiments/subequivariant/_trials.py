"""The trials: each job, and where its numbers stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from isotropy.experiments.subequivariant._config import (
    BEARING,
    EXACT,
    EXACT_METHODS,
    LEARNERS,
    PHYSICS,
    PHYSICS_METHODS,
    RETURNS,
    SECTOR,
    Config,
)
from isotropy.study import Outcome, Trial

CHANGE, MSE, RATIO, SHARE, RETURN, AREA = "relative change", "MSE / variance", "ratio", "share", "return", "cm^2"


def trials(config: Config) -> Iterator[Trial]:
    """E1 to E6 of specification 11 §4. Raises MissingExtraError without the extra [control]."""
    # Imported here: the register of experiments is there without MuJoCo, which these need.
    from isotropy.experiments.subequivariant._acting import puck_job, walk_job
    from isotropy.experiments.subequivariant._invariance import exact_job
    from isotropy.experiments.subequivariant._physics import physics_job
    from isotropy.experiments.subequivariant._sector import sector_job

    for method in EXACT_METHODS:
        numbers: Any = {("turn", CHANGE): "turn", ("mirror", CHANGE): "mirror", ("tilt", CHANGE): "tilt"}
        yield from config.trials(
            exact_job, EXACT, method, numbers, seeds=config.seeds, method=method, states=config.states
        )
    for method in LEARNERS:
        numbers = {("in the sector", MSE): "inside", ("turned", MSE): "outside", ("turned / sector", RATIO): "ratio"}
        yield from config.trials(
            sector_job, SECTOR, method, numbers, seeds=config.seeds, method=method, plan=config.sector
        )
    for method in LEARNERS:
        numbers = {
            ("of the optimum, all round", SHARE): "share", ("of the optimum, where trained", SHARE): "trained",
            ("worst / best bearing", RATIO): "flatness", ("time of the processor", "s"): "cpu_s",
        }  # fmt: skip
        yield from config.trials(
            puck_job, BEARING, method, numbers, seeds=config.seeds, method=method, plan=config.puck
        )
    for task, method in product(config.tasks, config.walkers):
        given: dict[str, Any] = {"method": method, "task": task, "plan": config.walk, "seeds": config.seeds}
        yield from config.trials(walk_job, RETURNS, method, _walked(task), **given)
    for method in PHYSICS_METHODS:
        numbers = {
            ("other scenes", AREA): "other", ("turned", AREA): "turned", ("from higher up", AREA): "higher",
            ("turned / other", RATIO): "ratio",
        }  # fmt: skip
        yield from config.trials(
            physics_job, PHYSICS, method, numbers, seeds=config.seeds, method=method, plan=config.physics
        )


def _walked(task: str) -> Any:
    """Returns, their lower ends, those of random actions and of none; of bodies held out, where there are any."""

    def numbers(outcome: Outcome) -> Mapping[tuple[str, str], Any]:
        told = {
            (task, RETURN): outcome["return"], (f"{task}, lower end", RETURN): outcome["low"],
            (f"{task}, random", RETURN): outcome["random"], (f"{task}, no torque", RETURN): outcome["still"],
            (f"{task}, margin", RETURN): outcome["margin"], (f"{task}, above no torque", RETURN): outcome["above"],
            (f"{task}, worst / best bearing", RATIO): outcome["flatness"],
            (f"{task}, updates", "updates"): outcome["updates"],
        }  # fmt: skip
        if "unseen" in outcome:
            told[f"{task}, bodies never seen", RETURN] = outcome["unseen"]
            told[f"{task}, bodies never seen, random", RETURN] = outcome["unseen_random"]
        return told

    return numbers
