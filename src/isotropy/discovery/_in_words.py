"""What a transformation of the plane does to a picture, in words."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.groups import polar


def in_words(g: Float[Tensor, "m m"]) -> str:
    """What a matrix of the plane, linear or homogeneous, does to a picture.

    >>> in_words(torch.tensor([[0.0, -2.0], [2.0, 0.0]], dtype=torch.float64))
    'turned by 90 degrees, 2 times as large'
    """
    if g.shape[-1] == 3:
        if bool(g[2, :2].abs().max() > _STILL):
            return "seen from elsewhere"
        shift = g[:2, 2] / g[2, 2]
        told, g = ([f"shifted by ({shift[0]:.2g}, {shift[1]:.2g})"] if bool(shift.norm() > _STILL) else []), g[:2, :2]
    else:
        told = list[str]()
    mirrored = bool(torch.linalg.det(g) < 0)
    if mirrored:
        g = g @ torch.diag(g.new_tensor([-1.0, 1.0]))
    stretch, turn = polar(g)
    angle = float(torch.rad2deg(torch.atan2(turn[1, 0], turn[0, 0])))
    sizes = torch.linalg.eigvalsh(stretch)
    words = ["mirrored"] * mirrored
    if mirrored and abs(angle) > 179.9:
        words = ["mirrored top to bottom"]
    elif abs(angle) > 0.1:
        words.append(f"turned by {angle:.0f} degrees")
    if float(sizes[1] - sizes[0]) > _STILL:
        words.append(f"stretched by {float(sizes[0]):.2g} and {float(sizes[1]):.2g}")
    elif abs(float(sizes[0]) - 1) > _STILL:
        words.append(f"{float(sizes[0]):.2g} times as large")
    return ", ".join([*words, *told]) or "not moved"


_STILL = 1e-3  # of half a side: less than a tenth of a cell of any picture that is shown
