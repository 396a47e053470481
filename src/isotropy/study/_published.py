"""Numbers that other people published: rows of a data file, shown beside ours and never mixed with them."""

from __future__ import annotations

import csv
import sys
from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files

from isotropy.errors import SchemaError
from isotropy.report import Column, Table

_COLUMNS = ("task", "setting", "method", "number", "unit", "source", "noted")


@dataclass(frozen=True)
class Quoted:
    """One number of one method in one setting of a task, as ``source`` printed it; ``noted`` ones a terminal shows."""

    task: str
    setting: str
    method: str
    number: float | int
    unit: str
    source: str
    noted: bool

    @property
    def mean(self) -> float | int:
        return self.number


@dataclass(frozen=True)
class Published:
    """What others published, with what a reader has to know of it.

    >>> Published((Quoted("fits", "test", "line", 0.5, "MSE", "Gauss 1809", True),)).notes({"fits"})
    ['published, test: line 0.5 MSE (Gauss 1809)']
    """

    rows: tuple[Quoted, ...] = ()
    caption: str = ""

    @classmethod
    def read(cls, module: str, caption: str = "", file: str = "published.csv") -> Published:
        """The rows of a file beside ``module``, its ``__name__``: task, setting, method, number, unit, source, noted.

        An "x" under noted marks what a terminal has room for. Raises ``SchemaError`` for other columns, or a number
        that is none.
        """
        package = sys.modules[module].__package__ or module
        text = (files(package) / file).read_text(encoding="utf-8")
        reader = csv.DictReader(text.splitlines())
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            raise SchemaError(f"the columns {reader.fieldnames} in {file} of {package}", ",".join(_COLUMNS))
        rows: list[Quoted] = []
        for row in reader:
            try:
                number = float(row["number"]) if "." in row["number"] or "e" in row["number"] else int(row["number"])
            except ValueError as error:
                raise SchemaError(f"{row['number']!r} in {file} of {package}", "a number") from error
            noted = bool(row["noted"])
            rows.append(Quoted(row["task"], row["setting"], row["method"], number, row["unit"], row["source"], noted))
        return cls(tuple(rows), caption)

    def notes(self, tasks: Collection[str]) -> list[str]:
        """The lines that a terminal shows below a table of these tasks."""
        several = len({row.task for row in self.rows}) > 1
        return [
            f"published, {f'{row.task}, ' if several else ''}{row.setting}: {row.method} {row.number:g} {row.unit} "
            f"({row.source})"
            for row in self.rows
            if row.noted and row.task in tasks
        ]

    @property
    def table(self) -> Table:
        """All rows, as a report shows them."""
        columns = [Column(name, "number" if name == "number" else "text") for name in _COLUMNS[:-1]]
        return Table(
            columns,
            [(row.task, row.setting, row.method, row.number, row.unit, row.source) for row in self.rows],
            section="Published",
            title="Published by others (not run here)",
            caption=self.caption,
            name="published",
        )
