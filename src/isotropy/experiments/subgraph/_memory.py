"""Memory of one forward and backward pass, by the size of a 4-regular graph: in pieces, and as a whole."""

from __future__ import annotations

from typing import Any

import torch

from isotropy.errors import MissingExtraError
from isotropy.experiments.subgraph._config import OURS, Curve
from isotropy.nn import SubgraphNetwork, Subgraphs
from isotropy.optics import measure_peak
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import job


@job
def memory_job(run: Run, *, seed: int, method: str, n: int, plan: Curve) -> dict[str, Any]:
    """Bytes at the peak, those of the indices among them, with equal weights. Source: the paper's memory figure."""
    try:
        import networkx as nx
    except ImportError as missing:
        raise MissingExtraError.of("networkx", "graph") from missing
    graph = nx.random_regular_graph(4, n, seed=derive(seed, "graph", n) % 2**31)
    edges = torch.tensor(list(graph.edges)).mT.contiguous()
    torch.manual_seed(derive(seed, "weights"))
    policy = "ego" if method == OURS else "graph"
    network = SubgraphNetwork(0, 0, 1, (plan.width,) * plan.layers, policy=policy, head=())

    def work() -> None:
        s = Subgraphs.from_graph(edges, None, policy=policy, num_nodes=n)
        y = network(None, edges, subgraphs=s).sum()
        torch.autograd.grad(y, list(network.parameters()))

    return {"bytes": measure_peak(work)}
