"""The general convolution in the frame of an edge: SO(2) acts there, and mixes cosines with sines of one order."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError, counted
from isotropy.nn.gaunt import _door as door
from isotropy.nn.gaunt._aligned import Frames, turned
from isotropy.nn.gaunt._constants import Operation, spheres
from isotropy.nn.gaunt._harmonic_grid import SphereGrid, addition, legendre, legendre_series, legendre_slopes
from isotropy.reps import Vector, degrees
from isotropy.settings import Settled


class SO2Convolution(Settled, Operation):
    """Every linear map of features that commutes with turns about the edge: all Clebsch-Gordan paths at once.

    x_src ``(E, C_in, (L_in+1)^2)``, edge_vec ``(E, 3)``, radial ``(E, C_in, L_in+1)`` or none, a factor for each degree
    -> ``(E, C_out, (L_out+1)^2)``. In the frame where the edge is the pole, order 0 mixes all degrees and channels by
    one matrix, and each pair (x_m, x_-m) of an order m by [[Wr, -Wi], [Wi, Wr]].

    - ``L_in``, ``L_out``: the highest degrees; ``channels_in``, ``channels_out``: C_in, C_out.
    - ``m_max``: higher orders are left out, by default none: fewer weights, as equivariant.
    - ``include_odd``: paths with l1 + l2 + l3 even are Wr, odd ones Wi. Equivariant under ``group``, O(3) without Wi,
      else SO(3).
    - ``generator`` of the start, by default torch's global one.

    Raises ShapeError, DtypeError, DomainError (edges of length zero). Source: Passaro, Zitnick 2023 (eSCN).

    >>> convolution = SO2Convolution(2, 1, 8, 4)
    >>> convolution(torch.ones(5, 8, 9), torch.ones(5, 3)).shape
    torch.Size([5, 4, 4])
    """

    def __init__(
        self,
        L_in: int,
        L_out: int,
        channels_in: int,
        channels_out: int,
        m_max: int | None = None,
        *,
        include_odd: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.L_in, self.L_out = door.degree(L_in, "L_in"), door.degree(L_out, "L_out")
        self.m_max = min(L_in, L_out) if m_max is None else min(door.degree(m_max, "m_max"), L_in, L_out)
        if min(channels_in, channels_out) < 1:
            raise DomainError(f"{channels_in} and {counted(channels_out, 'channel')}", "one channel or more")
        self.channels_in, self.channels_out, self.include_odd = channels_in, channels_out, include_odd
        self.group = "SO(3)" if include_odd else "O(3)"
        self.rep_in = (spheres(L_in, channels=channels_in), Vector)
        self.rep_out = spheres(L_out, channels=channels_out)
        self.frames = Frames(max(L_in, L_out))
        self.real, self.imaginary = nn.ParameterList(), nn.ParameterList()
        for m in range(self.m_max + 1):
            shape = (channels_out * (L_out + 1 - m), channels_in * (L_in + 1 - m))
            size = math.sqrt(shape[1] * (2 if m and include_odd else 1))
            self.real.append(nn.Parameter(torch.randn(shape, generator=generator) / size))
            if m and include_odd:
                self.imaginary.append(nn.Parameter(torch.randn(shape, generator=generator) / size))
        self.constant("degrees", degrees(L_in))
        self.constant("sorted_in", _by_order(L_in, self.m_max))
        # Where each packed entry of the output comes out; orders above m_max are read from a last column of zeros.
        found = _by_order(L_out, self.m_max)
        back = torch.full(((L_out + 1) ** 2,), len(found))
        back[found] = torch.arange(len(found))
        self.constant("sorted_out", back)

    def settings(self) -> dict[str, Any]:
        return {"L": [self.L_in, self.L_out], "m_max": self.m_max, "group": self.group}

    def forward(
        self, x_src: Tensor, edge_vec: Tensor, radial: Tensor | None = None
    ) -> Float[Tensor, "edges channels k_out"]:
        door.along_edges(x_src, edge_vec, self.L_in, self.one, self.channels_in)
        if radial is not None:
            door.series(radial, x_src, self.L_in, self.one)
        door.precise(max(self.L_in, self.L_out), self.one.dtype)
        return self.precisely(self._messages, x_src, edge_vec, radial)

    def _messages(self, x: Tensor, r: Tensor, h: Tensor | None) -> Tensor:
        if h is not None:
            x = x * h.index_select(-1, self.degrees)
        D = self.frames(r)
        columns = turned(x, D, self.L_in).index_select(-1, self.sorted_in)
        n_in, n_out = self.L_in + 1, self.L_out + 1
        sizes = [n_in] + [2 * (n_in - m) for m in range(1, self.m_max + 1)]
        found: list[Tensor] = []
        for m, part in enumerate(columns.split(sizes, dim=-1)):
            if m == 0:
                zonal = nn.functional.linear(part.flatten(1), self.real[0])
                found.append(zonal.unflatten(1, (self.channels_out, n_out)))
                continue
            # (E, C, 2, l): cosines, then sines, as rows of one product with [Wr; Wi].
            pair = part.unflatten(-1, (2, n_in - m)).transpose(1, 2).flatten(2)
            if self.include_odd:
                W = torch.cat([self.real[m], self.imaginary[m - 1]])
                real, imaginary = nn.functional.linear(pair, W).chunk(2, dim=-1)
                # y_m = Wr x_m - Wi x_-m and y_-m = Wi x_m + Wr x_-m
                cosines, sines = real[:, 0] - imaginary[:, 1], real[:, 1] + imaginary[:, 0]
            else:
                cosines, sines = nn.functional.linear(pair, self.real[m]).unbind(1)
            found += [y.unflatten(1, (self.channels_out, n_out - m)) for y in (cosines, sines)]
        rotated = torch.cat(found, dim=-1)
        if self.m_max < self.L_out:
            rotated = nn.functional.pad(rotated, (0, 1))
        return turned(rotated.index_select(-1, self.sorted_out), D, self.L_out, back=True)

    @classmethod
    def from_gaunt(
        cls, L_in: int, L_out: int, even: Float[Tensor, "c degrees"], odd: Float[Tensor, "c degrees"] | None = None
    ) -> "SO2Convolution":
        """The layer, channel by channel, of the product with the filter ``sum_l even_l Y_l`` of all edges.

        ``odd`` adds the bracket {x, sum_l odd_l Y_l}: its weights are Wi. In the dtype of ``even``; "integral"
        harmonics. The convolution then equals ``GauntConvolution`` with the same filter, restricted to weights that do
        not depend on the edge.

        >>> SO2Convolution.from_gaunt(1, 1, torch.ones(2, 3)).real[0].shape
        torch.Size([4, 4])
        """
        C, L = even.shape[0], max(even.shape[1], 0 if odd is None else odd.shape[1]) - 1
        layer = cls(L_in, L_out, C, C, include_odd=odd is not None).to(even)
        grid = SphereGrid(SphereGrid.minimal(L_in + L + L_out).n_theta, 1)
        one, other = (legendre(n, grid.cosines, grid.sines) for n in (L_out, L_in))
        values = _filter(even, legendre_series(L, grid.cosines))
        with torch.no_grad():
            for m, Wr in enumerate(layer.real):
                w = grid.weights * (1.0 if m == 0 else 0.5)
                Wr.copy_(_diagonal(torch.einsum("kq,q,cq,lq->ckl", one[m, m:], w, values, other[m, m:])))
                if m and odd is not None:
                    # f_theta / sin(theta) = -df/dcos(theta), and d/dphi multiplies by m.
                    slopes = -m * _filter(odd, legendre_slopes(L, grid.cosines))
                    Wi = torch.einsum("kq,q,cq,lq->ckl", one[m, m:], w, slopes, other[m, m:])
                    layer.imaginary[m - 1].copy_(_diagonal(Wi))
        return layer


def _by_order(L: int, m_max: int) -> Tensor:
    """The packed places of orders 0, then 1 and -1, 2 and -2, ..., each with all its degrees."""
    found: list[Tensor] = []
    for m in range(m_max + 1):
        l = torch.arange(m, L + 1)
        found += [l * l + l + m] + ([l * l + l - m] if m else [])
    return torch.cat(found)


def _filter(h: Tensor, series: Tensor) -> Tensor:
    """sum_l h_l c_l P_l on the circles, (channels, n_theta), in float64."""
    n = h.shape[1]
    return h.detach().to("cpu", torch.float64) * addition(n - 1, "integral") @ series[:n]


def _diagonal(blocks: Tensor) -> Tensor:
    """(channels, k, l) to the matrix (channels k, channels l) that keeps channels apart."""
    return torch.block_diag(*blocks)
