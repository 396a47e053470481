"""A small network whose features are vectors: every layer commutes with rotations and reflections of any dimension."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import DtypeError, ShapeError, counted
from isotropy.frames._spectrum import each
from isotropy.linalg import Segments
from isotropy.settings import Settled


class VectorNeurons(nn.Module):
    """``out`` vectors for each cloud, equivariant under O(d), whatever d, and invariant under the order of its points.

    Every point begins as five vectors: itself, itself times its squared length, its image under the covariance, and
    the means weighted by the first and second power of squared length, lengths in units of their rms and vectors in
    those of x; ``noise`` further channels are read from the argument ``noise``. Then ``layers`` times mix channels, add
    those of the mean, and bend; then the mean over points. Clouds with rotational symmetry get vectors fixed by it.

    Call with ``x (B, n, d)``, or flat ``(N, d)`` with segments, and with ``noise (B, n, channels, d)`` where declared;
    gives ``(B, out, d)``. Raises ShapeError where the noise does not fit,
    DtypeError where the weights have another precision. Source: Deng et al., ICCV 2021, §3.

    >>> net, x = VectorNeurons(out=2), torch.randn(4, 9, 3)
    >>> turn = torch.linalg.qr(torch.randn(3, 3)).Q
    >>> torch.allclose(net(x @ turn.T), net(x) @ turn.T, atol=1e-5)
    True
    """

    homogeneous = True
    """Twice the input, twice the output."""

    def __init__(self, out: int = 3, hidden: int = 32, layers: int = 2, noise: int = 0, slope: float = 0.2) -> None:
        super().__init__()
        self.noise = noise
        channels = 5 + noise
        mixes: list[VectorLinear] = []
        means: list[VectorLinear] = []
        bends: list[VectorLeakyReLU] = []
        for _ in range(layers):
            mixes.append(VectorLinear(channels, hidden))
            means.append(VectorLinear(channels, hidden))
            bends.append(VectorLeakyReLU(hidden, slope))
            channels = hidden
        self.mixes, self.means, self.bends = nn.ModuleList(mixes), nn.ModuleList(means), nn.ModuleList(bends)
        self.last = VectorLinear(channels, out)

    def forward(
        self, x: Float[Tensor, "*index d"], segments: Segments | None = None, noise: Tensor | None = None
    ) -> Float[Tensor, "B out d"]:
        if (0 if noise is None else noise.shape[-2]) != self.noise:
            given = "no noise" if noise is None else f"noise of shape {tuple(noise.shape)}"
            raise ShapeError(given, f"{counted(self.noise, 'channel')} of noise (..., {self.noise}, d)")
        if x.dtype != self.last.weight.dtype:
            raise DtypeError(
                f"x of dtype {x.dtype}", f"that of the weights, {self.last.weight.dtype}", "net.to(x.dtype)"
            )
        v = first_vectors(x, segments)
        if noise is not None:
            v = torch.cat([v, noise], -2)
        for mix, mean, bend in zip(self.mixes, self.means, self.bends, strict=True):
            v = bend(mix(v) + each(mean(pool(v, segments)), segments))
        return pool(self.last(v), segments)


class VectorLinear(nn.Module):
    """Mixes channels, ``(..., c_in, d) -> (..., c_out, d)``, without bias: a constant vector is not equivariant."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def forward(self, v: Float[Tensor, "... c_in d"]) -> Float[Tensor, "... c_out d"]:
        # One product for all points: a batch of small ones is many times slower.
        return nn.functional.linear(v.mT, self.weight).mT


class VectorLeakyReLU(Settled):
    """Each vector q loses most of its part along a learned direction k where the two disagree.

    ``q`` where <q, k> >= 0, else ``q - (1 - slope) <q, k> k / |k|^2``. Source: Deng et al., ICCV 2021, eq. 6.
    """

    def __init__(self, channels: int, slope: float = 0.2) -> None:
        super().__init__()
        self.direction, self.slope = VectorLinear(channels, channels), slope

    def settings(self) -> dict[str, Any]:
        return {"slope": self.slope}

    def forward(self, q: Float[Tensor, "... c d"]) -> Float[Tensor, "... c d"]:
        k = self.direction(q)
        along = (q * k).sum(-1, keepdim=True)
        square = k.square().sum(-1, keepdim=True)
        share = along.clamp_max(0) / torch.where(square > 0, square, 1.0)
        return q - (1 - self.slope) * share * k


def first_vectors(x: Float[Tensor, "*index d"], segments: Segments | None) -> Float[Tensor, "*index 5 d"]:
    """What each point knows of itself and of its cloud, as vectors in the units of x."""
    square = x.square().sum(-1, keepdim=True)
    size = pool(square, segments)
    unit = each(torch.where(size > 0, size, 1.0), segments)
    r = square / unit
    scatter = each(pool(x[..., :, None] * x[..., None, :], segments), segments)
    turned = (scatter @ x[..., None])[..., 0] / unit
    means = [each(pool(w * x, segments), segments).expand_as(x) for w in (r, r.square())]
    return torch.stack([x, r * x, turned, *means], -2)


def pool(v: Tensor, segments: Segments | None) -> Tensor:
    """The mean over the points of each cloud."""
    return v.mean(1) if segments is None else segments.mean(v)
