"""Which nodes each subgraph has: ego networks and other policies, by sparse powers, without a loop over nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import DomainError, SchemaError, ShapeError

Policy = Literal["ego", "khop", "node_deleted", "edge", "graph"]
Chooser = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
POLICIES: tuple[Policy, ...] = ("ego", "khop", "node_deleted", "edge", "graph")
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Members:
    """Nodes sorted by (subgraph, node), the sizes of the subgraphs, their roots (-1: none) and distances to them."""

    node: Ints
    sizes: Ints
    root: Ints
    distance: Ints | None = None


def members(policy: Policy | Chooser, links: Ints, batch: Ints, k: int, symmetric: bool) -> Members:
    """The subgraphs of every graph, in the order of their roots; ``links (2, L)`` are distinct and sorted."""
    n = len(batch)
    if not isinstance(policy, str):
        return _chosen(*policy(torch.from_numpy(links), torch.from_numpy(batch)), n, batch)
    if policy not in POLICIES:
        raise SchemaError(f"policy {policy!r}", f"one of {', '.join(POLICIES)}, or a function of (links, batch)")
    if k < 1:
        raise DomainError(f"k = {k}", "1 or more steps")
    if policy == "graph":
        sizes = np.bincount(batch)
        sizes = sizes[sizes > 0].astype(np.int64)
        return Members(np.arange(n), sizes, np.full(len(sizes), -1))
    if policy == "node_deleted":
        return _deleted(batch)
    step = matrix(links, n)
    if policy == "edge":
        return _edges(step if symmetric else _either(step), k - 1)
    count, _ = reach(step, k)
    distance = k + 1 - count.data.astype(np.int64)
    node, sizes = count.indices.astype(np.int64), np.diff(count.indptr).astype(np.int64)
    if policy == "khop":
        owner = np.repeat(np.arange(n), sizes)
        kept = (distance == k) | (distance == 0)
        node, distance, sizes = node[kept], distance[kept], np.bincount(owner[kept], minlength=n)
    return Members(node, sizes.astype(np.int64), np.arange(n), distance)


def matrix(links: Ints, n: int) -> Any:
    """The steps along distinct ``links``, as a sparse matrix of ones."""
    return scipy.sparse.csr_array((np.ones(links.shape[1], np.int8), (links[0], links[1])), shape=(n, n))


def step_of(edge_index: Tensor, n: int) -> Any:
    """The steps along edges in both directions."""
    ends = edge_index.cpu().numpy()
    return _either(scipy.sparse.csr_array((np.ones(ends.shape[1], bool), (ends[0], ends[1])), shape=(n, n)))


def reach(step: Any, k: int) -> tuple[Any, Any]:
    """How many of the balls of radius 0, ..., k about each node hold each other node, and the last ball."""
    n = step.shape[0]
    # Sums of bools are ors: many paths do not wrap around.
    ball: Any = scipy.sparse.eye_array(n, dtype=bool, format="csr")
    grow: Any = (step.astype(bool) + ball).tocsr()
    count = ball.astype(np.int32)
    for _ in range(k):
        ball = ball @ grow
        count = count + ball.astype(np.int32)
    count = count.tocsr()
    count.sort_indices()
    return count, ball.astype(np.int8)


def _either(step: Any) -> Any:
    return (step + step.T).astype(bool).astype(np.int8).tocsr()


def _edges(step: Any, k: int) -> Members:
    """Nodes within k steps of either end of an edge, one subgraph for each edge; a node without edges is its own."""
    n = step.shape[0]
    upper: Any = scipy.sparse.triu(step, k=1).tocoo()
    degree = step.sum(1) - (step.diagonal() != 0)
    alone = np.flatnonzero(degree == 0)
    first, second = np.concatenate([upper.row, alone]), np.concatenate([upper.col, alone])
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    rows, ones = np.arange(len(first)), np.ones(len(first), np.int8)
    one, other = (scipy.sparse.csr_array((ones, (rows, at)), shape=(len(first), n)) for at in (first, second))
    ends: Any = one + other
    found = (ends.astype(bool).astype(np.int8) @ reach(step, k)[1]).tocsr()
    found.sort_indices()
    sizes = np.diff(found.indptr).astype(np.int64)
    return Members(found.indices.astype(np.int64), sizes, np.full(len(first), -1))


def _deleted(batch: Ints) -> Members:
    """The graph without each of its nodes; a graph of one node keeps it."""
    size = np.bincount(batch, minlength=int(batch.max(initial=-1)) + 1)
    start = np.concatenate([[0], np.cumsum(size)])[:-1]
    whole = size[batch]
    gone = np.repeat(np.arange(len(batch)), whole)
    node = np.arange(len(gone)) - np.repeat(np.cumsum(whole) - whole, whole) + start[batch[gone]]
    kept = (node != gone) | (whole[gone] == 1)
    sizes = np.where(whole == 1, 1, whole - 1)
    return Members(node[kept], sizes.astype(np.int64), np.full(len(batch), -1))


def _chosen(node: Int[Tensor, " M"], subgraph: Int[Tensor, " M"], n: int, batch: Ints) -> Members:
    """What a function of the user chose: which node stands in which subgraph."""
    if node.shape != subgraph.shape or node.ndim != 1:
        given = f"nodes {tuple(node.shape)} and subgraphs {tuple(subgraph.shape)} of a policy"
        raise ShapeError(given, "two vectors of one length: node i stands in subgraph i")
    nodes, owner = node.cpu().numpy().astype(np.int64), subgraph.cpu().numpy().astype(np.int64)
    if len(nodes) and not 0 <= nodes.min() <= nodes.max() < n:
        raise ShapeError(f"node {int(nodes.max())} of a policy", f"0 to {n - 1}")
    both = np.unique(np.stack([owner, nodes]), axis=1)
    names, place = np.unique(both[0], return_inverse=True)
    sizes = np.bincount(place, minlength=len(names)).astype(np.int64)
    graph = batch[both[1]]
    if len(graph) and (graph != graph[(np.cumsum(sizes) - sizes)[place]]).any():
        raise SchemaError("a policy whose subgraph has nodes of two graphs", "nodes of one graph in each subgraph")
    if len(graph) and (np.diff(graph[np.cumsum(sizes) - sizes]) < 0).any():
        raise SchemaError(
            "a policy whose subgraphs change back to an earlier graph", "numbers that grow with the graph"
        )
    return Members(both[1], sizes, np.full(len(sizes), -1))
