"""Tables whose columns have names, as people hold them: DataFrames of any library, or dictionaries of columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from isotropy.errors import DtypeError, SchemaError, ShapeError, counted, nearest, optional_import
from isotropy.reps import Values

_EXAMPLE = 'types={"x": {"position": ["x", "y", "z"]}, "y": {"energy": ["e"]}}'

_EXACT = 2**53  # integers above are not exact in float64


@runtime_checkable
class Interchange(Protocol):
    """A DataFrame of any library, by the dataframe interchange protocol."""

    def __dataframe__(self, *arguments: Any, **options: Any) -> Any: ...


Tabular = Values | Mapping[str, Any] | Interchange
"""Rows as people hold them: tensors, arrays, lists, DataFrames of any library, dictionaries of columns."""


@dataclass(frozen=True, eq=False)
class Named:
    """A table by the names of its columns; ``read`` gives one of them."""

    names: tuple[str, ...]
    read: Callable[[str], Any]

    def numbers(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """The named columns ``(n, columns)``; missing values are NaN.

        Raises SchemaError for a column that is not there, DtypeError for one that holds no numbers, ShapeError for
        columns of several lengths.
        """
        read = [_numbers(self.column(name), name) for name in columns]
        counts = {len(values) for values in read}
        if len(counts) > 1:
            told = ", ".join(
                f"{counted(len(values), 'row')} of {name}" for name, values in zip(columns, read, strict=True)
            )
            raise ShapeError(told, "equally many")
        return np.stack(read, axis=1)

    def column(self, name: str) -> NDArray[Any]:
        """One column as it is, categories as their labels. Raises SchemaError where there is none of that name."""
        if name not in self.names:
            shown = ", ".join(self.names[:20]) + (", ..." if len(self.names) > 20 else "")
            raise SchemaError(f"no column {name!r} in the table", f"one of {shown}", nearest(name, self.names))
        if self.names.count(name) > 1:
            raise SchemaError(f"the column {name!r} {self.names.count(name)} times", "each name once")
        found = np.asarray(self.read(name))
        if found.ndim != 1:
            raise ShapeError(f"the column {name!r} of shape {found.shape}", "(n,), one value for each row")
        return found


def named(values: Any) -> Named | None:
    """The table that a DataFrame (pandas, polars, pyarrow or any with the interchange protocol), a structured array or
    a dictionary of columns is, by its names; None for tensors, plain arrays and lists.

    >>> named({"a": [1, 2], "b": [3, 4]}).numbers(["b", "a"]).tolist()
    [[3.0, 1.0], [4.0, 2.0]]
    """
    if isinstance(values, Mapping):
        if not all(isinstance(name, str) for name in values):
            return None  # such as a sparse matrix, whose keys are places
        return Named(tuple(map(str, values)), values.__getitem__)
    if isinstance(values, np.ndarray):
        return None if values.dtype.names is None else Named(values.dtype.names, values.__getitem__)
    if hasattr(values, "collect") and hasattr(values, "collect_schema"):
        raise SchemaError(f"a {type(values).__name__}, which holds no rows yet", "a table of rows", "x.collect()")
    for attribute in ("column_names", "columns"):  # pyarrow calls its arrays columns
        labels: Any = getattr(values, attribute, None)
        if labels is not None and not callable(labels) and hasattr(values, "__getitem__"):
            return Named(tuple(map(str, labels)), partial(_column, values, {str(label): label for label in labels}))
    if not hasattr(values, "__dataframe__"):
        return None
    return named(optional_import("pyarrow.interchange", "tables").from_dataframe(values))


def _column(values: Any, keys: Mapping[str, Any], name: str) -> Any:
    return values[keys[name]]


def _numbers(found: NDArray[Any], name: str) -> NDArray[np.float64]:
    if found.dtype.kind in "fiub":
        if found.dtype.kind in "iu" and found.size and max(abs(int(found.max())), abs(int(found.min()))) > _EXACT:
            raise DtypeError(f"the column {name!r} with integers above 2^53", "numbers that float64 holds exactly")
        return found.astype(np.float64)
    if found.dtype.kind == "O":  # numbers with gaps, as pandas keeps them
        return np.array([_number(value, name) for value in found.tolist()])
    what = {"U": "text", "S": "text", "M": "dates", "m": "durations", "c": "complex numbers"}.get(found.dtype.kind, "")
    hint = "labels are clusters: cluster=..., dates are an order: time=..." if what in ("text", "dates") else _EXAMPLE
    raise DtypeError(f"the column {name!r} of {what or found.dtype}", "numbers", hint)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool | int | float | np.number):
        return float(value)
    if value is None or str(value) == "<NA>":  # the missing value of pandas
        return float("nan")
    hint = "labels are clusters: cluster=...; other columns are left out of the types"
    raise DtypeError(f"the column {name!r} with {str(value)[:40]!r}", "numbers", hint)
