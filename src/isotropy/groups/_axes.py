"""Axes: their simplest form, how they are written, and the frame that goes with one."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError

AXES = "xyz"


def canonical_axis(axis: tuple[float, ...]) -> tuple[float, ...]:
    """The same line in its simplest form: whole numbers without a common divisor, or else a unit vector.

    The last entry that is not 0 is positive. Raises DomainError for the zero vector and for NaN.

    >>> canonical_axis((0.6, 0.0, -0.8)), canonical_axis((2, 4, 4))
    ((-3.0, 0.0, 4.0), (1.0, 2.0, 2.0))
    """
    largest = max(abs(a) for a in axis)
    if not all(math.isfinite(a) for a in axis) or largest == 0:
        raise DomainError(f"the axis {axis}", "a vector that is finite and not zero", "")
    last = next(a for a in reversed(axis) if abs(a) > 1e-13 * largest)
    sign = math.copysign(1.0, last)
    ratios = [Fraction(sign * a / largest).limit_denominator(1000) for a in axis]
    if all(abs(float(r) - sign * a / largest) < 1e-13 for r, a in zip(ratios, axis, strict=True)):
        common = math.lcm(*(r.denominator for r in ratios))
        whole = [int(r * common) for r in ratios]
        divisor = reduce(math.gcd, whole)
        return tuple(float(w // divisor) for w in whole)
    norm = math.hypot(*axis)
    # A unit vector stays as it is to the last digit, so that a printed axis is read back unchanged.
    norm = 1.0 if abs(norm - 1) < 1e-14 else norm
    return tuple(sign * a / norm + 0.0 for a in axis)


def axis_text(axis: tuple[float, ...]) -> str:
    """The axis as it is written: x, y, z, (1,2,2) or (0.6,0.3,...)."""
    if len(axis) <= 3 and sorted(axis) == [0.0] * (len(axis) - 1) + [1.0]:
        return AXES[axis.index(1.0)]
    return "(" + ",".join(str(int(a)) if a.is_integer() else repr(a) for a in axis) + ")"


def axis_name(i: int, n: int) -> str:
    """The name of coordinate i of R^n: x, y, z, or x1, x2, ... above three dimensions."""
    return AXES[i] if n <= 3 else f"x{i + 1}"


def axis_frame(axis: tuple[float, ...]) -> Float[Tensor, "d d"]:
    """An orthonormal, positively oriented basis in columns, the axis last."""
    d = len(axis)
    one = torch.eye(d, dtype=torch.float64)
    if sorted(axis) == [0.0] * (d - 1) + [1.0]:
        at = axis.index(1.0)
        order = [(at + 1 + i) % d for i in range(d)]
        frame = one[:, order]
        # Cyclic orders are even in odd dimensions only; elsewhere one sign makes the frame a rotation.
        return frame * torch.tensor([float(torch.linalg.det(frame).sign())] + [1.0] * (d - 1), dtype=torch.float64)
    u = torch.tensor(axis, dtype=torch.float64)
    u = u / torch.linalg.vector_norm(u)
    turn = torch.outer(u, one[-1]) - torch.outer(one[-1], u)
    return one + turn + turn @ turn / (1 + u[-1])
