"""Features seen from the frame of an edge, where the edge is the polar axis, and what acts order by order there."""

import math

import torch
from torch import Tensor

from isotropy.nn.gaunt._constants import Constants
from isotropy.nn.gaunt._harmonic_grid import SphereGrid, addition, by_order, legendre_series, places
from isotropy.nn.gaunt._transform import as_rows, by_orders
from isotropy.reps import Normalization, align, degrees, rescaling, wigner_blocks, wigner_couplings


class Frames(Constants):
    """The rotations that take edges to the polar axis, as they act on degrees 0..L, and back.

    The couplings of the Wigner recursion are constants of the module, so that a compiled graph looks up none.
    """

    def __init__(self, L: int) -> None:
        super().__init__()
        self.L = L
        for l, coupling in enumerate(wigner_couplings(L), 2):
            self.constant(f"coupling_{l}", coupling)

    def forward(self, r: Tensor) -> tuple[Tensor, ...]:
        """D^l of the rotations for the edges ``r (E, 3)``, l = 0..L."""
        return wigner_blocks(self.L, align(r), [getattr(self, f"coupling_{l}") for l in range(2, self.L + 1)])


def turned(x: Tensor, D: tuple[Tensor, ...], L: int, back: bool = False) -> Tensor:
    """Coefficients ``x (E, C, (L+1)^2)`` rotated by D, or back by its transpose, degree by degree."""
    parts = x.split([2 * l + 1 for l in range(L + 1)], dim=-1)
    return torch.cat([part @ (d if back else d.mT) for part, d in zip(parts, D, strict=False)], dim=-1)


class ZonalProduct(Constants):
    """The product with a function of theta only: every order m by itself, without any phi.

    x ``(E, C, (L_in+1)^2)`` and the series h ``(E, C, L_filter+1)`` of the filter -> ``(E, C, (L_out+1)^2)``.
    """

    def __init__(self, L_in: int, L_filter: int, L_out: int, normalization: Normalization) -> None:
        super().__init__()
        grid = SphereGrid(SphereGrid.minimal(L_in + L_filter + L_out).n_theta, 1)
        m = torch.arange(-min(L_in, L_out), min(L_in, L_out) + 1)
        s_in, s_out = (rescaling(L, normalization)[torch.arange(L + 1) ** 2][:, None] for L in (L_in, L_out))
        # The integral over phi of cos^2 and sin^2 is pi, of 1 it is 2 pi; the weights of the grid hold 2 pi.
        around = torch.where(m == 0, 1.0, 0.5).to(torch.float64)[:, None, None]
        self.constant("P", (by_order(L_in, grid)[m + L_in] * s_in).mT.contiguous())
        self.constant("Z", by_order(L_out, grid)[m + L_out] / s_out * grid.weights * around)
        series = legendre_series(L_filter, grid.cosines) * addition(L_filter, normalization)[:, None]
        self.constant("series", series.T.contiguous())
        self.constant("places", places(L_in)[m + L_in].flatten())
        self.constant("packing", _packing(L_out, m))
        self.short = L_out > L_in

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        lead = x.shape[:-1]
        F = self.series @ h.expand(*lead, -1).reshape(math.prod(lead), h.shape[-1]).t()  # (n_theta, rows)
        found = (self.Z @ (by_orders(x, self.places, self.P) * F)).flatten(0, 1)
        if self.short:  # orders that the input does not have are read from a row of zeros
            found = torch.nn.functional.pad(found, (0, 0, 0, 1))
        return as_rows(found.index_select(0, self.packing), lead)


def _packing(L: int, m: Tensor) -> Tensor:
    """Where each packed entry stands in the flattened table (m, l); one past its end for orders that are not in it."""
    l = degrees(L)
    order = torch.arange((L + 1) ** 2) - l * l - l
    top = (len(m) - 1) // 2
    return torch.where(order.abs() <= top, (order + top) * (L + 1) + l, len(m) * (L + 1))
