"""BMS3: superrotations and supertranslations of the circle at null infinity, a group beside SO(3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.groups import Diff, Element, Group, LieAlgebra, NotADiffeomorphism, Tangent
from isotropy.groups.parts import circle, slope
from isotropy.physics.bms3._aspects import Aspects, check_newton

Mode = tuple[str, int]


@dataclass(frozen=True, repr=False, init=False)
class BMS3(Tangent):
    """The asymptotic symmetries of flat space in 2+1 dimensions: Diff(S^1) semidirect vector fields on the circle.

    Elements are ``(..., 2, N)``, F - phi and alpha at N = ``modes`` angles; they act on `Aspects` from the left by
    ``act``. ``G`` is Newton's constant (an int or Fraction keeps brackets exact), ``shift`` what the mass aspect is
    counted from: 0, or 1 so that Minkowski space has energy 0. ``c1 = 0`` and ``c2 = 3 / G`` are the central charges,
    with a factor 1/12 in the brackets. Raises DomainError for G <= 0.
    Source: Barnich and Compere, gr-qc/0610130; Barnich and Oblak, 1403.5803.

    >>> G = BMS3(G=1, modes=32)
    >>> G.bracket(("J", 2), ("P", -2))
    {('P', 0): Fraction(4, 1), '1': Fraction(2, 1)}
    >>> G.c1, G.c2, BMS3(G=1, shift=1).bracket(("J", 1), ("P", -1))
    (0, Fraction(3, 1), {('P', 0): Fraction(2, 1)})
    """

    G: Any = 1.0
    modes: int = 64
    shift: Any = 0
    base: Group = field(init=False, compare=False)

    def __init__(self, G: Any = 1.0, modes: int = 64, shift: Any = 0) -> None:
        check_newton(G)
        object.__setattr__(self, "G", G)
        object.__setattr__(self, "modes", modes)
        object.__setattr__(self, "shift", shift)
        object.__setattr__(self, "base", Diff(modes))
        self.__post_init__()

    @property
    def name(self) -> str:
        return f"BMS3(G={self.G}, modes={self.modes}, shift={self.shift})"

    @property
    def written(self) -> bool:
        return False

    @property
    def generator_names(self) -> tuple[str, ...]:
        names = self.base.generator_names
        return (*(f"superrotation, {name}" for name in names), *(f"supertranslation, {name}" for name in names))

    def on(self, space: str) -> Tangent:
        raise DomainError(f"{self}.on({space!r})", "null infinity", "BMS3 acts on Aspects")

    @property
    def c1(self) -> int:
        """The central charge of two superrotations."""
        return 0

    @property
    def c2(self) -> Fraction | float:
        """The central charge of a superrotation and a supertranslation."""
        return 3 / self._newton

    @property
    def central_charges(self) -> Mapping[str, Fraction | float]:
        """The same in the conventions of the literature: with the factor 1/12 (c1, c2), or with it absorbed."""
        return {"c1": self.c1, "c2": self.c2, "cL/12": self.c1, "cM/12": self.c2 / 12}

    def with_shift(self, shift: float) -> BMS3:
        """The same group, the mass aspect counted from another zero: ``P_0`` grows by the difference over 8 G."""
        return BMS3(self.G, self.modes, shift)

    @property
    def _newton(self) -> Fraction | float:
        return Fraction(self.G) if isinstance(self.G, (int, Fraction)) else float(self.G)

    def bracket(self, a: Mode, b: Mode) -> dict[Mode | str, Fraction | float]:
        """i times the Poisson bracket of two modes of charges; "1" is the central element; zeros are left out.

        ``i {J_m, J_n} = (m - n) J_{m+n}``, ``i {J_m, P_n} = (m - n) P_{m+n} + c2 / 12 (m^3 - shift m) delta_{m+n}``,
        ``i {P_m, P_n} = 0``. Raises DomainError for other letters and orders.
        """
        for mode in (a, b):
            if len(mode) != 2 or mode[0] not in ("J", "P") or int(mode[1]) != mode[1]:
                raise DomainError(f"the mode {mode!r}", 'such as ("J", 2) or ("P", -1)')
        (left, m), (right, n) = a, b
        if left == right == "P":
            return {}
        letter = "J" if left == right == "J" else "P"
        found: dict[Mode | str, Fraction | float] = {(letter, m + n): Fraction(m - n)}
        if m + n == 0 and letter == "P":
            shift = Fraction(self.shift) if isinstance(self.shift, (int, Fraction)) else self.shift
            found["1"] = self.c2 / 12 * (m**3 - shift * m)
        return {key: value for key, value in found.items() if value}

    def _algebra(self) -> LieAlgebra:
        """With the cocycle of the charges, ``int T2''' Y1 + shift T2' Y1 - (1 and 2 exchanged)`` over 8 pi G."""
        algebra = super()._algebra()
        basis = algebra.basis
        assert isinstance(basis, Tensor)
        Y, T = basis[:, 0], basis[:, 1]
        half = -2 * (slope(T, 3) + float(self.shift) * slope(T)) @ Y.mT / self.modes / (16 * float(self.G)) * 2
        return replace(algebra, central=half.mT - half)

    @cached_property
    def phi(self) -> Float[Tensor, " N"]:
        """The angles of the samples."""
        return circle(self.modes)

    def element(self, p: Tensor, alpha: Tensor) -> Float[Tensor, "... 2 N"]:
        """The element with ``F = phi + p`` and supertranslation ``alpha``, both ``(..., N)``.

        Raises NotADiffeomorphism where F' <= 0, DomainError for NaN, DtypeError for complex or whole numbers,
        ShapeError for other sizes.
        """
        for one in (p, alpha):
            if not one.is_floating_point():
                raise DtypeError(f"samples in {one.dtype}", "real floating-point numbers", "use float64")
            if one.ndim < 1 or one.shape[-1] != self.modes:
                raise ShapeError(f"functions of shape {tuple(one.shape)}", f"(..., {self.modes})")
            if not bool(one.isfinite().all()):
                raise DomainError("samples that are not finite", "finite ones")
        if not bool(self.base.contains(p).all()):
            raise NotADiffeomorphism("F' <= 0 somewhere", "F' > 0", "p = F - phi has to have a slope above -1")
        return self.pair(p, alpha)

    def act(self, g: Element, x: Aspects) -> Aspects:
        """The left action: ``act(compose(g, h), x) = act(g, act(h, x))``, the pullback by the inverse.

        >>> G = BMS3(modes=32)
        >>> x = Aspects.from_function(lambda phi: -1.0, lambda phi: 0.0, 32)
        >>> moved = G.act(G.element(0.1 * (2 * G.phi).sin(), G.phi.cos()), x)
        >>> round(float(moved.invariants().trace), 6)
        -2.0
        """
        back = self.inverse(g)
        assert isinstance(back, torch.Tensor)
        return x.pullback(back)
