"""Subgraphs of a batch of graphs as flat index tensors: members, pairs of members, and where pairs meet again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.nn.subgraph._classes import census
from isotropy.nn.subgraph._members import Chooser, Policy, members

_TABLE = 4  # pairs of whole graphs for each pair of members up to which a table finds the distinct ones in linear time


@dataclass(frozen=True, eq=False)
class Subgraphs:
    """S subgraphs with M1 members and M2 ordered pairs of members, of graphs with n nodes in total.

    ``node (M1)`` is sorted by (subgraph, node); ``row, col (M2)`` are member numbers, pairs run row by row;
    ``union (2, U)`` are the distinct pairs of nodes, ``pair (M2)`` which of them each pair is. ``root (S)`` is a node,
    or -1 where a policy has none; ``links (2, L)`` the distinct edges; ``batch (n)`` the graph of each node.
    Source: Mitton, Murray-Smith, arXiv 2111.11840.

    Parameters: ``node``, ``sizes``, ``root``, ``links``, ``batch``, ``graphs``, ``distance`` as described above;
    `from_graph` makes them.

    >>> path = Subgraphs.from_graph(torch.tensor([[0, 1], [1, 2]]), None)
    >>> path.node.tolist(), path.sizes.tolist(), path.union.shape[1]
    ([0, 1, 0, 1, 2, 1, 2], [2, 3, 2], 9)
    """

    node: Int[Tensor, " M1"]
    sizes: Int[Tensor, " S"]
    root: Int[Tensor, " S"]
    links: Int[Tensor, "2 L"]
    batch: Int[Tensor, " n"]
    graphs: int
    distance: Int[Tensor, " M1"] | None = None

    @classmethod
    def from_graph(
        cls,
        edge_index: Tensor,
        batch: Tensor | None = None,
        *,
        k: int = 1,
        policy: Policy | Chooser = "ego",
        direction: Literal["both", "out"] = "both",
        num_nodes: int | None = None,
    ) -> Subgraphs:
        """The subgraphs of one graph, or of a batch in which ``batch (n,)`` says the graph of each node, in order.

        ``policy``: "ego" are all nodes within k steps of each node, with all edges among them; "khop" those exactly k
        steps away, and the root; "node_deleted" a graph without each of its nodes; "edge" all nodes within k - 1 steps
        of either end of each edge; "graph" each graph as a whole, which makes the layers those of a global network of
        order 2 without padding; or a function ``(links, batch) -> (node, subgraph)``. Edges count in both
        directions unless ``direction="out"``; listed twice they count once, self-loops are pairs (i, i).

        Parameters: ``edge_index (2, E)``, ``batch``, ``k``, ``policy``, ``direction``, ``num_nodes`` where nodes
        without edges come last. Raises ShapeError and DtypeError for edges that are none, DomainError for an
        unsorted batch: sort the nodes of each graph together first.
        """
        batch, n = checked(edge_index, batch, num_nodes)
        if direction not in ("both", "out"):
            raise DomainError(f"direction {direction!r}", "both or out")
        device = edge_index.device
        links = edge_index if direction == "out" else torch.cat([edge_index, edge_index.flip(0)], 1)
        key = torch.unique(links[0] * n + links[1])
        links = torch.stack([key // max(n, 1), key % max(n, 1)])
        graphs = int(batch[-1]) + 1 if n else 0
        found = members(policy, links.cpu().numpy(), batch.cpu().numpy(), k, direction == "both")
        parts = {name: torch.from_numpy(np.ascontiguousarray(getattr(found, name))) for name in ("node", "sizes")}
        distance = None if found.distance is None else torch.from_numpy(found.distance).to(device)
        root = torch.from_numpy(found.root).to(torch.int64)
        return cls(parts["node"].to(device), parts["sizes"].to(device), root.to(device), links, batch, graphs, distance)

    @classmethod
    def of(cls, data: Any, **settings: Any) -> Subgraphs:
        """Those of a Data or Batch of torch_geometric: made by `ToSubgraphs` and kept there, or made now."""
        n, batch = data.num_nodes, getattr(data, "batch", None)
        if not hasattr(data, "subgraph_node_index"):
            return cls.from_graph(data.edge_index, batch, num_nodes=n, **settings)
        batch = data.edge_index.new_zeros(n) if batch is None else batch
        kept = (data.subgraph_node_index, data.subgraph_sizes, data.subgraph_root_index)
        # Where there is no root, -1 was moved on with the nodes of the batch: a mark tells.
        root = torch.where(data.subgraph_rooted, kept[2], -1)
        distance = data.subgraph_distance if bool(data.subgraph_rooted.all()) else None
        graphs = getattr(data, "num_graphs", 1)
        return cls(kept[0], kept[1], root, data.subgraph_links_index, batch, graphs, distance)

    @property
    def n(self) -> int:
        """The number of nodes."""
        return len(self.batch)

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def subgraph(self) -> Int[Tensor, " M1"]:
        """The subgraph of each member."""
        return torch.repeat_interleave(self.sizes)

    @cached_property
    def first(self) -> Int[Tensor, " S"]:
        """The first member of each subgraph."""
        return self.sizes.cumsum(0) - self.sizes

    @cached_property
    def first_pair(self) -> Int[Tensor, " S"]:
        """The first pair of each subgraph."""
        return self.sizes.square().cumsum(0) - self.sizes.square()

    @cached_property
    def place(self) -> Int[Tensor, " M1"]:
        """The place of each member in its subgraph, from 0."""
        return torch.arange(len(self.node), device=self.node.device) - self.first[self.subgraph]

    @cached_property
    def size(self) -> Int[Tensor, " M1"]:
        """The number of members of each member's subgraph."""
        return self.sizes[self.subgraph]

    @cached_property
    def row(self) -> Int[Tensor, " M2"]:
        """The first member of each pair."""
        return torch.repeat_interleave(self.size)

    @cached_property
    def col(self) -> Int[Tensor, " M2"]:
        """The second member of each pair."""
        step = self.first[self.subgraph] - (self.size.cumsum(0) - self.size)
        return torch.arange(len(self.row), device=self.node.device) + step[self.row]

    @cached_property
    def diagonal(self) -> Int[Tensor, " M1"]:
        """The pair (i, i) of each member i."""
        return self.first_pair[self.subgraph] + self.place * (self.size + 1)

    @cached_property
    def transposed(self) -> Int[Tensor, " M2"]:
        """The pair (j, i) of each pair (i, j)."""
        start = (self.size.cumsum(0) - self.size)[self.col]
        return start + self.place[self.row]

    @cached_property
    def graph(self) -> Int[Tensor, " S"]:
        """The graph of each subgraph."""
        return self.batch[self.node[self.first]]

    @cached_property
    def nodes_of(self) -> Int[Tensor, " graphs"]:
        """The number of nodes of each graph."""
        return torch.bincount(self.batch, minlength=self.graphs)

    @cached_property
    def root_member(self) -> Int[Tensor, " S"]:
        """The member that is the root; raises DomainError where a subgraph has none."""
        if bool((self.root < 0).any()):
            raise DomainError("subgraphs without roots", "rooted ones", 'policy="ego" and "khop" have roots')
        return (self.node == self.root[self.subgraph]).nonzero()[:, 0]

    @cached_property
    def root_row(self) -> Int[Tensor, " M1"]:
        """The pair (root, i) of each member i."""
        return self.diagonal[self.root_member][self.subgraph] + self.place - self.place[self.root_member][self.subgraph]

    @cached_property
    def _meeting(self) -> tuple[Int[Tensor, "2 U"], Int[Tensor, " M2"]]:
        i, j = self.node[self.row], self.node[self.col]
        squares = self.nodes_of.square()
        if int(squares.sum()) <= _TABLE * len(i):
            start = self.nodes_of.cumsum(0) - self.nodes_of
            base = (squares.cumsum(0) - squares)[self.batch] - start[self.batch]
            local = torch.arange(self.n, device=i.device) - start[self.batch]
            key = (base + local * self.nodes_of[self.batch])[i] + j
            seen = torch.zeros(int(squares.sum()), dtype=torch.bool, device=i.device)
            seen[key] = True
            pair = (seen.cumsum(0) - 1)[key]
            some = pair.new_empty(int(seen.sum()))
            some[pair] = torch.arange(len(pair), device=i.device)
            return torch.stack([i[some], j[some]]), pair
        keys, pair = torch.unique(i * self.n + j, return_inverse=True)
        return torch.stack([keys // self.n, keys % self.n]), pair

    @property
    def union(self) -> Int[Tensor, "2 U"]:
        """The distinct pairs of nodes that stand in one subgraph or more, in order."""
        return self._meeting[0]

    @property
    def pair(self) -> Int[Tensor, " M2"]:
        """Which of the distinct pairs each pair is."""
        return self._meeting[1]

    @cached_property
    def union_transposed(self) -> Int[Tensor, " U"]:
        """The distinct pair (j, i) of each distinct pair (i, j): a subgraph that has one has the other."""
        return (self.union[1] * self.n + self.union[0]).argsort()

    @cached_property
    def link(self) -> Int[Tensor, " L"]:
        """The distinct pair that each edge is, -1 where no subgraph has both of its ends."""
        return self.find(self.links)

    def find(self, pairs: Int[Tensor, "2 E"]) -> Int[Tensor, " E"]:
        """The number of each pair of nodes among the distinct ones, -1 for those that no subgraph has."""
        keys, wanted = self.union[0] * self.n + self.union[1], pairs[0] * self.n + pairs[1]
        if not len(keys):
            return torch.full_like(wanted, -1)
        at = torch.searchsorted(keys, wanted).clamp_max(len(keys) - 1)
        return torch.where(keys[at] == wanted, at, -1)

    @cached_property
    def linked(self) -> Bool[Tensor, " U"]:
        """Whether each distinct pair is an edge."""
        found = torch.zeros(self.union.shape[1], dtype=torch.bool, device=self.node.device)
        found[self.link[self.link >= 0]] = True
        return found

    @cached_property
    def meetings(self) -> tuple[Int[Tensor, " n"], Int[Tensor, " U"]]:
        """In how many subgraphs each node, and each distinct pair, stands."""
        return (
            torch.bincount(self.node, minlength=self.n),
            torch.bincount(self.pair, minlength=self.union.shape[1]),
        )

    def part(self, chosen: Int[Tensor, " T"]) -> tuple[Subgraphs, Int[Tensor, " m"], Int[Tensor, " p"]]:
        """Some of the subgraphs, and the numbers of their members and pairs among all."""
        sizes = self.sizes[chosen]
        member, pairs = _ranges(self.first[chosen], sizes), _ranges(self.first_pair[chosen], sizes.square())
        distance = None if self.distance is None else self.distance[member]
        part = replace(self, node=self.node[member], sizes=sizes, root=self.root[chosen], distance=distance)
        return part, member, pairs

    def take(self, graphs: Int[Tensor, " B"]) -> Subgraphs:
        """The subgraphs of some of the graphs, as a batch of its own: one gather, nothing is built again."""
        count = self.nodes_of
        start, taken = (count.cumsum(0) - count)[graphs], count[graphs]
        old = _ranges(start, taken)
        shift = (taken.cumsum(0) - taken) - start  # from an old number of a node to the new one, graph by graph
        which = _of_graphs(self.graph, self.graphs, graphs)
        part, member, _ = self.part(which[0])
        by_member = shift[which[1]].repeat_interleave(part.sizes)
        links, of = _of_graphs(self.batch[self.links[0]], self.graphs, graphs)
        root = torch.where(part.root < 0, part.root, part.root + shift[which[1]])
        batch = torch.arange(len(graphs), device=old.device).repeat_interleave(taken)
        distance = None if self.distance is None else self.distance[member]
        return Subgraphs(
            part.node + by_member, part.sizes, root, self.links[:, links] + shift[of], batch, len(graphs), distance
        )

    @cached_property
    def by_size(self) -> dict[int, Int[Tensor, " s"]]:
        """The subgraphs of each size."""
        order = self.sizes.argsort(stable=True)
        sizes, counts = torch.unique_consecutive(self.sizes[order], return_counts=True)
        return dict(zip(sizes.tolist(), order.split(counts.tolist()), strict=True))

    def pairs_of_size(self, m: int) -> Int[Tensor, "s m2"]:
        """The pairs of the subgraphs of m members, a row for each subgraph."""
        return self.first_pair[self.by_size[m]][:, None] + torch.arange(m * m, device=self.node.device)

    def members_of_size(self, m: int) -> Int[Tensor, "s m"]:
        """The members of the subgraphs of m members, a row for each subgraph."""
        return self.first[self.by_size[m]][:, None] + torch.arange(m, device=self.node.device)

    @cached_property
    def size_order(self) -> Int[Tensor, " M2"]:
        """Where each pair stands among the pairs of subgraphs sorted by size."""
        if not len(self):
            return self.row
        return torch.cat([self.pairs_of_size(m).flatten() for m in self.by_size]).argsort()

    def classes(self, x: Tensor | None = None) -> Int[Tensor, " S"]:
        """The isomorphism class of each subgraph, with its root and the rows of ``x (n, c)`` as labels of the nodes.

        >>> two = torch.tensor([[0, 1, 3, 4], [1, 2, 4, 5]])
        >>> Subgraphs.from_graph(two, torch.tensor([0, 0, 0, 1, 1, 1])).classes().tolist()
        [0, 1, 0, 0, 1, 0]
        """
        return census(self, x).label

    def to(self, device: torch.device | str) -> Subgraphs:
        """The same on a device."""
        moved = {name: getattr(self, name).to(device) for name in ("node", "sizes", "root", "links", "batch")}
        distance = None if self.distance is None else self.distance.to(device)
        return Subgraphs(**moved, graphs=self.graphs, distance=distance)

    def _tensors(self) -> Iterator[Tensor]:
        yield from (self.node, self.sizes, self.root, self.links, self.batch)


def _ranges(start: Int[Tensor, " T"], count: Int[Tensor, " T"]) -> Int[Tensor, " m"]:
    """start[0], start[0] + 1, ... of count[0] numbers, then those from start[1]."""
    end = count.cumsum(0)
    total = int(end[-1]) if len(end) else 0
    return torch.arange(total, device=start.device) + torch.repeat_interleave(start - (end - count), count)


def _of_graphs(graph: Tensor, graphs: int, chosen: Tensor) -> tuple[Int[Tensor, " m"], Int[Tensor, " m"]]:
    """Which rows, sorted by graph, are of the chosen graphs, and of which of these."""
    count = torch.bincount(graph, minlength=graphs)
    rows = _ranges((count.cumsum(0) - count)[chosen], count[chosen])
    return rows, torch.repeat_interleave(count[chosen])


def checked(edge_index: Tensor, batch: Tensor | None, num_nodes: int | None) -> tuple[Int[Tensor, " n"], int]:
    """The graph of each node, and how many nodes there are, of edges that are some."""
    shape = tuple(edge_index.shape)
    if edge_index.dtype != torch.int64:
        hint = "edge_index.long()" if not edge_index.is_floating_point() else "nodes are counted from 0"
        raise DtypeError(f"edge_index of {edge_index.dtype}, shape {shape}", "int64 (2, E)", hint)
    if edge_index.ndim != 2 or shape[0] != 2:
        hint = "write edge_index.mT" if shape[1:] == (2,) else ""
        raise ShapeError(f"edge_index of shape {shape}", "(2, E): a column for each edge", hint)
    n = len(batch) if batch is not None else num_nodes
    if n is None:
        n = int(edge_index.max()) + 1 if edge_index.numel() else 0
    wrong = ((edge_index < 0) | (edge_index >= n)).any(0).nonzero()[:, 0]
    if len(wrong):
        at = int(wrong[0])
        raise ShapeError(f"edge {at}, {edge_index[:, at].tolist()}, of edge_index {shape}", f"nodes from 0 to {n - 1}")
    if batch is None:
        return edge_index.new_zeros(n), n
    if batch.dtype != torch.int64 or batch.ndim != 1 or (num_nodes is not None and num_nodes != n):
        given = f"batch of {batch.dtype}, shape {tuple(batch.shape)}"
        raise ShapeError(given, "int64 (n,), the graph of each node", "" if num_nodes is None else f"n = {num_nodes}")
    back = (batch.diff() < 0).nonzero()[:, 0]
    if len(back) or (n and int(batch[0]) < 0):
        at = int(back[0]) + 1 if len(back) else 0
        hint = "order = batch.argsort(stable=True), then number nodes by order.argsort()"
        raise DomainError(f"a batch that is not sorted at node {at}", "graphs 0, 0, ..., 1, 1, ...", hint)
    crossing = (batch[edge_index[0]] != batch[edge_index[1]]).nonzero()[:, 0]
    if len(crossing):
        at = int(crossing[0])
        raise ShapeError(f"edge {at}, {edge_index[:, at].tolist()}, between two graphs", "edges within one graph")
    return batch, n
