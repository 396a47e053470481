"""The law of a frame, mu(h.x) = h_* mu(x): as weighted sets of atoms, and through the functions averaged over them."""

from __future__ import annotations

import torch
from torch import Tensor

from isotropy.groups import DiscreteMeasure, Element, Group, LinearGroup, linear


def matrix(g: Element) -> Tensor:
    assert isinstance(g, Tensor)
    return g


def elements(group: Group, count: int, seed: int = 0) -> Tensor:
    """Random elements; translations of the size of the clouds."""
    assert isinstance(group, LinearGroup)
    generator = torch.Generator().manual_seed(seed)
    within = None if group.compact else 2.0
    return matrix(group.sample(count, generator=generator, dtype=torch.float64, within=within))


def act(h: Tensor, x: Tensor) -> Tensor:
    """h.x for points (..., n, d) and elements (..., d, d) or (..., d+1, d+1)."""
    if h.shape[-1] == x.shape[-1]:
        return x @ h.mT
    return x @ linear(h).mT + h[..., None, :-1, -1]


def set_distance(a: DiscreteMeasure, b: DiscreteMeasure, h: Tensor, close: float = 1e-4) -> float:
    """How far b is from h_* a as a weighted set, over all rows: the largest distance of an atom to its equals.

    Infinite where the masses of equal atoms (nearer than ``close``) differ.
    """
    worst = 0.0
    for row in range(len(a.log_weight)):
        kept_a, kept_b = a.weight[row] > 0, b.weight[row] > 0
        left = (h @ matrix(a.g)[row])[kept_a].flatten(1)
        right = matrix(b.g)[row][kept_b].flatten(1)
        both = torch.cat([left, right])
        to_left, to_right = ((both[:, None] - other).abs().amax(-1) for other in (left, right))
        masses = [
            (distance < close).to(weight) @ weight
            for distance, weight in ((to_left, a.weight[row][kept_a]), (to_right, b.weight[row][kept_b]))
        ]
        if bool(((masses[0] - masses[1]).abs() > 1e-5).any()):
            return torch.inf
        worst = max(worst, float(to_left.amin(1).max()), float(to_right.amin(1).max()))
    return worst


def averaged(measure: DiscreteMeasure, x: Tensor, affine: bool) -> list[Tensor]:
    """sum_i w_i R_i^k f(g_i^-1 . x) for k = 0, 1, 2 and eight smooth functions f of unordered clouds: (B, d^k, 8).

    For k = 0 there is det R f as well.
    """
    g, weight = matrix(measure.g), measure.weight
    R = linear(g) if affine else g
    inside = x[:, None] - g[:, :, None, :-1, -1] if affine else x[:, None]
    generator = torch.Generator().manual_seed(5)
    A, b = torch.randn(x.shape[-1], 8, generator=generator), torch.randn(8, generator=generator)
    f = torch.tanh((inside @ R) @ A.to(x) + b.to(x)).mean(2)
    return [
        torch.einsum("bf,bfc->bc", weight, f),
        torch.einsum("bf,bf,bfc->bc", weight, torch.linalg.det(R), f),
        torch.einsum("bf,bfij,bfc->bijc", weight, R, f),
        torch.einsum("bf,bfij,bfkl,bfc->bikjlc", weight, R, R, f),
    ]


def carried(h: Tensor, found: list[Tensor], affine: bool) -> list[Tensor]:
    """What ``averaged`` has to be at h.x."""
    R = linear(h) if affine else h
    scalar, odd, vector, tensor = found
    return [
        scalar,
        torch.linalg.det(R) * odd,
        torch.einsum("ij,bjkc->bikc", R, vector),
        torch.einsum("im,kn,bmnjlc->bikjlc", R, R, tensor),
    ]


def average_distance(a: DiscreteMeasure, x: Tensor, b: DiscreteMeasure, hx: Tensor, h: Tensor, affine: bool) -> float:
    """The largest difference between the averages over b at h.x and what h makes of those over a at x."""
    expected, given = carried(h, averaged(a, x, affine), affine), averaged(b, hx, affine)
    return max(float((one - other).abs().max()) for one, other in zip(expected, given, strict=True))
