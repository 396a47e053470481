"""What subgraphs of each radius cost on given graphs, before anything is trained: members, pairs, bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from isotropy.errors import DomainError, InfeasibleError, counted
from isotropy.nn.subgraph._members import reach, step_of
from isotropy.nn.subgraph._subgraphs import Subgraphs, checked

Choice = int | Literal["global"]

# Tensors of all pairs, of all distinct pairs and of all members that a layer keeps until its gradient, counted in the
# layers' code: lifted features, their map, its ELU; glued features, centred, normed; the same of members.
_PAIRS, _UNION, _MEMBERS = 3, 4, 6
_PASSING = 3  # tensors of all pairs that the gradient of one layer takes beside these
_INDEX = 8 * 5  # bytes of numbers for each pair: its row, its column, its mirror, where it is glued, where it lies

_TELLS = {
    "global": "what 1-WL tells apart, no more (2-IGN)",
    1: "also C6 from two triangles; not Rook from Shrikhande, nor EXP, nor most of CSL",
    2: "also EXP and CSL; not strongly regular graphs with equal parameters",
    3: "as k = 2, and more of wider surroundings; not strongly regular graphs",
}
_PRODUCT = "with local_product=True already k = 1 tells Rook from Shrikhande and all pairs of SR25 apart"


@dataclass(frozen=True)
class Price:
    """One choice: ``k``, a radius or "global"; how many members, pairs, distinct pairs; bytes; what it tells apart."""

    k: Choice
    members: int
    pairs: int
    union: int
    bytes: int
    tells: str


@dataclass(frozen=True)
class Cost:
    """What each choice costs on these graphs; ``recommendation`` is the cheapest; ``warnings`` are for a person.

    ``bytes`` are the peak of one forward and backward pass of all graphs at once with ``channels`` channels in each of
    ``layers`` layers; of a batch, its share.
    """

    rows: tuple[Price, ...]
    recommendation: Choice
    warnings: tuple[str, ...]
    channels: int
    layers: int
    graphs: int
    notes: tuple[str, ...] = field(default=(_PRODUCT,))

    def __iter__(self) -> Iterator[Price]:
        return iter(self.rows)

    def __getitem__(self, k: Choice) -> Price:
        return next(row for row in self.rows if row.k == k)


def cost(
    edge_index: Tensor,
    batch: Tensor | None = None,
    *,
    k: Sequence[int] = (1, 2, 3),
    channels: int = 16,
    budget: int | None = None,
    layers: int = 4,
    num_nodes: int | None = None,
) -> Cost:
    """What ego networks of each radius, and a network on whole graphs, cost on exactly these graphs.

    The counts are exact and no pair is made for them. With ``budget`` in bytes only what fits is recommended.
    Parameters: ``edge_index``, ``batch`` and ``num_nodes`` as in `Subgraphs.from_graph`; ``k``; ``channels`` and
    ``layers`` of the network to be trained, four bytes a number; ``budget``.
    Raises InfeasibleError with the figures where nothing fits the budget, and as `Subgraphs.from_graph` for bad input.

    >>> ring = torch.arange(40)
    >>> price = cost(torch.stack([ring, ring.roll(-1)]), k=(1, 2))
    >>> [(row.k, row.pairs, row.union) for row in price.rows], price.recommendation
    ([(1, 360, 200), (2, 1000, 360), ('global', 1600, 1600)], 1)
    """
    of_nodes, n = checked(edge_index, batch, num_nodes)
    if not k or min(k) < 1 or channels < 1 or layers < 1:
        raise DomainError(f"k={tuple(k)}, channels={channels}, layers={layers}", "one or more of each")
    step: Any = step_of(edge_index, n)
    rows = [_local(step, radius, channels, layers) for radius in sorted(set(k))]
    sizes = torch.bincount(of_nodes) if n else torch.zeros(1, dtype=torch.int64)
    squares = int(sizes.square().sum())
    rows.append(Price("global", n, squares, squares, size(n, squares, squares, channels, layers), _TELLS["global"]))
    fits = [row for row in rows if budget is None or row.bytes <= budget]
    if not fits:
        hint = "fewer graphs at a time, fewer channels or layers, or fit(memory=...)"
        raise InfeasibleError(f"a budget of {told(budget or 0)}", figures(rows), hint)
    best = min(fits, key=lambda row: (row.bytes, row.k != "global"))
    warnings = tuple(
        f"k = {row.k}: {counted(row.pairs, 'pair')}, more than the {squares:,} of whole graphs: a global network is "
        "cheaper"
        for row in rows[:-1]
        if row.pairs > squares
    )
    return Cost(tuple(rows), best.k, warnings, channels, layers, int((sizes > 0).sum()))


def _local(step: Any, k: int, channels: int, layers: int) -> Price:
    found = reach(step, k)[0]
    sizes = np.diff(found.indptr).astype(np.int64)
    pairs = int((sizes**2).sum())
    # Two nodes stand in one ball of radius k where they are at most 2k steps apart.
    union = int(reach(step, 2 * k)[0].nnz)
    members = int(sizes.sum())
    tells = _TELLS.get(k, _TELLS[3])
    return Price(k, members, pairs, union, size(members, pairs, union, channels, layers), tells)


def size(members: int, pairs: int, union: int, channels: int, layers: int, itemsize: int = 4) -> int:
    """Bytes at the peak of one forward and backward pass."""
    kept = _PAIRS * pairs + _UNION * union + _MEMBERS * members
    return (layers * kept + _PASSING * pairs) * channels * itemsize + _INDEX * pairs


def refuse_beyond(limit: int, s: Subgraphs, channels: int, layers: int, itemsize: int) -> None:
    """Raises InfeasibleError where a batch needs more bytes than the limit, before anything of it is allocated."""
    pairs = int(s.sizes.square().sum())
    needed = size(len(s.node), pairs, pairs, channels, layers, itemsize)
    if needed > limit:
        squares = int(s.nodes_of.square().sum())
        whole = size(s.n, squares, squares, channels, layers, itemsize)
        rows = [Price(1, len(s.node), pairs, pairs, needed, ""), Price("global", s.n, squares, squares, whole, "")]
        batch = f"{counted(s.graphs, 'graph')}, {counted(len(s.node), 'member')} and {counted(pairs, 'pair')}"
        given = f"a batch of {batch}: {told(needed)}"
        hint = f"smaller batches; whole graphs would take {told(rows[1].bytes)}; isotropy.nn.subgraph.cost(...) tells"
        raise InfeasibleError(given, f"at most {told(limit)}", hint)


def figures(rows: Sequence[Price]) -> str:
    """The rows in one line.

    >>> figures([Price(1, 10, 30, 20, 4000, "")])
    'at least 4.0 kB (k = 1: 30 pairs, 4.0 kB)'
    """
    each = "; ".join(f"k = {row.k}: {counted(row.pairs, 'pair')}, {told(row.bytes)}" for row in rows)
    return f"at least {told(min(row.bytes for row in rows))} ({each})"


def told(count: int) -> str:
    """Bytes for a person.

    >>> told(3_200_000)
    '3.2 MB'
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} B"
