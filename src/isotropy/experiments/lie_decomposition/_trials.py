"""The trials: each job, and where its numbers stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from isotropy.experiments.lie_decomposition._config import CONVOLUTION, DIGITS, MOMENTS, PLAIN, SHAPES, SUMS, Config
from isotropy.experiments.lie_decomposition._digits import SETS, digits_job
from isotropy.experiments.lie_decomposition._shapes import shapes_job
from isotropy.experiments.lie_decomposition._sums import sums_job
from isotropy.study import Outcome, Trial

SUMMED = ("SL(2)", "GL+(2)", "SL(3)")
WAYS = {"Haar weights": ("haar", "mc"), "Haar weights, Sobol": ("haar", "sobol"), "no weights": ("none", "mc")}


def trials(config: Config) -> Iterator[Trial]:
    """What is trained and measured. Source: specification 02 §4.3 to §4.5."""
    for group, (name, (weights, rule)) in product(SUMMED, WAYS.items()):

        def errors(outcome: Outcome, group: str = group) -> Mapping[tuple[str, str], Any]:
            # JSON sorts keys as text; curves go from few draws to many.
            by_count = sorted(outcome["errors"].items(), key=lambda one: int(one[0]))
            found = {(f"{group}, {n} draws", "relative gap"): error for n, error in by_count}
            return {**found, (f"{group}, slope", "log error by log n"): outcome["slope"]}

        given: dict[str, Any] = {"group": group, "weights": weights, "rule": rule, "plan": config.sums}
        yield from config.trials(sums_job, SUMS, name, errors, **given)
    numbers = {(name, "named rightly"): f"right.{name}" for name in SETS}
    for one, seeds in config.networks():
        given = {"network": one, "plan": config.digits, "seeds": seeds}
        yield from config.trials(digits_job, DIGITS, one.label, numbers, **given)
    numbers = {(name, "named rightly"): f"right.{name}" for name in ("upright", "stretched")}
    for method in (PLAIN, MOMENTS, CONVOLUTION):
        given = {"method": method, "plan": config.shapes, "seeds": config.shapes.seeds}
        yield from config.trials(shapes_job, SHAPES, method, numbers, **given)
