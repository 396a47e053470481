"""Types that name columns: ``{"position": ["x", "y", "z"], 'Scalar("mass")': ["m"]}`` says types and columns in one."""

import difflib
from collections.abc import Mapping
from typing import Any

from isotropy.errors import IsotropyError, SchemaError, ShapeError, counted
from isotropy.reps._atoms import Scalar, Vector
from isotropy.reps._layout import dimension, sizes, unknown_spaces
from isotropy.reps._rep import Rep
from isotropy.reps._text import ATOMS, parse_rep
from isotropy.reps._types import parse_type

Naming = dict[str, list[str]]
_USUAL = (2, 3)  # dimensions of a space in which columns under a plain name are the components of a vector


def named_columns(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a schema; sides that name columns are told as a type and a list of columns, others are left alone.

    A key that is a type, ``Vector("position")``, says what its columns are, as many copies as they fill; under any
    other name one column is a Scalar, and two or three are a Vector. Raises SchemaError where the number of columns
    fits neither.

    >>> told = named_columns({"x": {"position": ["a", "b", "c"], "Scalar": ["m", "q"]}, "y": "Scalar"})
    >>> str(told["x"]), told["columns"], told["dims"]
    ('Vector("position") + 2*Scalar', {'x': ('a', 'b', 'c', 'm', 'q')}, {'space': 3})
    """
    sides = {side: found for side in ("x", "y") if (found := _naming(given.get(side))) is not None}
    if sides and (single := {s for s in ("x", "y") if s not in sides and _single(given.get(s))}):
        sides |= {side: {name: [column] for name, column in given[side].items()} for side in single}
    if not sides:
        return dict(given)
    if given.get("columns") is not None:
        raise SchemaError("columns beside types that name columns", "one of them", "leave the key columns out")
    said = given.get("dims")
    dims = dict(said) if isinstance(said, Mapping) else {}
    if "space" not in dims and (d := _dimension_of(sides, dims)):
        dims["space"] = d
    told: dict[str, Any] = {**given, "columns": {}}
    for side, groups in sides.items():
        told[side] = sum((_type(name, columns, dims) for name, columns in groups.items()), start=Rep())
        told["columns"][side] = tuple(column for columns in groups.values() for column in columns)
    return told | ({"dims": dims} if dims and (said is None or isinstance(said, Mapping)) else {})


def _naming(value: Any) -> Naming | None:
    """The columns under each name, or None for a type or a tree of types."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        return None
    groups = {name: [item] if isinstance(item, str) else item for name, item in value.items()}
    lists = [item for item in value.values() if isinstance(item, list | tuple)]
    if not lists or not all(
        isinstance(item, list | tuple) and item and all(isinstance(column, str) for column in item)
        for item in groups.values()
    ):
        return None
    try:
        parse_type(dict(value))
    except IsotropyError:
        return {name: list(columns) for name, columns in groups.items()}
    return None


def _single(value: Any) -> bool:
    """Whether it names one column under each name, where the other side shows that columns are named at all."""
    return isinstance(value, Mapping) and bool(value) and all(isinstance(item, str) for item in value.values())


def _read(name: str) -> Rep | None:
    """The type that a key is, None for a plain name; raises SchemaError for what is meant as a type and is none."""
    try:
        return parse_rep(name)
    except IsotropyError:
        if any(mark in name for mark in '*"'):
            raise
    near = difflib.get_close_matches(name, ATOMS, 1, cutoff=0.8)
    if near:
        raise SchemaError(f"columns under {name!r}", "the name of a quantity, or a type", f"did you mean {near[0]}?")
    return None


def _dimension_of(sides: Mapping[str, Naming], dims: Mapping[str, int]) -> int | None:
    """The dimension of the space that all vectors share: that of the shortest one."""
    found: list[int] = []
    for name, columns in ((name, columns) for groups in sides.values() for name, columns in groups.items()):
        rep, count = _read(name), len(columns)
        if rep is None:
            found += [count] if count in _USUAL else []
        elif unknown_spaces(rep, dims) == {"space"}:
            try:
                found.append(sizes(rep, None, dims, count)["space"])
            except ShapeError:
                continue  # several copies, of a dimension that others tell
    return min(found, default=None)


def _type(name: str, columns: list[str], dims: Mapping[str, int]) -> Rep:
    rep, count = _read(name), len(columns)
    d = dims.get("space")
    if rep is None:
        if count == 1 or count == d:
            return Scalar(name) if count == 1 else Vector(name)
        raise SchemaError(
            f"{counted(count, 'column')} under {name!r}",
            f"one, a Scalar{f', or {d}, a Vector' if d else ', or two or three, a Vector'}",
            f"write 'Scalar(\"{name}\")' for {count} numbers that nothing turns, 'Vector(\"{name}\")' for vectors",
        )
    known = sizes(rep, None, dims, count)
    one = 0 if unknown_spaces(rep, known) else dimension(rep, known)
    if not one or count % one:
        wanted = f"a multiple of {one}" if one else "dims: {space: 3}, say, that tells the dimension"
        raise SchemaError(f"{counted(count, 'column')} under {name!r}", wanted, "correct the type, or the columns")
    return rep if count == one else count // one * rep
