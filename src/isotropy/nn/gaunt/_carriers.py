"""Where two functions are multiplied: on a grid, on the torus, or not at all, by the tensor of all coefficients.

A carrier lifts coefficients, multiplies what it lifted pointwise, and projects; ``even`` is the product of the
functions, ``odd`` their bracket {A, B} = (A_theta B_phi - A_phi B_theta) / sin(theta).
"""

from __future__ import annotations

import torch
from torch import Tensor

from isotropy.nn.gaunt._coefficients import bracket_tensor, gaunt_tensor
from isotropy.nn.gaunt._constants import Constants
from isotropy.nn.gaunt._harmonic_grid import SphereGrid, gradients, projection, values
from isotropy.nn.gaunt._method import Method
from isotropy.nn.gaunt._torus import TorusAnalysis, TorusSynthesis
from isotropy.nn.gaunt._transform import Analysis, Synthesis
from isotropy.reps import Normalization, rescaling

Slopes = tuple[Tensor, ...]


def carrier(method: Method, L1: int, L2: int, L3: int, normalization: Normalization, even: bool, odd: bool) -> Carrier:
    """The carrier of one method, with the tables that even and odd products need."""
    if method == "dense":
        return TensorCarrier(L1, L2, L3, normalization, even, odd)
    if method == "fourier":
        return TorusCarrier(L1, L2, L3, normalization, odd)
    kind = GridCarrier if method == "grid" else SeparableCarrier
    return kind(L1, L2, L3, normalization, even, odd)


class Pointwise(Constants):
    """Lifted functions are values at points, which are multiplied there."""

    def times(self, u: Tensor, v: Tensor) -> Tensor:
        return u * v

    def bracket(self, u: Slopes, v: Slopes) -> Tensor:
        return u[0] * v[1] - u[1] * v[0]


class CircleByCircle(Pointwise):
    """What separable grid and torus share: values (..., n_theta, n_phi), from a synthesis for each input."""

    point_axes = 2  # of what is lifted; they follow the channels

    first: Synthesis | TorusSynthesis
    second: Synthesis | TorusSynthesis

    def value(self, x: Tensor, slot: int) -> Tensor:
        return (self.first if slot == 1 else self.second)(x)

    def slopes(self, x: Tensor, slot: int) -> Slopes:
        return (self.first if slot == 1 else self.second).gradient(x)


class GridCarrier(Pointwise):
    """Values on the minimal Gauss-Legendre grid by whole matrices: the fastest where overheads count.

    Source: Xie, Daigavane, Kotak, Smidt 2025.
    """

    point_axes = 1

    def __init__(self, L1: int, L2: int, L3: int, normalization: Normalization, even: bool, odd: bool) -> None:
        super().__init__()
        grid = SphereGrid.minimal(L1 + L2 + L3)
        # Inputs of one degree share their tables.
        self.tables = {1: (f"Y{L1}", f"dY{L1}"), 2: (f"Y{L2}", f"dY{L2}")}
        for L in {L1, L2}:
            scale = rescaling(L, normalization)[:, None]
            if even:
                self.constant(f"Y{L}", values(L, grid) * scale)
            if odd:
                self.constant(f"dY{L}", torch.cat(gradients(L, grid), dim=1) * scale)
        self.constant("Z", projection(L3, grid) / rescaling(L3, normalization))

    def value(self, x: Tensor, slot: int) -> Tensor:
        return x @ self.at_hand(self.tables[slot][0])

    def slopes(self, x: Tensor, slot: int) -> Slopes:
        return (x @ self.at_hand(self.tables[slot][1])).chunk(2, dim=-1)

    def project(self, even: Tensor | None, odd: Tensor | None) -> Tensor:
        # 1 / sin(theta) stands in the slopes along phi: both kinds of product have the same projection.
        return _sum(even, odd) @ self.at_hand("Z")


class SeparableCarrier(CircleByCircle):
    """Values on the same grid, order by order: O(L^3). Source: Xie, Daigavane, Kotak, Smidt 2025."""

    def __init__(self, L1: int, L2: int, L3: int, normalization: Normalization, even: bool, odd: bool) -> None:
        super().__init__()
        grid = SphereGrid.minimal(L1 + L2 + L3)
        self.first = Synthesis(L1, grid, "separable", normalization, value=even, gradient=odd)
        same = L1 == L2  # then both inputs share their tables
        self.second = self.first if same else Synthesis(L2, grid, "separable", normalization, even, odd)
        self.analysis = Analysis(L3, grid, "separable", normalization)

    def project(self, even: Tensor | None, odd: Tensor | None) -> Tensor:
        return self.analysis(_sum(even, odd))


class TorusCarrier(CircleByCircle):
    """Values on the torus, which covers the sphere twice. Source: Luo, Chen, Krishnapriyan 2024."""

    def __init__(self, L1: int, L2: int, L3: int, normalization: Normalization, odd: bool) -> None:
        super().__init__()
        # All modes in theta count, since sin(theta) on [0, pi] has no highest mode; in phi only those up to L3 do.
        n_theta = 2 * (L1 + L2) + 1
        n_phi = max(L1 + L2 + L3, 2 * max(L1, L2, L3)) + 1
        self.first = TorusSynthesis(L1, n_theta, n_phi, normalization, odd)
        self.second = self.first if L1 == L2 else TorusSynthesis(L2, n_theta, n_phi, normalization, odd)
        self.even = TorusAnalysis(L3, n_theta, n_phi, normalization, odd=False)
        self.odd = TorusAnalysis(L3, n_theta, n_phi, normalization, odd=True)

    def project(self, even: Tensor | None, odd: Tensor | None) -> Tensor:
        return _sum(None if even is None else self.even(even), None if odd is None else self.odd(odd))


class TensorCarrier(Constants):
    """All products of two coefficients, then one matrix: the coefficients of the paper's definition themselves."""

    point_axes = 1

    def __init__(self, L1: int, L2: int, L3: int, normalization: Normalization, even: bool, odd: bool) -> None:
        super().__init__()
        s1, s2, s3 = (rescaling(L, normalization) for L in (L1, L2, L3))
        scale = s1[:, None, None] * s2[:, None] / s3
        if even:
            self.constant("G", (gaunt_tensor(L1, L2, L3) * scale).flatten(0, 1))
        if odd:
            self.constant("B", (bracket_tensor(L1, L2, L3) * scale).flatten(0, 1))

    def value(self, x: Tensor, slot: int) -> Tensor:
        return x

    def slopes(self, x: Tensor, slot: int) -> Slopes:
        return x, x

    def times(self, u: Tensor, v: Tensor) -> Tensor:
        return (u.unsqueeze(-1) * v.unsqueeze(-2)).flatten(-2)

    def bracket(self, u: Slopes, v: Slopes) -> Tensor:
        return self.times(u[0], v[1])

    def project(self, even: Tensor | None, odd: Tensor | None) -> Tensor:
        return _sum(None if even is None else even @ self.G, None if odd is None else odd @ self.B)


def _sum(even: Tensor | None, odd: Tensor | None) -> Tensor:
    if even is None or odd is None:
        found = odd if even is None else even
        assert found is not None
        return found
    return even + odd


Carrier = GridCarrier | SeparableCarrier | TorusCarrier | TensorCarrier
