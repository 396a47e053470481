"""The stage of 3DIEBench: where the camera stands, what it sees of a point, the floor and the lights.

The camera is at distance 2.5, 45 degrees above the horizon on the side of +y, and looks at the origin; its lens is of
50 mm on a sensor of 36 mm. The floor is the plane z = -1. A pale sun is above, without shadows; a coloured spot aims at
the origin from distance 4 and its cone is 22.5 degrees wide. Source: the code of 3DIEBench (Garrido et al. 2023).
"""

import math
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

DISTANCE, FOCAL = 2.5, 50.0 / 18.0  # the focal length in halves of the sensor
FLOOR = -1.0
NEAR = 0.05  # what is nearer to the camera than this, or behind it, is cut off
SPOT_DISTANCE, SPOT_HALF_ANGLE, SPOT_BLEND = 4.0, math.pi / 16, 0.15
# Brightness of the lights, chosen so that no channel of the floor or of the object saturates outside the spot.
AMBIENT, SUN, SPOT = 0.2, 0.5, 0.6
WHITE = 0.8
SUBPIXELS = 256  # corners are rounded to this part of a pixel, so that edges are exact in integers


@lru_cache(maxsize=1)
def camera() -> tuple[Float[Tensor, "3"], Float[Tensor, "3 3"]]:
    """Where it stands, and its axes in rows: to the right, downwards and forwards."""
    polar = math.pi / 4
    eye = DISTANCE * torch.tensor([0.0, math.sin(polar), math.cos(polar)], dtype=torch.float64)
    forward = -eye / eye.norm()
    up = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    right = torch.linalg.cross(forward, up)
    right = right / right.norm()
    return eye, torch.stack([right, torch.linalg.cross(forward, right), forward])


def seen(points: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3"]:
    """Points of the world in the frame of the camera: to the right, downwards, forwards."""
    eye, axes = camera()
    gap = points - eye
    return gap[..., :1] * axes[:, 0] + gap[..., 1:2] * axes[:, 1] + gap[..., 2:] * axes[:, 2]


def projected(points: Float[Tensor, "V 3"], size: int) -> tuple[Int[Tensor, "V 2"], Float[Tensor, "V"]]:
    """Points of the frame of the camera on a picture of ``size`` pixels, in 1/256 of a pixel, and 1/depth."""
    inverse = 1 / points[:, 2]
    across = (points[:, :2] * inverse[:, None] * FOCAL + 1) * (size / 2)
    return torch.floor(across * SUBPIXELS + 0.5).long(), inverse


@lru_cache(maxsize=8)
def rays(size: int) -> Float[Tensor, "3 p"]:
    """For each pixel the vector of the world whose component along the axis of the camera is 1, in float32."""
    middle = (torch.arange(size, dtype=torch.float64) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(middle / FOCAL, middle / FOCAL, indexing="ij")
    _, axes = camera()
    return (torch.stack([x, y, torch.ones_like(x)], -1).flatten(0, 1) @ axes).mT.float().contiguous()


def hsv(hue: Tensor, saturation: float, value: float) -> Float[Tensor, "... 3"]:
    """Red, green and blue of a hue, in turns.

    >>> hsv(torch.tensor(1 / 3), 1.0, 1.0).tolist()
    [0.0, 1.0, 0.0]
    """
    around = (hue[..., None] * 6 + hue.new_tensor([5.0, 3.0, 1.0])) % 6
    return value - value * saturation * torch.minimum(around, 4 - around).clamp(0, 1)
