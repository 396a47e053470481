"""Data at the door: what numbers become a table, in one set of rules for verbs, files, data sets and schemas."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, SchemaError, ShapeError
from isotropy.reps._factor import HARMONIC
from isotropy.reps._layout import columns, term_dimension
from isotropy.reps._rep import Rep

_SHOWN = 5  # offending rows named in an error
_LARGEST_EXACT = 2**53  # integers above are not exact in float64
_UNIT_VARIANCE = 1e-5  # what float32 leaves of a variance of one; raw columns come this near by a chance of 1e-5 each


@runtime_checkable
class Arraylike(Protocol):
    """What numpy can read: an array, a tensor, a DataFrame or Series."""

    def __array__(self, *arguments: Any, **options: Any) -> NDArray[Any]: ...


Values = Arraylike | Sequence[Any]
"""Numbers as they come: tensors, arrays, DataFrames, lists of rows."""


class StandardisedVectorsWarning(UserWarning):
    """Vectors whose axes were scaled one by one, which breaks the rotations that one looks for."""


def table(values: Values, name: str) -> Float[Tensor, "n p"]:
    """Numbers as a float64 table on their device: floats and integers of any size and byte order, booleans as 0 and 1.

    A single axis is one column. Raises DtypeError for complex numbers, text, objects, longer floats and integers above
    2^53, ShapeError for another number of axes or none of a row, DomainError for NaN and infinity, naming the rows.

    >>> table([[1, 2], [3, 4]], "x").dtype
    torch.float64
    """
    numbers = finite(values, name, range(1, 3), "a table (rows, columns)", "flatten each row")
    return numbers[:, None] if numbers.ndim == 1 else numbers


def finite(
    values: Values, name: str, axes: range, shape: str, hint: str = "", *, whole: bool = False
) -> Shaped[Tensor, "n ..."]:
    """Numbers of so many ``axes``, rows first, as ``table`` reads them; ``whole`` ones of no type stay integers.

    Raises what ``table`` raises.
    """
    numbers = _tensor(values, name) if isinstance(values, Tensor) else torch.from_numpy(_array(values, name))
    if numbers.ndim not in axes:
        raise ShapeError(f"{name} of shape {tuple(numbers.shape)}", shape, hint)
    if 0 in numbers.shape:
        raise ShapeError(f"{name} of shape {tuple(numbers.shape)}", "at least one row and one column")
    bad = (~torch.isfinite(numbers.reshape(len(numbers), -1))).any(dim=1).nonzero()[:, 0].tolist()
    if bad:
        listed = ", ".join(map(str, bad[:_SHOWN])) + (", ..." if len(bad) > _SHOWN else "")
        raise DomainError(
            f"NaN or infinity in {len(bad)} rows of {name} ({listed}; counted from 0)",
            "finite numbers",
            "remove or repair these rows; nothing is dropped silently",
        )
    if not whole:
        return numbers  # the dtype of a list costs another reading of it
    given = values.dtype if isinstance(values, Tensor) else np.asarray(values).dtype
    integers = str(given).removeprefix("torch.").startswith(("int", "uint", "bool"))
    return numbers.long() if integers else numbers


def _tensor(values: Tensor, name: str) -> Tensor:
    if values.layout is not torch.strided or values.is_quantized:
        raise DtypeError(f"{name} as a sparse or quantised tensor", "a dense tensor", f"{name}.to_dense()")
    if values.is_floating_point():
        return values.detach().double()
    if values.is_complex():
        raise _refused(values.dtype, "c", name)
    return torch.from_numpy(_array(values.cpu().numpy(), name)).to(values.device)


def _array(values: Any, name: str) -> NDArray[np.float64]:
    try:
        array = values.filled(np.nan) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    except (ValueError, TypeError) as error:
        # Rows of several lengths, or a mask over integers.
        raise DtypeError(f"{name} as {type(values).__name__} ({error})", "rows of real numbers, equally long") from None
    kind = array.dtype.kind
    if kind not in "fiub" or (kind == "f" and array.dtype.itemsize > 8):
        raise _refused(array.dtype, kind, name)
    if kind in "iu" and array.size and max(abs(int(array.max())), abs(int(array.min()))) > _LARGEST_EXACT:
        raise DtypeError(
            f"{name} with integers above 2^53", "numbers that float64 holds exactly", "give them as floats"
        )
    return np.require(array, np.float64, ["C", "W"])


def _refused(dtype: object, kind: str, name: str) -> DtypeError:
    hint = {
        "c": "give real and imaginary parts in columns of their own",
        "f": f"{name}.astype(numpy.float64), if its digits are enough",
    }.get(kind, "convert it to numbers yourself: nothing is guessed")
    return DtypeError(f"{name} of dtype {dtype}", "real numbers", hint)


def enough_rows(x: Float[Tensor, "n p"], y: Float[Tensor, "m q"], *, least: int = 0) -> None:
    """As many rows in x as in y, and at least ``least``."""
    if len(x) != len(y):
        raise ShapeError(f"{len(x)} rows of x and {len(y)} of y", "one y for each x")
    if len(x) < least:
        raise SchemaError(f"{len(x)} rows", f"at least {least}", "fewer say nothing about a symmetry")


def warn_if_standardised(rep: Rep, table: Float[Tensor, "n p"], sizes: Mapping[str, int]) -> None:
    """Warn where every column of a vector has variance exactly one: raw data do not, standardised columns do."""
    n = len(table)
    for part, where in zip(rep.copies, columns(rep, sizes), strict=True):
        vectors = any(factor.kind in ("Vector", "Point", *HARMONIC) for factor in part.term.factors)
        if not vectors or term_dimension(part.term, sizes) < 2 or n < 3:
            continue
        squares = (table[:, where] - table[:, where].mean(0)).square().sum(0)
        if any(bool(((squares / count).sqrt() - 1).abs().max() < _UNIT_VARIANCE) for count in (n, n - 1)):
            warnings.warn(
                f"every column of {part.atom}{f' ({part.name})' if part.name else ''} has variance exactly 1: scaling "
                "each axis by itself breaks rotations; give the raw columns, they are scaled together here",
                StandardisedVectorsWarning,
                stacklevel=3,
            )
