"""Graphs that are hard to tell apart, and which random networks leave together."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from isotropy.data import Graphs, load_exp, load_sr25
from isotropy.errors import MissingExtraError
from isotropy.experiments.peers import WHOLE_GRAPHS
from isotropy.experiments.subgraph._config import Apart
from isotropy.linalg import Segments
from isotropy.nn import SubgraphNetwork, Subgraphs
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.study import job

SETS = ("C6, two triangles", "Rook, Shrikhande", "CSL", "SR25", "EXP")
WAYS: dict[str, dict[str, Any]] = {
    "GIN": {},
    "2-IGN": {"policy": "graph"},
    "ego networks": {},
    "ego networks with root": {"root": True},
    "ego networks of radius 2": {"k": 2},
    "ego networks with products": {"local_product": True},
}
APART = 30.0
"""A pair counts as told apart when it lies so many times farther apart than relabelling moves the same graphs; a fixed
1e-9 is too coarse for products, whose nearest pairs of SR25 lie 1e-12 apart where copies differ by 4e-16."""


@job
def apart_job(run: Run, *, seed: int, way: str, graphs: str, plan: Apart) -> dict[str, Any]:
    """How many pairs a random network leaves together, of how many; and how far relabelled copies lie, relatively.

    In float64, without norms. Source: specification 10, section 4; Balcilar et al., ICML 2021.
    """
    found, pairs = hard(graphs, plan.exp)
    torch.manual_seed(derive(seed, "weights", way))
    rows = _embedded(way, found, plan)
    torch.manual_seed(derive(seed, "weights", way))
    copies = _embedded(way, relabelled(found, spawn(seed, "copies")), plan)
    size = rows.norm(dim=1)
    change = float(((rows - copies).norm(dim=1) / size).max())
    first, second = torch.tensor(pairs).mT
    near = (rows[first] - rows[second]).norm(dim=1) / size[first]
    together = int((near <= APART * max(change, torch.finfo(torch.float64).eps)).sum())
    return {"together": together, "of": len(pairs), "change": change}


def _embedded(way: str, graphs: Graphs, plan: Apart) -> Tensor:
    settings = WAYS[way]
    if way == "GIN":
        network: nn.Module = WHOLE_GRAPHS["GIN"](1, 2 * plan.width, plan.width, plan.layers, 0.0).double().eval()
    else:
        network = SubgraphNetwork(0, 0, 1, (plan.width,) * plan.layers, norm=None, **settings).double()
    s = Subgraphs.from_graph(
        graphs.edge_index, graphs.batch, k=settings.get("k", 1), policy=settings.get("policy", "ego")
    )
    with torch.no_grad():
        if isinstance(network, SubgraphNetwork):
            return network.embedding(None, graphs.edge_index, None, graphs.batch, subgraphs=s)
        return network(graphs, s)


def hard(name: str, exp: int) -> tuple[Graphs, list[tuple[int, int]]]:
    """A set of graphs without labels, each edge in both directions, and the pairs that are asked for."""
    if name == "SR25":
        found = load_sr25()
        return _ragged(list(found.A)), list(combinations(range(len(found)), 2))
    if name == "EXP":
        found = load_exp()[: 2 * exp]
        listed = [A[:n, :n] for A, n in zip(found.A, found.sizes.tolist(), strict=True)]
        return _ragged(listed), [(2 * i, 2 * i + 1) for i in range(exp)]
    try:
        import networkx as nx
    except ImportError as missing:
        raise MissingExtraError.of("networkx", "graph") from missing
    if name == "CSL":
        graphs = [nx.circulant_graph(41, [1, R]) for R in (2, 3, 4, 5, 6, 9, 11, 12, 13, 16)]
    elif name == "Rook, Shrikhande":
        steps = [
            (a, b, (a + x) % 4, (b + y) % 4) for a in range(4) for b in range(4) for x, y in ((0, 1), (1, 0), (1, 1))
        ]
        shrikhande = nx.Graph([(4 * a + b, 4 * c + d) for a, b, c, d in steps])
        graphs = [nx.line_graph(nx.complete_bipartite_graph(4, 4)), shrikhande]
    else:
        graphs = [nx.cycle_graph(6), nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))]
    return _ragged([torch.from_numpy(nx.to_numpy_array(graph)) for graph in graphs]), list(
        combinations(range(len(graphs)), 2)
    )


def _ragged(adjacency: list[Tensor]) -> Graphs:
    edges, start = list[Tensor](), 0
    for A in adjacency:
        edges.append(A.nonzero().mT + start)
        start += len(A)
    sizes = torch.tensor([len(A) for A in adjacency])
    x = torch.ones(start, 1, dtype=torch.float64)
    return Graphs(x, torch.cat(edges, 1), torch.zeros(len(sizes), dtype=torch.int64), Segments.from_sizes(sizes))


def relabelled(graphs: Graphs, generator: torch.Generator) -> Graphs:
    """The same graphs with their nodes in another order."""
    drawn = torch.rand(len(graphs.x), generator=generator, dtype=torch.float64) + graphs.batch
    p = drawn.argsort().argsort()
    return Graphs(graphs.x, p[graphs.edge_index], graphs.y, graphs.segments)
