"""Distances as they are given, points along principal axes, and how far these are from the distances given."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import torch
from numpy.typing import NDArray

from isotropy.errors import DomainError, DtypeError, ShapeError, counted
from isotropy.frames._padded import DegenerateCloudError
from isotropy.frames.scaling._solvers import Array, TopSpectrum

SHARE = 0.99
"""Of the positive mass, by default kept."""
_SYMMETRY = 1e-8
"""Relative to the largest distance: how far from symmetry, and from zeros on the diagonal, distances may be."""
_TILE = 256
"""Side of the squares in which symmetry is checked, so that both fit into the cache."""
ENTRIES = 2**16
"""Distances held at a time, so that they stay in the cache."""


class RankWarning(UserWarning):
    """More dimensions were asked for than the distances span; the others are zero."""


@dataclass(frozen=True, eq=False)
class MDSResult:
    """Points ``Y (n, k)`` in the unit of the distances: centred, along principal axes, ``Y^T Y = diag(eigenvalues)``.

    ``stress`` compares with the distances given (of landmarks: to these); ``negative_mass`` is the share of negative
    eigenvalues, sum |l-| / sum |l| (0 for Euclidean distances; from a part of the spectrum a lower bound); ``rank``
    counts the k axes that are not zero.

    >>> from isotropy.frames import classical_mds
    >>> corners = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0], [3.0, 4.0]], dtype=torch.float64)
    >>> found = classical_mds(D=torch.cdist(corners, corners), k=1)
    >>> [round(v, 4) for v in found.eigenvalues.tolist()], found.rank, found.stress > 0.1
    ([16.0], 1, True)
    """

    Y: Any
    eigenvalues: Any
    stress: float
    negative_mass: float
    rank: int


def kept(values: Array, k: int | None, tol: float) -> tuple[int, int]:
    """The number of axes asked for, and how many of them are not zero; warns where these differ."""
    if not values[0] > 0:
        raise DegenerateCloudError("distances that are all zero", "two different points")
    positive = values[values > tol * values[0]]
    if k is None:
        k = int(np.searchsorted(np.cumsum(positive), SHARE * positive.sum())) + 1
    if isinstance(k, bool) or k < 1:
        raise DomainError(f"k={k}", "a positive number of dimensions")
    rank = min(k, len(positive))
    if rank < k:
        warnings.warn(f"k={k} exceeds the rank {rank}: the other axes are zero", RankWarning, stacklevel=3)
    return k, rank


def coordinates(found: TopSpectrum, k: int, rank: int) -> tuple[Array, Array]:
    """Coordinates (n, k) along the first ``rank`` axes and their eigenvalues (k,), both zero beyond these."""
    values = np.zeros(k)
    values[:rank] = found.values[:rank]
    Y = np.zeros((len(found.vectors), k))
    Y[:, :rank] = found.vectors[:, :rank] * np.sqrt(values[:rank])
    # A sign that does not depend on the solver; where the third moment vanishes neither choice is better.
    return Y * np.where((Y**3).sum(0) < 0, -1.0, 1.0), values


def read_distances(D2: Any, D: Any, *, square: bool) -> tuple[Array, Callable[[Array], Any], float]:
    """Squared distances in float64, the way back to the kind given, and the tolerance that its dtype deserves."""
    if (D2 is None) == (D is None):
        raise DomainError("both D and D2" if D is not None else "neither D nor D2", "exactly one of them")
    given = D2 if D is None else D
    like = given if isinstance(given, torch.Tensor) else None
    array = given.detach().cpu().numpy() if isinstance(given, torch.Tensor) else np.asarray(given)
    if array.dtype.name not in ("float32", "float64"):
        raise DtypeError(f"distances of dtype {array.dtype}", "float32 or float64", "cast them first")
    values, tol = array.astype(np.float64), 1e-10 if array.dtype.name == "float64" else 1e-5
    if values.size and not (values.min() >= 0 and values.max() < np.inf):
        _refuse(~np.isfinite(values), values, "finite distances")
        _refuse(values < 0, values, "distances that are not negative")
    if square:
        check_square(values, "D2" if D is None else "D", tol, squared=D is None)

    def back(value: Array) -> Any:
        if like is not None:
            return torch.from_numpy(np.ascontiguousarray(value)).to(like)
        return value.astype(array.dtype)

    return values if D is None else np.square(values, out=values), back, tol


def check_square(given: Array, name: str, tol: float, *, squared: bool = True) -> None:
    """Raise unless square, symmetric to ``tol`` (1e-8 at least), zero on the diagonal; names the first bad entry.

    Distances that are not ``squared`` are held to that in their squares: they are roots of differences of products,
    as ``torch.cdist`` takes them, and the root of a rounding is 1e-3 of the largest in single precision.
    """
    if given.ndim != 2 or given.shape[0] != given.shape[1]:
        raise ShapeError(f"{name} of shape {given.shape}", "(n, n)")
    n = len(given)
    if n < 2:
        raise ShapeError(f"{name} between {counted(n, 'point')}", "at least 2")
    shown, given = given, given if squared else np.square(given)
    least = max(tol, _SYMMETRY) * float(given.max())
    if bool((given.diagonal() > least).any()):
        _refuse(np.eye(n, dtype=bool) & (given > least), shown, "zeros on the diagonal")
    for i in range(0, n, _TILE):
        for j in range(i, n, _TILE):
            one, other = given[i : i + _TILE, j : j + _TILE], given[j : j + _TILE, i : i + _TILE]
            if bool((np.abs(one - other.T) > least).any()):
                _refuse(np.abs(given - given.T) > least, shown, "symmetric distances")


def _refuse(bad: Any, values: Array, expected: str) -> None:
    if bool(bad.any()):
        entry = tuple(int(i) for i in np.argwhere(bad)[0])
        where = ", ".join(map(str, entry))
        raise DomainError(f"entry ({where}) = {float(values[entry]):.6g}", expected)


def stress(D: Any, Y: Any, Z: Any = None) -> float:
    """Kruskal's stress-1, ``sqrt(sum (D_ij - |y_i - z_j|)^2 / sum D_ij^2)``, 0 for a perfect embedding.

    Distances ``D (n, m)`` (not squared) between the rows of ``Y (n, k)`` and of ``Z (m, k)``, by default Y again;
    torch or numpy. All-zero D gives 0 for coinciding points, else infinity. Raises ShapeError for sizes that disagree,
    DtypeError for integers. Source: Kruskal 1964; specification 08 §2.4.

    >>> stress(torch.tensor([[0.0, 2.0], [2.0, 0.0]]), torch.tensor([[0.0], [1.0]]))
    0.5
    """
    d, y = _floats(D), _floats(Y)
    z = y if Z is None else _floats(Z)
    if y.ndim != 2 or z.ndim != 2 or d.shape != (len(y), len(z)) or y.shape[1] != z.shape[1]:
        shapes = ", ".join(str(a.shape) for a in (d, y, z))
        raise ShapeError(f"D, Y and Z of shapes {shapes}", "(n, m), (n, k) and (m, k)")
    error = 0.0
    rows = max(1, ENTRIES // max(1, len(z)))
    for i in range(0, len(y), rows):
        apart = scipy.spatial.distance.cdist(y[i : i + rows], z)
        apart -= d[i : i + rows]
        error += float(np.vdot(apart, apart))
    given = float(np.vdot(d, d))
    return math.sqrt(error / given) if given else (0.0 if error == 0 else math.inf)


def _floats(value: Any) -> NDArray[np.float64]:
    array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    if array.dtype.kind != "f":
        raise DtypeError(f"dtype {array.dtype}", "floating point", "cast it first")
    return array.astype(np.float64, copy=False)
