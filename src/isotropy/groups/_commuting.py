"""Direct products of matrix groups on one space: the factors commute and multiply as matrices."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups._algebra import LieAlgebra
from isotropy.groups._group import Group
from isotropy.groups._linear import LinearGroup, close, matrix
from isotropy.groups._matrix import in_identity_component
from isotropy.groups._stretches import Scale


@dataclass(frozen=True, repr=False)
class CommutingProduct(LinearGroup):
    """Commuting matrix groups on one space; elements are their products; written ``SO(3) x Scale(3)``."""

    factors: tuple[LinearGroup, ...]
    space: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", self.factors[0].space)

    @property
    def name(self) -> str:
        return " x ".join(factor.name for factor in self.factors)

    @property
    def degree(self) -> int:
        return self.factors[0].degree

    @property
    def affine(self) -> bool:
        return self.factors[0].affine

    @property
    def compact(self) -> bool:
        return all(factor.compact for factor in self.factors)

    @property
    def unimodular(self) -> bool:
        return all(factor.unimodular for factor in self.factors)

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

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        # Scale by the determinant, finite factors one element after another, the rest by its logarithm.
        scales = [factor for factor in self.factors if isinstance(factor, Scale)]
        rest = [factor for factor in self.factors if not isinstance(factor, Scale)]
        if scales:
            determinant = torch.linalg.det(g).abs()
            g = g / determinant.clamp_min(1e-300)[..., None, None] ** (1 / self.degree)
        rest.sort(key=lambda factor: not factor.finite)
        return _factors(rest, g, tol) if rest else scales[0]._contains(g, tol)

    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        return reduce(torch.matmul, (factor._haar(count, generator) for factor in self.factors))

    def _random_component(self, count: int, generator: torch.Generator) -> Tensor:
        return reduce(torch.matmul, (factor._random_component(count, generator) for factor in self.factors))


def _factors(factors: list[LinearGroup], g: Tensor, tol: float) -> Bool[Tensor, ...]:
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
                raise ShapeError(f"{H} x {G}, matrices of {H.size} and {G.size} rows", "one size for one space", hint)
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
