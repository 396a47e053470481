"""Exact finite rules for Haar integrals."""

import math
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError
from isotropy.groups._algebra import Element
from isotropy.groups._exponential import rotation2, rotation3
from isotropy.groups._group import Group
from isotropy.groups._linear import matrix
from isotropy.groups._measure import Measure
from isotropy.groups._placed import MovedGroup
from isotropy.groups._product import Factored, Product, grid
from isotropy.groups._rotations import SO, O, reflection

Rule = tuple[Element, Tensor]
"""Atoms (F, *element) and weights (F,), in float64."""


@dataclass(frozen=True)
class Cubature(Measure):
    """Atoms and weights that integrate every polynomial of degree <= ``degree`` in the entries of g exactly.

    For SO(2), O(2), SO(3), O(3), finite groups (all elements, exact for every function), what is placed about an axis
    or conjugated from these, and products. Raises DomainError for the rest.

    >>> [len(Cubature(SO(3), p).discretise()) for p in range(6)]
    [1, 4, 12, 24, 60, 60]
    """

    group: Group
    degree: int

    def __post_init__(self) -> None:
        if self.degree < 0:
            raise DomainError(f"degree={self.degree}", "a degree of at least 0", "")
        if not Cubature.knows(self.group):
            hint = "Haar(G) draws from a compact group, Window(G, width) from the others"
            raise DomainError(f"Cubature({self.group})", "SO(2), O(2), SO(3), O(3), finite, or products of these", hint)

    @staticmethod
    def knows(group: Group) -> bool:
        """Whether there is an exact rule for the group.

        >>> Cubature.knows(SO(3)), Cubature.knows(SO(4))
        (True, False)
        """
        if isinstance(group, Factored):
            return all(Cubature.knows(factor) for factor in group.factors)
        if isinstance(group, MovedGroup):
            return Cubature.knows(group.base)
        return group.finite or (isinstance(group, (SO, O)) and group.n <= 3)

    def atoms(self, n: int | None, generator: torch.Generator | None, rule: str) -> tuple[Element, Tensor, bool]:
        g, weight = _rule(self.group, self.degree)
        return g, weight.log(), True

    def draw(self, count: int, generator: torch.Generator) -> Element:
        g, weight = _rule(self.group, self.degree)
        which = torch.multinomial(weight.to(generator.device), count, replacement=True, generator=generator)
        return tree.tree_map(lambda part: part.to(generator.device)[which], g)


def _rule(group: Group, degree: int) -> Rule:
    if isinstance(group, Factored):
        rules = [_rule(factor, degree) for factor in group.factors]
        parts, weights = grid(tuple(matrix(g) for g, _ in rules)), grid(tuple(weight for _, weight in rules))
        g = parts if isinstance(group, Product) else reduce(torch.matmul, parts)
        return g, torch.stack(weights).prod(0)
    if isinstance(group, MovedGroup):
        g, weight = _rule(group.base, degree)
        return group._push(matrix(g)), weight
    if group.finite:
        g = group.elements()
        count = len(g[0] if isinstance(g, tuple) else g)
        return g, torch.full((count,), 1 / count, dtype=torch.float64)
    if isinstance(group, O):
        return _with_reflection(group.n, degree)
    assert isinstance(group, SO)
    return circle_rule(degree) if group.n == 2 else rotation_rule(degree)


def _with_reflection(n: int, degree: int) -> Rule:
    if n == 2:
        g, weight = circle_rule(degree)
        return torch.cat([g, g @ reflection(2)]), torch.cat([weight, weight]) / 2
    # -1 cancels all odd degrees, so that the rotations need only be exact for the even ones.
    g, weight = rotation_rule(degree - degree % 2)
    return torch.cat([g, -g]), torch.cat([weight, weight]) / 2


def circle_rule(degree: int) -> tuple[Float[Tensor, "F 2 2"], Float[Tensor, " F"]]:
    """``degree + 1`` equal angles: exact for trigonometric polynomials up to the degree."""
    angles = 2 * math.pi * torch.arange(degree + 1, dtype=torch.float64) / (degree + 1)
    return rotation2(angles), torch.full((degree + 1,), 1 / (degree + 1), dtype=torch.float64)


def rotation_rule(degree: int) -> tuple[Float[Tensor, "F 3 3"], Float[Tensor, " F"]]:
    """A rule on SO(3) exact for the Wigner functions of l <= degree.

    Up to degree 5 a finite rotation group, in which no irrep of 1 <= l <= degree has an invariant vector: 4 half turns
    (degree 1), the tetrahedral (2), octahedral (3) and icosahedral group (5). Above, Euler angles z-y-z: equal angles
    by Gauss-Legendre nodes (Kostelec and Rockmore 2008).
    """
    if degree <= 5:
        g = rotation_group(degree)
        return g, torch.full((len(g),), 1 / len(g), dtype=torch.float64)
    angles = 2 * math.pi * torch.arange(degree + 1, dtype=torch.float64) / (degree + 1)
    nodes, weights = np.polynomial.legendre.leggauss((degree + 2) // 2)
    e = torch.eye(3, dtype=torch.float64)
    about_z = rotation3(angles[:, None] * e[2])
    about_y = rotation3(torch.as_tensor(nodes).acos()[:, None] * e[1])
    g = (about_z[:, None, None] @ about_y[:, None] @ about_z).flatten(0, 2)
    one = torch.ones(degree + 1, dtype=torch.float64) / (degree + 1)
    return g, torch.einsum("i,j,k->ijk", one, torch.as_tensor(weights) / 2, one).flatten()


def rotation_group(degree: int) -> Float[Tensor, "F 3 3"]:
    """The smallest of the groups 1, D2, T, O, I whose average is exact up to the degree (at most 5)."""
    half = [torch.tensor(s, dtype=torch.float64) for s in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))]
    turns = torch.stack([torch.diag(s) for s in half])
    cycle = torch.eye(3, dtype=torch.float64)[[2, 0, 1]]
    tetrahedral = torch.cat([turns, turns @ cycle, turns @ cycle @ cycle])
    if degree <= 2:
        return [turns[:1], turns, tetrahedral][degree]
    if degree == 3:
        quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
        return torch.cat([tetrahedral, tetrahedral @ quarter])
    golden = (1 + math.sqrt(5)) / 2
    axis = torch.tensor([0.0, 1.0, golden], dtype=torch.float64)
    fifth = rotation3(axis / torch.linalg.vector_norm(axis) * (2 * math.pi / 5))
    return torch.cat([tetrahedral @ torch.linalg.matrix_power(fifth, i) for i in range(5)])
