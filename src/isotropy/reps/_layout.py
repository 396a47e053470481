"""Where the columns of a type are: dimensions of spaces, slices of parts, and the order that sorts equal terms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.groups import Group
from isotropy.reps._acting import factor_groups
from isotropy.reps._factor import HARMONIC
from isotropy.reps._rep import Dims, Factor, Rep, Term

Columns = Int[Tensor, "copies d"]


def sizes(rep: Rep, G: Group | None, dims: Mapping[str, int] | None = None, width: int | None = None) -> dict[str, int]:
    """The dimension of each space: of the group, of ``dims``, and the last unknown one from the ``width``."""
    known: dict[str, int] = {}
    for space, size in (dims or {}).items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ShapeError(f"dims {{{space!r}: {size!r}}}", "positive whole numbers")
        known[space] = size
    for factor in factor_groups(G) if G is not None else ():
        if known.setdefault(factor.space, factor.degree) != factor.degree:
            raise ShapeError(
                f"{factor} on a {factor.space!r} of dimension {known[factor.space]}",
                f"dimension {factor.degree}",
                "take the group of the dimension that the schema declares",
            )
        known[f"Adjoint on {factor.space}"] = factor.dim
    for factor in factors_of(rep):
        if factor.kind in HARMONIC and known.setdefault(factor.space, 3) != 3:
            raise DomainError(
                f"{rep} on a {factor.space!r} of dimension {known[factor.space]}",
                "rotations and reflections of three dimensions",
                "use Vector and Tensor(k), which know any dimension",
            )
    unknown = unknown_spaces(rep, known)
    if width is not None and len(unknown) == 1:
        space = next(iter(unknown))
        known[space] = _solved(rep, known, space, width)
    return known


def unknown_spaces(rep: Rep, known: Mapping[str, int]) -> set[str]:
    """The spaces (and Lie algebras) whose dimension the size of a type waits for."""
    keys = {factor.size_key for factor in factors_of(rep)}
    return keys - {""} - set(known)


def _solved(rep: Rep, known: Mapping[str, int], space: str, width: int) -> int:
    for size in range(1, width + 1):
        total = dimension(rep, {**known, space: size})
        if total == width:
            return size
        if total > width:
            break
    raise ShapeError(counted(width, "column"), f"those of {rep} for some dimension of {space!r}", "check the widths")


def factors_of(rep: Rep) -> list[Factor]:
    """All factors of all terms, those of sums inside products included."""
    found: list[Factor] = []
    for part in rep.copies:
        found += part.term.factors
        found += factors_of(part.term.tail) if part.term.tail else []
    return found


def dimension(rep: Rep, sizes: Mapping[str, int]) -> int:
    return sum(part.multiplicity * term_dimension(part.term, sizes) for part in rep.copies)


def term_dimension(term: Term, sizes: Mapping[str, int]) -> int:
    own = math.prod(factor.size(sizes) for factor in term.factors)
    return own * (dimension(term.tail, sizes) if term.tail else 1)


def columns(rep: Rep, sizes: Mapping[str, int]) -> tuple[slice, ...]:
    ends = [0]
    for part in rep.copies:
        ends.append(ends[-1] + part.multiplicity * term_dimension(part.term, sizes))
    return tuple(slice(start, stop) for start, stop in pairwise(ends))


def feature_axes(rep: Rep, sizes: Mapping[str, int], shape: Sequence[int]) -> int:
    """How many last axes of a tensor of a ``shape`` hold one value: 1, or 2 for the ``(n, d)`` of a type ``n * A``.

    So too for the sum of types of one width, such as C*Sphere(L) + C*Sphere(L, -1): their channels follow each other.
    A last axis as wide as the whole type is the whole type.
    """
    if not rep.copies or len(shape) < 2 or unknown_spaces(rep, sizes):
        return 1
    n, widths = sum(part.multiplicity for part in rep.copies), {term_dimension(part.term, sizes) for part in rep.copies}
    d = widths.pop()
    return 2 if not widths and shape[-1] != n * d and tuple(shape[-2:]) == (n, d) else 1


def split(rep: Rep, x: Float[Tensor, "... n"], dims: Dims | None = None) -> tuple[Tensor, ...]:
    known = known_sizes(rep, dims, x.shape[-1])
    total = dimension(rep, known)
    if total != x.shape[-1]:
        raise ShapeError(counted(x.shape[-1], "column"), f"{total} for {rep}")
    pieces = [x[..., where] for where in columns(rep, known)]
    shapes = [(part.multiplicity, term_dimension(part.term, known)) for part in rep.copies]
    return tuple(piece.unflatten(-1, shape) for piece, shape in zip(pieces, shapes, strict=True))


def pack(rep: Rep, parts: Sequence[Tensor]) -> Tensor:
    counts = [part.multiplicity for part in rep.copies]
    given = [part.shape[-2] if part.ndim > 1 else 0 for part in parts]
    if given != counts or not counts:
        raise ShapeError(f"parts of {given} copies", f"{counts} copies (..., C, d) for {rep}")
    return torch.cat([part.flatten(-2) for part in parts], dim=-1)


def known_sizes(rep: Rep, dims: Dims | None, width: int | None = None) -> dict[str, int]:
    return sizes(rep, dims, None, width) if isinstance(dims, Group) else sizes(rep, None, dims, width)


def blocks(rep: Rep, sizes: Mapping[str, int]) -> dict[Term, Columns]:
    """The columns of each distinct term, ``(copies, d)``, sums inside products multiplied out, Spheres by degree.

    This is the isomorphism A * (B + C) = A*B + A*C, written as an index.
    """
    return _blocks(rep, tuple(sorted(sizes.items())))


@lru_cache(maxsize=256)
def _blocks(rep: Rep, known: tuple[tuple[str, int], ...]) -> dict[Term, Columns]:
    found: dict[Term, list[Tensor]] = {}
    for term, where in _multiplied_out(rep, dict(known)):
        found.setdefault(term, []).append(where)
    return {term: torch.cat(where) for term, where in found.items()}


def _multiplied_out(rep: Rep, sizes: Mapping[str, int]) -> list[tuple[Term, Columns]]:
    found: list[tuple[Term, Tensor]] = []
    for part, where in zip(rep.copies, columns(rep, sizes), strict=True):
        base = torch.arange(where.start, where.stop).reshape(part.multiplicity, -1)
        if part.term.tail is None:
            found += _by_degree(part.term, base, sizes)
            continue
        own = math.prod(factor.size(sizes) for factor in part.term.factors)
        base = base.reshape(part.multiplicity, own, -1)
        for term, inner in _multiplied_out(part.term.tail, sizes):
            picked = base[:, :, inner].transpose(1, 2).reshape(part.multiplicity * len(inner), -1)
            found += _by_degree(replace(term, factors=part.term.factors + term.factors), picked, sizes)
    return found


def _by_degree(term: Term, where: Columns, sizes: Mapping[str, int]) -> list[tuple[Term, Tensor]]:
    """A term with its Spheres as the sums of irreps that they are."""
    for i, factor in enumerate(term.factors):
        if factor.kind != "Sphere":
            continue
        axes = where.reshape(len(where), *[factor.size(sizes) for factor in term.factors])
        found: list[tuple[Term, Tensor]] = []
        for l, irrep in zip(factor.degrees, factor.irreps, strict=True):
            own = axes.narrow(1 + i, l * l, 2 * l + 1).reshape(len(where), -1)
            found += _by_degree(replace(term, factors=(*term.factors[:i], *irrep, *term.factors[i + 1 :])), own, sizes)
        return found
    return [(term, where)]


def isomorphism(rep: Rep, other: Rep, dims: Dims) -> Int[Tensor, " n"]:
    known = {**known_sizes(rep, dims), **known_sizes(other, dims)}
    ours, theirs = _canonical(rep, known), _canonical(other, known)
    if {term: len(where) for term, where in ours.items()} != {term: len(where) for term, where in theirs.items()}:
        raise DomainError(f"{rep} and {other}", "the same terms, in any order", "they are not equal up to the order")
    if not ours:
        return torch.arange(0)
    order = torch.cat([where.flatten() for where in ours.values()])
    other_order = torch.cat([theirs[term].flatten() for term in ours])
    return order[other_order.argsort()]


def _canonical(rep: Rep, sizes: Mapping[str, int]) -> dict[Term, Columns]:
    """The blocks with the factors of each product sorted, since A * B and B * A differ by a transposition."""
    found: dict[Term, list[Tensor]] = {}
    for term, where in blocks(rep, sizes).items():
        order = sorted(range(len(term.factors)), key=lambda i, term=term: repr(term.factors[i]))
        shape = [factor.size(sizes) for factor in term.factors]
        axes = where.reshape(len(where), *shape).permute(0, *[1 + i for i in order]).reshape(where.shape)
        key = replace(term, factors=tuple(term.factors[i] for i in order))
        found.setdefault(key, []).append(axes)
    return {term: torch.cat(where) for term, where in found.items()}
