"""The orders of the nodes of graphs: which a candidate exchanges, and what a table may read of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.data import Graphs
from isotropy.errors import SchemaError
from isotropy.study import CandidateLike

ANY, WITHIN = "S(n)", "S(n) within label"
LABELS = 40  # distinct rows of node features up to which they are labels; atoms of NCI109 have 38
_DEGREES = 6  # degrees counted one by one; larger ones count together
_ENDS = (0, 1, 2, -2, -1)  # places whose nodes are read one by one


def orders_of(groups: CandidateLike | Sequence[CandidateLike] | None) -> tuple[str, ...]:
    """The candidates of a text such as ``S(n), S(n) within label``, quotes around n or not; both where none are named.

    Raises SchemaError for other ones.

    >>> orders_of('S("n"), S("n") within label')
    ('S(n)', 'S(n) within label')
    """
    if groups is None:
        return ANY, WITHIN
    items = groups if isinstance(groups, Sequence) and not isinstance(groups, str) else [groups]
    words = [part for item in items for part in str(item).split(",")]
    found: list[str] = []
    for word in words:
        plain = re.sub(r"\s+", " ", re.sub(r"[\"']", "", word)).strip()
        if plain not in (ANY, WITHIN):
            hint = "S(n) renumbers all nodes of a graph, S(n) within label those that have the same label"
            raise SchemaError(f"the candidate {word.strip()!r} of graphs", f"{ANY} or {WITHIN}", hint)
        found.append(plain)
    if not found:
        raise SchemaError("no candidates of graphs", f"{ANY}, {WITHIN}")
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Ordered:
    """Graphs whose nodes stand in an order, and the columns that a table has of them."""

    graphs: Graphs

    @cached_property
    def place(self) -> Int[Tensor, " N"]:
        """The place of each node in its graph, from 0."""
        return self.graphs.segments.place

    @cached_property
    def label(self) -> Int[Tensor, " N"]:
        """The number of each node's row of features among the distinct ones."""
        return torch.unique(self.graphs.x, dim=0, return_inverse=True)[1]

    @cached_property
    def degree(self) -> Int[Tensor, " N"]:
        """The edges of each node, both directions being listed."""
        return torch.bincount(self.graphs.edge_index[0], minlength=len(self.graphs.x))

    @property
    def labelled(self) -> bool:
        """Whether node features are labels: few distinct rows."""
        return not len(self.label) or int(self.label.max()) < LABELS

    def drawn(self, candidate: str, generator: torch.Generator) -> Int[Tensor, " N"]:
        """The place of each node after a random renumbering, of all nodes of its graph or of those with its label."""
        group = self.graphs.batch
        if candidate == WITHIN:
            group = group * (int(self.label.max()) + 1) + self.label
        random = torch.rand(len(group), generator=generator, dtype=torch.float64)
        before = np.lexsort((self.place.numpy(), group.numpy()))
        after = np.lexsort((random.numpy(), group.numpy()))
        place = torch.empty_like(self.place)
        place[torch.from_numpy(after)] = self.place[torch.from_numpy(before)]
        return place

    @cached_property
    def _kinds(self) -> tuple[Tensor, Tensor]:
        """Columns of nodes: labels one-hot, or features as they are; degrees one-hot."""
        x = torch.nn.functional.one_hot(self.label) if self.labelled else self.graphs.x
        return x.double(), torch.nn.functional.one_hot(self.degree.clamp_max(_DEGREES), _DEGREES + 1).double()

    @cached_property
    def free(self) -> Float[Tensor, "G p"]:
        """Columns that no order changes: nodes, edges, labels and degrees counted, labels at the ends of edges."""
        segments, (x, degree) = self.graphs.segments, self._kinds
        i, j = self.graphs.edge_index
        edges = torch.bincount(self.graphs.batch[i], minlength=len(self.graphs))
        common = x.sum(0).argsort(descending=True)[:8]
        joined = (x[i][:, common, None] * x[j][:, None, common]).flatten(1)
        of_edges = joined.new_zeros(len(self.graphs), joined.shape[1]).index_add(0, self.graphs.batch[i], joined)
        sizes = torch.stack([segments.sizes, edges], 1).double()
        return torch.cat([sizes, segments.sum(x), segments.sum(degree), of_edges], 1)

    def table(self, place: Int[Tensor, " N"]) -> Float[Tensor, "G p"]:
        """All columns: those that no order changes, and what is read of the nodes in the order of ``place``.

        Labels and degrees of the first and last nodes; how labels and degrees lie along the order; how far apart
        linked nodes stand, how many stand side by side, how often the label changes from one place to the next.
        """
        segments, (x, degree) = self.graphs.segments, self._kinds
        size = segments.sizes.clamp_min(1)
        batch, count = self.graphs.batch, size[:, None].double()
        at = torch.empty_like(place)
        at[segments.ptr[:-1][batch] + place] = torch.arange(len(place))  # the node at each place
        position = ((place.double() + 0.5) / size[batch] - 0.5)[:, None]
        along = [segments.sum(position * column) / count for column in (x, degree)]
        ends: list[Tensor] = []
        for end in _ENDS:
            where = (end if end >= 0 else size + end) * torch.ones_like(size)
            node = at[segments.ptr[:-1] + where.clamp(torch.zeros_like(size), size - 1)]
            ends += [self.label[node], self.degree[node]]
        i, j = self.graphs.edge_index
        step = (place[i] - place[j]).abs().double()
        links = torch.stack([step / size[batch[i]], (step == 1).double()], 1)
        number = torch.bincount(batch[i], minlength=len(size)).clamp_min(1)[:, None]
        of_links = links.new_zeros(len(size), 2).index_add(0, batch[i], links) / number
        same = batch[1:] == batch[:-1]
        turns = (same & (self.label[at[1:]] != self.label[at[:-1]])).double()
        changes = turns.new_zeros(len(size)).index_add(0, batch[1:], turns)[:, None] / count
        read = torch.stack(ends, 1).double()
        return torch.cat([self.free, *along, read, of_links, changes], 1)
