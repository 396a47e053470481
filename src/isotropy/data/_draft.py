"""A schema to begin with, made of the names and values of a table; people correct it, nothing is computed with it
unseen."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.data._columns import Column, Group, grouped, looked_at
from isotropy.data._draft_arrays import draft_arrays
from isotropy.data._named import Named, named
from isotropy.data._tables import Dialect, names_wanted, opened, parquet_head, sniffed, unnamed
from isotropy.errors import SchemaError, counted

_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}  # values of YAML, not names
_LOOKED_AT = 20_000  # rows
_TARGETS = {"y", "target", "targets", "label", "labels", "output", "out", "energy", "e", "potential", "response"}
_TYPES = (
    "Types: Scalar (no rotation changes it), Vector (turns), Point (a place: turns, and shifts with the origin),",
    "Pseudovector (turns, but keeps its sign under mirrors: angular momentum, magnetic field), Tensor(2).",
)


class UnnamedColumnsError(SchemaError):
    """A table whose first line holds values and no names."""


@dataclass(frozen=True)
class Draft:
    """Inputs and targets as groups of columns, and what was left out, each with its reason."""

    x: tuple[Group, ...]
    y: tuple[Group, ...]
    cluster: Column | None = None
    left: Mapping[str, str] = field(default_factory=dict[str, str])
    time: str | None = None
    certain: bool = False  # whether the targets were told by their names
    dialect: Dialect = Dialect()
    rows: int = 0

    def types(self) -> dict[str, Any]:
        """The types as ``discover`` takes them beside the table."""
        told: dict[str, Any] = {
            side: {group.type: list(group.columns) for group in groups}
            for side, groups in (("x", self.x), ("y", self.y))
        }
        dims = self._dims
        return told | ({"dims": dims} if dims else {}) | ({"cluster": self.cluster.name} if self.cluster else {})

    def spoken(self) -> str:
        """The types as Python, to be corrected."""
        return f"such as types={self.types()!r}"

    def yaml(self, source: str, command: str = "") -> str:
        """The schema as commented YAML."""
        lines = [f"# The columns of {source} ({counted(self.rows, 'row')}), by their names. Correct what is wrong."]
        lines += [f"# Then: {command}"] if command else []
        lines += [f"# {line}" for line in _TYPES] + [""]
        why = "" if self.certain else "   # the last columns; correct it if something else is to be predicted"
        lines += ["x:   # inputs", *_written(self.x), f"y:{why or '   # what is to be predicted'}", *_written(self.y)]
        lines += [f"dims: {{{', '.join(f'{key}: {d}' for key, d in self._dims.items())}}}"] if self._dims else []
        if self.cluster:
            labels = counted(self.cluster.distinct, "value")
            lines.append(f"cluster: {_quoted(self.cluster.name)}   # {labels}: rows that belong together")
        lines += [self.dialect.lines()] if self.dialect.lines() else []
        lines += [f"# left out: {name} ({why})" for name, why in self.left.items()]
        lines += [f"# {self.time} may order the rows: --time {_quoted(self.time)}"] if self.time else []
        return "\n".join(lines) + "\n"

    @property
    def _dims(self) -> dict[str, int]:
        sizes = [group.dimension for group in (*self.x, *self.y) if group.dimension]
        return {"space": sizes[0]} if sizes else {}


def _quoted(name: str) -> str:
    """A name as YAML takes it in a list: plain where it is a word, else in quotes."""
    plain = re.fullmatch(r"[A-Za-z_][\w.-]*", name) and name.lower() not in _WORDS
    return name if plain else json.dumps(name, ensure_ascii=False)


def _written(groups: Sequence[Group]) -> Iterator[str]:
    for group in groups:
        note = f"   # {group.doubt}" if group.doubt else ""
        yield f"  {group.type}: [{', '.join(map(_quoted, group.columns))}]{note}"


def draft(path: str | Path) -> str:
    """A commented schema for a .csv, .tsv, .parquet or .npz file, from the names and values of its columns, as YAML.

    ``x, y, z``, ``vx, vy, vz``, ``pos_0, pos_1, pos_2`` become Vectors, ``xx ... zz`` a Tensor(2), ``m1 ... m5`` five
    Scalars; units in brackets stay in the description. What is the same in every row, numbers the rows or is text is
    left out, with the reason; repeated labels become the cluster. It is a beginning, to be read and corrected.

    Raises SchemaError for other files, and for tables without two columns of numbers that vary.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "fall.csv"
    ...     _ = path.write_text("x,y,z,m,e\\n" + "\\n".join(f"{i},{i * i},{-i},{i % 7},{i % 5}" for i in range(60)))
    ...     print(*(line for line in draft(path).splitlines() if "#" not in line), sep="\\n")
    <BLANKLINE>
      Vector("position"): [x, "y", z]
      Scalar("m"): [m]
      Scalar("e"): [e]
    dims: {space: 3}
    """
    path = Path(path)
    if path.name.lower().endswith(".npz"):
        return draft_arrays(path, _command(path))
    table, dialect = _read(path)
    found = drafted(table)
    return replace(found, dialect=dialect).yaml(path.name, _command(path))


def schema_path(path: Path) -> Path:
    """Where ``isotropy schema init`` writes: ``data.schema.yaml`` beside ``data.csv``."""
    return path.with_name(f"{path.name.split('.')[0]}.schema.yaml")


def _command(path: Path) -> str:
    return f"isotropy discover {path} --schema {schema_path(path)} --quick"


def offered(path: Path) -> str:
    """What to do about a file without a schema: take the one that lies there, or the one that would be written."""
    there = schema_path(path)
    if there.exists():
        return f"--schema {there}, which is there"
    try:
        text = draft(path)
    except UnnamedColumnsError:
        raise  # no schema helps
    except SchemaError:
        return 'two lines will do, such as  x: 5*Scalar("mass") + 5*Vector("position")  and  y: Tensor(2)("inertia")'
    return f"isotropy schema init {path}\nwrites {there}, to be corrected:\n\n{text}"


def drafted(table: Named) -> Draft:
    """The draft of a table; raises SchemaError without two columns of numbers that vary."""
    columns = [looked_at(name, table.column(name)) for name in table.names]
    rows = max((column.rows for column in columns), default=0)
    cluster = next((column for column in columns if column.kind == "cluster"), None)
    time = next((column.name for column in columns if column.kind == "time"), None)
    left = {c.name: c.reason for c in columns if c.kind not in ("number", "time") and c is not cluster}
    groups = grouped([column.name for column in columns if column.kind == "number"])
    alone = len(groups) < 2
    if alone:  # x, y, z and nothing else: the last is a function of the others
        groups = grouped([column.name for column in columns if column.kind == "number"], vectors=False)
    if len(groups) < 2:
        given = f"{counted(len(groups), 'column')} of numbers that vary" + (
            f"; {'; '.join(map(' '.join, left.items()))}" if left else ""
        )
        raise SchemaError(
            given, "inputs and a target, two at least", "write the schema by hand: x: Vector and y: Scalar"
        )
    told = [group for group in groups if group.stem.lower() in _TARGETS]
    told = told if 0 < len(told) < len(groups) and not alone else []
    targets = told or groups[-1:]
    inputs = tuple(group for group in groups if group not in targets)
    return Draft(inputs, tuple(targets), cluster, left, time, bool(told), rows=rows)


def _read(path: Path) -> tuple[Named, Dialect]:
    """The first rows of a table in a file, and how it is written."""
    if path.name.lower().endswith(".parquet"):
        found = named(parquet_head(path, _LOOKED_AT))
        assert found is not None
        return found, Dialect()
    with opened(path) as file:
        lines = list(itertools.islice(file, _LOOKED_AT + 1))
    if not lines:
        raise SchemaError(f"{path.name}, which is empty", "a header and rows")
    dialect = sniffed(lines[0], lines[1] if len(lines) > 1 else "")
    rows = [row for row in csv.reader(lines, delimiter=dialect.separator) if row]
    if not rows:
        raise SchemaError(f"{path.name} of empty lines", "a header and rows")
    header, body = [cell.strip() for cell in rows[0]], rows[1:]
    if unnamed([cell.replace(dialect.decimal, ".") for cell in header]):
        raise UnnamedColumnsError(
            f"{path.name}, whose first line holds numbers",
            "a line with the names of the columns on top",
            names_wanted(header, dialect.separator),
        )
    if not body or any(len(row) != len(header) for row in body):
        raise SchemaError(f"{path.name} with rows of several lengths, or none", "a header and rows as long as it is")
    shown = dialect if dialect != Dialect.of(path) else Dialect()
    return Named(tuple(header), lambda name: _cells([row[header.index(name)] for row in body], dialect)), shown


def _cells(cells: list[str], dialect: Dialect) -> NDArray[Any]:
    """Numbers where all of them are, else text."""
    try:
        return np.array([dialect.number(cell) for cell in cells])
    except ValueError:
        return np.array([cell.strip() for cell in cells])
