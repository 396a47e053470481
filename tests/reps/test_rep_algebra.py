"""The algebra of types, and their text."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from isotropy.errors import DomainError, IsotropyError, SchemaError, ShapeError
from isotropy.groups import SO, C, Element, GLPlus, Group, O, S, Scale
from isotropy.reps import (
    Adjoint,
    Irrep,
    Nodes,
    Pixels,
    Point,
    Pseudoscalar,
    Pseudovector,
    Rep,
    Scalar,
    Sphere,
    Vector,
    parse_rep,
)
from isotropy.reps import Tensor as TensorRep

ATOMS = (
    *(Scalar, Pseudoscalar, Vector, Pseudovector, Vector.dual, Nodes, Nodes.pseudo),
    *(Scalar.weighted("1/3"), Pseudoscalar.on("nodes"), Point.linearised, Vector.weighted(2)),
)
HARMONIC = (Irrep(2, -1), Irrep(2, 1).dual, Irrep(3, 1).weighted(1), Sphere(1), Sphere(2, -1), Sphere(1).dual)


@dataclass(frozen=True)
class World:
    """A group with the types on which it acts."""

    group: Group
    sizes: dict[str, int]
    atoms: tuple[Rep, ...]

    def element(self) -> Element:
        generator = torch.Generator().manual_seed(0)
        return self.group.sample((), generator=generator, dtype=torch.float64, within=self.within)

    @property
    def within(self) -> float | None:
        return None if self.group.compact else 0.3

    def rho(self, rep: Rep) -> torch.Tensor:
        return rep.rho(self.group, self.element())

    def grown(self, tree: Any, largest: int = 60) -> Rep:
        """The type that a tree describes, if it is small enough to be compared as a matrix."""
        rep = self._grown(tree)
        assume(rep.size(self.sizes) <= largest)
        return rep

    def _grown(self, tree: Any) -> Rep:
        if isinstance(tree, int):
            return self.atoms[tree % len(self.atoms)]
        how, left, right = tree
        if how == "n":
            return left * self._grown(right)
        if how == "dual":
            return self._grown(right).dual
        return self._grown(left) + self._grown(right) if how == "+" else self._grown(left) * self._grown(right)


WORLDS = {
    "matrices": World(GLPlus(2) * S(3), {"space": 2, "nodes": 3}, ATOMS),
    "turns": World(O(3) * S(3), {"space": 3, "nodes": 3}, HARMONIC + ATOMS),
    "turns and stretches": World((SO(3) * Scale(3)) * S(2), {"space": 3, "nodes": 2}, HARMONIC + ATOMS),
}
everywhere = pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
# Types are made inside the tests, from plain trees: the run-time checks of our functions draw on `random`, which
# hypothesis wants to itself while it generates.
TREES = st.recursive(
    st.integers(0, len(HARMONIC + ATOMS) - 1),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["+", "*"]), inner, inner),
        st.tuples(st.just("n"), st.integers(0, 3), inner),
        st.tuples(st.just("dual"), st.just(0), inner),
    ),
    max_leaves=5,
)
NAMES = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=8).filter(str.isprintable)
QUICK = settings(max_examples=60, deadline=None)


@everywhere
@QUICK
@given(TREES, TREES)
def test_sums_are_direct_and_products_are_kronecker(world: World, left: Any, right: Any) -> None:
    a, b = world.grown(left), world.grown(right)
    assert torch.allclose(world.rho(a + b), torch.block_diag(world.rho(a), world.rho(b)), atol=1e-12)
    if a.size(world.sizes) * b.size(world.sizes) <= 200:
        assert torch.allclose(
            world.rho(a * b), torch.kron(world.rho(a).contiguous(), world.rho(b).contiguous()), atol=1e-12
        )


@everywhere
@QUICK
@given(TREES, st.integers(0, 3))
def test_multiples_are_consecutive_copies(world: World, tree: Any, n: int) -> None:
    a = world.grown(tree)
    total = 0 * Scalar
    for _ in range(n):
        total = total + a
    assert n * a == total
    assert torch.allclose(world.rho(n * a), torch.kron(torch.eye(n, dtype=torch.float64), world.rho(a)), atol=1e-12)


@everywhere
@QUICK
@given(TREES, TREES, TREES)
def test_the_algebra_is_associative_with_units(world: World, first: Any, second: Any, third: Any) -> None:
    a, b, c = world.grown(first), world.grown(second), world.grown(third)
    assert (a + b) + c == a + (b + c)
    if max(rep.size(world.sizes) for rep in (a, b, c)) <= 12:
        assert (a * b) * c == a * (b * c)
        assert (a + b) * c == a * c + b * c
    assert a * Scalar == a.unnamed == Scalar * a
    assert a + 0 * Scalar == a
    assert a**0 == Scalar
    assert a**1 == a


@everywhere
@QUICK
@given(TREES)
def test_the_dual_is_an_involution_and_the_inverse_transpose(world: World, tree: Any) -> None:
    a = world.grown(tree)
    assert a.dual.dual == a
    assert torch.allclose(world.rho(a.dual), torch.linalg.inv(world.rho(a)).mT, atol=1e-9)


@everywhere
@QUICK
@given(TREES, NAMES)
def test_text_is_read_back(world: World, tree: Any, name: str) -> None:
    plain = world.grown(tree)
    rep = plain + plain(name) + 2 * Point("p")
    assert parse_rep(str(plain)) == plain
    assert parse_rep(str(rep)) == rep
    assert hash(parse_rep(str(rep))) == hash(rep)


@everywhere
@QUICK
@given(TREES, TREES, TREES)
def test_isomorphic_layouts_differ_by_the_order_of_columns(world: World, first: Any, second: Any, third: Any) -> None:
    a, b, c = world.grown(first, 8), world.grown(second, 8), world.grown(third, 8)
    left, right = a * (b + 2 * c) + b, b + 2 * (c * a) + b * a
    p = left.isomorphism(right, world.sizes)
    x = torch.randn(left.size(world.sizes), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    g = world.element()
    assert torch.allclose(left.act(world.group, g, x)[p], right.act(world.group, g, x[p]), atol=1e-10)
    assert p.sort().values.tolist() == list(range(len(x)))


@QUICK
@given(st.text(max_size=30) | st.text("Vector*+().2dualpseudo\"' ,", max_size=30))
def test_any_text_is_a_type_or_a_clear_refusal(text: str) -> None:
    try:
        rep = parse_rep(text)
    except IsotropyError:
        return
    assert parse_rep(str(rep)) == rep


@pytest.mark.parametrize(
    ("text", "rep"),
    [
        ('5*Scalar("mass") + 5*Vector("position") + Tensor(2)("inertia")', None),
        ("Vector**2", TensorRep(2)),
        ("Tensor(0)", Scalar),
        (" ( Vector + Scalar ) * Nodes", Vector * Nodes + Nodes),
        ("2*3*Vector", 6 * Vector),
        ("2*Vector**2", 2 * TensorRep(2)),
        ("Pixels(7, 7, hole=3)", Pixels(7, 7, hole=3)),
        ("Pixels(7,7,3)", Pixels(7, 7, 3)),
        ("Vector.dual.pseudo.weighted(-1/2)", Vector.dual.pseudo.weighted(Fraction(-1, 2))),
        ('Vector.weighted("1/3")', Vector.weighted(Fraction(1, 3))),
        ("Vector.on('hue')", Vector.on("hue")),
        ('(Vector*Nodes)("pos")', (Vector * Nodes)("pos")),
        ("Point.linearised.dual", Point.linearised.dual),
        ("0*Vector", 0 * Scalar),
        ("Adjoint", Adjoint),
        ("((((Vector))))", Vector),
        ("64*Sphere(4) + Irrep(2, -1)", 64 * Sphere(4) + Irrep(2, -1)),
        ("Irrep(1,-1) + Irrep(0,1) + Sphere(0)", Vector + 2 * Scalar),
        ("Sphere(3, -1).on('hue')", Sphere(3, -1).on("hue")),
        ("Irrep(2, 1).dual*Sphere(2)", Irrep(2, 1).dual * Sphere(2)),
        ("Irrep(3, 1)**2", Irrep(3, -1) ** 2),
        ("Sphere(2).dual.pseudo", Sphere(2).dual.pseudo),
        ("Irrep(2, 1).weighted(0)", Irrep(2, 1).weighted(0)),
        ("Scalar.weighted(2)*Sphere(2)", Scalar.weighted(2) * Sphere(2)),
    ],
)
def test_types_as_they_are_written(text: str, rep: Rep | None) -> None:
    expected = rep or 5 * Scalar("mass") + 5 * Vector("position") + TensorRep(2)("inertia")
    assert parse_rep(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the end of ''"),
        ("5*", "a number or"),
        ("5", "'*' and a type"),
        ("Vektor", "Scalar, Pseudoscalar, Vector"),
        ("Vector + + Scalar", "column 10"),
        ("Vector Scalar", "column 8"),
        ("Vector.shape", "dual, pseudo"),
        ("Vector(3)", "plain quotes"),
        ("Vector('a'", "balanced|expected"),
        ("Tensor()", r"Tensor\(k\)"),
        ("Tensor(2, 3)", r"Tensor\(k\)"),
        ("Pixels(3)", r"Pixels\(height"),
        ("Pixels(3, 3, hole=2)", "centred"),
        ("Pixels(3, 3, hole=3)", "at least one pixel"),
        ("Vector*3", "a type"),
        ("Vector**-1", "whole number"),
        ("Vector**999999999999", "whole number"),
        ("Vector**99999", "at most"),
        ("(Vector+Scalar)**14", "at most"),
        ("9999999*Vector", "at most|whole number"),
        ("1000*1000*1000*Vector", "at most"),
        ("(" * 60 + "Vector" + ")" * 60, "nested"),
        ("Vector*" * 4000, "at most"),
        ('__import__("os")', "one of Scalar"),
        ("Vector.__class__", "dual, pseudo"),
        ('f"{1}"', "a type"),
        ('Vector("""a""")', "plain quotes"),
        ("Vector.weighted(1/0)", "not zero"),
        ("Vector.weighted(1/99999)", "small numbers"),
        ("Vector.weighted(0.5)", "whole number"),
        ('Vector.on("a b")', "identifier"),
        ("Vector # a comment", "leave it out"),
        ("Vector\n+ Scalar", "one line"),
        ("Point*Vector", "linear type"),
        ("Point.dual", "linear type"),
        ("Vector.linearised", "Points"),
        ('Scalar("")', "printable"),
        ("Vector;Scalar", "column 7"),
        ("Irrep(2)", r"Irrep\(l, p\)"),
        ("Irrep(2, 0)", "parity 1 or -1"),
        ("Irrep(-2, 1)", "whole number"),
        ("Sphere()", r"Sphere\(L\)"),
        ("Sphere(101)", "0 to 100"),
        ("Sphere(2).weighted(0)", "weigh its summands"),
        ("Tensor(-1)", "whole number"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises((SchemaError, DomainError), match=message):
        parse_rep(text)


def test_python_refuses_what_the_text_refuses() -> None:
    for wrong in (lambda: Vector * 3, lambda: 2.5 * Vector, lambda: True * Vector, lambda: Vector + 1):
        with pytest.raises(TypeError):
            wrong()  # type: ignore[operator]
    with pytest.raises(SchemaError, match="not negative"):
        (-1) * Vector
    with pytest.raises(SchemaError, match="dual"):
        Vector**-1
    with pytest.raises(SchemaError, match="Fraction"):
        Vector.weighted(1 / 3)
    with pytest.raises(SchemaError, match="one space"):
        (Vector * Nodes).pseudo
    with pytest.raises(DomainError, match="Point"):
        Point * Vector
    with pytest.raises(DomainError, match="linearised"):
        Point.pseudo
    with pytest.raises(DomainError, match="linearised"):
        Point.weighted(0)


def test_pieces_of_a_type() -> None:
    rep = 5 * Scalar("mass") + 5 * Vector("position") + TensorRep(2)("inertia")
    assert [(part.name, part.multiplicity, str(part.atom)) for part in rep.parts()] == [
        ("mass", 5, "Scalar"),
        ("position", 5, "Vector"),
        ("inertia", 1, "Tensor(2)"),
    ]
    assert rep.columns({"space": 3}) == rep.columns(SO(3)) == (slice(0, 5), slice(5, 20), slice(20, 29))
    assert rep.dim(SO(3)) == rep.size({"space": 3}) == 29
    assert Adjoint.dim(SO(4)) == 6
    assert Point.linearised.dim(SO(3)) == 4
    with pytest.raises(ShapeError, match="group"):
        Adjoint.size({"space": 3})
    with pytest.raises(ShapeError, match="positive"):
        rep.dim(C(4), {"hue": 0})


def test_isomorphism_refuses_other_terms() -> None:
    with pytest.raises(DomainError, match="same terms"):
        (Vector + Scalar).isomorphism(Vector + Pseudoscalar, SO(3))
    assert (0 * Scalar).isomorphism(0 * Scalar, {}).tolist() == []
    interleaved = (2 * (Vector + Scalar)).isomorphism(2 * Vector + 2 * Scalar, {"space": 2})
    assert interleaved.tolist() == [0, 1, 3, 4, 2, 5]


def test_pack_refuses_other_parts() -> None:
    rep = 2 * Scalar + Vector
    with pytest.raises(ShapeError, match=r"\[2, 1\] copies"):
        rep.pack([torch.zeros(1, 1), torch.zeros(1, 3)])
