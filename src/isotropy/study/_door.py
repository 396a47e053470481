"""What comes in at the door: tables, types, units and candidates, checked before anything is computed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from isotropy.data import Dataset, Pictures, Rows, Tabular, Types, by_name, enough_units, schema_path
from isotropy.errors import DomainError, SchemaError
from isotropy.frames.parts import is_graph
from isotropy.reps import Schema, rows_of
from isotropy.study._candidates import candidates
from isotropy.study._problem import CONSTANT, Problem
from isotropy.study._units import ordered, units_of


def dataset_of(
    x: Rows | Tabular | str | Path, y: Tabular | str | None, types: Types | None, cluster: Iterable[Any] | str | None
) -> Dataset:
    """What a verb was given as a Dataset, which is the door: rows, types and clusters are checked there."""
    several = x if isinstance(x, list | tuple) and len(x) else (x,)
    if isinstance(x, Pictures) or is_graph(several[0]):
        what = "pictures" if isinstance(x, Pictures) else "graphs"
        raise SchemaError(what, "a table: rows of inputs and targets", "isotropy.audit(model, ...) takes them")
    if isinstance(x, Dataset):
        if y is not None or types is not None:
            raise SchemaError("a Dataset together with y or types", "one of them", "a Dataset holds all three")
        return _as_table(x if cluster is None else replace(x, cluster=cluster))
    if isinstance(x, str | Path):
        raise SchemaError(f"{str(x)!r}, a name", "the rows themselves", _loading(x))
    if isinstance(several[0], Mapping) and several[0] is not x:
        raise SchemaError("rows that are dictionaries", "a table with columns", "pandas.DataFrame(x)")
    x, y, types, cluster = by_name(x, y, types, cluster)
    if y is None or types is None:
        raise SchemaError("x alone", "x, y and types", 'discover(x, y, dict(x=5 * Vector, y=Scalar), groups="O(3)")')
    return _as_table(Dataset(x, y, types, cluster))


def _loading(name: str | Path) -> str:
    """How to read the data of that name."""
    schema = f", schema={str(schema_path(Path(name)))!r}" if Path(name).suffix else ""
    return f"data = isotropy.data.load({str(name)!r}{schema}), and data in its place"


def _as_table(dataset: Dataset) -> Dataset:
    """The same as rows of columns, which is what learners take: clouds of one size are rows of n points."""
    if dataset.types.tabular:
        return dataset
    wanted = "a table, or Clouds of n points each, (clouds, n, features), which are rows of n * Point"
    (x, left), (y, right) = (
        rows_of(type_, values, side, wanted)
        for side, type_, values in (("x", dataset.types.x, dataset.x), ("y", dataset.types.y, dataset.y))
    )
    return replace(dataset, x=left, y=right, types=Schema(x=x, y=y, dims=dataset.types.dims))


def problem_of(
    dataset: Dataset, groups: Any, windows: Mapping[str, float] | None, seed: int, *, time: Iterable[Any] | None = None
) -> Problem:
    """The problem of a data set and its candidates, by default those that it names; ``time`` orders its rows.

    Raises ShapeError for fewer than 8 independent units, DomainError for targets that do not vary, and what
    ``candidates``, ``Schema.check`` and ``ordered`` raise. Warns where rows depend on each other, as ``units_of`` does.
    """
    listed = dataset.groups if groups is None else groups
    if not listed:
        hint = 'groups="O(3),O(2)@z" (on the command line, --groups "O(3),O(2)@z")'
        raise SchemaError(f"no candidate groups for {dataset.name or 'these data'}", "at least one", hint)
    for side, values in (("inputs x", dataset.x), ("targets y", dataset.y)):
        size = float(values.abs().max())
        if size and not _LEAST < size < 1 / _LEAST:
            given = f"{side} of the size {size:.0e}"
            raise DomainError(given, f"sizes between {_LEAST:.0e} and {1 / _LEAST:.0e}", "take another unit")
    dataset = ordered(dataset, time)
    unit, dependence = units_of(dataset, seed, timed=time is not None)
    enough_units(int(unit.max()) + 1)
    found = candidates(listed, dataset.types, dataset.x, {**dict(dataset.windows), **(windows or {})})
    problem = Problem(
        dataset.x, dataset.y, unit, dataset.types, found, seed, dependence=dependence, series=dependence.series
    )
    # Columns alone cannot tell the dimensions of two spaces apart; together with the candidates they can.
    types = dataset.types.model_copy(update={"dims": problem.dims})
    types.check(dataset.x, dataset.y)
    left = problem.y - problem.centre(problem.y)
    if float(left.square().sum()) <= CONSTANT**2 * float(problem.y.square().sum()):
        raise DomainError(
            "targets y that are the same in every row",
            "targets that vary",
            "such a constant has every candidate symmetry, and nothing is there to predict",
        )
    problem = replace(problem, types=types)
    _warn_of_unlike_nodes(problem)
    return problem


_LEAST = 1e-100  # squares of smaller numbers, and their sums of products, leave float64
_ALIKE = 30.0  # sizes that differ by more are units, not spread


def _warn_of_unlike_nodes(problem: Problem) -> None:
    """Nodes that a candidate permutes share one scale, so very unlike ones are hard to learn together."""
    if not any("nodes" in candidate.group.spaces for candidate in problem.candidates):
        return
    n = problem.dims["nodes"]
    for part, where in zip(problem.rep_in.parts(), problem.rep_in.columns(problem.dims), strict=True):
        if not part.term.factors or part.term.factors[0].space != "nodes":
            continue
        sizes = problem.x[:, where].unflatten(-1, (part.multiplicity, n, -1)).square().mean((0, 1, 3)).sqrt()
        least, most = float(sizes.min()), float(sizes.max())
        if most > _ALIKE * least:
            one = part.name or str(part.atom)
            warnings.warn(
                f"the nodes of {one} differ in size by a factor of {most / max(least, 1e-300):.2g}, and a candidate "
                "permutes them, so that they share one scale: bring them to one unit, or, where they are unlike, type "
                "them apart (Vector + Vector for Nodes*Vector) and leave the permutations out",
                stacklevel=4,
            )
