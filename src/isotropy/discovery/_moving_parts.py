"""Which points of a body move together? Parts found in two or more poses, as an answer with its report."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.discovery._by_parts import alt_text, cloud
from isotropy.discovery._factors import FactorFinding, check_targets, factor_table, factors_of, kept
from isotropy.errors import counted
from isotropy.frames import Parts, discover_parts
from isotropy.linalg import eigh, procrustes
from isotropy.report import Bar, Bars, Block, Column, Scatter, Table, Text, section
from isotropy.storage import write_whole
from isotropy.study import Answer, Finding, answering, fingerprint

_SHOWN = 1500  # points of a picture
_VIEWS = 6  # pictures
_ARROW = 0.04  # of the radius of the body: shorter ways of the centre of a part have no arrow
_ARROWS = "Arrows: where the centre of a part was in the first pose, and where it is."


@dataclass(frozen=True, repr=False)
class Part(Finding):
    """One part, by its ``name``: its ``points``, how it moved from the first pose to others, what nothing shows.

    ``angle`` are degrees about ``axis`` (a unit vector for each pose), ``shift`` how its centre moved, in the unit of
    the points; ``residual`` is what the motions leave, root mean square of a coordinate. ``stabiliser`` names the turns
    and mirrors about the centre that its second moments cannot see; C(1) is none. ``mostly`` are the known parts that
    it holds, where some are known.
    """

    shown: ClassVar[tuple[str, ...]] = ("points", "residual", "angle")
    name: str
    points: int
    residual: float
    stabiliser: str
    angle: tuple[float, ...]
    axis: tuple[tuple[float, ...], ...]
    shift: tuple[tuple[float, ...], ...]
    mostly: str = ""


@dataclass(frozen=True, kw_only=True, repr=False)
class MovingParts(Answer[Part]):
    """The ``parts`` of a body from its poses: ``answer["part 1"]`` is the largest.

    ``group`` is what acts on it, part by part; ``undecided`` counts the points that no motion explains, or two nearly
    as well; ``noise`` is the standard deviation of a coordinate, given or estimated. ``label (N,)`` is the part of each
    point, from 0, and ``sure (N,)`` whether it is decided; both stand in ``partition.npz`` beside the report, which has
    the ``pictures``. Where targets came along, ``factors`` tells which of them the target keeps, part by part. As every
    answer it tells its ``data``, ``settings``, ``notes``, ``seconds``, ``date`` and ``command``.
    """

    kind: ClassVar[str] = "moving_parts"
    found: ClassVar[str] = "parts"
    parts: tuple[Part, ...] = ()
    group: str = ""
    undecided: int = 0
    noise: float = 0.0
    factors: tuple[FactorFinding, ...] = ()
    pictures: tuple[Block, ...] = field(default=(), compare=False, metadata={"json": False})
    label: Any = field(default=None, compare=False, metadata={"json": False})
    sure: Any = field(default=None, compare=False, metadata={"json": False})

    def title(self) -> str:
        return f"Moving parts of {self.about}"

    @property
    def recommendation(self) -> str:
        many = counted(self.data.get("points", 0), "point")
        if len(self.parts) == 1:
            said = [f"all {many} move as one body: nothing moves in parts"]
        else:
            each = counted(len(self.parts), "part")
            said = [f"{each} move each by themselves: {self.group} acts on {many} part by part"]
            said += [f"{counted(self.undecided, 'point')} {_are(self.undecided)} open"] if self.undecided else []
        return "; ".join(filter(None, [*said, kept(self.factors)]))

    def summary(self) -> Table:
        known = any(part.mostly for part in self.parts)
        columns = (
            Column("part"),
            *([Column("known as")] if known else []),
            Column("points", "number"),
            Column("turned", explain="Degrees, from the first pose to each other one."),
            Column("moved", explain="How far its centre went, in the unit of the points."),
            Column(
                "left over", "number", explain="Root mean square of a coordinate; noise alone leaves √2 times itself."
            ),
            Column("turns unseen", explain="Turns and mirrors that the part is too even to show; C(1): none."),
        )
        rows = [
            (
                part.name,
                *([part.mostly] if known else []),
                part.points,
                ", ".join(f"{angle:.1f}°" for angle in part.angle),
                ", ".join(f"{math.hypot(*shift):.3g}" for shift in part.shift),
                part.residual,
                part.stabiliser,
            )
            for part in self.parts
        ]
        return Table(columns, rows, title="Parts")

    def blocks(self) -> Sequence[Block]:
        bars = Bars(
            [Bar(part.name, part.residual) for part in self.parts],
            xlabel="root mean square of a coordinate, in the unit of the points",
            tolerance=2**0.5 * self.noise,
            title="What the motions leave",
            caption="The line is what the noise of both poses leaves.",
        )
        return [
            Text.advice(
                self.recommendation,
                f"{counted(self.data.get('points', 0), 'point')} in {counted(self.data.get('poses', 0), 'pose')}.",
            ),
            *section("Poses", *self.pictures),
            *section("Parts", self.summary(), bars),
            *(section("The target", factor_table(self.factors)) if self.factors else ()),
            *Text.with_care(self.notes),
            *section("How to read this", Text(_HOW_TO_READ, style="details")),
        ]


_HOW_TO_READ = """Points that keep one rigid motion between all poses are a part; how many there are is found.

- Two parts that never moved against each other in these poses are one part here: more poses may part them.
- A point is open where no motion explains it, or where two do nearly as well, as on a joint; it is grey above.
- A part that is even about an axis turns about it without a sign in its outline: a model that looks at its shape \
alone cannot see such a turn, though its points show it."""


def moving_parts(
    views: Tensor,
    *,
    noise: float | None = None,
    known: tuple[Tensor, Sequence[str]] | None = None,
    targets: tuple[Tensor, Tensor] | None = None,
    quick: bool = False,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    title: str = "",
) -> MovingParts:
    """Which of N corresponding points in V >= 2 poses ``views (V, N, 3)`` move together, and how each part moved.

    ``noise`` is the standard deviation of a coordinate in the unit of the points, estimated by default. ``known`` are
    labels (N,) and names of parts that are known beforehand; they change nothing, and are told beside. With ``out``
    the directory gets result.json, report.html and partition.npz (``label``, ``sure``). ``title`` names the body.

    ``targets`` are copies ``x (rows, N, 3)`` of the body in many poses and numbers ``y (rows,)`` or (rows, q) that no
    motion of the whole turns: ``discover`` is then asked, part by part, whether y stays the same wherever that part
    alone is brought, with its ``quick`` look and its ``seed``.

    Raises ShapeError, DomainError and DtypeError as ``isotropy.frames.discover_parts``, which does the work, and for
    targets that do not fit.

    >>> x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> x[40:] += 4.0
    >>> opened = torch.cat([x[:40], x[40:] @ torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]).double()])
    >>> found = moving_parts(torch.stack([x, opened]))
    >>> found["part 2"].points, round(found["part 2"].angle[0])
    (20, 90)
    """
    began = time.monotonic()
    settings: dict[str, Any] = {"noise": noise, "views": list(views.shape)}
    if targets is not None:
        check_targets(views, *targets)
        settings |= {"targets": fingerprint(*targets), "quick": quick, "seed": seed}
    with answering(out, resume, settings, began=began) as answer:
        found = discover_parts(views, noise)
        told = _told(found, views.detach().cpu().double(), title, known)
        if targets is not None:
            x, y = (one.detach().cpu().double() for one in targets)
            names = [part.name for part in told["parts"]]
            told["factors"] = factors_of(x, y, found, views[0].detach().cpu(), names, quick=quick, seed=seed)
        told = MovingParts(**{**told, **answer.stamp()})
        if out is not None:
            write_whole(Path(out) / "partition.npz", _archive(label=told.label, sure=told.sure))
        return answer.write(told)


def _told(
    found: Parts, views: Float[Tensor, "V N 3"], title: str, known: tuple[Tensor, Sequence[str]] | None
) -> dict[str, Any]:
    parts = tuple(replace(_part(found, views, k), mostly=_mostly(found, k, known)) for k in range(len(found)))
    return {
        "data": {"title": title, "poses": len(views), "points": views.shape[1]},
        "parts": parts,
        "group": "SE(3)" if len(parts) == 1 else f"SE(3)^{len(parts)}",
        "undecided": int(found.undecided.sum()),
        "noise": found.noise,
        "notes": _notes(found, parts),
        "pictures": tuple(_pictures(found, views)),
        "label": found.partition.labels.numpy(),
        "sure": (~found.undecided).numpy(),
    }


# Of a known part: fewer of its points are strays.
_HOLDS = 0.5


def _mostly(found: Parts, k: int, known: tuple[Tensor, Sequence[str]] | None) -> str:
    """The known parts of which most points are in part k."""
    if known is None:
        return ""
    label, names = known
    rows = found.partition.rows(k)
    whole = torch.bincount(label, minlength=len(names))
    here = torch.bincount(label[rows[~found.undecided[rows]]], minlength=len(names))
    return " + ".join(names[i] for i in range(len(names)) if int(here[i]) > _HOLDS * int(whole[i]) > 0)


def _part(found: Parts, views: Float[Tensor, "V N 3"], k: int) -> Part:
    centre = views[0, found.partition.rows(k)].mean(0)
    angles, axes, shifts = [], [], []
    for motion in found.motions:
        R, t = motion[k, :3, :3], motion[k, :3, 3]
        half_turn = torch.stack([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / 2
        angle = torch.atan2(half_turn.norm(), (R.trace() - 1) / 2)
        # The axis is what R leaves alone; its sign is that of the turn.
        axis = eigh(R + R.mT).vectors[:, 0]
        axis = axis if float(axis @ half_turn) >= 0 else -axis
        angles.append(round(math.degrees(float(angle)), 4))
        axes.append(tuple(round(value, 6) + 0.0 for value in axis.tolist()))
        shifts.append(tuple((R @ centre + t - centre).tolist()))
    points, residual = int(found.partition.counts[k]), float(found.residual[k])
    return Part(f"part {k + 1}", points, residual, found.stabiliser[k], tuple(angles), tuple(axes), tuple(shifts))


def _notes(found: Parts, parts: Sequence[Part]) -> tuple[str, ...]:
    notes = []
    if bool(found.undecided.any()):
        open_ = int(found.undecided.sum())
        of = "it" if open_ == 1 else "them"
        notes.append(f"{counted(open_, 'point')} {_are(open_)} open: no motion explains {of}, or two nearly as well.")
    joined = [f"{part.name} holds {part.mostly}" for part in parts if " + " in part.mostly]
    if joined:
        notes.append(f"Known parts that never moved against each other in these poses: {'; '.join(joined)}.")
    even = [part.name for part in parts if part.stabiliser != "C(1)"]
    if even:
        notes.append(f"Too even to show every turn by their shape: {', '.join(even)}.")
    loud = [part.name for part in parts if part.residual > 2 * 2**0.5 * found.noise]
    if loud:
        notes.append(f"Left over twice what noise explains: {', '.join(loud)}; they may bend.")
    return tuple(notes)


def _pictures(found: Parts, views: Float[Tensor, "V N 3"]) -> list[Scatter]:
    """The poses laid on the first one, seen across the plane in which it is widest."""
    first = views[0] - views[0].mean(0)
    plane = eigh(first.mT @ first).vectors[:, :2]
    step = math.ceil(views.shape[1] / _SHOWN)
    label, sure = found.partition.labels[::step], ~found.undecided[::step]
    cells, pictures = found.partition.cells, []
    begun, least = cells.mean(first @ plane), _ARROW * float(first.norm(dim=1).max())
    for number, view in enumerate(views[:_VIEWS]):
        laid = procrustes(view - view.mean(0), first, reflect=False)
        whole = (view - view.mean(0)) @ laid.R.mT @ plane
        flat, ended = whole[::step], cells.mean(whole)
        moved = (ended - begun).norm(dim=1) > least
        ways = torch.cat([begun, ended], 1)[moved].round(decimals=4).tolist()
        arrows = [(x, y, to_x, to_y) for x, y, to_x, to_y in ways]
        clouds = [cloud(f"part {k + 1}", flat[(label == k) & sure]) for k in range(len(found))]
        if not bool(sure.all()):
            clouds.append(cloud("open", flat[~sure], tone="silent"))
        name = "first pose" if number == 0 else f"pose {number + 1}"
        said, caption = alt_text(f"The {name}, points coloured by part", clouds), _ARROWS if arrows else ""
        body = Scatter(clouds, plane=True, half=True, arrows=arrows, title=name.capitalize(), alt=said, caption=caption)
        pictures.append(body)
    return pictures


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _archive(**arrays: Any) -> bytes:
    import io

    held = io.BytesIO()
    np.savez_compressed(held, allow_pickle=False, **arrays)
    return held.getvalue()
