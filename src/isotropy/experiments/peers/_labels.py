"""Networks that label each point of a cloud (rows, n, 3): logits (rows, n, classes), on vectors and by frames."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.experiments.peers._points import DGCNN, PointNet, successive
from isotropy.experiments.peers._vector_neurons import VectorDense, VectorEdges, centred
from isotropy.frames import FrameAveraged, PCAFrame, VectorLinear
from isotropy.reps import Cloud, Point, Scalar


class VectorLabels(nn.Module):
    """A small vector neuron network for labels: edges, layers, the mean over points, and lengths along learned vectors.

    Logits do not change when the cloud turns. Source: Deng et al., ICCV 2021, §4 (segmentation), widths divided.
    """

    def __init__(self, classes: int, width: int = 16, k: int = 10) -> None:
        super().__init__()
        self.edges = VectorEdges(1, width, k=k)
        self.layers = nn.ModuleList(VectorDense(width, width) for _ in range(2))
        self.mixed = VectorDense(4 * width, width)
        self.axes = VectorLinear(width, 3)
        self.head = nn.Sequential(nn.Linear(3 * width, 4 * width), nn.ReLU(), nn.Linear(4 * width, classes))

    def forward(self, x: Float[Tensor, "rows n 3"]) -> Float[Tensor, "rows n classes"]:
        found = successive(self.layers, self.edges(centred(x)))
        local = torch.cat(found, -2)
        mean = local.mean(1, keepdim=True).expand_as(local)
        mixed = self.mixed(torch.cat([local, mean], -2))
        return self.head((mixed @ self.axes(mixed).mT).flatten(-2))


def framed_labels(classes: int, divide: int) -> FrameAveraged:
    """A PointNet averaged over the principal frames of the whole cloud (Puny et al., ICLR 2022)."""
    return FrameAveraged(
        PointNet(divide, classes), PCAFrame("E(3)", grad="detach"), Cloud(Point), Cloud(classes * Scalar)
    )


class Pooled(nn.Module):
    """The mean over points of what a network says of each: logits of clouds (rows, classes)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Float[Tensor, "rows n 3"]) -> Float[Tensor, "rows classes"]:
        return self.network(x).mean(1)


LABELLERS: dict[str, Any] = {
    "PointNet": lambda classes, divide, k: PointNet(divide, classes),
    "DGCNN": lambda classes, divide, k: DGCNN(max(divide // 2, 1), k, outputs=classes),
    "global frames": lambda classes, divide, k: framed_labels(classes, divide),
    "vector neurons": lambda classes, divide, k: VectorLabels(classes, 384 // divide, k),
}
"""Networks of others by their name, of ``k`` neighbours and of widths over ``divide``: about as many numbers each."""
