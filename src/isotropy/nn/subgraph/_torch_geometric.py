"""Subgraphs beside the graphs of torch_geometric: made once for each graph, collated with them, none of it imported."""

from __future__ import annotations

from typing import Any, Literal

import torch

from isotropy.errors import SchemaError
from isotropy.nn.subgraph._members import Policy
from isotropy.nn.subgraph._subgraphs import Subgraphs


class ToSubgraphs:
    """A transform of torch_geometric that adds the subgraphs of a graph to its Data, under ``subgraph_...``.

    Their names are such that its DataLoader collates them: what holds ``index`` counts nodes and is moved on with
    them. As ``pre_transform``, or called once on each graph of a list, they are kept over epochs;
    ``Subgraphs.of(batch)`` puts them together. The Data that it is given is not changed.

    Parameters: ``k``, ``policy``, ``direction`` of `Subgraphs.from_graph`. Raises SchemaError for what has no edges'
    index, and as `Subgraphs.from_graph`.
    """

    def __init__(self, k: int = 1, policy: Policy = "ego", direction: Literal["both", "out"] = "both") -> None:
        self.k = k
        self.policy: Policy = policy
        self.direction: Literal["both", "out"] = direction

    def __call__(self, data: Any) -> Any:
        if getattr(data, "edge_index", None) is None:
            raise SchemaError(f"{type(data).__name__} without edge_index", "a graph of torch_geometric")
        s = Subgraphs.from_graph(
            data.edge_index, None, k=self.k, policy=self.policy, direction=self.direction, num_nodes=data.num_nodes
        )
        found = data.clone()
        found.subgraph_node_index = s.node
        found.subgraph_sizes = s.sizes
        found.subgraph_root_index = s.root.clamp_min(0)
        found.subgraph_rooted = s.root >= 0
        found.subgraph_links_index = s.links
        found.subgraph_distance = torch.full_like(s.node, -1) if s.distance is None else s.distance
        return found

    def __repr__(self) -> str:
        return f"ToSubgraphs(k={self.k}, policy={self.policy!r}, direction={self.direction!r})"
