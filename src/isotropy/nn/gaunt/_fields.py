"""Coefficients as vector fields on the sphere, and back: by the orthonormal harmonics Y r, grad Y and r x grad Y."""

from __future__ import annotations

import torch
from torch import Tensor

from isotropy.nn.gaunt._coefficients import flattening
from isotropy.nn.gaunt._constants import Constants
from isotropy.nn.gaunt._harmonic_grid import (
    SphereGrid,
    by_order,
    gradients,
    orders,
    packing,
    projection,
    slopes,
    turns,
    values,
)
from isotropy.nn.gaunt._transform import Synthesis, as_rows
from isotropy.reps import Normalization, degrees, rescaling

Pair = tuple[Tensor, Tensor]


class FieldGrid(Constants):
    """Fields ``V = sum a Y r + b grad Y / sqrt(l (l + 1))`` on the minimal grid, by whole matrices.

    ``radial`` and ``tangent`` are the values of both parts of an input, ``scalars`` projects a function, ``along`` the
    tangent field (theta, phi) on grad Y and ``across`` on r x grad Y, each of unit norm.
    """

    point_axes = 1

    def __init__(self, L1: int, L2: int, L3: int, normalization: Normalization) -> None:
        super().__init__()
        grid = SphereGrid.minimal(L1 + L2 + L3)
        self.degrees = {1: L1, 2: L2}
        for L in {L1, L2}:
            scale = rescaling(L, normalization)[:, None]
            self.constant(f"Y{L}", values(L, grid) * scale)
            self.constant(f"dY{L}", torch.cat(gradients(L, grid), dim=1) * scale * _flat(L)[:, None])
        scale = 1 / rescaling(L3, normalization)
        weights = grid.weights.repeat_interleave(grid.n_phi)[:, None]
        self.constant("Z", projection(L3, grid) * scale)
        self.constant("dZ", torch.cat([part.T * weights for part in gradients(L3, grid)]) * (scale * _flat(L3)))

    def radial(self, x: Tensor, slot: int) -> Tensor:
        return x @ getattr(self, f"Y{self.degrees[slot]}")

    def tangent(self, x: Tensor, slot: int) -> Pair:
        theta, phi = (x @ getattr(self, f"dY{self.degrees[slot]}")).chunk(2, dim=-1)
        return theta, phi

    def scalars(self, F: Tensor) -> Tensor:
        return F @ self.Z

    def along(self, T: Pair) -> Tensor:
        return torch.cat(T, dim=-1) @ self.dZ

    def across(self, T: Pair) -> Tensor:
        """The field turned by r x brings r x grad Y to -grad Y: (theta, phi) to (phi, -theta) undoes it."""
        return torch.cat([T[1], -T[0]], dim=-1) @ self.dZ


class FieldSeparable(Constants):
    """The same, order by order: O(L^3)."""

    point_axes = 2

    first: Synthesis
    second: Synthesis

    def __init__(self, L1: int, L2: int, L3: int, normalization: Normalization) -> None:
        super().__init__()
        self.grid = grid = SphereGrid.minimal(L1 + L2 + L3)
        self.first = Synthesis(L1, grid, "separable", normalization, gradient=True)
        same = L1 == L2
        self.second = self.first if same else Synthesis(L2, grid, "separable", normalization, gradient=True)
        self.constant("flat1", _flat(L1))
        self.constant("flat2", _flat(L2))
        self.constant("packing", packing(L3))
        self.constant("turns", turns(L3, grid.n_phi))
        scale = (1 / rescaling(L3, normalization))[torch.arange(L3 + 1) ** 2][:, None] * grid.weights
        P, flat = by_order(L3, grid), flattening(L3)[:, None]
        self.constant("P", P * scale)
        around = P * -orders(L3)[:, None, None] / grid.sines
        self.constant("dP", torch.cat([slopes(L3, grid) * scale * flat, around * scale * flat], dim=2))

    def radial(self, x: Tensor, slot: int) -> Tensor:
        return (self.first if slot == 1 else self.second)(x)

    def tangent(self, x: Tensor, slot: int) -> Pair:
        one, flat = (self.first, self.flat1) if slot == 1 else (self.second, self.flat2)
        return one.gradient(x * flat)

    def scalars(self, F: Tensor) -> Tensor:
        return self._packed(self.P @ self._by_order(F), F)

    def along(self, T: Pair) -> Tensor:
        # d/dphi turns order -m into m: the slopes along phi meet the orders in reverse.
        theta, phi = self._by_order(T[0]), self._by_order(T[1]).flip(0)
        return self._packed(self.dP @ torch.cat([theta, phi], dim=1), T[0])

    def across(self, T: Pair) -> Tensor:
        return self.along((T[1], -T[0]))

    def _by_order(self, F: Tensor) -> Tensor:
        """(..., n_theta, n_phi) to (m, n_theta, rows)."""
        n_theta, n_phi = self.grid.n_theta, self.grid.n_phi
        u = self.turns @ F.movedim((-1, -2), (0, 1)).reshape(n_phi, -1)
        return u.reshape(len(self.turns), n_theta, -1) if F.numel() else u.reshape(len(self.turns), n_theta, 0)

    def _packed(self, table: Tensor, like: Tensor) -> Tensor:
        return as_rows(table.flatten(0, 1).index_select(0, self.packing), like.shape[:-2])


def _flat(L: int) -> Tensor:
    """1 / sqrt(l (l + 1)) for each packed entry, 1 for l = 0, whose gradient is zero."""
    return flattening(L)[degrees(L)]


Fields = FieldGrid | FieldSeparable
