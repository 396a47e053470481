"""What the experiment records: accuracies on clouds, gaps of tours, embeddings of distances."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from isotropy.study import Score

Values = tuple[float, ...]  # one for each seed


@dataclass(frozen=True)
class Recognition:
    """One classifier of clouds: shares of test clouds recognised, one for each seed.

    ``standing`` and ``turned`` are those of the network trained on clouds as they stand (I/I and I/SO3), of the same
    points; ``augmented`` is that of a network trained on turned clouds (SO3/SO3), empty where none was trained.
    """

    method: str
    standing: Values
    turned: Values
    augmented: Values
    parameters: int
    seconds: float

    def scores(self) -> Iterator[Score]:
        for setting, values in (("I/I", self.standing), ("I/SO3", self.turned), ("SO3/SO3", self.augmented)):
            if values:
                yield Score("clouds", setting, self.method, "recognised", values, self.parameters, self.seconds)


@dataclass(frozen=True)
class Routing:
    """One attention model: mean gaps to the optimum by test, one for each seed.

    ``greedy`` from the first city and ``best`` of twenty starts on moved uniform instances; ``real`` on TSPLIB, by
    "greedy", "best", "improved" (greedy, then 2-opt) and "best_improved", the mean over instances.
    """

    method: str
    greedy: Mapping[str, Values]
    best: Mapping[str, Values]
    real: Mapping[str, Values]
    parameters: int
    seconds: float

    def scores(self) -> Iterator[Score]:
        best = {f"{move}, best of 20 starts": values for move, values in self.best.items()}
        real = {f"TSPLIB, {measure}": values for measure, values in self.real.items()}
        for setting, values in {**self.greedy, **best, **real}.items():
            yield Score("tours", setting, self.method, "gap", values, self.parameters, self.seconds)


@dataclass(frozen=True)
class RealTour:
    """Gaps of one method on one instance of TSPLIB, means over seeds."""

    instance: str
    cities: int
    method: str
    greedy: float
    best: float
    improved: float
    best_improved: float


@dataclass(frozen=True)
class Embedding:
    """Embeddings of shortest paths in one dimension (0: none, the search saw ``name``), one value for each graph."""

    name: str
    dimension: int
    stress: Values
    gap: Values

    def scores(self) -> Iterator[Score]:
        for setting, values in (("stress", self.stress), ("gap", self.gap)):
            yield Score("distances", setting, self.name, "share", (statistics.fmean(values),), 0, 0)
