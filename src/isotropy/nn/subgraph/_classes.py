"""Which subgraphs are the same: isomorphism classes of small coloured graphs, each with an order of members."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from isotropy.frames import canonical_labelling

LARGEST = 12
"""Subgraphs of more members are told apart as they are numbered: canonical orders of large ones take long."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Census:
    """The class of each subgraph, numbered as they occur; ``order (M1)`` lists the members of each subgraph in the
    canonical order of its class; ``first (classes)`` is a subgraph of each."""

    label: Int[Tensor, " S"]
    order: Int[Tensor, " M1"]
    first: Int[Tensor, " classes"]
    names: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.first)


def census(
    s: Any, x: Tensor | None = None, e: Tensor | None = None, *, rooted: bool = True, largest: int = LARGEST
) -> Census:
    """The classes of ``s: Subgraphs`` with the rows of ``x (n, c)`` and ``e (U, c)`` as colours, and the root marked.

    Exact up to ``largest`` members; larger subgraphs share a class where their members, as numbered, agree.
    """
    of_node = np.zeros(s.n, np.int64) if x is None else _colours(x)
    linked = s.linked.cpu().numpy().astype(np.int64)
    of_pair = linked if e is None else _colours(torch.cat([s.linked[:, None].to(e), e], 1)) + 1
    node, pair = s.node.cpu().numpy(), s.pair.cpu().numpy()
    root = (s.node == s.root[s.subgraph]).cpu().numpy().astype(np.int64) if rooted else np.zeros(len(node), np.int64)
    first = s.first.cpu().numpy()
    label, order, found = np.zeros(len(s), np.int64), np.arange(len(node)), dict[bytes, int]()
    for m, which in s.by_size.items():
        if m == 0:
            continue
        subs, members = which.cpu().numpy(), s.members_of_size(m).cpu().numpy()
        v = np.stack([root[members], of_node[node[members]]], 2)
        a = of_pair[pair[s.pairs_of_size(m).cpu().numpy()]].reshape(-1, m, m)
        # Members in the order of their colours and degrees first: few numberings of a class are then left.
        rank = np.lexsort((a.sum(2), v[:, :, 1], -v[:, :, 0]), axis=1)
        rows = np.arange(len(subs))[:, None]
        v, a = v[rows, rank], a[rows[:, :, None], rank[:, :, None], rank[:, None, :]]
        raw = np.ascontiguousarray(np.concatenate([v.reshape(len(subs), -1), a.reshape(len(subs), -1)], 1))
        distinct, inverse = np.unique(raw, axis=0, return_inverse=True)
        forms = [_canonical(row.tobytes(), m) if m <= largest else (row.tobytes(), tuple(range(m))) for row in distinct]
        orders = np.array([form[1] for form in forms], np.int64)[inverse.reshape(-1)]
        order[first[subs][:, None] + np.arange(m)] = members[rows, rank[rows, orders]]
        names = [m.to_bytes(4, "big") + form[0] for form in forms]
        label[subs] = np.array([found.setdefault(name, len(found)) for name in names])[inverse.reshape(-1)]
    distinct, where, inverse = np.unique(label, return_index=True, return_inverse=True)
    seen = np.argsort(where)  # classes in the order in which they occur
    number = np.empty_like(seen)
    number[seen] = np.arange(len(seen))
    listed = list(found)
    device = s.node.device
    return Census(
        torch.from_numpy(number[inverse.reshape(-1)]).to(device),
        torch.from_numpy(order).to(device),
        torch.from_numpy(where[seen]).to(device),
        tuple(listed[int(distinct[i])] for i in seen),
    )


def _colours(rows: Tensor) -> Ints:
    """The number of each row among the distinct ones."""
    return np.unique(rows.detach().cpu().numpy(), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


@lru_cache(maxsize=1 << 16)
def _canonical(row: bytes, m: int) -> tuple[bytes, tuple[int, ...]]:
    """The canonical form of a coloured graph of m vertices, and the order of its vertices.

    By our own search whatever is installed: weights belong to the order that it chooses.
    """
    values = np.frombuffer(row, np.int64)
    v, a = values[: 2 * m].reshape(m, 2), values[2 * m :].reshape(m, m)
    colours = torch.from_numpy(v.astype(np.float64))
    order = canonical_labelling(torch.from_numpy(a.astype(np.float64)), colours, engine="python").order.numpy()
    form = np.concatenate([v[order].reshape(-1), a[np.ix_(order, order)].reshape(-1)])
    return form.astype(np.int64).tobytes(), tuple(order.tolist())
