"""What a view is made of, seven numbers, and the group element that leads from one view to another.

A view is ``(a, b, c, hue_floor, theta, phi, hue_light)``: the object turned by ``R = Rz(c) Ry(b) Rx(a)``, radians about
the fixed axes; hues of the floor and of the spot light, in turns; the direction of the light, radians from the zenith
and about it. Source: Garrido, Najman and LeCun, ICML 2023; the code of 3DIEBench.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, SchemaError, ShapeError, nearest
from isotropy.groups import (
    angles_to_matrix,
    angles_to_quaternion,
    matrix_to_quaternion,
    quaternion_inverse,
    quaternion_product,
    quaternion_to_matrix,
)
from isotropy.reps import wigner_blocks

NAMES = ("a", "b", "c", "hue_floor", "theta", "phi", "hue_light")
LOW = (-math.pi / 2, -math.pi / 2, -math.pi / 2, 0.0, 0.0, 0.0, 0.0)
HIGH = (math.pi / 2, math.pi / 2, math.pi / 2, 1.0, math.pi / 4, 2 * math.pi, 1.0)
STILL = (0.0, 0.0, 0.0, 0.6, math.pi / 8, math.pi / 3, 0.1)
"""Where a number stays that does not vary."""

Pose = Literal["object", "world"]
Colour = Literal[False, True, "raw"]
DEGREE = 2  # of "irreps": D^0, D^1 and D^2, as many numbers as tell a rotation smoothly and without a sign
ROTATION_WIDTHS: dict[str, int] = {"quat": 4, "quat_canonical": 4, "matrix": 9, "irreps": 35}
HUES = (3, 6)


class SameViewWarning(UserWarning):
    """A pair of one view with itself, from which nothing is learned of what moves."""


def sample(n: int, *, generator: torch.Generator, vary: Sequence[str] | None = None) -> Float[Tensor, "n 7"]:
    """``n`` views, float64: uniform angles in (-pi/2, pi/2), hues, theta in (0, pi/4) and phi in (0, 2 pi).

    ``vary`` names those that do (all by default); the others stay at ``STILL``. Angles in a box are not Haar
    distributed. Raises SchemaError for other names.

    >>> sample(2, generator=torch.Generator().manual_seed(0), vary=("c",))[:, 3].tolist()
    [0.6, 0.6]
    """
    for name in vary or ():
        if name not in NAMES:
            raise SchemaError(f"the latent {name!r}", f"one of {', '.join(NAMES)}", nearest(name, NAMES))
    low, high = (torch.tensor(x, dtype=torch.float64, device=generator.device) for x in (LOW, HIGH))
    drawn = torch.rand(n, len(NAMES), generator=generator, dtype=torch.float64, device=generator.device)
    moves = torch.tensor([vary is None or name in vary for name in NAMES], device=generator.device)
    return torch.where(moves, low + drawn * (high - low), drawn.new_tensor(STILL))


def rotation(latents: Tensor) -> Float[Tensor, "... 3 3"]:
    """How the object is turned, from latents ``(..., 7)``."""
    return angles_to_matrix(check(latents)[..., :3])


def quaternion(latents: Tensor) -> Float[Tensor, "... 4"]:
    """The same as a quaternion ``(x, y, z, w)`` whose sign follows the angles."""
    return angles_to_quaternion(check(latents)[..., :3])


def relative_rotation(first: Tensor, second: Tensor, pose: str = "object") -> Float[Tensor, "... 3 3"]:
    """g of two views: ``R2 = R1 g`` ("object", a right action) or ``R2 = g R1`` ("world", a left action)."""
    one, other = rotation(first), rotation(second)
    return one.mT @ other if _pose(pose) == "object" else other @ one.mT


def relative(
    first: Tensor,
    second: Tensor,
    group_input: str = "irreps",
    pose: str = "object",
    colour: Colour = False,
    warn: bool = True,
) -> Float[Tensor, "... k"]:
    """What leads from the first views ``(..., 7)`` to the second, as numbers for a predictor.

    ``group_input``: "quat", 4 numbers, whose sign follows the angles: no function of the rotation (the paper's);
    "quat_canonical", w >= 0; "matrix", 9; "irreps", 35, the entries of D^0, D^1 and D^2. ``pose``: "object", R2 = R1 g
    (the paper's), which takes objects of a class to be aligned; "world", R2 = g R1, which does not. ``colour`` appends
    the changes of both hues: as cosine and sine (4 numbers), or "raw", not wrapped (2; the paper's).

    Raises DomainError for latents that are not finite, ShapeError, SchemaError. Warns, unless ``warn`` is False, of
    pairs of a view with itself.

    >>> views = sample(2, generator=torch.Generator().manual_seed(0))
    >>> relative(views[:1], views[1:]).shape, relative(views[:1], views[1:], "quat", colour="raw").shape
    (torch.Size([1, 35]), torch.Size([1, 6]))
    """
    if warn and bool((check(first) == check(second)).all(-1).any()):
        warnings.warn("a view is paired with itself: the group element is the identity", SameViewWarning, stacklevel=2)
    if group_input == "quat":
        one, other = quaternion(first), quaternion(second)
        inverse = quaternion_inverse(one)
        numbers = quaternion_product(inverse, other) if _pose(pose) == "object" else quaternion_product(other, inverse)
    else:
        numbers = encode(relative_rotation(first, second, pose), group_input)
    return torch.cat([numbers, *_hues(first, second, colour)], -1)


def encode(R: Float[Tensor, "... 3 3"], group_input: str = "irreps", colour: Colour = False) -> Float[Tensor, "... k"]:
    """Rotations as the numbers of ``group_input``; "quat" as "quat_canonical", as a matrix knows no sign.

    ``colour`` appends the numbers of hues that do not change.
    """
    if width(group_input) == 4:
        numbers = matrix_to_quaternion(R)
    elif group_input == "matrix":
        numbers = R.flatten(-2)
    else:
        numbers = torch.cat([block.flatten(-2) for block in wigner_blocks(DEGREE, R)], -1)
    still = R.new_zeros(*R.shape[:-2], len(NAMES))
    return torch.cat([numbers, *_hues(still, still, colour)], -1)


def decode(g: Float[Tensor, "... k"], group_input: str = "irreps") -> Float[Tensor, "... 3 3"]:
    """The rotations that ``encode`` wrote; raises DomainError for quaternions off unit length."""
    if width(group_input) == 4:
        return quaternion_to_matrix(g[..., :4])
    first = 0 if group_input == "matrix" else 1  # D^1(R) is R itself
    return g[..., first : first + 9].unflatten(-1, (3, 3))


def width(group_input: str, colour: Colour = False) -> int:
    """How many numbers ``relative`` gives; raises SchemaError for an unknown input.

    >>> width("irreps"), width("quat", colour="raw")
    (35, 6)
    """
    if group_input not in ROTATION_WIDTHS:
        raise SchemaError(
            f"group_input={group_input!r}",
            f"one of {', '.join(ROTATION_WIDTHS)}",
            nearest(group_input, ROTATION_WIDTHS),
        )
    return ROTATION_WIDTHS[group_input] + (2 if colour == "raw" else 4 if colour else 0)


def check(latents: Tensor) -> Tensor:
    """The same; raises ShapeError unless ``(..., 7)``, DomainError where they are not finite."""
    if latents.shape[-1:] != (len(NAMES),):
        raise ShapeError(f"latents of shape {tuple(latents.shape)}", f"(..., 7): {', '.join(NAMES)}")
    if not bool(latents.isfinite().all()):
        raise DomainError("latents that are not finite", "seven numbers for each view")
    return latents


def _pose(pose: str) -> str:
    if pose not in ("object", "world"):
        raise SchemaError(f"pose={pose!r}", '"object" (R2 = R1 g) or "world" (R2 = g R1)')
    return pose


def _hues(first: Tensor, second: Tensor, colour: Colour) -> list[Tensor]:
    if colour is False:
        return []
    change = second[..., HUES] - first[..., HUES]
    return [change] if colour == "raw" else [(2 * math.pi * change).cos(), (2 * math.pi * change).sin()]
