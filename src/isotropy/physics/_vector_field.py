"""Vector fields on variables and functions, and generalised ones, whose coefficients hold derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from isotropy.physics._expressions import expanded
from isotropy.physics._jets import JetSpace


@dataclass(frozen=True, eq=False)
class VectorField:
    """``sum_i xi[i] d/dx_i + sum_a phi[a] d/du_a`` on the variables of ``space``; missing components are zero.

    >>> space = JetSpace(("t",), ("q",), 2)
    >>> boost = VectorField(space, {}, {"q": sp.Symbol("t")})
    >>> print(boost, boost.Q)
    t*∂_q {'q': t}
    """

    space: JetSpace
    xi: Mapping[str, sp.Expr]
    phi: Mapping[str, sp.Expr]

    def __post_init__(self) -> None:
        for field, names in (("xi", self.space.independent), ("phi", self.space.dependent)):
            given = getattr(self, field)
            object.__setattr__(self, field, {name: sp.sympify(given.get(name, 0)) for name in names})

    @cached_property
    def Q(self) -> dict[str, sp.Expr]:
        """The characteristic, ``phi[a] - sum_i xi[i] u_a,i``."""
        space, characteristic = self.space, dict[str, sp.Expr]()
        for name in space.dependent:
            slopes = (self.xi[x] * space.symbol(name, space.unit(i)) for i, x in enumerate(space.independent))
            characteristic[name] = expanded(self.phi[name] - sum(slopes, sp.S.Zero))
        return characteristic

    @property
    def components(self) -> list[sp.Expr]:
        """xi and phi in the order of the variables."""
        return [*self.xi.values(), *self.phi.values()]

    def __str__(self) -> str:
        names = (*self.space.independent, *self.space.dependent)
        terms = [_term(expr, name) for name, expr in zip(names, self.components, strict=True) if expr != 0]
        return " + ".join(terms).replace("+ -", "- ") or "0"


def _term(expr: sp.Expr, name: str) -> str:
    if expr == 1:
        return f"∂_{name}"
    text = str(expr)
    return f"({text})*∂_{name}" if isinstance(expr, sp.Add) else f"{text}*∂_{name}"
