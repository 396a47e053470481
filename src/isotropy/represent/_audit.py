"""What any encoder knows of what moved: its poses, its directions, and the best simulator that its features allow."""

from __future__ import annotations

import math
import time
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.parts import open_archive
from isotropy.data.render import MultiViewDataset, check_images, latents
from isotropy.data.render.latents import rotation
from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.modes import evaluating
from isotropy.random import spawn
from isotropy.report import Bar, Bars, Block, Column, Result, Table, Text
from isotropy.represent._directions import best_predictor, directions, told_directions
from isotropy.represent._features import device_of
from isotropy.represent._group_law import group_law_report
from isotropy.represent._probes import rotation_probe
from isotropy.represent._retrieval import retrieval

HELD_OUT = 0.3  # of the objects, on which everything is judged
_BATCH = 256
_UNKNOWNS = latents.width("irreps")  # numbers in g, for each direction of a simulator
_WHOLE = 0.999  # of the variance: less than this is said
_SHOWN = 20  # bars at either end


@dataclass(frozen=True)
class Direction:
    """One direction of a representation, its ``number`` from those that stay to those that move: the share of its
    variance that ``moves`` within objects, by their poses or by noise, the shares ``degree_0``, ``degree_1``,
    ``degree_2`` that transform as these degrees, and the ``other``, which is none of them."""

    number: int
    moves: float
    degree_0: float
    degree_1: float
    degree_2: float
    other: float


@dataclass(frozen=True, kw_only=True)
class EncoderAudit(Result):
    """What the encoder called ``name`` knows of poses, on ``objects`` in ``views`` that no probe was fitted on.

    ``pose_r2`` by component has floor 0, ``pooled`` the ``floor``, ``angle`` is in degrees; ``oracle_r2``,
    ``oracle_pooled`` and ``oracle_angle`` are those of the pose itself, read by the same probe from the same objects.
    Of ``width`` features the leading ``directions`` are listed, which hold ``kept`` of the variance; ``staying`` of
    them stay. The best linear simulator of the ``simulated`` ones that move and are told from another view, has errors
    of the group law (``identity``, ``inverse``, ``composition``, ``orthogonality``), on the turns between views, and a
    ``mrr`` in retrieval beside ``chance``. ``error`` is that of W(g) y1 against y2, 1 for the mean of all views.
    ``command`` and ``date`` say what was asked and when, ``seconds`` how long it took.
    """

    kind: ClassVar[str] = "encoder_audit"
    name: str = "the encoder"
    objects: int = 0
    views: int = 0
    width: int = 0
    staying: int = 0
    pose_r2: float = 0.0
    pooled: float = 0.0
    floor: float = 0.0
    angle: float = 0.0
    oracle_r2: float = 1.0
    oracle_pooled: float = 1.0
    oracle_angle: float = 0.0
    kept: float = 1.0
    simulated: int = 0
    error: float = 0.0
    mrr: float = 0.0
    chance: float = 0.0
    identity: float = 0.0
    inverse: float = 0.0
    composition: float = 0.0
    orthogonality: float = 0.0
    directions: tuple[Direction, ...] = ()
    command: str = ""
    date: str = ""

    def title(self) -> str:
        return f"What {self.name} knows of poses"

    def headline(self) -> str:
        """One sentence."""
        return (
            f"{self.staying} of {counted(len(self.directions), 'direction')} stay; the pose is told with R2 "
            f"{self.pose_r2:.2f} (a constant has 0), and the best simulator finds views with a mean reciprocal rank of "
            f"{self.mrr:.2f} (chance {self.chance:.2f})."
        )

    def rows(self) -> Sequence[dict[str, Any]]:
        return [
            {"what": what, "found": found, "floor or chance": floor, "ceiling": ceiling}
            for what, found, floor, ceiling in (
                ("R2 of the turn between views, by component", self.pose_r2, 0.0, self.oracle_r2),
                ("R2 of the turn, pooled", self.pooled, self.floor, self.oracle_pooled),
                ("angle between told and true turn, degrees", self.angle, None, self.oracle_angle),
                ("W(g) y1 against y2, relative error", self.error, 1.0, 0.0),
                ("retrieval by W(g), mean reciprocal rank", self.mrr, self.chance, 1.0),
                ("group law: identity", self.identity, 1.0, 0.0),
                ("group law: inverse", self.inverse, 1.0, 0.0),
                ("group law: composition", self.composition, None, 0.0),
                ("group law: orthogonality", self.orthogonality, 1.0, 0.0),
            )
        ]

    def summary(self) -> Table:
        heads = (
            Column("what"), Column("found", "number"),
            Column("floor", "number", explain="of a constant, of chance, or of W = 0"),
            Column("ceiling", "number", explain="of poses: the rotation itself, read by the same probe"),
        )  # fmt: skip
        cells = [tuple(row.values()) for row in self.rows()]
        note = (
            f"judged on {counted(self.objects, 'object')} in {counted(self.views, 'view')}; the simulator is that of "
            f"{counted(self.simulated, 'direction')} that move and are told from another view, of {self.width} features"
        )
        few = (
            f"views are too few to ask about more than {counted(len(self.directions), 'leading direction')}, which "
            f"hold {self.kept:.0%} of the variance"
        )
        return Table(heads, cells, notes=(note, few) if self.kept < _WHOLE else (note,))

    def blocks(self) -> Sequence[Block]:
        heads = (
            Column("direction", "number"), Column("moves", "number"), Column("degree 0", "number"),
            Column("degree 1", "number"), Column("degree 2", "number"), Column("none of these", "number"),
        )  # fmt: skip
        cells = [(d.number, d.moves, d.degree_0, d.degree_1, d.degree_2, d.other) for d in self.directions]
        ends = self.directions
        if len(ends) > 2 * _SHOWN:
            ends = (*ends[:_SHOWN], *ends[-_SHOWN:])
        bars = [Bar(f"direction {d.number}", d.moves) for d in ends]
        summary = self.summary()
        return (
            Text(self.headline(), style="headline"),
            replace(summary, title="Poses, with floor and ceiling", name="scores"),
            Bars(
                bars, xlabel="share of the variance that is within objects", title="What stays and what moves",
                tolerance=0.5, tolerance_label="stays below", name="directions",
                caption="" if len(ends) == len(self.directions) else f"The first and the last {_SHOWN}.",
            ),
            Table(
                heads, cells, title="What moves as what", name="content",
                caption="Shares of each direction's variance that transform as the irreducible representations of "
                "degree 0, 1, 2, found by characters over pairs of views; told apart less well where poses do not fill "
                "SO(3).",
            ),
        )  # fmt: skip


def audit_encoder(
    encoder: Callable[[Tensor], Any],
    images: Tensor,
    latents: Tensor,
    *,
    pose: str = "object",
    seed: int = 0,
    name: str = "the encoder",
    steps: int = 1500,
) -> EncoderAudit:
    """What an encoder knows of the poses of objects, ``images (n_obj, n_view, 3, S, S)``.

    ``encoder`` takes floats in [0, 1] of ``(B, 3, S, S)`` to ``(B, d)``, or to a `Split`, whose representation is
    asked; it comes back as it was. Of ``latents (n_obj, n_view, 7)`` the first three, angles, count. Probes, axes of
    the directions and the simulator are fitted on 70 % of the objects; all numbers are of the others, whose poses no
    fit has seen. The probe of poses takes so many ``steps``.

    Raises ShapeError, DomainError for too few objects or views, for features that are not finite or do not vary.
    """
    began = time.monotonic()
    data = MultiViewDataset(images, latents, torch.zeros(len(images), dtype=torch.int64))
    order = torch.randperm(len(images), generator=spawn(seed, "objects"))
    kept = len(images) - round(HELD_OUT * len(images))
    learn, judge = order[:kept], order[kept:]
    pairs = len(learn) * data.views * (data.views - 1)
    if len(judge) < 2 or pairs < _UNKNOWNS:
        given = f"{counted(len(images), 'object')} in {counted(data.views, 'view')}"
        raise DomainError(
            given,
            f"at least 5 objects, and {_UNKNOWNS} ordered pairs of views of the 70 % that are fitted to",
            "take more objects or views",
        )
    x = _said(encoder, data)
    found = directions(x[learn], latents[learn], judge=(x[judge], latents[judge]))
    # A pass has one pair of each object: few objects are passed over more often.
    passes = math.ceil(steps / math.ceil(len(learn) / 256))
    scores, oracle = (
        rotation_probe(one, latents, (learn, judge), seed, pose=pose, epochs=passes, width=256)
        for one in (x, rotation(latents).flatten(2))
    )
    axes = told_directions(x[learn], latents[learn], found, pose)
    y = (x.double() - found.mean) @ axes.mT
    predictor = best_predictor(y[learn], latents[learn], pose)
    told, true, turns = _next_views(predictor, y[judge], latents[judge], pose)
    law = group_law_report(predictor, turns=turns, seed=seed)
    retrieved = retrieval(y[judge], latents[judge], predictor)
    rows = [
        Direction(i, moves, *share, other=max(0.0, 1 - sum(share)))
        for i, (moves, share) in enumerate(zip(found.moving.tolist(), found.content.tolist(), strict=True), 1)
    ]
    return EncoderAudit(
        name=name, objects=len(judge), views=data.views, width=x.shape[-1], staying=found.staying(),
        pose_r2=scores.component, pooled=scores.pooled, floor=scores.floor, angle=scores.angle,
        oracle_r2=oracle.component, oracle_pooled=oracle.pooled, oracle_angle=oracle.angle, kept=found.kept,
        simulated=len(axes),
        error=float((told - true).square().sum() / (true - true.mean(0)).square().sum()), mrr=retrieved.mrr,
        chance=retrieved.chance, **law._asdict(), directions=tuple(rows), seconds=time.monotonic() - began,
    )  # fmt: skip


@torch.no_grad()
def _said(encoder: Callable[[Tensor], Any], data: MultiViewDataset) -> Float[Tensor, "n v d"]:
    """The representation of every view."""
    parts: list[Tensor] = []
    device = device_of(encoder)
    with evaluating(encoder):
        for images in data.images.flatten(0, 1).split(_BATCH):
            images = images.to(device)
            said = encoder(images.float() / 255 if images.dtype == torch.uint8 else images.float())
            said = getattr(said, "rep", said)
            if not isinstance(said, Tensor) or said.dim() != 2 or len(said) != len(images):
                given = f"features {tuple(said.shape)}" if isinstance(said, Tensor) else f"a {type(said).__name__}"
                raise ShapeError(f"{given} of {counted(len(images), 'picture')}", f"({len(images)}, d)")
            parts.append(said.cpu())
    x = torch.cat(parts).unflatten(0, data.images.shape[:2])
    if not bool(x.isfinite().all()):
        raise DomainError("features that are not finite", "finite numbers")
    return x


def _next_views(predictor: Any, y: Tensor, poses: Tensor, pose: str) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Each view carried to the next, the true features there, and the turns to the next and on to the one after."""
    poses = poses.double()
    after, later = poses.roll(-1, 1), poses.roll(-2, 1)
    g = latents.relative(poses, after, predictor.group_input, pose, warn=False).flatten(0, 1)
    first, second = (latents.relative_rotation(*pair, pose).flatten(0, 1) for pair in ((poses, after), (after, later)))
    return predictor(y.flatten(0, 1), g), y.roll(-1, 1).flatten(0, 1), (first, second)


def is_views_file(path: str | Path) -> bool:
    """Whether this is an .npz with the arrays ``images`` and ``latents``."""
    if Path(path).suffix != ".npz" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as file:
        return {"images.npy", "latents.npy"} <= set(file.namelist())


def read_views(path: str | Path) -> tuple[Tensor, Tensor]:
    """Images ``(n_obj, n_view, 3, S, S)`` and latents ``(n_obj, n_view, 7)`` of an .npz with arrays of these names.

    Latents of three numbers are the angles a, b, c alone. Raises SchemaError for other arrays; warns of angles above
    2 pi, which look like degrees.
    """
    images, poses = _arrays(path)
    poses = poses.double()
    if poses.dim() != 3 or poses.shape[2] not in (3, len(latents.NAMES)):
        given = f"latents {tuple(poses.shape)} in {path}"
        raise SchemaError(given, "(n_obj, n_view, 7), or (n_obj, n_view, 3): the angles a, b, c in radians")
    if images.dim() != 5 or images.shape[2] != 3 or images.shape[:2] != poses.shape[:2]:
        given = f"images {tuple(images.shape)} and latents {tuple(poses.shape)} in {path}"
        raise SchemaError(given, "(n_obj, n_view, 3, S, S) and latents of as many objects and views")
    largest = float(poses[..., :3].abs().nan_to_num().max()) if poses.numel() else 0.0
    if largest > 2 * math.pi:
        warnings.warn(
            f"angles up to {largest:.3g} are more than a turn; they are read as radians: are they degrees?",
            AnglesWarning,
            stacklevel=2,
        )
    if poses.shape[2] == 3:
        still = torch.tensor(latents.STILL[3:], dtype=torch.float64).expand(*poses.shape[:2], -1)
        poses = torch.cat([poses, still], 2)
    check_images(images)
    return images, poses


class AnglesWarning(UserWarning):
    """Angles of more than a turn, as those that are in degrees have."""


def _arrays(path: str | Path) -> tuple[Tensor, Tensor]:
    """Images and latents as they stand; raises SchemaError for arrays that hold no numbers."""
    found: list[Tensor] = []
    with open_archive(Path(path)) as file:
        for name in ("images", "latents"):
            if name not in file.files:
                raise SchemaError(f"no array {name} in {path}", "the arrays images and latents")
            try:
                found.append(torch.from_numpy(file[name]))
            except (ValueError, TypeError) as error:
                raise SchemaError(f"{name} in {path}: {error}", "an array of numbers") from error
    return found[0], found[1]
