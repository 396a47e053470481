"""Several trainings in the same axes: what they gained, how they came there, and what every direction is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from isotropy.control._trained import Bearings, Trained
from isotropy.errors import DomainError, counted
from isotropy.report import Block, Column, Curve, Curves, Interval, Points, Scatter, Table, Text, section
from isotropy.study import Answer, answering

_AXES = (("transitions", "transitions"), ("updates", "updates"), ("cpu_s", "s of the processor"))
_EDGE = 40  # points of an edge of a polygon
_COLUMNS = (
    Column("training"),
    Column("return", "number", explain="the last evaluations, without noise"),
    Column("worst / best bearing", "number"),
    Column("transitions", "number"),
    Column("updates", "number"),
    Column("s of the processor", "number"),
)


@dataclass(frozen=True)
class Training:
    """One by ``name``, policy and seed: what is told of its ``body``, how many ``transitions``, ``updates`` and
    ``cpu_seconds`` it took, and its looks without noise: ``curve`` has the columns transitions, updates, cpu_s and
    evaluated."""

    name: str
    body: Bearings
    transitions: int
    updates: int
    cpu_seconds: float
    curve: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])


@dataclass(frozen=True, kw_only=True, repr=False)
class Trainings(Answer[Training]):
    """Policies on one body, ``result["heading, seed 0"]``: every training is a curve of its own, none is averaged.

    ``trainings`` are the findings; ``data``, ``notes``, ``settings``, ``seconds``, ``date`` and ``command`` say how it
    was asked.
    """

    kind: ClassVar[str] = "trainings"
    found: ClassVar[str] = "trainings"
    trainings: tuple[Training, ...]

    @property
    def _body(self) -> Bearings:
        return self.trainings[0].body

    def title(self) -> str:
        return f"{counted(len(self.trainings), 'training')} on {self._body.name}"

    def headline(self) -> str:
        """The answer in a sentence."""
        above = sum(one.body.learned for one in self.trainings)
        rest = sum(one.body.learned and one.body.above_rest for one in self.trainings)
        return (
            f"Of {counted(len(self.trainings), 'training')} {above} end clearly above random actions "
            f"({self._body.random:.4g}), {rest} above no torque ({self._body.still:.4g}) too."
        )

    @property
    def sentences(self) -> Sequence[str]:
        return [self.headline(), *self.notes]

    def summary(self) -> Table:
        rows = [
            [one.name, Interval(one.body.gained.mean, one.body.gained.low, one.body.gained.high),
             one.body.flatness if one.body.returns else None, one.transitions, one.updates, one.cpu_seconds]
            for one in self.trainings
        ]  # fmt: skip
        return Table(_COLUMNS, rows)

    def blocks(self) -> Sequence[Block]:
        levels = [("random", self._body.random), ("no torque", self._body.still)]
        shown = [(one, look) for one, look in zip(self.trainings, self._looks(), strict=True) if one.curve]
        curves = [
            Curves(
                [Curve(one.name, one.curve[column], one.curve["evaluated"], look=look) for one, look in shown],
                xlabel=called, ylabel="return", levels=levels, title=f"By {called}",
            )
            for column, called in _AXES
        ]  # fmt: skip
        return [
            Text(self.headline(), style="headline", title="Found"),
            self.summary(),
            *section("Learning", *(curves if shown else [])),
            *section("Every direction", *self._roses()),
        ]

    def _looks(self) -> list[tuple[int, int]]:
        """A colour for each policy, and dashes for each of its trainings."""
        policies = [one.name.partition(", seed ")[0] for one in self.trainings]
        known = list(dict.fromkeys(policies))
        return [(known.index(policy), policies[:place].count(policy)) for place, policy in enumerate(policies)]

    def _roses(self) -> Sequence[Block]:
        """The returns of all by bearing: the distance from the middle is the return."""
        round_ = [one for one in self.trainings if one.body.returns and min(one.body.returns) >= 0]
        if not round_:
            return []
        clouds = [Points(one.name, *_outline(one.body)) for one in round_]
        ring = [2 * math.pi * k / 360 for k in range(361)]
        random = max(self._body.random_by_bearing, 0.0)
        clouds.append(Points(f"random, {random:.4g}", *_around([random] * 361, ring)))
        said = (
            f"The direction is that of the target, the distance from the middle the return of the first "
            f"{self._body.steps} steps: the same starts, turned."
        )
        return [Scatter(clouds, plane=True, title="Return by bearing", caption=said)]


def _outline(body: Bearings) -> tuple[list[float], list[float]]:
    """The polygon of the returns by bearing, as points along its edges."""
    x, y = _around(body.returns, [math.radians(b) for b in body.bearings])
    shares = [k / _EDGE for k in range(_EDGE)]
    both = [[(1 - s) * z[k - 1] + s * z[k] for k in range(len(z)) for s in shares] for z in (x, y)]
    return both[0], both[1]


def _around(radii: Sequence[float], angles: Sequence[float]) -> tuple[list[float], list[float]]:
    pairs = list(zip(radii, angles, strict=True))
    return [r * math.cos(a) for r, a in pairs], [r * math.sin(a) for r, a in pairs]


def compare_trained(runs: Sequence[str | Path], *, out: str | Path | None = None) -> Trainings:
    """The trainings in these folders, which ``isotropy control train`` left, beside each other.

    Raises DomainError for trainings of other bodies than the first, or of several, and for none; SchemaError for
    folders that hold none.
    """
    if not runs:
        raise DomainError("no trainings", "the folders of one or more")
    found = [Trained.from_json(Path(run)) for run in runs]
    names = [", ".join(body.name for body in one) for one in found]
    for run, name in zip(runs, names, strict=True):
        if name != names[0] or "," in name:
            raise DomainError(f"{run}, trained on {name}", f"one body, as in {runs[0]}: {names[0]}")
    with answering(out, False, {"runs": [str(run) for run in runs]}) as answer:
        result = Trainings(trainings=tuple(_of(one) for one in found))
        return answer.write(replace(result, **answer.stamp()))


def _of(one: Trained) -> Training:
    (body,) = one.bodies
    looked = [k for k, gained in enumerate(one.curve.get("evaluated", ())) if gained is not None]
    curve = {
        name: tuple(float(one.curve[name][k] or 0) for k in looked)
        for name in (*(column for column, _ in _AXES), "evaluated")
        if looked
    }
    return Training(f"{one.policy}, seed {one.seed}", body, one.transitions, one.updates, one.cpu_seconds, curve)
