"""Means of lengths of correlated Gaussian vectors."""

from __future__ import annotations

import math

from scipy.special import hyp2f1


def mean_length_product(rho: float, d: int) -> float:
    """E|a||b| for a, b ~ N(0, I_d) with correlation ``rho`` between equal components, none between others.

    2 (Gamma((d+1)/2) / Gamma(d/2))^2 2F1(-1/2, -1/2; d/2; rho^2).

    >>> round(mean_length_product(1.0, 3), 12), round(mean_length_product(0.0, 3) - 8 / math.pi, 12)
    (3.0, 0.0)
    """
    ratio = math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))
    return 2 * ratio**2 * float(hyp2f1(-0.5, -0.5, d / 2, rho**2))


def scale_defect(width: float, degree: int = 1) -> float:
    """E(1 - s^degree)^2 for s = exp(t), t ~ N(0, width^2): how far a homogeneous length is from invariant.

    >>> scale_defect(0.0)
    0.0
    """
    half = (degree * width) ** 2 / 2
    return 1 - 2 * math.exp(half) + math.exp(4 * half)
