"""Encoders: a backbone whose features are divided into what stays and what moves, each with a projector of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.data.render import check_images
from isotropy.errors import DomainError, ShapeError
from isotropy.settings import Settled

# Of the pictures that ``data.render`` makes, and of the published ones [14 §2.3], to the second digit.
MEAN, STD = (0.50, 0.50, 0.51), (0.10, 0.10, 0.10)


class Split(NamedTuple):
    """What an encoder says of pictures: the invariant and the equivariant half, and the embeddings of both."""

    rep_inv: Float[Tensor, "... i"]
    rep_equi: Float[Tensor, "... e"]
    emb_inv: Float[Tensor, "... j"]
    emb_equi: Float[Tensor, "... f"]

    @property
    def rep(self) -> Float[Tensor, "... d"]:
        """Both halves of the representation."""
        return torch.cat([self.rep_inv, self.rep_equi], -1)

    @property
    def emb(self) -> Float[Tensor, "... p"]:
        """Both embeddings, side by side: what variance and covariance are taken of."""
        return torch.cat([self.emb_inv, self.emb_equi], -1)


class SplitEncoder(Settled):
    """A backbone whose first ``d_inv`` features are to recognise and whose last ``d_equi`` to tell the pose.

    - ``backbone``: pictures ``(B, 3, S, S)`` to features ``(B, d_inv + d_equi)``; `SmallEncoder`, `ResNet18`, your own.
    - ``proj``: widths of the projectors together, each part having its share; the last has no bias. An empty one leaves
      the representation as it is.

    Pictures are uint8, or floats in [0, 1]. Raises ShapeError for widths that do not add up, DomainError for pictures
    out of range and for a batch of one in training, which has no statistics.

    >>> encoder = SplitEncoder(SmallEncoder(16), 12, 4, proj=(32, 32))
    >>> said = encoder(torch.zeros(3, 3, 16, 16, dtype=torch.uint8))
    >>> said.rep_inv.shape, said.rep_equi.shape, said.emb_inv.shape, said.emb_equi.shape
    (torch.Size([3, 12]), torch.Size([3, 4]), torch.Size([3, 24]), torch.Size([3, 8]))
    """

    def __init__(
        self, backbone: nn.Module, d_inv: int, d_equi: int, proj: tuple[int, ...] = (2048, 2048, 2048)
    ) -> None:
        super().__init__()
        if min(d_inv, d_equi) < 0 or d_inv + d_equi < 1:
            raise ShapeError(f"d_inv={d_inv}, d_equi={d_equi}", "widths of at least 0, not both")
        width = getattr(backbone, "width", d_inv + d_equi)
        if d_inv + d_equi != width:
            raise ShapeError(f"d_inv + d_equi = {d_inv} + {d_equi}", f"{width}, the width of the backbone")
        self.backbone, self.d_inv, self.d_equi = backbone, d_inv, d_equi
        whole = d_inv + d_equi
        self.widths = tuple([round(w * part / whole) for w in proj] for part in (d_inv, d_equi))
        self.inv, self.equi = (projector(part, w) for part, w in zip((d_inv, d_equi), self.widths, strict=True))

    def settings(self) -> dict[str, Any]:
        return {"d_inv": self.d_inv, "d_equi": self.d_equi}

    def represent(self, images: Tensor) -> tuple[Float[Tensor, "B i"], Float[Tensor, "B e"]]:
        """The two halves of the representation, without the projectors."""
        if self.training and len(images) == 1:
            raise DomainError("a batch of one in training", "at least two, to have a variance", "write encoder.eval()")
        features = self.backbone(prepared(images))
        if features.dim() != 2 or features.shape[1] != self.d_inv + self.d_equi:
            raise ShapeError(f"features {tuple(features.shape)}", f"(B, {self.d_inv + self.d_equi}) of the backbone")
        return features[:, : self.d_inv], features[:, self.d_inv :]

    def forward(self, images: Tensor) -> Split:
        inv, equi = self.represent(images)
        return Split(inv, equi, self.inv(inv), self.equi(equi))


def prepared(images: Tensor) -> Float[Tensor, "B 3 S S"]:
    """Pictures as the backbones take them: about 0, of about unit deviation; raises DomainError for others."""
    check_images(images)
    floats = images.float() / 255 if images.dtype == torch.uint8 else images
    mean, std = (floats.new_tensor(values)[:, None, None] for values in (MEAN, STD))
    return (floats - mean) / std


def projector(width: int, widths: list[int]) -> nn.Sequential:
    """Linear, batch norm and ReLU again and again; the last one linear, without a bias."""
    layers: list[nn.Module] = []
    for i, out in enumerate(widths):
        last = i == len(widths) - 1
        layers.append(nn.Linear(width, out, bias=not last))
        layers += [] if last else [nn.BatchNorm1d(out), nn.ReLU()]
        width = out
    return nn.Sequential(*layers)


class SmallEncoder(nn.Module):
    """Four convolutions of stride 2 with batch norm and ReLU, and a mean over the cells; ``width`` features.

    Source: specification 14 §4.2, for pictures of 32 pixels.

    >>> SmallEncoder(96)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 96])
    """

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.width = width
        layers: list[nn.Module] = []
        for into, out in zip((3, 16, 32, 64), (16, 32, 64, width), strict=True):
            layers += [nn.Conv2d(into, out, 3, 2, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B d"]:
        return self.layers(x).mean((2, 3))


class ResNet18(nn.Module):
    """The residual network of 18 layers without its head, 512 features (11.18 M parameters).

    ``small`` pictures (64 pixels or fewer) have a stem of 3 x 3 without pooling; others the published one, whose
    padding lies on the right and below (left 2, right 3, and -inf before the pooling). The last batch norm of each
    block begins at 0. Source: He et al. 2016; the code of SIE, as specification 14 §2.2 tells it.
    """

    width = 512

    def __init__(self, small: bool = True) -> None:
        super().__init__()
        norm = nn.BatchNorm2d(64)
        if small:
            self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), norm, nn.ReLU())
        else:
            self.stem = nn.Sequential(
                nn.ZeroPad2d((2, 3, 2, 3)), nn.Conv2d(3, 64, 7, 2, bias=False), norm, nn.ReLU(),
                nn.ConstantPad2d((0, 1, 0, 1), -torch.inf), nn.MaxPool2d(3, 2),
            )  # fmt: skip
        self.blocks = nn.Sequential(
            *(
                part
                for into, out, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2))
                for part in (_Block(into, out, stride), _Block(out, out, 1))
            )
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B 512"]:
        return self.blocks(self.stem(x)).mean((2, 3))


class _Block(nn.Module):
    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        last = nn.BatchNorm2d(out)
        nn.init.zeros_(last.weight)
        self.body = nn.Sequential(
            nn.Conv2d(into, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False), last,
        )  # fmt: skip
        same = into == out and stride == 1
        shortcut = nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        self.skip = nn.Identity() if same else shortcut

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.skip(x) + self.body(x))
