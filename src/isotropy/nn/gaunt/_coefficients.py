"""The constants of products on the sphere, exact: Gaunt coefficients, those of the bracket, and starts of weights."""

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.nn.gaunt._constants import table
from isotropy.nn.gaunt._harmonic_grid import SphereGrid, gradients, projection, values
from isotropy.reps import Normalization, degrees, rescaling


@lru_cache(maxsize=65536)
def gaunt_coefficient(l1: int, l2: int, l3: int) -> float:
    """g(l1, l2, l3) >= 0: the integral of Y_l1m1 Y_l2m2 Y_l3m3 is g times the real Wigner 3j symbol of unit norm.

    g = sqrt((2l1+1)(2l2+1)(2l3+1) / 4pi) |(l1 l2 l3; 0 0 0)| for harmonics of unit norm on the sphere; zero unless the
    triangle holds and l1 + l2 + l3 is even. Raises DomainError for a negative degree.
    Source: Luo, Chen, Krishnapriyan 2024; specification 05 §2.2 (positive in e3nn's signs).

    >>> round(gaunt_coefficient(1, 1, 2), 12), gaunt_coefficient(1, 1, 1)
    (0.690988298943, 0.0)
    """
    _refuse_negative(l1, l2, l3)
    return _root(l1, l2, l3) * _three_j(l1, l2, l3, 0) if (l1 + l2 + l3) % 2 == 0 else 0.0


@lru_cache(maxsize=65536)
def bracket_coefficient(l1: int, l2: int, l3: int) -> float:
    """b(l1, l2, l3) >= 0: {Y_l1m1, Y_l2m2} is the sum over l3 of b times the real Wigner 3j symbol times Y_l3m3.

    {A, B} = r . (grad A x grad B) is the bracket of functions on the sphere, b = sqrt(l1(l1+1) l2(l2+1)) *
    sqrt((2l1+1)(2l2+1)(2l3+1) / 4pi) |(l1 l2 l3; 1 -1 0)|; zero unless the triangle holds and l1 + l2 + l3 is odd.
    Raises DomainError for a negative degree. Source: Bochkarev, Lysogorskiy, Drautz 2026.

    >>> round(bracket_coefficient(1, 1, 1) ** 2 * math.pi, 12), bracket_coefficient(1, 1, 2)
    (4.5, 0.0)
    """
    _refuse_negative(l1, l2, l3)
    if min(l1, l2) == 0 or (l1 + l2 + l3) % 2 == 0:
        return 0.0
    return math.sqrt(l1 * (l1 + 1) * l2 * (l2 + 1)) * _root(l1, l2, l3) * _three_j(l1, l2, l3, 1)


def gaunt_tensor(L1: int, L2: int, L3: int, dtype: torch.dtype = torch.float64) -> Float[Tensor, "k1 k2 k3"]:
    """The integrals of Y_l1m1 Y_l2m2 Y_l3m3 for degrees up to L1, L2, L3, packed at l*l + l + m.

    Computed in float64 by exact quadrature and cast last; what the selection rules forbid is exactly zero.
    Raises DomainError for a negative degree. Source: Luo, Chen, Krishnapriyan 2024; specification 05 §2.2.

    >>> gaunt_tensor(1, 1, 0).squeeze()[1:, 1:].round(decimals=4)
    tensor([[0.2821, 0.0000, 0.0000],
            [0.0000, 0.2821, 0.0000],
            [0.0000, 0.0000, 0.2821]], dtype=torch.float64)
    """
    _refuse_negative(L1, L2, L3)
    return _gaunt(L1, L2, L3).to(dtype, copy=True)


def bracket_tensor(L1: int, L2: int, L3: int, dtype: torch.dtype = torch.float64) -> Float[Tensor, "k1 k2 k3"]:
    """The coefficients of {Y_l1m1, Y_l2m2} in Y_l3m3 for degrees up to L1, L2, L3, packed at l*l + l + m.

    Computed and cast as ``gaunt_tensor``. Raises DomainError for a negative degree.

    >>> norm = bracket_tensor(1, 1, 1).square().sum().sqrt()
    >>> round(norm.item() / bracket_coefficient(1, 1, 1), 12)
    1.0
    """
    _refuse_negative(L1, L2, L3)
    return _bracket(L1, L2, L3).to(dtype, copy=True)


@table
def _gaunt(L1: int, L2: int, L3: int) -> Tensor:
    grid = SphereGrid.minimal(L1 + L2 + L3)
    Y1, Y2, Z = values(L1, grid), values(L2, grid), projection(L3, grid)
    # One entry of x at a time: the outer product of both harmonics on the grid would not fit at high degree.
    found = torch.stack([(row * Y2) @ Z for row in Y1])
    return found * _allowed(L1, L2, L3, 0)


@table
def _bracket(L1: int, L2: int, L3: int) -> Tensor:
    grid = SphereGrid.minimal(L1 + L2 + L3)
    (theta1, phi1), (theta2, phi2), Z = gradients(L1, grid), gradients(L2, grid), projection(L3, grid)
    found = torch.stack([(t * phi2 - p * theta2) @ Z for t, p in zip(theta1, phi1, strict=True)])
    return found * _allowed(L1, L2, L3, 1)


def _allowed(L1: int, L2: int, L3: int, parity: int) -> Tensor:
    """1 where the triangle holds and the sum of degrees has the parity, else 0."""
    l1, l2, l3 = degrees(L1)[:, None, None], degrees(L2)[:, None], degrees(L3)
    triangle = (l3 >= (l1 - l2).abs()) & (l3 <= l1 + l2)
    return (triangle & ((l1 + l2 + l3) % 2 == parity)).to(torch.float64)


def _refuse_negative(*degrees: int) -> None:
    if min(degrees) < 0:
        raise DomainError(f"degrees {degrees}", "degrees of 0 or more")


def _root(l1: int, l2: int, l3: int) -> float:
    return math.sqrt((2 * l1 + 1) * (2 * l2 + 1) * (2 * l3 + 1) / (4 * math.pi))


def _three_j(l1: int, l2: int, l3: int, m: int) -> float:
    """|(l1 l2 l3; m -m 0)| by Racah's sum over whole numbers: only the last division and root round."""
    if not abs(l1 - l2) <= l3 <= l1 + l2:
        return 0.0
    f, J = math.factorial, l1 + l2 + l3
    a, b, c = l1 + l2 - l3, l1 - l2 + l3, -l1 + l2 + l3
    total = sum(
        (-1) ** k * math.comb(a, k) * math.comb(b, l1 - m - k) * math.comb(c, l2 - m - k)
        for k in range(min(a, l1 - m, l2 - m) + 1)
    )
    above = f(l1 - m) * f(l1 + m) * f(l2 - m) * f(l2 + m) * f(l3) ** 2 * total**2
    return math.sqrt(above / (f(J + 1) * f(a) * f(b) * f(c)))


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
