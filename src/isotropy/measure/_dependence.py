"""Do rows depend on each other? Series that go on from row to row, tables that were sorted, places measured again."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.measure._places import places

Kind = Literal["none", "serial", "sorted", "repeated", "serial and repeated"]
Array = NDArray[np.float64]

_LAGS = 10  # single lags that are looked at, so that interleaved series are seen too
_SUMS = (4, 16, 64)  # and means over so many lags, in which weak but lasting dependence adds up
_PERMUTATIONS = 199
_ALPHA = 0.005  # familywise over columns and lags; permutations make it exact
_SURELY_NONE = 3.0  # standard deviations that no column exceeds: then 199 permutations would hardly all lie below
_ROWS = 4000  # a longer table is read in its first rows: dependence is local
_WINDOW = 16  # rows within which a sorted table must look shuffled
_BY_CHANCE = math.log(1e6)  # a column of fewer orders is sorted by chance too often
_FEWEST_UNITS = 8  # of fewer units no spread can be told
# Blocks of five decorrelation times (tau = 1 + 2 sum rho): beyond the borders 97 % of their rows stand alone.
_TIMES = 5.0
# Blocks that move together in a randomisation test, in decorrelation times: shorter ones reject true symmetries.
_LONG = 2.0


@dataclass(frozen=True, eq=False)
class Dependence:
    """Whether rows depend on each other in the order in which they stand, or repeat each other's inputs.

    ``kind`` says which; ``strength`` is the largest rank autocorrelation of a column (for repeated places the share of
    rows that repeat another), ``effective`` the number of independent rows they are worth, ``unit (n,)`` the suggested
    independent units, ``units`` of them, None where rows stand alone; ``block`` the rows in a block. ``sentence`` says
    it to a reader. ``series (n,)`` are longer blocks of a series, an even number of them: a randomisation test keeps
    its size where the two halves are contiguous and rows of one long block move together.
    """

    kind: Kind = "none"
    strength: float = 0.0
    effective: float = 0.0
    units: int = 0
    block: int = 1
    sentence: str = ""
    unit: Tensor | None = None
    series: Tensor | None = None

    @property
    def found(self) -> bool:
        """Whether rows are no units of their own."""
        return self.unit is not None


def dependence(
    x: Float[Tensor, "n p"], y: Float[Tensor, "n q"], *, timed: bool = False, generator: torch.Generator
) -> Dependence:
    """What the rows say about their own dependence: rank autocorrelation along their order, and nearly equal inputs.

    Series are found by permuting rows (Wald and Wolfowitz, Ann. Math. Stat. 14, 1943; the largest of all columns and
    lags, so that the chance of a false alarm is at most 0.5 % for the table). The suggested units are contiguous
    blocks of five decorrelation times, at least 8 of them; places measured again stay whole. A table that was merely
    sorted by a column is flagged and keeps its rows as units; ``timed`` says that the order is that of time.

    >>> steps = torch.randn(300, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> walk = steps.cumsum(0)
    >>> dependence(walk[:, :3], walk[:, 3:], generator=torch.Generator().manual_seed(1)).kind
    'serial'
    >>> dependence(steps[:, :3], steps[:, 3:], generator=torch.Generator().manual_seed(1)).kind
    'none'
    """
    n = len(x)
    place = places(x)
    repeated = n - int(place.max()) - 1
    first = _first_rows(place)
    found = _serial(x[first].numpy(), y[first].numpy(), timed, generator)
    if found.kind == "serial":
        m = len(first)
        pairs = max(int(found.effective / (2 * _LONG)), 1)
        found = replace(found, unit=_blocks(m, found.block), series=torch.arange(m) * 2 * pairs // m)
    if not repeated:
        return found
    count = int(place.max()) + 1
    sentence = (
        f"{n} rows measure {count} places, some of them again ({repeated} rows repeat nearly the inputs of others): "
        "rows of one place are kept together"
    )
    if found.unit is None:
        return Dependence("repeated", repeated / n, float(count), count, 1, sentence, place)
    return replace(found, kind="serial and repeated", sentence=f"{sentence}. {found.sentence}", unit=found.unit[place])


def _first_rows(place: Int[Tensor, " n"]) -> Int[Tensor, " m"]:
    """The first row of each place; places are numbered in the order of their first rows."""
    return torch.from_numpy(np.unique(place.numpy(), return_index=True)[1])


def _blocks(n: int, length: int) -> Int[Tensor, " n"]:
    """Contiguous blocks of about ``length`` rows, at least 8 of them."""
    count = max(n // max(length, 1), _FEWEST_UNITS)
    return torch.arange(n) * count // n


def _serial(x: Array, y: Array, timed: bool, generator: torch.Generator) -> Dependence:
    n = len(x)
    whole = np.concatenate([x, y], 1)
    columns = _ranks(whole[:_ROWS])
    none = Dependence(effective=float(n), units=n)
    if n < 4 * _FEWEST_UNITS or not columns.shape[1]:
        return none
    sorting = [] if timed else _sorting(whole)
    seed = int(torch.randint(2**31, (1,), generator=generator))
    if sorting:
        inputs = _ranks(np.delete(x, [c for c in sorting if c < x.shape[1]], axis=1)[:_ROWS])
        name = f"x[:, {sorting[0]}]" if sorting[0] < x.shape[1] else f"y[:, {sorting[0] - x.shape[1]}]"
        if not inputs.shape[1] or _p_value(_windowed(inputs), seed) > _ALPHA:
            sentence = (
                f"rows are sorted by {name}, and look independent otherwise: they are taken for independent rows that "
                "were sorted. If that column is the time of a series, say time="
            )
            return replace(none, kind="sorted", strength=1.0, sentence=sentence)
        columns = inputs
    elif _p_value(columns[None], seed) > _ALPHA:
        return none
    correlation = _autocorrelation(columns, min(len(columns) // 3, 1000))
    times = np.array([_decorrelation(column) for column in correlation.T])
    tau = float(times.max())
    strength = float(correlation[1 : _LAGS + 1].max())
    length = min(math.ceil(_TIMES * tau), n // _FEWEST_UNITS)
    effective, units = n / tau, max(n // length, _FEWEST_UNITS)
    short = length < _TIMES * tau
    sentence = (
        f"rows go on from their neighbours (rank autocorrelation up to {strength:.2f}): {n} rows are worth about "
        f"{effective:.0f} independent ones. {units} contiguous blocks of {length} rows are the units"
        + (f", too short for a decorrelation time of {tau:.0f} rows: p-values may still be too small" if short else "")
    )
    return Dependence("serial", strength, effective, units, length, sentence)


def _ranks(columns: Array) -> Array:
    """Standardised ranks, ties averaged, of the columns that vary."""
    varying = columns[:, (columns != columns[:1]).any(0)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ranks = scipy.stats.rankdata(varying, axis=0) if varying.size else varying
    ranks = ranks - ranks.mean(0)
    return ranks / np.sqrt((ranks**2).mean(0))


def _sorting(columns: Array) -> list[int]:
    """The columns by which the table is sorted, the first one outermost; empty where it is not sorted."""
    group = np.zeros(len(columns), int)
    chain: list[int] = []
    while True:
        within = group[1:] == group[:-1]
        if not within.any():
            return chain
        found = None
        for c in range(columns.shape[1]):
            step = np.diff(columns[:, c])[within]
            if c in chain or not step.any() or not ((step >= 0).all() or (step <= 0).all()):
                continue
            if chain or _orders(columns[:, c]) > _BY_CHANCE:
                found = c
                break
        if found is None:
            return chain
        chain.append(found)
        group = np.concatenate([[0], np.cumsum(~within | (np.diff(columns[:, found]) != 0))])


def _orders(column: Float[np.ndarray, " n"]) -> float:
    """The logarithm of the number of orders in which these values could stand: few, where they are nearly all equal."""
    counts = np.unique(column, return_counts=True)[1]
    return float(scipy.special.gammaln(len(column) + 1) - scipy.special.gammaln(counts + 1).sum())


def _windowed(columns: Array) -> Array:
    """Stretches of rows, each centred by itself, ``(windows, rows, columns)``."""
    count = len(columns) // _WINDOW
    parts = columns[: count * _WINDOW].reshape(count, _WINDOW, -1)
    return parts - parts.mean(1, keepdims=True)


def _p_value(windows: Float[np.ndarray, "w m c"], seed: int) -> float:
    """Permutation p-value of exchangeable rows within windows, for the largest standardised lagged product."""
    draw, (count, m, _) = np.random.default_rng(seed), windows.shape
    observed = _lagged(windows)
    # Under shuffling, products of standardised values at k lags have variance about k times the number of rows.
    lags = np.array([1] * min(_LAGS, m // 2) + [k for k in _SUMS if k <= m // 2])
    if float((observed / np.sqrt(lags[:, None] * count * m)).max()) < _SURELY_NONE:
        return 1.0
    drawn = [
        _lagged(np.take_along_axis(windows, draw.random((count, m)).argsort(1)[..., None], 1))
        for _ in range(_PERMUTATIONS)
    ]
    every = np.stack([observed, *drawn])
    spread = every.std(0)
    z = (every - every.mean(0)) / np.where(spread > 0, spread, 1.0)
    largest = z.reshape(len(z), -1).max(1)
    return float((largest >= largest[0]).mean())


def _lagged(windows: Float[np.ndarray, "w m c"]) -> Float[np.ndarray, "s c"]:
    """Sums of products at single lags and over many, of each column."""
    m = windows.shape[1]
    spectrum = np.fft.rfft(windows, 2 * m, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).sum(0)
    lags = np.fft.irfft(power, axis=0)[1 : m // 2 + 1]
    sums = [lags[:k].sum(0, keepdims=True) for k in _SUMS if k <= len(lags)]
    return np.concatenate([lags[:_LAGS], *sums])


def _autocorrelation(columns: Array, most: int) -> Float[np.ndarray, "lags c"]:
    n = len(columns)
    spectrum = np.fft.rfft(columns, 2 * n, axis=0)
    found = np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[: most + 1]
    return found / found[0]


def _decorrelation(correlation: Float[np.ndarray, " lags"]) -> float:
    """1 + 2 sum rho, summed as long as pairs of neighbouring lags are positive (Geyer, Stat. Sci. 7, 1992)."""
    odd = len(correlation) // 2 * 2
    pairs = correlation[:odd].reshape(-1, 2).sum(1)
    end = int(np.argmax(pairs <= 0)) if (pairs <= 0).any() else len(pairs)
    return max(2 * float(pairs[:end].sum()) - 1, 1.0)


def in_order(time: Float[Tensor, " n"], unit: Int[Tensor, " n"] | None) -> Int[Tensor, " n"]:
    """The order of the rows by ``time``, which must not repeat within one unit (without units: in the table).

    Raises DomainError for repeats.

    >>> in_order(torch.tensor([3.0, 1.0, 2.0]), None).tolist()
    [1, 2, 0]
    """
    label = torch.zeros(len(time), dtype=torch.int64) if unit is None else unit
    pairs = torch.stack([label.double(), time.double()], 1)
    repeats = len(time) - len(torch.unique(pairs, dim=0))
    if repeats:
        raise DomainError(
            f"time with {repeats} repeats inside one {'series' if unit is None else 'unit'}",
            "one row for each time in each unit",
            "name the series of each row with cluster= (in a schema, cluster: COLUMN), or leave time out",
        )
    return torch.argsort(time, stable=True)
