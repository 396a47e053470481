"""One rule for the elements used for given rows."""

from __future__ import annotations

import math

import pytest
import torch

from isotropy.errors import DomainError
from isotropy.groups import Cubature, DiscreteMeasure, Draws, Haar, Window, parse
from isotropy.random import spawn


def test_all_of_a_small_finite_group_serve_all_rows() -> None:
    for source in (parse("D(4)"), Window(parse("D(4)"), 1.0)):
        drawn = Draws.of(source, 8).take(5, spawn(0, "g"))
        assert drawn.complete
        assert drawn.g.shape == (1, 8, 2, 2)
        assert torch.equal(drawn.g[0, 0], torch.eye(2, dtype=torch.float64))
        assert drawn.rows(torch.arange(5)) is drawn.g
    assert Draws.of(parse("D(4)"), 7).take(5, spawn(0, "g")).g.shape == (5, 7, 2, 2)


def test_who_asks_for_draws_gets_draws() -> None:
    drawn = Draws.of(Haar(parse("C(2)")), 8).take(3, spawn(0, "g"))
    assert not drawn.complete
    assert drawn.g.shape == (3, 8, 2, 2)


def test_draws_are_those_of_the_group_and_of_the_window_itself() -> None:
    group = parse("SE(2)")
    window = Window(group, 0.5)
    for source, within in ((parse("SO(3)"), None), (window, window), (parse("SO(2) x S(3)"), None)):
        drawn = Draws.of(source, 4).take(3, spawn(0, "g"), dtype=torch.float32)
        other = getattr(source, "group", source).sample(
            (3, 4), generator=spawn(0, "g"), dtype=torch.float32, within=within
        )
        for one, two in zip(*((g if isinstance(g, tuple) else (g,)) for g in (drawn.g, other)), strict=True):
            assert torch.equal(one, two)
        assert drawn.probability == (within is None)
        assert torch.allclose(drawn.log_weight, torch.full((3, 4), -math.log(4), dtype=torch.float64))


def test_atoms_keep_their_weights() -> None:
    atoms = DiscreteMeasure(torch.eye(2).expand(3, 2, 2), torch.tensor([0.5, 0.25, 0.25]).log())
    source = Draws.of(atoms, 32, parse("SO(2)"))
    assert torch.allclose(source.weight, torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64))
    assert source.take(9, spawn(0, "g")).g.shape == (1, 3, 2, 2)
    assert len(Draws.of(Cubature(parse("SO(3)"), 2), 32).weight) == 12


@pytest.mark.parametrize("name", ["SO(3)", "C(4)", "SO(2) x S(3)"])
def test_rows_drawn_one_by_one_do_not_know_their_neighbours(name: str) -> None:
    source = Draws.of(parse(name), 3)
    batch = source.each([5, 7, 9], 0, "chain", dtype=torch.float32)
    alone = [source.each([row], 0, "chain", dtype=torch.float32) for row in (5, 7, 9)]
    leaves = [g if isinstance(g, tuple) else (g,) for g in (batch.g, *(one.g for one in alone))]
    for whole, *parts in zip(*leaves, strict=True):
        assert torch.equal(whole, torch.cat(parts))
    if name != "C(4)":
        other = source.each([5], 1, "chain", dtype=torch.float32).g
        assert not torch.equal((other if isinstance(other, tuple) else (other,))[0], leaves[1][0])


def test_weights_of_a_window_make_it_a_proposal_for_haar_measure() -> None:
    group = parse("Scale(2)")
    drawn = Draws.of(Window(group, 0.7), 20_000).take(1, spawn(0, "g"), haar=True)
    v = group.coords(drawn.g)[0, :, 0]
    inside = (v.abs() < 0.5).double()  # its Haar measure is its length in the chart, here times the density there
    density = group.haar_log_density(torch.zeros(1, group.dim, dtype=torch.float64)).exp()
    assert abs(float((inside * drawn.log_weight[0].exp()).sum()) - float(density)) < 0.03


def test_what_has_no_uniform_probability_or_another_group_is_refused() -> None:
    with pytest.raises(DomainError, match="Window"):
        Draws.of(parse("SE(2)"), 4)
    with pytest.raises(DomainError, match=r"a measure on SO\(3\)"):
        Draws.of(Haar(parse("SO(3)")), 4, parse("SO(2)"))
    with pytest.raises(DomainError, match="pass group=G"):
        Draws.of(DiscreteMeasure(torch.eye(2)[None], torch.zeros(1)), 4)
