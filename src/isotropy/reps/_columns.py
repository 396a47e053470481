"""Data at the door: tables of finite floating-point numbers, and enough of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, SchemaError, ShapeError
from isotropy.reps._factor import HARMONIC
from isotropy.reps._layout import columns, term_dimension
from isotropy.reps._rep import Rep

_SHOWN = 5
_FLOATS = ("float32", "float64")


class StandardisedVectorsWarning(UserWarning):
    """Vectors whose axes were scaled one by one, which breaks the rotations that one looks for."""


def checked_table(table: Tensor | NDArray[Any], name: str) -> Float[Tensor, "n p"]:
    """A table of floats as a tensor; raises DtypeError, ShapeError, or DomainError naming the first bad rows."""
    if isinstance(table, np.ndarray):
        if table.dtype.name not in _FLOATS:
            hint = (
                "convert it to numbers yourself: nothing is guessed" if table.dtype == object else "cast it to float64"
            )
            raise DtypeError(f"{name} of dtype {table.dtype}", "float64 or float32", hint)
        table = torch.from_numpy(np.ascontiguousarray(table))
    if table.dtype not in (torch.float32, torch.float64):
        raise DtypeError(f"{name} of dtype {table.dtype}", "float64 or float32", "cast it to float64")
    if table.ndim != 2:
        hint = f"write {name}[:, None] for one column" if table.ndim == 1 else "flatten each row"
        raise ShapeError(f"{name} of shape {tuple(table.shape)}", "(rows, columns)", hint)
    bad = (~torch.isfinite(table)).any(dim=1).nonzero()[:, 0].tolist()
    if bad:
        rows = ", ".join(map(str, bad[:_SHOWN])) + (", ..." if len(bad) > _SHOWN else "")
        raise DomainError(
            f"NaN or infinity in {len(bad)} rows of {name} ({rows})", "finite numbers", "drop these rows or mend them"
        )
    return table


def checked_rows(x: Float[Tensor, "n p"], y: Float[Tensor, "m q"], *, min_rows: int) -> None:
    """As many rows in x as in y, and at least ``min_rows``."""
    if len(x) != len(y):
        raise ShapeError(f"{len(x)} rows of x and {len(y)} of y", "one target for each input")
    if len(x) < min_rows:
        raise SchemaError(f"{len(x)} rows", f"at least {min_rows}", "fewer say nothing about a symmetry")


def warn_if_standardised(rep: Rep, table: Float[Tensor, "n p"], sizes: Mapping[str, int]) -> None:
    """Warn where every column of a vector has variance exactly one: raw data do not, standardised columns do."""
    tolerance = 1e-9 if table.dtype == torch.float64 else 1e-5
    n = len(table)
    for part, where in zip(rep.copies, columns(rep, sizes), strict=True):
        vectors = any(factor.kind in ("Vector", "Point", *HARMONIC) for factor in part.term.factors)
        if not vectors or term_dimension(part.term, sizes) < 2 or n < 3:
            continue
        squares = (table[:, where].double() - table[:, where].double().mean(0)).square().sum(0)
        if any(bool(((squares / count).sqrt() - 1).abs().max() < tolerance) for count in (n, n - 1)):
            warnings.warn(
                f"every column of {part.atom}{f' ({part.name})' if part.name else ''} has variance exactly 1: scaling "
                "each axis by itself breaks rotations; give the raw columns, they are scaled together here",
                StandardisedVectorsWarning,
                stacklevel=3,
            )
