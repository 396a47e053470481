"""Sums over sites of which nobody sees a summand: each upload is masked, and the masks cancel in the sum."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from itertools import combinations
from typing import Literal, overload

import numpy as np
import torch
from torch import Tensor

from isotropy.errors import DomainError, InfeasibleError, counted
from isotropy.federation._checks import checked, one_dtype, same_width
from isotropy.federation._statistics import ClassStats
from isotropy.federation._words import (
    MOST,
    Words,
    means_of,
    means_words,
    statistics_of,
    statistics_words,
    within,
)

Rows = tuple[Tensor, Tensor]
Keys = Callable[[int, int], bytes]
_MOST = MOST


@overload
def secure_stats(
    clients: Sequence[Rows], *, classes: int, view: Literal[False] = False, centre: Tensor | float | None = None,
    reach: float | None = None, names: Sequence[str] | None = None, min_count: int = 1,
) -> ClassStats: ...  # fmt: skip
@overload
def secure_stats(
    clients: Sequence[Rows], *, classes: int, view: Literal[True], centre: Tensor | float | None = None,
    reach: float | None = None, names: Sequence[str] | None = None, min_count: int = 1,
) -> tuple[ClassStats, dict[str, Tensor]]: ...  # fmt: skip
def secure_stats(
    clients: Sequence[Rows],
    *,
    classes: int,
    view: bool = False,
    centre: Tensor | float | None = None,
    reach: float | None = None,
    names: Sequence[str] | None = None,
    min_count: int = 1,
) -> ClassStats | tuple[ClassStats, dict[str, Tensor]]:
    """ClassStats of the rows of all sites, from (n, s, Q) that a server can only add up; or with its ``view`` of each.

    A site writes n, s/R and Q/R^2 as whole multiples of 2^-40, modulo 2^64, and adds a mask for each other site, which
    that one subtracts: an upload by itself is uniform noise. Sums are exact to ``error_of`` a number. What is *not*
    hidden: the sum itself, which of two sites tells each the other's; and anything from a server in league with all
    other sites. Every site has to answer: there is no recovery of a site that drops out (SecAgg+ shares its keys for
    that).

    - ``centre (p,)``: public; without one, the mean of all rows, from an earlier round of masked sums.
    - ``reach`` R: a public bound on a row's distance from the centre, or from the origin where no centre is given;
      without one, the power of two above the largest at any site, which tells as much.
    - ``min_count``: of classes of fewer rows in all, masked sums tell the number first, and nothing else after.

    The secret of 32 bytes that two sites share masks once: the operating system draws them anew in each call. Between
    machines they come from an exchange of keys.

    Raises DomainError with the site for rows beyond ``reach``, for fewer than two sites with rows, and for a class that
    spreads so little beside R that its covariance would be rounding; InfeasibleError for more than 2^23 rows. Source:
    Bonawitz et al., CCS 2017, without its recovery of sites that drop out.

    >>> from isotropy.random import spawn
    >>> x, y = torch.randn(90, 3, generator=spawn(0, "x")), torch.arange(90) % 2
    >>> found = secure_stats([(x[:40], y[:40]), (x[40:], y[40:])], classes=2)
    >>> bool((found.cov - ClassStats.from_data(x, y, classes=2).cov).abs().max() < 1e-9)
    True
    """
    called = [f"client {k}" for k in range(len(clients))] if names is None else list(names)
    sites = {name: checked(x, y, classes, name) for name, (x, y) in zip(called, clients, strict=True)}
    if len(sites) < 2 or sum(len(x) > 0 for x, _ in sites.values()) < 2:
        raise DomainError(counted(len(sites), "site"), "two sites with rows", "the sum over one site is that site's")
    width = same_width({name: x.shape[1] for name, (x, _) in sites.items()})
    rows = sum(len(x) for x, _ in sites.values())
    if rows >= _MOST:
        raise InfeasibleError(f"{rows} rows in one sum", f"fewer than {_MOST}", "add up parts, or take rank= of each")
    sites = one_dtype(sites)
    dtype = next(x.dtype for x, _ in sites.values())
    shared = drawn(len(sites))
    c = torch.zeros(width, dtype=torch.float64) if centre is None else torch.as_tensor(centre, dtype=torch.float64)
    c = c.expand(width)
    if centre is None or min_count > 1:
        R = _reach({name: x.double() - c for name, (x, _) in sites.items()}, reach)
        words = [means_words(x.double() - c, y, classes, R) for x, y in sites.values()]
        n, mean = means_of(total(masked(words, shared, b"centre")), classes, R)
        # Of rare classes no site tells anything but their number.
        sites = {name: (x[n[y] >= min_count], y[n[y] >= min_count]) for name, (x, y) in sites.items()}
        if centre is None:
            # The mean is no farther from the origin than the farthest row.
            c, reach = mean, None if reach is None else 2 * reach
    R = _reach({name: x.double() - c for name, (x, _) in sites.items()}, reach)
    uploads = masked(
        [statistics_words(x, y, classes, c, R, name) for name, (x, y) in sites.items()], shared, b"statistics"
    )
    found = statistics_of(total(uploads), classes, c, R, len(sites), dtype)
    seen = {name: torch.from_numpy(words.view(np.int64)) for name, words in zip(sites, uploads, strict=True)}
    return (found, seen) if view else found


def _reach(offsets: Mapping[str, Tensor], reach: float | None) -> float:
    """A bound on the length of all rows: where none is given a power of two, or 0 where all are 0."""
    lengths = {name: x.norm(dim=1) for name, x in offsets.items() if len(x)}
    if reach is None:
        most = max((float(length.max()) for length in lengths.values()), default=0.0)
        return 2.0 ** math.ceil(math.log2(most) + 1e-9) if most else 0.0
    if not 0 < reach < math.inf:
        raise DomainError(f"reach={reach}", "a distance above 0 that no row exceeds")
    for name, length in lengths.items():
        within(length, reach, name)
    return reach


def masked(uploads: Sequence[Words], keys: Keys, purpose: bytes) -> list[Words]:
    """The words of each site with its masks: what a server sees of them."""
    sites = range(len(uploads))
    return [
        with_masks(words, {other: keys(min(site, other), max(site, other)) for other in sites if other != site}, site,
                   purpose)
        for site, words in enumerate(uploads)
    ]  # fmt: skip


def with_masks(words: Words, keys: Mapping[int, bytes], site: int, purpose: bytes) -> Words:
    """Plus the mask shared with each site of a greater number, minus that with each other; uint64 wraps around."""
    found = words.copy()
    for other, key in keys.items():
        mask = _mask(key, len(words), purpose)
        found = found + mask if site < other else found - mask
    return found


def _mask(key: bytes, length: int, purpose: bytes) -> Words:
    """A stream of words that only who has the key can tell from noise: SHAKE-256 of key and purpose."""
    return np.frombuffer(hashlib.shake_256(key + purpose).digest(8 * length), np.uint64)


def total(uploads: Iterable[Words]) -> Words:
    return reduce(lambda one, other: one + other, uploads)


def drawn(sites: int) -> Keys:
    """A secret for each pair, from the operating system."""
    kept = {pair: secrets.token_bytes(32) for pair in combinations(range(sites), 2)}
    return lambda one, other: kept[one, other]
