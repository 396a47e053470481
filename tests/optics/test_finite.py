"""Lenses and optics on finite sets: the theorems of the categorical paper, by looking at everything there is."""

from __future__ import annotations

import itertools
import random

import pytest

from isotropy.errors import DomainError, ShapeError
from isotropy.optics import (
    Lens,
    Optic,
    TwoCell,
    finite,
    get_put,
    oplaxator,
    opunitor,
    put_get,
    put_put,
    sliding,
)

# Specification 13, X1: sizes of the sets, then optics with residuals of 1..3 elements, components, lenses.
COUNTS = {
    (2, 2, 2, 2): (2576, 64, 64),
    (1, 2, 2, 2): (456, 8, 8),
    (2, 1, 2, 2): (56, 4, 4),
    (2, 2, 1, 2): (644, 16, 16),
    (2, 2, 2, 1): (360, 16, 16),
}
SMALL = [*itertools.product((1, 2), repeat=4), (3, 2, 2, 1)]


@pytest.mark.parametrize("sets", SMALL, ids=str)
def test_components_are_lenses_and_the_lens_is_initial(sets: tuple[int, int, int, int]) -> None:
    optics, lenses = finite.enumerate_optics(*sets, 3), finite.enumerate_lenses(*sets)
    parts = finite.components(*sets, 3)
    assert len(lenses) == sets[2] ** sets[0] * sets[1] ** (sets[0] * sets[3])
    assert COUNTS.get(sets, (len(optics), len(lenses), len(lenses))) == (len(optics), len(parts), len(lenses))
    assert sum(map(len, parts)) == len(set(optics)) == len(optics)
    assert {frozenset(o.to_lens() for o in part) for part in parts} == {frozenset([lens]) for lens in lenses}
    for lens in lenses:
        assert lens.to_optic().to_lens() == lens  # D after E
    for optic in optics:
        assert finite.two_cells(optic.to_lens().to_optic(), optic) == [optic.kept]  # one, and it is the residual
    chance = random.Random(0)
    for optic in chance.sample(optics, min(40, len(optics))):
        for lens in lenses:
            assert len(finite.two_cells(lens.to_optic(), optic)) == (lens == optic.to_lens())


def test_to_a_lens_is_a_functor_and_from_one_is_oplax() -> None:
    lenses = finite.enumerate_lenses(2, 2, 2, 2)
    backwards = 0
    for one, two in itertools.product(lenses, lenses):
        whole, parts = (one >> two).to_optic(), one.to_optic() >> two.to_optic()
        assert finite.two_cells(whole, parts) == [tuple(2 * a + one.got[a] for a in range(2))]
        backwards += bool(finite.two_cells(parts, whole))
        assert parts.to_lens() == one >> two
    assert 0 < backwards < len(lenses) ** 2  # only where the way back does not look at what it could not have seen
    chance = random.Random(1)
    optics = finite.enumerate_optics(2, 2, 2, 2, 3)
    for _ in range(500):
        one, two = chance.sample(optics, 2)
        assert (one >> two).to_lens() == one.to_lens() >> two.to_lens()


def test_the_oplaxator_is_coherent() -> None:
    lenses = finite.enumerate_lenses(2, 2, 2, 2)
    chance = random.Random(2)
    for _ in range(300):
        f, g, h = (chance.choice(lenses) for _ in range(3))
        assert (f >> g) >> h == f >> (g >> h)
        E = [lens.to_optic() for lens in (f, g, h)]
        # Re-association of residuals is the identity of these tables.
        assert (E[0] >> E[1]) >> E[2] == E[0] >> (E[1] >> E[2])
        stay = TwoCell(E[0], E[0], lambda a: a), TwoCell(E[2], E[2], lambda c: c)
        right = oplaxator(f, g >> h) >> (stay[0] @ oplaxator(g, h))
        left = oplaxator(f >> g, h) >> (oplaxator(f, g) @ stay[1])
        for a in range(2):
            (first, (second, third)), ((one, two), three) = right.r(a), left.r(a)
            assert (first, second, third) == (one, two, three)
        unit = Lens.identity()
        before = oplaxator(unit, f) >> (opunitor() @ stay[0])
        after = oplaxator(f, unit) >> (stay[0] @ opunitor())
        assert [before.r(a) for a in range(2)] == [((), a) for a in range(2)]
        assert [after.r(a) for a in range(2)] == [(a, ()) for a in range(2)]


def test_a_check_tells_right_from_wrong() -> None:
    samples = list(itertools.product(range(2), range(2)))
    sets = finite.Sets(2, 2, 2, 2)
    constant = finite.FiniteLens.of(sets, (0, 0), ((0, 0), (1, 1)))
    look = finite.FiniteLens.of(sets, (0, 1), ((0, 1), (1, 0)))
    cell = oplaxator(constant, look)
    assert cell.check(samples)
    assert not finite.two_cells(constant.to_optic() >> look.to_optic(), (look >> look).to_optic())
    assert not TwoCell(cell.source, cell.target, lambda a: (a, 1 - constant.got[a])).check(samples)
    assert opunitor().check([(3, 4)])
    assert not TwoCell(Optic.identity(), Lens.identity().to_optic(), lambda _: 0).check([(3, 4)])
    with pytest.raises(DomainError, match="no samples"):
        cell.check([])


def test_sliding_is_a_two_cell_one_way() -> None:
    early, late = sliding(lambda a: (a, a % 3), lambda m: m // 3, lambda n, b: (n + b) % 7)
    samples = list(itertools.product(range(9), range(5)))
    assert TwoCell(late, early, lambda m: m // 3).check(samples)
    assert not TwoCell(early, late, lambda n: n).check(samples)


def test_two_cells_compose_both_ways() -> None:
    chance = random.Random(3)
    optics = finite.enumerate_optics(2, 2, 2, 2, 2)
    found = 0
    while found < 50:
        one = chance.choice(optics)
        first = TwoCell(one.to_lens().to_optic(), one, lambda a, k=one.kept: k[a])
        other = chance.choice(optics)
        second = TwoCell(other.to_lens().to_optic(), other, lambda a, k=other.kept: k[a])
        both = first @ second
        r = tuple(first.r(m) * len(other.rows) + second.r(n) for m in range(2) for n in range(2))
        assert r in finite.two_cells(both.source, both.target)  # type: ignore[arg-type]
        for onward in finite.two_cells(one, one):
            cell = first >> TwoCell(one, one, onward.__getitem__)
            assert tuple(map(cell.r, range(2))) in finite.two_cells(cell.source, cell.target)  # type: ignore[arg-type]
            found += 1


def test_laws_have_counterexamples() -> None:
    first: Lens[tuple[int, int], tuple[int, int], int, int] = Lens(lambda s: s[0], lambda s, b: (b, s[1]))
    wholes = [(1, 2), (3, 4)]
    assert get_put(first, wholes) is None
    assert put_get(first, [(s, 7) for s in wholes]) is None
    assert put_put(first, [(s, 7, 8) for s in wholes]) is None
    # The lens of y = x^2 and its derivative: what backpropagation does is no well-behaved lens.
    square: Lens[int, int, int, int] = Lens(lambda x: x * x, lambda x, feedback: 2 * x * feedback)
    assert get_put(square, [0, 1, 2]) == 1
    assert put_get(square, [(1, 1)]) == (1, 1)
    assert put_put(square, [(1, 1, 1)]) == (1, 1, 1)


def test_what_does_not_compose_or_is_too_large_is_refused() -> None:
    one, two = finite.enumerate_lenses(2, 1, 2, 1)[0], finite.enumerate_lenses(1, 1, 1, 1)[0]
    with pytest.raises(ShapeError, match=r"\(2, 1\) -> \(2, 1\) followed by \(1, 1\) -> \(1, 1\)"):
        one >> two
    with pytest.raises(ShapeError, match="followed by"):
        one.to_optic() >> two.to_optic()
    with pytest.raises(DomainError, match=r"5\.5e\+11 lenses"):
        finite.enumerate_lenses(3, 4, 2, 6)
    with pytest.raises(DomainError, match="optics"):
        finite.components(4, 4, 4, 4, 3)
