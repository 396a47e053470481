"""PointNet and DGCNN, which read three numbers off each point of a cloud or its class; and made exact by frames."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.frames import FrameAveraged, PCAFrame
from isotropy.optics import Mode
from isotropy.reps import Cloud, Point, Vector
from isotropy.reps import Tensor as Tensors


class PointDense(nn.Module):
    """Linear map, batch normalisation over everything but channels, leaky ReLU (a plain one where ``slope`` is 0)."""

    def __init__(self, a: int, b: int, *, bias: bool = False, slope: float = 0.2) -> None:
        super().__init__()
        self.linear, self.normalise = nn.Linear(a, b, bias=bias), Normalised(b, slope)

    def forward(self, x: Float[Tensor, "... a"]) -> Float[Tensor, "... b"]:
        return self.normalise(self.linear(x))


class Normalised(nn.Module):
    """Batch normalisation over everything but channels, then leaky ReLU."""

    def __init__(self, width: int, slope: float = 0.2) -> None:
        super().__init__()
        self.norm, self.slope = nn.BatchNorm1d(width), slope

    def forward(self, x: Float[Tensor, "... c"]) -> Float[Tensor, "... c"]:
        return nn.functional.leaky_relu(self.norm(x.reshape(-1, x.shape[-1])).reshape(x.shape), self.slope)


class Head(nn.Module):
    """From local features and those of the whole cloud to three numbers, or ``outputs`` of them, for each point."""

    def __init__(self, local: int, whole: int, a: int, b: int, outputs: int = 3) -> None:
        super().__init__()
        # Two maps are one map of both, at the cost of the whole cloud only once.
        self.local, self.whole = nn.Linear(local, a, bias=False), nn.Linear(whole, a, bias=False)
        self.first, self.rest = Normalised(a), nn.Sequential(PointDense(a, a), PointDense(a, b), nn.Linear(b, outputs))

    def forward(
        self, x: Float[Tensor, "rows n local"], whole: Float[Tensor, "rows 1 whole"]
    ) -> Float[Tensor, "rows n outputs"]:
        return self.rest(self.first(self.local(x) + self.whole(whole)))


class EachPoint(nn.Module):
    """Layers shared by all points, without a look at others: what each of them finds."""

    def __init__(self, widths: Sequence[int], *, bias: bool = False, slope: float = 0.2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(PointDense(a, b, bias=bias, slope=slope) for a, b in pairwise(widths))

    def forward(self, x: Float[Tensor, "rows n a"]) -> list[Tensor]:
        return successive(self.layers, x)


def successive(layers: nn.ModuleList, x: Tensor) -> list[Tensor]:
    """What each layer makes of what the one before it left."""
    return list(accumulate(layers, lambda left, layer: layer(left), initial=x))[1:]


class PointClassifier(nn.Module):
    """A PointNet's layers on points (B, n, inputs), maximum and mean over points, and a head: logits (B, classes).

    Source: Qi et al., CVPR 2017, without its learned alignments; specification 08 §4.1.

    >>> PointClassifier(3, 40)(torch.zeros(2, 5, 3)).shape
    torch.Size([2, 40])
    """

    def __init__(self, inputs: int, classes: int, widths: Sequence[int] = (64, 128, 128), hidden: int = 128) -> None:
        super().__init__()
        self.each = EachPoint((inputs, *widths), bias=True, slope=0.0)
        self.head = nn.Sequential(PointDense(2 * widths[-1], hidden, bias=True, slope=0.0), nn.Linear(hidden, classes))

    def forward(self, x: Float[Tensor, "B n c"]) -> Float[Tensor, "B classes"]:
        h = self.each(x)[-1]
        return self.head(torch.cat([h.amax(1), h.mean(1)], 1))


class PointNet(nn.Module):
    """Five layers of widths 64, 128, 128, 512, 2048, a maximum over points, and a head 256, 256, 128 on all of them.

    ``divide`` divides all widths; ``outputs`` are the numbers of each point, ``inputs`` those that it comes with.
    Source: Qi et al., CVPR 2017 (segmentation), widths of Deng et al., ICCV 2021.
    """

    def __init__(self, divide: int = 1, outputs: int = 3, inputs: int = 3) -> None:
        super().__init__()
        widths = [inputs, *(width // divide for width in (64, 128, 128, 512, 2048))]
        self.each = EachPoint(widths)
        self.head = Head(sum(widths[1:]), widths[-1], 256 // divide, 128 // divide, outputs)

    def forward(self, x: Float[Tensor, "rows n inputs"]) -> Float[Tensor, "rows n outputs"]:
        found = self.each(x)
        return self.head(torch.cat(found, -1), found[-1].amax(1, keepdim=True))


class EdgeConvolution(nn.Module):
    """MLP of (x_j - x_i, x_i) over the ``k`` nearest j in feature space, their maximum or mean (Wang et al. 2019)."""

    def __init__(self, a: int, *widths: int, k: int, mean: bool) -> None:
        super().__init__()
        self.near, self.own = nn.Linear(a, widths[0], bias=False), nn.Linear(a, widths[0], bias=False)
        self.first = Normalised(widths[0])
        self.rest = nn.Sequential(*(PointDense(b, c) for b, c in pairwise(widths)))
        self.k, self.mean = k, mean

    def forward(self, x: Float[Tensor, "rows n a"]) -> Float[Tensor, "rows n c"]:
        # W (x_j - x_i) + U x_i with W applied to points, not to pairs.
        near = self.near(x)
        pairs = neighbours(x, self.k, near) + (self.own(x) - near)[:, :, None]
        y = self.rest(self.first(pairs))
        return y.mean(2) if self.mean else y.amax(2)


class DGCNN(nn.Module):
    """Three edge convolutions, 1024 features of the whole cloud, and a head 256, 256, 128; widths over ``divide``.

    ``mean`` aggregates by means instead of maxima, as the frame averaged version does; ``outputs`` are the numbers of
    each point, ``inputs`` those that it comes with. Source: Wang et al., TOG 2019; specification 03 §4.1.
    """

    def __init__(self, divide: int = 1, k: int = 40, mean: bool = False, outputs: int = 3, inputs: int = 3) -> None:
        super().__init__()
        c = 64 // divide
        self.layers = nn.ModuleList(
            EdgeConvolution(a, *widths, k=k, mean=mean) for a, *widths in ((inputs, c, c), (c, c, c), (c, c))
        )
        self.whole = PointDense(3 * c, 1024 // divide)
        self.head = Head(3 * c, 1024 // divide, 256 // divide, 128 // divide, outputs)
        self.mean = mean

    def forward(self, x: Float[Tensor, "rows n inputs"]) -> Float[Tensor, "rows n outputs"]:
        local = torch.cat(successive(self.layers, x), -1)
        whole = self.whole(local)
        return self.head(local, whole.mean(1, keepdim=True) if self.mean else whole.amax(1, keepdim=True))


class Lines(nn.Module):
    """The direction that ``network`` gives each point, without its sign: p p^T / |p|^2, (..., 9).

    A normal of unknown orientation is a line, and lines are averaged as projectors: means of vectors would vanish
    wherever two poses choose opposite signs.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *x: Tensor) -> Float[Tensor, "... 9"]:
        p = nn.functional.normalize(self.network(*x), dim=-1)
        return (p[..., :, None] * p[..., None, :]).flatten(-2)


def frame_averaged(network: nn.Module, mode: Mode, seed: int) -> FrameAveraged:
    """``network`` with its lines averaged over the principal frames of the whole cloud: E(3)-equivariant."""
    return FrameAveraged(Lines(network), PCAFrame("E(3)"), Cloud(Point), Cloud(Tensors(2)), mode, seed=seed)


class LocalFrames(nn.Module):
    """FA-Local-PointNet: vectors of each neighbourhood in its own frame, read in their own frame; E(3)-equivariant.

    ``k`` nearest points of each point, in the principal frames of that neighbourhood, make ``vectors`` vectors
    (42 over ``divide``); these have a frame at each point, in which PointNet continues. What is pooled over points is
    averaged over frames before: signs of frames at two points have nothing to do with each other.
    Source: Puny et al., ICLR 2022, §4.1.
    """

    def __init__(self, divide: int = 1, k: int = 20) -> None:
        super().__init__()
        vectors, a, b, whole = 42 // divide, 256 // divide, 512 // divide, 2048 // divide
        self.k, typed, own = k, vectors * Vector, PCAFrame("O(3)", grad="detach")
        self.local = FrameAveraged(
            Neighbourhood(3, 64 // divide, 128 // divide, 3 * vectors),
            PCAFrame("E(3)", grad="detach"), Cloud(Point), typed,
        )  # fmt: skip
        invariant = nn.Sequential(PointDense(3 * vectors, 128 // divide), PointDense(128 // divide, b))
        self.invariant = FrameAveraged(invariant, own, typed, None)
        self.whole = PointDense(b, whole)
        self.shared = nn.Linear(b + whole, a)
        head = Lines(InFrame(3 * vectors, a, 128 // divide))
        self.head = FrameAveraged(head, own, (typed, None), Tensors(2), sees=0)

    def forward(self, x: Float[Tensor, "rows n 3"]) -> Float[Tensor, "rows n 9"]:
        rows, n, _ = x.shape
        v = self.local(neighbours(x, self.k, x).flatten(0, 1))
        h = self.invariant(v)
        whole = self.whole(h).unflatten(0, (rows, n)).amax(1, keepdim=True).expand(-1, n, -1).flatten(0, 1)
        return self.head(v, self.shared(torch.cat([h, whole], -1))).unflatten(0, (rows, n))


class Neighbourhood(nn.Module):
    """Three layers on each point of a neighbourhood, and the maximum over its points."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        *inner, last = pairwise(widths)
        self.layers = nn.Sequential(*(PointDense(a, b) for a, b in inner), nn.Linear(*last))

    def forward(self, x: Float[Tensor, "rows k 3"]) -> Float[Tensor, "rows c"]:
        return self.layers(x).amax(1)


class InFrame(nn.Module):
    """Three numbers from vectors in a frame and from what needs no frame."""

    def __init__(self, vectors: int, a: int, b: int) -> None:
        super().__init__()
        self.vectors = nn.Linear(vectors, a, bias=False)
        self.rest = nn.Sequential(Normalised(a), PointDense(a, b), nn.Linear(b, 3))

    def forward(self, v: Float[Tensor, "rows v"], shared: Float[Tensor, "rows a"]) -> Float[Tensor, "rows 3"]:
        return self.rest(self.vectors(v) + shared)


def neighbours(x: Float[Tensor, "rows n a"], k: int, values: Float[Tensor, "rows n c"]) -> Float[Tensor, "rows n k c"]:
    """``values`` of the ``k`` points nearest to each one, itself among them."""
    index: Int[Tensor, "rows n k"] = torch.cdist(x.detach(), x.detach()).topk(k, dim=-1, largest=False).indices
    rows = torch.arange(len(x), device=x.device)[:, None, None]
    return values[rows, index]
