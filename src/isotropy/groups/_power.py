"""The power ``E(3)^5``: one copy of a group for each of K parts, each with an element of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._built import Built
from isotropy.groups._group import Group
from isotropy.groups._linear import LinearGroup, matrix
from isotropy.groups._measure import Measure
from isotropy.groups._product import CommutingProduct, grid


@dataclass(frozen=True, repr=False)
class Power(Built):
    """K copies of a group of matrices; elements are ``(..., K, m, m)``; written ``E(3)^5``.

    It acts part by part, through ``isotropy.reps.Piecewise``: which copy moves a point is no matter of the group.
    """

    base: LinearGroup
    count: int

    @property
    def name(self) -> str:
        base = f"({self.base})" if isinstance(self.base, CommutingProduct) else str(self.base)
        return f"{base}^{self.count}"

    @property
    def order(self) -> int | None:
        return None if self.base.order is None else self.base.order**self.count

    @property
    def component_count(self) -> int:
        return self.base.component_count**self.count

    @property
    def dim(self) -> int:
        return self.count * self.base.dim

    @property
    def generator_names(self) -> tuple[str, ...]:
        return tuple(f"{name} of part {k + 1}" for k in range(self.count) for name in self.base.generator_names)

    def on(self, space: str) -> Group:
        return power(self.base.on(space), self.count)

    def _algebra(self) -> LieAlgebra:
        basis = matrix(self.base.algebra.basis)
        whole = torch.zeros(self.count, len(basis), self.count, *basis.shape[1:], dtype=basis.dtype)
        own = torch.arange(self.count)
        whole[own, :, own] = basis
        return LieAlgebra.of(whole.flatten(0, 1), self.base.algebra.gap)

    def _discrete(self) -> Tensor:
        some = matrix(self.base.discrete)
        found = matrix(self.identity(self.count, len(some), dtype=torch.float64)).clone()
        own = torch.arange(self.count)
        found[own, :, own] = some
        return found.flatten(0, 1)

    def _enumerate(self) -> Tensor:
        return torch.stack(grid((matrix(self.base.elements()),) * self.count), 1)

    def _parts(self, g: Element) -> Tensor:
        """The element, refused unless it has one matrix for each part."""
        each = matrix(g)
        if each.ndim < 3 or each.shape[-3] != self.count:
            raise ShapeError(f"elements of shape {tuple(each.shape)}", f"(..., {self.count}, m, m) for {self}")
        return each

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> Element:
        return self.base.identity(*batch, self.count, dtype=dtype, device=device)

    def compose(self, g: Element, h: Element) -> Element:
        return self.base.compose(self._parts(g), self._parts(h))

    def inverse(self, g: Element) -> Element:
        return self.base.inverse(self._parts(g))

    def exp(self, A: Element) -> Element:
        return self.base.exp(self._parts(A))

    def log(self, g: Element) -> Element:
        return self.base.log(self._parts(g))

    def contains(self, g: Element, tol: float | None = None) -> Bool[Tensor, ...]:
        return self.base.contains(self._parts(g), tol).all(-1)

    def adjoint(self, g: Element) -> Float[Tensor, "... k k"]:
        blocks = self.base.adjoint(self._parts(g))
        whole = blocks.new_zeros(*blocks.shape[:-3], self.count, self.count, *blocks.shape[-2:])
        own = torch.arange(self.count, device=blocks.device)
        whole[..., own, own, :, :] = blocks
        return whole.transpose(-3, -2).flatten(-2).flatten(-3, -2)

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        return self.base.coords(self._parts(g)).flatten(-2)

    def from_coords(self, v: Float[Tensor, "... k"]) -> Element:
        return self.base.from_coords(self._each(v))

    def inverse_from_coords(self, v: Float[Tensor, "... k"]) -> Element:
        return self.base.inverse_from_coords(self._each(v))

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        return self.base.haar_log_density(self._each(v)).sum(-1)

    def _each(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "... K b"]:
        return v.unflatten(-1, (self.count, self.base.dim))

    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        return matrix(self.base._haar(count * self.count, generator)).unflatten(0, (count, self.count))

    def _random_component(self, count: int, generator: torch.Generator) -> Tensor:
        return matrix(self.base._random_component(count * self.count, generator)).unflatten(0, (count, self.count))


@dataclass(frozen=True)
class Independent(Measure):
    """Each of ``count`` parts by its own draw from a measure; written ``Window(E(3), 0.5) ** 5``.

    >>> from isotropy.groups import SO, Haar
    >>> turns = Haar(SO(3)) ** 5
    >>> turns.group, turns.draw(2, torch.Generator().manual_seed(0)).shape
    (SO(3)^5, torch.Size([2, 5, 3, 3]))
    """

    measure: Measure
    count: int

    @property
    def group(self) -> Group:
        return power(getattr(self.measure, "group", None), self.count)

    def draw(self, count: int, generator: torch.Generator) -> Element:
        return matrix(self.measure.draw(count * self.count, generator)).unflatten(0, (count, self.count))

    def atoms(self, n: int | None, generator: torch.Generator | None, rule: str) -> tuple[Element, Tensor, bool]:
        from isotropy.groups._window import even, needed

        if rule != "mc":
            raise DomainError(f"rule={rule!r}", "'mc'", "parts move independently of each other")
        count, generator = needed(n, generator)
        return self.draw(count, generator), even(count), False


def power(base: Group | None, count: int) -> Power:
    """``base ** count``; raises DomainError for what is no group of matrices on one space, and for no part.

    >>> from isotropy.groups import E
    >>> power(E(3), 5), power(E(3), 5).dim, power(E(3), 5).identity().shape
    (E(3)^5, 30, torch.Size([5, 4, 4]))
    """
    if not isinstance(base, LinearGroup):
        raise DomainError(f"{base}^{count}", "a power of a group of matrices", "such as E(3)^5")
    if count < 1:
        raise DomainError(f"{base}^{count}", "a copy for each part, at least one")
    return Power(base, count)
