"""Tensors in hidden layers: about as many channels in each rank, and a bilinear layer in which some act on others."""

import math
from dataclasses import dataclass
from itertools import count
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, nn
from torch import Tensor as Array

from isotropy.errors import DomainError
from isotropy.groups import Group, parse
from isotropy.nn._copies import copies
from isotropy.reps import Rep, Scalar, Tensor, parse_rep


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


@dataclass(frozen=True)
class _Pair:
    """One term: ``coefficients`` (n, d^q, d^p) are the places of the tensors that act on all copies of rank p."""

    q: int
    p: int
    coefficients: Array


class BilinearBlock(nn.Module):
    """``B(x) = 0.1 W(x) x``, equivariant for any weights; x and B(x) are ``(..., dim rep)`` (§2.3).

    For each pair of ranks (q, p) with tensors of rank p + q >= 1 in x, at most ``d^(p + q)`` of these, chosen at
    random, are reshaped to ``d^q x d^p`` and act on every copy of rank p; theta mixes the results into the copies of
    rank q, and starts normal with the variance that makes W(x) x as large as x where the entries of x are about 1.
    Indices are contracted with indices, which only an orthogonal group allows: for others p = 0. Parts that are not
    ``Tensor(r)`` on the space of ``group`` pass through as zero.

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
        d = self.group.degree
        for q, targets in self.ranks.items():
            for p, sources in self.ranks.items():
                acting = self.ranks.get(p + q)
                if p + q == 0 or acting is None or (p > 0 and not orthogonal):
                    continue
                count = min(len(acting), d ** (p + q))
                chosen = acting[torch.randperm(len(acting), generator=generator)[:count]]
                self.pairs.append(_Pair(q, p, chosen.reshape(count, d**q, d**p)))
                self.theta.append(nn.Parameter(torch.randn(len(targets), count * len(sources), generator=generator)))
        summed = {
            q: sum(theta.shape[1] * d**pair.p for pair, theta in self._terms() if pair.q == q) for q in self.ranks
        }
        with torch.no_grad():
            for pair, theta in self._terms():
                theta.div_(math.sqrt(summed[pair.q]))
        # Results come out rank by rank; this puts them back where the copies of x stand, the rest at zero.
        placed = torch.cat([places.flatten() for places in self.ranks.values()] or [torch.zeros(0, dtype=torch.int64)])
        self.placed: Array
        self.register_buffer("placed", placed, persistent=False)
        for number, pair in enumerate(self.pairs):
            self.register_buffer(f"coefficients_{number}", pair.coefficients, persistent=False)
        for rank, places in self.ranks.items():
            self.register_buffer(f"places_{rank}", places, persistent=False)

    def _terms(self) -> list[tuple[_Pair, Array]]:
        return list(zip(self.pairs, self.theta, strict=True))

    def forward(self, x: Float[Array, "... n"]) -> Float[Array, "... n"]:
        rows = x.reshape(-1, x.shape[-1])
        results: dict[int, Array] = {}
        for number, (pair, theta) in enumerate(self._terms()):
            acting = rows[:, self.get_buffer(f"coefficients_{number}")]  # (B, n, d^q, d^p)
            moved = rows[:, self.get_buffer(f"places_{pair.p}")]  # (B, m, d^p)
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


def _ranks(rep: Rep, group: Group) -> dict[int, Array]:
    """The places (m, d^r) of the tensors of each rank r that ``rep`` holds on the space of ``group``."""
    found: dict[int, Array] = {}
    for atom, places in copies(rep, group).items():
        if atom == Scalar:
            found[0] = places
        for rank in range(1, 9):
            tensor = Tensor(rank)
            if atom == (tensor if group.space == "space" else tensor.on(group.space)):
                found[rank] = places
    return found
