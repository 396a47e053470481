"""Are inputs invariant, and do moved inputs occur? Asked of every part of the group, and on the columns that matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from isotropy.groups import Draws, Lorentz, Window, parse
from isotropy.measure import InputTest, input_invariance_test, inputs_seen, invariant_columns
from isotropy.measure.parts import cosets
from isotropy.random import spawn
from isotropy.reps import Nodes, Point, Pseudovector, Rep, Scalar, Vector, parse_rep


def table(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values.reshape(len(values), -1), float))


def asked(x: np.ndarray, group: str, rep: Rep, seed: int = 0) -> InputTest:
    return input_invariance_test(table(x), parse(group), rep, generator=spawn(seed, "t"))


def right_handed(r: np.random.Generator, n: int) -> np.ndarray:
    X = r.normal(size=(n, 3, 3))
    X[np.linalg.det(X) < 0] *= -1
    return X


def test_of_one_handed_triples_no_mirror_image_occurs_but_every_rotation() -> None:
    X = right_handed(np.random.default_rng(0), 200)
    both, turns = asked(X, "O(3)", 3 * Vector), asked(X, "SO(3)", 3 * Vector)
    parts = dict(both.components)
    assert both.overlap == parts["mirror images"] < 0.05
    assert parts["rotations"] > 0.8
    assert not both.invariant
    assert turns.invariant
    assert turns.overlap > 0.8


def test_so_of_a_field_of_one_sign_and_of_pairs_in_the_plane() -> None:
    r = np.random.default_rng(1)
    field = np.c_[0.1 * r.normal(size=(200, 2)), np.abs(r.normal(size=200))]
    both = asked(np.c_[r.normal(size=(200, 3)), field], "O(2)@z", parse_rep("Vector + Pseudovector"))
    assert both.overlap < 0.05 < 0.8 < dict(both.components)["rotations"]
    pair = r.normal(size=(200, 2, 2))
    pair[np.linalg.det(pair) < 0] = pair[np.linalg.det(pair) < 0][:, ::-1]
    assert asked(pair, "O(2)", 2 * Vector).overlap < 0.05
    assert asked(pair, "SO(2)", 2 * Vector).invariant


@pytest.mark.parametrize(("group", "rep", "width"), [
    ("O(3)", 3 * Vector, 9), ("O(2)@z", Vector + Pseudovector, 6), ("D(4)", Vector, 2), ("S(5)", Nodes, 5),
    ("O(3) x S(2)", Nodes * Vector, 6), ("C(2)@x", 2 * Scalar + Vector, 5),
])  # fmt: skip
def test_generic_inputs_are_identifiable(group: str, rep: Rep, width: int) -> None:
    for seed in range(2):
        found = asked(np.random.default_rng(seed).normal(size=(100, width)), group, rep, seed)
        assert found.overlap > 0.6
        assert found.invariant
        assert all(share > 0.6 for _, share in found.components)


@pytest.mark.slow
@pytest.mark.parametrize("group", ["O(3)", "SO(3)", "O(2)@z"])
def test_generic_inputs_are_all_but_never_called_unidentifiable(group: str) -> None:
    found = [asked(np.random.default_rng(s).normal(size=(80, 9)), group, 3 * Vector, s) for s in range(150)]
    assert sum(each.overlap < 0.2 for each in found) == 0
    assert sum(not each.invariant for each in found) <= 15  # 5 %, and 3 standard errors


def test_one_component_of_several_is_enough() -> None:
    # Bodies that differ: exchanging the first two is seen, all else is not.
    x = np.random.default_rng(2).normal(size=(300, 3)) + np.array([0, 0, 4])
    assert asked(x, "S(3)", Nodes).overlap < 0.2
    assert asked(x[:, :2], "S(2)", Nodes).invariant


@pytest.mark.parametrize("step", [0.5, 0.1])
def test_rounded_inputs_are_identifiable(step: float) -> None:
    x = np.round(np.random.default_rng(3).normal(size=(300, 3)) / step) * step
    found = asked(x, "O(3)", Vector)
    assert found.invariant
    assert found.overlap > 0.8


def test_seen_points_are_those_with_data_around() -> None:
    r = np.random.default_rng(4)
    X = right_handed(r, 300)
    seen = inputs_seen(table(X), parse("O(3)"), 3 * Vector, generator=spawn(0, "s"))
    turn = np.linalg.qr(r.normal(size=(200, 3, 3)))[0] * np.where(np.arange(200) % 2, 1, -1)[:, None, None]
    fresh = right_handed(r, 200) @ turn
    proper = np.linalg.det(turn) > 0
    mask = seen(table(fresh)).numpy()
    assert mask[proper].mean() > 0.8
    assert mask[~proper].mean() < 0.1
    assert seen(table(fresh).reshape(20, 10, 9)).shape == (20, 10)


def test_kinds_of_elements_are_components_and_orders() -> None:
    def names(group: str) -> list[str]:
        return cosets(Draws.of(parse(group), 40).take(50, spawn(0, "g")))[1]

    assert names("O(3)") == ["mirror images", "rotations"]
    assert names("SO(3)") == ["rotations"]
    assert names("C(6)") == ["turns of order 2", "turns of order 3", "turns of order 6"]
    assert names("S(3)") == ["even permutations of order 3", "odd permutations of order 2"]
    assert len(names("O(3) x S(6)")) <= 8
    window = Draws.of(Window(parse("E(2)"), 0.3), 8).take(50, spawn(0, "g"))
    assert cosets(window)[1] == ["connected part", "mirror images"]


@pytest.mark.parametrize(("group", "rep", "width"), [
    ("SO(3)", 3 * Vector + Vector * Vector, 18), ("SO(2)@z", 2 * Vector, 6), ("SE(3)", 3 * Point + Vector, 12),
    ("SO(2)", 2 * Vector, 4), ("Lorentz(4)", 4 * Vector, 16),
])  # fmt: skip
def test_the_connected_part_leaves_the_columns_alone(group: str, rep: Rep, width: int) -> None:
    G = parse(group)
    x = torch.randn(20, width, generator=spawn(0, "x"), dtype=torch.float64)
    g = Draws.of(G if G.compact else Window(G, 0.3), 1).take(20, spawn(0, "g"))
    moved = rep.act(G, g.rows(torch.arange(20)), x[:, None])[:, 0]
    columns = invariant_columns(x, rep, G)
    assert columns.shape[1] > 3
    assert torch.allclose(columns, invariant_columns(moved, rep, G), atol=1e-8)


def test_mirror_images_flip_some_and_unmoved_numbers_give_none() -> None:
    x = torch.randn(20, 9, generator=spawn(0, "x"), dtype=torch.float64)
    flipped = invariant_columns(-x, 3 * Vector, parse("O(3)"))
    assert not torch.allclose(flipped, invariant_columns(x, 3 * Vector, parse("O(3)")))
    assert invariant_columns(x, 9 * Scalar, parse("O(3)")).shape == (20, 0)
    assert invariant_columns(x[:, :8], 2 * Vector, Lorentz(4)).shape == (20, 3)


def test_few_rows_cannot_show_that_a_difference_of_inputs_is_too_small_to_matter() -> None:
    def found(n: int, widths: tuple[float, float], seed: int) -> InputTest:
        return asked(np.random.default_rng(seed).normal(size=(n, 2)) * widths, "SO(2)", Vector, seed)

    few = [found(100, (1.5, 0.5), seed) for seed in range(12)]
    assert sum(one.invariant for one in few) <= 2
    assert all(one.shift <= one.shift_high for one in few if one.p_value < 0.05)
    # Many rows can: what they tell apart on a few percent of the mass is left to the averages over orbits.
    assert found(6000, (1.04, 0.96), 0).invariant
    assert not found(6000, (1.3, 0.8), 0).invariant


@pytest.mark.parametrize(("part", "covered"), [(1 / 2, True), (1 / 4, False)])
def test_half_of_the_orbits_is_a_third_surely_and_a_quarter_is_not(part: float, covered: bool) -> None:
    """Places on a ring, of which a sector is seen: turns lead out of it by as much as it leaves free."""
    draw = spawn(3, "sector", part)
    angle = 2 * torch.pi * part * torch.rand(200, generator=draw, dtype=torch.float64)
    radius = 1 + 0.2 * torch.rand(200, generator=draw, dtype=torch.float64)
    found = asked(torch.stack([radius * angle.cos(), radius * angle.sin()], 1), "SO(2)", Vector)
    assert found.overlap_low <= found.overlap == pytest.approx(part, abs=0.15)
    assert (found.overlap_low >= 1 / 3) is covered
