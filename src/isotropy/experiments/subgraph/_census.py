"""The commonest ego networks of a set, as labelled rooted graphs, written down so that a report can draw them."""

from __future__ import annotations

from typing import Any

import torch

from isotropy.data import load_tu
from isotropy.nn import Subgraphs
from isotropy.nn.subgraph import census
from isotropy.runs import Run
from isotropy.study import job

SHOWN = 8  # classes in the strip
ALL, CLASSES = "all", "classes"  # settings that count ego networks and their classes


@job
def census_job(run: Run, *, seed: int, dataset: str) -> dict[str, Any]:
    """Counts of the classes of ego networks with k = 1, the commonest first, as `written`; of all, and of classes."""
    graphs = load_tu(dataset)
    s = Subgraphs.from_graph(graphs.edge_index, graphs.batch, num_nodes=len(graphs.x))
    found = census(s, graphs.x)
    count = torch.bincount(found.label, minlength=len(found))
    label = graphs.x.argmax(1)
    kept = count.argsort(descending=True, stable=True)[:SHOWN].tolist()
    classes = {written(s, int(found.first[one]), label): int(count[one]) for one in kept}
    return {"classes": {**classes, ALL: len(s), CLASSES: len(found)}}


def written(s: Subgraphs, number: int, label: torch.Tensor) -> str:
    """One ego network as text: the label of the root, those of the others, and the edges among all, 0 the root.

    >>> path = Subgraphs.from_graph(torch.tensor([[0, 1], [1, 2]]))
    >>> written(path, 1, torch.tensor([3, 5, 4]))
    '5: 3 4; 0-1 0-2'
    """
    start, size = int(s.first[number]), int(s.sizes[number])
    nodes = s.node[start : start + size].tolist()
    root = int(s.root[number])
    order = [root, *(node for node in nodes if node != root)]
    place = {node: at for at, node in enumerate(order)}
    inside = torch.isin(s.links, torch.tensor(nodes)).all(0)
    edges = sorted((place[i], place[j]) for i, j in s.links[:, inside].mT.tolist() if place[i] < place[j])
    labels = " ".join(str(int(label[node])) for node in order[1:])
    return f"{int(label[root])}: {labels}; " + " ".join(f"{i}-{j}" for i, j in edges)


def read(text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Labels, the root's first, and edges.

    >>> read("5: 3 4; 0-1 0-2")
    ([5, 3, 4], [(0, 1), (0, 2)])
    """
    root, _, rest = text.partition(": ")
    others, _, links = rest.partition("; ")
    pairs = [tuple(map(int, link.split("-"))) for link in links.split()]
    return [int(root), *map(int, others.split())], [(i, j) for i, j in pairs]
