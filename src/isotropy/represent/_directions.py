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
ROWS = 5  # views of the objects that axes are fitted to, for each direction that is asked about
_MOVES = 0.5  # of the variance: what moves by less stays
_CHUNK = 200_000  # pairs of views at once
_FOLDS = 4  # of the objects, of which each is told by the others
_TOLD = 0.1  # of the variance within objects: what is told less well from another view and g is no one's simulator
_MOST = 12  # directions that a simulator is fitted to
_ASKED = 50  # directions that are asked whether they are told
_PAIRS = 8_000  # pairs of views that decide it


@dataclass(frozen=True)
class Directions:
    """Directions of a representation, from those that stay to those that move.

    ``axes (r, d)``, a feature being ``(x - mean) @ axis``, of unit variance over the views they were fitted to;
    ``moving (r,)``, the share of a direction's variance that is variance within objects: the invariance error, 0 for
    what stays; ``content (r, L + 1)``, the shares that transform as the irreducible representation of degree 0, 1, ...,
    L; the rest is none of these, or noise. ``kept`` is the share of the features' variance in all of them.
    """

    mean: Float[Tensor, " d"]
    axes: Float[Tensor, "r d"]
    moving: Float[Tensor, " r"]
    content: Float[Tensor, "r l"]
    kept: float

    def staying(self, tolerance: float = _MOVES) -> int:
        """d_inv: how many directions move by less than ``tolerance`` of their variance. All others are d_equi."""
        return int((self.moving < tolerance).sum())


def directions(
    features: Tensor, latents: Tensor, degree: int = 2, *, judge: tuple[Tensor, Tensor] | None = None
) -> Directions:
    """The directions of features ``(n_obj, n_view, d)`` by how much they move with the pose of the object.

    Axes solve ``S_within a = moving S_total a``. Of each, the mean product of two views of one
    object at a relative rotation g is, for Haar poses, ``sum_l share_l chi_l(g) / (2l + 1)``: the shares are what
    characters find in these products, not negative. Poses in a box are not Haar distributed, and degrees are told apart
    less well there.

    Only the leading principal components are asked about, one for every five views, as in more of them some direction
    stays by chance. ``judge`` are features and latents of *other* objects, of which ``moving`` and ``content`` are then
    told; where there are none, both are of the objects that axes were fitted to, and flatter where views are few.

    Raises ShapeError, and DomainError for features that do not vary.

    >>> poses = views.sample(40, generator=torch.Generator().manual_seed(0)).reshape(4, 10, 7)
    >>> directions(views.rotation(poses).flatten(2), poses).staying()
    0
    """
    _check(features, latents)
    x = features.detach().double()
    mean = x.flatten(0, 1).mean(0)
    x = x - mean
    total = eigh(torch.einsum("nvi,nvj->ij", x, x) / x[..., 0].numel())
    alive = total.values > _DEAD * total.values[0].clamp_min(torch.finfo(x.dtype).tiny)
    if not bool(alive.any()):
        raise DomainError("features that are the same for all views", "some that vary")
    alive[max(1, x[..., 0].numel() // ROWS) :] = False
    white = total.vectors[:, alive] / total.values[alive].sqrt()
    within = (x - x.mean(1, keepdim=True)) @ white
    # Divided by the views less one, for the mean of each object is estimated from them.
    spread = torch.einsum("nvi,nvj->ij", within, within) / (len(x) * (x.shape[1] - 1))
    found = eigh(spread)
    axes = (white @ found.vectors).flip(1)
    if judge is not None:
        _check(*judge, x.shape[-1])
        x, latents = judge[0].detach().double(), judge[1]
    moving, content = _measured(x @ axes, latents, degree)
    kept = float(total.values[alive].sum() / total.values.clamp_min(0).sum())
    return Directions(mean, axes.mT.contiguous(), moving, content, kept)


def _check(features: Tensor, latents: Tensor, width: int | None = None) -> None:
    wrong = features.dim() != 3 or features.shape[1] < 2 or latents.shape != (*features.shape[:2], 7)
    if wrong or width not in (None, features.shape[-1]):
        given = f"features {tuple(features.shape)} and latents {tuple(latents.shape)}"
        raise ShapeError(given, f"(n_obj, n_view, {width or 'd'}) and (n_obj, n_view, 7), at least two views")


def _measured(z: Float[Tensor, "n v r"], latents: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """Of each column the share of its variance within objects, and the shares of the degrees."""
    from scipy.optimize import nnls

    z = z - z.flatten(0, 1).mean(0)
    z = z / z.square().mean((0, 1)).sqrt().clamp_min(torch.finfo(z.dtype).tiny)
    moving = (z - z.mean(1, keepdim=True)).square().sum((0, 1)) / (len(z) * (z.shape[1] - 1))
    gram, products = _by_characters(z, latents, degree)
    # Normal equations, of few unknowns: the pairs are many.
    factor = torch.linalg.cholesky(gram + 1e-12 * gram.diagonal().mean() * torch.eye(degree + 1).double())
    asked = torch.linalg.solve_triangular(factor, products, upper=False)
    shares = np.stack([nnls(factor.mT.numpy(), column.numpy())[0] for column in asked.mT])
    return moving.clamp(0, 1), torch.from_numpy(shares)


def _by_characters(
    z: Float[Tensor, "n v r"], latents: Tensor, degree: int
) -> tuple[Float[Tensor, "l l"], Float[Tensor, "l r"]]:
    """Sums over the pairs of views of each object: characters by characters, and characters by the products of both
    views, column by column. Some objects at a time, as pairs are many."""
    i, j = torch.triu_indices(z.shape[1], z.shape[1], 1)
    gram = torch.zeros(degree + 1, degree + 1, dtype=z.dtype)
    products = torch.zeros(degree + 1, z.shape[2], dtype=z.dtype)
    some = max(1, _CHUNK // len(i))
    for part, poses in zip(z.split(some), latents.double().split(some), strict=True):
        R = views.relative_rotation(poses[:, i], poses[:, j]).flatten(0, 1)
        shapes = torch.stack([D.diagonal(dim1=-2, dim2=-1).mean(-1) for D in wigner_blocks(degree, R)], 1)
        one, other = (part[:, k].flatten(0, 1) for k in (i, j))
        gram += shapes.mT @ shapes
        products += shapes.mT @ (one * other)
    return gram, products


def best_predictor(
    features: Tensor, latents: Tensor, pose: str = "object", *, group_input: str = "irreps", penalty: float = 1e-3
) -> HyperPredictor:
    """The linear simulator that fits the features of *any* encoder best: ridge regression of W(g) y1 on y2.

    Over pairs of a view and the next of the same object, ``features (n_obj, n_view, d)``; what it returns is asked by
    ``retrieval`` and ``group_law_report`` as one that was trained. d k unknowns for each of d features, k numbers in g:
    take few features (``directions`` says which). Raises ShapeError for fewer pairs than unknowns.
    """
    d = features.shape[-1]
    rows, target = _regression(features, latents, pose, group_input, features.shape[1] - 1)
    if len(rows) < rows.shape[1]:
        raise ShapeError(
            f"{counted(len(rows), 'pair')} for {counted(rows.shape[1], 'unknown')}",
            "more of them",
            "take fewer features",
        )
    maps = _ridge(rows.mT @ rows, rows.mT @ target, penalty).unflatten(0, (-1, d))  # (k, in, out)
    predictor = HyperPredictor(d, group_input, "linear", pose).double().requires_grad_(False)
    predictor.maps.weight.copy_(maps.permute(2, 1, 0).flatten(0, 1))
    return predictor


def told_directions(features: Tensor, latents: Tensor, found: Directions, pose: str = "object") -> Float[Tensor, "m d"]:
    """Axes of what moves *and* is told from another view and g: those for a simulator, without columns of noise.

    Of the axes in ``found`` that move in ``features (n_obj, n_view, d)``, the last fifty, or as many as there are pairs
    of views to fit them by, scaled to variance 1 within objects, y2 is regressed on W(g) y1 as in ``best_predictor``,
    each object by the objects of other folds. Eigenvectors of the errors' covariance, of which 1 less the eigenvalue is
    a validated R2, are kept where it is above a tenth, at most twelve. Where none is, the best one; where nothing
    moves, what moves most.
    """
    x = (features.detach().double() - found.mean) @ found.axes.mT
    within = (x - x.mean(1, keepdim=True)).square().sum((0, 1)) / (len(x) * (x.shape[1] - 1))
    k = views.width("irreps")
    objects = min(len(x), max(_FOLDS, _PAIRS // x.shape[1]))
    shifts = min(x.shape[1] - 1, max(1, _PAIRS // (objects * x.shape[1])))
    most = max(1, objects * x.shape[1] * shifts // (2 * k))
    moving = (within > _MOVES).nonzero()[:, 0][-min(_ASKED, most) :]
    if not len(moving):
        return found.axes[-min(_MOST, most) :]
    scale = within[moving].sqrt()
    y = x[:objects, :, moving] / scale
    folds = [
        _regression(y[i::_FOLDS], latents[:objects][i::_FOLDS], pose, "irreps", shifts)
        for i in range(min(_FOLDS, objects))
    ]
    grams, products = [rows.mT @ rows for rows, _ in folds], [rows.mT @ target for rows, target in folds]
    gram, product = torch.stack(grams).sum(0), torch.stack(products).sum(0)
    errors = torch.cat([
        target - rows @ _ridge(gram - own, product - one, 1e-3)
        for (rows, target), own, one in zip(folds, grams, products, strict=True)
    ])  # fmt: skip
    best = eigh(errors.mT @ errors / len(errors))
    order = best.values.argsort()
    count = int((1 - best.values > _TOLD).sum())
    chosen = best.vectors[:, order[: max(1, min(count, _MOST, most))]]
    return (chosen / scale[:, None]).mT @ found.axes[moving]


def _regression(
    features: Tensor, latents: Tensor, pose: str, group_input: str, shifts: int
) -> tuple[Float[Tensor, "pairs kd"], Float[Tensor, "pairs d"]]:
    """g y1 and y2 of each view and those that follow it within so many ``shifts``."""
    x, poses = features.detach().double(), latents.double()
    pairs = [(x, x.roll(-s, 1), poses, poses.roll(-s, 1)) for s in range(1, shifts + 1)]
    y, target, l1, l2 = (torch.cat([pair[k].flatten(0, 1) for pair in pairs]) for k in range(4))
    g = views.relative(l1, l2, group_input, pose, warn=False)
    return (g[:, :, None] * y[:, None]).flatten(1), target


def _ridge(gram: Tensor, products: Tensor, penalty: float) -> Tensor:
    """Coefficients of ridge regression, the penalty in units of the mean square of a regressor."""
    return torch.linalg.solve(
        gram + penalty * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype), products
    )
