"""An interrupted run as an answer that one can hold: what is finished, which figures are there, how to go on."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from isotropy.errors import SchemaError, counted
from isotropy.report import Block, Column, Table, Text, section
from isotropy.runs import Run, finished
from isotropy.study._verb import ASKED, Answer

# By name, because the verbs stand above: the figures of a discovery are read by those who made them.
_READERS = {"isotropy.discovery._jobs": ("isotropy.discovery.parts", "figures_so_far")}
_WORDS = {
    "fit_half": "models fitted on one half of the rows",
    "fit_all": "models fitted on all rows",
    "inputs": "tests of the inputs",
    "measure": "candidates judged on one split",
    "refit": "models refitted with a symmetry imposed",
    "seen_copies": "moved copies looked at",
    "unlearned": "tests without a model",
    "curves": "curves along angles",
    "gram": "matrices of derivatives",
    **dict.fromkeys(("train_fold", "train_pictures", "train_parts"), "networks trained on all folds but one"),
}
Piece = tuple[str, dict[str, Any], Any]
"""A finished job: its function, its arguments, its outcome."""


@dataclass(frozen=True)
class SoFar:
    """A figure that is there already: the ``name`` of what it is of, its ``value``, on how many ``pieces`` it rests.

    ``quantity`` is "breaking" (a share of the signal), "error" (root mean square), "loss" (one's own) or "explained" (a
    share); ``low`` and ``high`` are the ends of the interval, None where there is none.
    """

    name: str
    quantity: str
    value: float
    low: float | None = None
    high: float | None = None
    pieces: int = 1


@dataclass(frozen=True, kw_only=True, repr=False)
class Unfinished(Answer[SoFar]):
    """A run in ``directory`` that was interrupted, or goes on elsewhere: ``finished`` counts what is kept, by its kind.

    ``figures`` are what the finished pieces say by themselves, without the verdicts, which need all of them;
    ``resume`` is the command (or the call) that continues the run. ``data``, ``settings``, ``command``, ``notes``,
    ``date`` and ``seconds`` are those of every answer.
    """

    kind: ClassVar[str] = "unfinished"
    found: ClassVar[str] = "figures"
    directory: str = ""
    finished: Mapping[str, int] = field(default_factory=dict[str, int])
    figures: tuple[SoFar, ...] = ()
    resume: str = ""

    def title(self) -> str:
        return f"Unfinished run in {self.directory}"

    def headline(self) -> str:
        """What is kept, in a sentence."""
        count = sum(self.finished.values())
        if not count:
            return f"The run in {self.directory} is unfinished, and no piece of it is finished yet."
        told = ", ".join(f"{what} ({number})" for what, number in self.finished.items())
        return f"The run in {self.directory} is unfinished; it has kept {counted(count, 'piece')}: {told}."

    def __repr__(self) -> str:
        return super().__repr__() if self.figures else "\n".join([self.headline(), *self._steps()])

    @property
    def sentences(self) -> Sequence[str]:
        return [self.headline()]

    @property
    def next_steps(self) -> Sequence[str]:
        return (self.resume,)

    def rows(self) -> list[dict[str, Any]]:
        names = ("name", "quantity", "value", "low", "high", "pieces")
        return [{name: getattr(found, name) for name in names} for found in self.figures]

    def summary(self) -> Table:
        columns = (
            Column("of"),
            Column("quantity"),
            Column("so far", "number"),
            Column("interval"),
            Column("rests on", explain="Splits or folds that are finished."),
        )
        cells = [
            (f.name, f.quantity, f.value, None if f.low is None else f"{f.low:.3g} to {f.high:.3g}", f"{f.pieces}")
            for f in self.figures
        ]
        return Table(columns, cells, title="Figures so far", notes=self.notes)

    def blocks(self) -> Sequence[Block]:
        return [
            Text(self.headline(), style="headline"),
            *(section("So far", self.summary()) if self.figures else []),
            *section("How to go on", Text(f"    {self.resume}", style="details")),
        ]


def unfinished(folder: Path) -> Unfinished:
    """What an interrupted run in a directory has kept. Raises SchemaError for damaged files."""
    run = Run.attach(folder)
    try:
        asked: dict[str, str] = json.loads((folder / ASKED).read_text("utf-8")) if (folder / ASKED).is_file() else {}
    except ValueError as error:
        raise SchemaError(f"{folder / ASKED}, which is damaged ({error})", "what the run wrote", "delete it") from error
    pieces = list(finished(run))
    config = run.config
    figures = _of_comparison(pieces)
    for module, (room, name) in _READERS.items():
        mine = [piece for piece in pieces if piece[0].startswith(f"{module}:")]
        if mine:
            figures += getattr(importlib.import_module(room), name)(run, mine)
    count = Counter(piece[0].partition(":")[2] for piece in pieces)
    command = asked.get("command", "")
    return Unfinished(
        directory=str(folder),
        finished={_WORDS.get(name, name.replace("_", " ")): number for name, number in count.most_common()},
        figures=tuple(figures),
        resume=" ".join([command, *(["--resume"] if "--resume" not in command.split() else [])])
        if command
        else f"the same call with out={str(folder)!r}, resume=True",
        data={"name": config["data"]} if isinstance(config.get("data"), str) else {},
        notes=("Figures of finished pieces; verdicts are drawn when all of them are there.",) if figures else (),
        settings={key: value for key, value in config.items() if isinstance(value, str | int | float | bool)},
        command=command,
    )


def _of_comparison(pieces: Sequence[Piece]) -> list[SoFar]:
    """The held-out error of each way of using a symmetry, over the folds that are finished."""
    losses: dict[str, list[Any]] = {}
    own = False
    for function, told, outcome in pieces:
        job = function.partition(":")[2]
        if job in ("train_fold", "train_pictures", "train_parts") and not outcome["diverged"]:
            # Of parts the group is the same for all ways.
            group = "" if job == "train_parts" else told.get("candidate", told).get("group", "")
            losses.setdefault(f"{told['kind']} {group}".strip(), []).append(outcome["loss"])
            own = bool(told.get("loss")) or "right" in outcome
    means = {name: float(np.concatenate(each).mean()) for name, each in losses.items()}
    # A loss of one's own is told as it is; squares are told by their root.
    return [
        SoFar(name, "loss" if own else "error", mean if own else mean**0.5, pieces=len(losses[name]))
        for name, mean in means.items()
    ]
