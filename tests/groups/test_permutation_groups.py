"""Permutation groups from generators, stabilizers of nodes, and maps that commute with them, counted by orbits."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import O, PermutationGroup, S, parse, same
from isotropy.reps import equivariant_basis

CLOSED: dict[str, list[list[int]]] = {
    "a path": [[3, 2, 1, 0]],
    "a cycle": [[1, 2, 3, 4, 0], [4, 3, 2, 1, 0]],
    "a star": [[0, 2, 1, 3, 4], [0, 2, 3, 4, 1]],
    "even ones": [[1, 2, 0, 3, 4], [0, 1, 3, 4, 2]],
    "two orbits": [[1, 0, 2, 3, 4, 5], [0, 1, 3, 4, 5, 2]],
    "nothing": [[0, 1, 2]],
}
"""Generators of small groups."""


def closure(generators: list[list[int]]) -> set[tuple[int, ...]]:
    """All products, by brute force."""
    n = len(generators[0])
    found, new = {tuple(range(n))}, {tuple(range(n))}
    while new:
        new = {tuple(g[i] for i in h) for g in generators for h in new} - found
        found |= new
    return found


@pytest.mark.parametrize("name", CLOSED)
def test_order_elements_and_members_are_those_of_the_closure(name: str) -> None:
    group, wanted = PermutationGroup(CLOSED[name]), closure(CLOSED[name])
    assert group.order == len(wanted)
    assert {tuple(row) for row in group.elements().tolist()} == wanted  # type: ignore[union-attr]
    everything = torch.tensor(list(permutations(range(group.degree))))
    inside = {tuple(row) for row in everything[group.contains(everything)].tolist()}
    assert inside == wanted
    orbits = {frozenset(g[i] for g in wanted) for i in range(group.degree)}
    assert len(orbits) == len(set(group.orbits.tolist()))
    assert all(len(set(group.orbits[list(orbit)].tolist())) == 1 for orbit in orbits)


def test_a_stabilizer_of_a_node_is_what_fixes_it() -> None:
    for node in range(4):
        assert {tuple(g) for g in S(4).stabilizer(node).elements().tolist()} == {  # type: ignore[union-attr]
            g for g in permutations(range(4)) if g[node] == node
        }
    cube = PermutationGroup([[1, 2, 3, 0, 5, 6, 7, 4], [4, 0, 3, 7, 5, 1, 2, 6]])
    assert (cube.order, cube.stabilizer(0).order, cube.stabilizer(0, 1).order) == (24, 3, 1)
    assert S(5).stabilizer(0, 3).order == 6
    assert S(1).stabilizer(0).order == 1
    assert same(PermutationGroup([[1, 0, 2], [0, 2, 1]]), S(3))
    assert S(4).stabilizer(0) <= S(4)
    assert not S(4) <= S(4).stabilizer(0)


@pytest.mark.parametrize("name", CLOSED)
def test_maps_between_orders_are_as_many_as_burnside_counts(name: str) -> None:
    group = PermutationGroup(CLOSED[name])
    fixed = (group.elements() == torch.arange(group.degree)).sum(1).double()  # type: ignore[operator]
    for k, l in ((0, 1), (1, 1), (1, 2), (2, 2)):
        rep_in, rep_out = (("Scalar", "Nodes", "Nodes**2")[order] for order in (k, l))
        assert equivariant_basis(rep_in, rep_out, group).dim == round(float((fixed ** (k + l)).mean()))


# Specification 10, 2.1: by m = 1, ..., 5; bases of S(m), then with a fixed root.
TABLE = {
    (0, 0): ((1, 1, 1, 1, 1), (1, 1, 1, 1, 1)),
    (0, 1): ((1, 1, 1, 1, 1), (1, 2, 2, 2, 2)),
    (1, 1): ((1, 2, 2, 2, 2), (1, 4, 5, 5, 5)),
    (0, 2): ((1, 2, 2, 2, 2), (1, 4, 5, 5, 5)),
    (1, 2): ((1, 4, 5, 5, 5), (1, 8, 14, 15, 15)),
    (2, 2): ((1, 8, 14, 15, 15), (1, 16, 41, 51, 52)),
}


@pytest.mark.parametrize(("k", "l"), TABLE)
def test_maps_of_subgraphs_have_the_dimensions_of_the_table(k: int, l: int) -> None:
    reps = ("Scalar", "Nodes", "Nodes**2")
    for m in range(1, 6):
        plain = equivariant_basis(reps[k], reps[l], S(m))
        rooted = equivariant_basis(reps[k], reps[l], S(m).stabilizer(0))
        assert (plain.dim, rooted.dim) == (TABLE[k, l][0][m - 1], TABLE[k, l][1][m - 1])
        assert equivariant_basis(reps[l], reps[k], S(m).stabilizer(0)).dim == rooted.dim


def test_bad_generators_and_nodes_are_refused() -> None:
    with pytest.raises(ShapeError, match="each of 0"):
        PermutationGroup([[0, 1, 1]])
    with pytest.raises(ShapeError, match="once"):
        PermutationGroup([[0, 1, 2], [1, 0]])
    with pytest.raises(ShapeError, match="at least one"):
        PermutationGroup([])
    with pytest.raises(DomainError, match="node 4"):
        S(4).stabilizer(4)
    with pytest.raises(DomainError, match="a group of permutations"):
        O(3).stabilizer(0)
    with pytest.raises(ValueError, match="whole numbers"):
        parse("PermutationGroup([[1,0.5]])")
    with pytest.raises(ValueError, match="once"):
        parse("PermutationGroup([[1,1]])")
