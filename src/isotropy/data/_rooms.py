"""Rooms with furniture of boxes and cylinders, each piece moved by itself, as labelled points with normals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.data._people import PartClouds
from isotropy.errors import DomainError
from isotropy.groups import SO, homogeneous
from isotropy.groups.parts import matrix
from isotropy.linalg import Segments
from isotropy.random import spawn

ROOM_KINDS = ("floor", "wall", "table", "chair", "shelf", "lamp")
_SIDE, _HEIGHT = 4.8, 2.4  # metres, of the room
_PLACES = 9  # on a grid of three by three; a piece has one to itself
_SHELL = 0.3  # of the points: floor and walls; by area alone they would have nine tenths


@dataclass(frozen=True, eq=False)
class Solids:
    """Boxes and upright cylinders: ``centre (s, 3)``, ``half (s, 3)`` sizes (of a cylinder radius, radius, half its
    height), ``round (s,)`` which are cylinders, and the ``kind (s,)`` of each."""

    centre: Float[Tensor, "s 3"]
    half: Float[Tensor, "s 3"]
    round: Bool[Tensor, " s"]
    kind: Int[Tensor, " s"]

    @property
    def faces(self) -> Float[Tensor, "s 3"]:
        """The area of each pair of opposite faces; of a cylinder its side and its two discs."""
        x, y, z = self.half.unbind(1)
        box = 8 * torch.stack([y * z, x * z, x * y], 1)
        tube = 2 * math.pi * torch.stack([2 * x * z, torch.zeros_like(x), x * x], 1)
        return torch.where(self.round[:, None], tube, box)

    def surface(self, n: int, draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Points uniform by area outside all other solids, their normals, and the solid of each."""
        area = self.faces
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        left = n
        while left > 0:
            which = torch.multinomial(area.flatten(), 2 * left + 8, replacement=True, generator=draw)
            solid, axis = which // 3, which % 3
            local, normal = self._on(solid, axis, draw)
            x = local + self.centre[solid]
            kept = (~self._inside(x, solid)).nonzero().flatten()[:left]
            found.append((x[kept], normal[kept], solid[kept]))
            left -= len(kept)
        points, normals, solids = (torch.cat(each) for each in zip(*found, strict=True))
        return points, normals, solids

    def _on(self, solid: Int[Tensor, " m"], axis: Int[Tensor, " m"], draw: torch.Generator) -> tuple[Tensor, Tensor]:
        m, half = len(solid), self.half[solid]
        u = 2 * torch.rand(m, 3, generator=draw, dtype=torch.float64) - 1
        side = torch.where(torch.rand(m, generator=draw) < 0.5, -1.0, 1.0).double()
        flat = torch.nn.functional.one_hot(axis, 3).bool()
        box = torch.where(flat, side[:, None], u)
        angle = math.pi * u[:, :1]
        way = torch.cat([angle.cos(), angle.sin()], 1)
        reach = torch.where((axis == 2)[:, None], (u[:, 1:2].abs()).sqrt(), 1.0)
        tube = torch.cat([way * reach, torch.where(axis == 2, side, u[:, 2])[:, None]], 1)
        up = flat * side[:, None]
        out = torch.where((axis == 2)[:, None], up, torch.cat([way, torch.zeros_like(angle)], 1))
        tubes = self.round[solid][:, None]
        return half * torch.where(tubes, tube, box), torch.where(tubes, out, up)

    def _inside(self, x: Float[Tensor, "m 3"], own: Int[Tensor, " m"]) -> Bool[Tensor, " m"]:
        y = (x[:, None] - self.centre).abs() - self.half * (1 - 1e-9)
        y = torch.where(self.round[:, None], self._tube(x), y)
        within = (y < 0).all(2)
        return (within & (torch.arange(len(self.kind)) != own[:, None])).any(1)

    def _tube(self, x: Float[Tensor, "m 3"]) -> Float[Tensor, "m s 3"]:
        apart = x[:, None] - self.centre
        across = apart[..., :2].norm(dim=2) - self.half[:, 0] * (1 - 1e-9)
        up = apart[..., 2].abs() - self.half[:, 2] * (1 - 1e-9)
        return torch.stack([across, across, up], 2)


def load_rooms(
    clouds: int = 8,
    n: int = 1024,
    *,
    furniture: int = 0,
    hard: bool = False,
    same: bool = True,
    seed: int = 0,
) -> PartClouds:
    """Rooms of a floor, two walls and five to eight pieces, n points each: tables, chairs, shelves, lamps.

    Pieces stand anywhere on the floor, turned about the vertical; where it is ``hard`` they hang in the room, each
    turned by its own rotation. Which pieces there are and their sizes come from ``furniture``; the clouds show the same
    ones in other places, or, unless ``same``, other ones in each. Labels are the kinds of pieces, parts the pieces;
    part 0, floor and walls, stands still. Raises DomainError for fewer than 64 points, or no cloud.

    >>> rooms = load_rooms(2, 200)
    >>> rooms.x.shape, rooms.names[2], int(rooms.part.max()) >= 5
    (torch.Size([400, 3]), 'table', True)
    """
    if clouds < 1 or n < 64:
        raise DomainError(f"clouds={clouds}, n={n}", "a room or more, of 64 points or more")
    made = []
    for i in range(clouds):
        pieces = _pieces(spawn(furniture, "furniture") if same else spawn(furniture, "furniture", i))
        made.append(_room(pieces, n, spawn(seed, "room", furniture, i), i if not same else 0, hard=hard))
    return PartClouds.joined(made)


def _room(pieces: list[Solids], n: int, draw: torch.Generator, kind: int, *, hard: bool) -> PartClouds:
    shell = _shell()
    own = [shell, *pieces]
    share = torch.tensor([float(piece.faces.sum()) for piece in pieces])
    left = n - int(_SHELL * n) - len(pieces)  # a point of each piece, whatever its area
    drawn = torch.multinomial(share, left, replacement=True, generator=draw)
    counts = 1 + torch.bincount(drawn, minlength=len(pieces))
    motions = [homogeneous(torch.eye(3, dtype=torch.float64)), *_moved(pieces, draw, hard=hard)]
    sizes = [int(_SHELL * n), *counts.tolist()]
    x, normals, label = [], [], []
    for solids, motion, many in zip(own, motions, sizes, strict=True):
        points, normal, solid = solids.surface(many, draw)
        x.append(points @ motion[:3, :3].mT + motion[:3, 3])
        normals.append(normal @ motion[:3, :3].mT)
        label.append(solids.kind[solid])
    part = torch.arange(len(own)).repeat_interleave(torch.tensor(sizes))
    return PartClouds(
        torch.cat(x), torch.cat(normals), torch.cat(label), part, Segments.one(n), torch.tensor([kind]),
        torch.stack(motions)[None], ROOM_KINDS,
    )  # fmt: skip


def _moved(pieces: list[Solids], draw: torch.Generator, *, hard: bool) -> list[Float[Tensor, "4 4"]]:
    """Each piece to a place of its own."""
    places = torch.randperm(_PLACES, generator=draw)[: len(pieces)]
    step = _SIDE / 3
    found = []
    for place, piece in zip(places.tolist(), pieces, strict=True):
        at = torch.tensor([(place % 3 + 0.5) * step, (place // 3 + 0.5) * step, 0.0], dtype=torch.float64)
        at[:2] += 0.2 * (torch.rand(2, generator=draw, dtype=torch.float64) - 0.5)
        if hard:
            R = matrix(SO(3).sample(1, generator=draw, dtype=torch.float64))[0]
            middle = (piece.centre[:, 2] + piece.half[:, 2]).max() / 2 * torch.tensor([0, 0, 1.0]).double()
            at[2] = _HEIGHT / 2
            found.append(homogeneous(R, at - R @ middle))
        else:
            angle = 2 * math.pi * float(torch.rand((), generator=draw))
            c, s = math.cos(angle), math.sin(angle)
            R = torch.tensor([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
            found.append(homogeneous(R, at))
    return found


def _shell() -> Solids:
    half, thick = _SIDE / 2, 0.02
    return _solids(
        [
            ((half, half, -thick), (half, half, thick), False, 0),
            ((-thick, half, _HEIGHT / 2), (thick, half, _HEIGHT / 2), False, 1),
            ((half, -thick, _HEIGHT / 2), (half, thick, _HEIGHT / 2), False, 1),
        ]
    )


def _pieces(draw: torch.Generator) -> list[Solids]:
    """Five to eight pieces of furniture, each kind once at least, standing at the origin."""
    count = 5 + int(torch.randint(4, (), generator=draw))
    kinds = [*range(2, 6), *torch.randint(2, 6, (count - 4,), generator=draw).tolist()]
    return [_piece(kind, (0.8 + 0.4 * torch.rand(3, generator=draw)).tolist()) for kind in kinds]


_Solid = tuple[tuple[float, float, float], tuple[float, float, float], bool, int]


def _piece(kind: Literal[2, 3, 4, 5] | int, size: list[float]) -> Solids:
    a, b, c = size
    if kind == 2:
        w, d, h, leg = 0.6 * a, 0.4 * b, 0.72 * c, 0.035
        parts: list[_Solid] = [((0, 0, h), (w, d, 0.025), False, kind)]
        parts += [
            ((i * (w - leg), j * (d - leg), h / 2), (leg, leg, h / 2), False, kind) for i in (-1, 1) for j in (-1, 1)
        ]
    elif kind == 3:
        w, h, back, leg = 0.22 * a, 0.45 * b, 0.25 * c, 0.025
        parts = [((0, 0, h), (w, w, 0.025), False, kind), ((-w, 0, h + back), (0.02, w, back), False, kind)]
        parts += [
            ((i * (w - leg), j * (w - leg), h / 2), (leg, leg, h / 2), False, kind) for i in (-1, 1) for j in (-1, 1)
        ]
    elif kind == 4:
        w, d, h = 0.45 * a, 0.16 * b, 0.8 * c
        boards = [h * 2 * k / 4 + 0.02 for k in range(5)]
        parts = [((0, 0, z), (w, d, 0.015), False, kind) for z in boards]
        parts += [((i * w, 0, h), (0.015, d, h + 0.03), False, kind) for i in (-1, 1)]
    else:
        h, shade = 0.75 * a, 0.2 * b
        parts = [((0, 0, 0.02), (0.16 * c, 0.16 * c, 0.02), True, kind), ((0, 0, h), (0.02, 0.02, h), True, kind)]
        parts += [((0, 0, 2 * h), (shade, shade, 0.14), True, kind)]
    return _solids(parts)


def _solids(parts: list[_Solid]) -> Solids:
    centre, half, tube, kind = zip(*parts, strict=True)
    sizes = [torch.tensor(each, dtype=torch.float64) for each in (centre, half)]
    return Solids(sizes[0], sizes[1], torch.tensor(tube), torch.tensor(kind))
