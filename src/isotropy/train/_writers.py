"""What a training did, one row for each epoch, and where the rows go: metrics.jsonl, a CSV file, TensorBoard."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from isotropy.errors import MissingExtraError
from isotropy.runs import Run

Row = dict[str, Any]


@dataclass
class History:
    """Rows ``epoch, step, loss, validation, lr, penalty/..., multiplier/...``, and how the training ended.

    Terms with names add ``loss/<name>`` and ``validation/<name>``; several optimisers have ``lr/<name>`` each.
    ``reason`` is ``"max_steps"``, ``"max_epochs"``, ``"patience"`` or ``"callback"``; ``best`` is the lowest
    validation loss, at ``best_epoch``, whose weights the model has (None without validation).

    >>> History([{"epoch": 0, "loss": 2.0}, {"epoch": 1, "loss": 1.0}], "max_epochs").curve("loss")
    [2.0, 1.0]
    """

    rows: list[Row] = field(default_factory=list[Row])
    reason: str = ""
    best: float | None = None
    best_epoch: int | None = None

    @property
    def epochs(self) -> int:
        return len(self.rows)

    @property
    def steps(self) -> int:
        return int(self.rows[-1]["step"]) if self.rows else 0

    def curve(self, name: str) -> list[Any]:
        """One column, in the order of the epochs, None where it is empty; raises ``KeyError`` for an unknown name."""
        if self.rows and not any(name in row for row in self.rows):
            raise KeyError(name)
        return [row.get(name) for row in self.rows]


@runtime_checkable
class Writer(Protocol):
    """Receives the rows of a training; ``begin`` gets those of the epochs before a resume, and forgets later ones."""

    def begin(self, rows: Sequence[Row]) -> None: ...

    def write(self, row: Row) -> None: ...

    def close(self) -> None:
        """Called when no row will follow."""


class RunMetrics(Writer):
    """Rows in the ``metrics.jsonl`` of a run."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def begin(self, rows: Sequence[Row]) -> None:
        self.run.write("metrics.jsonl", [])
        for row in rows:
            self.write(row)

    def write(self, row: Row) -> None:
        self.run.metrics(row)


class CSVMetrics(Writer):
    """Rows in a CSV file with their keys as its header; an empty cell is a number that does not exist.

    A row with a new key, such as a term that only later steps have, lets the file be written anew.

    >>> import tempfile
    >>> writer = CSVMetrics(Path(tempfile.mkdtemp()) / "metrics.csv")
    >>> writer.begin([{"epoch": 0, "loss": 0.5}])
    >>> writer.path.read_text().split()
    ['epoch,loss', '0,0.5']
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._rows: list[Row] = []
        self._columns: list[str] = []

    def begin(self, rows: Sequence[Row]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._rows = list(rows)
        self._columns = list(dict.fromkeys(key for row in rows for key in row))
        with open(self.path, "w", newline="") as file:
            if self._columns:
                csv.writer(file).writerow(self._columns)
            csv.writer(file).writerows(map(self._cells, rows))

    def write(self, row: Row) -> None:
        self._rows.append(row)
        if not row.keys() <= set(self._columns):
            self.begin(self._rows)
            return
        with open(self.path, "a", newline="") as file:
            csv.writer(file).writerow(self._cells(row))

    def _cells(self, row: Row) -> list[Any]:
        return ["" if row.get(key) is None else row[key] for key in self._columns]


class TensorBoardMetrics(Writer):
    """Rows as scalars of TensorBoard in ``folder``, over epochs; raises ``MissingExtraError`` without [tensorboard]."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise MissingExtraError.of("tensorboard", "tensorboard") from error
        self.folder = Path(folder)
        self._make: Any = SummaryWriter
        self._writer: Any = None

    def begin(self, rows: Sequence[Row]) -> None:
        # Rows before the resume are there already; purge_step hides those after it.
        self._writer = self._make(str(self.folder), purge_step=rows[-1]["epoch"] + 1 if rows else None)

    def write(self, row: Row) -> None:
        for key, value in row.items():
            if key != "epoch" and value is not None:
                self._writer.add_scalar(key, value, row["epoch"])

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
