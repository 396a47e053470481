"""From graphs to their subgraphs and back: members take their node's features, nodes the mean of their members'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.nn.subgraph._subgraphs import Subgraphs

Features = Mapping[int, Tensor]
"""Features of subgraphs by their order: 0 (S, C) of subgraphs, 1 (M1, C) of members, 2 (M2, C) of pairs."""


def lift(
    x: Float[Tensor, "n Cx"] | None, e: Float[Tensor, "U Ce"] | None, subgraphs: Subgraphs
) -> dict[int, Float[Tensor, "M C"]]:
    """Features of subgraphs, from those of nodes ``x (n, C)`` and of distinct pairs of nodes ``e (U, C)``.

    Raises ShapeError for other numbers of rows.

    >>> path = Subgraphs.from_graph(torch.tensor([[0, 1], [1, 2]]), None)
    >>> lift(torch.tensor([[1.0], [2.0], [3.0]]), None, path)[1][:, 0].tolist()
    [1.0, 2.0, 1.0, 2.0, 3.0, 2.0, 3.0]
    """
    found: dict[int, Tensor] = {}
    if x is not None:
        check_rows(x, subgraphs.n, "x", "nodes")
        found[1] = x.index_select(0, subgraphs.node)
    if e is not None:
        check_rows(e, subgraphs.union.shape[1], "e", "distinct pairs (subgraphs.union)")
        found[2] = e.index_select(0, subgraphs.pair)
    return found


def glue(
    features: Features, subgraphs: Subgraphs, reduce: Literal["mean", "sum"] | Features = "mean"
) -> tuple[Float[Tensor, "n Cx"] | None, Float[Tensor, "U Ce"] | None]:
    """Features of nodes and of distinct pairs, from those of members and pairs: ``glue(lift(x, e)) == (x, e)``.

    ``reduce``: the "mean" over all subgraphs in which a node or a pair stands, their "sum", or scores by order
    (``{1: (M1,), 2: (M2,)}``) whose softmax over these are the weights, as attention has them. What stands in no
    subgraph is 0. Features of order 0 stay with their subgraphs.

    >>> path = Subgraphs.from_graph(torch.tensor([[0, 1], [1, 2]]), None)
    >>> x = torch.tensor([[1.0], [2.0], [3.0]])
    >>> glue(lift(x, None, path), path)[0][:, 0].tolist()
    [1.0, 2.0, 3.0]
    """
    found: dict[int, Tensor | None] = {1: None, 2: None}
    for order, at, count in ((1, subgraphs.node, subgraphs.n), (2, subgraphs.pair, None)):
        value = features.get(order)
        if value is None:
            continue
        check_rows(value, len(at), f"features of order {order}", ("", "members", "pairs")[order])
        count = subgraphs.union.shape[1] if count is None else count
        if isinstance(reduce, Mapping):
            value = value * _softmax(reduce[order], at, count)[:, None]
        elif reduce not in ("mean", "sum"):
            raise DomainError(f"reduce={reduce!r}", '"mean", "sum" or scores by order')
        total = value.new_zeros(count, value.shape[1]).index_add(0, at, value)
        if reduce == "mean":
            total = total / subgraphs.meetings[order - 1].clamp_min(1)[:, None].to(value.dtype)
        found[order] = total
    return found[1], found[2]


def on_pairs(
    edge_attr: Float[Tensor, "E C"] | None, edge_index: Tensor, subgraphs: Subgraphs, both: bool, dtype: torch.dtype
) -> Float[Tensor, "U c"]:
    """Features of distinct pairs, (U, 1 + C): 1 where there is an edge, and the mean of what its listings carry.

    With ``both`` each edge carries its features in both directions, however it was listed.
    """
    found = subgraphs.linked.to(dtype)[:, None]
    if edge_attr is None or not edge_attr.shape[1]:
        return found
    check_rows(edge_attr, edge_index.shape[1], "edge_attr", "edges")
    ends, value = (
        (torch.cat([edge_index, edge_index.flip(0)], 1), torch.cat([edge_attr] * 2))
        if both
        else (edge_index, edge_attr)
    )
    at = subgraphs.find(ends)
    at, value = at[at >= 0], value[at >= 0]
    total = value.new_zeros(len(found), value.shape[1]).index_add(0, at, value)
    listed = torch.bincount(at, minlength=len(found)).clamp_min(1)
    return torch.cat([found, total / listed[:, None].to(dtype)], 1)


def check_rows(value: Tensor, rows: int, name: str, of: str) -> None:
    if value.ndim != 2 or len(value) != rows:
        raise ShapeError(f"{name} of shape {tuple(value.shape)}", f"({rows}, C): a row for each of the {rows} {of}")


def _softmax(score: Tensor, at: Tensor, count: int) -> Tensor:
    peak = score.detach().new_full((count,), -torch.inf).scatter_reduce(0, at, score.detach(), "amax")
    weight = (score - peak[at]).exp()
    return weight / weight.new_zeros(count).index_add(0, at, weight)[at]
