"""Which group contains which, decided on generators."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from isotropy.groups._affine import homogeneous, linear, translation
from isotropy.groups._finite import S
from isotropy.groups._group import Group
from isotropy.groups._linear import LinearGroup, close, matrix
from isotropy.groups._placed import Placed
from isotropy.groups._product import Product


def is_subgroup(H: Group, G: Group, tol: float = 1e-9) -> bool:
    """Whether H is contained in G: its algebra in the span of G's, its discrete generators in G.

    A linear group counts as part of an affine one of the same dimension; a group acts trivially on a space that it
    does not name. Groups on vectors of different dimensions are never contained in each other.

    >>> from isotropy.groups import parse
    >>> is_subgroup(parse("O(2)@z"), parse("O(3)")), is_subgroup(parse("O(3)"), parse("SE(3)"))
    (True, False)
    """
    return all(_inside(H.factor(space), G.factor(space), tol) for space in H.spaces)


def _inside(H: Group | None, G: Group | None, tol: float) -> bool:
    if H is None or G is None:
        return H is None or H.order == 1
    if H.degree != G.degree:
        return False
    if not isinstance(H, LinearGroup) or not isinstance(G, LinearGroup):
        return isinstance(H, S) and isinstance(G, S)
    h_basis, h_discrete = matrix(H.algebra.basis), matrix(H.discrete)
    if G.affine and not H.affine:
        h_basis, h_discrete = torch.nn.functional.pad(h_basis, (0, 1, 0, 1)), homogeneous(h_discrete)
    if H.affine and not G.affine:
        if not (_vanishes(translation(h_basis), tol) and _vanishes(translation(h_discrete), tol)):
            return False
        h_basis, h_discrete = linear(h_basis), linear(h_discrete)
    scale = 1 + float(h_basis.abs().max()) if len(h_basis) else 1.0
    if len(h_basis) and not bool(close(G._on_algebra(h_basis), h_basis, tol * scale).all()):
        return False
    return bool(G.contains(h_discrete, tol * 10).all())


def _vanishes(x: Tensor, tol: float) -> bool:
    return bool((x.abs() <= tol).all())


def same(G: Group, H: Group) -> bool:
    """Whether two groups have the same elements, however they are written.

    >>> from isotropy.groups import parse
    >>> same(parse("D(1)"), parse("O(1)@x")), parse("D(1)") == parse("O(1)@x")
    (True, False)
    """
    return is_subgroup(G, H) and is_subgroup(H, G)


def is_conjugate(G: Group, H: Group) -> bool:
    """Whether ``H = h G h^-1`` for a rotation h, where that is read off the names: equal, or about different axes.

    False means that no such h was recognised.

    >>> from isotropy.groups import parse
    >>> is_conjugate(parse("O(2)@x"), parse("O(2)@(1,2,2)")), is_conjugate(parse("O(2)@x"), parse("SO(2)@x"))
    (True, False)
    """
    if isinstance(G, Product) and isinstance(H, Product):
        return G.spaces == H.spaces and all(map(is_conjugate, G.factors, H.factors))
    if isinstance(G, Placed) and isinstance(H, Placed):
        return is_conjugate(G.base, H.base)
    return same(G, H)


def lattice(groups: Iterable[Group]) -> list[tuple[Group, Group]]:
    """The covering edges (H, G): H is a proper subgroup of G and no third group of the list lies between them.

    Of groups with the same elements the first stands for all.

    >>> from isotropy.groups import parse_list
    >>> lattice(parse_list("O(3),SO(3),SO(2)@z"))
    [(SO(3), O(3)), (SO(2)@z, SO(3))]
    """
    distinct: list[Group] = []
    for group in groups:
        if not any(same(group, known) for known in distinct):
            distinct.append(group)
    n = len(distinct)
    below = [[i != j and is_subgroup(distinct[i], distinct[j]) for j in range(n)] for i in range(n)]
    return [
        (distinct[i], distinct[j])
        for j in range(n)
        for i in range(n)
        if below[i][j] and not any(below[i][k] and below[k][j] for k in range(n))
    ]
