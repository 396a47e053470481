"""Classical multidimensional scaling: points from their distances, Euclidean or not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.frames.coordinates._degenerate import DegenerateCloudError
from isotropy.frames.scaling._solvers import Array, Centred, Spectrum, in_full, lanczos, least, randomized
from isotropy.frames.scaling._stress import stress

Method = Literal["eigh", "lanczos", "randomized", "landmark"]
Negative = Literal["clip", "lingoes", "cailliez", "raise"]
SHARE = 0.99
"""Of the positive mass, by default kept."""
SYMMETRY = 1e-8
"""Relative to the largest distance: how far from symmetry, and from zeros on the diagonal, distances may be."""
_TILE = 256
"""Side of the squares in which symmetry is checked, so that both fit into the cache."""


class RankWarning(UserWarning):
    """More dimensions were asked for than the distances span; the others are zero."""


@dataclass(frozen=True, eq=False)
class MDSResult:
    """Points ``Y (n, k)`` in the unit of the distances: centred, along principal axes, ``Y^T Y = diag(eigenvalues)``.

    ``stress`` compares with the distances given (of landmarks: to these); ``negative_mass`` is the share of negative
    eigenvalues, sum |l-| / sum |l| (0 for Euclidean distances; from a part of the spectrum a lower bound); ``rank``
    counts the k axes that are not zero.

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


def classical_mds(
    D2: Any = None,
    *,
    D: Any = None,
    k: int | None = None,
    method: Method = "eigh",
    landmarks: Any = None,
    negative: Negative = "clip",
    reflections: bool = True,
    generator: torch.Generator | None = None,
) -> MDSResult:
    """The best points in k dimensions for squared distances ``D2 (n, n)``, or distances ``D (n, n)``; no gradient.

    Torch or numpy, and the same kind comes out. ``k`` defaults to the fewest axes with 99 % of the positive mass.
    "eigh" takes the whole spectrum, O(n^3); "lanczos" and "randomized" the k leading pairs, O(n^2 k);
    "landmark" uses the distances to ``landmarks``, a number or indices, O(n m + m^3) (see `landmark_mds`).
    Negative eigenvalues, of distances that no points have, are left out ("clip"), refused, or removed by a constant
    added to all squared distances ("lingoes") or to all distances ("cailliez"). Mirror images have the same distances:
    ``reflections=False``, which tells them apart in `InvariantCoordinates`, is refused.

    Raises DomainError naming the entry for NaN, negative and asymmetric (1e-8, in float32 1e-5) distances and a
    diagonal that is not zero; ShapeError, DtypeError (integers); DegenerateCloudError where all distances are zero.
    Warns (RankWarning) and pads with zeros where k exceeds the rank. Source: Torgerson 1952; Gower 1966; specification
    08 §2.2, §2.4-2.5.

    >>> line = torch.tensor([[0.0], [1.0], [5.0]])
    >>> found = classical_mds(D=torch.cdist(line, line))
    >>> found.Y.round(decimals=4).tolist(), found.rank
    ([[-2.0], [-1.0], [3.0]], 1)
    """
    refuse_orientation(reflections)
    squared, back, tol = read_distances(D2, D, square=True)
    if method == "landmark":
        from isotropy.frames.scaling._landmarks import among

        return among(squared, back, tol, k, landmarks, negative, generator)
    if landmarks is not None:
        raise DomainError(f"landmarks with method={method!r}", "method='landmark'")
    found, mass = _spectrum(Centred(squared), k, method, negative, generator, tol)
    k, rank = kept(found.values, k, tol)
    Y, values = coordinates(found, k, rank)
    return MDSResult(back(Y), back(values), stress(np.sqrt(squared), Y), mass, rank)


def _spectrum(
    B: Centred, k: int | None, method: str, negative: str, generator: torch.Generator | None, tol: float
) -> tuple[Spectrum, float]:
    """The spectrum after what ``negative`` does about it, and the share of negative mass before."""
    if negative not in ("clip", "lingoes", "cailliez", "raise"):
        raise DomainError(f"negative={negative!r}", "'clip', 'lingoes', 'cailliez' or 'raise'")
    if negative == "cailliez" and method != "eigh":
        raise DomainError(f"negative='cailliez' with method={method!r}", "method='eigh'", "or negative='lingoes'")
    found = _solve(B, k, method, generator)
    if negative == "clip":
        return found, found.negative_mass
    lowest = float(found.values[-1]) if method == "eigh" else least(B)
    if lowest >= -tol * max(float(found.values[0]), 0.0):
        return found, found.negative_mass
    if negative == "raise":
        hint = "negative='clip', 'lingoes' or 'cailliez' says what to do about them"
        raise DomainError(f"distances with an eigenvalue {lowest:.4g}", "Euclidean distances", hint)
    shifted = _shift(B, -lowest) if negative == "lingoes" else _shift_distances(B)
    return _solve(shifted, k, method, generator), found.negative_mass


def _solve(B: Centred, k: int | None, method: str, generator: torch.Generator | None) -> Spectrum:
    if method == "eigh":
        return in_full(B)
    if method not in ("lanczos", "randomized"):
        raise DomainError(f"method={method!r}", "'eigh', 'lanczos', 'randomized' or 'landmark'")
    if k is None:
        raise DomainError(f"method={method!r} without k", "a number of dimensions", "the share needs all eigenvalues")
    if method == "lanczos":
        return lanczos(B, k, generator)
    if generator is None:
        raise DomainError("method='randomized' without a generator", "generator=torch.Generator()")
    return randomized(B, k, generator)


def _shift(B: Centred, c: float) -> Centred:
    """Squared distances that are larger by 2c: every eigenvalue but that of 1 grows by c (Lingoes 1971)."""
    D2 = B.D2 + 2 * c
    np.fill_diagonal(D2, 0.0)
    return Centred(D2)


def _shift_distances(B: Centred) -> Centred:
    """Distances larger by the least constant that makes them Euclidean (Cailliez 1983, proposition 3)."""
    n = len(B)
    D = np.sqrt(B.D2)
    system = np.block([[np.zeros((n, n)), 2 * B.dense()], [-np.eye(n), -4 * Centred(D).dense()]])
    D = D + float(np.linalg.eigvals(system).real.max())
    np.fill_diagonal(D, 0.0)
    return Centred(D**2)


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
        warnings.warn(f"k={k} exceeds the rank {rank}: the other axes are zero", RankWarning, stacklevel=4)
    return k, rank


def coordinates(found: Spectrum, k: int, rank: int) -> tuple[Array, Array]:
    """Coordinates (n, k) along the first ``rank`` axes and their eigenvalues (k,), both zero beyond these."""
    values = np.zeros(k)
    values[:rank] = found.values[:rank]
    Y = np.zeros((len(found.vectors), k))
    Y[:, :rank] = found.vectors[:, :rank] * np.sqrt(values[:rank])
    # A sign that does not depend on the solver; where the third moment vanishes neither choice is better.
    return Y * np.where((Y**3).sum(0) < 0, -1.0, 1.0), values


def refuse_orientation(reflections: bool) -> None:
    """Raise DomainError where orientation is asked of distances."""
    if not reflections:
        given = "reflections=False with distances"
        raise DomainError(given, "reflections=True", "mirror images differ in coordinates only: InvariantCoordinates")


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
        check_square(values, "D2" if D is None else "D", max(tol, SYMMETRY))

    def back(value: Array) -> Any:
        if like is not None:
            return torch.from_numpy(np.ascontiguousarray(value)).to(like)
        return value.astype(array.dtype)

    return values if D is None else np.square(values, out=values), back, tol


def check_square(given: Array, name: str, tol: float) -> None:
    """Raise unless square and symmetric to ``tol`` with a diagonal of zeros, naming the first bad entry."""
    if given.ndim != 2 or given.shape[0] != given.shape[1]:
        raise ShapeError(f"{name} of shape {given.shape}", "(n, n)")
    n = len(given)
    if n < 2:
        raise ShapeError(f"{name} between {n} points", "at least 2")
    least = tol * float(given.max())
    if bool((given.diagonal() > least).any()):
        _refuse(np.eye(n, dtype=bool) & (given > least), given, "zeros on the diagonal")
    for i in range(0, n, _TILE):
        for j in range(i, n, _TILE):
            one, other = given[i : i + _TILE, j : j + _TILE], given[j : j + _TILE, i : i + _TILE]
            if bool((np.abs(one - other.T) > least).any()):
                _refuse(np.abs(given - given.T) > least, given, "symmetric distances")


def _refuse(bad: Any, values: Array, expected: str) -> None:
    if bool(bad.any()):
        entry = tuple(int(i) for i in np.argwhere(bad)[0])
        where = ", ".join(map(str, entry))
        raise DomainError(f"entry ({where}) = {float(values[entry]):.6g}", expected)
