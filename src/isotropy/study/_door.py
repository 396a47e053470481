"""What comes in at the door: tables, types, units and candidates, checked before anything is computed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isotropy.data import Dataset
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.reps import Schema
from isotropy.study._candidates import candidates
from isotropy.study._problem import Problem

_CONSTANT = 1e-10  # a spread below this share of the size of the targets is rounding


def dataset_of(x: Any, y: Any, types: Any, cluster: Any) -> Dataset:
    if isinstance(x, Dataset):
        if y is not None or types is not None:
            raise SchemaError("a Dataset together with y or types", "one of them", "a Dataset holds all three")
        return x if cluster is None else replace(x, cluster=_numbered(cluster))
    if y is None or types is None:
        raise SchemaError("x alone", "x, y and types", 'discover(x, y, dict(x=5 * Vector, y=Scalar), groups="O(3)")')
    schema = types if isinstance(types, Schema) else Schema(**dict(types))
    return Dataset(_table("x", x), _table("y", y), schema, None if cluster is None else _numbered(cluster))


def _numbered(cluster: Any) -> Tensor:
    """Units 0, 1, ... of any labels."""
    return torch.unique(torch.as_tensor(cluster), return_inverse=True)[1]


def _table(name: str, values: Any) -> Tensor:
    """A float64 table from a tensor or array of floating numbers; nothing else is converted."""
    if isinstance(values, np.ndarray):
        if values.dtype.kind not in "f":
            hint = (
                "real and imaginary parts in columns of their own"
                if values.dtype.kind == "c"
                else f"{name}.astype(float)"
            )
            raise SchemaError(f"{name} with dtype {values.dtype}", "floating-point numbers", hint)
        values = torch.from_numpy(np.ascontiguousarray(values))
    if not isinstance(values, Tensor) or not values.is_floating_point():
        raise SchemaError(f"{name} of type {type(values).__name__}", "a floating-point tensor or array")
    return (values[:, None] if values.ndim == 1 else values).double()


def problem_of(dataset: Dataset, groups: Any, windows: Mapping[str, float] | None, seed: int) -> Problem:
    listed = dataset.groups if groups is None else groups
    if not listed:
        raise SchemaError("no candidate groups", "at least one", 'groups="O(3),O(2)@z"')
    unit = _units(dataset)
    units = int(unit.max()) + 1
    if units < 8:
        raise ShapeError(f"{units} independent units", "at least 8", "declare finer clusters, or give more data")
    found = candidates(listed, dataset.types, dataset.x, {**dict(dataset.windows), **(windows or {})})
    problem = Problem(dataset.x, dataset.y, unit, dataset.types, found, seed)
    # Columns alone cannot tell the dimensions of two spaces apart; together with the candidates they can.
    types = dataset.types.model_copy(update={"dims": problem.dims})
    types.check(dataset.x, dataset.y)
    if problem.signal <= _CONSTANT**2 * float(problem.y.square().sum(-1).mean()):
        raise DomainError(
            "targets y that are the same in every row",
            "targets that vary",
            "such a constant has every candidate symmetry, and nothing is there to predict",
        )
    return replace(problem, types=types)


def _units(dataset: Dataset) -> Tensor:
    """Independent units 0, 1, ...: the declared clusters, else the rows, equal inputs together."""
    if dataset.cluster is not None:
        return torch.unique(dataset.cluster, return_inverse=True)[1]
    unit = torch.unique(dataset.x, dim=0, return_inverse=True)[1]
    repeated = dataset.rows - int(unit.max()) - 1
    if not repeated:
        return torch.arange(dataset.rows)
    warnings.warn(
        f"{repeated} rows repeat the inputs of others; rows with equal inputs are kept together. Where rows are "
        "repeated measurements or steps of one series, declare cluster=",
        stacklevel=3,
    )
    return unit
