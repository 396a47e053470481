"""Direct products: on several spaces the elements are tuples, on one the factors commute and multiply as matrices."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import reduce

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._group import Group
from isotropy.groups._linear import LinearGroup, close, matrix
from isotropy.groups._matrix import in_identity_component
from isotropy.groups._stretches import Scale


@dataclass(frozen=True, repr=False)
class Factored(Group):
    """A direct product, of groups on several spaces or of groups on one."""

    factors: tuple[Group, ...]
    space: str = field(init=False, compare=False)

    @property
    def name(self) -> str:
        return " x ".join(factor.name for factor in self.factors)

    @property
    def compact(self) -> bool:
        return all(factor.compact for factor in self.factors)

    @property
    def unimodular(self) -> bool:
        return all(factor.unimodular for factor in self.factors)


@dataclass(frozen=True, repr=False)
class Product(Factored):
    """Groups on different spaces; elements are tuples, one part for each space; written ``SO(3) x S(5)``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", " x ".join(factor.space for factor in self.factors))

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
                f"an element of type {type(g).__name__}",
                f"a tuple of {counted(len(self.factors), 'tensor')}",
                f"{self}",
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

    def contains(self, g: Element, tol: float | None = None) -> Bool[Tensor, "..."]:
        inside = self._each(lambda factor, part: factor.contains(part, tol), g)
        return reduce(torch.logical_and, inside)

    def adjoint(self, g: Element) -> Float[Tensor, "... k k"]:
        blocks = self._each(lambda factor, part: factor.adjoint(part), g)
        dtype = next(
            (part.dtype for part in tree.tree_leaves(g) if part.is_floating_point()), torch.get_default_dtype()
        )
        batch, start = torch.broadcast_shapes(*(block.shape[:-2] for block in blocks)), 0
        whole = torch.zeros(*batch, self.dim, self.dim, dtype=dtype, device=blocks[0].device)
        for block in blocks:
            k = block.shape[-1]
            whole[..., start : start + k, start : start + k] = block
            start += k
        return whole

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        parts = [part for part in self._each(lambda factor, part: factor.coords(part), g) if part.shape[-1]]
        return torch.cat(parts, dim=-1) if parts else torch.zeros(*tree.tree_leaves(g)[0].shape[:-1], 0)

    def from_coords(self, v: Float[Tensor, "... k"]) -> Element:
        pieces = v.split([factor.dim for factor in self.factors], dim=-1)
        return tuple(matrix(factor.from_coords(piece)) for factor, piece in zip(self.factors, pieces, strict=True))

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "..."]:
        pieces = v.split([factor.dim for factor in self.factors], dim=-1)
        return torch.stack([f.haar_log_density(piece) for f, piece in zip(self.factors, pieces, strict=True)]).sum(0)

    def _haar(self, count: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return tuple(matrix(factor._haar(count, generator)) for factor in self.factors)

    def _random_component(self, count: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return tuple(matrix(factor._random_component(count, generator)) for factor in self.factors)


def grid(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """All combinations of the rows of the parts, the last running fastest."""
    index = torch.cartesian_prod(*(torch.arange(len(part), device=part.device) for part in parts))
    index = index[:, None] if index.ndim == 1 else index
    return tuple(part[index[:, i]] for i, part in enumerate(parts))


@dataclass(frozen=True, repr=False)
class CommutingProduct(Factored, LinearGroup):
    """Commuting matrix groups on one space; elements are their products; written ``SO(3) x Scale(3)``."""

    factors: tuple[LinearGroup, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", self.factors[0].space)

    @property
    def degree(self) -> int:
        return self.factors[0].degree

    @property
    def affine(self) -> bool:
        return self.factors[0].affine

    @property
    def orthogonal(self) -> bool:
        return all(factor.orthogonal for factor in self.factors)

    @property
    def order(self) -> int | None:
        return len(self.components) if all(factor.finite for factor in self.factors) else None

    @property
    def generator_names(self) -> tuple[str, ...]:
        return tuple(name for factor in self.factors for name in factor.generator_names)

    def on(self, space: str) -> Group:
        return replace(self, factors=tuple(factor.on(space) for factor in self.factors))

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(torch.cat([matrix(factor.algebra.basis) for factor in self.factors]))

    def _discrete(self) -> Tensor:
        return torch.cat([matrix(factor.discrete) for factor in self.factors])

    def _components(self) -> Tensor:
        products = reduce(
            lambda g, h: (g[:, None] @ h[None]).flatten(0, 1), (factor.components for factor in self.factors)
        )
        return _distinct(products)

    def _enumerate(self) -> Tensor:
        return self.components

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        # Scale by the determinant, finite factors one element after another, the rest by its logarithm.
        scales = [factor for factor in self.factors if isinstance(factor, Scale)]
        rest = [factor for factor in self.factors if not isinstance(factor, Scale)]
        if scales:
            determinant = torch.linalg.det(g).abs()
            g = g / determinant.clamp_min(1e-300)[..., None, None] ** (1 / self.degree)
        rest.sort(key=lambda factor: not factor.finite)
        return _factors(rest, g, tol) if rest else scales[0]._contains(g, tol)

    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        return reduce(torch.matmul, (matrix(factor._haar(count, generator)) for factor in self.factors))

    def _random_component(self, count: int, generator: torch.Generator) -> Tensor:
        return reduce(torch.matmul, (factor._random_component(count, generator) for factor in self.factors))


def _factors(factors: list[LinearGroup], g: Tensor, tol: float) -> Bool[Tensor, "..."]:
    """Whether g is a product of elements of the factors, the finite ones first."""
    first, rest = factors[0], factors[1:]
    if not rest:
        return first.contains(g, tol)
    if first.finite:
        elements = matrix(first.elements(g.dtype, g.device))
        return _factors(rest, first.inverse(elements) @ g[..., None, :, :], tol).any(-1)
    components = reduce(lambda a, b: (a[:, None] @ b[None]).flatten(0, 1), (factor.components for factor in factors))
    algebra = LieAlgebra.of(torch.cat([matrix(factor.algebra.basis) for factor in factors]))
    return in_identity_component(algebra, torch.linalg.inv(components).to(g) @ g[..., None, :, :], tol).any(-1)


def _distinct(g: Float[Tensor, "n m m"]) -> Tensor:
    same = close(g[:, None], g[None], 1e-9)
    return g[~torch.tril(same, -1).any(1)]


def commuting(factors: list[Group]) -> Group:
    if len(factors) == 1:
        return factors[0]
    linear = tuple(factor for factor in factors if isinstance(factor, LinearGroup))
    text = " x ".join(str(factor) for factor in factors)
    if len(linear) < len(factors):
        raise DomainError(text, "one group of permutations for each space", 'write .on("name") for a second space')
    for i, G in enumerate(linear):
        for H in linear[:i]:
            if (G.degree, G.affine) != (H.degree, H.affine):
                hint = f'place it ({G}@z) or put it on a space of its own ({G}.on("name"))'
                raise ShapeError(
                    f"{H} x {G}, matrices of {H.size} and {counted(G.size, 'row')}", "one size for one space", hint
                )
            if not _commute(H, G):
                hint = 'a semidirect product has its own name (SE(3), E(3)); another space is written .on("name")'
                raise DomainError(f"{H} x {G}", "factors that commute, since they act on one space", hint)
    whole = CommutingProduct(linear)
    try:
        assert whole.algebra.is_closed()
    except DomainError as error:
        raise DomainError(text, "factors with independent generators", "leave one of them out") from error
    return whole


def _commute(G: LinearGroup, H: LinearGroup) -> bool:
    """Whether all elements commute: generators do, of the algebras and of the discrete parts, in all four pairs."""
    ours = torch.cat([matrix(G.algebra.basis), matrix(G.discrete)])[:, None]
    theirs = torch.cat([matrix(H.algebra.basis), matrix(H.discrete)])[None]
    return bool(((ours @ theirs - theirs @ ours).abs() <= 1e-9).all())


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
    return [atom for f in G.factors for atom in _atoms(f)] if isinstance(G, Factored) else [G]
