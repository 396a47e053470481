"""The same subgraph with the same features has the same answer: it is computed once and handed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from isotropy.nn.subgraph._classes import census
from isotropy.nn.subgraph._lift import Features
from isotropy.nn.subgraph._subgraphs import Subgraphs

WORTH = 0.5  # more distinct subgraphs than this share of all, and finding them costs more than it saves


@dataclass(eq=False)
class Repeats:
    """Subgraphs of a batch that repeat each other, as labelled rooted graphs, with members in canonical order.

    ``computed`` lists the number of pairs that each call of `once` worked on.
    """

    subgraphs: Subgraphs
    label: Int[Tensor, " S"]
    order: Int[Tensor, " M1"]
    computed: list[int]

    @classmethod
    def of(cls, subgraphs: Subgraphs, x: Tensor | None, e: Tensor | None) -> Repeats | None:
        """Those with these features of nodes and distinct pairs; None where there are too few to be worth it."""
        found = census(subgraphs, x, e, rooted=bool((subgraphs.root >= 0).all()))
        if len(found) > WORTH * len(subgraphs):
            return None
        return cls(subgraphs, found.label, found.order, [])

    def once(self, inside: Callable[[Features, Subgraphs], dict[int, Tensor]], features: Features) -> dict[int, Tensor]:
        """``inside(features, subgraphs)``, computed on one of each kind of subgraph whose features agree to the bit."""
        s = self.subgraphs
        kind, first = self._kinds(features)
        if len(first) > WORTH * len(s):
            self.computed.append(len(s.row))
            return inside(features, s)
        part, member, pair = s.part(first)
        self.computed.append(len(pair))
        rows = (first, member, pair)
        answer = inside({order: x.index_select(0, rows[order]) for order, x in features.items()}, part)
        to_member, to_pair = self._answers(part, first, kind)
        where = (kind, to_member, to_pair)
        return {order: y.index_select(0, where[order]) for order, y in answer.items()}

    def _kinds(self, features: Features) -> tuple[Int[Tensor, " S"], Int[Tensor, " kinds"]]:
        """The kind of each subgraph, and the first subgraph of each."""
        s = self.subgraphs
        key = self.label.clone()
        in_order = torch.empty_like(self.order)
        in_order[self.order] = s.place  # the canonical place of each member
        size = s.sizes[s.subgraph]
        for order, x in features.items():
            bits = _bits(x)
            if order == 1:
                mixed = (bits + _spread(in_order)[:, None] * 31) * _odd(bits.shape[1], bits.device)
                key = key * 1000003 + torch.zeros_like(key).index_add(0, s.subgraph, _spread(mixed).sum(1))
            elif order == 2:
                place = in_order[s.row] * size[s.row] + in_order[s.col]
                mixed = (bits + _spread(place)[:, None] * 31) * _odd(bits.shape[1], bits.device)
                key = key * 1000003 + torch.zeros_like(key).index_add(0, s.subgraph[s.row], _spread(mixed).sum(1))
        distinct, kind = torch.unique(key, return_inverse=True)
        first = torch.full_like(distinct, len(s)).scatter_reduce(
            0, kind, torch.arange(len(s), device=key.device), "amin"
        )
        return kind, first

    def _answers(self, part: Subgraphs, first: Tensor, kind: Tensor) -> tuple[Tensor, Tensor]:
        """For each member and each pair, the member and pair of the computed part whose answer is its own."""
        s = self.subgraphs
        in_order = torch.empty_like(self.order)
        in_order[self.order] = s.place
        # The member of the first of its kind that stands at the same canonical place.
        there = self.order[s.first[first[kind]][s.subgraph] + in_order]
        place = s.place[there]
        to_member = part.first[kind][s.subgraph] + place
        size = s.size[s.row]
        to_pair = part.first_pair[kind][s.subgraph[s.row]] + place[s.row] * size + place[s.col]
        return to_member, to_pair


def _bits(x: Tensor) -> Tensor:
    whole = torch.int64 if x.element_size() == 8 else torch.int32 if x.element_size() == 4 else torch.int16
    return (x.detach() + 0.0).contiguous().view(whole).to(torch.int64)  # adding 0 makes -0 and 0 one


def _spread(x: Tensor) -> Tensor:
    """Whole numbers mixed to whole numbers that sums of other ones do not meet (the finaliser of SplitMix64)."""
    x = (x ^ (x >> 30 & 0x3FFFFFFFF)) * -4658895280553007687
    x = (x ^ (x >> 27 & 0x1FFFFFFFFF)) * -7723592293110705685
    return x ^ (x >> 31 & 0x1FFFFFFFF)


def _odd(n: int, device: torch.device) -> Tensor:
    return _spread(torch.arange(1, n + 1, device=device)) | 1
