"""Diffeomorphisms of the circle, as sampled functions: the library's first group of infinite dimension."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, LogUndefinedError, ShapeError
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._fourier import circle, refined, slope, values
from isotropy.groups._group import Group
from isotropy.groups._linear import matrix

_COLUMNS = (2, 4, 6, 8, 10, 12, 14, 16)
"""Steps of the midpoint rule that are extrapolated to one step of order 16 (Hairer, Norsett, Wanner, II.9)."""
_FINER = 4  # F' is looked at between the samples too


class NotADiffeomorphism(DomainError):
    """A map of the circle that turns back or does not go round once."""


@dataclass(frozen=True, repr=False)
class Diff(Group):
    """Maps F of the circle with ``F(phi + 2 pi) = F(phi) + 2 pi``, F' > 0; elements are F - phi at ``N`` points.

    The product is composition. The algebra is that of vector fields Y(phi) d_phi; its bracket, as that of a group of
    maps, is ``Y1' Y2 - Y1 Y2'``. ``algebra`` has the modes up to ``band``, the basis 1 and cos, sin of m phi over
    1 + m^3, so that one width suits all; ``exp`` and ``push`` take every field. Laws hold to ``tolerance`` for
    functions that N points resolve. Raises DomainError for N below 8.

    >>> G = Diff(32)
    >>> F = G.exp(0.3 * circle(32).sin())
    >>> bool(G.contains(F)), float(G.compose(F, G.inverse(F)).abs().max()) < 1e-12
    (True, True)
    """

    N: int
    space: str = "circle"

    def __post_init__(self) -> None:
        if self.N < 8:
            raise DomainError(f"{self.N} points on the circle", "at least 8")

    @property
    def name(self) -> str:
        return f"Diff({self.N})"

    @property
    def band(self) -> int:
        """The highest mode in ``algebra``."""
        return max(1, min(4, self.N // 32))

    @property
    def degree(self) -> int:
        return self.N

    @property
    def order(self) -> None:
        return None

    @property
    def compact(self) -> bool:
        return False

    @property
    def locally_compact(self) -> bool:
        return False

    @property
    def tolerance(self) -> float:
        """What is left between 128 points of three draws of width 0.4, one after the other."""
        return 1e-9

    @property
    def component_count(self) -> int:
        return 1

    @property
    def generator_names(self) -> tuple[str, ...]:
        pairs = [(f"cos {m} phi", f"sin {m} phi") for m in range(1, self.band + 1)]
        return ("rotation", *(name for pair in pairs for name in pair))

    def _algebra(self) -> LieAlgebra:
        phi = circle(self.N)
        rows = [torch.ones_like(phi)]
        for m in range(1, self.band + 1):
            rows += [(m * phi).cos() / (1 + m**3), (m * phi).sin() / (1 + m**3)]
        basis = torch.stack(rows)
        brackets = slope(basis)[:, None] * basis - basis[:, None] * slope(basis)
        structure = brackets @ torch.linalg.pinv(basis)
        note = f"the modes up to {self.band} of an algebra of infinite dimension"
        return LieAlgebra(basis, structure, complete=False, note=note, matrices=False)

    def _discrete(self) -> Tensor:
        return torch.zeros(0, self.N, dtype=torch.float64)

    def _random_component(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.zeros(count, self.N, dtype=torch.float64, device=generator.device)

    def on(self, space: str) -> Diff:
        return Diff(self.N, space)

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> Tensor:
        return torch.zeros(*batch, self.N, dtype=dtype, device=device)

    def compose(self, g: Element, h: Element) -> Tensor:
        g, h = self._samples(g), self._samples(h)
        return h + values(g, circle(self.N, h) + h)

    def inverse(self, g: Element) -> Tensor:
        """By Newton's method within brackets; the last two steps carry derivatives."""
        g = self._samples(g)
        phi, known = circle(self.N, g), g.detach()
        low, high = phi - known.amax(-1, keepdim=True), phi - known.amin(-1, keepdim=True)
        low, high = low - 1e-3, high + 1e-3
        x = phi - known
        for _ in range(60):
            off = x + values(known, x) - phi
            low, high = torch.where(off < 0, x, low), torch.where(off > 0, x, high)
            step = x - off / (1 + values(known, x, 1))
            new = torch.where((step > low) & (step < high), step, (low + high) / 2)
            moved, x = (new - x).abs().max(), new
            if float(moved) < torch.finfo(g.dtype).eps ** 0.5:  # each of the two steps below squares it
                break
        for _ in range(2):
            x = x - (x + values(g, x) - phi) / (1 + values(g, x, 1))
        return x - phi

    def exp(self, A: Element) -> Tensor:
        """The flow of the vector field for unit time."""
        Y = self._samples(A)
        steps = max(1, math.ceil(2 * float(slope(Y.detach()).abs().max())))
        x = circle(self.N, Y).expand(Y.shape)
        for _ in range(steps):
            x = _extrapolated(lambda at: values(Y, at), x, 1 / steps)
        return x - circle(self.N, Y)

    def log(self, g: Element) -> Tensor:
        """The vector field whose flow reaches g, by Newton's method in N/6 modes; few maps far from 1 have one."""
        g = self._samples(g)
        angle = circle(self.N, g) * torch.arange(1, self.N // 6 + 1, device=g.device)[:, None]
        waves = torch.cat([torch.ones_like(angle[:1]), angle.cos(), angle.sin()])
        Y, before = (g @ waves.mT) / waves.square().sum(1) @ waves, math.inf
        for _ in range(20):
            rest = self.compose(self.exp(-Y), g)
            change = torch.linalg.lstsq(self._growth(Y) @ waves.mT, rest[..., None]).solution[..., 0]
            Y = Y + change @ waves
            worst = float(rest.detach().abs().max())
            if not worst < before / 2:  # rounding is reached, or it does not converge
                break
            before = worst
        if before < max(self.tolerance, 1e3 * torch.finfo(g.dtype).eps):
            return Y
        raise LogUndefinedError(f"an element of {self}", "the flow of a vector field", "take an element nearer to 1")

    def _growth(self, Y: Float[Tensor, "... N"]) -> Float[Tensor, "... N N"]:
        """``int_0^1 Ad(exp(-s Y)) ds``: what exp(-Y) exp(Y + e Z) - 1 is of e Z, by a rule of Gauss and Legendre."""
        nodes, weights = np.polynomial.legendre.leggauss(12)
        times = torch.as_tensor((1 + nodes) / 2).to(Y)
        psi = self.exp(times[:, None] * Y[..., None, :])
        one = torch.eye(self.N, dtype=Y.dtype, device=Y.device)
        at = values(one, circle(self.N, Y) + psi[..., None, :]).mT
        weight = torch.as_tensor(weights / 2).to(Y)[:, None] / (1 + slope(psi))
        return (weight[..., None] * at).sum(-3)

    def contains(self, g: Element, tol: float | None = None) -> Bool[Tensor, ...]:
        """Whether F' > ``tol`` (0) everywhere, looked at on four times as many points."""
        g = self._samples(g).detach()
        finite = g.isfinite().all(-1)
        steep = 1 + refined(slope(torch.where(finite[..., None], g, 0.0)), _FINER)
        return finite & (steep > (tol or 0.0)).all(-1)

    def push(self, g: Element, A: Element) -> Tensor:
        """The vector field moved by the map: (F' Y) at F^-1."""
        g, A = self._samples(g), self._samples(A)
        back = circle(self.N, g) + self.inverse(g)
        return (1 + values(g, back, 1)) * values(A, back)

    def adjoint(self, g: Element) -> Float[Tensor, "... k k"]:
        """The part of ``Ad_g`` that stays within the modes of ``algebra``."""
        basis = matrix(self.algebra.basis).to(self._samples(g))
        moved = self.push(self._samples(g)[..., None, :], basis)
        return (moved @ torch.linalg.pinv(basis)).mT

    def _samples(self, g: Element) -> Float[Tensor, "... N"]:
        g = matrix(g)
        if g.ndim < 1 or g.shape[-1] != self.N:
            raise ShapeError(f"functions of shape {tuple(g.shape)}", f"(..., {self.N}) for {self}")
        return g


def _extrapolated(field: Callable[[Tensor], Tensor], x: Tensor, time: float) -> Tensor:
    """One step of x' = field(x): the midpoint rule with more and more steps, extrapolated in their square."""
    table: list[Tensor] = []
    start = field(x)
    for row, n in enumerate(_COLUMNS):
        h = time / n
        before, now = x, x + h * start
        for _ in range(n - 1):
            before, now = now, before + 2 * h * field(now)
        new = [now]
        for k in range(row):
            new.append(new[k] + (new[k] - table[k]) / ((n / _COLUMNS[row - 1 - k]) ** 2 - 1))
        table = new
    return table[-1]
