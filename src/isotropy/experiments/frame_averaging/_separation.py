"""Graphs told apart by random networks, and graphs learned (§4.2)."""

from typing import Any

import torch
from torch import Tensor, nn

from isotropy.experiments.frame_averaging._config import GraphsPlan
from isotropy.experiments.frame_averaging._graphs import (
    Look,
    Seen,
    all_undistinguished,
    paired_undistinguished,
    read_graphs,
    relabelled,
    some,
    stream,
)
from isotropy.experiments.peers import BACKBONES
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.study import job, part, size, train
from isotropy.train import Batches

WIDTH = 10  # numbers of an embedding
METHODS: dict[str, tuple[str, Look]] = {
    **{name: (name, "as given") for name in ("GCN", "GAT", "GIN", "ChebNet")},
    **{f"GA-{name}": (name, "random") for name in ("MLP", "GIN+ID")},
    **{f"FA-{name}, sorted": (name, "sorted") for name in ("MLP", "GIN+ID")},
    **{f"FA-{name}, canonical": (name, "canonical") for name in ("MLP", "GIN+ID")},
}


@job
def separation_job(run: Run, *, seed: int, method: str, graphs: str, plan: GraphsPlan) -> dict[str, Any]:
    """Pairs that no random network tells apart, and how far the embedding of a graph is from that of its copies.

    The pairs are all of graph8c and SR25, and (2k, 2k + 1) of EXP; distances are L1 of embeddings (10 numbers, tanh).
    One order of the vertices is drawn for each graph and network where the method looks at a drawn one. Source:
    Balcilar et al., ICML 2021, §5; Puny et al., ICLR 2022, §4.2.
    """
    found = read_graphs(graphs, plan.first)
    step = max(1, len(found) // plan.copies)
    rows = torch.arange(0, len(found), step)
    copies = relabelled(some(found, rows), spawn(seed, "copies", graphs))
    name, look = METHODS[method]
    embeddings: list[Tensor] = []
    change = 0.0
    network, seen = nn.Module(), [Seen.of(g, look, 1, stream(seed, graphs, i)) for i, g in enumerate((found, copies))]
    for number in range(plan.seeds):
        torch.manual_seed(derive(seed, "network", number))
        network = BACKBONES[name](found.A.shape[1], 2, WIDTH)
        if look in ("sorted", "random") and number:
            key = (seed, graphs, method, number)
            seen = [Seen.of(g, look, 1, stream(*key, i)) for i, g in enumerate((found, copies))]
        with torch.no_grad():
            one, other = (torch.tanh(each.run(network)) for each in seen)
        embeddings.append(one)
        change = max(change, float((one[rows] - other).abs().sum(-1).max()))
    count = paired_undistinguished if graphs == "EXP" else all_undistinguished
    return {"together": count(torch.stack(embeddings)), "change": change, "parameters": size(network)}


@job
def learning_job(run: Run, *, seed: int, method: str, plan: GraphsPlan) -> dict[str, Any]:
    """Learns the labels of EXP from its last 800 graphs; accuracy on graphs 200 to 399, the first 200 validate."""
    graphs = read_graphs("EXP", plan.first)
    assert graphs.y is not None
    name, look = METHODS[method]
    orders = 1 if look in ("as given", "canonical") else plan.orders
    seen = Seen.of(graphs, look, orders, stream(seed, "EXP", method))
    torch.manual_seed(derive(seed, "weights"))
    network = Classifier(BACKBONES[name](graphs.A.shape[1], 2, 1), seen, derive(seed, "orders") % 2**31)
    few = len(graphs) // 6
    rows, y = torch.arange(len(graphs)), graphs.y.to(graphs.A)
    held_out, test, rest = ((rows[part], y[part]) for part in (slice(few), slice(few, 2 * few), slice(2 * few, None)))
    batches = Batches(*rest, plan.batch, seed=derive(seed, "batches"))
    validation = Batches(*held_out, plan.batch, shuffle=False)
    train(network, entropy, batches, plan, part(run, plan, "EXP", method, seed), seed, validation=validation)
    with torch.no_grad():
        right = (network(test[0]) > 0) == (test[1] > 0.5)
    return {"accuracy": float(right.double().mean()), "parameters": size(network)}


class Classifier(nn.Module):
    """One logit for each graph, named by its row: at one of its orders, drawn anew while training, then fixed."""

    def __init__(self, backbone: nn.Module, seen: Seen, seed: int) -> None:
        super().__init__()
        self.backbone, self.seen, self.seed = backbone, seen, seed
        self.register_buffer("draws", torch.zeros((), dtype=torch.int64))
        self.draws: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        key = ("draw", int(self.draws)) if self.training else ("test",)
        if self.training:
            self.draws += 1
        generator = spawn(self.seed, *key)
        return self.seen[rows].run(self.backbone, "stochastic", generator)[:, 0]


def entropy(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The cross entropy of each graph's label."""
    rows, y = batch
    return nn.functional.binary_cross_entropy_with_logits(network(rows), y, reduction="none")
