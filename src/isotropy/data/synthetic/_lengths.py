"""Means of lengths of correlated Gaussian vectors."""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import NDArray


def mean_length_product(rho: float, d: int) -> float:
    """E|a||b| for a, b ~ N(0, I_d) with correlation ``rho`` between equal components, none between others.

    2 (Gamma((d+1)/2) / Gamma(d/2))^2 2F1(-1/2, -1/2; d/2; rho^2).

    >>> round(mean_length_product(1.0, 3), 12), round(mean_length_product(0.0, 3) - 8 / math.pi, 12)
    (3.0, 0.0)
    """
    ratio = math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))
    return 2 * ratio**2 * float(scipy.special.hyp2f1(-0.5, -0.5, d / 2, rho**2))


def mean_absolute_product(rho: NDArray[np.float64]) -> NDArray[np.float64]:
    """E|a||b| for standard normal numbers a, b with correlation ``rho``: (2/pi)(sqrt(1 - rho^2) + rho asin rho).

    >>> mean_absolute_product(np.array([1.0])).round(12).tolist()
    [1.0]
    """
    rho = np.clip(rho, -1, 1)
    return 2 / math.pi * (np.sqrt(1 - rho**2) + rho * np.arcsin(rho))


def mean_turned_product(width: float) -> float:
    """E|a_1||(R a)_1| for a ~ N(0, I) in R^3 and a rotation vector of R ~ N(0, width^2 I), by quadrature.

    The correlation of a_1 and (R a)_1 is R_11 = cos t + (1 - cos t) u^2, with u uniform on [-1, 1] and t = width chi_3.

    >>> round(mean_turned_product(1e-6), 9)
    1.0
    """
    nodes, weights = np.polynomial.legendre.leggauss(60)
    u, u_weight = (nodes + 1) / 2, weights / 2
    z, z_weight = 6 * (nodes + 1), 6 * weights  # chi_3 beyond 12 has no mass to speak of
    density = math.sqrt(2 / math.pi) * z**2 * np.exp(-(z**2) / 2) * z_weight
    turn = np.cos(width * z)[:, None]
    return float(density @ mean_absolute_product(turn + (1 - turn) * u**2) @ u_weight)


def scale_defect(width: float, degree: int = 1) -> float:
    """E(1 - s^degree)^2 for s = exp(t), t ~ N(0, width^2): how far a homogeneous length is from invariant.

    >>> scale_defect(0.0)
    0.0
    """
    half = (degree * width) ** 2 / 2
    return 1 - 2 * math.exp(half) + math.exp(4 * half)
