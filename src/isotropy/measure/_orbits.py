"""Values of a function along group orbits, pulled back: F_j(x) = rho_out(g_j)^-1 f(rho_in(g_j) x)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.groups import Drawn
from isotropy.reps import Rep

Function = Callable[[Tensor], Tensor]

# Values of f held in memory at once; the orbit of a long table is walked in pieces of this many rows x draws.
_PIECE = 65_536


def pulled_back(
    f: Function, draws: Drawn, x: Float[Tensor, "n p"], unit: Int[Tensor, " n"], rep_in: Rep, rep_out: Rep
) -> Float[Tensor, "n M q"]:
    """``rho_out(g)^-1 f(rho_in(g) x)`` for every row and each of its elements, evaluated in pieces."""
    group, step = draws.group, max(1, _PIECE // len(draws))
    values: list[Tensor] = []
    for rows in torch.arange(len(x)).split(step):
        g = draws.rows(unit[rows])
        gx = rep_in.act(group, g, x[rows, None, :])
        fgx = f(gx.flatten(0, 1)).unflatten(0, gx.shape[:2])
        values.append(rep_out.act(group, group.inverse(g), fgx))
    return torch.cat(values)
