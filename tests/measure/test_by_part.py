"""Clouds in parts: one motion for each part acts, one Estimate for each part is told."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError, IsotropyError, NonDeterministicError, SchemaError, ShapeError
from isotropy.frames import Partition
from isotropy.groups import SE, SO, DiscreteMeasure, E, Haar, Independent, Window, is_subgroup, parse
from isotropy.linalg import Segments
from isotropy.measure import equivariance_error
from isotropy.random import spawn
from isotropy.reps import Cloud, Piecewise, Point, Scalar, Vector, act, pull, tangent

CELLS = Segments(torch.tensor([0] * 20 + [1] * 9 + [2] * 31), 3)
X = torch.randn(60, 3, generator=spawn(0, "x"), dtype=torch.float64) + CELLS.label[:, None]
TURNS = Window(E(3), 2.0, compact="haar") ** 3


def inwards(x: Tensor) -> Tensor:
    return CELLS.gather(CELLS.mean(x)) - x


def drawn(n: int = 2) -> Tensor:
    g = TURNS.draw(n, spawn(1, "g"))
    assert isinstance(g, Tensor)
    return g


def test_the_action_is_one_and_moves_each_part_by_its_own_element() -> None:
    G, type_, x = parse("E(3)^3"), Piecewise("2*Point + Scalar", CELLS), torch.randn(2, 60, 7).double()
    g, h = drawn(), drawn().flip(0)
    whole = act(type_, G, G.compose(g, h), x)
    assert torch.allclose(act(type_, G, g, act(type_, G, h, x)), whole, atol=1e-12)
    for k in range(3):
        here = CELLS.label == k
        alone = act(Cloud(type_.rep), E(3), g[:, k], x[:, here])
        assert torch.allclose(act(type_, G, g, x)[:, here], alone, atol=1e-12)
    assert torch.allclose(pull(type_, G, g, act(type_, G, g, x)), x, atol=1e-12)
    A = G.algebra.hat(torch.eye(18, dtype=torch.float64)[7])
    assert isinstance(A, Tensor)
    rate = tangent(type_, G, A, x)
    small = act(type_, G, G.exp(1e-6 * A).expand(2, -1, -1, -1), x) - x
    assert torch.allclose(small / 1e-6, rate, atol=1e-5)
    assert bool((rate[:, CELLS.label != 1] == 0).all())
    assert float(rate[:, CELLS.label == 1].abs().max()) > 0.1


def test_clouds_of_different_sizes_and_parts() -> None:
    sets = Segments(torch.tensor([0] * 29 + [1] * 31), 2)
    type_ = Piecewise(Point, Partition(CELLS.label, sets))
    assert type_.count == 2, "the second cloud has one part, which its first copy moves"
    g = drawn()[:, :2]
    moved = act(type_, parse("E(3)^2"), g, X, sets)
    assert torch.allclose(moved[29:], act(Point, E(3), g[1:, 0], X[29:]), atol=1e-12)
    assert torch.allclose(moved[20:29], act(Point, E(3), g[:1, 1], X[20:29]), atol=1e-12)


def test_one_estimate_for_each_part() -> None:
    def half(x: Tensor) -> Tensor:
        """Exact on parts 0 and 2; part 1 sees where part 0 is."""
        y = inwards(x)
        return torch.where((CELLS.label == 1)[:, None], y + 0.3 * x[:1], y)

    types = (Piecewise(Point, CELLS), Vector)
    apart = equivariance_error(half, "E(3)^3", X, *types, by=CELLS, measure=TURNS, n=8)
    assert [part.mean < 1e-12 for part in apart] == [True, False, True]
    assert apart[1].low > 0.1
    assert apart[1].n == 8, "of one cloud the draws are the units"
    whole = equivariance_error(half, "E(3)^3", X, *types, measure=TURNS, n=8)
    assert 0 < whole.mean < apart[1].mean
    # Two clouds: the units are clouds.
    sets = Segments(torch.arange(120) // 60, 2)
    both = Segments(CELLS.label.repeat(2), 3)
    twice = equivariance_error(
        lambda x, _: torch.cat([half(x[:60]), half(x[60:])]), "E(3)^3", X.repeat(2, 1), Piecewise(Point, both), Vector,
        by=both, segments=sets, measure=TURNS, n=4,
    )  # fmt: skip
    assert [part.n for part in twice] == [2, 2, 2]
    assert [part.mean < 1e-12 for part in twice] == [True, False, True]


def copied(count: int, **how: Any) -> list[float]:
    """Errors by part where a cloud stands ``count`` times, of a function of each cloud that sees all its parts."""
    cells, sets = Segments(CELLS.label.repeat(count), 3), Segments(torch.arange(60 * count) // 60, count)
    apart = equivariance_error(
        lambda x, _: torch.cat([one + one.sum(0) for one in x.split(60)]), "SO(3)^3", X.repeat(count, 1),
        Piecewise(Point, cells), Vector, by=cells, segments=sets, **how,
    )  # fmt: skip
    return [part.mean for part in apart]


def test_copies_of_a_cloud_change_no_error() -> None:
    # Elements with weights of their own: nothing, mostly, and a turn of one part alone.
    turn = torch.eye(3, dtype=torch.float64).repeat(2, 3, 1, 1)
    turn[1, 1] = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    mostly = DiscreteMeasure(turn, torch.tensor([0.99, 0.01], dtype=torch.float64).log())
    assert copied(1, measure=mostly) == pytest.approx(copied(2, measure=mostly))
    # In the unit of the outputs; the same 80 draws, dealt to one cloud and to four.
    assert copied(1, norm="absolute", n=80) == pytest.approx(copied(4, norm="absolute", n=20))


def test_mirrors_of_single_parts_are_drawn_under_e_and_not_under_se() -> None:
    """A volume keeps its sign under turns: a model that tells hands apart is exact for SE(3)^3 and not for E(3)^3."""

    def hand(x: Tensor) -> Tensor:
        y = inwards(x)
        a, b, c = (y[CELLS.order[CELLS.ptr[:-1] + k]] for k in range(3))
        return CELLS.gather(torch.linalg.det(torch.stack([a, b, c], 1)))[:, None]

    types = (Piecewise(Point, CELLS), Scalar)
    turns = Window(SE(3), 2.0, compact="haar") ** 3
    assert equivariance_error(hand, "SE(3)^3", X, *types, measure=turns).mean < 1e-12
    assert equivariance_error(hand, "E(3)^3", X, *types, measure=TURNS).mean > 0.3


def test_powers_lie_in_each_other_as_they_should() -> None:
    inside = [("SO(3)^2", "E(3)^2"), ("SO(3)", "E(3)^4"), ("O(2)@z^3", "O(3)^3")]
    outside = [("SO(3)^2", "E(3)^3"), ("E(3)^2", "E(3)"), ("O(3)^2", "SE(3)^2")]
    assert all(is_subgroup(parse(H), parse(G)) for H, G in inside)
    assert not any(is_subgroup(parse(H), parse(G)) for H, G in outside)
    assert (Haar(SO(3)) ** 2).group == parse("SO(3)^2")
    assert isinstance(TURNS, Independent)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: parse("E(3)^0"), SchemaError, "from 1"),
        (lambda: parse("E(3)^x"), SchemaError, "whole number"),
        (lambda: parse("S(4)^2"), DomainError, "group of matrices"),
        (lambda: act(Vector, parse("SO(3)^3"), drawn()[..., :3, :3], X), DomainError, "Piecewise"),
        (lambda: parse("E(3)^4").inverse(drawn()), ShapeError, "4, m, m"),
        (lambda: Piecewise("Cloud(Point)", CELLS), IsotropyError, "Cloud"),
        (lambda: Piecewise(Point, [0, 1]), SchemaError, "Segments or a Partition"),
        (lambda: equivariance_error(inwards, "E(3)^3", X, Vector, by=CELLS), SchemaError, "Piecewise"),
        (lambda: equivariance_error(inwards, "E(3)^3", X, Piecewise(Point, CELLS)), DomainError, "declared window"),
        (lambda: equivariance_error(inwards, "E(3)^2", X, Piecewise(Point, CELLS)), DomainError, "E\\(3\\)\\^3"),
        (
            lambda: equivariance_error(
                lambda x: torch.rand_like(x), "E(3)^3", X, Piecewise(Point, CELLS), Vector, measure=TURNS
            ),
            NonDeterministicError,
            "differ",
        ),
    ],
)
def test_what_is_refused(call: object, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()  # type: ignore[operator]
