"""Networks that label each point of a cloud (rows, n, 3), or (rows, n, 6) with normals: logits (rows, n, classes)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.experiments.peers._points import DGCNN, PointNet, successive
from isotropy.experiments.peers._vector_neurons import VectorDense, VectorEdges, centred
from isotropy.frames import FrameAveraged, PCAFrame, VectorLinear
from isotropy.reps import Cloud, Point, Scalar, Vector


class VectorLabels(nn.Module):
    """A small vector neuron network for labels: edges, layers, the mean over points, and lengths along learned vectors.

    Logits do not change when the cloud turns. Source: Deng et al., ICCV 2021, §4 (segmentation), widths divided.
    """

    def __init__(self, classes: int, width: int = 16, k: int = 10, inputs: int = 3) -> None:
        super().__init__()
        self.edges = VectorEdges(inputs // 3, width, k=k)
        self.layers = nn.ModuleList(VectorDense(width, width) for _ in range(2))
        self.mixed = VectorDense(4 * width, width)
        self.axes = VectorLinear(width, 3)
        self.head = nn.Sequential(nn.Linear(3 * width, 4 * width), nn.ReLU(), nn.Linear(4 * width, classes))

    def forward(self, x: Float[Tensor, "rows n inputs"]) -> Float[Tensor, "rows n classes"]:
        normals = x[..., 3:].unflatten(-1, (-1, 3))
        found = successive(self.layers, self.edges(torch.cat([centred(x[..., :3]), normals], -2)))
        local = torch.cat(found, -2)
        mean = local.mean(1, keepdim=True).expand_as(local)
        mixed = self.mixed(torch.cat([local, mean], -2))
        return self.head((mixed @ self.axes(mixed).mT).flatten(-2))


def framed_labels(classes: int, divide: int, inputs: int) -> FrameAveraged:
    """A PointNet averaged over the principal frames of the whole cloud (Puny et al., ICLR 2022)."""
    seen = Cloud(Point + Vector if inputs > 3 else Point)
    return FrameAveraged(
        PointNet(divide, classes, inputs), PCAFrame("E(3)", grad="detach"), seen, Cloud(classes * Scalar)
    )


class Pooled(nn.Module):
    """The mean over points of what a network says of each: logits of clouds (rows, classes)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Float[Tensor, "rows n inputs"]) -> Float[Tensor, "rows classes"]:
        return self.network(x).mean(1)


LABELLERS: dict[str, Any] = {
    "PointNet": lambda classes, divide, k, inputs=3: PointNet(divide, classes, inputs),
    "DGCNN": lambda classes, divide, k, inputs=3: DGCNN(max(divide // 2, 1), k, outputs=classes, inputs=inputs),
    "global frames": lambda classes, divide, k, inputs=3: framed_labels(classes, divide, inputs),
    "vector neurons": lambda classes, divide, k, inputs=3: VectorLabels(classes, 384 // divide, k, inputs),
}
"""Networks of others by their name, of ``k`` neighbours and of widths over ``divide``: about as many numbers each."""
