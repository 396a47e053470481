"""Networks of others for classes of whole graphs: GIN, DSS-GNN on ego networks, PPGN; ragged batches in, logits out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.data import Graphs
from isotropy.errors import MissingExtraError
from isotropy.nn.subgraph import Subgraphs, local_product


class Isomorphisms(nn.Module):
    """GIN of torch_geometric: five layers unless told otherwise, sums of nodes of every layer, each with its own map.

    Raises MissingExtraError without the extra [graph]. Source: Xu et al., ICLR 2019, eq. 4.1 and 4.2.
    """

    def __init__(self, features: int, out: int, width: int, layers: int = 5, dropout: float = 0.5) -> None:
        super().__init__()
        try:
            from torch_geometric.nn import GINConv
        except ImportError as missing:
            raise MissingExtraError.of("torch_geometric", "graph") from missing
        before = [features] + [width] * (layers - 1)
        self.layers = nn.ModuleList([GINConv(_bent(wide, width), train_eps=True) for wide in before])
        self.norms = nn.ModuleList([nn.BatchNorm1d(width) for _ in before])
        self.heads = nn.ModuleList([nn.Linear(wide, out) for wide in [*before, width]])
        self.drop = nn.Dropout(dropout)

    def forward(self, graphs: Graphs, subgraphs: Subgraphs) -> Float[Tensor, "G out"]:
        h = graphs.x
        logits = self.drop(self.heads[0](graphs.segments.sum(h)))
        for layer, norm, head in zip(self.layers, self.norms, list(self.heads)[1:], strict=True):
            h = torch.relu(norm(layer(h, graphs.edge_index)))
            logits = logits + self.drop(head(graphs.segments.sum(h)))
        return logits


class EgoMessages(nn.Module):
    """DSS-GNN with GIN on marked ego networks: messages inside each, and among the means over all of them.

    Members are those of the ego networks of ``subgraphs``, edges those inside. Source: Bevilacqua et al., ICLR 2022,
    eq. 5, policy EGO+.
    """

    def __init__(self, features: int, out: int, width: int, layers: int = 4, dropout: float = 0.5) -> None:
        super().__init__()
        before = [features + 1] + [width] * (layers - 1)
        self.inside = nn.ModuleList([_bent(wide, width) for wide in before])
        self.across = nn.ModuleList([_bent(wide, width) for wide in before])
        self.norms = nn.ModuleList([nn.BatchNorm1d(width) for _ in before])
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, out))

    def forward(self, graphs: Graphs, subgraphs: Subgraphs) -> Float[Tensor, "G out"]:
        s = subgraphs
        edges = s.linked[s.pair] & (s.row != s.col)
        row, col = s.row[edges], s.col[edges]
        mark = torch.zeros(len(s.node), 1).index_fill(0, s.root_member, 1.0).to(graphs.x)
        h = torch.cat([graphs.x[s.node], mark], 1)
        meetings = s.meetings[0].clamp_min(1)[:, None].to(h.dtype)
        for inside, across, norm in zip(self.inside, self.across, self.norms, strict=True):
            shared = h.new_zeros(s.n, h.shape[1]).index_add(0, s.node, h) / meetings
            own = inside(h.index_add(0, row, h[col]))
            i, j = s.links[:, s.links[0] != s.links[1]]
            h = torch.relu(norm(own + across(shared.index_add(0, i, shared[j]))[s.node]))
        of_subgraphs = h.new_zeros(len(s), h.shape[1]).index_add(0, s.subgraph, h)
        count = torch.bincount(s.graph, minlength=s.graphs).clamp_min(1)[:, None].to(h.dtype)
        return self.head(h.new_zeros(s.graphs, h.shape[1]).index_add(0, s.graph, of_subgraphs) / count)


class Powerful(nn.Module):
    """PPGN: products of matrices of features of pairs of a graph; the diagonal and the rest are averaged.

    Batches are normalised behind every block, which the paper does not ask for: without it graphs differ by a
    thousandth in what is read off at first, and 40 epochs on MUTAG learn nothing. ``subgraphs`` are the whole graphs
    (``policy="graph"``): nothing is padded, which on PTC, where one graph has 109 nodes, is a twentieth of the pairs.
    Source: Maron et al., NeurIPS 2019, sections 5 and 6 (version 1).
    """

    def __init__(self, features: int, out: int, width: int, layers: int = 3, dropout: float = 0.5) -> None:
        super().__init__()
        before = [features + 1] + [width] * (layers - 1)
        self.left = nn.ModuleList([_bent(wide, width) for wide in before])
        self.right = nn.ModuleList([_bent(wide, width) for wide in before])
        self.join = nn.ModuleList([nn.Linear(wide + width, width) for wide in before])
        self.norms = nn.ModuleList([nn.BatchNorm1d(width) for _ in before])
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width, out))

    def forward(self, graphs: Graphs, subgraphs: Subgraphs) -> Float[Tensor, "G out"]:
        s, x = subgraphs, graphs.x
        of_nodes = x.new_zeros(len(s.row), x.shape[1]).index_add(0, s.diagonal, x[s.node])
        T = torch.cat([s.linked[s.pair][:, None].to(x.dtype), of_nodes], 1)
        size = s.sizes[:, None].to(x.dtype)
        of_pairs = size[s.subgraph[s.row]]
        for left, right, join, norm in zip(self.left, self.right, self.join, self.norms, strict=True):
            product = of_pairs * local_product(left(T), right(T), s)  # which divides by the size, as the paper does not
            T = torch.relu(norm(join(torch.cat([T, product], 1))))
        diagonal = T.new_zeros(len(s), T.shape[1]).index_add(0, s.subgraph, T[s.diagonal])
        rest = T.new_zeros(len(s), T.shape[1]).index_add(0, s.subgraph[s.row], T) - diagonal
        return self.head(torch.cat([diagonal / size, rest / size**2], 1))


def _bent(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, b))


WHOLE_GRAPHS: dict[str, Callable[[int, int, int, int, float], nn.Module]] = {
    "GIN": lambda features, out, width, layers, dropout: Isomorphisms(features, out, 2 * width, layers + 2, dropout),
    "DSS-GNN": EgoMessages,
    "PPGN": lambda features, out, width, layers, dropout: Powerful(features, out, width // 2, layers, dropout),
}
"""By name, with (features, classes, width, layers, dropout). GIN is twice as wide and deeper, which costs it little;
PPGN half as wide, since each channel of all pairs of whole graphs costs products of matrices."""
