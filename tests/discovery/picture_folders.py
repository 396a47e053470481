"""Made pictures in which one thing decides the class and another is spread evenly, in both assignments."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isotropy.data import Pictures
from isotropy.random import spawn

SIDE = 16


def arrows(n: int, decides: str, seed: int = 0) -> Pictures:
    """A bar with a head in every direction and of every brightness; the class is which half either lies in."""
    generator = spawn(seed, "arrows", decides)
    angle = 2 * math.pi * torch.rand(n, generator=generator)
    light = torch.rand(n, generator=generator)
    axis = (torch.arange(SIDE) - (SIDE - 1) / 2) / (SIDE / 2)
    x, y = axis[None, None], -axis[None, :, None]
    c, s = angle.cos()[:, None, None], angle.sin()[:, None, None]
    along, across = c * x + s * y, c * y - s * x
    bar = (across.abs() < 0.14) & (along.abs() < 0.7)
    head = ((along - 0.5).square() + across.square()) < 0.08
    # Half the light at least, so that every arrow can be seen; brighter ones are made by a factor of up to two.
    shown = (bar | head).float() * (0.3 + 0.6 * light)[:, None, None]
    pixels = (shown * 255).round().byte()[:, None]
    label = (angle < math.pi).long() if decides == "turn" else (light > 0.5).long()
    return Pictures(pixels, label, ("first", "second"), name=f"arrows, {decides} decides", given=n)


def write(pictures: Pictures, folder: object, *, most: int | None = None) -> Tensor:
    """The pictures as a folder of classes."""
    from pathlib import Path

    from PIL import Image

    root = Path(str(folder))
    for i, (x, y) in enumerate(zip(pictures.x[:most], pictures.y[:most].tolist(), strict=True)):
        place = root / pictures.classes[y]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x[0].numpy()).save(place / f"{i:04}.png")
    return pictures.x[:most]
