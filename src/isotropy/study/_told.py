"""What a result says about its data, and the block of the report that shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isotropy.data import Dataset
from isotropy.groups import in_words
from isotropy.report import Block, Column, Table
from isotropy.reps import Rep, parse_type

_LISTED = 12  # columns named in a cell


def told_of(dataset: Dataset) -> dict[str, Any]:
    """What a result says about its data."""
    told: dict[str, Any] = {
        "name": dataset.name, "title": dataset.title, "story": dataset.story, "rows": dataset.rows,
        "units": dataset.units, "inputs": str(dataset.types.x), "targets": str(dataset.types.y),
        "settings": {key: str(value) for key, value in dataset.settings.items()},
    }  # fmt: skip
    # Only where people named them: columns of arrays have no names.
    columns = {side: list(names) for side, names in (dataset.types.columns or {}).items()}
    if not columns:
        return told
    return told | {"columns": columns, "dims": dataset.types.known_dims(dataset.x.shape[1], dataset.y.shape[1])}


def data_blocks(data: Mapping[str, Any], groups: Sequence[str]) -> list[Block]:
    """Who and what x and y are, and what each group does to them, in plain words."""
    rows: list[tuple[str, str, str, str]] = []
    for side, key in (("x", "inputs"), ("y", "targets")):
        type_ = parse_type(data[key]) if isinstance(data.get(key), str) else None
        if not isinstance(type_, Rep):
            continue
        # A candidate may tell a dimension that columns do not.
        known = type_.spaces <= set(data.get("dims", {}))
        names = list(data.get("columns", {}).get(side, ())) if known else []
        where = type_.columns(data["dims"]) if names else ()
        for i, part in enumerate(type_.parts()):
            mine = names[where[i]] if names else []
            listed = ", ".join(mine[:_LISTED]) + (", ..." if len(mine) > _LISTED else "")
            count = "" if part.multiplicity == 1 else f"{part.multiplicity} times "
            rows.append(("input" if side == "x" else "target", part.name or "(no name)", f"{count}{part.atom}", listed))
    columns = (Column("is"), Column("quantity"), Column("type"), Column("columns"))
    kept = 4 if data.get("columns") else 3
    data_table = Table(columns[:kept], [row[:kept] for row in rows], title="Inputs and targets")
    words = Table(
        (Column("group"), Column("what it does")),
        [(name, in_words(name)) for name in groups],
        title="The groups, in plain words",
        half=False,
    )
    return [*([data_table] if rows else []), *([words] if groups else [])]
