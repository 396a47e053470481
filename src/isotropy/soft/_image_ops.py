"""Fourteen things that are done to pictures, in batches: each as Pillow does it to one picture of bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.groups import Affine, GLPlus, homogeneous
from isotropy.reps import Field, Scalar, act
from isotropy.soft._transforms import TransformSet

LEVELS = 30
"""Strengths are whole numbers from 0 to 29."""
STANDARD = {"rotate": (0, 30), "shear": (0, 0.3), "translate": (0, 10), "enhance": (0.1, 1.9), "posterize": (8, 4)}
WIDE = {"rotate": (0, 135), "shear": (0, 0.99), "translate": (0, 32), "enhance": (0.01, 2.0), "posterize": (8, 2)}
RANGES = {"standard": STANDARD, "wide": WIDE}
SIGNED = ("rotate", "shear-x", "shear-y", "translate-x", "translate-y")
# Luminance as Pillow has it, in 65536ths.
LUMINANCE = (19595, 38470, 7471)


@dataclass(frozen=True)
class ImageTransform:
    """An operation (its number in ``ImageOps.names``), its level and its sign, for each picture."""

    op: Int[Tensor, " n"]
    level: Float[Tensor, " n"]
    sign: Float[Tensor, " n"]


class ImageOps(TransformSet):
    """The operations of automatic augmentation, each as likely as the others, at a random level and sign.

    ``space`` is "standard" or "wide" (ranges of the levels), or the names of some operations, at standard ranges.
    Pictures are ``(B, C, H, W)`` in 0..1, of one or three channels; what Pillow does to bytes is done to the nearest
    bytes, with its results, turns, shears and shifts by one bilinear warp of the numbers as they are. Without
    ``include_identity`` neither the identity nor level 0 is proposed, as published. Colour does nothing to one channel:
    ``idle(channels)`` names what does nothing.

    Raises DomainError for an unknown operation or space, pictures outside of 0..1 or of another number of channels;
    ShapeError. Source: Hounie et al., ICML 2023; Muller and Hutter, ICCV 2021; specification 09 §2.5.

    >>> ops = ImageOps(["brightness"])
    >>> half = ImageTransform(torch.tensor([0]), torch.tensor([0.0]), torch.tensor([1.0]))
    >>> ops.apply(half, torch.full((1, 1, 2, 2), 200 / 255))[0, 0, 0, 0] * 255
    tensor(20.)
    """

    def __init__(self, space: str | Sequence[str] = "standard", include_identity: bool = False, name: str = "") -> None:
        known = ["identity", *OPERATIONS]
        if isinstance(space, str) and space not in RANGES:
            raise DomainError(f"space={space!r}", "'standard', 'wide' or a list of operations", ", ".join(known))
        asked = known if isinstance(space, str) else list(space)
        if strange := [one for one in asked if one not in known]:
            raise DomainError(f"the operation {strange[0]!r}", f"one of {', '.join(known)}", "")
        # An operation that is asked for by name stays.
        left_out = isinstance(space, str) and not include_identity
        self.names = tuple(one for one in asked if not (left_out and one == "identity"))
        if not self.names:
            raise DomainError("no operations", f"some of {', '.join(known)}", "")
        self.ranges = RANGES[space] if isinstance(space, str) else STANDARD
        self.least = 0 if include_identity else 1
        self.name = name or (f"image operations, {space}" if isinstance(space, str) else ", ".join(self.names))

    def sample(self, n: int, generator: torch.Generator) -> ImageTransform:
        how: dict[str, Any] = {"generator": generator, "device": generator.device}
        op = torch.randint(len(self.names), (n,), **how)
        level = torch.randint(self.least, LEVELS, (n,), **how).float()
        return ImageTransform(op, level, 2.0 * torch.randint(2, (n,), **how).float() - 1)

    def log_density(self, t: ImageTransform) -> Float[Tensor, " n"]:
        return torch.full((len(t.op),), -math.log(len(self.names) * (LEVELS - self.least) * 2), dtype=torch.float64)

    @property
    def kinds(self) -> tuple[str, ...]:
        return self.names

    def strengths(self, t: ImageTransform) -> tuple[Tensor, Tensor]:
        """The operation of each picture, and its level."""
        return t.op, t.level

    def idle(self, channels: int) -> tuple[str, ...]:
        """The operations that do nothing to pictures of so many channels."""
        return tuple(one for one in self.names if one == "identity" or (one == "color" and channels == 1))

    def apply(self, t: ImageTransform, x: Tensor) -> Tensor:
        check_pictures(x)
        result = x.clone()
        for number in t.op.unique().tolist():
            name = self.names[number]
            rows = (t.op == number).nonzero().flatten().to(x.device)
            if name not in self.idle(x.shape[1]):
                share, sign = (part.to(x)[rows] for part in (t.level / (LEVELS - 1), t.sign))
                result[rows] = OPERATIONS[name](x[rows], self.strength(name, share, sign))
        return result

    def strength(self, name: str, share: Tensor, sign: Tensor) -> Tensor:
        """The strength in the unit of the operation: degrees, shares of a side, factors, bits, grey levels."""
        if name == "solarize":
            return 256 - 256 * share
        kind = name.split("-")[0]
        kind = "enhance" if kind in ("color", "contrast", "brightness", "sharpness") else kind
        if kind not in self.ranges:
            return share
        low, high = self.ranges[kind]
        value = low + (high - low) * share
        if kind == "posterize":
            return value.round()
        return value * sign if name in SIGNED else value


def check_pictures(x: Tensor) -> None:
    """Raise ShapeError unless x is ``(B, C, H, W)``, DomainError unless it has 1 or 3 channels in 0..1."""
    if x.ndim != 4:
        raise ShapeError(f"pictures of shape {tuple(x.shape)}", "(B, C, H, W)", "x[:, None] is one channel")
    if x.shape[1] not in (1, 3):
        raise DomainError(counted(x.shape[1], "channel"), "1 or 3", "")
    if not x.is_floating_point():
        raise DomainError(f"pictures of dtype {x.dtype}", "floating point in 0..1", "x.float() / 255")
    if x.numel() and not (float(x.amin()) >= 0 and float(x.amax()) <= 1):
        given = f"pictures between {float(x.amin()):.3g} and {float(x.amax()):.3g}"
        raise DomainError(given, "0..1", "x / 255; transform first, then normalise")


# Bytes. Every function takes (n, C, H, W) of whole numbers 0..255, as floats, and the strength (n,).
def _on_bytes(f: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    def run(x: Tensor, value: Tensor) -> Tensor:
        # Double: the truncations of Pillow are those of exact quotients.
        return (f((x.double() * 255).round(), value.double()) / 255).to(x)

    return run


def _column(value: Tensor) -> Float[Tensor, "n 1 1 1"]:
    return value[:, None, None, None]


def _autocontrast(x: Tensor, value: Tensor) -> Tensor:
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    flat = high <= low
    scale = 255 / torch.where(flat, 1.0, high - low)
    return torch.where(flat, x, (x * scale - low * scale).trunc().clamp(0, 255))


def _equalize(x: Tensor, value: Tensor) -> Tensor:
    n, channels, height, width = x.shape
    flat = x.long().reshape(n * channels, -1)
    histogram = torch.zeros(len(flat), 256, dtype=torch.int64, device=x.device)
    histogram.scatter_add_(1, flat, torch.ones_like(flat))
    last = histogram.gather(1, flat.amax(1, keepdim=True))
    step = (height * width - last) // 255
    before = histogram.cumsum(1) - histogram
    table = ((step // 2 + before) // step.clamp_min(1)).clamp_max(255)
    table = torch.where(step == 0, torch.arange(256, device=x.device), table)
    return table.gather(1, flat).reshape(x.shape).to(x)


def _solarize(x: Tensor, value: Tensor) -> Tensor:
    return torch.where(x < _column(value), x, 255 - x)


def _posterize(x: Tensor, value: Tensor) -> Tensor:
    step = 2 ** (8 - _column(value))
    return (x / step).floor() * step


def _enhanced(plain: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A blend of pictures with their ``plain`` ones, of which a strength of 0 leaves nothing else."""

    def blend(x: Tensor, value: Tensor) -> Tensor:
        # In single precision, as Pillow: the product is rounded before it is cut off.
        flat = plain(x)
        return (flat.float() + _column(value.float()) * (x - flat).float()).clamp(0, 255).trunc()

    return _on_bytes(blend)


def grey(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 1 h w"]:
    """Luminance of bytes as Pillow rounds it."""
    if x.shape[1] == 1:
        return x
    weights = torch.tensor(LUMINANCE, dtype=x.dtype, device=x.device)
    return ((torch.einsum("nchw,c->nhw", x, weights) + 2**15) / 2**16).floor()[:, None]


def _even(x: Tensor) -> Tensor:
    return (grey(x).mean((1, 2, 3), keepdim=True) + 0.5).floor()


def _smooth(x: Tensor) -> Tensor:
    kernel = torch.ones(3, 3, dtype=x.dtype, device=x.device)
    kernel[1, 1] = 5
    smooth = x.clone()
    if min(x.shape[2:]) > 2:
        inner = torch.nn.functional.conv2d(x.flatten(0, 1)[:, None], kernel[None, None] / 13)
        smooth[:, :, 1:-1, 1:-1] = (inner.unflatten(0, x.shape[:2])[:, :, 0] + 0.5).floor()
    return smooth


# Places.
def _warped(x: Tensor, A: Tensor, shift: Tensor) -> Tensor:
    return act(Field(x.shape[1] * Scalar), Affine(GLPlus(2)), homogeneous(A, shift), x)


def _rotate(x: Tensor, value: Tensor) -> Tensor:
    angle = value * (math.pi / 180)
    c, s = angle.cos(), angle.sin()
    return _warped(x, torch.stack([c, -s, s, c], -1).unflatten(-1, (2, 2)), torch.stack([0 * c, 0 * c], -1))


def _shear(axis: int) -> Callable[[Tensor, Tensor], Tensor]:
    def run(x: Tensor, value: Tensor) -> Tensor:
        A = torch.eye(2, dtype=x.dtype, device=x.device).repeat(len(x), 1, 1)
        A[:, axis, 1 - axis] = value
        return _warped(x, A, torch.zeros(len(x), 2, dtype=x.dtype, device=x.device))

    return run


def _translate(axis: int) -> Callable[[Tensor, Tensor], Tensor]:
    def run(x: Tensor, value: Tensor) -> Tensor:
        # Strengths are pixels of 32; the unit of places is half of the longest side.
        sides = (x.shape[3], x.shape[2])
        shift = torch.zeros(len(x), 2, dtype=x.dtype, device=x.device)
        shift[:, axis] = value / 16 * sides[axis] / max(sides)
        return _warped(x, torch.eye(2, dtype=x.dtype, device=x.device).expand(len(x), 2, 2), shift)

    return run


OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "autocontrast": _on_bytes(_autocontrast),
    "equalize": _on_bytes(_equalize),
    "rotate": _rotate,
    "solarize": _on_bytes(_solarize),
    "color": _enhanced(grey),
    "posterize": _on_bytes(_posterize),
    "contrast": _enhanced(_even),
    "brightness": _enhanced(torch.zeros_like),
    "sharpness": _enhanced(_smooth),
    "shear-x": _shear(0),
    "shear-y": _shear(1),
    "translate-x": _translate(0),
    "translate-y": _translate(1),
}
"""What each operation does to pictures ``(n, C, H, W)`` in 0..1, at strengths ``(n,)``."""
