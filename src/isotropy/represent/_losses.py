"""What self-supervision descends: two views alike, every column alive, no two columns telling the same.

Each is a function of embeddings that returns terms by name, numbers of the batch, and their weighted "total".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.represent._encoder import Split

# Under the root of the variance, so that its derivative is finite at 0; a constant column has 1 - 0.01 of the hinge.
_EPSILON = 1e-4

Terms = dict[str, Tensor]


def variance(y: Float[Tensor, "B p"]) -> Float[Tensor, ""]:
    """``V = 1/2 mean_j max(0, 1 - sqrt(Var_j + 1e-4))``, divisor B - 1: 0.495 where every column is constant.

    Source: Bardes, Ponce and LeCun (2022), with the half of the code of SIE.

    >>> round(float(variance(torch.ones(8, 3))), 6)
    0.495
    """
    return (1 - (_checked(y).var(0) + _EPSILON).sqrt()).clamp_min(0).mean() / 2


def covariance(y: Float[Tensor, "B p"]) -> Float[Tensor, ""]:
    """``C = 1/p sum_{i != j} Cov_ij^2``, divisor B - 1."""
    centred = _checked(y) - y.mean(0)
    cov = centred.mT @ centred / (len(y) - 1)
    return (cov.square().sum() - cov.diagonal().square().sum()) / y.shape[1]


@dataclass(frozen=True)
class VICRegLoss:
    """Invariance, variance and covariance of two views' embeddings ``(B, p)``: "inv", "var", "cov" and "total".

    Source: Bardes et al. (2022), equation 6, with the weights of specification 14 §2.4.

    >>> sorted(VICRegLoss()(torch.randn(8, 3), torch.randn(8, 3)))
    ['cov', 'inv', 'total', 'var']
    """

    inv: float = 10.0
    var: float = 10.0
    cov: float = 1.0

    def __call__(self, y: Tensor, z: Tensor) -> Terms:
        terms = {
            "inv": self.inv * (y - z).square().mean(),
            "var": self.var * (variance(y) + variance(z)),
            "cov": self.cov * (covariance(y) + covariance(z)),
        }
        return {**terms, "total": sum(terms.values(), torch.zeros_like(terms["inv"]))}


@dataclass(frozen=True)
class SplitLoss:
    """The split loss: invariant halves alike, equivariant ones alike once the first is ``predicted`` onto the second.

    ``(a, b, predicted)`` are what a `SplitEncoder` says of two views, and W(g) of the first one's equivariant
    embedding. Variance and covariance are of both embeddings side by side, so that the halves do not tell the same;
    ``predictor_variance`` keeps the prediction from shrinking, too. Terms "inv", "equi", "var", "cov", "total", each
    with its weight. Source: Garrido, Najman and LeCun, ICML 2023; specification 14 §2.3.
    """

    inv: float = 10.0
    equi: float = 4.5
    var: float = 10.0
    cov: float = 1.0
    predictor_variance: bool = True

    def __call__(self, a: Split, b: Split, predicted: Tensor) -> Terms:
        y, z = a.emb, b.emb
        spread = variance(y) + variance(z) + (variance(predicted) if self.predictor_variance else 0.0)
        terms = {
            "inv": self.inv * _mean_square(a.emb_inv - b.emb_inv),
            "equi": self.equi * _mean_square(predicted - b.emb_equi),
            "var": self.var * spread,
            "cov": self.cov * (covariance(y) + covariance(z)),
        }
        return {**terms, "total": sum(terms.values(), torch.zeros_like(terms["inv"]))}


@dataclass(frozen=True)
class NTXent:
    """The normalised temperature-scaled cross entropy of pairs among all 2B embeddings: "contrast" and "total".

    Source: Chen et al., SimCLR (2020), equation 1.

    >>> y = torch.eye(4)
    >>> float(NTXent(0.1)(y, y)["total"]) < float(NTXent(0.1)(y, y.roll(1, 0))["total"])
    True
    """

    temperature: float = 0.1

    def __call__(self, y: Tensor, z: Tensor) -> Terms:
        both = torch.nn.functional.normalize(torch.cat([_checked(y), z]))
        alike = (both @ both.mT / self.temperature).fill_diagonal_(-torch.inf)
        target = torch.arange(len(both), device=both.device).roll(len(y))
        contrast = torch.nn.functional.cross_entropy(alike, target)
        return {"contrast": contrast, "total": contrast}


def _mean_square(x: Tensor) -> Tensor:
    """Of a part that may have no columns."""
    return x.square().sum() / max(x.numel(), 1)


def _checked(y: Tensor) -> Tensor:
    if y.dim() != 2:
        raise ShapeError(f"embeddings of shape {tuple(y.shape)}", "(B, p)")
    if len(y) < 2:
        raise DomainError("a batch of one", "at least two rows, to have a variance")
    return y
