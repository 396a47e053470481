"""Normalisation of features: over each graph, or over a batch."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.linalg import Segments

_EPS = 1e-5  # below it a channel counts as constant over its graph: as in batch normalisation


class GraphNorm(nn.Module):
    """``(x - alpha mean) / std`` over the nodes (or pairs) of each graph, then scaled and shifted; alpha is learned.

    ``x (N, C)`` and the segment of each row -> (N, C). Nothing is kept from batch to batch, so that training and
    evaluation agree, and a graph alone and in a batch. Source: Cai et al., ICML 2021, 2009.03294.

    >>> rows = GraphNorm(1)(torch.tensor([[1.0], [3.0], [5.0]]), Segments.from_sizes(torch.tensor([2, 1])))
    >>> rows[:, 0].round(decimals=3).tolist()
    [-1.0, 1.0, 0.0]
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "N C"], segments: Segments) -> Float[Tensor, "N C"]:
        count = segments.sizes.clamp_min(1)[:, None].to(x.dtype)
        mean = segments.sum(x) / count
        centred = x - (self.alpha * mean).index_select(0, segments.label)
        spread = (segments.sum(centred.square()) / count + _EPS).rsqrt()
        return centred * (self.weight * spread).index_select(0, segments.label) + self.bias


class BatchNorm(nn.Module):
    """Batch normalisation of the rows of all graphs together: how large a graph's features are is kept.

    In training a graph's features depend on the others of its batch; in evaluation they do not. ``x (N, C)`` -> (N, C).
    Raises DomainError for a single row in training.
    Source: Ioffe, Szegedy, ICML 2015; in networks on graphs, Xu et al., ICLR 2019.

    >>> BatchNorm(1)(torch.tensor([[1.0], [3.0]]), Segments.from_sizes(torch.tensor([2])))[:, 0].round().tolist()
    [-1.0, 1.0]
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rows = nn.BatchNorm1d(channels)

    def forward(self, x: Float[Tensor, "N C"], segments: Segments) -> Float[Tensor, "N C"]:
        if self.training and len(x) == 1:
            raise DomainError(
                "one row in a batch that is normalised in training", "two at least: one is its own mean",
                'drop a last batch of a single graph, or take norm="graph"',
            )  # fmt: skip
        return self.rows(x)


NORMS: dict[str, type[nn.Module]] = {"graph": GraphNorm, "batch": BatchNorm}
