"""Typed fields of dataclasses from text and from JSON, and JSON from them: no pickle, no class names in the text."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from isotropy.errors import SchemaError, counted, nearest

if TYPE_CHECKING:  # pydantic is imported where it is used: the doorstep stays light
    from pydantic_core import SchemaValidator, ValidationError

T = TypeVar("T")
Json = None | bool | int | float | str | list[Any] | dict[str, Any]
_LEAVES = {
    **{"int": "a whole number", "bool": "true or false", "str": "text", "string": "text"},
    **dict.fromkeys(("float", "finite"), "a finite number"),
}
"""What a leaf holds, by the name of its schema and by the first word of pydantic's complaints."""


def from_text(kind: type[T], settings: Mapping[str, object], *, of: str) -> T:
    """An instance of the dataclass ``kind``, its fields from numbers or from text; ``of`` names it in errors.

    Text may hold numbers, "1,2,2" for a tuple, "none" where a field may be None. Raises ``SchemaError`` for a key that
    is no field, naming the nearest, and for a value that cannot be read.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Dial:
    ...     nu: float = 0.3
    >>> from_text(Dial, {"nu": "0.5"}, of="dial")
    Dial(nu=0.5)
    """
    return cast(T, _read(kind, dict(settings), of, True))


def from_json(value: Json, kind: Any, where: str) -> Any:
    """The value of the declared type that ``jsonable`` turned into ``value``; ``where`` names it in errors.

    A null is NaN where a float is declared. Raises ``SchemaError`` when the value does not have that type.

    >>> from_json([1, 2.5], tuple[float, ...], "spectrum")
    (1.0, 2.5)
    """
    return _read(kind, value, where, False)


def finite(value: float | None) -> float | None:
    """The number, or None when there is none that JSON can hold.

    >>> finite(float("nan")) is None
    True
    """
    return value if value is not None and math.isfinite(value) else None


def jsonable(value: object) -> Json:
    """A value as JSON: dataclasses and mappings become objects, sequences and arrays lists, NaN and infinities null.

    Raises ``SchemaError`` for anything else, instead of writing its ``repr``.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return finite(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: jsonable(getattr(value, f.name)) for f in dataclasses.fields(value) if is_stored(f)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in cast(Mapping[object, object], value).items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in cast(Sequence[object], value)]
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # arrays and numbers of numpy
        return jsonable(cast(Any, value).tolist())
    raise SchemaError(f"a {type(value).__name__}", "numbers, strings, dataclasses, sequences and mappings of them")


def is_stored(field: dataclasses.Field[Any]) -> bool:
    """Whether a field belongs into JSON: all but those with ``metadata={"json": False}``."""
    return bool(field.metadata.get("json", True))


def _read(kind: Any, value: object, where: str, text: bool) -> object:
    from pydantic_core import ValidationError

    try:
        return _validator(kind, text).validate_python([value])[0]
    except ValidationError as error:
        raise _complaint(error, value, where, text) from error


@functools.cache
def _validator(kind: Any, text: bool) -> SchemaValidator:
    from pydantic import ConfigDict, TypeAdapter
    from pydantic_core import SchemaValidator

    # In a list, because the adapter of a bare dataclass takes no config; some fields hold what JSON does not.
    adapter: TypeAdapter[Any] = TypeAdapter(cast(Any, list)[kind], config=ConfigDict(arbitrary_types_allowed=True))
    return SchemaValidator(_adapted(adapter.core_schema, text))


def _adapted(node: Any, text: bool) -> Any:
    """A schema of pydantic, with what text and JSON mean: a null is NaN, "1,2,2" a tuple, a truth value no number."""
    if isinstance(node, list):
        return [_adapted(item, text) for item in cast(list[Any], node)]
    if not isinstance(node, dict):
        return node
    schema = {key: _adapted(item, text) for key, item in cast(dict[str, Any], node).items()}
    kind = schema.get("type")
    if kind in _LEAVES and (kind == "str" or not text):
        schema["strict"] = True
    if kind == "float" and text:
        schema["allow_inf_nan"] = False
    before = _before(kind, schema, text) if isinstance(kind, str) else None
    if before is None:
        return schema
    named = {"ref": schema.pop("ref")} if "ref" in schema else {}  # others mean the whole by it
    return {"type": "function-before", "function": {"type": "no-info", "function": before}, "schema": schema, **named}


def _before(kind: str, schema: dict[str, Any], text: bool) -> Any:
    """What looks at a value before pydantic does, where it reads a schema of this kind in another way."""
    if kind == "dataclass":
        return functools.partial(_known, [f.name for f in dataclasses.fields(schema["cls"]) if f.init and is_stored(f)])
    if kind == "tuple":
        return functools.partial(_items, None if "variadic_item_index" in schema else len(schema["items_schema"]), text)
    if not text:
        return _null if kind == "float" else None
    if kind in ("int", "float"):
        return functools.partial(_number, _LEAVES[kind])
    return _nothing if kind == "nullable" else None


def _refuse(given: str | None, expected: str, hint: str = "") -> NoReturn:
    from pydantic_core import PydanticCustomError

    raise PydanticCustomError("three_parts", "{expected}", {"given": given, "expected": expected, "hint": hint})


def _known(names: list[str], value: object) -> object:
    for key in cast(Mapping[str, object], value) if isinstance(value, Mapping) else ():
        if key not in names:
            near = nearest(str(key), names)
            _refuse(repr(key), "one of " + ", ".join(names), f"{near}=..." if near else "")
    return value


def _items(count: int | None, text: bool, value: object) -> object:
    items = value.strip("()[] ").split(",") if text and isinstance(value, str) else value
    if isinstance(items, list | tuple) and count not in (None, len(cast(Sequence[object], items))):
        _refuse(
            counted(len(cast(Sequence[object], items)), "item"),
            f"{counted(count, 'number')} separated by commas" if text else counted(count, "item"),
        )
    return items


def _null(value: object) -> object:
    return math.nan if value is None else value


def _number(expected: str, value: object) -> object:
    return _refuse(None, expected) if isinstance(value, bool) else value


def _nothing(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() in ("none", "") else value


def _complaint(error: ValidationError, value: object, where: str, text: bool) -> Exception:
    """What pydantic complains of first, in three parts; what a dataclass itself refuses, as it says it."""
    found = error.errors(include_url=False)
    first, context = found[0], found[0].get("ctx", {})
    if isinstance(context.get("error"), ValueError):
        return context["error"]
    place, at = "", value
    for part in first["loc"][1:]:  # it also names choices of a union, which are no place in the value
        if isinstance(at, Mapping) and part in at:
            place, at = f"{place}.{part}", cast(Mapping[Any, object], at)[part]
        elif isinstance(at, list | tuple) and isinstance(part, int) and part < len(cast(Sequence[object], at)):
            place, at = f"{place}[{part}]", cast(Sequence[object], at)[part]
    place = f"{place[1:]} of {where}" if text and place else where + place
    if first["type"] == "missing":
        return SchemaError(f"no {first['loc'][-1]!r} in {place}", "a value for it")
    if context.get("given"):
        given = f"setting {context['given']} of {place}" if text else f"{context['given']} in {place}"
        return SchemaError(given, first["msg"], context["hint"])
    expected = " or ".join(dict.fromkeys(_expected(item) for item in found if item["loc"][:2] == first["loc"][:2]))
    return SchemaError(f"{place} = {at!r:.80}" if text else f"{at!r:.80} for {place}", expected)


def _expected(complaint: Mapping[str, Any]) -> str:
    known = _LEAVES.get(complaint["type"].split("_")[0])
    if complaint["type"] == "literal_error":
        return f"one of {complaint['ctx']['expected']}".replace(" or ", ", ")
    return known or str(complaint["msg"]).removeprefix("Input should be ")
