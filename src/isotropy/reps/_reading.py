"""Values at the door, in one set of rules: tables of numbers; clouds, graphs, images and trees as their types want."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, DtypeError, SchemaError, ShapeError, counted
from isotropy.groups import Group
from isotropy.linalg import Segments
from isotropy.reps._factor import HARMONIC
from isotropy.reps._field import Field
from isotropy.reps._indexed import NODES, Cloud, Pairs
from isotropy.reps._layout import columns, term_dimension
from isotropy.reps._rep import Rep
from isotropy.reps._types import Type, act, written_type

LEAST_ROWS = 50  # fewer say nothing about a symmetry
_MOST_AXES = 8
_TRIED = 64  # elements of a finite group that a grid has to keep
_SHOWN = 5  # offending rows named in an error
_LARGEST_EXACT = 2**53  # integers above are not exact in float64
_UNIT_VARIANCE = 1e-5  # what float32 leaves of a variance of one; raw columns come this near by a chance of 1e-5 each


@runtime_checkable
class Arraylike(Protocol):
    """What numpy can read: an array, a tensor, a DataFrame or Series."""

    def __array__(self, *arguments: Any, **options: Any) -> NDArray[Any]: ...


@runtime_checkable
class Exchanged(Protocol):
    """An array of any library, by dlpack."""

    def __dlpack__(self, *arguments: Any, **options: Any) -> Any: ...


Values = Arraylike | Exchanged | Sequence[Any]
"""Numbers as they come: tensors, arrays (those of other libraries by dlpack), DataFrames, lists of rows."""


class StandardisedVectorsWarning(UserWarning):
    """Vectors whose axes were scaled one by one, which breaks the rotations that one looks for."""


def table(values: Values, name: str) -> Float[Tensor, "n p"]:
    """Numbers as a float64 table on their device: floats and integers of any size and byte order, booleans as 0 and 1.

    A single axis is one column. Raises DtypeError for complex numbers, text, objects, longer floats and integers above
    2^53, ShapeError for another number of axes or none of a row, DomainError for NaN and infinity, naming the rows.

    >>> table([[1, 2], [3, 4]], "x").dtype
    torch.float64
    """
    numbers = finite(values, name, range(1, 3), "a table (rows, columns)", f"{name}.reshape(len({name}), -1)")
    return numbers[:, None] if numbers.ndim == 1 else numbers


def finite(
    values: Values, name: str, axes: range, shape: str, hint: str = "", *, whole: bool = False
) -> Shaped[Tensor, "n ..."]:
    """Numbers of so many ``axes``, rows first, as ``table`` reads them; ``whole`` ones of no type stay integers.

    Raises what ``table`` raises.
    """
    # numpy has no bfloat16 of its own, in which arrays of jax may come.
    short = str(getattr(values, "dtype", "")) == "bfloat16"
    if isinstance(values, Exchanged) and (short or not isinstance(values, Arraylike)):
        values = torch.from_dlpack(values)
    numbers = _tensor(values, name) if isinstance(values, Tensor) else torch.from_numpy(_array(values, name))
    if numbers.ndim not in axes:
        raise ShapeError(f"{name} of shape {tuple(numbers.shape)}", shape, hint)
    if 0 in numbers.shape:
        raise ShapeError(f"{name} of shape {tuple(numbers.shape)}", "at least one row and one column")
    bad = (~torch.isfinite(numbers.reshape(len(numbers), -1))).any(dim=1).nonzero()[:, 0].tolist()
    if bad:
        listed = ", ".join(map(str, bad[:_SHOWN])) + (", ..." if len(bad) > _SHOWN else "")
        raise DomainError(
            f"NaN or infinity in {counted(len(bad), 'row')} of {name} ({listed}; counted from 0)",
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
        raise ShapeError(f"{counted(len(x), 'row')} of x and {len(y)} of y", "one y for each x")
    if len(x) < least:
        raise SchemaError(counted(len(x), "row"), f"at least {least}", "fewer say nothing about a symmetry")


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


def read_values(type_: Type, values: Any, name: str, segments: Segments | None = None) -> Any:
    """Values of a type as float64 tensors, rows first; whole numbers that no matrix acts on, atomic ones say, stay so.

    A Rep reads a table (rows, columns), a Cloud (clouds, points, features) or with ``segments`` flat (N, features),
    Pairs (graphs, n, n[, features]), a Field images (rows, channels, height, width) or voxels, and a tuple or
    dictionary of types one value for each. Raises what tables raise, and ShapeError for other shapes.

    >>> read_values(Cloud(Rep()), [[[], []]], "x")
    Traceback (most recent call last):
        ...
    isotropy.errors.ShapeError: given x of shape (1, 2, 0); expected at least one row and one column
    """
    if isinstance(type_, tuple | dict):
        keys: list[Any] = list(type_) if isinstance(type_, dict) else list(range(len(type_)))
        given = "by name" if isinstance(type_, dict) else "as a tuple"
        fits = isinstance(values, Mapping) if isinstance(type_, dict) else isinstance(values, tuple | list)
        if not fits or len(values) != len(keys):
            raise SchemaError(
                f"{name} as {type(values).__name__}", f"{counted(len(keys), 'value')}, one for each type", given
            )
        if isinstance(type_, dict) and set(values) != set(keys):
            raise SchemaError(f"{name} with {sorted(values)}", f"values {sorted(keys)}, one for each type", given)
        read = {key: read_values(type_[key], values[key], f"{name}[{key!r}]", segments) for key in keys}
        return read if isinstance(type_, dict) else tuple(read.values())
    if isinstance(type_, Rep):
        return table(values, name)
    if isinstance(type_, Cloud):
        flat, features = segments is not None, type_.rep is not None
        shape = f"({'N' if flat else 'clouds, points'}{', features' if features else ''})"
        hint = "sets of several sizes are flat, (N, features), with segments=: the set of each point"
        hint = "" if flat or not features else hint
        least = 2 - flat + features
        read = finite(values, name, range(least, _MOST_AXES), shape, hint, whole=not features)
        if segments is not None and len(read) != len(segments.label):
            raise ShapeError(
                f"{counted(len(read), 'point')} of {name}", f"{len(segments.label)}, as many as the segments name"
            )
        return read
    if isinstance(type_, Pairs):
        features = type_.rep is not None
        shape = f"(graphs, n, n{', features' if features else ''})"
        read = finite(values, name, range(3 + features, _MOST_AXES), shape, whole=not features)
        if read.shape[1] != read.shape[2]:
            raise ShapeError(f"{name} of shape {tuple(read.shape)}", shape, "one value for each ordered pair of points")
        return read
    if isinstance(type_, Field):
        shape = "(rows, channels, height, width), or voxels (rows, channels, depth, height, width)"
        return finite(values, name, range(4, 6), shape, f"{name}[:, None] is one channel")
    return finite(values, name, range(1, _MOST_AXES), "(rows, ...)", whole=type_ is None)


def suits(type_: Type, group: Group, x: Tensor, name: str, dims: Mapping[str, int] | None = None) -> None:
    """Refuses a group that cannot act on values of a type: one of another dimension, or that does not keep a grid."""
    if isinstance(type_, Rep):
        _fitting(type_.dim(group, dims), x, f"{group.name}, under which {type_} has", "columns", name, _in_space(group))
    elif isinstance(type_, Cloud | Pairs) and type_.rep is not None:
        if any(space not in (dims or {}) and group.factor(space) is None for space in type_.rep.spaces):
            return  # where nothing acts, any number of values will do
        wanted, given = type_.rep.dim(group, dims), f"{group.name}, under which each value of {type_} has"
        if type_.rep.feature_axes(group, x.shape) == 1:
            _fitting(wanted, x, given, "numbers", name, _in_space(group))
    elif isinstance(type_, Field):
        one = x[:1]
        every = group.finite and group.order is not None and group.order <= _TRIED
        g = group.elements(dtype=x.dtype) if every else group.identity(1, dtype=x.dtype)
        act(type_, group, g, one.expand(len(tree.tree_leaves(g)[0]), *one.shape[1:]))


def rests(type_: Type, group: Group) -> bool:
    """Whether the group certainly moves no value of a type."""
    if isinstance(type_, tuple | dict):
        return all(rests(part, group) for part in (type_.values() if isinstance(type_, dict) else type_))
    if isinstance(type_, Rep):
        return type_.is_trivial(group)
    if isinstance(type_, Cloud | Pairs):
        return group.factor(NODES) is None and (type_.rep is None or type_.rep.is_trivial(group))
    if isinstance(type_, Field):
        return group.factor("space") is None and type_.rep.is_trivial(group)
    return type_ is None


def rows_of(type_: Type, x: Any, given: str, wanted: str) -> tuple[Rep, Tensor]:
    """Values of a type as a table and its Rep: Clouds of one size are rows of n points.

    Raises SchemaError for what is no table and cannot become one.
    """
    if isinstance(type_, Rep):
        return type_, x
    if isinstance(type_, Cloud) and type_.rep is not None and isinstance(x, Tensor) and x.ndim == 3:
        return x.shape[1] * type_.rep, x.flatten(1)
    hint = "isotropy.audit and equivariance_error take it; for images write Pixels(height, width) and flatten each"
    raise SchemaError(f"{given} of type {written_type(type_)}", wanted, hint)


def _in_space(group: Group) -> str:
    """What to write for a group of the plane that is meant in space."""
    return f"{group.name}@z for that about the z axis of space; " if group.name in ("O(2)", "SO(2)") else ""


def _fitting(wanted: int, x: Tensor, given: str, unit: str, name: str, instead: str = "") -> None:
    if wanted != x.shape[-1]:
        hint = f"{instead}name a group of the right dimension, or correct the types"
        raise ShapeError(f"{given} {wanted} {unit}", f"the {x.shape[-1]} {unit} of {name}", hint)
