"""G semidirect its Lie algebra: the group over the dual numbers, from the verbs of G by forward differentiation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._built import Built
from isotropy.groups._diffeomorphisms import Diff
from isotropy.groups._group import Group
from isotropy.groups._linear import LinearGroup, matrix, tolerance


@dataclass(frozen=True, repr=False)
class Tangent(Built):
    """Pairs of an element and a vector: ``(g, a)(h, b) = (g h, a + Ad_g b)``; elements ``(..., 2, *element)``.

    With e^2 = 0 the pair stands for ``(1 + e a) g``, so that every verb is the verb of G on dual numbers.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", f"tangent {self.base.space}")

    @property
    def name(self) -> str:
        return f"tangent({self.base})"

    @property
    def degree(self) -> int:
        return 2 * self.base.degree

    @property
    def order(self) -> int | None:
        return None if self.base.dim else self.base.order

    @property
    def compact(self) -> bool:
        return self.base.compact and not self.base.dim

    @property
    def locally_compact(self) -> bool:
        return self.base.locally_compact

    @property
    def tolerance(self) -> float:
        return 100 * self.base.tolerance  # vectors are moved by derivatives, which have fewer digits

    @property
    def component_count(self) -> int:
        return self.base.component_count

    @property
    def generator_names(self) -> tuple[str, ...]:
        return (*self.base.generator_names, *(f"{name}, infinitesimally" for name in self.base.generator_names))

    def on(self, space: str) -> Tangent:
        return Tangent(self.base.on(space))

    def _algebra(self) -> LieAlgebra:
        """``[e_i, e_j] = c e``, ``[e_i, f_j] = c f``, ``[f_i, f_j] = 0``."""
        of, k = self.base.algebra, self.base.dim
        basis = matrix(of.basis)
        zero = torch.zeros_like(basis)
        whole = torch.cat([torch.stack([basis, zero], 1), torch.stack([zero, basis], 1)])
        c = of.structure.new_zeros(2 * k, 2 * k, 2 * k)
        c[:k, :k, :k] = c[:k, k:, k:] = c[k:, :k, k:] = of.structure
        return LieAlgebra(whole, c, of.gap, complete=of.complete, note=of.note, matrices=False)

    def _discrete(self) -> Tensor:
        return self._paired(matrix(self.base.discrete))

    def _enumerate(self) -> Tensor:
        return self._paired(matrix(self.base.elements()))

    def _random_component(self, count: int, generator: torch.Generator) -> Tensor:
        return self._paired(matrix(self.base._random_component(count, generator)))

    @staticmethod
    def _paired(g: Tensor) -> Tensor:
        if g.shape[0] == 0:
            return g.new_zeros(0, 2, *g.shape[1:])
        return torch.stack([g, torch.zeros_like(g)], 1)

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> Tensor:
        one = matrix(self.base.identity(*batch, dtype=dtype, device=device))
        return self.pair(one, torch.zeros_like(one))

    def pair(self, g: Tensor, a: Tensor) -> Tensor:
        """The element of a group element and an algebra element."""
        g, a = torch.broadcast_tensors(g, a)
        return torch.stack([g, a], len(g.shape) - self._rank)

    def parts(self, g: Element) -> tuple[Tensor, Tensor]:
        """The group element and the algebra element. Raises ShapeError for what is no pair."""
        g = matrix(g)
        if g.ndim <= self._rank or g.shape[-1 - self._rank] != 2:
            shape = ", ".join(str(n) for n in self._shape)
            raise ShapeError(f"elements of shape {tuple(g.shape)}", f"(..., 2, {shape}) for {self}")
        one, vector = g.unbind(-1 - self._rank)
        return one, vector

    @property
    def _shape(self) -> torch.Size:
        return matrix(self.base.identity()).shape

    @property
    def _rank(self) -> int:
        return len(self._shape)

    def compose(self, g: Element, h: Element) -> Tensor:
        (g0, a), (h0, b) = self.parts(g), self.parts(h)
        return self.pair(matrix(self.base.compose(g0, h0)), a + matrix(self.base.push(g0, b)))

    def inverse(self, g: Element) -> Tensor:
        g0, a = self.parts(g)
        back = matrix(self.base.inverse(g0))
        return self.pair(back, -matrix(self.base.push(back, a)))

    def exp(self, A: Element) -> Tensor:
        A0, B = self.parts(A)
        g, moved = _jvp(lambda X: matrix(self.base.exp(X)), A0, B)
        back = matrix(self.base.inverse(g))
        return self.pair(g, _jvp(lambda x: matrix(self.base.compose(x, back)), g, moved)[1])

    def log(self, g: Element) -> Tensor:
        g0, a = self.parts(g)
        one = matrix(self.base.identity(*g0.shape[: g0.ndim - self._rank], dtype=g0.dtype, device=g0.device))
        moved = _jvp(lambda x: matrix(self.base.compose(x, g0)), one, a)[1]
        return self.pair(*_jvp(lambda x: matrix(self.base.log(x)), g0, moved))

    def contains(self, g: Element, tol: float | None = None) -> Bool[Tensor, ...]:
        g0, a = self.parts(g)
        finite = a.isfinite().flatten(a.ndim - self._rank).all(-1)
        inside = matrix(self.base.algebra.basis)
        if isinstance(self.base, LinearGroup):
            flat = torch.where(finite[..., None, None], a, 0.0).flatten(-2)
            span = inside.flatten(1).to(flat)
            off = (flat - flat @ torch.linalg.pinv(span) @ span).abs().amax(-1)
            finite = finite & (off <= tolerance(a, tol) * (1 + flat.abs().amax(-1)))
        return self.base.contains(g0, tol) & finite

    def push(self, g: Element, A: Element) -> Tensor:
        """``Ad_g (A, B) = (Ad_g A, Ad_g B + [a, Ad_g A])``, the bracket as the derivative of Ad."""
        (g0, a), (A0, B) = self.parts(g), self.parts(A)
        X = matrix(self.base.push(g0, A0))
        a = a.expand(X.shape)
        one = matrix(self.base.identity(*X.shape[: X.ndim - self._rank], dtype=a.dtype, device=a.device))
        bracket = _jvp(lambda h: matrix(self.base.push(h, X)), one, a)[1]
        return self.pair(X, matrix(self.base.push(g0, B)) + bracket)

    def adjoint(self, g: Element) -> Float[Tensor, "... k k"]:
        """In coordinates; within the modes of ``algebra`` where that is a part of an infinite one."""
        g = matrix(g)
        basis = matrix(self.algebra.basis).to(g)
        moved = self.push(g.unsqueeze(-2 - self._rank), basis)
        flat = moved.flatten(-1 - self._rank)
        return (flat @ torch.linalg.pinv(basis.flatten(1))).mT


def tangent(G: Group) -> Tangent:
    """The group G semidirect its Lie algebra, by dual numbers: pairs with ``(g, a)(h, b) = (g h, a + Ad_g b)``.

    SO(3) gives the screws of space, as dual rotations; Lorentz(3) gives Poincare's group of 2+1 dimensions, whose
    translations are vectors of the Lorentz algebra; `Diff` gives BMS3. Raises DomainError for permutations and for
    products over several spaces.

    >>> from isotropy.groups import SO
    >>> G = tangent(SO(3))
    >>> G, G.dim, G.identity().shape
    (tangent(SO(3)), 6, torch.Size([2, 3, 3]))
    """
    if not isinstance(G, (LinearGroup, Diff)):
        raise DomainError(f"tangent({G})", "a group of matrices, or Diff(N)", "take the tangent of each factor")
    return Tangent(G)


def _jvp(f: Callable[[Tensor], Tensor], x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """f(x) and its derivative along v, in forward mode."""
    x, v = torch.broadcast_tensors(x, v)
    forward: Any = torch.func.jvp
    value, moved = forward(f, (x,), (v,))
    return value, moved
