"""Candidates for a person who does not know which groups to name: what the types alone call for, and found axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from isotropy.errors import SchemaError
from isotropy.groups import SE, SO, C, D, E, Group, Inversion, O, S, Scale, T
from isotropy.reps import Nodes, Rep, Schema

Axis = Sequence[float]

_MOST_NODES = 32  # more bodies than this are permuted by a type that says so, which people write on purpose


@dataclass(frozen=True)
class Proposal:
    """Groups to judge, and the types on which they act.

    ``types`` differ from the given ones where a permutation is proposed: equal copies, ``3*Vector``, are then the
    vectors of three nodes, ``Nodes*Vector``, in the same columns.
    """

    groups: tuple[Group, ...]
    types: Schema


def proposed(types: Schema, dims: Mapping[str, int], axes: Mapping[str, Sequence[Axis]] | None = None) -> Proposal:
    """What typed data call for: for each space its rotations and reflections, with translations where there are Points,
    stretches where lengths have units, and permutations of equal copies; and the product of the largest of each.

    ``dims`` are the dimensions of the spaces, ``axes`` directions of each that data single out.

    Raises SchemaError where the inputs are numbers alone, and for a space whose dimension nothing tells.

    >>> [str(group) for group in proposed(Schema(x="2*Point", y="Vector"), {"space": 3}).groups]
    ['E(3) x S(2)', 'E(3)', 'SE(3)', 'T(3)', 'O(3)', 'SO(3)', 'Inversion(3)', 'S(2)']
    """
    spaces = sorted(types.x.spaces, key=lambda space: (space in Nodes.spaces, space))
    if not spaces:
        raise SchemaError(
            f"inputs of type {types.x}, without any structure",
            "vectors, points, tensors, nodes or pixels among them, or candidate groups",
            'nothing to propose but scale and permutations: name them, groups="S(3)" on x = 3*Nodes, say',
        )
    unknown = [space for space in spaces if space not in dims]
    if unknown:
        expected = f"how many dimensions the {' and '.join(unknown)} of {types.x} has"
        raise SchemaError("neither candidate groups nor all dimensions", expected, f"dims: {{{unknown[0]}: 3}}, say")
    types, count = _with_nodes(types, dims)
    dims = {**dims, **({"nodes": count} if count else {})}
    each = {space: list(_of_space(types, space, dims[space], (axes or {}).get(space, ()))) for space in spaces}
    if count:
        each["nodes"] = [S(count)]
    groups = [group for found in each.values() for group in found]
    largest = [found[0] for found in each.values() if found]
    product = [reduce(lambda a, b: a * b, largest)] if len(largest) > 1 else []
    return Proposal((*product, *groups), types.model_copy(update={"dims": dict(dims)}))


def _of_space(types: Schema, space: str, d: int, axes: Sequence[Axis]) -> Iterator[Group]:
    terms = [part.term for rep in (types.x, types.y) for part in rep.parts() if space in part.term.spaces]
    kinds = {factor.kind for term in terms for factor in term.factors if factor.space == space}
    if space == "nodes":
        yield S(d)
        return
    if "Pixels" in kinds:
        yield from (D(4, space), C(4, space))
        return
    if any(term.affine for term in terms):
        yield from (E(d, space), SE(d, space), T(d, space)) if d > 1 else (E(d, space), T(d, space))
    if kinds or any(space in term.sign for term in terms):
        yield from (O(d, space), SO(d, space)) if d > 1 else (O(d, space),)
        if d > 1 and d % 2:  # else the inversion is a rotation
            yield Inversion(d, space)
    for axis in axes if d > 2 else ():
        yield from (O(d - 1, space) @ axis, SO(d - 1, space) @ axis)
    # A declared weight says that numbers have units of length: then the unit of length may be arbitrary.
    if any(power for term in terms for where, power in term.scale if where == space):
        yield Scale(d, space)


def _with_nodes(types: Schema, dims: Mapping[str, int]) -> tuple[Schema, int]:
    """The types with equal copies as nodes, and how many; as they are where copies differ in number."""
    copies = {part.multiplicity for part in types.x.parts() if part.multiplicity > 1}
    (count,) = copies if len(copies) == 1 else (0,)
    repeated = [part for rep in (types.x, types.y) for part in rep.parts() if part.multiplicity == count]
    if not 1 < count <= _MOST_NODES or "nodes" in dims or not repeated:
        return types, 0

    def retyped(rep: Rep) -> Rep:
        found = Rep()
        for part in rep.parts():
            nodes = Nodes * part.atom if part.multiplicity == count else part.multiplicity * part.atom
            found += nodes(part.name) if part.name else nodes
        return found

    return types.model_copy(update={"x": retyped(types.x), "y": retyped(types.y)}), count
