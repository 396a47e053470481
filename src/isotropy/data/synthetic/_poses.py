"""One pose for every row: the cloud of vectors turned into its principal axes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def principal_pose(r: Float[Tensor, "n k d"]) -> Float[Tensor, "n k d"]:
    """Each row's vectors in the axes of their scatter, largest spread first, each axis pointing to its larger side.

    Rows that a rotation or a reflection carries into each other come out equal.

    >>> r = torch.tensor([[[1.0, 0.0], [2.0, 1.0]]], dtype=torch.float64)
    >>> turned = r @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    >>> torch.allclose(principal_pose(r), principal_pose(turned))
    True
    """
    axes = torch.linalg.eigh(r.mT @ r).eigenvectors.flip(-1)
    z = r @ axes
    # The third moment says which side is larger, whatever the order of the vectors.
    return z * torch.where(z.pow(3).sum(-2, keepdim=True) < 0, -1.0, 1.0)
