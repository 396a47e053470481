"""Rows that measure the same place: inputs equal but for a jitter far smaller than the distance between places."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

_ROWS = 3000  # rows whose tree of shortest connections is built; longer tables are read around random rows
_SEEDS, _AROUND = 250, 12
# Connections inside places are shorter than those between by this factor. Of n independent rows the j shortest
# connections keep such a distance from the next with chance 30^-j at most (one column; less in more).
_GAP = 30.0
_FEWEST_PAIRS = 4  # 30^-4: one table in a million
_NEAR = 1e-2  # of the spread of a column: what lies further apart is no repetition
_FEWEST_PLACES = 8
_ZERO = 1e-13


def places(x: Float[Tensor, "n p"]) -> Int[Tensor, " n"]:
    """A number 0, 1, ... for the place of each row, in the order of the first rows; lone rows are places of their own.

    Equal rows share a place. Nearly equal ones do where the shortest connections between rows fall apart into short
    and long ones by a factor of 30 or more (single linkage), and at least 8 places remain.

    >>> x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> again = torch.cat([x, x + 1e-6, x - 1e-6])
    >>> int(places(again).max()) + 1, places(x).tolist() == list(range(20))
    (20, True)
    """
    scaled = _scaled(x.numpy())
    equal = _numbered(np.unique(scaled, axis=0, return_inverse=True)[1].reshape(-1))
    at = np.unique(equal, return_index=True)[1]
    lone = scaled[at]
    radius = _radius(lone) if len(lone) > _FEWEST_PLACES else 0.0
    if radius:
        joined = _connected(lone, radius)
        if joined.max() + 1 >= _FEWEST_PLACES:
            return torch.from_numpy(_numbered(joined[equal]))
    return torch.from_numpy(equal)


def _scaled(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns in units of their spread (that of the middle 90 %, where it is not zero)."""
    low, high = np.quantile(x, [0.05, 0.95], axis=0)
    spread = np.where(high > low, high - low, x.max(0) - x.min(0))
    return (x - low) / np.where(spread > 0, spread, 1.0)


def _numbered(label: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same labels, numbered in the order of their first appearance."""
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    return first.argsort().argsort()[inverse.reshape(-1)]


def _radius(x: NDArray[np.float64]) -> float:
    """A distance between the connections inside places and those between, 0 where there is no such gap."""
    if len(x) > _ROWS:
        draw = np.random.default_rng(0)
        near = [
            np.argpartition(((x - x[i]) ** 2).sum(1), _AROUND)[:_AROUND] for i in draw.choice(len(x), _SEEDS, False)
        ]
        x = x[np.unique(np.concatenate(near))]
    edges = np.sort(_tree(x)).clip(_ZERO)
    below = np.arange(1, len(edges))
    ratio = edges[1:] / edges[:-1]
    allowed = (below >= _FEWEST_PAIRS) & (edges[:-1] < _NEAR)
    if not allowed.any():
        return 0.0
    best = int(np.where(allowed, ratio, 0.0).argmax())
    return float(np.sqrt(edges[best] * edges[best + 1])) if ratio[best] > _GAP else 0.0


def _tree(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lengths of the edges of the minimum spanning tree (Prim)."""
    n = len(x)
    nearest, outside = np.full(n, np.inf), np.ones(n, bool)
    edges, at = np.empty(n - 1), 0
    for i in range(n - 1):
        outside[at] = False
        step = x - x[at]
        np.minimum(nearest, np.einsum("ij,ij->i", step, step), out=nearest)
        at = int(np.where(outside, nearest, np.inf).argmin())
        edges[i] = nearest[at]
    return np.sqrt(edges)


def _connected(x: NDArray[np.float64], radius: float) -> NDArray[np.int64]:
    """Connected components of the rows nearer than ``radius`` to each other."""
    from scipy.sparse.csgraph import connected_components
    from sklearn.neighbors import radius_neighbors_graph

    graph = radius_neighbors_graph(x, radius, mode="connectivity")
    return connected_components(graph, directed=False)[1].astype(np.int64)
