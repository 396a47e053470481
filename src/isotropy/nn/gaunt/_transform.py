"""From coefficients to values on a grid of the sphere and back, by one matrix or order by order."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import ShapeError
from isotropy.nn.gaunt import _door as door
from isotropy.nn.gaunt._constants import Constants, Operation, spheres
from isotropy.nn.gaunt._harmonic_grid import SphereGrid, by_order, packing, places, projection, slopes, turns, values
from isotropy.reps import Normalization, rescaling

Route = Literal["dense", "separable"]


class Synthesis(Constants):
    """Coefficients ``(..., (L+1)^2)`` to values ``(..., n_theta, n_phi)``, or to both components of the gradient.

    ``route="dense"`` is one matrix product with all points; ``"separable"`` sums over degrees on each circle for each
    order, then over orders: O(L^3). Only the separable route has a ``gradient``; ``value=False`` saves its table.
    """

    def __init__(
        self,
        L: int,
        grid: SphereGrid,
        route: Route = "dense",
        normalization: Normalization = "integral",
        value: bool = True,
        gradient: bool = False,
    ) -> None:
        super().__init__()
        self.L, self.grid, self.route = L, grid, route
        scale = rescaling(L, normalization)
        if route == "dense":
            self.constant("Y", values(L, grid) * scale[:, None])
            return
        scale = _by_place(scale, L)[..., None]
        self.constant("places", places(L).flatten())
        self.constant("turns", turns(L, grid.n_phi).T.contiguous())
        P = by_order(L, grid) * scale
        if value:
            self.constant("P", P.mT.contiguous())
        if gradient:
            m = torch.arange(-L, L + 1, dtype=torch.float64)[:, None, None]
            around = P * -m / grid.sines
            # d/dphi takes the angles of order -m: the orders of this table are in reverse.
            self.constant("dP", torch.cat([(slopes(L, grid) * scale), around.flip(0)]).mT.contiguous())
            self.constant("both_places", torch.cat([places(L), places(L).flip(0)]).flatten())

    def forward(self, x: Tensor) -> Tensor:
        """The values of the function."""
        if self.route == "dense":
            return (x @ self.Y).unflatten(-1, (self.grid.n_theta, self.grid.n_phi))
        return self._around(by_orders(x, self.places, self.P), x)

    def gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """d/dtheta and (1 / sin theta) d/dphi of the function, by the separable route."""
        theta, phi = by_orders(x, self.both_places, self.dP).chunk(2)
        return self._around(theta, x), self._around(phi, x)

    def _around(self, u: Tensor, x: Tensor) -> Tensor:
        """(m, n_theta, rows) to a view (..., n_theta, n_phi) of what one product (n_phi, m) x (m, rest) leaves."""
        found = self.turns @ u.flatten(1)
        return found.reshape(self.grid.n_phi, self.grid.n_theta, *x.shape[:-1]).movedim((0, 1), (-1, -2))


class Analysis(Constants):
    """Values ``(..., n_theta, n_phi)`` to the coefficients ``(..., (L+1)^2)`` of their projection."""

    def __init__(
        self, L: int, grid: SphereGrid, route: Route = "dense", normalization: Normalization = "integral"
    ) -> None:
        super().__init__()
        self.L, self.grid, self.route = L, grid, route
        scale = 1 / rescaling(L, normalization)
        if route == "dense":
            self.constant("Z", projection(L, grid) * scale)
            return
        self.constant("packing", packing(L))
        self.constant("turns", turns(L, grid.n_phi))
        self.constant("P", by_order(L, grid) * _by_place(scale, L)[..., None] * grid.weights)

    def forward(self, F: Tensor) -> Tensor:
        """The coefficients."""
        if self.route == "dense":
            return F.flatten(-2) @ self.Z
        lead, n_theta = F.shape[:-2], self.grid.n_theta
        rows = math.prod(lead)
        u = self.turns @ F.movedim((-1, -2), (0, 1)).reshape(self.grid.n_phi, n_theta * rows)
        u = self.P @ u.reshape(len(self.turns), n_theta, rows)
        return as_rows(u.flatten(0, 1).index_select(0, self.packing), lead)


class SphereTransform(Operation):
    """Functions on the sphere between coefficients ``(..., (L+1)^2)`` and values ``(..., n_theta, n_phi)`` on a grid.

    ``to_grid`` evaluates, ``from_grid`` projects on degrees 0..L; on the default grid, the smallest that integrates
    degree 2L, one undoes the other. Work pointwise on the values for a nonlinearity, on a finer ``grid`` the more it
    bends. ``method="dense"`` is one matrix product, ``"separable"`` O(L^3). ``normalization`` says which harmonics the
    coefficients multiply.

    Raises ShapeError, DtypeError for input that does not fit; DomainError for a degree below 0.
    Source: Xie, Daigavane, Kotak, Smidt 2025 (grids); Luo, Chen, Krishnapriyan 2024 (products of functions).

    >>> transform = SphereTransform(2).to(torch.float64)
    >>> x = torch.arange(9.0, dtype=torch.float64)
    >>> values = transform.to_grid(x)
    >>> values.shape, torch.allclose(transform.from_grid(values), x)
    (torch.Size([3, 5]), True)
    """

    def __init__(
        self,
        L: int,
        grid: SphereGrid | None = None,
        *,
        method: Literal["auto", "dense", "separable"] = "auto",
        normalization: Normalization = "integral",
    ) -> None:
        super().__init__()
        self.L = door.degree(L, "L")
        self.grid = grid or SphereGrid.minimal(2 * L)
        self.rep_in = self.rep_out = spheres(L)
        route: Route = ("dense" if L <= 8 else "separable") if method == "auto" else method
        self.synthesis = Synthesis(L, self.grid, route, normalization)
        self.analysis = Analysis(L, self.grid, route, normalization)

    def to_grid(self, x: Tensor) -> Float[Tensor, "... n_theta n_phi"]:
        """The values at the points of the grid."""
        door.features(x, self.L, "x", self.one)
        return self.precisely(self.synthesis, x)

    def from_grid(self, values: Tensor) -> Float[Tensor, "... k"]:
        """The coefficients of the projection to degrees 0..L, exact where degree + L is within that of the grid."""
        if values.shape[-2:] != (self.grid.n_theta, self.grid.n_phi):
            raise ShapeError(
                f"values of shape {tuple(values.shape)}", f"(..., {self.grid.n_theta}, {self.grid.n_phi}), on the grid"
            )
        door.same_kind(values, "values", self.one)
        return self.precisely(self.analysis, values)

    def forward(self, x: Tensor) -> Float[Tensor, "... k"]:
        """There and back: the identity on the default grid."""
        return self.from_grid(self.to_grid(x))


def _by_place(scale: Tensor, L: int) -> Tensor:
    """One number for each packed entry as a table (m, degree)."""
    return scale[torch.arange(L + 1) ** 2].expand(2 * L + 1, -1)


def by_orders(x: Tensor, places: Tensor, P: Tensor) -> Tensor:
    """Sum over degrees on each circle for each order: (..., k) to (m, n_theta, rows), rows last and contiguous."""
    rows = x.reshape(-1, x.shape[-1]).index_select(1, places)
    by_order = rows.unflatten(1, (P.shape[0], P.shape[2])).permute(1, 2, 0)
    return P @ by_order


def as_rows(columns: Tensor, lead: torch.Size) -> Tensor:
    """(k, rows) to contiguous (..., k)."""
    return columns.t().contiguous().reshape(*lead, columns.shape[0])
