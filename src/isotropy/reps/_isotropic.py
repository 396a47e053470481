"""Invariants that a theorem gives: isotropic tensors of SO(n) and O(n), orbits of signed permutations.

All that SO(n) and O(n) leave fixed is made of delta and epsilon (Weyl, The Classical Groups). Signed permutations have
one invariant for each orbit of entries that meets no entry together with its negative.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, permutations
from math import comb, prod

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import AmbiguousRankError
from isotropy.groups import Group
from isotropy.reps._acting import factor_matrix, linear_matrix, orientation, pixel_order
from isotropy.reps._rep import Factor, Term

_LARGEST = 20_000_000  # numbers in the spanning set
_GAP = 1e6


def isotropic_count(rank: int, n: int, *, even: bool, odd: bool) -> int:
    """How many products of deltas (``even``) and of one epsilon with deltas (``odd``) span the isotropic tensors."""
    count = _matchings(rank) if even else 0
    return count + (comb(rank, n) * _matchings(rank - n) if odd and rank >= n else 0)


def affordable(rank: int, n: int, *, even: bool, odd: bool) -> bool:
    return isotropic_count(rank, n, even=even, odd=odd) * n**rank <= _LARGEST


def _matchings(rank: int) -> int:
    return prod(range(1, rank, 2)) if rank % 2 == 0 else 0


def isotropic_tensors(rank: int, n: int, *, even: bool, odd: bool) -> tuple[Float[Tensor, "size r"], float]:
    """Orthonormal isotropic tensors of a rank, flattened row-major, and the gap that certifies their number.

    >>> [isotropic_tensors(rank, 3, even=True, odd=True)[0].shape[1] for rank in range(7)]
    [1, 0, 1, 1, 3, 6, 15]
    """
    delta = torch.eye(n, dtype=torch.float64)
    spanning: list[Tensor] = []
    if even:
        spanning += [_product([delta] * (rank // 2), pairs) for pairs in _pairings(tuple(range(rank)))]
    if odd:
        epsilon = _epsilon(n)
        for chosen in combinations(range(rank), n):
            rest = tuple(axis for axis in range(rank) if axis not in chosen)
            spanning += [
                _product([epsilon] + [delta] * (len(rest) // 2), (*chosen, *pairs)) for pairs in _pairings(rest)
            ]
    if not spanning:
        return torch.zeros(n**rank, 0, dtype=torch.float64), float("inf")
    span = torch.stack(spanning, dim=1)
    # The spanning tensors depend on each other once the rank exceeds the dimension. Their Gram matrix would say how at
    # half the digits, too few for hundreds of them.
    vectors, values, _ = torch.linalg.svd(span, full_matrices=False)
    floor = torch.finfo(torch.float64).eps * values[0]
    kept = values > 1e-8 * values[0]
    null = values[~kept].clamp(min=floor)
    gap = float(values[kept].min() / null.max()) if len(null) else float("inf")
    if gap < _GAP:
        raise AmbiguousRankError(f"isotropic tensors of rank {rank} with a gap of {gap:.1e}", f"{_GAP:.0e}")
    return vectors[:, kept], gap


def _pairings(axes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """All perfect matchings of the axes, each as a flat list of pairs."""
    if not axes:
        yield ()
    elif len(axes) % 2 == 0:
        first = axes[0]
        for i in range(1, len(axes)):
            for rest in _pairings(axes[1:i] + axes[i + 1 :]):
                yield (first, axes[i], *rest)


def _product(factors: list[Tensor], axes: tuple[int, ...]) -> Float[Tensor, " size"]:
    """The outer product whose j-th axis lands on ``axes[j]``, flattened."""
    product = torch.ones((), dtype=torch.float64)
    for factor in factors:
        product = torch.tensordot(product, factor, dims=0)
    order = sorted(range(len(axes)), key=lambda j: axes[j])
    return product.permute(order).reshape(-1)


def _epsilon(n: int) -> Tensor:
    epsilon = torch.zeros([n] * n, dtype=torch.float64)
    for order in permutations(range(n)):
        inversions = sum(a > b for a, b in combinations(order, 2))
        epsilon[order] = -1.0 if inversions % 2 else 1.0
    return epsilon


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
