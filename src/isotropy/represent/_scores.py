"""How well a pose is told: scores of quaternions, with the floor that a constant answer reaches beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.groups import matrix_to_quaternion, quaternion_inverse, quaternion_product

TINY = 1e-20  # of a squared deviation: rounding, squared


@dataclass(frozen=True)
class RotationScores:
    """``pooled`` R2, about one mean of all components, and its ``floor``, that of the best constant; ``component`` R2,
    about the mean of each, with floor 0; and the median ``angle`` in degrees between told and true rotations.

    >>> q = torch.nn.functional.normalize(torch.randn(50, 4, dtype=torch.float64), dim=1)
    >>> perfect, constant = rotation_scores(q, q), rotation_scores(q, q.mean(0).expand(50, 4))
    >>> perfect.pooled, round(constant.component, 6), constant.pooled == constant.floor
    (1.0, 0.0, True)
    """

    pooled: float
    component: float
    angle: float
    floor: float

    def __str__(self) -> str:
        pooled = f"R2 {self.component:.3f} by component, {self.pooled:.3f} pooled (a constant has {self.floor:.3f})"
        return f"{pooled}, {self.angle:.1f} degrees"


def rotation_scores(
    target: Float[Tensor, "n 4"],
    predicted: Float[Tensor, "n 4"],
    symmetries: Sequence[Float[Tensor, "m 3 3"]] | None = None,
) -> RotationScores:
    """Scores of predicted quaternions ``(x, y, z, w)``, which need not be of unit length.

    ``component`` says how much better than the best constant: (pooled - floor) / (1 - floor). ``symmetries`` are the
    turns that leave objects as they are, one set for each of so many equal runs of rows, with the identity or without:
    the angle is then to the nearest h^-1 g h', which look the same, of turns in the object's frame.

    Raises ShapeError, and DomainError where the targets do not vary. Source: specification 14 §2.5.
    """
    if target.shape != predicted.shape or target.dim() != 2:
        raise ShapeError(f"quaternions {tuple(target.shape)} and {tuple(predicted.shape)}", "(n, 4) and (n, 4)")
    target, predicted = target.double(), predicted.double()
    error = (target - predicted).square().sum()
    about_each = (target - target.mean(0)).square().sum()
    about_one = (target - target.mean()).square().sum()
    if float(about_each) <= TINY * target.numel():
        raise DomainError("rotations that are all the same", "some that vary, to be told apart")
    length = predicted.norm(dim=1, keepdim=True).clamp_min(1e-12)
    cosine = _cosines(target, predicted / length, symmetries).clamp(max=1)
    return RotationScores(
        float(1 - error / about_one),
        float(1 - error / about_each),
        float(torch.rad2deg(2 * cosine.acos()).median()),
        float(1 - about_each / about_one),
    )


def _cosines(target: Tensor, told: Tensor, symmetries: Sequence[Tensor] | None) -> Float[Tensor, " n"]:
    """Of half the angles between rotations, as alike as their objects' symmetries allow."""
    if symmetries is None:
        return (target * told).sum(1).abs()
    if not symmetries or len(target) % len(symmetries):
        given = f"{counted(len(symmetries), 'symmetry', 'symmetries')} for {counted(len(target), 'row')}"
        raise ShapeError(given, "one for each of equal runs of rows")
    if any(own.shape[1:] != (3, 3) or not len(own) for own in symmetries):
        raise ShapeError(
            f"symmetries of shapes {sorted({tuple(own.shape) for own in symmetries})}", "(m, 3, 3), at least one"
        )
    found: list[Tensor] = []
    runs = (x.chunk(len(symmetries)) for x in (target, told))
    for q, p, own in zip(*runs, symmetries, strict=True):
        h = matrix_to_quaternion(torch.cat([torch.eye(3, dtype=torch.float64)[None], own.double()]))
        first = quaternion_product(quaternion_inverse(h)[None], q[:, None])  # (n, m, 4)
        alike = quaternion_product(first[:, :, None], h[None, None]).flatten(1, 2)
        found.append((alike * p[:, None]).sum(-1).abs().amax(1))
    return torch.cat(found)


def r2(target: Float[Tensor, "n k"], predicted: Float[Tensor, "n k"]) -> float:
    """The coefficient of determination about the mean of each component, all components together; a constant has 0."""
    error, spread = (target - predicted).square().sum(), (target - target.mean(0)).square().sum()
    if float(spread) <= TINY * target.numel():
        raise DomainError("targets that are all the same", "some that vary")
    return float(1 - error / spread)
