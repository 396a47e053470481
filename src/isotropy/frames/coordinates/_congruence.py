"""Which of several poses of a cloud to take: those in which it is, as a set, first in an order that has no ties."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.frames._refine import _extreme
from isotropy.random import spawn

_FUNCTIONS = 6
"""Generic functions compared after the third moments; each separates almost all pairs of sets."""
_CHUNK = 2**21
"""Coordinates looked at together."""


@torch.no_grad()
def first_in_order(
    y: Float[Tensor, "n d"], axes: Float[Tensor, "F d d"], invariants: Float[Tensor, "n c"], tol: float
) -> Int[Tensor, " k"]:
    """The poses ``y @ axes[f]`` that come first, all of which show the same set of points with the same invariants.

    Compared are, to ``tol``: third moments along each axis, then means over the points of fixed generic functions, also
    times each invariant; so neither the order of points nor that of poses has a say. Of a frame that holds the whole
    coset of the cloud's symmetries there remains just this coset: a minimal frame. Clouds of size about 1.
    Source: Lin et al., ICML 2024, minimal frames; specification 08 §2.3.

    >>> y = torch.tensor([[1.0, 0.0], [-0.5, 0.5], [-0.5, -0.5]])
    >>> axes = torch.diag_embed(torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]]))
    >>> first_in_order(y, axes, y[:, :0], 1e-6).tolist()
    [0, 1]
    """
    keys = [
        _keys(y @ some, torch.cat([torch.ones_like(y[:, :1]), invariants], 1))
        for some in axes.split(max(1, _CHUNK // y.numel()))
    ]
    return _extreme([key[None] for key in torch.cat(keys).unbind(-1)], tol)[0].nonzero().flatten()


def _keys(images: Float[Tensor, "F n d"], weights: Float[Tensor, "n c"]) -> Float[Tensor, "F keys"]:
    n, d = images.shape[1:]
    draw = spawn(0, "generic functions", d)
    turn = (6 * torch.rand(d, _FUNCTIONS, generator=draw, dtype=torch.float64) - 3).to(images)
    phase = (6 * torch.rand(_FUNCTIONS, generator=draw, dtype=torch.float64)).to(images)
    generic = torch.einsum("nc,fnk->fck", weights, (images @ turn + phase).cos()) / n
    return torch.cat([images.pow(3).mean(1), generic.flatten(1)], 1)
