"""The type of a feature vector: a direct sum of copies of tensor products, written as mathematicians write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, SchemaError, counted
from isotropy.groups import Element, Group
from isotropy.reps._factor import Factor as Factor
from isotropy.reps._factor import exact_weight

Dims = Mapping[str, int] | Group

_LARGEST_TREE = 10_000  # a type with more nodes than this was not meant, and would not end


@dataclass(frozen=True)
class Term:
    """A tensor product of factors, times a power of sign(det) and of the scale |det|^(1/d) on each space.

    ``sign`` lists the spaces whose orientation flips it, ``scale`` the weights beyond those of the factors. ``tail``
    is a sum as the last factor: A * (B + C) is stored as the Kronecker product that it is, not as A*B + A*C.
    """

    factors: tuple[Factor, ...] = ()
    sign: tuple[str, ...] = ()
    scale: tuple[tuple[str, Fraction], ...] = ()
    tail: Rep | None = None

    @property
    def space(self) -> str:
        """The one space that this term speaks of: of its factors, else of its sign or weight."""
        spaces = self.spaces
        if len(spaces) > 1:
            raise SchemaError(f"{Rep.of(self)} on {sorted(spaces)}", "one space", "apply it to the factors instead")
        return next(iter(spaces), "space")

    @property
    def spaces(self) -> frozenset[str]:
        own = {factor.space for factor in self.factors} | set(self.sign) | {space for space, _ in self.scale}
        return frozenset(own | (self.tail.spaces if self.tail else set()))

    @property
    def affine(self) -> bool:
        return any(factor.kind == "Point" for factor in self.factors)

    @property
    def place(self) -> str:
        """The space in which its Points lie; empty where there are none."""
        return next((factor.space for factor in self.factors if factor.kind == "Point"), "")

    def with_points(self, kind: str) -> Term:
        """The same with another kind of factor for Points."""
        changed = (replace(factor, kind=kind) if factor.kind == "Point" else factor for factor in self.factors)
        return replace(self, factors=tuple(changed))

    @property
    def nodes(self) -> int:
        return 1 + len(self.factors) + (self.tail.nodes if self.tail else 0)

    @property
    def dual(self) -> Term:
        """rho(g^-1)^T: every factor and weight turned round; pixels and signs are their own duals."""
        if self.affine:
            raise DomainError(f"the dual of {Rep.of(self)}", "a linear type", "use Vector, or Point.linearised")
        factors = tuple(f if f.kind == "Pixels" else replace(f, dual=not f.dual) for f in self.factors)
        scale = tuple((space, -power) for space, power in self.scale)
        return Term(factors, self.sign, scale, self.tail.dual if self.tail else None)

    def twisted(self, sign: Sequence[str], scale: Mapping[str, Fraction]) -> Term:
        """Times sign(det) on the spaces ``sign`` and times the given powers of the scale."""
        if self.affine and (sign or any(scale.values())):
            raise DomainError(f"a twist of {Rep.of(self)}", "a linear type", "use Vector, or Point.linearised")
        if self.tail is not None:
            return replace(self, tail=self.tail.each(lambda term: term.twisted(sign, scale)))
        powers = dict(self.scale)
        for space, power in scale.items():
            powers[space] = powers.get(space, Fraction(0)) + power
        flips = set(self.sign) ^ set(sign)
        return replace(self, sign=tuple(sorted(flips)), scale=tuple(sorted((s, p) for s, p in powers.items() if p)))

    def times(self, other: Rep) -> Rep:
        """The Kronecker product with ``other``, this term outer."""
        if not other.copies:
            return other
        if self.tail is not None:
            return Rep.of(_with_tail(self.factors, self.tail * other))
        if not self.factors:
            return other.each(lambda term: term.twisted(self.sign, dict(self.scale)))
        if self.affine or any(part.term.affine for part in other.copies):
            if other == Rep.of(Term()):
                return Rep.of(self)
            if not self._of_copies(other):
                raise DomainError(
                    f"the product of {Rep.of(self)} and {other}",
                    "linear types",
                    "use Vector, or Point.linearised; Nodes*Point is a place at each node",
                )
        return Rep.of(_with_tail(self.factors, other.each(lambda term: term.twisted(self.sign, dict(self.scale)))))

    def _of_copies(self, other: Rep) -> bool:
        """Whether this counts copies of one Point: what permutes them leaves a shift of all of them alone."""
        spaces = {factor.space for factor in self.factors if factor.kind == "Vector" and not factor.dual}
        plain = len(spaces) == 1 and all(f.kind == "Vector" and not f.dual for f in self.factors)
        alone = not (self.sign or self.scale) and [part.multiplicity for part in other.copies] == [1]
        term = other.copies[0].term
        return plain and alone and len(term.factors) == 1 and term.affine and term.place not in spaces


def _with_tail(factors: tuple[Factor, ...], tail: Rep) -> Term:
    if len(tail.copies) == 1 and tail.copies[0].multiplicity == 1:
        last = tail.copies[0].term
        return replace(last, factors=factors + last.factors)
    return Term(factors, tail=tail)


@dataclass(frozen=True)
class Part:
    """``multiplicity`` consecutive copies of one term, under one name (empty where none was given)."""

    name: str
    multiplicity: int
    term: Term

    @property
    def atom(self) -> Rep:
        """The type of one copy, without the name."""
        return Rep.of(self.term)


@dataclass(frozen=True)
class Rep:
    """The type of a feature vector: how each stretch of its columns answers to a group.

    Built from the atoms by ``A + B``, ``n * A`` (n consecutive copies), ``A * B`` (Kronecker product), ``A ** k``,
    ``A.dual``, ``A.pseudo``, ``A.on(space)``, ``A.weighted(w)`` and ``A("name")``; it knows no group, since one type
    is tested against many. ``==`` means equal layout under equal names. Source: CORE §3.

    >>> from isotropy.groups import SO
    >>> from isotropy.reps import Scalar, Vector
    >>> rep = 5 * Scalar("mass") + 5 * Vector("position")
    >>> print(rep, rep.dim(SO(3)))
    5*Scalar("mass") + 5*Vector("position") 20
    """

    copies: tuple[Part, ...] = ()

    @staticmethod
    def of(*terms: Term) -> Rep:
        return _merged([Part("", 1, term) for term in terms])

    # The algebra.
    def __add__(self, other: Rep) -> Rep:
        return _merged([*self.copies, *other.copies]) if isinstance(other, Rep) else NotImplemented

    def __rmul__(self, count: int) -> Rep:
        if not isinstance(count, int) or isinstance(count, bool):
            return NotImplemented
        if count < 0:
            raise SchemaError(
                f"{counted(count, 'copy', 'copies')} of {self}", "a number of copies that is not negative"
            )
        if len(self.copies) == 1:
            only = self.copies[0]
            return _merged([replace(only, multiplicity=only.multiplicity * count)])
        _afford(self.nodes * count)
        return _merged(list(self.copies) * count)

    def __mul__(self, other: Rep) -> Rep:
        if not isinstance(other, Rep):
            return NotImplemented
        products = [(part.multiplicity, part.term.times(other.unnamed)) for part in self.copies]
        return _merged([part for count, product in products for part in (count * product).copies])

    def __pow__(self, power: int) -> Rep:
        if not isinstance(power, int) or isinstance(power, bool):
            return NotImplemented
        if power < 0:
            raise SchemaError(f"the power {power} of {self}", "a power that is not negative", "write A.dual ** k")
        _afford(power)
        _afford(10 * max(len(self.copies), 1) ** power)  # a power of a sum has as many terms as there are words
        result = Rep.of(Term())
        for _ in range(power):
            result = result * self
        return result if power != 1 else self

    def __call__(self, name: str) -> Rep:
        if not name or len(name) > 200 or not name.isprintable():
            raise SchemaError(f"the name {name[:200]!r}", "1 to 200 printable characters")
        return _merged([replace(part, name=name) for part in self.copies])

    @property
    def dual(self) -> Rep:
        """The dual representation rho(g^-1)^T.

        >>> from isotropy.reps import Scalar, Vector
        >>> Vector.dual.dual == Vector, print(Vector.dual * Vector)
        Vector.dual*Vector
        (True, None)
        """
        return self.each(lambda term: term.dual)

    @property
    def pseudo(self) -> Rep:
        """The same times sign(det g): axial where the original is polar."""
        return self.each(lambda term: term.twisted((term.space,), {}))

    @property
    def linearised(self) -> Rep:
        """Points as homogeneous coordinates (x, 1): dimension d + 1, on which E(d) acts linearly."""
        if not all(term.affine for term in (part.term for part in self.copies)):
            raise SchemaError(f"{self}.linearised", "Points", "only affine types need it")
        return self.each(lambda term: term.with_points("Linearised"))

    def on(self, space: str) -> Rep:
        """The same type over another space, on which other groups act.

        >>> from isotropy.reps import Nodes, Vector
        >>> Vector.on("nodes") == Nodes
        True
        """
        if not space.isidentifier():
            raise SchemaError(f"the space {space!r}", "an identifier, such as 'space', 'nodes' or 'hue'")
        return self.each(lambda term: _moved(term, term.space, space))

    def weighted(self, weight: Fraction | int | float | str) -> Rep:
        """The same type with another weight under scaling: s in Scale(d) acts on it as s^weight times a rotation.

        ``weight`` is exact: an integer, a Fraction, or text such as "1/3"; a float that is a short binary fraction
        (0.5) is taken for what it is, another (1/3) raises SchemaError.
        """
        exact = exact_weight(weight)

        def weigh(term: Term) -> Term:
            if term.tail is not None or any(factor.kind == "Sphere" for factor in term.factors):
                raise SchemaError(f"a weight for {Rep.of(term)}", "a product without a sum", "weigh its summands")
            present = sum(factor.weight for factor in term.factors) + sum(power for _, power in term.scale)
            return term.twisted((), {term.space: exact - present})

        return self.each(weigh)

    def each(self, change: Callable[[Term], Term]) -> Rep:
        """The type with ``change`` applied to every term, names and multiplicities kept."""
        return _merged([replace(part, term=change(part.term)) for part in self.copies])

    # What it is made of.
    def parts(self) -> tuple[Part, ...]:
        """Names, multiplicities and atoms, in the order of the columns."""
        return self.copies

    @cached_property
    def unnamed(self) -> Rep:
        """The same layout without the names, which is all that the algebra sees."""
        return _merged([replace(part, name="") for part in self.copies])

    @property
    def spaces(self) -> frozenset[str]:
        return frozenset(space for part in self.copies for space in part.term.spaces)

    @cached_property
    def nodes(self) -> int:
        return sum(part.term.nodes for part in self.copies)

    def __str__(self) -> str:
        from isotropy.reps._text import written

        return written(self)

    # Sizes and columns.
    def dim(self, G: Group, dims: Mapping[str, int] | None = None) -> int:
        """Number of columns, the dimension of each space taken from the group, else from ``dims``.

        Raises ShapeError for a space of unknown dimension, or one on which ``G`` and ``dims`` disagree.
        """
        return _layout.dimension(self, _layout.sizes(self, G, dims))

    def size(self, dims: Mapping[str, int]) -> int:
        """Number of columns where no group is at hand.

        >>> from isotropy.reps import Scalar, Tensor
        >>> (2 * Scalar + Tensor(2)).size({"space": 3})
        11
        """
        return _layout.dimension(self, dims)

    def columns(self, dims: Dims) -> tuple[slice, ...]:
        """The columns of each part, for a group or the dimensions of the spaces."""
        return _layout.columns(self, _layout.sizes(self, dims, None) if isinstance(dims, Group) else dims)

    def split(self, x: Float[Tensor, "... n"], dims: Dims | None = None) -> tuple[Tensor, ...]:
        """The parts of ``x`` as views ``(..., C, d)``: C copies of dimension d.

        The one unknown dimension is read off the width of ``x``; more than one must be given.
        """
        return _layout.split(self, x, dims)

    def pack(self, parts: Sequence[Tensor]) -> Tensor:
        """The inverse of ``split``: parts ``(..., C, d)`` to one tensor ``(..., n)``."""
        return _layout.pack(self, parts)

    def isomorphism(self, other: Rep, dims: Dims) -> Int[Tensor, " n"]:
        """The order p of columns with ``x_other = x_self[..., p]``, for types with the same terms in another order.

        Raises DomainError where the terms differ.
        """
        return _layout.isomorphism(self, other, dims)

    # The action.
    def act(self, G: Group, g: Element, x: Tensor, dims: Mapping[str, int] | None = None) -> Tensor:
        """``g.x``: elements ``(..., d, d)`` broadcast against rows ``(..., n)``; Points are translated too.

        Rows of a type ``n * A`` may also come as channels ``(..., n, d)``; elements then broadcast against ``(...)``.

        Raises ShapeError for a width that the type does not have; DtypeError for mixed or integer dtypes.
        """
        return _action.act(self, G, g, x, dims)

    def feature_axes(self, G: Group, shape: Sequence[int], dims: Mapping[str, int] | None = None) -> int:
        """How many last axes of a tensor of a ``shape`` hold one value: 1, or 2 for the channels of a type ``n * A``.

        A last axis as wide as the whole type is the whole type, whatever stands before it.

        >>> from isotropy.groups import SO
        >>> from isotropy.reps import Vector
        >>> [(4 * Vector).feature_axes(SO(3), shape) for shape in ((10, 12), (10, 4, 3), (4, 12))]
        [1, 2, 1]
        """
        return _layout.feature_axes(self, _layout.sizes(self, G, dims), shape)

    def rho(self, G: Group, g: Element, dims: Mapping[str, int] | None = None) -> Float[Tensor, "... n n"]:
        """The matrix of ``g`` on this type; a Point that ``G`` translates has none (DomainError)."""
        return _action.rho(self, G, g, dims)

    def drho(self, G: Group, A: Element, dims: Mapping[str, int] | None = None) -> Float[Tensor, "... n n"]:
        """The matrix of a Lie-algebra element ``A (..., d, d)``: the derivative of ``rho(exp tA)`` at t = 0."""
        return _action.drho(self, G, A, dims)

    def is_trivial(self, G: Group) -> bool:
        """Whether every element of ``G`` leaves every column as it is."""
        return _action.is_trivial(self, G)

    def orthogonal(self, G: Group) -> bool:
        """Whether rho(g) is orthogonal for all g (of a Point: its linear part)."""
        return _action.is_orthogonal(self, G)


def _merged(parts: list[Part]) -> Rep:
    """Equal neighbours become one part, so that equal layouts are equal types."""
    merged: list[Part] = []
    for part in parts:
        if not part.multiplicity:
            continue
        if merged and (merged[-1].name, merged[-1].term) == (part.name, part.term):
            merged[-1] = replace(part, multiplicity=merged[-1].multiplicity + part.multiplicity)
        else:
            merged.append(part)
    rep = Rep(tuple(merged))
    _afford(rep.nodes)
    return rep


def _afford(nodes: int) -> None:
    if nodes > _LARGEST_TREE:
        raise SchemaError(f"a type of {nodes} terms", f"at most {_LARGEST_TREE}", "write n*A + n*B for n*(A + B)")


def _moved(term: Term, old: str, new: str) -> Term:
    factors = tuple(replace(factor, space=new) if factor.space == old else factor for factor in term.factors)
    sign = tuple(sorted(new if space == old else space for space in term.sign))
    scale = tuple(sorted((new if space == old else space, power) for space, power in term.scale))
    tail = term.tail.each(lambda inner: _moved(inner, old, new)) if term.tail else None
    return Term(factors, sign, scale, tail)


# Below, because these files, which say what a type does, are made of the types above.
from isotropy.reps import _action, _layout  # noqa: E402
