"""Graphs seen through a measure on the orders of their vertices, and how many pairs an embedding leaves together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.spatial import KDTree
from torch import Tensor, nn

from isotropy.data import GraphSet, load_exp, load_graph8c, load_sr25
from isotropy.frames import CanonicalGraphFrame, LaplacianFrame
from isotropy.groups import DiscreteMeasure, S
from isotropy.optics import Mode, average
from isotropy.random import spawn
from isotropy.reps import Cloud, Pairs

Look = Literal["as given", "canonical", "sorted", "random"]
APART = 1e-3  # the L1 distance above which two embeddings are told apart

LOADERS: dict[str, Callable[..., GraphSet]] = {"graph8c": load_graph8c, "EXP": load_exp, "SR25": load_sr25}


def read_graphs(name: str, most: int | None = None) -> GraphSet:
    """A set of graphs by name, its vertices with the features (label or 1, degree); the first ``most`` of them."""
    found = _loaded(name)
    found = found if most is None else found[:most]
    inside = (torch.arange(found.A.shape[1]) < found.sizes[:, None]).to(found.A)[..., None]
    label = inside if found.X is None else found.X.to(found.A)
    return replace(found, X=torch.cat([label, found.A.sum(-1, keepdim=True)], -1))


@lru_cache
def _loaded(name: str) -> GraphSet:
    return LOADERS[name](dtype=torch.float32)


@dataclass(frozen=True, eq=False)
class Seen:
    """Graphs with a measure on the orders of the vertices of each: what a network that reads the order is run on.

    ``look`` is "as given"; "canonical", one order that all isomorphic graphs share; "sorted", ``samples`` orders drawn
    from those that sort the spectral key of the Laplacian; or "random", ``samples`` of all orders.
    """

    graphs: GraphSet
    measure: DiscreteMeasure

    @classmethod
    def of(cls, graphs: GraphSet, look: Look, samples: int, generator: torch.Generator) -> Seen:
        A, X, sizes = graphs.A, graphs.X, graphs.sizes
        if look == "canonical":
            return cls(graphs, CanonicalGraphFrame()(A, X, sizes))
        if look == "sorted":
            return cls(graphs, LaplacianFrame(samples, exact="key", generator=generator)(A, X, sizes))
        if look == "random":
            return cls(graphs, _uniform(random_orders(graphs, samples, generator), A))
        return cls(graphs, _uniform(torch.arange(A.shape[1]).expand(len(A), 1, -1), A))

    def __getitem__(self, rows: Int[Tensor, " b"] | slice) -> Seen:
        orders: Any = self.measure.g
        few = DiscreteMeasure(orders[rows], self.measure.log_weight[rows], self.measure.exact)
        return Seen(some(self.graphs, rows), few)

    def run(
        self, network: nn.Module, mode: Mode = "average", generator: torch.Generator | None = None
    ) -> Float[Tensor, "B out"]:
        """The average of the network over the orders, or its value at one of them, drawn anew."""
        types = (Pairs(), Cloud(), None)
        optic = average(self.measure, types, None, group=S(self.graphs.A.shape[1]), mode=mode, generator=generator)
        inside = (self.graphs.A, self.graphs.X, self.graphs.sizes[:, None])
        return optic.close(lambda x: network(x[0], x[1], x[2][:, 0]))(inside)


def some(graphs: GraphSet, rows: Int[Tensor, " b"] | slice) -> GraphSet:
    """Some of the graphs, with all the padding, whose width a network depends on."""
    X, y = (None if part is None else part[rows] for part in (graphs.X, graphs.y))
    return GraphSet(graphs.A[rows], graphs.sizes[rows], X, y)


def random_orders(graphs: GraphSet, samples: int, generator: torch.Generator) -> Int[Tensor, "B F n"]:
    """Uniform orders of the vertices of each graph; padding stays last."""
    n = graphs.A.shape[1]
    key = torch.rand(len(graphs), samples, n, generator=generator, dtype=torch.float64)
    padding = torch.arange(n) >= graphs.sizes[:, None, None]
    return torch.where(padding, 1 + torch.arange(n, dtype=key.dtype), key).argsort(-1)


def relabelled(graphs: GraphSet, generator: torch.Generator) -> GraphSet:
    """An isomorphic copy of each graph, its vertices in a random order."""
    order = random_orders(graphs, 1, generator)[:, 0]
    rows = torch.arange(len(graphs))[:, None]
    assert graphs.X is not None
    A = graphs.A[rows[..., None], order[:, :, None], order[:, None]]
    return GraphSet(A, graphs.sizes, graphs.X[rows, order], graphs.y)


def all_undistinguished(embedding: Float[Tensor, "seeds B k"]) -> int:
    """Pairs of graphs whose embeddings are within ``APART`` (L1) for every seed, of all B (B - 1) / 2.

    Pairs that are near in every coordinate come from a tree, so that the others are never formed.

    >>> all_undistinguished(torch.tensor([[[0.0], [5e-4], [1.0]], [[0.0], [0.0], [0.0]]]))
    1
    """
    points = embedding.double().numpy()
    near = KDTree(np.concatenate(list(points), -1)).query_pairs(APART, p=np.inf, output_type="ndarray")
    return int(_together(points, near).sum())


def paired_undistinguished(embedding: Float[Tensor, "seeds B k"]) -> int:
    """The same for the pairs (2k, 2k + 1) alone.

    >>> paired_undistinguished(torch.tensor([[[0.0], [5e-4], [1.0], [0.0]]]))
    1
    """
    first = np.arange(0, embedding.shape[1], 2)
    return int(_together(embedding.double().numpy(), np.stack([first, first + 1], 1)).sum())


def _together(points: NDArray[np.float64], pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    distance = np.abs(points[:, pairs[:, 0]] - points[:, pairs[:, 1]]).sum(-1)
    return (distance <= APART).all(0)


def _uniform(orders: Int[Tensor, "B F n"], like: Tensor) -> DiscreteMeasure:
    count = orders.shape[1]
    return DiscreteMeasure(orders, -like.new_full(orders.shape[:2], count).log(), exact=False)


def stream(seed: int, *keys: object) -> torch.Generator:
    """The generator of one look at one set of graphs."""
    return spawn(seed, "orders", *keys)
