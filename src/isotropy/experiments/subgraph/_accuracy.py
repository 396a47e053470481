"""Classes of graphs over folds: a training for each, its curve on the test fold and on a fold that is held out."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.data import Graphs, load_tu
from isotropy.experiments.peers import WHOLE_GRAPHS
from isotropy.experiments.subgraph._config import Training
from isotropy.nn import SubgraphNetwork, Subgraphs
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.study import accuracy, cross_entropy, job, size
from isotropy.train import Batches, fit


class Learner(nn.Module):
    """A network on the graphs of a set, by their numbers; subgraphs were built once for all epochs."""

    def __init__(self, network: nn.Module, graphs: Graphs, subgraphs: Subgraphs) -> None:
        super().__init__()
        self.network, self.graphs, self.subgraphs = network, graphs, subgraphs

    def forward(self, rows: Int[Tensor, " B"]) -> Float[Tensor, "B classes"]:
        graphs, subgraphs = self.graphs.take(rows), self.subgraphs.take(rows)
        if isinstance(self.network, SubgraphNetwork):
            return self.network(graphs.x, graphs.edge_index, None, graphs.batch, subgraphs=subgraphs)
        return self.network(graphs, subgraphs)


def learner(method: str, graphs: Graphs, plan: Training) -> Learner:
    """The network of that name, and the subgraphs that it works on."""
    whole = method in ("2-IGN", "PPGN")
    s = Subgraphs.from_graph(
        graphs.edge_index, graphs.batch, policy="graph" if whole else "ego", num_nodes=len(graphs.x)
    )
    features, classes = graphs.x.shape[1], graphs.classes
    network: nn.Module
    if method in WHOLE_GRAPHS:
        network = WHOLE_GRAPHS[method](features, classes, plan.width, plan.layers, float(plan.dropout))
    else:
        network = SubgraphNetwork(
            features, 0, classes, (plan.width,) * plan.layers, policy="graph" if whole else "ego", head=plan.head,
            dropout=float(plan.head_dropout), norm=None if plan.norm == "none" else plan.norm, jumping=plan.jumping,
        )  # fmt: skip
    return Learner(network, graphs, s)


def shuffled(y: Int[Tensor, " G"], training: Int[Tensor, " T"], seed: int) -> Int[Tensor, " G"]:
    """Classes exchanged among the training graphs, as often as before: nothing is left to learn but their shares."""
    exchanged = y.clone()
    exchanged[training] = y[training[torch.randperm(len(training), generator=spawn(seed, "labels"))]]
    return exchanged


@job
def accuracy_job(run: Run, *, seed: int, method: str, dataset: str, plan: Training) -> dict[str, Any]:
    """The accuracy on one test fold after each epoch, in percent; fold ``seed`` of ten.

    The next fold trains nothing either: ``nested`` is the accuracy on the test fold at the epoch that is best there.
    Source: Errica et al., ICLR 2020; Mitton, Murray-Smith, 2111.11840,
    section 6.
    """
    graphs = load_tu(dataset)
    fold, folds = seed % 10, 10
    test, held_out = graphs.test_of(fold), graphs.test_of((fold + 1) % folds)
    rest = graphs.train_of(fold)
    training = rest[~torch.isin(rest, held_out)]
    y = shuffled(graphs.y, training, seed) if plan.shuffle else graphs.y
    torch.manual_seed(derive(seed, "weights", method))
    model = learner(method, graphs, plan)
    batches = Batches((training, y[training]), plan.batch, seed=derive(seed, "batches"))
    curves: dict[str, list[float]] = {"test": [], "validation": []}

    def measure(row: Any, trained: nn.Module) -> None:
        for name, rows in (("test", test), ("validation", held_out)):
            curves[name].append(100 * accuracy(trained, rows, graphs.y[rows], at_once=256))

    def falling(step: int, total: int) -> float:
        return 0.1 ** (step // len(batches) // plan.drop)

    optimizer = torch.optim.AdamW(model.parameters(), float(plan.rate), weight_decay=0.0)
    fit(
        model, cross_entropy, batches, optimizer=optimizer, schedule=falling, max_epochs=plan.epochs,
        average=float(plan.average) or None, callbacks=[measure], seed=seed, progress=False,
    )  # fmt: skip
    # The last of equals: MUTAG's folds have 19 graphs, and early epochs are lucky at times.
    best = max(range(plan.epochs), key=lambda epoch: (curves["validation"][epoch], epoch))
    last = curves["test"][-10:]
    majority = float(torch.bincount(graphs.y[test]).max()) / len(test)
    return {
        **{"curve": curves["test"], "validation": curves["validation"], "last": sum(last) / len(last)},
        **{"nested": curves["test"][best], "majority": 100 * majority, "parameters": size(model)},
    }
