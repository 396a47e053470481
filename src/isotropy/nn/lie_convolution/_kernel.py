"""Kernels as continuous functions of a place and of coordinates of a group: small networks of sines."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.settings import Settled

OMEGA = 5.0
"""How fast the sines of the first and of the hidden layers turn, omega_0 of SIREN; half of what was published.

A kernel of five cells in [-1, 1] holds 8 radians a unit, and what is faster is lost where it meets a picture."""
RADIUS = 0.8
"""How far kernels reach, in half sides of their grid: stretches of up to 1 / 0.8 leave them whole."""
POINTS = 3
"""At how many places in a cell, along each side, a kernel is known.

Lifted pictures of smooth bumps, stretched and turned, are 2 % away from what the group makes of them, for five cells
along each side in the plane and in space; summed at the middles of cells within the unit ball, as published, 6 %, and
17 % in the plane with the published omega of 10. The ball and the places act together: with either alone 5 to 8 % are
left."""


class CoordinateKernel(Settled):
    """A kernel ``k (P, c_out, c_in)`` at P points of ``places + coordinates`` numbers each, a SIREN.

    ``layers`` hidden layers of ``width`` sines of ``omega`` times what they are given. Weights start as published: the
    first uniform in ``+-1 / d``, hidden ones in ``+-sqrt(6 / d) / omega``, the last so that sums over ``fan`` products
    of numbers of size one have size one; biases at 0. Raises DomainError for no coordinate at all. Source: Sitzmann et
    al. (NeurIPS 2020); specification 02 §2.5.

    >>> CoordinateKernel(2, 4, c_out=3, c_in=5)(torch.randn(7, 2), torch.randn(7, 4)).shape
    torch.Size([7, 3, 5])
    """

    def __init__(
        self,
        places: int,
        coordinates: int,
        c_out: int,
        c_in: int,
        *,
        width: int = 60,
        layers: int = 2,
        omega: float = OMEGA,
        fan: float | None = None,
    ) -> None:
        super().__init__()
        if places + coordinates < 1 or width < 1 or layers < 1:
            raise DomainError(f"{places} + {coordinates} inputs, {layers} layers of {width}", "1 or more of each")
        self.places, self.coordinates, self.c_out, self.c_in = places, coordinates, c_out, c_in
        self.omega = omega
        d = places + coordinates
        # Places and coordinates of the group enter by matrices of their own: their sums are taken where both meet.
        self.by_place = nn.Linear(places, width) if places else None
        self.by_group = nn.Linear(coordinates, width, bias=not places) if coordinates else None
        self.hidden = nn.ModuleList([nn.Linear(width, width) for _ in range(layers - 1)])
        self.last = nn.Linear(width, c_out * c_in)
        with torch.no_grad():
            for first in (self.by_place, self.by_group):
                if first is not None:
                    first.weight.uniform_(-1 / d, 1 / d)
                    if first.bias is not None:
                        first.bias.zero_()
            for layer in self.hidden:
                assert isinstance(layer, nn.Linear)
                bound = math.sqrt(6 / width) / omega
                layer.weight.uniform_(-bound, bound)
                layer.bias.zero_()
            bound = math.sqrt(6 / width) / math.sqrt(fan or c_in)
            self.last.weight.uniform_(-bound, bound)
            self.last.bias.zero_()

    def settings(self) -> dict[str, Any]:
        return {"places": self.places, "coordinates": self.coordinates, "omega": self.omega}

    def forward(
        self,
        place: Float[Tensor, ...] | None = None,
        group: Float[Tensor, ...] | None = None,
        shares: Float[Tensor, ...] | None = None,
    ) -> Float[Tensor, "... o i"]:
        """Places and coordinates broadcast: (M, 1, P, n) with (M, N, 1, k) gives (M, N, P, c_out, c_in).

        With ``shares`` (M, 1, U, P), U sums of the kernel over P places with these weights. They are taken before the
        last layer, which is linear, and the wide one.
        """
        parts = [
            layer(x)
            for layer, x in ((self.by_place, place), (self.by_group, group))
            if layer is not None and x is not None
        ]
        z = torch.sin(self.omega * (parts[0] if len(parts) == 1 else parts[0] + parts[1]))
        for layer in self.hidden:
            z = torch.sin(self.omega * layer(z))
        if shares is None:
            k = self.last(z)
        else:
            k = nn.functional.linear(shares @ z, self.last.weight) + shares.sum(-1, keepdim=True) * self.last.bias
        return k.unflatten(-1, (self.c_out, self.c_in))


def check_places(points: int | None, radius: float | None, kernel_size: int, windowed: bool) -> None:
    """Raises DomainError unless a kernel of so many cells can be known at these places: within them, and at all."""
    if points is not None and points < 1:
        raise DomainError(f"points={points}", "1 or more places in each cell", "1 is the middle alone")
    if radius is not None and not 0 < radius < math.inf:
        raise DomainError(
            f"radius={radius}", "a positive number of half sides", "1.0 is that of the grid of the kernel"
        )
    if not windowed and (points is not None or radius is not None):
        hint = "a kernel of your own is summed as it is at the middles of cells: let it be zero outside of its ball"
        raise DomainError(f"points={points}, radius={radius} with a kernel of your own", "one of both", hint)
    if kernel_size == 1 and points not in (None, 1):
        raise DomainError(f"points={points} with kernel_size=1", "points=1", "a kernel of one cell has one place")


def in_the_ball(v: Float[Tensor, "... n"], radius: float = RADIUS) -> Float[Tensor, ...]:
    """``max(0, 1 - |v|^2 / radius^2)``: one at the middle of a kernel, and nothing beyond its ball.

    >>> in_the_ball(torch.tensor([[0.0, 0.0], [0.0, 2.0]])).tolist()
    [1.0, 0.0]
    """
    return (1 - v.square().sum(-1) / radius**2).clamp_min(0)


def shares_of_cells(cells: int, points: int, n: int) -> Float[Tensor, "U P"]:
    """How much each of ``cells^n`` values counts at ``points^n`` places in each cell, by linear interpolation.

    A picture is known at the middles of its cells. The integral of a kernel against what interpolation makes of it is a
    sum over cells of means of the kernel with these weights. They change smoothly as the kernel is turned or stretched;
    its values at the middles do not where it is faster than the grid.

    >>> (9 * shares_of_cells(3, 3, 1)[1]).round().int().tolist()
    [0, 0, 1, 2, 3, 2, 1, 0, 0]
    """
    middle = torch.arange(cells, dtype=torch.float64)
    place = (torch.arange(cells * points, dtype=torch.float64) + 0.5) / points - 0.5
    along = (1 - (place - middle[:, None]).abs()).clamp_min(0) / points
    whole = torch.ones(1, 1, dtype=torch.float64)
    for _ in range(n):
        whole = torch.kron(whole, along)
    return whole
