"""Many-body products: the powers of one function on the sphere, each projected once."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.nn.gaunt import _door as door
from isotropy.nn.gaunt._constants import Operation, spheres
from isotropy.nn.gaunt._harmonic_grid import SphereGrid
from isotropy.nn.gaunt._method import route
from isotropy.nn.gaunt._transform import Analysis, Route, Synthesis
from isotropy.reps import Normalization, degrees
from isotropy.settings import Settled

_ROUTES: dict[str, Route] = {"grid": "dense", "grid_separable": "separable"}


class GauntPower(Settled, Operation):
    """``sum_nu w_nu[type, channel, l] (A^nu)_l`` for nu = 1..order: the many-body features of each atom.

    A ``(..., C, (L+1)^2)`` and types ``(...)``, whole numbers below ``n_types`` (left out where there is one type) ->
    ``(..., C, (L_out+1)^2)``. A^nu is the pointwise power, on one grid that is exact for ``order``. The weights
    ``w (order, n_types, C, L_out+1)`` start standard normal.

    - ``L``, ``L_out``: the highest degrees; ``channels``: C; ``generator`` of the start, by default torch's global one.
    - ``factors``: every factor has weights of its own, ``a (R, order, n_types, C, L+1)`` for ``rank`` R, and
      ``a_1 A``, ..., ``a_nu A`` are multiplied and summed over R.
    - ``normalization``, ``strict``, ``check_finite`` as in ``GauntProduct``; ``method``: "auto" or a grid of its.

    Raises ShapeError, DtypeError; DomainError for types out of range and for sizes below 1; with ``strict`` for
    L_out > order L, which else warns. Source: Luo, Chen, Krishnapriyan 2024 (many-body), weights as in their code.

    >>> power = GauntPower(2, 1, order=3, n_types=4, channels=8)
    >>> power(torch.ones(5, 8, 9), torch.tensor([0, 1, 2, 3, 3])).shape
    torch.Size([5, 8, 4])
    """

    def __init__(
        self,
        L: int,
        L_out: int,
        order: int,
        n_types: int = 1,
        *,
        channels: int,
        factors: bool = False,
        rank: int = 1,
        normalization: Normalization = "integral",
        method: Literal["auto", "grid", "grid_separable"] = "auto",
        strict: bool = False,
        check_finite: bool = False,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.L, self.L_out = door.degree(L, "L"), door.degree(L_out, "L_out")
        if min(order, n_types, channels, rank) < 1:
            given = f"order={order}, n_types={n_types}, channels={channels}, rank={rank}"
            raise DomainError(given, "1 or more of each")
        if rank > 1 and not factors:
            raise DomainError(f"rank={rank} without weights of the factors", "rank=1", "write factors=True")
        if method not in ("auto", *_ROUTES):
            raise DomainError(f"method={method!r}", "'auto', 'grid' or 'grid_separable'")
        door.reachable(L_out, order * L, strict, "L_out")
        self.order, self.n_types, self.channels, self.rank = order, n_types, channels, rank
        self.check_finite, self.normalization = check_finite, normalization
        self.rep_in, self.rep_out = spheres(L, channels=channels), spheres(L_out, channels=channels)
        total = order * L + L_out
        way = route(total) if method == "auto" else _ROUTES[method]
        # Exact for A^order times a harmonic of degree L_out, hence for lower powers.
        self.grid = SphereGrid.minimal(total)
        self.synthesis = Synthesis(L, self.grid, way, normalization)
        self.analysis = Analysis(L_out, self.grid, way, normalization)
        self.w = nn.Parameter(torch.randn(order, n_types, channels, L_out + 1, generator=generator))
        self.a: nn.Parameter | None = None
        if factors and order > 1:  # one factor has the weights w
            # The sum over R of products of normal numbers is about as large as A^nu.
            a = torch.randn(rank, order, n_types, channels, L + 1, generator=generator)
            a[:, 0] /= math.sqrt(rank)
            self.a = nn.Parameter(a)
        self.constant("l_in", degrees(L))
        self.constant("l_out", degrees(L_out))

    def settings(self) -> dict[str, Any]:
        return {"L": [self.L, self.L_out], "order": self.order, "normalization": self.normalization}

    def forward(self, A: Tensor, types: Tensor | None = None) -> Float[Tensor, "... k_out"]:
        door.features(A, self.L, "A", self.one, channels=self.channels)
        if types is not None:
            self._check_types(types, A)
        elif self.n_types > 1:
            raise ShapeError("no types", f"types of shape {tuple(A.shape[:-2])}, for {self.n_types} types")
        door.precise(max(self.L, self.L_out), self.one.dtype)
        door.finite(self.check_finite, A=A)
        return self.precisely(self._powers, A, types)

    def _powers(self, A: Tensor, types: Tensor | None) -> Tensor:
        w = self._chosen(self.w.index_select(-1, self.l_out), types, A)
        out = w[0] * _cut(A, w.shape[-1])
        if self.order == 1:
            return out
        first, *others = self._factors(A, types)
        product = first
        for nu, factor in enumerate(others, 1):
            product = product * factor
            # The factors of each rank meet before the one projection.
            out = out + w[nu] * self.analysis(product if self.rank == 1 else product.sum(0))
        return out

    def _factors(self, A: Tensor, types: Tensor | None) -> Sequence[Tensor]:
        """The values on the grid of all factors, in their order; one for each rank, if there are several."""
        if self.a is None:
            return [self.synthesis(A)] * self.order
        a = self._chosen(self.a.index_select(-1, self.l_in).transpose(0, 1).flatten(0, 1), types, A)
        F = self.synthesis(A * a).unflatten(0, (self.order, self.rank))
        return (F[:, 0] if self.rank == 1 else F).unbind(0)

    def _chosen(self, weights: Tensor, types: Tensor | None, like: Tensor) -> Float[Tensor, "n ... C k"]:
        """The weights ``(n, n_types, C, k)`` of the type of each row of ``like (..., C, k')``."""
        rows = like.shape[:-2]
        if types is None or self.n_types == 1:
            rows = (1,) * len(rows)
        else:
            weights = weights.index_select(1, types.reshape(-1))
        return weights.reshape(len(weights), *rows, *weights.shape[2:])

    def _check_types(self, types: Tensor, A: Tensor) -> None:
        if types.shape != A.shape[:-2]:
            raise ShapeError(f"types of shape {tuple(types.shape)}", f"{tuple(A.shape[:-2])}, one for each row of A")
        if types.dtype not in (torch.int64, torch.int32):
            raise DtypeError(f"types of dtype {types.dtype}", "whole numbers", "write types.to(torch.int64)")
        if torch.compiler.is_compiling() or types.numel() == 0:
            return
        low, high = int(types.min()), int(types.max())
        if low < 0 or high >= self.n_types:
            raise DomainError(f"types from {low} to {high}", f"types from 0 to {self.n_types - 1}")


def _cut(A: Tensor, size: int) -> Tensor:
    """The coefficients of the lowest degrees, with zeros for those that are not there."""
    if A.shape[-1] >= size:
        return A[..., :size]
    return nn.functional.pad(A, (0, size - A.shape[-1]))
