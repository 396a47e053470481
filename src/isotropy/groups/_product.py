"""Direct products of groups on several spaces: the elements are tuples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._commuting import CommutingProduct, commuting
from isotropy.groups._group import Group
from isotropy.groups._linear import matrix


@dataclass(frozen=True, repr=False)
class Product(Group):
    """Groups on different spaces; elements are tuples, one part for each space; written ``SO(3) x S(5)``."""

    factors: tuple[Group, ...]
    space: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", " x ".join(factor.space for factor in self.factors))

    @property
    def name(self) -> str:
        return " x ".join(factor.name for factor in self.factors)

    @property
    def spaces(self) -> tuple[str, ...]:
        return tuple(factor.space for factor in self.factors)

    def factor(self, space: str) -> Group | None:
        return next((factor for factor in self.factors if factor.space == space), None)

    @property
    def degree(self) -> int:
        raise DomainError(f"the degree of {self}", f"one of {self.spaces}", 'ask G.factor("space").degree')

    @property
    def order(self) -> int | None:
        orders = [factor.order for factor in self.factors]
        return math.prod(order for order in orders if order is not None) if None not in orders else None

    @property
    def component_count(self) -> int:
        return math.prod(factor.component_count for factor in self.factors)

    @property
    def compact(self) -> bool:
        return all(factor.compact for factor in self.factors)

    @property
    def unimodular(self) -> bool:
        return all(factor.unimodular for factor in self.factors)

    @property
    def generator_names(self) -> tuple[str, ...]:
        return tuple(f"{name} on {f.space}" for f in self.factors for name in f.generator_names)

    def on(self, space: str) -> Group:
        raise DomainError(f"{self}.on({space!r})", "a group on one space", "rename the factors")

    def _algebra(self) -> LieAlgebra:
        total, blocks, start = sum(factor.dim for factor in self.factors), [], 0
        for factor in self.factors:
            basis = matrix(factor.algebra.basis)
            block = basis.new_zeros(total, *basis.shape[1:])
            block[start : start + factor.dim] = basis
            blocks.append(block)
            start += factor.dim
        return LieAlgebra.of(tuple(blocks))

    def _discrete(self) -> tuple[Tensor, ...]:
        counts = [len(matrix(factor.discrete)) for factor in self.factors]
        parts: list[Tensor] = []
        for i, factor in enumerate(self.factors):
            rows = [matrix(factor.identity(n, dtype=torch.float64)) for n in counts]
            rows[i] = matrix(factor.discrete)
            parts.append(torch.cat(rows))
        return tuple(parts)

    def _enumerate(self) -> tuple[Tensor, ...]:
        return grid(tuple(matrix(factor.elements()) for factor in self.factors))

    def _each(self, verb: Callable[[Group, Tensor], Element], g: Element) -> tuple[Tensor, ...]:
        if not isinstance(g, tuple) or len(g) != len(self.factors):
            raise ShapeError(
                f"an element of type {type(g).__name__}", f"a tuple of {len(self.factors)} tensors", f"{self}"
            )
        return tuple(matrix(verb(factor, part)) for factor, part in zip(self.factors, g, strict=True))

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> Element:
        return tuple(matrix(factor.identity(*batch, dtype=dtype, device=device)) for factor in self.factors)

    def compose(self, g: Element, h: Element) -> Element:
        assert isinstance(h, tuple)
        rest = iter(h)
        return self._each(lambda factor, part: factor.compose(part, next(rest)), g)

    def inverse(self, g: Element) -> Element:
        return self._each(lambda factor, part: factor.inverse(part), g)

    def exp(self, A: Element) -> Element:
        return self._each(lambda factor, part: factor.exp(part), A)

    def log(self, g: Element) -> Element:
        return self._each(lambda factor, part: factor.log(part), g)

    def contains(self, g: Element, tol: float | None = None) -> Bool[Tensor, ...]:
        inside = self._each(lambda factor, part: factor.contains(part, tol), g)
        return reduce(torch.logical_and, inside)

    def adjoint(self, g: Element) -> Float[Tensor, "... k k"]:
        blocks = self._each(lambda factor, part: factor.adjoint(part), g)
        dtype = next((part.dtype for part in matrix_parts(g) if part.is_floating_point()), torch.get_default_dtype())
        batch, start = torch.broadcast_shapes(*(block.shape[:-2] for block in blocks)), 0
        whole = torch.zeros(*batch, self.dim, self.dim, dtype=dtype, device=blocks[0].device)
        for block in blocks:
            k = block.shape[-1]
            whole[..., start : start + k, start : start + k] = block
            start += k
        return whole

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        parts = [part for part in self._each(lambda factor, part: factor.coords(part), g) if part.shape[-1]]
        return torch.cat(parts, dim=-1) if parts else torch.zeros(*matrix_parts(g)[0].shape[:-1], 0)

    def from_coords(self, v: Float[Tensor, "... k"]) -> Element:
        pieces = v.split([factor.dim for factor in self.factors], dim=-1)
        return tuple(matrix(factor.from_coords(piece)) for factor, piece in zip(self.factors, pieces, strict=True))

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        pieces = v.split([factor.dim for factor in self.factors], dim=-1)
        return torch.stack([f.haar_log_density(piece) for f, piece in zip(self.factors, pieces, strict=True)]).sum(0)

    def _haar(self, count: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return tuple(matrix(factor._haar(count, generator)) for factor in self.factors)

    def _random_component(self, count: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return tuple(matrix(factor._random_component(count, generator)) for factor in self.factors)


def matrix_parts(g: Element) -> tuple[Tensor, ...]:
    """The parts of an element: one, or one for each space."""
    return g if isinstance(g, tuple) else (g,)


def grid(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """All combinations of the rows of the parts, the last running fastest."""
    index = torch.cartesian_prod(*(torch.arange(len(part), device=part.device) for part in parts))
    index = index[:, None] if index.ndim == 1 else index
    return tuple(part[index[:, i]] for i, part in enumerate(parts))


def product(G: Group, H: Group) -> Group:
    """``G x H``, factors on one space gathered in the order of their first appearance.

    Raises DomainError when factors on one space do not commute, or share a generator; ShapeError when they act on
    vectors of different sizes.

    >>> from isotropy.groups import SO, S, Scale
    >>> product(SO(3), S(5)), product(product(SO(3), S(5)), Scale(3))
    (SO(3) x S(5), SO(3) x Scale(3) x S(5))
    """
    factors = [*_atoms(G), *_atoms(H)]
    by_space: dict[str, list[Group]] = {}
    for factor in factors:
        by_space.setdefault(factor.space, []).append(factor)
    parts = tuple(commuting(group) for group in by_space.values())
    return parts[0] if len(parts) == 1 else Product(parts)


def _atoms(G: Group) -> list[Group]:
    return [atom for f in G.factors for atom in _atoms(f)] if isinstance(G, (Product, CommutingProduct)) else [G]
