"""The trials of the experiment: exactness, three tasks on which networks are trained, certificates, soft cells."""

from collections.abc import Iterator
from typing import Any

from isotropy.experiments.piecewise._assignments import WAYS
from isotropy.experiments.piecewise._cells import assignments_job, certificate_job, exactness_job
from isotropy.experiments.piecewise._config import Config
from isotropy.experiments.piecewise._networks import METHODS, OURS
from isotropy.experiments.piecewise._people import people_job, subjects_job
from isotropy.experiments.piecewise._rooms import rooms_job
from isotropy.study import Outcome, Trial

GROUPS = ("E(3)", "SE(3)", "O(3)", "SO(3)")
EXACT, PEOPLE, SUBJECTS, ROOMS, CERTIFICATE, SOFT = PARTS = ("E1", "E2", "E3", "E4", "E5", "E6")


def trials(config: Config) -> Iterator[Trial]:
    """Source: Atzmon et al., ICLR 2024; specification 06 §4."""
    for group in GROUPS:
        yield from config.trials(exactness_job, EXACT, group, _errors, EXACT, group=group, plan=config.cells)
    for cells in config.cells.cells:
        given: dict[str, Any] = {"cells": cells, "plan": config.cells}
        yield from config.trials(certificate_job, CERTIFICATE, OURS, _certified(cells), CERTIFICATE, **given)
    yield from config.trials(assignments_job, SOFT, "", _soft, SOFT, plan=config.cells)
    seeds = config.seeds
    for method in METHODS:
        yield from config.trials(
            people_job, PEOPLE, method, _overlap, PEOPLE, seeds=seeds, method=method, plan=config.people
        )
    for hard in (False, True):
        name = "hard" if hard else "easy"
        numbers = {(f"{name}, {key}", "mIoU %"): key for key in ("same", "other")}
        numbers |= {(f"{name}, {key}, rooms of 8 with 80", "rooms"): f"{key} good" for key in ("same", "other")}
        for method in METHODS:
            given = {"method": method, "hard": hard, "plan": config.rooms}
            yield from config.trials(rooms_job, ROOMS, method, numbers, ROOMS, seeds=seeds, **given)
    for method in METHODS:
        yield from config.trials(
            subjects_job, SUBJECTS, method, _recognised, SUBJECTS, seeds=seeds, method=method, plan=config.subjects
        )


def _errors(outcome: Outcome) -> dict[tuple[str, str], float]:
    return {(name, "relative error"): value for name, value in outcome["errors"].items()}


def _certified(cells: int) -> dict[tuple[str, str], str]:
    names = ("impure", "minority", "lambda", "bound", "measured", "exact", "worst exact", "violated")
    return {(f"{name}, K={cells}", "share"): name for name in names}


def _soft(outcome: Outcome) -> dict[tuple[str, str], dict[str, float]]:
    return {(where, "relative error"): {way: outcome[way][where] for way in WAYS} for where in ("clean", "all")}


def _overlap(outcome: Outcome) -> dict[tuple[str, str], float]:
    found = {(name, "mIoU %"): value for name, value in outcome["overlap"].items()}
    for name in ("poses as learnt", "unseen poses"):
        for layer, count in enumerate(outcome["cells"].get(name, ())):
            found[(f"{name}, cells of layer {layer}", "cells")] = count
    return found


def _recognised(outcome: Outcome) -> dict[tuple[str, str], float]:
    return {(name, "recognised %"): value for name, value in outcome["recognised"].items()}
