"""Settings of a built-in data set: typed fields with defaults, which also arrive as text from a command line."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from isotropy.errors import SchemaError

T = TypeVar("T")


def build(kind: type[T], settings: Mapping[str, object], *, of: str) -> T:
    """An instance of the dataclass ``kind``, its fields converted from numbers or text; ``of`` names the data set.

    Raises ``SchemaError`` for a key that is no field (listing the known ones) and for a value that cannot be read.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Dial:
    ...     nu: float = 0.3
    >>> build(Dial, {"nu": "0.5"}, of="dial")
    Dial(nu=0.5)
    """
    fields = [item.name for item in dataclasses.fields(kind) if item.init]  # pyright: ignore[reportArgumentType]
    hints = get_type_hints(kind)
    converted: dict[str, Any] = {}
    for key, value in settings.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, 1)
            raise SchemaError(
                f"setting {key!r} of {of}", "one of " + ", ".join(fields), f"write {near[0]}=..." if near else ""
            )
        converted[key] = convert(value, hints[key], f"{key} of {of}")
    return kind(**converted)


def convert(value: object, hint: Any, where: str) -> object:
    """``value`` as the annotated type ``hint``: int, float, bool, str, Literal, tuples of numbers, or one of several.

    >>> convert("1,2,2", tuple[float, float, float] | None, "u")
    (1.0, 2.0, 2.0)
    """
    kinds = get_args(hint) if get_origin(hint) not in (None, tuple, Literal) else (hint,)
    if type(None) in kinds:
        if value is None or (isinstance(value, str) and value.strip().lower() in ("none", "")):
            return None
        kinds = tuple(kind for kind in kinds if kind is not type(None))
    for kind in kinds:
        try:
            return _convert(value, kind)
        except (ValueError, TypeError, OverflowError):
            continue
    expected = " or ".join(_name(kind) for kind in kinds)
    raise SchemaError(f"{where} = {value!r}", expected)


def _convert(value: object, kind: Any) -> object:
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        raise ValueError
    if get_origin(kind) is tuple:
        items = value.strip("()[] ").split(",") if isinstance(value, str) else list(value)  # pyright: ignore
        kinds = get_args(kind)
        if kinds[-1] is Ellipsis:
            kinds = (kinds[0],) * len(items)
        if len(items) != len(kinds):
            raise ValueError
        return tuple(_convert(item, one) for item, one in zip(items, kinds, strict=True))
    if kind is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        return words[str(value).strip().lower()] if str(value).strip().lower() in words else _refuse()
    if kind is str:
        return value if isinstance(value, str) else _refuse()
    if isinstance(value, bool):
        raise ValueError
    if kind is int:
        number = int(value) if isinstance(value, str) else value
        return int(number) if isinstance(number, int | float) and float(number).is_integer() else _refuse()
    number = float(value)  # pyright: ignore[reportArgumentType]
    return number if math.isfinite(number) else _refuse()


def _refuse() -> object:
    raise ValueError


def _name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(repr, get_args(kind)))
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        return "numbers separated by commas" if kinds[-1] is Ellipsis else f"{len(kinds)} numbers separated by commas"
    return {int: "a whole number", float: "a finite number", bool: "true or false", str: "text"}.get(kind, str(kind))
