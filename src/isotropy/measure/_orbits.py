"""Values of a function along group orbits, pulled back: F_j(x) = rho_out(g_j)^-1 f(rho_in(g_j) x)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.groups import Group, Window
from isotropy.reps import Rep

Function = Callable[[Tensor], Tensor]
Element = Any  # a tensor, or a tuple of tensors for a product over several spaces

# Values of f held in memory at once; the orbit of a long table is walked in pieces of this many rows x draws.
_PIECE = 65_536


@dataclass(frozen=True)
class OrbitDraws:
    """Group elements for each independent unit of the data: ``g`` has shape ``(units, M, *element)``.

    ``complete`` says that the M elements are all of a finite group, the identity first, the same for all units
    (``(1, M, *element)``); otherwise they are independent draws from the group's measure.
    """

    group: Group
    g: Element
    draws: int
    complete: bool
    probability: bool

    def rows(self, unit: Int[Tensor, " n"]) -> Element:
        """The elements of each row, ``(n or 1, M, *element)``: rows of one unit move together."""
        if self.complete:
            return self.g
        return tree.tree_map(lambda part: part[unit], self.g)


def draw_orbits(
    candidate: Group | Window, units: int, *, draws: int, generator: torch.Generator, dtype: torch.dtype = torch.float64
) -> OrbitDraws:
    """Elements for ``units`` orbits: all of a small finite group, else independent Haar or window draws.

    >>> from isotropy.groups import parse
    >>> draw_orbits(parse("C(4)"), 3, draws=32, generator=torch.Generator()).draws
    4
    """
    group = candidate.group if isinstance(candidate, Window) else candidate
    if group.finite and group.order is not None and group.order <= draws:
        g = tree.tree_map(lambda part: part[None], group.elements(dtype=dtype))
        return OrbitDraws(group, g, int(group.order), complete=True, probability=True)
    within = candidate if isinstance(candidate, Window) else None
    g = group.sample((units, draws), generator=generator, dtype=dtype, within=within)
    return OrbitDraws(group, g, draws, complete=False, probability=within is None)


def pulled_back(
    f: Function, draws: OrbitDraws, x: Float[Tensor, "n p"], unit: Int[Tensor, " n"], rep_in: Rep, rep_out: Rep
) -> Float[Tensor, "n M q"]:
    """``rho_out(g)^-1 f(rho_in(g) x)`` for every row and each of its elements, evaluated in pieces."""
    group, step = draws.group, max(1, _PIECE // draws.draws)
    values: list[Tensor] = []
    for rows in torch.arange(len(x)).split(step):
        g = draws.rows(unit[rows])
        gx = rep_in.act(group, g, x[rows, None, :])
        fgx = f(gx.flatten(0, 1)).unflatten(0, gx.shape[:2])
        values.append(rep_out.act(group, group.inverse(g), fgx))
    return torch.cat(values)
