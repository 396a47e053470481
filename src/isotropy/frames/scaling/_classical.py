"""Multidimensional scaling: points from their distances to each other, or to a few landmarks, Euclidean or not."""

from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted, one_of
from isotropy.frames.scaling._distances import MDSResult, check_square, coordinates, kept, read_distances, stress
from isotropy.frames.scaling._solvers import Centred, TopSpectrum, in_full, lanczos, least, randomized

Method = Literal["eigh", "lanczos", "randomized"]
Negative = Literal["clip", "lingoes", "cailliez", "raise"]
Indices = NDArray[np.int64]


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
    _refuse_orientation(reflections)
    squared, back, tol = read_distances(D2, D, square=True)
    found, mass = _spectrum(Centred(squared), k, method, negative, generator, tol)
    k, rank = kept(found.values, k, tol)
    Y, values = coordinates(found, k, rank)
    return MDSResult(back(Y), back(values), stress(np.sqrt(squared), Y), mass, rank)


def _refuse_orientation(reflections: bool) -> None:
    """Raise DomainError where orientation is asked of distances."""
    if not reflections:
        given = "reflections=False with distances"
        raise DomainError(given, "reflections=True", "mirror images differ in coordinates only: InvariantCoordinates")


def _spectrum(
    B: Centred, k: int | None, method: str, negative: str, generator: torch.Generator | None, tol: float
) -> tuple[TopSpectrum, float]:
    """The spectrum after what ``negative`` does about it, and the share of negative mass before."""
    one_of("negative", negative, ("clip", "lingoes", "cailliez", "raise"))
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


def landmark_mds(D2: Any, landmarks: Any, k: int | None = None, *, reflections: bool = True) -> MDSResult:
    """Points from their squared distances ``D2 (n, m)`` to m of them, ``landmarks (m,)`` by index; O(n m + m^3).

    The landmarks are scaled among themselves, all points are placed by their distances to them, centred, and turned to
    their principal axes. For points of R^d and d + 1 landmarks in general position it equals `classical_mds`, whatever
    the landmarks; otherwise the result depends on them (`choose_landmarks`). Torch or numpy, the same kind comes out.

    Raises ShapeError and DomainError naming the entry as `classical_mds` does; DomainError for fewer than k + 1
    landmarks, for landmarks that coincide, and for reflections=False. Source: de Silva and Tenenbaum 2004; Platt 2005;
    specification 08 §2.5.

    >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [2.0, 2.0]], dtype=torch.float64)
    >>> D2 = torch.cdist(x, x).square()
    >>> torch.allclose(torch.cdist(y := landmark_mds(D2[:, :3], [0, 1, 2], k=2).Y, y), torch.cdist(x, x))
    True
    """
    _refuse_orientation(reflections)
    squared, back, tol = read_distances(D2, None, square=False)
    if squared.ndim != 2:
        raise ShapeError(f"D2 of shape {squared.shape}", "(n, m)")
    chosen = _indices(landmarks, len(squared))
    if len(chosen) != squared.shape[1]:
        raise ShapeError(f"{counted(len(chosen), 'landmark')} for D2 of shape {squared.shape}", "one for each column")
    if len(chosen) < (k or 1) + 1:
        raise DomainError(f"{counted(len(chosen), 'landmark')} for k={k or 1}", "at least k + 1")
    mutual = squared[chosen]
    check_square(mutual, "D2 among the landmarks", tol)
    same = np.argwhere(np.triu(mutual == 0, 1))
    if len(same):
        i, j = (int(chosen[a]) for a in same[0])
        raise DomainError(f"landmarks {i} and {j}, which coincide", "different points")
    found = in_full(Centred(mutual))
    k, rank = kept(found.values, k, tol)
    # y = -1/2 L# (delta - mean), L# = Lambda^-1/2 Q^T, for all points at once.
    along = found.vectors[:, :rank] / np.sqrt(found.values[:rank])
    Y = -0.5 * (squared - mutual.mean(0)) @ along
    Y -= Y.mean(0)
    lengths, turn = np.linalg.eigh(Y.T @ Y)
    turned = Y @ turn[:, ::-1]
    norm = np.sqrt(np.maximum(lengths[::-1], np.finfo(float).tiny))
    Y, values = coordinates(TopSpectrum(lengths[::-1], turned / norm, 0.0), k, rank)
    fit = stress(np.sqrt(squared), Y, Y[chosen])
    return MDSResult(back(Y), back(values), fit, found.negative_mass, rank)


def choose_landmarks(
    D2: Tensor, count: int, rule: Literal["maxmin", "random"] = "maxmin", *, generator: torch.Generator | None = None
) -> Int[Tensor, " m"]:
    """Indices of ``count`` landmarks among the points of squared distances ``D2 (n, n)``.

    "maxmin" starts from the medoid, the point of the least sum of distances, and adds the point farthest from those
    chosen: no draw, and no order of points but where several are equally far. "random" draws from ``generator``.
    Raises DomainError for a count outside 1..n, or random landmarks without a generator. Source: de Silva and
    Tenenbaum 2004, section 3 (maxmin and random); farthest first is that of Gonzalez 1985; the start, which they draw,
    is ours; specification 08 §2.5.

    >>> x = torch.tensor([[0.0], [1.0], [4.0], [9.0], [20.0]])
    >>> choose_landmarks((x - x.T).square(), 3).tolist()
    [2, 4, 3]
    """
    n = len(D2)
    if not 1 <= count <= n:
        raise DomainError(counted(count, "landmark"), f"1 to {n}")
    if rule == "random":
        if generator is None:
            raise DomainError("random landmarks without a generator", "generator=torch.Generator()")
        return torch.randperm(n, generator=generator)[:count]
    if rule != "maxmin":
        raise DomainError(f"rule={rule!r}", "'maxmin' or 'random'")
    chosen = [int(D2.sqrt().sum(1).argmin())]
    nearest = D2[chosen[0]].clone()
    for _ in range(count - 1):
        chosen.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, D2[chosen[-1]])
    return torch.tensor(chosen, device=D2.device)


def _indices(landmarks: Any, n: int) -> Indices:
    found = landmarks.cpu().numpy() if isinstance(landmarks, Tensor) else np.asarray(landmarks)
    if found.ndim != 1 or found.dtype.kind != "i":
        raise DomainError(f"landmarks {landmarks!r}", "indices of points")
    if found.min(initial=0) < 0 or found.max(initial=0) >= n:
        raise DomainError(f"a landmark {int(found.max(initial=0))}", f"indices 0 to {n - 1}")
    repeated = np.flatnonzero(np.bincount(found) > 1)
    if len(repeated):
        raise DomainError(f"landmark {int(repeated[0])} twice", "different points")
    return found.astype(np.int64)
