"""Weights by degree, and where they start: at outputs of unit variance."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.nn.gaunt._coefficients import bracket_coefficient, gaunt_coefficient
from isotropy.nn.gaunt._constants import table
from isotropy.reps import Normalization, rescaling


@table
def variances(L1: int, L2: int, L3: int, normalization: Normalization, odd: bool) -> Float[Tensor, " degrees"]:
    """The variance of each degree of a product of independent inputs of unit variance, in float64.

    Even products are Gaunt's; odd ones the bracket of inputs scaled by 1 / sqrt(l (l + 1)). The sum over m1, m2 of a
    squared Wigner 3j symbol is 1 / (2 l3 + 1).

    >>> variances(0, 2, 2, "component", odd=False).round(decimals=12)
    tensor([1., 1., 1.], dtype=torch.float64)
    """
    s1, s2, s3 = ([float(s) for s in rescaling(L, normalization)[torch.arange(L + 1) ** 2]] for L in (L1, L2, L3))
    found = torch.zeros(L3 + 1, dtype=torch.float64)
    for l3 in range(L3 + 1):
        for l1 in range(L1 + 1):
            for l2 in range(abs(l1 - l3), min(L2, l1 + l3) + 1):
                if odd:
                    c = bracket_coefficient(l1, l2, l3) / math.sqrt(max(l1 * (l1 + 1) * l2 * (l2 + 1), 1))
                else:
                    c = gaunt_coefficient(l1, l2, l3)
                found[l3] += (c * s1[l1] * s2[l2] / s3[l3]) ** 2 / (2 * l3 + 1)
    return found


def flattening(L: int) -> Float[Tensor, " degrees"]:
    """1 / sqrt(l (l + 1)), 1 for l = 0: what makes the gradients of all degrees alike in size."""
    l = torch.arange(L + 1, dtype=torch.float64)
    return (l * (l + 1)).clamp(min=1).rsqrt()


def inverse_root(variance: Float[Tensor, " degrees"]) -> Float[Tensor, " degrees"]:
    """1 / sqrt(variance), and 1 for degrees that nothing reaches."""
    return torch.where(variance > 0, variance, 1.0).rsqrt()
