"""What an encoder says of every view of every object, and how many directions of it are alive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.render import MultiViewDataset
from isotropy.modes import evaluating
from isotropy.represent._encoder import Split


def device_of(encoder: Any) -> torch.device:
    """Where the weights of an encoder lie; the CPU for what has none."""
    weights = encoder.parameters() if isinstance(encoder, torch.nn.Module) else iter(())
    return next((parameter.device for parameter in weights), torch.device("cpu"))


@torch.no_grad()
def features(encoder: Any, dataset: MultiViewDataset, batch: int = 512) -> Split:
    """Representations and embeddings ``(n_obj, n_view, .)`` of all views, the encoder in eval mode meanwhile.

    ``encoder`` is a `SplitEncoder`. It comes back as it was, batch statistics included; what it says lies on the CPU.
    """

    device = device_of(encoder)

    def said() -> Iterator[Split]:
        for images in dataset.images.flatten(0, 1).split(batch):
            yield Split(*(part.cpu() for part in encoder(images.to(device))))

    with evaluating(encoder):
        parts = list(said())
    shape = dataset.images.shape[:2]
    return Split(*(torch.cat(part).unflatten(0, shape) for part in zip(*parts, strict=True)))


def rank_me(x: Float[Tensor, "... d"]) -> float:
    """The effective rank of features: the exponential of the entropy of their singular values; at most d.

    Source: Garrido, Balestriero, Najman and LeCun, RankMe, ICML 2023.

    >>> round(rank_me(torch.eye(5)), 3), round(rank_me(torch.ones(5, 3)), 3)
    (5.0, 1.0)
    """
    values = torch.linalg.svdvals(x.flatten(0, -2).double())
    share = values / values.sum() + 1e-7
    return float(torch.exp(-(share * share.log()).sum()))
