"""The rule on made-up tables: who is as good as the best, and who of these is taken."""

from __future__ import annotations

from isotropy.comparison import Contender, choose, recommend
from isotropy.comparison._recommendation import as_good

BELOW = {"O(3)": ["SO(3)", "O(2)@z", "O(2)@x"], "SO(3)": [], "O(2)@z": [], "O(2)@x": []}
EXACT = ("frames", "coordinates", "layers")


def row(name: str, error: float, p: float) -> Contender:
    kind, _, group = name.partition(" ")
    return Contender(name, kind, group, kind in EXACT, error, 0.9 * error, 1.1 * error, p)


BROKEN = [
    row("plain", 2.5, 0.0),
    row("augmentation O(3)", 0.92, 0.001),
    row("augmentation O(2)@z", 0.60, 0.4),
    row("frames O(3)", 0.90, 0.001),
    row("frames O(2)@z", 0.58, 1.0),
    row("layers O(2)@x", 1.2, 0.0),
]


def test_a_broken_axis_leaves_the_surviving_subgroup_and_tells_what_the_whole_group_costs() -> None:
    assert choose(BROKEN, BELOW).name == "frames O(2)@z"
    said = recommend(BROKEN, BELOW)
    assert said.startswith("use frames O(2)@z: error 0.58 [0.52, 0.64], exactly symmetric")
    assert "the plain network is 4.3 times as far off" in said
    assert "O(3) instead costs at least +55\u202f% of the error (frames O(3))" in said
    assert "O(2)@x" not in said


def test_where_all_hold_the_largest_group_wins_the_tie_although_another_has_the_lowest_error() -> None:
    table = [row("plain", 2.5, 0.0), row("frames O(2)@z", 0.500, 1.0), row("frames O(3)", 0.507, 0.3)]
    assert choose(table, BELOW).name == "frames O(3)"
    said = recommend(table, BELOW)
    assert "frames O(2)@z has the lowest error, 0.5, a difference that may be chance (p = 0.30)" in said
    assert "instead" not in said


def test_of_several_exact_methods_for_one_group_that_with_the_lowest_error_is_taken() -> None:
    table = [
        row("layers O(3)", 0.53, 0.3),
        row("frames O(3)", 0.52, 0.2),
        row("coordinates O(3)", 0.60, 0.001),
        row("plain", 0.50, 1.0),
    ]
    assert choose(table, BELOW).name == "frames O(3)"


def test_what_is_only_uncertain_is_not_as_good() -> None:
    table = [
        row("plain", 1.0, 1.0),
        row("augmentation O(3)", 1.2, 0.2),
        row("frames O(3)", 3.0, 0.06),
        row("layers O(3)", 1.09, 0.06),
    ]
    assert [c.name for c in as_good(table)] == ["plain", "layers O(3)"]
    assert choose([*table[:3]], BELOW).name == "plain"
    said = recommend(table[:3], BELOW)
    assert "O(3) instead costs at least +20\u202f% of the error (augmentation O(3)), which may be chance" in said


def test_nothing_is_as_good_where_a_better_method_for_the_same_group_is_worse() -> None:
    table = [row("plain", 1.0, 1.0), row("coordinates O(3)", 1.02, 0.001), row("layers O(3)", 1.04, 0.3)]
    assert [c.name for c in as_good(table)] == ["plain"]
    assert choose(table, BELOW).name == "plain"


def test_a_group_whose_augmentation_is_as_good_costs_only_its_exactness() -> None:
    table = [row("plain", 1.0, 0.5), row("augmentation O(3)", 0.98, 1.0), row("frames O(3)", 1.5, 0.0)]
    assert choose(table, BELOW).name == "plain"
    said = recommend(table, BELOW)
    assert said.endswith("exact O(3) instead costs +50\u202f% of the error (frames O(3))")
    assert "-2" not in said


def test_a_difference_below_one_per_cent_does_not_decide_however_sure_it_is() -> None:
    table = [row("plain", 1.0, 1.0), row("frames O(3)", 1.009, 1e-9), row("layers O(3)", 1.011, 1e-9)]
    assert [c.name for c in as_good(table)] == ["plain", "frames O(3)"]
    assert choose(table, BELOW).name == "frames O(3)"


def test_without_an_exact_method_that_is_as_good_simplicity_decides() -> None:
    plain, soft = row("plain", 1.0, 0.3), row("soft", 0.98, 1.0)
    moved, smaller = row("augmentation O(3)", 0.99, 0.5), row("augmentation O(2)@z", 0.99, 0.5)
    worse = row("frames O(3)", 1.5, 0.0)
    assert choose([plain, soft, moved, worse], BELOW).name == "plain"
    assert choose([soft, smaller, moved, worse], BELOW).name == "augmentation O(3)"
    assert choose([soft, worse], BELOW).name == "soft"


def test_of_groups_that_do_not_contain_each_other_the_better_one_is_taken() -> None:
    table = [row("frames O(2)@z", 0.51, 0.5), row("frames O(2)@x", 0.50, 1.0), row("plain", 2.0, 0.0)]
    assert choose(table, BELOW).name == "frames O(2)@x"
    assert "; frames O(2)@z is not shown to be worse either (+2\u202f%)" in recommend(table, BELOW)


def test_a_recommended_plain_network_says_what_symmetries_would_cost() -> None:
    table = [row("plain", 1.0, 1.0), row("frames O(3)", 1.5, 0.0), row("frames O(2)@z", 1.2, 0.0)]
    said = recommend(table, BELOW)
    assert said == (
        "use the plain network: error 1.0 [0.9, 1.1]; O(3) instead costs at least +50\u202f% of the error (frames O(3))"
    )


def test_augmentation_that_wins_says_what_exactness_would_cost() -> None:
    table = [row("plain", 2.0, 0.0), row("augmentation O(2)@z", 0.5, 1.0), row("frames O(2)@z", 0.6, 0.001)]
    assert choose(table, BELOW).name == "augmentation O(2)@z"
    assert "exact symmetry costs +20\u202f% of the error (frames O(2)@z)" in recommend(table, BELOW)


def test_nothing_that_surely_beats_the_mean_recommends_nothing() -> None:
    assert recommend([row("plain", 4.2, 1.0)], BELOW, signal=False).startswith("no method surely predicts")


def test_a_plain_network_that_is_nearly_as_good_says_by_how_much_it_errs_more() -> None:
    table = [row("plain", 1.05, 0.4), row("frames O(3)", 1.0, 1.0)]
    assert recommend(table, BELOW).endswith("the plain network errs 5\u202f% more, which may be chance")
