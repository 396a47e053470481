"""Frozen dataclasses to JSON values and back, by their declared types: no pickle, no class names in the text."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from isotropy.errors import SchemaError
from isotropy.report._blocks import Number

Json = None | bool | int | float | str | list[Any] | dict[str, Any]


def finite(value: Number | None) -> Number | None:
    """The number, or None when there is none that JSON can hold.

    >>> finite(float("nan")) is None
    True
    """
    return value if value is not None and math.isfinite(value) else None


def jsonable(value: object) -> Json:
    """A value as JSON: dataclasses and mappings become objects, sequences and arrays lists, NaN and infinities null.

    Raises SchemaError for anything else, instead of writing its ``repr``.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, int | float):
        return finite(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: jsonable(getattr(value, f.name)) for f in dataclasses.fields(value) if is_stored(f)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in cast(Mapping[object, object], value).items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [jsonable(item) for item in cast(Sequence[object], value)]
    raise SchemaError(f"a {type(value).__name__}", "numbers, strings, dataclasses, sequences and mappings of them")


def is_stored(field: dataclasses.Field[Any]) -> bool:
    return bool(field.metadata.get("json", True))


def restore(value: Json, wanted: Any, where: str) -> object:
    """The value of the declared type that ``jsonable`` turned into ``value``; ``where`` names it in errors.

    Raises SchemaError when the value does not have that type.

    >>> restore([1, 2.5], tuple[float, ...], "spectrum")
    (1.0, 2.5)
    """
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted in (Any, object):
        return value
    if origin in (typing.Union, types.UnionType):
        return _restore_union(value, arguments, where)
    if origin is typing.Literal:
        if value in arguments:
            return value
    elif wanted is float:
        if value is None:
            return math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif wanted in (int, str, bool, type(None)):
        if type(value) is wanted:
            return value
    elif dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        if isinstance(value, dict):
            return _restore_dataclass(value, wanted, where)
    elif (origin or wanted) is tuple:
        if isinstance(value, list):
            return _restore_tuple(value, arguments, where)
    elif _is_kind(origin or wanted, Sequence):
        if isinstance(value, list):
            item = arguments[0] if arguments else Any
            return [restore(part, item, f"{where}[{i}]") for i, part in enumerate(value)]
    elif _is_kind(origin or wanted, Mapping) and isinstance(value, dict):
        item = arguments[1] if arguments else Any
        return {key: restore(part, item, f"{where}.{key}") for key, part in value.items()}
    raise SchemaError(f"{value!r:.80} for {where}", f"{getattr(wanted, '__name__', wanted)}")


def _restore_union(value: Json, choices: tuple[Any, ...], where: str) -> object:
    if value is None and type(None) in choices:
        return None
    for choice in choices:
        try:
            return restore(value, choice, where)
        except SchemaError:
            continue
    raise SchemaError(f"{value!r:.80} for {where}", " or ".join(getattr(c, "__name__", str(c)) for c in choices))


def _restore_tuple(value: list[Any], items: tuple[Any, ...], where: str) -> tuple[object, ...]:
    if not items:
        return tuple(value)
    if len(items) == 2 and items[1] is Ellipsis:
        items = (items[0],) * len(value)
    if len(items) != len(value):
        raise SchemaError(f"{len(value)} items for {where}", f"{len(items)} items")
    return tuple(restore(part, item, f"{where}[{i}]") for i, (part, item) in enumerate(zip(value, items, strict=True)))


def _restore_dataclass(value: dict[str, Any], wanted: type, where: str) -> object:
    hints = typing.get_type_hints(wanted)
    known = {f.name: f for f in dataclasses.fields(wanted) if f.init and is_stored(f)}
    extra = sorted(set(value) - set(known))
    if extra:
        raise SchemaError(f"the keys {extra} in {where}", f"only {sorted(known)}")
    missing = [
        name
        for name, f in known.items()
        if name not in value and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise SchemaError(f"no {missing} in {where}", f"the keys {sorted(known)}")
    return wanted(**{name: restore(part, hints[name], f"{where}.{name}") for name, part in value.items()})


def _is_kind(wanted: object, kind: type) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, kind)
