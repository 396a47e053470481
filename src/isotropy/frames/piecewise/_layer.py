"""A layer that is equivariant cell by cell, exactly, for any partition, at a cost that does not grow with its cells."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.errors import DomainError, DtypeError, SchemaError, ShapeError, counted, one_of
from isotropy.frames.piecewise._partition import Partition
from isotropy.frames.piecewise._radial import GAP, RadialFrames, check_gap, check_group
from isotropy.linalg import Segments, check_points, neighbours
from isotropy.reps import Point, Rep, Scalar, Vector, parse_type
from isotropy.settings import Settled

_AT_ONCE = 2**21
"""Numbers of neighbours held at a time, as frames allow: more do not fit into the caches, and are not faster."""


class PiecewiseLayer(Settled):
    """Features of points and votes for the centre of their part, from points of their own cell alone.

    ``layer(x, feats, partition)`` takes points (N, 3), features (N, c) of the type ``rep_in`` (None without) and a
    Partition; it gives features of the type ``rep_out`` and votes (N, 3), which are Points. When every cell moves by
    an element of ``group`` of its own, Vectors and Points move along with their cell and Scalars stay: exactly, also
    for cells that are points, lines or cubes.

    - ``rep_in``, ``rep_out``: Scalars, Vectors and Points in any order, such as ``8*Scalar + 8*Vector``, or text.
    - ``group``: "E(3)", "SE(3)", "O(3)" or "SO(3)"; SE and SO can tell left hands from right ones.
    - ``k_local``: how many neighbours of the same cell a point sees, the less the farther they are and the farthest not
      at all; those that are equally far come along, and all are pooled, so that no order of them counts.
    - ``width`` of the network, which is free; ``detach``: no gradient goes through the axes; ``gap``: eigenvalues
      closer than this, relative to the largest, leave their axes open.
    - ``normals``: a Vector of ``rep_in``, by name, that helps to decide axes, as unit vectors (others: a warning).
    - ``frames``: "radial", or "weighted" for outputs that do not jump where axes open: these count the less the nearer
      they come to that, up to ten gaps, which may be 1 at most.

    Time and memory are those of 8 (4) passes of the network over N points, whatever the number of cells.
    Raises ShapeError, DtypeError, SchemaError and DomainError for what does not fit. Source: Atzmon et al., ICLR 2024
    (the layer that they call phi_III, with frames in place of zeroed rows); specification 06 §2.3 to §2.5.

    >>> layer = PiecewiseLayer(None, "2*Scalar + Vector", width=8)
    >>> x = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [5, 5, 5], [5, 5, 6]])
    >>> feats, votes = layer(x, None, Partition(torch.tensor([0, 0, 0, 1, 1])))
    >>> feats.shape, votes.shape
    (torch.Size([5, 5]), torch.Size([5, 3]))
    """

    def __init__(
        self,
        rep_in: Rep | str | None,
        rep_out: Rep | str,
        group: str = "E(3)",
        k_local: int = 10,
        detach: bool = True,
        *,
        width: int = 32,
        gap: float = GAP,
        normals: str = "",
        frames: str = "radial",
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = _Layout.of(rep_in), _Layout.of(rep_out)
        if k_local < 1 or width < 1:
            raise DomainError(f"k_local={k_local}, width={width}", "1 or more")
        check_group(group)
        one_of("frames", frames, ("radial", "weighted"))
        check_gap(gap, weighted=frames == "weighted")
        self.group, self.k_local, self.detach, self.gap, self.frames = group, k_local, detach, gap, frames
        self.normals = self.rep_in.vector(normals) if normals else None
        a, b = self.rep_in.scalars, self.rep_in.arrows
        self.near = nn.Linear(3 + 3 * bool(normals) + 1, width)
        self.beside = nn.Linear(width, width)
        self.first = nn.Linear(width + 3 + 2 * (a + 3 * b), width)
        self.within = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.head = nn.Linear(5 * width, 2 * width)
        self.last = nn.Linear(2 * width, self._outputs)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                # Eight copies are averaged: from torch's own start their outputs are all but equal for many steps.
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        self.diagnostics: dict[str, float] = {}

    def settings(self) -> dict[str, Any]:
        return {
            "rep_in": str(self.rep_in),
            "rep_out": str(self.rep_out),
            "group": self.group,
            "k_local": self.k_local,
            "gap": self.gap,
            "normals": self.normals,
            "frames": self.frames,
        }

    @property
    def _outputs(self) -> int:
        """Numbers of a point: scalars, and of each vector, each point and the vote three."""
        return self.rep_out.scalars + 3 * self.rep_out.arrows + 3

    def forward(
        self, x: Tensor, feats: Tensor | None, partition: Partition
    ) -> tuple[Float[Tensor, "N c_out"], Float[Tensor, "N 3"]]:
        check_points(x, dim=3)
        if x.dtype != self.near.weight.dtype:
            raise DtypeError(f"points {x.dtype} for weights {self.near.weight.dtype}", "one dtype", "layer.to(x.dtype)")
        cells = partition.cells
        if len(cells.label) != len(x):
            raise ShapeError(
                f"a partition of {counted(len(cells.label), 'point')} for {len(x)}", "one label for each point"
            )
        scalars, arrows = self.rep_in.read(x, feats)
        normals = None if self.normals is None else _unit(arrows[:, self.normals])
        frames = RadialFrames.of(
            x, cells, self.group, normals, gap=self.gap, detach=self.detach, weighted=self.frames == "weighted"
        )
        self.diagnostics = {"degenerate_fraction": float(frames.degenerate.double().mean())}
        about = frames.centre[cells.label]
        arrows = torch.where(self.rep_in.placed.to(x.device)[:, None], arrows - about[:, None], arrows)
        # Who is near is asked of the points as they came: far from the origin they are rounded more.
        edges = neighbours(x, k=self.k_local, segments=cells)
        y = x - about
        seen = _Seen.of(y, scalars, arrows, self.normals, frames, cells, edges, self.k_local)
        # Small cells have fewer neighbours than are asked for, and are not to be given more frames at a time for that.
        rows = len(y) + max(edges.shape[1], len(y) * self.k_local)
        at_once = max(1, _AT_ONCE // (rows * self.near.out_features))
        out = torch.cat([self._said(seen, some.signs, cells) for some in frames.split(at_once)], 1).transpose(0, 1)
        numbers = out[..., : self.rep_out.scalars].mean(0)
        directions = frames.back(out[..., self.rep_out.scalars :].unflatten(-1, (-1, 3)), cells.label)
        turned = directions[:, :-1]
        placed = torch.where(self.rep_out.placed.to(x.device)[:, None], turned + about[:, None], turned)
        return self.rep_out.write(numbers, placed), x + directions[:, -1]

    def _said(self, seen: _Seen, signs: Float[Tensor, "F 3"], cells: Segments) -> Float[Tensor, "N F o"]:
        """What the network says in every frame of its cell."""
        F, width, n = len(signs), self.near.out_features, len(cells.label)
        bare, bias = self.near.weight.split([self.near.in_features - 1, 1], 1), self.near.bias[:, None]
        each = torch.relu(seen.near.mapped(signs, bare[0], torch.cat([bare[1], bias], 1)))
        # A linear map of the sum is the sum of what it makes of each, at the cost of points instead of pairs.
        around = self.beside(each.new_zeros(n, F, width).index_add(0, seen.target, each) / self.k_local)

        vectors, scalars = seen.own.odd.shape[1], seen.own.numbers.shape[1] - 1
        beside, own, numbers, of_cell, of_all = self.first.weight.split(
            [width, vectors, scalars, vectors - 3, scalars], 1
        )
        mine = seen.own.mapped(signs, own, torch.cat([numbers, self.first.bias[:, None]], 1))
        ours = seen.cell.mapped(signs, of_cell, of_all)
        hidden = torch.relu(around @ beside.T + mine + ours[cells.label])
        layers = [hidden]
        for layer in self.within:
            hidden = torch.relu(layer(hidden))
            layers.append(hidden)
        # The mean says how much of the cell is like this; how far it reaches, the largest says at once.
        pooled = torch.cat([cells.mean(hidden), cells.max(hidden)], -1)
        return self.last(torch.relu(_with_cells(self.head, torch.cat(layers, -1), pooled, cells.label)))


class _InFrames(NamedTuple):
    """Vectors as all frames of a cell see them, before their signs: ``signs * odd + even``, and ``numbers``, that are
    the same in all. Where no cell leaves an axis open ``even`` has no columns.

    A linear map of what a frame sees is, with signs taken into its weights, a linear map of this: one product for all
    frames, and nothing is copied.
    """

    odd: Float[Tensor, "n v"]
    even: Float[Tensor, "n e"]
    numbers: Float[Tensor, "n s"]

    def mapped(
        self, signs: Float[Tensor, "F 3"], vectors: Float[Tensor, "w v"], numbers: Float[Tensor, "w s"]
    ) -> Float[Tensor, "n F w"]:
        signed = vectors * signs.repeat(1, vectors.shape[1] // 3)[:, None]
        same = torch.cat([vectors[:, : self.even.shape[1]], numbers], 1).expand(len(signs), -1, -1)
        weight = torch.cat([signed, same], 2)
        return (torch.cat(self, 1) @ weight.flatten(0, 1).T).unflatten(1, weight.shape[:2])


class _Seen(NamedTuple):
    """What the network is given: of the neighbours of each ``target``, of each point, and of each cell."""

    near: _InFrames
    own: _InFrames
    cell: _InFrames
    target: Int[Tensor, " E"]

    @classmethod
    def of(
        cls,
        y: Float[Tensor, "N 3"],
        scalars: Float[Tensor, "N a"],
        arrows: Float[Tensor, "N b 3"],
        normals: int | None,
        frames: RadialFrames,
        cells: Segments,
        edges: Int[Tensor, "2 E"],
        k: int,
    ) -> _Seen:
        source, target = edges
        apart = y[source] - y[target]
        square = apart.square().sum(1, keepdim=True)
        length = torch.where(square > 0, torch.where(square > 0, square, 1.0).sqrt(), 0.0)
        vectors = apart[:, None] if normals is None else torch.stack([apart, arrows[source, normals]], 1)
        open_axes = bool((frames.shares < 1).any())

        def along(v: Float[Tensor, "n c 3"], cell: Int[Tensor, " n"]) -> tuple[Tensor, Tensor]:
            odd, even = (part.flatten(1) for part in frames.along(v, cell))
            return odd, even if open_axes else even[:, :0]

        odd, even = along(vectors, cells.label[target])
        # What counts less is scaled before the map and its ReLU: w max(z, 0) = max(w z, 0).
        counts = _nearness(square[:, 0], target, len(y), k)[:, None]
        near = _InFrames(counts * odd, counts * even, torch.cat([counts * length, counts], 1))
        odd, even = along(torch.cat([y[:, None], arrows], 1), cells.label)
        own = _InFrames(odd, even, torch.cat([scalars, torch.ones_like(y[:, :1])], 1))
        # Frames are those of the cell: the mean of what a frame sees is what it sees of the mean.
        cell = _InFrames(*(cells.mean(part) for part in (odd[:, 3:], even[:, 3:], scalars)))
        return cls(near, own, cell, target)


class _Layout:
    """Which columns of a type are Scalars, and which are Vectors and Points, by copies."""

    def __init__(self, rep: Rep) -> None:
        self.rep = rep
        kinds = {Scalar: 1, Vector: 3, Point: 3}
        numbers, arrows, placed, self.names, start = [], [], [], {}, 0
        for part in rep.parts():
            size = next((size for kind, size in kinds.items() if part.atom == kind), None)
            if size is None:
                raise SchemaError(f"{part.atom} in {rep}", "Scalars, Vectors and Points", "8*Scalar + 8*Vector")
            for _ in range(part.multiplicity):
                columns = list(range(start, start + size))
                if size == 1:
                    numbers.extend(columns)
                else:
                    self.names.setdefault(part.name, len(placed))
                    arrows.extend(columns)
                    placed.append(part.atom == Point)
                start += size
        self.width, self.scalars, self.arrows = start, len(numbers), len(placed)
        self.placed: Tensor = torch.tensor(placed, dtype=torch.bool)
        self.order: Int[Tensor, " n"] = torch.tensor([*numbers, *arrows], dtype=torch.int64)

    @classmethod
    def of(cls, rep: Rep | str | None) -> _Layout:
        given = Rep() if rep is None else parse_type(rep)
        if not isinstance(given, Rep):
            raise SchemaError(f"the type {given}", "a Rep of Scalars, Vectors and Points, of one point")
        return cls(given)

    def __str__(self) -> str:
        return str(self.rep)

    def vector(self, name: str) -> int:
        """The place of a Vector among vectors and points."""
        if name not in self.names or bool(self.placed[self.names[name]]):
            known = ", ".join(filter(None, self.names)) or "none"
            raise SchemaError(f"normals={name!r}", f"the name of a Vector of rep_in: {known}", 'Vector("normal")')
        return self.names[name]

    def read(
        self, x: Float[Tensor, "N 3"], feats: Tensor | None
    ) -> tuple[Float[Tensor, "N a"], Float[Tensor, "N b 3"]]:
        given = x[:, :0] if feats is None else feats
        if given.shape != (len(x), self.width):
            raise ShapeError(f"features of shape {tuple(given.shape)}", f"({len(x)}, {self.width}), of {self.rep}")
        if given.dtype != x.dtype:
            raise DtypeError(f"points {x.dtype} with features {given.dtype}", "one dtype", "feats.to(x.dtype)")
        bad = (~given.detach().isfinite()).any(1).nonzero().flatten()
        if len(bad):
            raise DomainError(f"features that are not finite in row {int(bad[0])}", "finite ones")
        ordered = given[:, self.order.to(x.device)]
        return ordered[:, : self.scalars], ordered[:, self.scalars :].unflatten(1, (self.arrows, 3))

    def write(self, scalars: Float[Tensor, "N a"], arrows: Float[Tensor, "N b 3"]) -> Float[Tensor, "N c"]:
        found = torch.cat([scalars, arrows.flatten(1)], 1)
        return torch.empty_like(found).index_copy(1, self.order.to(found.device), found)


def _unit(normals: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
    """Normals of length 1; others are divided by their length, with a warning."""
    length = normals.norm(dim=1, keepdim=True)
    if bool(((length - 1).abs() > 1e-3).any()):
        warnings.warn("normals that are not unit vectors are divided by their length", stacklevel=4)
        return normals / torch.where(length > 0, length, 1.0)
    return normals


def _nearness(square: Float[Tensor, " E"], target: Int[Tensor, " E"], n: int, k: int) -> Float[Tensor, " E"]:
    """What a neighbour counts: 1 where the point is, 0 from where its k-th neighbour is.

    Which of two is the k-th, and who is as far to rounding, a motion may change; since they count for nothing, outputs
    change by no more than the rounding.
    """
    order = torch.argsort(square.detach())
    order = order[torch.argsort(target[order], stable=True)]
    sets = Segments(target, n)
    last = (sets.ptr[:-1] + sets.sizes.clamp_max(k) - 1).clamp_min(0)
    reach = square[order][last][target] if len(square) else square
    return (1 - square / torch.where(reach > 0, reach, 1.0)).clamp_min(0)


def _with_cells(
    layer: nn.Linear, each: Float[Tensor, "N F a"], pooled: Float[Tensor, "K F b"], label: Int[Tensor, " N"]
) -> Float[Tensor, "N F w"]:
    """The layer on what each point has and what its cell has, the second at the cost of cells."""
    own, of_cell = layer.weight.split([each.shape[-1], pooled.shape[-1]], 1)
    return nn.functional.linear(each, own, layer.bias) + nn.functional.linear(pooled, of_cell)[label]
