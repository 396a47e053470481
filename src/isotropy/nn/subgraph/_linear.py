"""The linear layer on subgraphs, and which subgraphs share its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.nn.subgraph._exact import ExactMaps
from isotropy.nn.subgraph._lift import Features
from isotropy.nn.subgraph._maps import Maps, Norm, Operators
from isotropy.nn.subgraph._subgraphs import Subgraphs
from isotropy.nn.subgraph._types import channels
from isotropy.reps import Rep
from isotropy.settings import Settled

Sharing = Literal["all", "size", "rooted", "exact"]
RARE = 0.005  # sizes that fewer of the subgraphs have share the weights of the next smaller one (specification 10, 2.3)


class SubgraphLinear(Settled):
    """Every linear map that commutes with the allowed relabellings of subgraphs, on features by order.

    Features of a type such as ``"4*Nodes**2 + 8*Nodes + Scalar"`` are {2: (M2, 4), 1: (M1, 8), 0: (S, 1)}. ``sharing``
    says which relabellings are allowed, and so which subgraphs have the same weights: "all", of every size; "size",
    those of one size; "rooted", of every size, with the root kept (52 maps of pairs to pairs instead of 15); "exact",
    isomorphic subgraphs (up to twelve nodes) have a weight for each orbit of their automorphisms; of a class that is
    not in ``subgraphs`` those of its size.

    Parameters: ``rep_in, rep_out``, types or their text; ``sharing``; ``norm``, what sums over an index are divided by:
    the size ("mean"), nothing ("sum"), its root ("sqrt"); ``bias``; ``bins``, the least size of each bin of "size",
    by default the sizes of ``subgraphs``, rare ones joined to the next smaller; ``subgraphs``, of the data to learn
    from; ``symmetric``, only maps that keep T_ij = T_ji (9 of 15); ``original``, the start as published, which is not
    divided by the root of the number of operators; ``generator`` of the start.

    Raises OrderError for orders above 2, SchemaError for other types, DomainError for "size" and "exact" without
    ``subgraphs`` (or ``bins``), and for "rooted" where subgraphs have no root. Source: Mitton, Murray-Smith,
    arXiv 2111.11840; Maron et al., 1812.09902.

    >>> path = Subgraphs.from_graph(torch.tensor([[0, 1], [1, 2]]), None)
    >>> layer = SubgraphLinear("Nodes", "2*Nodes**2 + Scalar")
    >>> [part.shape for part in layer({1: torch.ones(7, 1)}, path).values()]
    [torch.Size([17, 2]), torch.Size([3, 1])]
    """

    bounds: Int[Tensor, " bins"]

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        sharing: Sharing = "all",
        norm: Norm = "mean",
        bias: bool = True,
        bins: Sequence[int] | None = None,
        subgraphs: Subgraphs | None = None,
        *,
        symmetric: bool = False,
        original: bool = False,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.inside, self.outside = channels(rep_in), channels(rep_out)
        if sharing not in ("all", "size", "rooted", "exact") or norm not in ("mean", "sum", "sqrt"):
            raise DomainError(f"sharing={sharing!r}, norm={norm!r}", "all, size, rooted or exact; mean, sum or sqrt")
        self.sharing, self.norm = sharing, norm
        operators = Operators(self.inside, self.outside, sharing == "rooted", symmetric)
        bounds = [1]
        if sharing in ("size", "exact"):
            if bins is None and subgraphs is None:
                hint = "pass subgraphs=Subgraphs.from_graph(edge_index, batch) of the data to learn from"
                raise DomainError(f"sharing={sharing!r} without sizes", "subgraphs= or bins=", hint)
            bounds = size_bins(subgraphs.sizes) if bins is None and subgraphs is not None else list(bins or ())
        if not bounds or bounds != sorted(set(bounds)) or bounds[0] < 1:
            raise DomainError(f"bins {bounds}", "least sizes that grow from 1 or more")
        self.register_buffer("bounds", torch.tensor(bounds), persistent=False)
        self.maps = nn.ModuleList([Maps(operators, norm, bias, original, generator) for _ in bounds])
        self.exact = ExactMaps(operators, norm, bias, subgraphs, generator) if sharing == "exact" else None

    def settings(self) -> dict[str, Any]:
        operators = self.maps[0].operators
        assert isinstance(operators, Operators)
        return {
            "rep_in": self.inside.text,
            "rep_out": self.outside.text,
            "sharing": self.sharing,
            "norm": self.norm,
            "symmetric": operators.symmetric,
            "bins": self.bounds.tolist(),
            "classes": [] if self.exact is None else self.exact.names,
        }

    def forward(self, features: Features, subgraphs: Subgraphs) -> dict[int, Float[Tensor, "M C"]]:
        features = self._checked(features, subgraphs)
        if self.exact is None and len(self.maps) == 1:
            return self.maps[0](features, subgraphs)
        found = {
            order: next(iter(features.values())).new_zeros(rows, self.outside[order])
            for order, rows in _rows(subgraphs).items()
            if self.outside[order]
        }
        left = torch.ones(len(subgraphs), dtype=torch.bool, device=subgraphs.sizes.device)
        if self.exact is not None:
            found, left = self.exact(features, subgraphs, found)
        which = torch.searchsorted(self.bounds, subgraphs.sizes, right=True).sub(1).clamp_min(0)
        for number, maps in enumerate(self.maps):
            chosen = ((which == number) & left).nonzero()[:, 0]
            if len(chosen):
                part, member, pair = subgraphs.part(chosen)
                places = (chosen, member, pair)
                inner = maps({order: x.index_select(0, places[order]) for order, x in features.items()}, part)
                for order, y in inner.items():
                    found[order] = found[order].index_copy(0, places[order], y)
        return found

    def _checked(self, features: Features, subgraphs: Subgraphs) -> dict[int, Tensor]:
        used: dict[int, Tensor] = {}
        for order, rows in _rows(subgraphs).items():
            wanted, given = self.inside[order], features.get(order)
            width = 0 if given is None else given.shape[-1]
            if width != wanted:
                given_text = f"{counted(width, 'channel')} of order {order}"
                raise ShapeError(given_text, f"{wanted}, as in {self.inside.text}", "one type for layer and features")
            if given is not None and wanted:
                if given.shape != (rows, wanted):
                    raise ShapeError(f"features of order {order}, {tuple(given.shape)}", f"({rows}, {wanted})")
                used[order] = given
        if not used:
            raise ShapeError("features without channels", self.inside.text)
        return used


def _rows(s: Subgraphs) -> dict[int, int]:
    return {2: len(s.row), 1: len(s.node), 0: len(s)}


def size_bins(sizes: Int[Tensor, " S"], rare: float = RARE) -> list[int]:
    """The least size of each bin: a size that less than ``rare`` of the subgraphs have goes to the next smaller one.

    >>> size_bins(torch.tensor([2] * 500 + [3] * 499 + [4]))
    [2, 3]
    """
    values, counts = torch.unique(sizes, return_counts=True)
    share = counts / max(len(sizes), 1)
    return [size for i, size in enumerate(values.tolist()) if i == 0 or float(share[i]) >= rare]
