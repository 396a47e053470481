"""Tensors in hidden layers: about as many channels in each rank, and a bilinear layer in which some act on others."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, count
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Generator, nn
from torch import Tensor as Array

from isotropy.errors import DomainError
from isotropy.groups import Group, parse
from isotropy.nn._copies import copies, dimensions
from isotropy.reps import Rep, Scalar, Tensor, parse_rep
from isotropy.settings import Settled


def uniform_counts(ch: int, d: int, rule: Literal["exact", "paper"] = "exact") -> list[int]:
    """How many tensors of rank 0, 1, 2, ... over R^d fill ``ch`` channels, the same width in each rank.

    The largest rank is ``R = max {r : (r + 1) d^r <= ch}`` and one helping has ``d^(R - r)`` tensors of rank r;
    helpings are repeated until the channels are used up. ``rule="exact"`` recomputes R for what is left and ends at
    exactly ``ch`` (Finzi et al., ICML 2021); ``rule="paper"`` keeps R and overshoots (Kim et al., ICML 2023).
    In one dimension ranks 2, 4, ... repeat what 0 and 1 say, so R = 1 there. Raises ``DomainError`` for ``ch < 1``.

    >>> uniform_counts(128, 3, rule="paper"), uniform_counts(128, 3)
    ([54, 18, 6, 2], [38, 12, 3, 1])
    """
    if ch < 1 or d < 1:
        raise DomainError(f"ch={ch}, d={d}", "ch >= 1 and d >= 1")
    counts: list[int] = []
    left = ch
    while left > 0:
        largest = _largest_rank(ch if rule == "paper" else left, d)
        counts += [0] * (largest + 1 - len(counts))
        for rank in range(largest + 1):
            counts[rank] += d ** (largest - rank)
        left -= (largest + 1) * d**largest
    return counts


def _largest_rank(ch: int, d: int) -> int:
    if d == 1:
        return min(1, ch - 1)
    return next(rank for rank in count() if (rank + 2) * d ** (rank + 1) > ch)


def uniform_rep(ch: int, d: int, rule: Literal["exact", "paper"] = "exact", space: str = "space") -> Rep:
    """The hidden type of about ``ch`` channels: scalars, vectors, matrices, ... of R^d on ``space``.

    >>> print(uniform_rep(90, 3, rule="paper"))
    36*Scalar + 12*Vector + 4*Tensor(2)
    """
    rep = Rep()
    for rank, number in enumerate(uniform_counts(ch, d, rule)):
        rep = rep + number * (Tensor(rank).on(space) if rank else Scalar)
    return rep


def product_rep(ch: int, dims: Mapping[str, int]) -> Rep:
    """The hidden type of about ``ch`` channels under a product of groups on several spaces, of the dimensions told.

    Scalars, vectors of each space and their products over all sets of spaces, a vector for each node say, share the
    channels equally, each with one copy at least; squares of vectors join where a share has room for one.

    >>> print(product_rep(40, {"space": 3, "nodes": 5}))
    10*Scalar + 3*Vector + 2*Nodes + Vector*Nodes
    """
    if ch < 1:
        raise DomainError(f"ch={ch}", "ch >= 1")
    kinds: list[tuple[int, Rep]] = [(1, Scalar)]
    for size in range(1, len(dims) + 1):
        for some in combinations(dims, size):
            rep = Tensor(1).on(some[0])
            for space in some[1:]:
                rep = rep * Tensor(1).on(space)
            kinds.append((math.prod(dims[space] for space in some), rep))
    share = ch // len(kinds)
    squares = [(d**2, Tensor(2).on(space)) for space, d in dims.items()]
    kinds += [kind for kind in squares if kind[0] <= ch // (len(kinds) + len(squares))]
    share = ch // len(kinds)
    found = Rep()
    for width, rep in kinds:
        found = found + max(1, share // width) * rep
    return found


Ranks = tuple[int, ...]  # of a tensor: one for each space that the group acts on


@dataclass(frozen=True)
class _Pair:
    """One term: ``coefficients`` (n, d^q, d^p) are the places of the tensors that act on all copies of ranks p."""

    q: Ranks
    p: Ranks
    coefficients: Array


class BilinearBlock(Settled):
    """``B(x) = 0.1 W(x) x``, equivariant for any weights; x and B(x) are ``(..., dim rep)`` (§2.3).

    For each pair of ranks (q, p) with tensors of rank p + q >= 1 in x, at most ``d^(p + q)`` of these, chosen at
    random, are reshaped to ``d^q x d^p`` and act on every copy of rank p; theta mixes the results into the copies of
    rank q, and starts normal with the variance that makes W(x) x as large as x where the entries of x are about 1.
    Indices are contracted with indices, which only an orthogonal group allows: for others p = 0. Under a product of
    groups on several spaces a tensor has a rank on each of them. Parts that are no tensors on the spaces of ``group``
    pass through as zero.

    >>> from isotropy.random import spawn
    >>> from isotropy.reps import Vector
    >>> block = BilinearBlock(2 * Scalar + 2 * Vector, "O(3)", generator=spawn(0, "block"))
    >>> block(torch.ones(5, 8)).shape
    torch.Size([5, 8])
    """

    def __init__(
        self, rep: Rep | str, group: Group | str, *, generator: Generator | None = None, scale: float = 0.1
    ) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep = parse_rep(rep)
        self.group = parse(group)
        self.scale = scale
        self.ranks = _ranks(rep, self.group)
        self.pairs: list[_Pair] = []
        self.theta = nn.ParameterList()
        orthogonal = rep.orthogonal(self.group)
        ds = _degrees(self.group)
        for q, targets in self.ranks.items():
            for p, sources in self.ranks.items():
                both = tuple(map(sum, zip(q, p, strict=True)))
                acting = self.ranks.get(both)
                if not any(both) or acting is None or (any(p) and not orthogonal):
                    continue
                count = min(len(acting), _size(ds, both))
                chosen = acting[torch.randperm(len(acting), generator=generator)[:count]]
                self.pairs.append(_Pair(q, p, _split(chosen, ds, q, p)))
                self.theta.append(nn.Parameter(torch.randn(len(targets), count * len(sources), generator=generator)))
        summed = {
            q: sum(theta.shape[1] * _size(ds, pair.p) for pair, theta in self._terms() if pair.q == q)
            for q in self.ranks
        }
        with torch.no_grad():
            for pair, theta in self._terms():
                theta.div_(math.sqrt(summed[pair.q]))
        # Results come out rank by rank; this puts them back where the copies of x stand, the rest at zero.
        placed = torch.cat([places.flatten() for places in self.ranks.values()] or [torch.zeros(0, dtype=torch.int64)])
        self.placed: Array
        self.register_buffer("placed", placed, persistent=False)
        for number, pair in enumerate(self.pairs):
            # Drawn at random, hence part of the state: the same weights with others would be another map.
            self.register_buffer(f"coefficients_{number}", pair.coefficients)
        for rank, places in self.ranks.items():
            self.register_buffer(_places(rank), places, persistent=False)

    def settings(self) -> dict[str, Any]:
        return {"rep": str(self.rep_in), "group": str(self.group), "scale": self.scale}

    def _terms(self) -> list[tuple[_Pair, Array]]:
        return list(zip(self.pairs, self.theta, strict=True))

    def forward(self, x: Float[Array, "... n"]) -> Float[Array, "... n"]:
        rows = x.reshape(-1, x.shape[-1])
        results: dict[Ranks, Array] = {}
        for number, (pair, theta) in enumerate(self._terms()):
            acting = rows[:, self.get_buffer(f"coefficients_{number}")]  # (B, n, d^q, d^p)
            moved = rows[:, self.get_buffer(_places(pair.p))]  # (B, m, d^p)
            # Acting before mixing saves a factor d^p over building W(x).
            batch, n, d_q, d_p = acting.shape
            acted = acting.reshape(batch, n * d_q, d_p) @ moved.mT  # (B, n d^q, m)
            acted = acted.reshape(batch, n, d_q, -1).permute(0, 1, 3, 2).reshape(batch, -1, d_q)
            mixed = theta @ acted  # (B, m_out, d^q)
            results[pair.q] = results[pair.q] + mixed if pair.q in results else mixed
        blocks = [
            results[rank].flatten(1) if rank in results else rows.new_zeros(len(rows), places.numel())
            for rank, places in self.ranks.items()
        ]
        found = torch.cat(blocks, dim=1) if blocks else rows.new_zeros(len(rows), 0)
        out = torch.zeros_like(rows).index_copy(1, self.placed, self.scale * found)
        return out.reshape(x.shape)


def _places(rank: Ranks) -> str:
    return "places_" + "_".join(map(str, rank))


def _degrees(group: Group) -> list[int]:
    """The dimension of each space that the group acts on."""
    dims = dimensions(group)
    return [dims[space] for space in group.spaces]


def _size(ds: list[int], rank: Ranks) -> int:
    return math.prod(d**r for d, r in zip(ds, rank, strict=True))


def _split(chosen: Array, ds: list[int], q: Ranks, p: Ranks) -> Array:
    """Tensors of ranks q + p as matrices ``(n, d^q, d^p)``: on each space the first indices are the rows."""
    axes: list[int] = []
    for d, first, last in zip(ds, q, p, strict=True):
        axes += [d**first, d**last]
    k = len(ds)
    order = [0, *(1 + 2 * i for i in range(k)), *(2 + 2 * i for i in range(k))]
    return chosen.reshape(len(chosen), *axes).permute(order).reshape(len(chosen), _size(ds, q), _size(ds, p))


def _ranks(rep: Rep, group: Group) -> dict[Ranks, Array]:
    """The places (m, d^r) of the tensors of each rank r that ``rep`` holds on the spaces of ``group``."""
    found: dict[Ranks, list[Array]] = {}
    ds = _degrees(group)
    for atom, places in copies(rep, group).items():
        if atom == Scalar:
            found.setdefault((0,) * len(ds), []).append(places)
        for rank, order in _tensors(atom, group):
            # Its indices, in whichever order of spaces they were written, in that of the group.
            shape = [ds[i] for i in order]
            back = sorted(range(len(order)), key=lambda j: order[j])
            tensor = places.reshape(len(places), *shape).permute(0, *(1 + j for j in back)).reshape(places.shape)
            found.setdefault(rank, []).append(tensor)
    return {rank: torch.cat(places) for rank, places in found.items()}


def _tensors(atom: Rep, group: Group) -> list[tuple[Ranks, list[int]]]:
    """The ranks of an atom that is a tensor on the spaces of the group, and the space of each of its indices."""
    term = atom.parts()[0].term
    spaces = [factor.space for factor in term.factors]
    for total in range(1, 9):
        if len(spaces) != total or not set(spaces) <= set(group.spaces):
            continue
        tensor = Tensor(1).on(spaces[0])
        for space in spaces[1:]:
            tensor = tensor * Tensor(1).on(space)
        if atom == tensor:
            return [(tuple(spaces.count(space) for space in group.spaces), [group.spaces.index(s) for s in spaces])]
    return []
