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
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import DomainError, InfeasibleError, counted
from isotropy.federation._checks import checked, one_dtype, same_width
from isotropy.federation._statistics import ClassStats

Words = NDArray[np.uint64]
Rows = tuple[Tensor, Tensor]
Keys = Callable[[int, int], bytes]
_BITS = 40
"""Numbers are whole multiples of 2^-40 of their bound: sums of 2^23 rows stay within 63 bits and a sign."""
_MOST = 2 ** (63 - _BITS)
_COARSE = 1e-4
"""The relative error that a variance may have: 5,000 rows leave it unknown by two hundred times as much."""


@overload
def secure_stats(
    clients: Sequence[Rows], *, classes: int, view: Literal[False] = False, centre: Tensor | float | None = None,
    reach: float | None = None, names: Sequence[str] | None = None,
) -> ClassStats: ...  # fmt: skip
@overload
def secure_stats(
    clients: Sequence[Rows], *, classes: int, view: Literal[True], centre: Tensor | float | None = None,
    reach: float | None = None, names: Sequence[str] | None = None,
) -> tuple[ClassStats, dict[str, Tensor]]: ...  # fmt: skip
def secure_stats(
    clients: Sequence[Rows],
    *,
    classes: int,
    view: bool = False,
    centre: Tensor | float | None = None,
    reach: float | None = None,
    names: Sequence[str] | None = None,
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
    shared = _drawn(len(sites))
    if centre is None:
        centre = _common_mean(sites, shared, reach)
        # The mean is no farther from the origin than the farthest row.
        reach = None if reach is None else 2 * reach
    c = torch.as_tensor(centre, dtype=torch.float64)
    R = _reach({name: x.double() - c for name, (x, _) in sites.items()}, reach)
    unit = R or 1.0  # where all rows are the centre, sums are 0 in any unit
    uploads: dict[str, Words] = {}
    for k, (name, (x, y)) in enumerate(sites.items()):
        sums = ClassStats.from_data(x.double(), y, classes=classes, site=name).to_sums(c)
        upper = torch.triu_indices(width, width)
        told = torch.cat([(sums.s / unit).flatten(), (sums.Q / unit**2)[:, upper[0], upper[1]].flatten()])
        words = np.concatenate([sums.n.numpy().astype(np.int64).view(np.uint64), _whole(told)])
        uploads[name] = _masked(words, k, len(sites), shared, b"statistics")
    total = _total(uploads.values())
    n = torch.from_numpy(total[:classes].view(np.int64).astype(np.float64))
    s, Q = torch.from_numpy(_numbers(total[classes:])).split([classes * width, classes * (width * (width + 1) // 2)])
    square = torch.zeros(classes, width, width, dtype=torch.float64)
    a, b = torch.triu_indices(width, width)
    square[:, a, b] = square[:, b, a] = Q.reshape(classes, -1) * unit**2
    dtype = next(x.dtype for x, _ in sites.values())
    whole = ClassStats.from_sums(n, s.reshape(classes, width) * unit, square, centre=c)
    # Of Q, and twice that of s s^T / n, since s / n is at most R.
    _refuse_coarse(whole, 3 * error_of(len(sites), R, rows), R)
    found = ClassStats(whole.moments, dtype)
    return (found, {name: torch.from_numpy(words.view(np.int64)) for name, words in uploads.items()}) if view else found


def error_of(sites: int, reach: float, rows: int) -> float:
    """The most that a sum of second moments is off by: half a step for each of the ``sites``, and rounding in float64.

    Rounding, at a site and of the sum, is 2^-53 of what is added up, ``rows`` times ``reach**2`` at most.

    >>> error_of(5, 8.0, 1000) < 2e-10
    True
    """
    return reach**2 * (sites * 2.0 ** -(_BITS + 1) + rows * 2.0**-52)


def _refuse_coarse(found: ClassStats, error: float, reach: float) -> None:
    """Raises DomainError for a class whose scatter, a column, is not far above the ``error`` of its sums."""
    scatter = found.dense.scatter.diagonal(dim1=1, dim2=2).mean(1)
    # One row has no scatter.
    bad = (found.n > 1) & (error > _COARSE * scatter)
    if bool(bad.any()):
        worst = int(bad.nonzero()[0])
        raise DomainError(
            f"class {worst} with sums of squares of {float(scatter[worst]):.3g} about its mean, exact to {error:.3g}",
            f"sums that are exact to {_COARSE:g} of what is to be told",
            f"rows reach {reach:.3g} from the centre, and the farthest sets the step: look for an outlier, clip rows, "
            "or give a smaller reach=",
        )


def _common_mean(sites: Mapping[str, Rows], keys: Keys, reach: float | None) -> Tensor:
    """The mean of all rows, from masked numbers and sums about the origin."""
    R = _reach({name: x.double() for name, (x, _) in sites.items()}, reach) or 1.0
    uploads: list[Words] = []
    for k, (x, _) in enumerate(sites.values()):
        words = np.concatenate([np.array([len(x)], np.uint64), _whole(x.double().sum(0) / R)])
        uploads.append(_masked(words, k, len(sites), keys, b"centre"))
    total = _total(uploads)
    return torch.from_numpy(_numbers(total[1:])) * R / float(total[0])


def _reach(offsets: Mapping[str, Tensor], reach: float | None) -> float:
    """A bound on the length of all rows: where none is given a power of two, or 0 where all are 0."""
    lengths = {name: x.norm(dim=1) for name, x in offsets.items() if len(x)}
    if reach is None:
        most = max(float(length.max()) for length in lengths.values())
        return 2.0 ** math.ceil(math.log2(most) + 1e-9) if most else 0.0
    if not 0 < reach < math.inf:
        raise DomainError(f"reach={reach}", "a distance above 0 that no row exceeds")
    for name, length in lengths.items():
        beyond = int((length > reach).sum())
        if beyond:
            raise DomainError(f"{counted(beyond, 'row')} of {name} beyond {reach:g}", "rows within reach of the centre")
    return reach


def _whole(numbers: Tensor) -> Words:
    """Whole multiples of 2^-40, modulo 2^64: negative ones are in the upper half."""
    return np.rint(np.ldexp(numbers.numpy(), _BITS)).astype(np.int64).view(np.uint64)


def _numbers(words: Words) -> NDArray[np.float64]:
    return np.ldexp(words.view(np.int64).astype(np.float64), -_BITS)


def _masked(words: Words, site: int, sites: int, keys: Keys, purpose: bytes) -> Words:
    """Plus the mask shared with each later site, minus that with each earlier one; uint64 wraps around."""
    found = words.copy()
    for other in range(sites):
        if other != site:
            mask = _mask(keys(min(site, other), max(site, other)), len(words), purpose)
            found = found + mask if site < other else found - mask
    return found


def _mask(key: bytes, length: int, purpose: bytes) -> Words:
    """A stream of words that only who has the key can tell from noise: SHAKE-256 of key and purpose."""
    return np.frombuffer(hashlib.shake_256(key + purpose).digest(8 * length), np.uint64)


def _total(uploads: Iterable[Words]) -> Words:
    return reduce(lambda one, other: one + other, uploads)


def _drawn(sites: int) -> Keys:
    """A secret for each pair, from the operating system."""
    kept = {pair: secrets.token_bytes(32) for pair in combinations(range(sites), 2)}
    return lambda one, other: kept[one, other]
