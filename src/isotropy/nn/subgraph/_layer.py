"""One layer of a network on graphs: cut into subgraphs, mapped and bent there, glued together again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError
from isotropy.linalg import Segments
from isotropy.nn.subgraph._cache import Repeats
from isotropy.nn.subgraph._lift import Features, glue, lift
from isotropy.nn.subgraph._linear import Sharing, SubgraphLinear
from isotropy.nn.subgraph._norm import NORMS
from isotropy.nn.subgraph._product import local_product
from isotropy.nn.subgraph._subgraphs import Subgraphs
from isotropy.nn.subgraph._types import channels
from isotropy.settings import Settled

Glue = Literal["mean", "sum", "attention"]
Norming = Literal["graph", "batch"]


class SubgraphLayer(Settled):
    """``glue(elu(linear(lift(x, e))))``, then a norm: features of nodes and of distinct pairs of them.

    Parameters: ``rep_in, rep_out``, types without Scalars, ``"4*Nodes**2 + 8*Nodes"``; ``sharing, subgraphs`` and
    further ``settings`` of `SubgraphLinear`; ``local_product``, whether products of pairs inside subgraphs are added;
    ``reduce``, how subgraphs are glued: "mean", "sum" or a learned "attention"; ``norm``, over each "graph", over the
    "batch" (then graphs of a batch see each other while training), or None; ``marks``, k + 1 where each member is told
    its distance to the root, of 0, ..., k; ``generator`` of the start.
    Raises as `SubgraphLinear` does. ``x (n, C1), e (U, C2)`` -> the same with the channels of ``rep_out``.

    >>> path = Subgraphs.from_graph(torch.tensor([[0, 1], [1, 2]]), None)
    >>> layer = SubgraphLayer("Nodes", "2*Nodes**2 + 3*Nodes")
    >>> [part.shape for part in layer(torch.ones(3, 1), None, path)]
    [torch.Size([3, 3]), torch.Size([9, 2])]
    """

    def __init__(
        self,
        rep_in: Any,
        rep_out: Any,
        sharing: Sharing = "all",
        subgraphs: Subgraphs | None = None,
        *,
        local_product: bool = False,
        reduce: Glue = "mean",
        norm: Norming | None = "graph",
        marks: int = 0,
        generator: Generator | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        inside, outside = channels(rep_in), channels(rep_out)
        if outside.scalar or reduce not in ("mean", "sum", "attention") or norm not in (*NORMS, None):
            given = f"rep_out={outside.text}, reduce={reduce!r}, norm={norm!r}"
            raise DomainError(given, 'Nodes and Nodes**2; "mean", "sum" or "attention"; "graph", "batch" or None')
        self.width, self.reduce, self.marks = outside.pair, reduce, marks
        self.rep_out, self.local_product, self.norm = outside.text, local_product, norm
        inside = replace(inside, node=inside.node + marks)
        inner = outside
        if local_product and outside.pair:
            # A map of pairs and two factors of a product, each with all channels.
            inner = replace(outside, pair=3 * outside.pair)
        self.linear = SubgraphLinear(
            inside.text, inner.text, sharing, subgraphs=subgraphs, generator=generator, **settings
        )
        sizes = {order: outside[order] for order in (1, 2) if outside[order]}
        self.scores = nn.ModuleDict({str(o): nn.Linear(c, 1) for o, c in sizes.items() if reduce == "attention"})
        self.norms = nn.ModuleDict({str(o): NORMS[norm](c) for o, c in sizes.items() if norm is not None})

    def settings(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in ("rep_out", "local_product", "reduce", "norm", "marks")}
        return {**self.linear.settings(), **told}

    def forward(
        self,
        x: Float[Tensor, "n C1"] | None,
        e: Float[Tensor, "U C2"] | None,
        subgraphs: Subgraphs,
        *,
        repeats: Repeats | None = None,
    ) -> tuple[Float[Tensor, "n D1"] | None, Float[Tensor, "U D2"] | None]:
        features = lift(x, e, subgraphs)
        if self.marks:
            features[1] = self._marked(features, subgraphs)
        inner = self.inside(features, subgraphs) if repeats is None else repeats.once(self.inside, features)
        reduce = self.reduce
        how: Literal["mean", "sum"] | Mapping[int, Tensor] = "mean"
        if reduce == "attention":
            how = {int(order): score(inner[int(order)])[:, 0] for order, score in self.scores.items()}
        elif reduce == "sum":
            how = "sum"
        found = glue(inner, subgraphs, how)
        return self._normed(found[0], 1, subgraphs), self._normed(found[1], 2, subgraphs)

    def inside(self, features: Features, subgraphs: Subgraphs) -> dict[int, Tensor]:
        """What happens inside the subgraphs, each for itself."""
        found = self.linear(features, subgraphs)
        bent = {order: nn.functional.elu(y) for order, y in found.items()}
        if self.width and bent[2].shape[1] != self.width:
            kept, left, right = bent[2].split(self.width, 1)
            bent[2] = kept + local_product(left, right, subgraphs)
        return bent

    def _marked(self, features: Features, s: Subgraphs) -> Tensor:
        if s.distance is None:
            raise DomainError("marks of roots for subgraphs without roots", 'policy="ego" or "khop"')
        like = next(iter(features.values()))
        near = nn.functional.one_hot(s.distance.clamp_max(self.marks - 1), self.marks).to(like.dtype)
        return torch.cat([features[1], near], 1) if 1 in features else near

    def _normed(self, y: Tensor | None, order: int, s: Subgraphs) -> Tensor | None:
        if y is None or str(order) not in self.norms:
            return y
        graph = s.batch if order == 1 else s.batch[s.union[0]]
        return self.norms[str(order)](y, Segments(graph, s.graphs))
