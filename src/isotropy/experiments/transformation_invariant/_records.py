"""What the experiment records: accuracies on clouds, gaps of tours, embeddings of distances."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Values = tuple[float, ...]  # one for each seed


@dataclass(frozen=True)
class Measured:
    """One number of the result over seeds: part, method and measure name it."""

    part: str
    method: str
    measure: str
    values: Values

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def sd(self) -> float | None:
        """The standard deviation over seeds, None for a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


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

    def measures(self) -> Iterator[Measured]:
        columns = {"I/I": self.standing, "I/SO3": self.turned, "SO3/SO3": self.augmented}
        return (Measured("clouds", self.method, name, values) for name, values in columns.items() if values)


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

    def measures(self) -> Iterator[Measured]:
        for name, values in self.greedy.items():
            yield Measured("tours", self.method, name, values)
        for name, values in self.real.items():
            yield Measured("TSPLIB", self.method, name, values)


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

    def measures(self) -> Iterator[Measured]:
        yield Measured("distances", self.name, "stress", (statistics.fmean(self.stress),))
        yield Measured("distances", self.name, "gap", (statistics.fmean(self.gap),))


def columns_of(records: Sequence[Mapping[str, float]]) -> dict[str, Values]:
    """One tuple for each key of equal records.

    >>> columns_of([{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}])
    {'a': (1.0, 3.0), 'b': (2.0, 4.0)}
    """
    return {name: tuple(record[name] for record in records) for name in records[0]}
