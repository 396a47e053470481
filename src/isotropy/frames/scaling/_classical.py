"""Classical multidimensional scaling: points from their distances, Euclidean or not."""

from typing import Any, Literal

import numpy as np
import torch

from isotropy.errors import DomainError
from isotropy.frames.scaling._distances import MDSResult, coordinates, kept, read_distances, refuse_orientation
from isotropy.frames.scaling._solvers import Centred, TopSpectrum, in_full, lanczos, least, randomized
from isotropy.frames.scaling._stress import stress

Method = Literal["eigh", "lanczos", "randomized"]
Negative = Literal["clip", "lingoes", "cailliez", "raise"]


def classical_mds(
    D2: Any = None,
    *,
    D: Any = None,
    k: int | None = None,
    method: Method = "eigh",
    negative: Negative = "clip",
    reflections: bool = True,
    generator: torch.Generator | None = None,
) -> MDSResult:
    """The best points in k dimensions for squared distances ``D2 (n, n)``, or distances ``D (n, n)``; no gradient.

    Torch or numpy, and the same kind comes out. ``k`` defaults to the fewest axes with 99 % of the positive mass.
    "eigh" takes the whole spectrum, O(n^3); "lanczos" and "randomized" the k leading pairs, O(n^2 k)
    (`landmark_mds` asks for a few columns only).
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
    found, mass = _spectrum(Centred(squared), k, method, negative, generator, tol)
    k, rank = kept(found.values, k, tol)
    Y, values = coordinates(found, k, rank)
    return MDSResult(back(Y), back(values), stress(np.sqrt(squared), Y), mass, rank)


def _spectrum(
    B: Centred, k: int | None, method: str, negative: str, generator: torch.Generator | None, tol: float
) -> tuple[TopSpectrum, float]:
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


def _solve(B: Centred, k: int | None, method: str, generator: torch.Generator | None) -> TopSpectrum:
    if method == "eigh":
        return in_full(B)
    if method not in ("lanczos", "randomized"):
        raise DomainError(f"method={method!r}", "'eigh', 'lanczos' or 'randomized'")
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
