"""PointNet and DGCNN on vectors instead of numbers: E(3)-equivariant by construction, on clouds about their centre."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.experiments.peers._points import neighbours, successive
from isotropy.frames import VectorLeakyReLU, VectorLinear


class VectorDense(nn.Module):
    """Linear map of channels, batch normalisation of lengths, leaky ReLU along learned directions (Deng et al., §3)."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.linear, self.norm, self.bend = VectorLinear(a, b), nn.BatchNorm1d(b), VectorLeakyReLU(b)

    def forward(self, v: Float[Tensor, "... a 3"]) -> Float[Tensor, "... b 3"]:
        return self.bend(self._normalised(self.linear(v)))

    def _normalised(self, v: Tensor) -> Tensor:
        length = (v.square().sum(-1) + 1e-12).sqrt()  # smooth where a vector is zero
        return v * (self.norm(length.flatten(0, -2)).reshape(length.shape) / length)[..., None]


class VectorEdges(nn.Module):
    """Vectors of (x_j - x_i, x_i) over the ``k`` nearest j in feature space, their mean."""

    def __init__(self, a: int, *widths: int, k: int) -> None:
        super().__init__()
        self.layers, self.k = nn.Sequential(*(VectorDense(b, c) for b, c in pairwise((2 * a, *widths)))), k

    def forward(self, v: Float[Tensor, "rows n a 3"]) -> Float[Tensor, "rows n c 3"]:
        flat = v.flatten(2)
        near = neighbours(flat, self.k, flat).unflatten(-1, v.shape[2:])
        own = v[:, :, None].expand_as(near)
        return self.layers(torch.cat([near - own, own], -2)).mean(2)


class VectorHead(nn.Module):
    """From vectors of each point and of the whole cloud to one vector for each point."""

    def __init__(self, local: int, whole: int, a: int, b: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(VectorDense(local + whole, a), VectorDense(a, b), VectorLinear(b, 1))

    def forward(self, v: Float[Tensor, "rows n local 3"], whole: Float[Tensor, "rows n whole 3"]) -> Tensor:
        mean = whole.mean(1, keepdim=True).expand_as(whole)
        return self.layers(torch.cat([v, mean], -2))[..., 0, :]


class VectorPointNet(nn.Module):
    """VN-PointNet: edges to ``k`` neighbours, then layers of a third of PointNet's widths, and the mean over points.

    ``divide`` divides the widths further. Source: Deng et al., ICCV 2021, §4; widths of specification 03 §4.1.
    """

    def __init__(self, divide: int = 1, k: int = 20) -> None:
        super().__init__()
        first, *widths = (max(width // (3 * divide), 1) for width in (64, 64, 128, 128, 512, 2048))
        self.edges = VectorEdges(1, first, k=k)
        self.layers = nn.ModuleList(VectorDense(a, b) for a, b in pairwise((first, *widths)))
        self.head = VectorHead(sum(widths[:-1]), widths[-1], 256 // (3 * divide), 128 // (3 * divide))

    def forward(self, x: Float[Tensor, "rows n 3"]) -> Float[Tensor, "rows n 3"]:
        *local, whole = successive(self.layers, self.edges(centred(x)))
        return self.head(torch.cat(local, -2), whole)


class VectorDGCNN(nn.Module):
    """VN-DGCNN: three edge convolutions on vectors, of a third of DGCNN's widths over ``divide``.

    Source: Deng et al., ICCV 2021, §4; specification 03 §4.1.
    """

    def __init__(self, divide: int = 1, k: int = 40) -> None:
        super().__init__()
        c, whole = 64 // (3 * divide), 1024 // (3 * divide)
        self.layers = nn.ModuleList(
            VectorEdges(a, *widths, k=k) for a, *widths in ((1, c, c), (c, c, c), (c, c))
        )  # fmt: skip
        self.whole = VectorDense(3 * c, whole)
        self.head = VectorHead(3 * c, whole, 256 // (3 * divide), 128 // (3 * divide))

    def forward(self, x: Float[Tensor, "rows n 3"]) -> Float[Tensor, "rows n 3"]:
        local = torch.cat(successive(self.layers, centred(x)), -2)
        return self.head(local, self.whole(local))


def centred(x: Float[Tensor, "rows n 3"]) -> Float[Tensor, "rows n 1 3"]:
    """One vector for each point: where it is, seen from the mean."""
    return (x - x.mean(1, keepdim=True))[..., None, :]
