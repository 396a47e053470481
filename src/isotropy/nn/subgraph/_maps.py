"""All linear maps between features of subgraphs that commute with relabelling, channels mixed at the lowest order.

Of features T_ij, v_i, u these are sums over rows, columns, the diagonal, everything (the sources), put where they
depend on i, on j, on nothing, or on the diagonal only (the places). Fifteen for pairs to pairs; where the root stays
where it is, its row, its column and its own pair are sources and places too, fifty-two.
Source: Maron et al., ICLR 2019, 1812.09902; specification 10, 2.2 and 2.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.nn.subgraph._lift import Features
from isotropy.nn.subgraph._pairs import pair_map, pair_sums
from isotropy.nn.subgraph._subgraphs import Subgraphs
from isotropy.nn.subgraph._types import Channels

Norm = Literal["mean", "sum", "sqrt"]
Place = tuple[int, str]  # the order of the features, and which part of them

# What one member has of features: the diagonal, row sums, column sums, the root's row and column; itself.
_NODE_SOURCES: tuple[Place, ...] = ((2, "diagonal"), (2, "row"), (2, "col"), (2, "root row"), (2, "root col"), (1, "v"))
# What the whole has: trace, everything, the root's pair, row sum, column sum; the sum of members, the root; itself.
_WHOLE_SOURCES: tuple[Place, ...] = (
    *((2, name) for name in ("trace", "all", "root", "root of row", "root of col")),
    *((1, "all"), (1, "root"), (0, "u")),
)
_NODE_PLACES: tuple[Place, ...] = ((2, "row"), (2, "col"), (2, "diagonal"), (2, "root row"), (2, "root col"), (1, "v"))
_WHOLE_PLACES: tuple[Place, ...] = (
    *((2, name) for name in ("all", "diagonal", "root row", "root col", "root")),
    *((1, "all"), (1, "root"), (0, "u")),
)


@dataclass(frozen=True)
class Operators:
    """Which operators lead from features ``inside`` to features ``outside``."""

    inside: Channels
    outside: Channels
    rooted: bool = False
    symmetric: bool = False

    def _kept(self, places: tuple[Place, ...], of: Channels) -> list[Place]:
        """With T_ij = T_ji columns say what rows say; the root is no place of its own unless it is kept."""
        return [
            (order, name)
            for order, name in places
            if of[order] and (self.rooted or "root" not in name) and not (self.symmetric and name.endswith("col"))
        ]

    @property
    def node_sources(self) -> list[Place]:
        return self._kept(_NODE_SOURCES, self.inside)

    @property
    def whole_sources(self) -> list[Place]:
        return self._kept(_WHOLE_SOURCES, self.inside)

    @property
    def node_places(self) -> list[Place]:
        return self._kept(_NODE_PLACES, self.outside)

    @property
    def whole_places(self) -> list[Place]:
        return self._kept(_WHOLE_PLACES, self.outside)

    def count(self, out: int) -> int:
        """How many operators lead to the order ``out``.

        >>> [Operators(Channels(0, 0, 1), Channels(1, 1, 1)).count(order) for order in (2, 1, 0)]
        [15, 5, 2]
        >>> Operators(Channels(0, 0, 1), Channels(0, 0, 1), rooted=True).count(2)
        52
        """
        pairs = (1 if self.symmetric else 2) * (out == 2 and self.inside.pair > 0)
        nodes = len(self.node_sources) * sum(order == out for order, _ in self.node_places)
        return pairs + nodes + len(self.whole_sources) * sum(order == out for order, _ in self.whole_places)

    def start(self, sources: list[Place], places: list[Place], original: bool, generator: Generator | None) -> Tensor:
        """A matrix of all sources to all places: N(0, 2 / (in + out)), divided by the number of operators."""
        blocks = [
            [
                torch.randn(self.inside[i], self.outside[o], generator=generator) * self.scale(i, o, original)
                for o, _ in places
            ]
            for i, _ in sources
        ]
        rows = sum(self.inside[i] for i, _ in sources)
        if not sources or not places:
            return torch.zeros(rows, sum(self.outside[o] for o, _ in places))
        return torch.cat([torch.cat(line, 1) for line in blocks])

    def scale(self, i: int, o: int, original: bool) -> float:
        """The standard deviation of a weight; as published, the outputs of many operators are too large together."""
        return math.sqrt(2 / (self.inside[i] + self.outside[o]) / (1 if original else self.count(o)))


class Maps(nn.Module):
    """One set of weights for subgraphs of every size, on features by order; made by `SubgraphLinear`."""

    def __init__(
        self, operators: Operators, norm: Norm, bias: bool, original: bool = False, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.operators, self.norm = operators, norm
        inside, outside = operators.inside, operators.outside
        both = inside.pair > 0 and outside.pair > 0
        scale = operators.scale(2, 2, original) if both else 0.0
        count = 0 if not both else 1 if operators.symmetric else 2
        pairs = torch.randn(count, inside.pair, outside.pair, generator=generator) * scale
        start = (original, generator)
        self.pairs = _weights(pairs)
        self.nodes = _weights(operators.start(operators.node_sources, operators.node_places, *start))
        self.wholes = _weights(operators.start(operators.whole_sources, operators.whole_places, *start))
        # Two for pairs (everywhere, and on the diagonal), one for members, one for subgraphs.
        sizes = {"pairs": 2 * outside.pair, "nodes": outside.node, "subgraphs": outside.scalar}
        self.bias = nn.ParameterDict({name: torch.zeros(size) for name, size in sizes.items() if size and bias})

    def forward(self, features: Features, s: Subgraphs) -> dict[int, Float[Tensor, "M C"]]:
        T, of_nodes, of_wholes = self._sources(features, s)
        to_nodes = self._at(of_nodes, self.nodes, self.operators.node_places)
        to_wholes = self._at(of_wholes, self.wholes, self.operators.whole_places)
        outside, found = self.operators.outside, dict[int, Tensor]()
        if outside.pair:
            found[2] = self._pairs(T, to_nodes, to_wholes, s)
        if outside.node:
            found[1] = self._nodes(to_nodes, to_wholes, s)
        if outside.scalar:
            found[0] = self._shifted(to_wholes[0, "u"], "subgraphs")
        return found

    def _shifted(self, y: Tensor, name: str) -> Tensor:
        return y + self.bias[name] if name in self.bias else y

    def _at(self, sources: Tensor, weight: Tensor | None, places: list[Place]) -> dict[Place, Tensor]:
        if weight is None:  # nothing to start from, or nowhere to go
            return {
                (order, name): sources.new_zeros(len(sources), self.operators.outside[order]) for order, name in places
            }
        parts = (sources @ weight).split([self.operators.outside[order] for order, _ in places], 1)
        return dict(zip(places, parts, strict=True))

    def _sources(self, features: Features, s: Subgraphs) -> tuple[Tensor | None, Tensor, Tensor]:
        """Pairs (M2, C); all that depends on one member, (M1, C), and all that depends on the subgraph only, (S, C)."""
        like = next(iter(features.values()))
        by_node, by_whole = dict[Place, Tensor](), dict[Place, Tensor]()
        rooted, columns = self.operators.rooted, not self.operators.symmetric
        # A sum over an index counts as 1/m of it, as it is, or as m^-1/2 of it.
        power = {"mean": -1.0, "sum": 0.0, "sqrt": -0.5}[self.norm]
        weight = s.sizes.to(like.dtype).pow(power)[:, None]

        def total(x: Tensor) -> Tensor:
            return x.new_zeros(len(s), x.shape[1]).index_add(0, s.subgraph, x) * weight

        T = features.get(2)
        if T is not None:
            across = (s.root_row, s.transposed[s.root_row]) if rooted else ()
            each = weight.index_select(0, s.subgraph)
            T, (r, c, d, *of_root) = pair_sums(T, s, each, columns, (s.diagonal, *across))
            by_node |= {(2, "diagonal"): d, (2, "row"): r, (2, "col"): c}
            by_whole |= {(2, "trace"): total(d), (2, "all"): total(r)}
            if rooted:
                at = s.root_member
                by_node |= {(2, "root row"): of_root[0], (2, "root col"): of_root[1]}
                by_whole |= {(2, "root"): d[at], (2, "root of row"): r[at], (2, "root of col"): c[at]}
        if self.operators.inside.node:
            v = features[1]
            by_node[1, "v"], by_whole[1, "all"] = v, total(v)
            if rooted:
                by_whole[1, "root"] = v[s.root_member]
        if self.operators.inside.scalar:
            by_whole[0, "u"] = features[0]
        return (
            T,
            _joined([by_node[place] for place in self.operators.node_sources], len(s.node), like),
            _joined([by_whole[place] for place in self.operators.whole_sources], len(s), like),
        )

    def _pairs(
        self, T: Tensor | None, nodes: dict[Place, Tensor], wholes: dict[Place, Tensor], s: Subgraphs
    ) -> Float[Tensor, "M2 O"]:
        everywhere, diagonal = wholes[2, "all"], wholes[2, "diagonal"]
        if "pairs" in self.bias:
            first, second = self.bias["pairs"].chunk(2)
            everywhere, diagonal = everywhere + first, diagonal + second
        by_row = nodes[2, "row"] + everywhere.index_select(0, s.subgraph)
        by_col = nodes[2, "row"] if self.operators.symmetric else nodes[2, "col"]
        kept, turned = (None, None) if self.pairs is None else (self.pairs[0], None)
        if self.pairs is not None and len(self.pairs) == 2:
            turned = self.pairs[1]
        out = pair_map(T if kept is not None else None, kept, turned, by_row, by_col, s)
        out = out.index_add_(0, s.diagonal, nodes[2, "diagonal"] + diagonal.index_select(0, s.subgraph))
        if not self.operators.rooted:
            return out
        row = nodes[2, "root row"] + wholes[2, "root row"].index_select(0, s.subgraph)
        col = row if self.operators.symmetric else self._root_col(nodes, wholes, s)
        out = out.index_add_(0, s.root_row, row).index_add_(0, s.transposed[s.root_row], col)
        return out.index_add_(0, s.diagonal[s.root_member], wholes[2, "root"])

    def _root_col(self, nodes: dict[Place, Tensor], wholes: dict[Place, Tensor], s: Subgraphs) -> Tensor:
        return nodes[2, "root col"] + wholes[2, "root col"].index_select(0, s.subgraph)

    def _nodes(self, nodes: dict[Place, Tensor], wholes: dict[Place, Tensor], s: Subgraphs) -> Float[Tensor, "M1 O"]:
        out = nodes[1, "v"] + wholes[1, "all"].index_select(0, s.subgraph)
        if self.operators.rooted:
            out = out.index_add(0, s.root_member, wholes[1, "root"])
        return self._shifted(out, "nodes")


def _weights(start: Tensor) -> nn.Parameter | None:
    return nn.Parameter(start) if start.numel() else None


def _joined(parts: list[Tensor], rows: int, like: Tensor) -> Tensor:
    return torch.cat(parts, 1) if parts else like.new_zeros(rows, 0)
