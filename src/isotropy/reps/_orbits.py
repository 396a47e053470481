"""Invariants of signed permutations: one for each orbit of entries that meets no entry together with its negative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.groups import Group
from isotropy.reps._acting import factor_matrix, linear_matrix, orientation
from isotropy.reps._pixels import pixel_order
from isotropy.reps._rep import Factor, Term

# A signed permutation: (h.x)[i] = sign[i] * x[source[i]].
SignedOrder = tuple[Int[Tensor, " n"], Float[Tensor, " n"]]


def signed_order(term: Term, H: Group, h: Tensor, known: Mapping[str, int]) -> SignedOrder | None:
    """``h`` on a term as a signed permutation, or None where it is none."""
    source, sign = torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.float64)
    for factor in term.factors:
        found = _factor_order(factor, H, h)
        if found is None:
            return None
        k = len(found[0])
        source = (source[:, None] * k + found[0]).flatten()
        sign = (sign[:, None] * found[1]).flatten()
    if term.sign:
        sign = sign * orientation(H, h, torch.float64)
    if term.scale and abs(float(torch.linalg.det(linear_matrix(H, h, torch.float64)).abs()) - 1) > 1e-9:
        return None
    return source, sign


def _factor_order(factor: Factor, H: Group, h: Tensor) -> SignedOrder | None:
    if factor.kind == "Pixels":
        order = pixel_order(factor, H, h)
        return order, torch.ones(len(order), dtype=torch.float64)
    matrix = factor_matrix(factor, H, h, torch.float64)
    source = matrix.abs().argmax(dim=1)
    sign = matrix.gather(1, source[:, None])[:, 0].sign()
    monomial = torch.zeros_like(matrix).scatter(1, source[:, None], sign[:, None])
    same = bool((matrix - monomial).abs().max() < 1e-12) and len(source.unique()) == len(source)
    return (source, sign) if same else None


def signed_orbits(orders: Sequence[SignedOrder], n: int) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"], int]:
    """For each entry the invariant that it belongs to and its weight in it (0 where all invariants vanish).

    The invariants are orthonormal. Components of the double cover {+, -} x entries; an entry joined with its own
    negative must vanish.
    """
    i = np.arange(n)
    sources = [source.numpy() + n * (sign.numpy() < 0) for source, sign in orders]
    rows = np.concatenate([*([i, i + n] * len(orders)), i[:0]])
    columns = np.concatenate([*(part for s in sources for part in (s, (s + n) % (2 * n))), i[:0]])
    graph = scipy.sparse.coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(2 * n, 2 * n))
    _, component = scipy.sparse.csgraph.connected_components(graph, directed=False)
    plus, minus = component[:n], component[n:]
    alive = plus != minus
    first = np.minimum(plus, minus)
    _, label = np.unique(first[alive], return_inverse=True)
    count = int(label.max()) + 1 if len(label) else 0
    labels = np.zeros(n, dtype=np.int64)
    labels[alive] = label
    sizes = np.bincount(label, minlength=max(count, 1))
    weight = np.where(alive, np.where(plus < minus, 1.0, -1.0) / np.sqrt(np.maximum(sizes[labels], 1)), 0.0)
    return torch.from_numpy(labels), torch.from_numpy(weight), count
