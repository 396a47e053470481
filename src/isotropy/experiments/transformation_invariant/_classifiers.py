"""Networks that see principal coordinates whatever the signs of the axes."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.experiments.peers import PointClassifier
from isotropy.frames import FrameAveraged, InvariantCoordinates, PCAFrame, SignInvariant, TransformationInvariant
from isotropy.groups import E
from isotropy.reps import Cloud, Point

METHODS = {
    "plain": "PointNet, raw coordinates",
    "naive": "naive MDS, signs as they come",
    "svd_flip": "MDS, svd_flip signs",
    "moment": "Tinv, moment signs",
    "augment": "Tinv, random signs, mean of 8",
    "frame": "frame averaging, all 8 signs",
    "signnet": "Tinv, SignNet",
}
"""Classifiers of clouds."""


class Columns(nn.Module):
    """Features of single coordinates (B, n, d, 1), each seen with all points along its axis (a set network).

    >>> Columns(4)(torch.zeros(2, 5, 3, 1)).shape
    torch.Size([2, 5, 3, 4])
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.own, self.axis = nn.Linear(1, width), nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, column: Float[Tensor, "B n d 1"]) -> Float[Tensor, "B n d w"]:
        h = self.first(column).relu()
        # Max and mean over the points of the axis: what makes phi a function of the eigenvector, not of one entry.
        seen = self.axis(h.amax(1, keepdim=True) + h.mean(1, keepdim=True))
        return (self.own(h) + seen).relu()


class Recoordinated(nn.Module):
    """A network on principal coordinates whose signs are left as the solver gave them, or set by ``rule``."""

    def __init__(self, backbone: nn.Module, rule: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.coordinates, self.backbone, self.rule = InvariantCoordinates(ambiguity="signnet"), backbone, rule

    def forward(self, x: Float[Tensor, "B n d"]) -> Tensor:
        y, _ = self.coordinates(x)
        return self.backbone(y if self.rule is None else self.rule(y))


def largest_positive(y: Float[Tensor, "B n d"]) -> Float[Tensor, "B n d"]:
    """Each axis turned so that its entry of largest absolute value is positive, as scikit-learn's ``svd_flip``.

    >>> largest_positive(torch.tensor([[[1.0], [-3.0]]])).flatten().tolist()
    [-1.0, 3.0]
    """
    largest = y.gather(1, y.abs().argmax(1, keepdim=True))
    return y * torch.where(largest < 0, -1.0, 1.0)


def classifier(method: str, classes: int, widths: Sequence[int], hidden: int, signed: int) -> nn.Module:
    """The network of one method: a key of ``METHODS``; ``signed`` is the width of SignNet's columns."""
    net = PointClassifier(3 * signed if method == "signnet" else 3, classes, widths, hidden)
    if method == "plain":
        return net
    if method == "naive":
        return Recoordinated(net)
    if method == "svd_flip":
        return Recoordinated(net, largest_positive)
    if method == "frame":
        return FrameAveraged(net, PCAFrame(E(3)), Cloud(Point), None)
    if method == "signnet":
        blind = nn.Sequential(SignInvariant(Columns(signed), nn.Identity(), axes=True), net)
        return TransformationInvariant(blind, InvariantCoordinates(ambiguity="signnet"))
    return TransformationInvariant(net, InvariantCoordinates(ambiguity="moment" if method == "moment" else "augment"))
