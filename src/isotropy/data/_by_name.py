"""Inputs, targets, clusters and times by the names of their columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from isotropy.data._draft import drafted
from isotropy.data._named import Named, named
from isotropy.errors import IsotropyError, SchemaError
from isotropy.reps import Rep, Schema


def by_name(x: Any, y: Any, types: Any, cluster: Any = None) -> tuple[Any, Any, Any, Any]:
    """Rows, types and clusters of a table whose columns have names: what the types name is taken out of it.

    ``y`` and ``cluster`` may be names of columns too; targets that the types leave out are then Scalars. Without names
    in the types all columns of ``x`` are taken, in their order. What is no such table comes back as it is. Raises
    SchemaError where names are missing or are not there,
    DtypeError for columns that hold no numbers.

    >>> rows = {"a": [1, 2], "b": [3, 4], "who": ["p", "q"]}
    >>> x, y, types, cluster = by_name(rows, None, {"x": {"mass": ["a"]}, "y": {"e": ["b"]}}, "who")
    >>> x.tolist(), y.tolist(), str(types.x), cluster.tolist()
    ([[1.0], [2.0]], [[3.0], [4.0]], 'Scalar("mass")', ['p', 'q'])
    """
    table = named(x)
    if table is None:
        return x, _alone(y), types, cluster
    if types is None:
        raise SchemaError("a table without types", "types that name its columns", _spoken(table))
    targets = _names(y)
    if targets and isinstance(types, Mapping) and "y" not in types:
        types = {**types, "y": {name: [name] for name in targets}}
    schema = Schema.of(types)
    if not isinstance(schema.x, Rep):
        return x, y, schema, cluster
    columns = dict(schema.columns or {})
    if targets:
        columns["y"], y = targets, None
    label = cluster if isinstance(cluster, str) else schema.cluster if cluster is None else None
    if y is None and "y" in columns:
        y = table.numbers(columns["y"])
    others = {*columns.get("y", ()), label} if y is None or "y" in columns else {label}
    inputs = columns.get("x") or [name for name in table.names if name not in others]
    return table.numbers(inputs), _alone(y), schema, cluster if label is None else table.column(label)


def times_of(x: Any, time: Iterable[Any] | None) -> Any:
    """The times of rows, where they may be named as a column of the table ``x``."""
    if not isinstance(time, str):
        return time if time is None or hasattr(time, "__array__") else list(time)
    table = named(x)
    if table is None:
        raise SchemaError(
            f"time={time!r} for rows without names", "one time for each row", "time=(n,), numbers or dates"
        )
    return table.column(time)


def _names(y: Any) -> tuple[str, ...]:
    """The names of columns that stand in place of targets; none where ``y`` is something else."""
    if isinstance(y, str):
        return (y,)
    return tuple(y) if isinstance(y, list | tuple) and all(isinstance(name, str) for name in y) else ()


def _spoken(table: Named) -> str:
    """The types that a table seems to have; nothing where it holds no columns of numbers."""
    try:
        return drafted(table).spoken()
    except IsotropyError:
        return "types=dict(x='3*Vector', y='Scalar')"


def _alone(y: Any) -> Any:
    """Targets by themselves, as numbers where they come as a table."""
    table = None if isinstance(y, Mapping) else named(y)
    return y if table is None else table.numbers(table.names)
