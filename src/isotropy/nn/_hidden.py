"""Which tensors a hidden layer carries: about the same number of channels in each rank that fits."""

from itertools import count
from typing import Literal

from isotropy.errors import DomainError
from isotropy.reps import Rep, Scalar, Tensor


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
    for rank, copies in enumerate(uniform_counts(ch, d, rule)):
        rep = rep + copies * (Tensor(rank).on(space) if rank else Scalar)
    return rep
