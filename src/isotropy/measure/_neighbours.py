"""Rows near each other: disjoint pairs of them, and what a plane through the nearest leaves of a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

_CANDIDATES = 16  # nearest rows among which pairs are sought
_STRETCHED = 5.0  # squared weights of a row one step outside its neighbours
_FLAT = 0.1  # directions in which neighbours extend less than this share of the longest count as none


def scaled(x: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "n q"]:
    """Columns that vary, in units of the range of the middle 90 %."""
    low, high = np.quantile(x, [0.05, 0.95], axis=0)
    spread = np.where(high > low, high - low, x.max(0) - x.min(0))
    return (x / np.where(spread > 0, spread, 1.0))[:, spread > 0]


def matchings(
    x: Float[np.ndarray, "n p"], unit: Int[np.ndarray, " n"], fold: Int[np.ndarray, " n"], count: int
) -> Int[np.ndarray, "e 2"]:
    """``count`` sets of disjoint pairs of near rows, no pair twice, rows of one fold and of different units.

    Nearest pairs first; rows left over are paired among themselves. Every row is met once in each set, but for at most
    one of each fold and those whose unit has no partner.
    """
    z, taken, found = scaled(x), set[tuple[int, int]](), []
    for part in np.unique(fold):
        rows = np.nonzero(fold == part)[0]
        for _ in range(count):
            found += _matched(z, unit, rows, taken)
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _matched(
    z: NDArray[np.float64], unit: NDArray[np.int64], rows: NDArray[np.int64], taken: set[tuple[int, int]]
) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    left, reach = rows, _CANDIDATES
    while len(left) > 1:
        near, distance = _nearest(z[left], min(reach, len(left) - 1))
        ends = np.repeat(np.arange(len(left)), near.shape[1]), near.ravel()
        free = np.ones(len(left), bool)
        before = len(pairs)
        for e in np.argsort(distance.ravel(), kind="stable"):
            i, j = int(ends[0][e]), int(ends[1][e])
            if not free[i] or not free[j]:
                continue
            a, b = int(left[i]), int(left[j])
            pair = (min(a, b), max(a, b))
            if unit[a] != unit[b] and pair not in taken:
                free[i] = free[j] = False
                taken.add(pair)
                pairs.append(pair)
        if len(pairs) == before and reach >= len(left) - 1:
            break
        left, reach = left[free], reach * 4
    return pairs


def _nearest(z: NDArray[np.float64], k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The ``k`` nearest other rows of each row, and their distances."""
    from sklearn.neighbors import NearestNeighbors

    distance, near = NearestNeighbors(n_neighbors=k).fit(z).kneighbors()
    return near, distance


@dataclass(frozen=True)
class Local:
    """Squared residuals of rows from a plane through their neighbours, in units of the noise energy of one row.

    ``squares`` at the nearest rows, ``wider`` at about twice the distance, of the rows with neighbours within the
    resolution (a share ``covered`` of all); ``used (m, k)`` are the rows behind each. ``all_squares`` of all rows.
    """

    squares: Float[np.ndarray, " m"]
    wider: Float[np.ndarray, " m"]
    used: Int[np.ndarray, "m k"]
    covered: float
    all_squares: Float[np.ndarray, " n"]
    all_used: Int[np.ndarray, "n k2"]


def local_residuals(
    x: Float[np.ndarray, "n p"],
    values: Float[np.ndarray, "n q"],
    unit: Int[np.ndarray, " n"],
    fold: Int[np.ndarray, " n"],
    resolution: float,
) -> Local | None:
    """What planes through near rows leave of each row; None where nothing lies within the resolution.

    Distances count both in units of the spread and in ranks, so that neither tails nor dense spots pass for near.
    """
    z = scaled(x)
    if not z.shape[1]:
        return None
    ranks = z.argsort(0).argsort(0) / len(z)
    k = 3 if z.shape[1] == 1 else 5
    squares, wider, all_used = np.full(len(z), np.nan), np.full(len(z), np.nan), np.zeros((len(z), k + 1), int)
    reach = np.full(len(z), np.inf)
    for part in np.unique(fold):
        rows = np.nonzero(fold == part)[0]
        if len(rows) < 4 * k + 2:
            return None
        near, distance = _nearest(z[rows], 4 * k)
        near, own = rows[near], unit[rows]
        # Rows of the same unit share their noise: they count as further away than any other.
        order = np.argsort(np.where(unit[near] == own[:, None], np.inf, distance), axis=1, kind="stable")
        near = np.take_along_axis(near, order, 1)
        close, second = near[:, :k], near[:, k : 4 * k : 2][:, :k]
        squares[rows], wider[rows] = (_off_plane(z, values, rows, some) for some in (close, second))
        all_used[rows] = np.concatenate([rows[:, None], close], 1)
        step = np.abs(z[close] - z[rows][:, None]).max(2).mean(1)
        ranked = np.abs(ranks[close] - ranks[rows][:, None]).max(2).mean(1)
        alone = (unit[close] == own[:, None]).any(1)
        reach[rows] = np.where(alone, np.inf, np.maximum(step, ranked / 2))
    inside = reach <= resolution
    if not inside.any():
        return None
    return Local(squares[inside], wider[inside], all_used[inside], float(inside.mean()), squares, all_used)


def _off_plane(
    z: NDArray[np.float64], values: NDArray[np.float64], rows: NDArray[np.int64], near: NDArray[np.int64]
) -> NDArray[np.float64]:
    """|y - w.y_near|^2 / (1 + |w|^2), w the least weights that sum to 1 and reproduce the place of the row.

    A direction in which neighbours hardly extend is not reproduced, which would take weights without bound.
    """
    step = z[near] - z[rows][:, None]
    centre = step.mean(1)
    U, s, V = np.linalg.svd(step - centre[:, None], full_matrices=False)
    kept = s > _FLAT * s[:, :1].clip(1e-300)
    along = np.einsum("nkd,nd->nk", V, -centre) * np.where(kept, 1 / np.where(kept, s, 1.0), 0.0)
    weight = 1 / near.shape[1] + np.einsum("nij,nj->ni", U, along)
    # Far beyond its neighbours a plane is no better than their mean.
    large = (weight**2).sum(1) > _STRETCHED
    weight[large] = 1 / near.shape[1]
    left = values[rows] - np.einsum("nk,nkq->nq", weight, values[near])
    return (left**2).sum(1) / (1 + (weight**2).sum(1))
