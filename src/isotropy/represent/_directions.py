"""The split as a finding: which directions of a representation stay, which move, and as which representation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.render import latents as views
from isotropy.errors import DomainError, ShapeError, counted
from isotropy.linalg import eigh
from isotropy.represent._predictor import HyperPredictor
from isotropy.reps import wigner_blocks

_DEAD = 1e-6  # of the largest variance: what features in single precision leave of a direction that is not there


@dataclass(frozen=True)
class Directions:
    """Directions of a representation, from those that stay to those that move.

    ``axes (r, d)``, a feature being ``(x - mean) @ axis``, of unit variance over all views; ``moving (r,)``, the share
    of it that is variance within objects: the invariance error, 0 for what stays; ``content (r, L + 1)``, the shares
    that transform as the irreducible representation of degree 0, 1, ..., L; the rest is none of these, or noise.
    """

    mean: Float[Tensor, " d"]
    axes: Float[Tensor, "r d"]
    moving: Float[Tensor, " r"]
    content: Float[Tensor, "r l"]

    def staying(self, tolerance: float = 0.5) -> int:
        """d_inv: how many directions move by less than ``tolerance`` of their variance. All others are d_equi."""
        return int((self.moving < tolerance).sum())


def directions(features: Tensor, latents: Tensor, degree: int = 2) -> Directions:
    """The directions of features ``(n_obj, n_view, d)`` by how much they move with the pose of the object.

    Axes solve ``S_within a = moving S_total a``. Of each, the mean product of two views of one object at a relative
    rotation g is, for Haar poses, ``sum_l share_l chi_l(g) / (2l + 1)``: the shares are what characters find in these
    products, not negative. Poses in a box are not Haar distributed, and degrees are told apart less well there.

    Raises ShapeError, and DomainError for features that do not vary.
    """
    from scipy.optimize import nnls

    if features.dim() != 3 or features.shape[1] < 2 or latents.shape != (*features.shape[:2], 7):
        given = f"features {tuple(features.shape)} and latents {tuple(latents.shape)}"
        raise ShapeError(given, "(n_obj, n_view, d) and (n_obj, n_view, 7), at least two views")
    x = features.detach().double()
    mean = x.flatten(0, 1).mean(0)
    x = x - mean
    total = eigh(torch.einsum("nvi,nvj->ij", x, x) / x[..., 0].numel())
    alive = total.values > _DEAD * total.values[0].clamp_min(torch.finfo(x.dtype).tiny)
    if not bool(alive.any()):
        raise DomainError("features that are the same for all views", "some that vary")
    white = total.vectors[:, alive] / total.values[alive].sqrt()
    within = (x - x.mean(1, keepdim=True)) @ white
    # Divided by the views less one, for the mean of each object is estimated from them.
    spread = torch.einsum("nvi,nvj->ij", within, within) / (len(x) * (x.shape[1] - 1))
    found = eigh(spread)
    axes = (white @ found.vectors).mT.flip(0)
    i, j = torch.triu_indices(x.shape[1], x.shape[1], 1)
    R = views.relative_rotation(latents[:, i].double(), latents[:, j].double()).flatten(0, 1)
    shapes = torch.stack([D.diagonal(dim1=-2, dim2=-1).mean(-1) for D in wigner_blocks(degree, R)], 1)
    z = x @ axes.mT
    products = (z[:, i] * z[:, j]).flatten(0, 1)
    # Normal equations, of few unknowns: the pairs are many.
    gram, right = shapes.mT @ shapes, shapes.mT @ products
    factor = torch.linalg.cholesky(gram + 1e-12 * gram.diagonal().mean() * torch.eye(degree + 1).double())
    asked = torch.linalg.solve_triangular(factor, right, upper=False)
    shares = np.stack([nnls(factor.mT.numpy(), column.numpy())[0] for column in asked.mT])
    return Directions(mean, axes, found.values.flip(0).clamp(0, 1), torch.from_numpy(shares))


def best_predictor(
    features: Tensor, latents: Tensor, pose: str = "object", *, group_input: str = "irreps", penalty: float = 1e-3
) -> HyperPredictor:
    """The linear simulator that fits the features of *any* encoder best: ridge regression of W(g) y1 on y2.

    Over pairs of a view and the next of the same object, ``features (n_obj, n_view, d)``; what it returns is asked by
    ``retrieval`` and ``group_law_report`` as one that was trained. d k unknowns for each of d features, k numbers in g:
    take few features (``directions`` says which). Raises ShapeError for fewer pairs than unknowns.
    """
    x = features.detach().double()
    d = x.shape[-1]
    poses = latents.double()
    pairs = [(x, x.roll(-s, 1), poses, poses.roll(-s, 1)) for s in range(1, x.shape[1])]
    y, target, l1, l2 = (torch.cat([pair[k].flatten(0, 1) for pair in pairs]) for k in range(4))
    g = views.relative(l1, l2, group_input, pose, warn=False)
    rows = (g[:, :, None] * y[:, None]).flatten(1)  # (pairs, k d)
    if len(rows) < rows.shape[1]:
        raise ShapeError(
            f"{counted(len(rows), 'pair')} for {counted(rows.shape[1], 'unknown')}",
            "more of them",
            "take fewer features",
        )
    gram = rows.mT @ rows
    gram = gram + penalty * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    maps = torch.linalg.solve(gram, rows.mT @ target).unflatten(0, (g.shape[1], d))  # (k, in, out)
    predictor = HyperPredictor(d, group_input, "linear", pose).double().requires_grad_(False)
    predictor.maps.weight.copy_(maps.permute(2, 1, 0).flatten(0, 1))
    return predictor
