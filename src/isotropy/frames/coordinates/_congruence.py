"""Which of several poses of a cloud to take: that in which a generic function of the set of points is greatest."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.random import spawn

_FUNCTIONS = 6
"""Generic functions compared beside the third moments; each separates almost all pairs of sets."""
_CHUNK = 2**21
"""Coordinates looked at together."""


@torch.no_grad()
def foremost(
    y: Float[Tensor, "n d"], axes: Float[Tensor, "F d d"], invariants: Float[Tensor, "n c"], tol: float
) -> Int[Tensor, " k"]:
    """The poses ``y @ axes[f]`` that show the same set of points, with the same invariants, as the foremost of all.

    Keys of a pose are third moments along each axis and means over the points of fixed generic functions, also times
    each invariant; so the order of points has no say. Foremost, and first in what is returned, is the pose with the
    greatest mean of keys; with it come those whose keys are all equal to ``tol``, which thus has no part in the choice.
    Of a frame that holds the whole coset of the cloud's symmetries there remains just this coset: a minimal frame.
    Clouds of size about 1. Source: Lin et al., ICML 2024, minimal frames; specification 08 §2.3.

    >>> y = torch.tensor([[-1.0, 0.0], [0.5, 0.5], [0.5, -0.5]])
    >>> axes = torch.diag_embed(torch.tensor([[-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]))
    >>> sorted(foremost(y, axes, y[:, :0], 1e-6).tolist())
    [1, 2]
    """
    weights = torch.cat([torch.ones_like(y[:, :1]), invariants], 1)
    keys = torch.cat([_keys(y @ some, weights) for some in axes.split(max(1, _CHUNK // y.numel()))])
    first = keys.mean(1).argmax()
    same = (keys - keys[first]).abs().amax(1) <= tol
    same[first] = False
    return torch.cat([first[None], same.nonzero().flatten()])


def _keys(images: Float[Tensor, "F n d"], weights: Float[Tensor, "n c"]) -> Float[Tensor, "F keys"]:
    n, d = images.shape[1:]
    draw = spawn(0, "generic functions", d)
    turn = (6 * torch.rand(d, _FUNCTIONS, generator=draw, dtype=torch.float64) - 3).to(images)
    phase = (6 * torch.rand(_FUNCTIONS, generator=draw, dtype=torch.float64)).to(images)
    generic = torch.einsum("nc,fnk->fck", weights, (images @ turn + phase).cos()) / n
    return torch.cat([images.pow(3).mean(1), generic.flatten(1)], 1)
