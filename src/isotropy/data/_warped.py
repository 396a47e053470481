"""Pictures warped by random affine maps and homographies: test sets that nobody trained on, the same for every seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import Affine, GLPlus, Homography, homogeneous
from isotropy.groups.parts import rotation2
from isotropy.random import spawn
from isotropy.reps import Field, Scalar, act, cell_centres


@dataclass(frozen=True)
class Warp:
    """How far: turns up to ``turn`` degrees and shears up to ``shear``, both ways; scales of each axis from ``least``
    to ``most``."""

    turn: float
    shear: float
    least: float
    most: float


WARPS = {"affine": Warp(20, 0.2, 0.8, 1.2), "wide": Warp(45, 0.4, 0.6, 1.4)}
# Of MacDonald's generator, in the basis E11 - 1/3, E12, E13, E21, E22 - 1/3, E23, E31, E32 of sl(3).
_HOMOGRAPHY = 0.5 * torch.tensor([0.15, 0.35, 0.17, 0.35, 0.15, 0.17, 0.15, 0.15], dtype=torch.float64)


def framed(x: Float[Tensor, "n c h w"], side: int = 40) -> Float[Tensor, "n c s s"]:
    """Pictures in the middle of an empty square. Raises ShapeError for pictures that are larger.

    >>> framed(torch.ones(1, 1, 28, 28)).shape
    torch.Size([1, 1, 40, 40])
    """
    height, width = x.shape[2:]
    if max(height, width) > side:
        raise ShapeError(f"pictures of {height} x {width}", f"at most {side} x {side}")
    top, left = (side - height) // 2, (side - width) // 2
    return torch.nn.functional.pad(x, (left, side - width - left, top, side - height - top))


def warped(x: Float[Tensor, "n c h w"], kind: str = "affine", *, seed: int = 0) -> Float[Tensor, "n c h w"]:
    """Each picture of a bright shape on an empty square, moved by a map of its own.

    "affine" are the ranges of affNIST (turns to 20 degrees, shears to 0.2, scales 0.8 to 1.2 along each axis), "wide"
    twice those (45 degrees, 0.4, 0.6 to 1.4), both put down anywhere in the square where the shape stays inside, or in
    the middle where it does not fit; "homography" the normal law of homNIST in coordinates of sl(3), without its
    Metropolis step. Row i depends on ``seed``, ``kind`` and i alone, whatever stands beside it or behind.

    Raises DomainError for another kind and for pictures without a bright cell, ShapeError for pictures that are no
    squares. Source: specification 02 §4.1 and §4.2.

    >>> x = framed(torch.ones(2, 1, 12, 12), 40)
    >>> torch.equal(warped(x)[:1], warped(x[:1])), bool(warped(x)[..., 0].max() < 1)
    (True, True)
    """
    if x.ndim != 4 or x.shape[2] != x.shape[3]:
        raise ShapeError(
            f"pictures of shape {tuple(x.shape)}", "(n, channels, side, side)", "framed(x) puts them in squares"
        )
    if kind not in (*WARPS, "homography"):
        raise DomainError(f"kind={kind!r}", ", ".join([*map(repr, WARPS), "'homography'"]))
    field = Field(x.shape[1] * Scalar)
    draw = spawn(seed, "warps", kind)
    if kind == "homography":
        # By uniform numbers: torch's normal ones depend on how many are drawn.
        u = torch.rand(len(x), 8, generator=draw, dtype=torch.float64).clamp_min(2**-53)
        v = torch.special.ndtri(u) * _HOMOGRAPHY
        A = torch.nn.functional.pad(v, (0, 1)).unflatten(1, (3, 3))
        A = A - A.diagonal(dim1=1, dim2=2).sum(1)[:, None, None] / 3 * torch.eye(3, dtype=torch.float64)
        return act(field, Homography(2), torch.linalg.matrix_exp(A).to(x), x)
    g = placed(x, WARPS[kind], torch.rand(len(x), 6, generator=draw, dtype=torch.float64))
    return act(field, Affine(GLPlus(2)), g.to(x), x)


def placed(x: Float[Tensor, "n c s s"], warp: Warp, u: Float[Tensor, "n 6"]) -> Float[Tensor, "n 3 3"]:
    """The affine maps that six uniform numbers each choose: turn, shear, two scales, and a place."""
    turn = math.radians(warp.turn) * (2 * u[:, 0] - 1)
    shear = torch.eye(2, dtype=u.dtype).repeat(len(u), 1, 1)
    shear[:, 0, 1] = warp.shear * (2 * u[:, 1] - 1)
    A = rotation2(turn) @ shear @ torch.diag_embed(warp.least + (warp.most - warp.least) * u[:, 2:4])
    corners = boxes(x)
    moved = corners @ A.mT
    low, high = moved.amin(1), moved.amax(1)
    # The shape is inside where its box is within the square [-1, 1]^2.
    room = (2 - (high - low)).clamp_min(0) / 2
    middle = -(low + high) / 2
    return homogeneous(A, middle + room * (2 * u[:, 4:] - 1))


def boxes(x: Float[Tensor, "n c s s"]) -> Float[Tensor, "n 4 2"]:
    """The corners of the smallest upright box around the bright cells of each picture."""
    bright = x.amax(1) > 0
    if bool((~bright.flatten(1).any(1)).any()):
        rows = (~bright.flatten(1).any(1)).nonzero().flatten()[:5].tolist()
        raise DomainError(f"pictures {rows} without a bright cell", "a bright shape on an empty background")
    u = cell_centres(tuple(x.shape[2:])).flatten(0, 1)
    half = 1 / x.shape[-1]
    inside = bright.flatten(1)[..., None]
    low = torch.where(inside, u, torch.inf).amin(1) - half
    high = torch.where(inside, u, -torch.inf).amax(1) + half
    corners = [torch.stack([a[:, 0], b[:, 1]], -1) for a in (low, high) for b in (low, high)]
    return torch.stack(corners, 1)
