"""Who is near whom in ragged clouds, and points spread over them: by a tree, never by all pairs."""

import math
from functools import cache
from typing import Any

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError, counted
from isotropy.linalg._segments import Segments

ULPS = 64
"""Lengths that differ by fewer units of the last place of the farthest point are equal: a motion rounds as much."""


def neighbours(
    x: Tensor, *, k: int | None = None, radius: float | None = None, segments: Segments | None = None
) -> Int[Tensor, "2 E"]:
    """Pairs (source, target) of points of one segment, by target: its ``k`` nearest others, or all within ``radius``.

    ``x (N, d)`` and ``radius``, which pairs are nearer than, are in one unit. Points that are as far as the k-th
    nearest, to the rounding of a motion, come along: which are near changes neither with a motion nor with the order of
    points. A target in a segment of k points or fewer has all others. Found on the CPU, in time and memory about N k.

    Raises DomainError unless exactly one of k >= 1 and radius > 0 is given, and for coordinates that are not finite;
    ShapeError; DtypeError for integers and half precision.

    >>> line = torch.tensor([[0.0], [1.0], [2.0], [9.0]])
    >>> neighbours(line, k=1).tolist()  # the point at 1 has two
    [[1, 0, 2, 1, 2], [0, 1, 1, 2, 3]]
    >>> neighbours(line, radius=1.5, segments=Segments(torch.tensor([0, 0, 1, 1]), 2)).tolist()
    [[1, 0], [0, 1]]
    """
    if (k is None) == (radius is None):
        raise DomainError(f"k={k}, radius={radius}", "one of the two", "k=10")
    if (k is not None and k < 1) or (radius is not None and not radius > 0):
        raise DomainError(f"k={k}, radius={radius}", "k >= 1 or radius > 0")
    if radius is not None and not math.isfinite(radius):
        raise DomainError(f"radius={radius}", "a finite length")
    where, label = _centred(x, segments)
    if not len(where):
        return torch.zeros(2, 0, dtype=torch.int64, device=x.device)
    if radius is None:
        pairs = _nearest(where, label, int(k or 0), resolution(x, segments).cpu().numpy())
    else:
        pairs = _within(where, x.detach().cpu().double().numpy(), label, radius)
    return torch.from_numpy(np.ascontiguousarray(pairs.T)).to(x.device)


def farthest_points(x: Tensor, k: int, segments: Segments | None = None) -> tuple[Int[Tensor, " M"], Segments]:
    """Up to ``k`` points of each segment, spread over it: the row of each, in the order of choice, and its segment.

    The first is the farthest from the centroid, each next one the farthest from those chosen. Of points that are
    equally far, to the rounding of a motion, the one wins whose distances to those chosen sum to most, then the one
    farthest from the centroid, then the one with the largest third and fourth moment of the cloud along it, none of
    which changes with a motion or with the order of points; what is still alike is as a rule exchanged by a symmetry of
    the cloud, and the first row stands for all. Time is N k, memory N.

    Raises DomainError for k < 1 and coordinates that are not finite; ShapeError; DtypeError. Source: Gonzalez 1985; the
    start and the rule for ties are ours.

    >>> rows, of = farthest_points(torch.tensor([[0.0], [1.0], [4.0], [9.0], [20.0]]), 3)
    >>> rows.tolist(), of.label.tolist()
    ([4, 0, 3], [0, 0, 0])
    """
    if k < 1:
        raise DomainError(f"k={k} points", "k >= 1")
    where, label = _centred(x, segments)
    y, count = torch.from_numpy(where), 1 if segments is None else segments.count
    sets = Segments(torch.from_numpy(label), count)
    if not len(y):
        return torch.zeros(0, dtype=torch.int64, device=x.device), Segments(sets.label.to(x.device), count)
    tol = resolution(x, segments).cpu()
    away = y.norm(dim=1)
    nearest, sums = away, torch.zeros_like(away)
    free, chosen = torch.ones_like(sets.label, dtype=torch.bool), []

    @cache
    def moments() -> list[Float[Tensor, " N"]]:
        return _moments_along(y, sets)

    rules = (lambda: nearest, lambda: sums, lambda: away, lambda: moments()[0], lambda: moments()[1])
    for step in range(min(k, int(sets.sizes.max()))):
        left = free.clone()
        for rule in rules:
            key = rule()
            best = sets.gather(sets.peaks(torch.where(left, key, -torch.inf)))
            left &= key >= best - tol
            if int(sets.sum(left.long()).max()) <= 1:  # ties are rare, and their rules cost
                break
        rows = torch.full((count,), len(y)).scatter_reduce(0, sets.label[left], left.nonzero().flatten(), "amin")
        some = rows[rows < len(y)]
        chosen.append(some)
        free[some] = False
        to = torch.full((count,), -1).index_put((sets.label[some],), some)[sets.label]
        apart = torch.where(to >= 0, (y - y[to.clamp_min(0)]).norm(dim=1), torch.inf)
        nearest = apart if step == 0 else torch.minimum(nearest, apart)
        sums = sums + torch.where(to >= 0, apart, 0.0)
    rows = torch.cat(chosen)
    # One segment after another, each in its order of choice.
    rows = rows[torch.argsort(sets.label[rows], stable=True)]
    return rows.to(x.device), Segments(sets.label[rows].to(x.device), count)


def check_points(x: Tensor, segments: Segments | None = None, dim: int | None = None) -> None:
    """Raises ShapeError, DtypeError or DomainError for what are no points (N, d), of d = ``dim`` where that is given.

    >>> check_points(torch.zeros(4, 2), dim=3)
    Traceback (most recent call last):
    isotropy.errors.ShapeError: given x of shape (4, 2); expected (N, 3)
    """
    if x.ndim != 2 or (dim is not None and x.shape[1] != dim):
        raise ShapeError(f"x of shape {tuple(x.shape)}", f"(N, {'d' if dim is None else dim})")
    if segments is not None and len(segments.label) != len(x):
        rows = counted(len(segments.label), "label")
        raise ShapeError(f"x of shape {tuple(x.shape)} with {rows}", "one label for each row")
    if x.dtype not in (torch.float32, torch.float64):
        raise DtypeError(f"points of dtype {x.dtype}", "float32 or float64", "x.double()")
    bad = (~x.detach().isfinite()).any(1).nonzero().flatten()
    if len(bad):
        raise DomainError(f"coordinates that are not finite in row {int(bad[0])}", "finite ones")


def _centred(x: Tensor, segments: Segments | None) -> tuple[Any, Any]:
    """Points about the centroid of their segment, in float64, where nothing far from the origin is lost, and labels."""
    check_points(x, segments)
    y = x.detach().cpu().double()
    sets = Segments.one(len(y)) if segments is None else segments.to("cpu")
    mean = sets.sum(y) / sets.sizes.clamp_min(1)[:, None]
    return (y - sets.gather(mean)).numpy(), sets.label.numpy()


def resolution(x: Tensor, segments: Segments | None = None) -> Float[Tensor, " N"]:
    """For each point of ``x (N, d)``: lengths in its segment that differ by less are equal, wherever a motion took it.

    >>> bool(resolution(torch.tensor([[3.0, 4.0]], dtype=torch.float64)) < 1e-13)
    True
    """
    far = torch.linalg.vector_norm(x.detach().double(), dim=1)
    sets = Segments.one(len(x), x.device) if segments is None else segments
    return ULPS * torch.finfo(x.dtype).eps * sets.gather(sets.peaks(far))


def _apart(where: Any, label: Any, gap: float) -> Any:
    """With one coordinate more, in which segments are ``gap`` apart: one tree serves them all."""
    return np.concatenate([where, label[:, None] * gap], axis=1)


def _within(where: Any, given: Any, label: Any, radius: float) -> Any:
    # The tree reads centred coordinates, whose rounding the margin covers; the lengths are those of the points given.
    margin = radius * (1 + 1e-9) + 1e-12 * float(np.abs(given).max())
    tree = scipy.spatial.KDTree(_apart(where, label, 2 * margin))
    pairs = tree.query_pairs(margin, output_type="ndarray").astype(np.int64)
    pairs = pairs[np.linalg.norm(given[pairs[:, 0]] - given[pairs[:, 1]], axis=1) < radius]
    both = np.concatenate([pairs, pairs[:, ::-1]])
    return both[np.lexsort((both[:, 0], both[:, 1]))]


def _nearest(where: Any, label: Any, k: int, tol: Any) -> Any:
    size = float(np.linalg.norm(where, axis=1).max())
    points = _apart(where, label, 4 * size + 1)
    tree = scipy.spatial.KDTree(points)
    todo, asked, found = np.arange(len(points)), k + 3, []
    while len(todo):
        asked = min(asked, len(points))
        apart, near = (np.asarray(part).reshape(len(todo), asked) for part in tree.query(points[todo], k=asked))
        own = (label[near] == label[todo, None]) & (near != todo[:, None])
        apart = np.where(own, apart, np.inf)
        kth = np.partition(apart, k - 1, axis=1)[:, k - 1] if asked >= k else np.full(len(todo), np.inf)
        # All of its segment was seen, or something beyond the last that counts.
        whole = (label[near] != label[todo, None]).any(1) | (asked == len(points))
        beyond = np.where(own, apart, -np.inf).max(1) > kth + tol[todo]
        done = whole | beyond
        taken = own & (apart <= (kth + tol[todo])[:, None]) & done[:, None]
        row, place = taken.nonzero()
        found.append(np.stack([near[row, place], todo[row]], axis=1))
        todo, asked = todo[~done], 2 * asked
    pairs = np.concatenate(found).astype(np.int64)
    return pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]


def _moments_along(y: Float[Tensor, "N d"], sets: Segments) -> list[Float[Tensor, " N"]]:
    """mean_j (y_i y_j)^p for p = 3, 4, in the unit of y: numbers that no motion changes."""
    size = sets.gather(sets.peaks(y.norm(dim=1)))[:, None]
    u = y / torch.where(size > 0, size, 1.0)
    pairs = (u[:, :, None] * u[:, None, :]).flatten(1)
    sizes = sets.sizes.clamp_min(1)
    found = []
    for power in ((pairs[:, :, None] * u[:, None, :]).flatten(1), (pairs[:, :, None] * pairs[:, None, :]).flatten(1)):
        mean = torch.stack([sets.sum(column) / sizes for column in power.unbind(1)], 1)
        found.append((power * sets.gather(mean)).sum(1) * size[:, 0])
    return found
