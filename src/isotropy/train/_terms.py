"""The terms of a loss: read from what a loss or a step returns, and their means over an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.train._place import Place

Per = Literal["row", "batch", "either"]
ONLY = ""  # the name of a loss that has no terms


class DivergedError(DomainError):
    """A loss, a term of one, or a gradient that is not finite."""


@dataclass(frozen=True)
class Terms:
    """Terms by name, each ``(B,)``, one number for a row, or ``()``, one for the batch, with their means ``()``."""

    values: Mapping[str, Tensor]
    means: Mapping[str, Tensor]

    @classmethod
    def read(cls, given: Tensor | Mapping[str, Tensor] | Terms, per: Per) -> Terms:
        """Raises ``ShapeError``, ``DtypeError``."""
        if isinstance(given, Terms):
            return given
        if not isinstance(given, Tensor | Mapping):
            raise DtypeError(f"a loss of type {type(given).__name__}", "a tensor, or tensors by name")
        values = {ONLY: given} if isinstance(given, Tensor) else dict(given)
        if not values:
            raise ShapeError("no terms", "at least one")
        for name, value in values.items():
            _check(name, value, per)
        return cls(values, {name: value.mean() if value.dim() else value for name, value in values.items()})

    @property
    def total(self) -> Tensor:
        """The sum of the means, in their order."""
        first, *others = self.means.values()
        for mean in others:
            first = first + mean
        return first

    @property
    def rows(self) -> int:
        """The number of rows of the batch; 0 where no term says it."""
        return max(len(value) if value.dim() else 0 for value in self.values.values())


def _check(name: str, value: Any, per: Per) -> None:
    what = f"the term {name!r}" if name else "a loss"
    if not isinstance(value, Tensor):
        raise DtypeError(f"{what} of type {type(value).__name__}", "a tensor")
    per_batch = value.dim() == 0 and per != "row"
    per_row = value.dim() == 1 and len(value) > 0 and per != "batch"
    if per_batch or per_row:
        return
    given = f"{what} of shape {tuple(value.shape)}"
    if per == "row":
        raise ShapeError(
            given,
            "one loss for each row, (B,)",
            "write (model(x) - y).square().mean(-1), or reduction='none'; fit takes the mean over rows. "
            "For a loss that rows do not have by themselves: Task(loss, per='batch')",
        )
    raise ShapeError(given, "one number for the batch, ()" + ("" if per == "batch" else ", or for each row, (B,)"))


class Means:
    """Sums of terms, where they lie and in float64: no step waits for a number to arrive from the device."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, terms: Terms, counts: bool = True) -> None:
        """Adds the terms of a step, for nothing where another process ``counts`` the rows."""
        for name, value in terms.values.items():
            count = counts * (len(value) if value.dim() else 1)
            self._add(name, terms.means[name].detach().double() * count, count)

    def add_rows(self, terms: Terms, counts: bool = True) -> None:
        """Adds the terms of a batch, summed in float64 themselves."""
        for name, value in terms.values.items():
            total = value.detach().double().sum()
            self._add(name, total if counts else 0.0 * total, counts * (len(value) if value.dim() else 1))

    def _add(self, name: str, addend: Tensor, count: int) -> None:
        before = self.sums.get(name)
        self.sums[name] = addend if before is None else before + addend
        self.counts[name] = self.counts.get(name, 0) + count

    def diverged(self) -> bool:
        """Whether a sum is not finite; waits for the device."""
        return not all(math.isfinite(float(total)) for total in self.sums.values())

    def check(self, when: str) -> None:
        """Raises ``DivergedError`` with the name of a term that is not finite."""
        check_finite({name: float(total) for name, total in self.sums.items()}, when)

    def over(self, place: Place) -> dict[str, float]:
        """The mean of each term, over all processes."""
        if place.world_size == 1:
            return {name: float(total) / self.counts[name] for name, total in self.sums.items()}
        both = [[total, torch.full_like(total, self.counts[name])] for name, total in self.sums.items()]
        stacked = torch.stack([torch.stack(pair) for pair in both])
        totals, numbers = cast(Tensor, place.all_reduce(stacked, reduce_op="sum")).unbind(1)
        return dict(zip(self.sums, (totals / numbers).tolist(), strict=True))

    def state_dict(self) -> dict[str, Any]:
        return {"sums": self.sums, "counts": self.counts}

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        self.sums = {name: total.to(device) for name, total in state["sums"].items()}
        self.counts = dict(state["counts"])


def share_of(batches: object) -> float:
    """How much the part of a batch that this process works on counts (``Batches.shard``)."""
    return float(getattr(batches, "share", 1.0))


def check_finite(terms: Mapping[str, float], when: str) -> None:
    """Raises ``DivergedError`` with the name of a term that is not finite."""
    for name, value in terms.items():
        if not math.isfinite(value):
            what = f"the term {name!r}, {value}," if name else f"a training loss of {value}"
            raise DivergedError(f"{what} in {when}", "finite numbers", "a lower learning rate, or clip=1.0")


def columns(name: str, means: Mapping[str, float]) -> dict[str, float]:
    """The sum of the means as one column, and one for each term that has a name.

    >>> columns("loss", {"fit": 1.0, "size": 0.5})
    {'loss': 1.5, 'loss/fit': 1.0, 'loss/size': 0.5}
    """
    return {name: sum(means.values()), **{f"{name}/{term}": mean for term, mean in means.items() if term != ONLY}}
