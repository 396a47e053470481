"""Features of pictures without an encoder, directions of edges and colours, for part D of geometric-federated.

Usage: python examples/edges.py edges.npz
       isotropy reproduce geometric-federated --part D --set features=edges.npz
"""

import sys

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from isotropy.data import load_office_caltech


def edges(x: Tensor) -> Tensor:
    """Strength of edges of pictures ``(n, 3, s, s)`` in nine directions, over cells of 8 x 8, beside neighbours'."""
    padded = functional.pad(x.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    dx = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    dy = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    angle = torch.atan2(dy, dx)
    # How near each angle, which is one of a line, is to each of the nine directions: 1 at it, 0 at its neighbours.
    apart = (angle - torch.arange(9)[:, None, None] * torch.pi / 9 + torch.pi / 2) % torch.pi - torch.pi / 2
    near = (1 - apart.abs() * 9 / torch.pi).clamp_min(0)
    cells = functional.avg_pool2d(near * (dx.square() + dy.square()).sqrt(), 8)
    around = functional.pad(cells.square().sum(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    return (cells / (functional.avg_pool2d(around, 3, 1) + 1e-4).sqrt()).flatten(1)


def main(out: str) -> None:
    data = load_office_caltech("pictures")
    x = data.x.float() / 255
    parts = [edges(x), functional.avg_pool2d(x, 16).flatten(1)]
    features = torch.cat([part / part.std() for part in parts], 1)
    np.savez(out, x=features.numpy(), y=data.y.numpy(), domain=np.array(data.domains)[data.domain.numpy()])
    print(f"{len(features)} pictures, {features.shape[1]} columns, domains {', '.join(data.domains)}")


if __name__ == "__main__":
    main(sys.argv[1])
