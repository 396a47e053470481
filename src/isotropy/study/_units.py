"""The independent units of a table: what is declared, else what its rows say themselves."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from isotropy.data import Dataset
from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.measure import Dependence, dependence, in_order
from isotropy.random import spawn


class DependentRowsWarning(UserWarning):
    """Rows that depend on each other, and no cluster= that says how."""


def ordered(dataset: Dataset, time: Iterable[Any] | None) -> Dataset:
    """The rows in the order of ``time (n,)``, numbers; the same data set where no time is given.

    Raises ShapeError for another number of times than rows, DtypeError for what are no numbers, DomainError for
    missing times and for times that repeat inside one unit.
    """
    if time is None:
        return dataset
    times = _numbers(time)
    if times.shape != (dataset.rows,):
        raise ShapeError(f"time of shape {tuple(times.shape)}", f"({dataset.rows},), one time for each row")
    return dataset.take(in_order(times, dataset.cluster))


def units_of(dataset: Dataset, seed: int, *, timed: bool = False) -> tuple[Int[Tensor, " n"], Dependence]:
    """Independent units 0, 1, ... of the rows, and the dependence that was found.

    Declared clusters are taken at their word. Without them rows are units, rows of nearly equal inputs stay together,
    and a series is cut into contiguous blocks; then warns with DependentRowsWarning.
    """
    if dataset.cluster is not None:
        count = dataset.units
        return dataset.cluster, Dependence(effective=float(count), units=count)
    found = dependence(dataset.x, dataset.y, timed=timed, generator=spawn(seed, "dependence"))
    if found.unit is None:
        return torch.arange(dataset.rows), found
    hint = "name the independent series or places of the rows with cluster= (in a schema, cluster: COLUMN)"
    warnings.warn(f"{found.sentence}. Where you know better, {hint}", DependentRowsWarning, stacklevel=4)
    # Units are numbered in the order of their first rows, without gaps.
    return torch.unique(found.unit, return_inverse=True)[1], found


def _numbers(time: Iterable[Any]) -> Float[Tensor, " n"]:
    values = np.asarray(time if hasattr(time, "__array__") else list(time))
    if values.dtype.kind in "OU":
        values = _dates(values)
    if values.dtype.kind == "M":
        unknown = np.isnat(values)
        values = np.where(unknown, np.nan, values.astype("datetime64[us]").astype(np.float64))
    if values.dtype.kind not in "iubf":
        raise DtypeError(f"time of dtype {values.dtype}", "numbers or dates", "give seconds, or the number of the step")
    numbers = torch.from_numpy(values.astype(np.float64))
    missing = int((~numbers.isfinite()).sum())
    if missing:
        raise DomainError(f"time with {missing} missing values", "a time for each row", "leave those rows out")
    return numbers


def _dates(values: NDArray[Any]) -> NDArray[Any]:
    """Objects and text as numbers or ISO dates, missing ones as such; what is neither stays as it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of time zones: instants are kept, in UTC
        for kind in ("float64", "datetime64[us]"):
            try:
                return values.astype(kind)
            except (TypeError, ValueError):
                continue
    return values
