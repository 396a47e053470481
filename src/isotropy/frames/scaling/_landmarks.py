"""Multidimensional scaling from the distances to a few landmarks."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.frames.scaling._distances import (
    SYMMETRY,
    MDSResult,
    check_square,
    coordinates,
    kept,
    read_distances,
    refuse_orientation,
)
from isotropy.frames.scaling._solvers import Array, Centred, TopSpectrum, in_full
from isotropy.frames.scaling._stress import stress

Indices = NDArray[np.int64]


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
    refuse_orientation(reflections)
    squared, back, tol = read_distances(D2, None, square=False)
    if squared.ndim != 2:
        raise ShapeError(f"D2 of shape {squared.shape}", "(n, m)")
    return _placed(squared, _indices(landmarks, len(squared)), back, tol, k)


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
        raise DomainError(f"{count} landmarks", f"1 to {n}")
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


def _placed(squared: Array, chosen: Indices, back: Callable[[Array], Any], tol: float, k: int | None) -> MDSResult:
    if len(chosen) != squared.shape[1]:
        raise ShapeError(f"{len(chosen)} landmarks for D2 of shape {squared.shape}", "one for each column")
    if len(chosen) < (k or 1) + 1:
        raise DomainError(f"{len(chosen)} landmarks for k={k or 1}", "at least k + 1")
    mutual = squared[chosen]
    check_square(mutual, "D2 among the landmarks", max(tol, SYMMETRY))
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
