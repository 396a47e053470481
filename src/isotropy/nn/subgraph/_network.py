"""A network for whole graphs: layers on their subgraphs, then one vector for each graph."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.nn.subgraph._cache import Repeats
from isotropy.nn.subgraph._layer import Glue, Norming, SubgraphLayer
from isotropy.nn.subgraph._lift import lift, on_pairs
from isotropy.nn.subgraph._linear import Sharing, SubgraphLinear
from isotropy.nn.subgraph._members import Policy
from isotropy.nn.subgraph._price import refuse_beyond
from isotropy.nn.subgraph._subgraphs import Subgraphs
from isotropy.settings import Settled


class SubgraphNetwork(Settled):
    """Layers on ego networks, a map of each ego network to a vector, their mean or sum over each graph, and a head.

    Nodes enter as features of order 1, edges as a channel of order 2 (1 where there is an edge) and their features.
    The answer is the same for every numbering of the nodes. Forward: ``x (n, node_features)`` or None,
    ``edge_index (2, E)``, ``edge_attr (E, edge_features)``, ``batch (n,)`` -> ``(graphs, out)``; with ``subgraphs``
    from before (of `ToSubgraphs`, or ``all_of_them.take(graphs)``) they are not built again.

    Parameters: ``node_features, edge_features, out``, channels; ``hidden``, those of each layer, on nodes and on pairs;
    ``k``, radius, and ``policy``; ``sharing``, and ``subgraphs`` to take sizes or classes from, as in
    `SubgraphLinear`; ``root``, whether the root is marked, and distances to it; ``local_product``, products of pairs
    inside subgraphs; ``cache``, whether repeated subgraphs are computed once; ``readout``, "mean" or "sum";
    ``reduce`` and ``norm``, as in `SubgraphLayer`; ``jumping``, whether the input and every layer are read out, side by
    side (jumping knowledge, Xu et al., ICML 2018), not the last layer alone; ``head``, widths behind the readout, with
    ``dropout`` behind each, or behind the readout itself where there are none; ``direction`` of edges; ``memory``,
    bytes beyond which a batch is refused before anything is allocated.

    Raises ShapeError for other numbers of features, DomainError for NaN, InfeasibleError beyond ``memory``; warns
    where a graph has no nodes (its readout is 0). Source: Mitton, Murray-Smith, arXiv 2111.11840.

    >>> network = SubgraphNetwork(1, 0, 2, hidden=(8, 8))
    >>> network(torch.ones(3, 1), torch.tensor([[0, 1], [1, 2]])).shape
    torch.Size([1, 2])
    """

    def __init__(
        self,
        node_features: int,
        edge_features: int,
        out: int,
        hidden: Sequence[int] = (64,) * 4,
        k: int = 1,
        sharing: Sharing = "all",
        root: bool = False,
        local_product: bool = False,
        cache: bool = False,
        subgraphs: Subgraphs | None = None,
        *,
        policy: Policy = "ego",
        readout: Literal["mean", "sum"] = "sum",
        reduce: Glue = "mean",
        norm: Norming | None = "graph",
        jumping: bool = False,
        head: Sequence[int] = (256, 128),
        dropout: float = 0.0,
        direction: Literal["both", "out"] = "both",
        memory: int | None = None,
    ) -> None:
        super().__init__()
        if not hidden or readout not in ("mean", "sum"):
            raise DomainError(f"hidden={tuple(hidden)}, readout={readout!r}", "at least one layer; mean or sum")
        self.node_features, self.edge_features = node_features, edge_features
        self.policy: Policy = policy
        self.direction: Literal["both", "out"] = direction
        self.k, self.root, self.cache, self.readout = k, root, cache, readout
        self.memory, self.hidden, self.reduce = memory, tuple(hidden), reduce
        self.sharing, self.local_product, self.norm, self.jumping = sharing, local_product, norm, jumping
        inside = f"{1 + edge_features}*Nodes**2" + (f" + {node_features}*Nodes" if node_features else "")
        layers: list[SubgraphLayer] = []
        earlier: list[SubgraphLinear] = []
        asked: dict[str, Any] = {
            "local_product": local_product,
            "reduce": reduce,
            "norm": norm,
            "marks": root * (k + 1),
        }
        for width in hidden:
            outside = f"{width}*Nodes**2 + {width}*Nodes"
            if jumping:
                earlier.append(SubgraphLinear(inside, f"{width}*Scalar", sharing, subgraphs=subgraphs))
            layers.append(SubgraphLayer(inside, outside, sharing, subgraphs, **asked))
            inside = outside
        self.layers, self.earlier = nn.ModuleList(layers), nn.ModuleList(earlier)
        self.last = SubgraphLinear(inside, f"{hidden[-1]}*Scalar", sharing, subgraphs=subgraphs)
        steps: list[nn.Module] = []
        read = hidden[-1] + (sum(hidden) if jumping else 0)
        for before, after in zip([read, *head], [*head, out], strict=False):
            steps += [nn.Linear(before, after), nn.ELU(), nn.Dropout(dropout)]
        self.head = nn.Sequential(*(steps[:-2] if head else [nn.Dropout(dropout), steps[0]]))

    def settings(self) -> dict[str, Any]:
        names = ("node_features", "edge_features", "k", "policy", "root", "readout", "direction", "reduce")
        names += ("sharing", "local_product", "norm", "jumping")
        return {**{name: getattr(self, name) for name in names}, "hidden": list(self.hidden)}

    def forward(
        self,
        x: Float[Tensor, "n c"] | None,
        edge_index: Int[Tensor, "2 E"],
        edge_attr: Float[Tensor, "E f"] | None = None,
        batch: Int[Tensor, " n"] | None = None,
        *,
        subgraphs: Subgraphs | None = None,
    ) -> Float[Tensor, "graphs out"]:
        return self.head(self.embedding(x, edge_index, edge_attr, batch, subgraphs=subgraphs))

    def of(self, data: Any) -> Float[Tensor, "graphs out"]:
        """The same of a Data or Batch of torch_geometric, with the subgraphs that it carries, if any."""
        s = Subgraphs.of(data, k=self.k, policy=self.policy, direction=self.direction)
        x = getattr(data, "x", None) if self.node_features else None
        return self(x, data.edge_index, getattr(data, "edge_attr", None) if self.edge_features else None, subgraphs=s)

    def embedding(
        self,
        x: Float[Tensor, "n c"] | None,
        edge_index: Int[Tensor, "2 E"],
        edge_attr: Float[Tensor, "E f"] | None = None,
        batch: Int[Tensor, " n"] | None = None,
        *,
        subgraphs: Subgraphs | None = None,
    ) -> Float[Tensor, "graphs width"]:
        """The vector of each graph, before the head."""
        nodes = None if x is None else len(x)
        s = subgraphs
        if s is None:
            s = Subgraphs.from_graph(
                edge_index, batch, k=self.k, policy=self.policy, direction=self.direction, num_nodes=nodes
            )
        self._check(x, edge_attr, s)
        weight = next(self.last.parameters())
        if self.memory is not None:
            refuse_beyond(self.memory, s, max(self.hidden), len(self.hidden), weight.element_size())
        e: Tensor | None = on_pairs(edge_attr, edge_index, s, self.direction == "both", weight.dtype)
        repeats = Repeats.of(s, x, e) if self.cache else None
        x = x if self.node_features else None
        read: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            if self.jumping:
                read.append(self.earlier[number](lift(x, e, s), s)[0])
            x, e = layer(x, e, s, repeats=repeats)
        read.append(self.last(lift(x, e, s), s)[0])
        return self._read(torch.cat(read, 1), s)

    def _check(self, x: Tensor | None, edge_attr: Tensor | None, s: Subgraphs) -> None:
        for name, value, width in (("node", x, self.node_features), ("edge", edge_attr, self.edge_features)):
            given = 0 if value is None else value.shape[-1] if value.ndim == 2 else -1
            if given != width and not (value is not None and name == "node" and width == 0):
                text = f"{name} features {None if value is None else tuple(value.shape)}"
                raise ShapeError(text, f"{width} of them, as the network was made for", "None where there are none")
            if value is not None and not bool(value.isfinite().all()):
                row = int((~value.isfinite()).any(-1).nonzero()[0, 0])
                raise DomainError(f"NaN or infinite {name} features in row {row}", "finite ones")
        if x is not None and len(x) != s.n:
            raise ShapeError(f"{counted(len(x), 'row')} of node features", f"{s.n}, one for each node")

    def _read(self, y: Tensor, s: Subgraphs) -> Float[Tensor, "graphs width"]:
        total = y.new_zeros(s.graphs, y.shape[1]).index_add(0, s.graph, nn.functional.elu(y))
        if bool((s.nodes_of == 0).any()):
            empty = (s.nodes_of == 0).nonzero()[:5, 0].tolist()
            warnings.warn(f"graphs {empty} have no nodes: their readout is 0", stacklevel=3)
        if self.readout == "sum":
            return total
        return total / torch.bincount(s.graph, minlength=s.graphs).clamp_min(1)[:, None].to(y.dtype)
