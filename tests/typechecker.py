"""Every annotation of the house is checked by beartype in every test that calls it, shapes by jaxtyping's scopes.

``--jaxtyping-packages`` writes ``jaxtyping.jaxtyped(typechecker=...)`` above each function. What stands there is
replaced by a decorator with the same checks at a tenth of their cost: a check is made when its function is first called
(an import brings thousands that never are), arguments and result are checked in one pass instead of two, only a
function that names shapes opens a scope for them, and what such a function was found to keep for some types, dtypes and
shapes of all its arguments and of its result is not found again for the same ones: that is all that its hints read.
In one test a function is looked at when it is called for the 1st, 2nd, 3rd, 4th, 8th, 16th ... time: loops call on
with what they were seen to take.
"""

from __future__ import annotations

import builtins
import dataclasses
import functools
import inspect
import re
import types
from collections.abc import Callable, Collection
from typing import Any, Literal, get_args, get_origin, get_type_hints

import jaxtyping
import numpy as np
import torch
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray
from torch import nn

# An int is a float, as PEP 484 has it and as pyright reads annotations.
check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeError))
# A collection imports this file a second time, under another name.
_original: Any = getattr(jaxtyping.jaxtyped, "original", jaxtyping.jaxtyped)
_scope: Any = _original("context")


def jaxtyped(*, typechecker: object = None) -> Callable[[Any], Any]:
    """What the import hook writes above a function or class; ``typechecker`` is ``check``, whatever it is called."""
    return _decorated


# One object for both imports, another one in each test.
test: list[object] = getattr(jaxtyping.jaxtyped, "test", [None])


def begin() -> None:
    """From here on functions are looked at again."""
    test[0] = object()


jaxtyped.original, jaxtyped.test = _original, test  # type: ignore[attr-defined]
jaxtyping.jaxtyped = jaxtyped


def _decorated(thing: Any) -> Any:
    if inspect.isclass(thing):
        if dataclasses.is_dataclass(thing) and not hasattr(thing.__init__, "checks"):
            thing.__init__ = _checked(thing.__init__)
        return thing
    if isinstance(thing, classmethod | staticmethod):
        return type(thing)(_decorated(thing.__func__))
    if isinstance(thing, property):
        return property(*(part and _decorated(part) for part in (thing.fget, thing.fset, thing.fdel)))
    return _checked(thing) if isinstance(thing, types.FunctionType) else thing


def _checked(function: Any) -> Any:
    if not function.__annotations__:
        return function
    # What a method says of its own class, which is not there yet, is not checked, as in jaxtyping.
    known, made, seen, calls = function.__globals__, None, None, 0
    later = {key for key, hint in function.__annotations__.items() if isinstance(hint, str) and _unknown(hint, known)}

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        nonlocal made, seen, calls
        calls += 1
        if seen is not test[0]:
            seen, calls = test[0], 1
        elif calls > 4 and calls & (calls - 1):
            return function(*args, **kwargs)
        if made is None:
            made = _made(function, later)
        return made(*args, **kwargs)

    checked.checks = True  # type: ignore[attr-defined]
    return checked


def _unknown(hint: str, known: dict[str, Any]) -> bool:
    names = re.findall(r"(?<![\w.])[A-Za-z_]\w*", re.sub(r"\"[^\"]*\"|'[^']*'", "", hint))
    return any(name not in known and not hasattr(builtins, name) for name in names)


def _made(function: Any, later: set[str]) -> Any:
    """The function with its checks. A name that only type checkers import is not checked, as in jaxtyping."""
    code = function.__code__
    if code in _DOORS:
        return functools.partial(_DOORS[code], function)
    hints = function.__annotations__.items()
    found = {name: Any if name in later else _read(hint, function.__globals__) for name, hint in hints}
    plain = function.__defaults__ is None and function.__kwdefaults__ is None
    # A function inside a function is made anew at every call, its checks are not.
    again = "<locals>" in function.__qualname__ and plain
    shapes = any(map(_names_shapes, found.values()))
    if not (again or shapes) or code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE):
        parts = (code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
        return _with_checks(types.FunctionType(*parts), function, found)
    door = _with_checks(_door(function), function, found)
    if shapes and all(map(_is_told_by_kinds, found.values())):
        door = _once(door)
    if again:
        _DOORS[code] = door
    return functools.partial(door, function)


_DOORS: dict[types.CodeType, Any] = {}


def _door(function: Any) -> Any:
    """``door(run, *args)``, which calls ``run(*args)``, with the parameters of the function."""
    made: dict[str, Any] = {}

    def taken(p: inspect.Parameter) -> inspect.Parameter:
        if p.default is not p.empty:
            made[f"{p.name}__"] = p.default
            p = p.replace(default=_Name(f"{p.name}__"))
        return p.replace(annotation=p.empty)

    parameters = inspect.signature(function).parameters.values()
    passed = ", ".join(_PASSED.get(p.kind, "{}").format(p.name) for p in parameters)
    head = str(inspect.Signature([taken(p) for p in parameters]))[1:-1]
    separate = "" if "/" in head else "/, "
    exec(f"def door(run__, {separate}{head}): return run__({passed})", made)
    return made["door"]


class _Name(str):
    __repr__ = str.__str__


_PASSED = {
    inspect.Parameter.VAR_POSITIONAL: "*{}",
    inspect.Parameter.VAR_KEYWORD: "**{}",
    inspect.Parameter.KEYWORD_ONLY: "{0}={0}",
}


def _with_checks(bare: Any, function: Any, found: dict[str, Any]) -> Any:
    bare.__module__, bare.__qualname__, bare.__annotations__ = function.__module__, function.__qualname__, found
    if bare.__code__ is function.__code__:
        bare.__kwdefaults__ = function.__kwdefaults__
    made = check(bare)
    if not any(map(_names_shapes, found.values())):
        return made

    def scoped(*args: Any, **kwargs: Any) -> Any:
        with _scope:
            return made(*args, **kwargs)

    return scoped


def _once(door: Any) -> Any:
    """The door, where it has not let these kinds of arguments and of a result through before."""
    known: set[Any] = set()

    def passed(run: Any, /, *args: Any, **kwargs: Any) -> Any:
        given = _kind(args), _kind(kwargs)
        if given in known:
            out = run(*args, **kwargs)
            told = given, _kind(out)
            if told in known:
                return out
            door(lambda *_, **__: out, *args, **kwargs)
        else:
            out = door(run, *args, **kwargs)
            told = given, _kind(out)
        if None not in given:
            known.add(given)
            if told[1] is not None:
                known.add(told)
        return out

    return passed


def _kind(value: Any) -> Any:
    """All of a value that a hint without numbers to choose from can read; None where that is too much to tell."""
    kind = type(value)
    tell = _TELL.get(kind)
    if tell is None:
        tell = _TELL[kind] = _telling(kind)
    return kind if tell is type else tell(value)


def _telling(kind: type) -> Any:
    if issubclass(kind, torch.Tensor | np.ndarray):
        return _of_array
    if issubclass(kind, str | bool | type):
        return lambda value: (kind, value)
    if kind in (tuple, list, torch.Size):  # others may have laws of their own
        return lambda value: _of_all(kind, (), value)
    if issubclass(kind, dict):
        return lambda value: _of_all(kind, tuple(value), value.values())
    return (lambda value: None) if issubclass(kind, Collection) and not issubclass(kind, nn.Module) else type


def _of_array(value: Any) -> Any:
    """While a program is exported, sizes are symbols, which are told by no hash."""
    fixed = all(isinstance(size, int) for size in value.shape)
    return (type(value), value.dtype, tuple(value.shape)) if fixed else None


def _of_all(kind: type, names: tuple[Any, ...], values: Any) -> Any:
    told = tuple(map(_kind, values)) if len(values) <= 8 else (None,)
    return None if None in told else (kind, names, told)


_TELL: dict[type, Any] = {}


def _is_told_by_kinds(hint: Any) -> bool:
    """Of the numbers themselves, only a Literal asks."""
    if get_origin(hint) is Literal:
        return all(isinstance(value, str | bool | None) for value in get_args(hint))
    return all(map(_is_told_by_kinds, get_args(hint)))


def _read(hint: Any, names: dict[str, Any]) -> Any:
    def holder() -> None: ...

    holder.__annotations__ = {"hint": hint}
    try:
        return get_type_hints(holder, names, include_extras=True)["hint"]
    except Exception:
        return Any


def _names_shapes(hint: Any) -> bool:
    own = inspect.isclass(hint) and issubclass(hint, AbstractArray)
    return own or any(map(_names_shapes, get_args(hint)))
