"""Every annotation of the house is checked by beartype at every call of the tests, shapes by jaxtyping's scopes.

``--jaxtyping-packages`` writes ``jaxtyping.jaxtyped(typechecker=...)`` above each function. What stands there is
replaced by a decorator with the same checks at a quarter of their cost: a check is made when its function is first
called (an import brings thousands that never are), arguments and result are checked in one pass instead of two, and
only a function that names shapes opens a scope for them.
"""

from __future__ import annotations

import builtins
import dataclasses
import functools
import inspect
import re
import types
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray

# An int is a float, as PEP 484 has it and as pyright reads annotations.
check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeError))
# A collection imports this file a second time, under another name.
_original: Any = getattr(jaxtyping.jaxtyped, "original", jaxtyping.jaxtyped)
_scope: Any = _original("context")


def jaxtyped(*, typechecker: object = None) -> Callable[[Any], Any]:
    """What the import hook writes above a function or class; ``typechecker`` is ``check``, whatever it is called."""
    return _decorated


jaxtyped.original = _original  # type: ignore[attr-defined]
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
    known, made = function.__globals__, None
    later = {key for key, hint in function.__annotations__.items() if isinstance(hint, str) and _unknown(hint, known)}

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        nonlocal made
        if made is None:
            inner = "<locals>" in function.__qualname__ and not function.__defaults__ and not function.__kwdefaults__
            made = functools.partial(_door(function, later), function) if inner else _made(function, later)
        return made(*args, **kwargs)

    checked.checks = True  # type: ignore[attr-defined]
    return checked


def _unknown(hint: str, known: dict[str, Any]) -> bool:
    names = re.findall(r"(?<![\w.])[A-Za-z_]\w*", re.sub(r"\"[^\"]*\"|'[^']*'", "", hint))
    return any(name not in known and not hasattr(builtins, name) for name in names)


def _made(function: Any, later: set[str]) -> Any:
    """The function with its checks. A name that only type checkers import is not checked, as in jaxtyping."""
    parts = (function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    return _with_checks(types.FunctionType(*parts), function, later)


def _door(function: Any, later: set[str]) -> Any:
    """``door(function, *args)`` with the checks of a function inside a function, which is made anew at every call."""
    code = function.__code__
    if code not in _DOORS:
        parameters = inspect.signature(function).parameters.values()
        passed = ", ".join(_PASSED.get(p.kind, "{}").format(p.name) for p in parameters)
        taken = str(inspect.Signature([p.replace(annotation=inspect.Parameter.empty) for p in parameters]))[1:-1]
        separate = "" if "/" in taken else "/, "
        made: dict[str, Any] = {}
        exec(f"def door(run__, {separate}{taken}): return run__({passed})", made)
        _DOORS[code] = _with_checks(made["door"], function, later)
    return _DOORS[code]


_DOORS: dict[types.CodeType, Any] = {}
_PASSED = {
    inspect.Parameter.VAR_POSITIONAL: "*{}",
    inspect.Parameter.VAR_KEYWORD: "**{}",
    inspect.Parameter.KEYWORD_ONLY: "{0}={0}",
}


def _with_checks(bare: Any, function: Any, later: set[str]) -> Any:
    hints = function.__annotations__.items()
    found = {name: Any if name in later else _read(hint, function.__globals__) for name, hint in hints}
    bare.__kwdefaults__, bare.__module__ = function.__kwdefaults__, function.__module__
    bare.__qualname__, bare.__annotations__ = function.__qualname__, found
    made = check(bare)
    if not any(map(_names_shapes, found.values())):
        return made

    def scoped(*args: Any, **kwargs: Any) -> Any:
        with _scope:
            return made(*args, **kwargs)

    return scoped


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
