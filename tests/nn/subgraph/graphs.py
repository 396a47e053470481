"""Graphs for tests of subgraphs: irregular ones in a batch, pairs that are hard to tell apart, relabelled copies."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import torch
from torch import Tensor

IRREGULAR = ([(0, 1), (1, 2), (0, 2), (2, 3), (3, 4)], [(0, 1), (1, 2), (2, 3), (3, 0), (1, 3)], [(0, 0), (0, 1)])
SIZES = (6, 4, 3)  # the first and the last have a node without edges; the last a loop


def irregular() -> tuple[Tensor, Tensor]:
    """Edges, each listed once, and the batch of three small graphs without symmetry, thirteen nodes."""
    edges, start = list[tuple[int, int]](), 0
    for listed, size in zip(IRREGULAR, SIZES, strict=True):
        edges += [(i + start, j + start) for i, j in listed]
        start += size
    return torch.tensor(edges).mT.contiguous(), torch.arange(3).repeat_interleave(torch.tensor(SIZES))


def batched(graphs: Sequence[nx.Graph]) -> tuple[Tensor, Tensor]:
    """Edges, each listed once, and the batch of graphs of networkx."""
    whole = nx.disjoint_union_all(graphs)
    edges = torch.tensor(list(whole.edges)).reshape(-1, 2).mT.contiguous()
    return edges, torch.arange(len(graphs)).repeat_interleave(torch.tensor([len(g) for g in graphs]))


def relabelled(batch: Tensor, seed: int = 0) -> Tensor:
    """A permutation of the nodes of each graph: node i becomes ``p[i]``."""
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.rand(len(batch), generator=generator) + batch
    return shuffled.argsort().argsort()


def shrikhande() -> nx.Graph:
    graph, steps = nx.Graph(), ((1, 0), (0, 1), (1, 1))
    graph.add_edges_from(((a, b), ((a + x) % 4, (b + y) % 4)) for a in range(4) for b in range(4) for x, y in steps)
    return nx.convert_node_labels_to_integers(graph)


def rook() -> nx.Graph:
    return nx.convert_node_labels_to_integers(nx.line_graph(nx.complete_bipartite_graph(4, 4)))


def cyclic() -> list[nx.Graph]:
    """The ten classes of CSL."""
    return [nx.circulant_graph(41, [1, R]) for R in (2, 3, 4, 5, 6, 9, 11, 12, 13, 16)]
