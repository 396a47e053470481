"""What sites add up where nobody may see a summand, as whole words modulo 2^64, and the sums read again.

Whoever masks the words, whatever carries them: sums are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import DomainError, InfeasibleError, counted
from isotropy.federation._algorithms import ALGORITHMS, Upload
from isotropy.federation._statistics import ClassStats

Words = NDArray[np.uint64]
Layout = dict[str, tuple[int, ...]]
"""The shape of each part of what is added up, which is no secret."""
BITS = 40
"""Numbers are whole multiples of 2^-40 of their bound: sums of 2^23 rows stay within 63 bits and a sign."""
MOST = 2 ** (63 - BITS)
_COARSE = 1e-4
"""The relative error that a variance may have: 5,000 rows leave it unknown by two hundred times as much."""
_SHARE = 2.0**-10
"""The unit in which rows weigh the weights of a site, so that 2^23 is far from their sums."""


def means_words(away: Tensor, y: Tensor, classes: int, reach: float) -> Words:
    """Numbers of rows of each class, and the sum of all rows, which are at most ``reach`` away."""
    return np.concatenate([_counts(torch.bincount(y, minlength=classes)), _whole(away.sum(0) / _unit(reach))])


def means_of(total: Words, classes: int, reach: float) -> tuple[Tensor, Tensor]:
    """Numbers ``(C,)`` of the rows of all sites, and their mean ``(p,)``."""
    n = torch.from_numpy(total[:classes].view(np.int64).astype(np.float64))
    return n, torch.from_numpy(_numbers(total[classes:])) * _unit(reach) / n.sum().clamp_min(1.0)


def statistics_words(x: Tensor, y: Tensor, classes: int, centre: Tensor, reach: float, site: str) -> Words:
    """(n, s/R, upper part of Q/R^2) of rows that are at most R = ``reach`` away from a ``centre``."""
    sums = ClassStats.from_data(x.double(), y, classes=classes, site=site).to_sums(centre)
    a, b = torch.triu_indices(x.shape[1], x.shape[1])
    unit = _unit(reach)
    told = torch.cat([(sums.s / unit).flatten(), (sums.Q / unit**2)[:, a, b].flatten()])
    return np.concatenate([_counts(sums.n), _whole(told)])


def statistics_of(
    total: Words, classes: int, centre: Tensor, reach: float, sites: int, dtype: torch.dtype
) -> ClassStats:
    """The ClassStats of the rows of all ``sites``. Raises DomainError where sums are too coarse for a class."""
    width, unit = len(centre), _unit(reach)
    n = torch.from_numpy(total[:classes].view(np.int64).astype(np.float64))
    s, Q = torch.from_numpy(_numbers(total[classes:])).split([classes * width, classes * (width * (width + 1) // 2)])
    square = torch.zeros(classes, width, width, dtype=torch.float64)
    a, b = torch.triu_indices(width, width)
    square[:, a, b] = square[:, b, a] = Q.reshape(classes, -1) * unit**2
    whole = ClassStats.from_sums(n, s.reshape(classes, width) * unit, square, centre=centre)
    # Of Q, and twice that of s s^T / n, since s / n is at most R.
    _refuse_coarse(whole, 3 * error_of(sites, reach, int(n.sum())), reach)
    return ClassStats(whole.moments, dtype)


def error_of(sites: int, reach: float, rows: int) -> float:
    """The most that a sum of second moments is off by: half a step for each of the ``sites``, and rounding in float64.

    Rounding, at a site and of the sum, is 2^-53 of what is added up, ``rows`` times ``reach**2`` at most.

    >>> error_of(5, 8.0, 1000) < 2e-10
    True
    """
    return reach**2 * (sites * 2.0 ** -(BITS + 1) + rows * 2.0**-52)


def upload_words(upload: Upload, loss: float, algorithm: str, sites: int, site: str) -> tuple[Words, Layout]:
    """a w, what the algorithm adds, a and the loss, with a = 1 where the algorithm takes plain means of the weights,
    and the rows behind them elsewhere. Raises InfeasibleError for weights that have grown beyond what words hold."""
    a = 1.0 if ALGORITHMS[algorithm].plain else upload.n * _SHARE
    parts = {"w": a * upload.w, **{name: upload.extra[name] for name in sorted(upload.extra)}}
    told = torch.cat([*(part.detach().double().flatten() for part in parts.values()), torch.tensor([a, loss]).double()])
    if not bool(told.isfinite().all()) or float(told.abs().max()) >= MOST / sites:
        given = f"weights of {site} times its rows, of up to {float(told.abs().max()):.3g}"
        raise InfeasibleError(given, f"numbers below {MOST / sites:.3g}", "train with a lower learning_rate")
    return _whole(told), {name: tuple(part.shape) for name, part in parts.items()}


def uploads_of(total: Words, layout: Mapping[str, Sequence[int]], w: Tensor, sites: int) -> tuple[list[Upload], float]:
    """For each of the ``sites`` the mean of what all sent, and the mean of their losses.

    Algorithms take sums and means over uploads, no more: equal ones have the same.
    """
    sizes = [int(np.prod(shape, dtype=np.int64)) for shape in layout.values()]
    *parts, (a, loss) = np.split(_numbers(total), np.cumsum(sizes))
    found = {
        name: torch.from_numpy(part).reshape(tuple(shape)).to(w.dtype)
        for (name, shape), part in zip(layout.items(), (parts[0] / a, *(p / sites for p in parts[1:])), strict=True)
    }
    mean = Upload(found.pop("w"), 1.0, found)
    return [mean] * sites, float(loss) / sites


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


def within(lengths: Tensor, reach: float, site: str) -> None:
    """Raises DomainError, with the ``site``, for rows of ``lengths (n,)`` beyond a public ``reach``."""
    beyond = int((lengths > reach).sum())
    if beyond:
        raise DomainError(f"{counted(beyond, 'row')} of {site} beyond {reach:g}", "rows within reach of the centre")


def _unit(reach: float) -> float:
    """Where all rows are the centre, sums are 0 in any unit."""
    return reach or 1.0


def _counts(n: Tensor) -> Words:
    return n.numpy().astype(np.int64).view(np.uint64)


def _whole(numbers: Tensor) -> Words:
    """Whole multiples of 2^-40, modulo 2^64: negative ones are in the upper half."""
    return np.rint(np.ldexp(numbers.numpy(), BITS)).astype(np.int64).view(np.uint64)


def _numbers(words: Words) -> NDArray[np.float64]:
    return np.ldexp(words.view(np.int64).astype(np.float64), -BITS)
