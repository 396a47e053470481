"""Convolution of features with a spherical filter around an edge, in four forms that agree."""

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.nn.gaunt import _door as door
from isotropy.nn.gaunt._aligned import Frames, ZonalProduct, turned
from isotropy.nn.gaunt._constants import Operation, spheres
from isotropy.nn.gaunt._harmonic_grid import SphereGrid, addition, legendre_series, projection, values
from isotropy.nn.gaunt._method import route
from isotropy.nn.gaunt._product import GauntProduct
from isotropy.nn.gaunt._transform import Analysis, Synthesis
from isotropy.reps import Normalization, Vector, degrees, rescaling, spherical_harmonics
from isotropy.settings import Settled

Form = Literal["zonal", "aligned", "plain", "matrix"]


class GauntConvolution(Settled, Operation):
    """The messages ``x_j * sum_l h_l Y_l(r)`` along edges: features times a filter around the direction of each edge.

    x_src ``(E, C, (L_in+1)^2)``, edge_vec ``(E, 3)`` of any length, radial ``(E, C, L_filter+1)`` (or one channel for
    all), the h_l of each edge -> ``(E, C, (L_out+1)^2)``. Without edges the result is empty.

    - ``L_in``, ``L_filter``, ``L_out``: the highest degrees, the last L_in + L_filter by default.
    - ``method``: four exact forms. "zonal" evaluates the filter, a polynomial in the cosine to each point of the grid,
      by the addition theorem: no rotation, smooth everywhere; "aligned" rotates the edge to the pole, where the filter
      depends on theta alone and orders do not mix; "plain" multiplies by the coefficients h_l Y_lm; "matrix" sums over
      the grid before the channels come in, which leaves each edge one matrix for each degree of the filter: the fastest
      where L_in is 0 or 1 and channels are many.
    - ``normalization`` of harmonics; ``channels``: C, by default any; ``parity``: -1 for features that are
      pseudofunctions; ``strict`` and ``check_finite`` as in ``GauntProduct``.

    Raises ShapeError, DtypeError; DomainError for edges of length zero (their numbers), degrees below 0, and, where
    asked for, ``strict`` and ``check_finite``. Source: Luo, Chen, Krishnapriyan 2024; Passaro, Zitnick 2023.

    >>> convolution = GauntConvolution(1, 2, 1)
    >>> convolution(torch.ones(5, 8, 4), torch.ones(5, 3), torch.ones(5, 8, 3)).shape
    torch.Size([5, 8, 4])
    """

    def __init__(
        self,
        L_in: int,
        L_filter: int,
        L_out: int | None = None,
        method: Form = "zonal",
        *,
        normalization: Normalization = "integral",
        channels: int | None = None,
        parity: int = 1,
        strict: bool = False,
        check_finite: bool = False,
    ) -> None:
        super().__init__()
        self.L_in, self.L_filter = door.degree(L_in, "L_in"), door.degree(L_filter, "L_filter")
        self.L_out = L_in + L_filter if L_out is None else door.degree(L_out, "L_out")
        door.reachable(self.L_out, L_in + L_filter, strict, "L_out")
        if method not in ("zonal", "aligned", "plain", "matrix"):
            raise DomainError(f"method={method!r}", "'zonal', 'aligned', 'plain' or 'matrix'")
        self.method: Form = method
        self.normalization: Normalization = normalization
        self.channels, self.check_finite = channels, check_finite
        count = channels or 1
        self.rep_in = (spheres(L_in, (parity,), count), Vector, None)  # radial factors do not turn
        self.rep_out = spheres(self.L_out, (parity,), count)
        if method == "plain":
            # What L_out cannot have was said above.
            top = min(self.L_out, L_in + L_filter)
            self.product = GauntProduct(L_in, L_filter, top, normalization=normalization)
            self.constant("degrees", degrees(L_filter))
            self.constant("scale", rescaling(L_filter, normalization))
        elif method == "aligned":
            self.frames = Frames(max(L_in, self.L_out))
            self.zonal = ZonalProduct(L_in, L_filter, self.L_out, normalization)
        else:
            total = L_in + L_filter + self.L_out
            grid = SphereGrid.minimal(total)
            self.constant("directions", grid.directions.flatten(0, 1).T.contiguous())
            self.constant("addition", addition(L_filter, normalization))
            if method == "matrix":
                Y = values(L_in, grid) * rescaling(L_in, normalization)[:, None]
                Z = projection(self.L_out, grid) / rescaling(self.L_out, normalization)
                self.constant("pairs", (Y.T[:, :, None] * Z[:, None, :]).flatten(1))
            else:
                self.synthesis = Synthesis(L_in, grid, route(total), normalization)
                self.analysis = Analysis(self.L_out, grid, route(total), normalization)

    def settings(self) -> dict[str, Any]:
        return {"L": [self.L_in, self.L_filter, self.L_out], "normalization": self.normalization}

    def forward(self, x_src: Tensor, edge_vec: Tensor, radial: Tensor) -> Float[Tensor, "edges channels k_out"]:
        door.along_edges(x_src, edge_vec, self.L_in, self.one, self.channels)
        door.series(radial, x_src, self.L_filter, self.one)
        door.precise(max(self.L_in, self.L_filter, self.L_out), self.one.dtype)
        door.finite(self.check_finite, x_src=x_src, edge_vec=edge_vec, radial=radial)
        return self.precisely(self._messages, x_src, edge_vec, radial)

    def _messages(self, x: Tensor, r: Tensor, h: Tensor) -> Tensor:
        if self.method == "aligned":
            D = self.frames(r)
            return turned(self.zonal(turned(x, D, self.L_in), h), D, self.L_out, back=True)
        if self.method == "plain":
            Y = spherical_harmonics(self.L_filter, r) * self.scale
            found = self.product(x, h.index_select(-1, self.degrees) * Y[:, None])
            return torch.nn.functional.pad(found, (0, (self.L_out + 1) ** 2 - found.shape[-1]))
        unit = r / torch.linalg.vector_norm(r, dim=-1, keepdim=True)
        P = legendre_series(self.L_filter, unit @ self.directions)  # (E, L_filter + 1, points)
        if self.method == "matrix":
            K = (P @ self.pairs).unflatten(-1, (x.shape[-1], -1)).flatten(1, 2)
            # Channels last: sums over degrees and orders, here and in gradients, then run along memory.
            both = ((h * self.addition).mT.unsqueeze(2) * x.mT.unsqueeze(1)).flatten(1, 2)
            if both.requires_grad and not torch.compiler.is_compiling():
                both.register_hook(_in_order)
            return (K.mT @ both).mT
        F = (h * self.addition) @ P
        lifted = self.synthesis(x)
        return self.analysis(lifted * F.unflatten(-1, lifted.shape[-2:]))


def _in_order(gradient: Tensor | None) -> Tensor | None:
    """Gradients of gradients come transposed, which would slow down all that follows; some are zero, and left out."""
    return None if gradient is None else gradient.contiguous()
