"""Rotations of space in other coordinates: unit quaternions, and angles about the fixed axes."""

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups._exponential import matrix_quaternion, quaternion_matrix

# A quaternion further than this from unit length is a mistake and no rounding, in single precision too.
_OFF_LENGTH = 1e-3


def quaternion_to_matrix(q: Tensor) -> Float[Tensor, "... 3 3"]:
    """The rotations of unit quaternions ``(..., 4)`` as ``(x, y, z, w)``, the real part last, as scipy has them.

    ``q`` and ``-q`` give the same rotation. Raises DomainError where a length differs from 1 by more than 1e-3, or is
    not finite: nothing is normalised.

    >>> quaternion_to_matrix(torch.tensor([0.0, 0.0, 1.0, 0.0])).diagonal().tolist()
    [-1.0, -1.0, 1.0]
    """
    return quaternion_matrix(check_quaternions(q).roll(1, -1))


def matrix_to_quaternion(R: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 4"]:
    """The unit quaternions ``(x, y, z, w)`` of rotations, of the two signs the one with w >= 0.

    ``R`` is taken to be a rotation (use ``SO(3).contains`` where it may not be). No angle loses digits.

    >>> matrix_to_quaternion(torch.eye(3)).tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    return matrix_quaternion(R).roll(-1, -1)


def quaternion_product(p: Float[Tensor, "... 4"], q: Float[Tensor, "... 4"]) -> Float[Tensor, "... 4"]:
    """Hamilton's product ``p q`` of quaternions ``(x, y, z, w)``: first the rotation of q, then that of p.

    >>> i, j = torch.eye(4)[0], torch.eye(4)[1]
    >>> quaternion_product(i, j).tolist(), quaternion_product(i, i).tolist()
    ([0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, -1.0])
    """
    u, a, v, b = p[..., :3], p[..., 3:], q[..., :3], q[..., 3:]
    u, v = torch.broadcast_tensors(u, v)
    imaginary = a * v + b * u + torch.linalg.cross(u, v)
    return torch.cat([imaginary, a * b - (u * v).sum(-1, keepdim=True)], -1)


def quaternion_inverse(q: Float[Tensor, "... 4"]) -> Float[Tensor, "... 4"]:
    """The conjugate: the inverse of a unit quaternion.

    >>> quaternion_inverse(torch.tensor([1.0, 0.0, 0.0, 0.0])).tolist()
    [-1.0, -0.0, -0.0, 0.0]
    """
    return torch.cat([-q[..., :3], q[..., 3:]], -1)


def angles_to_quaternion(angles: Tensor) -> Float[Tensor, "... 4"]:
    """The quaternions of turns by ``(a, b, c)`` radians ``(..., 3)`` about the fixed axes x, then y, then z.

    The product of those of the three turns, so that the sign follows the angles (a full turn changes it).

    >>> angles_to_quaternion(torch.tensor([0.0, 0.0, torch.pi])).round(decimals=6).tolist()
    [0.0, 0.0, 1.0, -0.0]
    """
    if angles.shape[-1:] != (3,):
        raise ShapeError(f"angles of shape {tuple(angles.shape)}", "(..., 3), about x, y and z")
    half = angles / 2
    axes = torch.eye(3, dtype=angles.dtype, device=angles.device)
    about = torch.cat([half.sin()[..., None] * axes, half.cos()[..., None]], -1)
    x, y, z = about.unbind(-2)
    return quaternion_product(z, quaternion_product(y, x))


def angles_to_matrix(angles: Tensor) -> Float[Tensor, "... 3 3"]:
    """``R = Rz(c) Ry(b) Rx(a)`` of ``(..., 3)`` radians about the fixed axes x, y, z: scipy's "xyz", Blender's XYZ.

    >>> angles_to_matrix(torch.tensor([0.0, 0.0, torch.pi / 2])).round().int().tolist()
    [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    """
    return quaternion_matrix(angles_to_quaternion(angles).roll(1, -1))


def matrix_to_angles(R: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 3"]:
    """The angles ``(a, b, c)`` about the fixed axes x, y, z, with ``|b| <= pi/2``; ``angles_to_matrix`` leads back.

    At ``b = +-pi/2`` (gimbal lock) only a sum of the others is told by R: there ``a`` is 0.

    >>> matrix_to_angles(angles_to_matrix(torch.tensor([0.1, -0.2, 0.3]))).round(decimals=5).tolist()
    [0.10000000149011612, -0.20000000298023224, 0.30000001192092896]
    """
    cosine = torch.hypot(R[..., 0, 0], R[..., 1, 0])
    b = torch.atan2(-R[..., 2, 0], cosine)
    # Below the square root of the rounding, a and c are made of rounding alone.
    locked = cosine < torch.finfo(R.dtype).eps ** 0.5
    a = torch.where(locked, 0.0, torch.atan2(R[..., 2, 1], R[..., 2, 2]))
    c = torch.where(locked, torch.atan2(-R[..., 0, 1], R[..., 1, 1]), torch.atan2(R[..., 1, 0], R[..., 0, 0]))
    return torch.stack([a, b, c], -1)


def check_quaternions(q: Tensor) -> Tensor:
    """The same; raises DomainError where a length is off 1 by more than 1e-3, ShapeError without four numbers."""
    if q.shape[-1:] != (4,):
        raise ShapeError(f"quaternions of shape {tuple(q.shape)}", "(..., 4): x, y, z, w")
    off = (torch.linalg.vector_norm(q.detach(), dim=-1) - 1).abs()
    if q.numel() and not bool((off <= _OFF_LENGTH).all()):
        raise DomainError(
            f"a quaternion whose length is {float(off.nan_to_num(torch.inf).max()):.3g} off 1",
            f"unit quaternions, to {_OFF_LENGTH}",
            "divide by the length where that is what you mean; the real part comes last",
        )
    return q
