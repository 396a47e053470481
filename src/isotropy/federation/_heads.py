"""Classifiers in closed form from pooled statistics: one round of communication, nothing to tune on the sites' rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.data import Batches
from isotropy.errors import DomainError, counted
from isotropy.federation._checks import checked
from isotropy.federation._statistics import ClassStats
from isotropy.random import derive, spawn
from isotropy.train import fit


def ridge_head(stats: ClassStats, alpha: float = 1.0) -> nn.Linear:
    """Ridge regression of one-hot labels on features, its intercept not penalised: that of all rows, to rounding.

    ``min sum_i |W x_i + b - e_{y_i}|^2 + alpha |W|^2``. Raises DomainError for a negative ``alpha`` and where
    ``alpha = 0`` leaves the weights undetermined.

    >>> x, y = torch.randn(60, 3, generator=spawn(0, "x")), torch.arange(60) % 2
    >>> head = ridge_head(ClassStats.from_data(x + 4 * y[:, None], y, classes=2), alpha=0.1)
    >>> bool((head(x + 4 * y[:, None]).argmax(1) == y).float().mean() > 0.95)
    True
    """
    if alpha < 0:
        raise DomainError(f"alpha={alpha}", "a penalty of at least 0")
    N, shares, mean, total = _totals(stats)
    # Sum over rows of (x - mean) e_y^T: a column for each class.
    cross = (stats.n[:, None] * (stats.mean - mean)).T * (stats.n > 0)
    W = _solved(total + alpha * torch.eye(len(mean), dtype=total.dtype), cross, f"alpha={alpha} and {N:g} rows")
    return linear_of(W, shares - W @ mean, stats.dtype)


def lda_head(stats: ClassStats, shrinkage: float = 0.1) -> nn.Linear:
    """Linear discriminants of one covariance W for all classes (divisor N), with priors n/N.

    W is drawn towards ``tr(W)/p`` times the identity by ``shrinkage`` in [0, 1]. A class without rows is never
    predicted. Raises DomainError for other shrinkages, and where W is singular without any.
    """
    if not 0 <= shrinkage <= 1:
        raise DomainError(f"shrinkage={shrinkage}", "a number from 0 to 1")
    N, shares, mean, _ = _totals(stats)
    W = stats.dense.scatter.sum(0) / N
    p = len(W)
    W = (1 - shrinkage) * W + shrinkage * W.diagonal().mean() * torch.eye(p, dtype=W.dtype)
    # About the mean of all rows: far from the origin, terms of all classes would cancel.
    weight = _solved(W, (stats.mean - mean).T, f"shrinkage={shrinkage} and {N:g} rows")
    return linear_of(weight, shares.log() - (weight * (stats.mean + mean)).sum(1) / 2, stats.dtype)


def ccvr_head(stats: ClassStats, per_class: int = 100, seed: int = 0) -> nn.Linear:
    """A softmax classifier trained on ``per_class`` draws of N(mean, covariance) of each class.

    Source: Luo et al., NeurIPS 2021 (arXiv 2106.05001), classifier calibration with virtual representations.
    """
    shapes = stats.shapes()
    draws = [s.mean + s.sample(per_class, generator=spawn(seed, "ccvr", c)) for c, s in shapes.items()]
    labels = torch.tensor(list(shapes)).repeat_interleave(per_class)
    return softmax_head(torch.cat(draws).to(stats.dtype), labels, stats.classes, seed)


def mixture_head(
    clients: Sequence[tuple[Tensor, Tensor]], classes: int, components: int = 3, per_class: int = 100, seed: int = 0
) -> nn.Linear:
    """A softmax classifier on draws from Gaussian mixtures, one for each site and class.

    A site fits ``components`` with diagonal covariances to each class, and sends weights, means and variances. Source:
    Beitollahi et al., "Parametric feature transfer" (FedPFT, arXiv 2402.01862), in its diagonal form.
    """
    from sklearn.mixture import GaussianMixture

    draws, labels, width = [], [], 0
    total = torch.zeros(classes)
    read = [checked(x, y, classes, f"client {k}") for k, (x, y) in enumerate(clients)]
    for _, y in read:
        total += torch.bincount(y, minlength=classes)
    for k, (x, y) in enumerate(read):
        width = x.shape[1]
        for c in y.unique().tolist():
            own = x[y == c].double().numpy()
            chance = np.random.RandomState(derive(seed, "mixture", k, c) % 2**32)
            mixture = GaussianMixture(
                min(components, len(own)),
                covariance_type="diag",
                random_state=chance,
                reg_covar=1e-6 + 1e-3 * own.var(0).mean(),
            ).fit(own if len(own) > 1 else own.repeat(2, 0))
            share = max(1, round(per_class * len(own) / float(total[c])))
            draws.append(torch.from_numpy(mixture.sample(share)[0]))
            labels.append(torch.full((share,), c))
    if not draws:
        raise DomainError("no rows at any site", f"rows of {width or 'some'} features")
    return softmax_head(torch.cat(draws).to(read[0][0].dtype), torch.cat(labels), classes, seed)


def softmax_head(x: Float[Tensor, "n p"], y: Tensor, classes: int, seed: int = 0, epochs: int = 30) -> nn.Linear:
    """Multinomial regression on rows, by Adam: what a server trains on rows that it drew."""
    head = nn.Linear(x.shape[1], classes, dtype=x.dtype)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    batches = Batches(x, y, batch_size=64, seed=derive(seed, "softmax head"))
    fit(
        head,
        lambda model, batch: nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none"),
        batches,
        optimizer=lambda p: torch.optim.Adam(p, 1e-3 * 3),
        max_epochs=epochs,
        seed=seed,
        progress=False,
    )
    return head


def _totals(stats: ClassStats) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """All rows together: their number, shares of classes, mean and scatter."""
    N = stats.n.sum()
    if float(N) == 0:
        raise DomainError("statistics without any row", "at least one site with rows")
    shares = stats.n / N
    mean = shares @ stats.mean
    apart = (stats.mean - mean) * stats.n.sqrt()[:, None]
    return N, shares, mean, stats.dense.scatter.sum(0) + apart.T @ apart


def _solved(A: Tensor, b: Tensor, of: str) -> Tensor:
    """(A^-1 b)^T for a positive definite A."""
    factor, info = torch.linalg.cholesky_ex(A)
    # A pivot is a column's part that the others do not give: below 1e-14 of its square it is rounding, in any units.
    if int(info) or bool((factor.diagonal() <= 1e-7 * A.diagonal().sqrt()).any()):
        raise DomainError(f"{of} of {counted(len(A), 'feature')}", "a penalty or a shrinkage above 0, or more rows")
    return torch.cholesky_solve(b, factor).T


def linear_of(weight: Tensor, bias: Tensor, dtype: torch.dtype) -> nn.Linear:
    """The classifier with these parameters."""
    head = nn.Linear(weight.shape[1], weight.shape[0], dtype=dtype)
    with torch.no_grad():
        head.weight.copy_(weight)
        head.bias.copy_(bias)
    return head
