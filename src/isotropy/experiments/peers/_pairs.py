"""Who sends to whom where everybody does."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor


def complete_graphs(rows: int, n: int, device: torch.device) -> Int[Tensor, "2 E"]:
    """All ordered pairs of different points of each of ``rows`` shapes of ``n`` points.

    >>> complete_graphs(2, 2, torch.device("cpu"))
    tensor([[0, 1, 2, 3],
            [1, 0, 3, 2]])
    """
    one = (1 - torch.eye(n, dtype=torch.int64, device=device)).nonzero()
    return (one + n * torch.arange(rows, device=device)[:, None, None]).flatten(0, 1).T
