"""The words of a report follow from the numbers alone (section 3.5)."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from crossfit import problem_of

from isotropy.data import load
from isotropy.discovery._lattice import Interval, Reading, consistent
from isotropy.discovery._recommendation import Finding, priced, recommend
from isotropy.discovery._verdicts import Grounds, least_overlap, note, partly_seen, verdict
from isotropy.discovery.parts import figures_so_far
from isotropy.estimate import Estimate
from isotropy.measure import BreakingTerms, combine
from isotropy.runs import Run

HOLDS = Grounds(
    low=0.0, high=0.004, worst=0.006, price_low=0.0, price_high=0.02, identifiable=True,
    significant=False, imposed=False, signal=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({}, "no breaking detected"),
        ({"signal": False}, "no signal"),
        ({"identifiable": False}, "not identifiable"),
        ({"identifiable": False, "low": 0.2, "significant": True}, "not identifiable"),
        ({"worst": 0.17}, "none seen"),
        ({"high": 0.03, "worst": 0.03}, "undecided"),
        ({"price_high": 0.06}, "undecided"),
        ({"significant": True}, "negligible"),
        ({"significant": True, "worst": 0.17}, "undecided"),
        ({"low": 0.002, "high": 0.009, "worst": 0.009}, "no breaking detected"),
        ({"low": 0.002, "high": 0.02, "worst": 0.02}, "undecided"),
        ({"low": 0.002, "high": 0.02, "worst": 0.02, "significant": True}, "undecided"),
        ({"low": 0.002, "price_low": 0.2, "price_high": 0.4, "significant": True}, "approximate"),
        ({"low": 0.03, "high": 0.09, "worst": 0.09, "significant": True}, "approximate"),
        ({"low": 0.45, "high": 0.7, "worst": 0.7, "significant": True}, "approximate"),
        ({"low": 0.55, "high": 0.7, "worst": 0.7, "significant": True}, "absent"),
        ({"low": 0.55, "high": 0.7, "worst": 0.7}, "undecided"),
        ({"low": 0.55, "high": 0.7, "worst": 0.8, "significant": True, "least": 0.4}, "approximate"),
    ],
)
def test_the_verdict_follows_from_the_numbers(change: dict[str, Any], word: str) -> None:
    assert verdict(replace(HOLDS, **change)) == word


def test_a_wider_interval_never_makes_a_symmetry_hold() -> None:
    """Whatever else is seen, raising an upper end turns no verdict into one that holds."""
    for significant in (False, True):
        for low in (0.0, 0.005, 0.3):
            words = [
                verdict(replace(HOLDS, low=low, high=high, worst=high, significant=significant))
                for high in (max(low, 0.006), 0.02, 0.5, 1.0)
            ]
            held = [word in ("no breaking detected", "negligible", "none seen") for word in words]
            assert held == sorted(held, reverse=True), (significant, low, words)


def test_a_broken_group_of_unknown_size_is_said_to_be_broken() -> None:
    unclear = replace(HOLDS, low=0.002, high=0.02, worst=0.3, significant=True)
    assert note(unclear, verdict(unclear), "O(3)", 0.7, None) == "broken, size undecided"
    unseen = replace(HOLDS, worst=0.3)
    said = note(unseen, verdict(unseen), "O(3)", 0.83, None)
    assert said == "nothing in the 83.0% that the models explain violates O(3); 17.0% is noise or was not learned"
    said = note(unseen, verdict(unseen), "O(3)", 0.83, 0.05)
    assert said.endswith("12.0% was not learned")


def reading(broken: float, signal: float = 1.0, *, half: float = 0.05, direct: bool = True) -> Reading:
    share = Interval(broken / signal, max(broken - half, 0) / signal, min(broken + half, signal) / signal)
    excess = Interval(*(10 * signal * value for value in (share.value, share.low, share.high)))
    return Reading(broken, signal - broken, 0.1, half / 1.645, share, excess, direct)


def test_point_and_ends_of_a_group_are_never_below_those_of_its_subgroups() -> None:
    below = {"O(3)": ["SO(3)", "C(2)"], "SO(3)": ["C(2)"], "C(2)": []}
    agreed = consistent({"O(3)": reading(0.02), "SO(3)": reading(0.3, half=0.2), "C(2)": reading(0.1)}, below)
    for big, smalls in below.items():
        for small in smalls:
            G, H = agreed[big], agreed[small]
            assert H.broken <= G.broken + 1e-12
            for end in ("value", "low", "high"):
                assert getattr(H.share, end) <= getattr(G.share, end) + 1e-12
                assert getattr(H.excess, end) <= getattr(G.excess, end) + 1e-12
    assert all(0 <= r.share.low <= r.share.value <= r.share.high <= 1 for r in agreed.values())


def test_a_window_moves_to_what_whole_orbits_say_and_never_the_other_way() -> None:
    below = {"SE(3)": ["SO(3)"], "SO(3)": []}
    agreed = consistent({"SE(3)": reading(0.01, half=0.001, direct=False), "SO(3)": reading(0.12, half=0.04)}, below)
    assert agreed["SO(3)"].broken == pytest.approx(0.12, abs=1e-4)
    assert agreed["SE(3)"].broken == pytest.approx(0.12, abs=1e-4)
    assert agreed["SE(3)"].share.low >= agreed["SO(3)"].share.low


NONE, SOME, MUCH = Estimate(0.0, 0.0, 0.01, 100), Estimate(0.2, 0.0, 0.4, 100), Estimate(3.0, 2.5, 3.6, 100)


def test_the_largest_group_that_holds_is_recommended_and_the_price_of_more_is_named() -> None:
    findings = [
        Finding("O(3)", "approximate", 0.81, MUCH),
        Finding("O(2)@z", "no breaking detected", 0.0, NONE),
        Finding("C(4)@z", "no breaking detected", 0.0, NONE),
    ]
    contains = {"O(3)": ["O(2)@z", "C(4)@z"], "O(2)@z": ["C(4)@z"]}
    assert recommend(findings, contains) == "build in O(2)@z exactly; imposing O(3) would cost 0.81 RMSE"


def test_what_was_read_between_the_inputs_seen_alone_says_so() -> None:
    assert partly_seen(False, 0.5, 0.4)
    others = (True, 0.5, 0.4), (False, 0.9, 0.85), (False, 0.1, 0.05), (False, 0.4, 0.25)
    assert not any(partly_seen(*each) for each in others)
    said = note(HOLDS, "no breaking detected", "O(2)", 0.99, None, partly=True)
    held = Finding("O(2)", "no breaking detected", 0.0, NONE, note=said)
    assert recommend([held], {}) == "build in O(2) exactly (O(2) on the inputs seen)"
    assert "violates O(2) on the inputs seen; 10.0%" in note(HOLDS, "none seen", "O(2)", 0.9, None, partly=True)
    assert not note(HOLDS, "no breaking detected", "O(2)", 0.99, None)


def test_an_interrupted_run_reads_inputs_that_cover_orbits_in_part_as_the_answer_does(tmp_path: Path) -> None:
    problem = problem_of(load("inertia", nu=1.0, n=60), "O(2)@z")
    names = [one.name for one in fields(BreakingTerms) if one.name != "orbit_loss"]
    draw = torch.Generator().manual_seed(0)
    terms = {name: torch.rand(1, 60, generator=draw, dtype=torch.float64) for name in names}
    outcome = {"terms": {name: values.numpy() for name, values in terms.items()}, "partly": True}
    with Run(tmp_path) as run:
        problem.save(run)
        (told,) = figures_so_far(run, [("isotropy.discovery._jobs:measure", {"index": 0, "split": 0}, outcome)])
    whole = BreakingTerms(**terms, orbit_loss=torch.empty(0, 0, 0))
    read, along = (combine([whole], problem.unit, [9], windowed=windowed)[0].share for windowed in (True, False))
    assert (told.value, told.low, told.high) == (read.mean, read.low, read.high)
    assert read.mean != along.mean


def test_softly_is_said_only_where_imposing_surely_costs() -> None:
    assert "encourage O(3) softly" in recommend([Finding("O(3)", "approximate", 0.81, MUCH)], {})
    unsure = recommend([Finding("O(3)", "approximate", 0.1, SOME)], {})
    assert "softly" not in unsure
    half = recommend([Finding("S(10)", "approximate", 12.0, MUCH, mostly=False)], {})
    assert "compare models with and without S(10)" in half
    assert "softly" not in half
    assert "perhaps less" not in half
    assert "compare models with and without O(3)" in unsure


def test_what_was_not_seen_makes_the_advice_conditional() -> None:
    said = recommend([Finding("O(3)", "none seen", 0.0, NONE, note="the other 17% is noise or was not learned")], {})
    assert said.startswith("build in O(3) if the rest is noise")
    assert "exactly" not in said


def test_of_a_rest_beyond_a_known_noise_it_is_not_said_that_it_may_be_noise() -> None:
    grounds = replace(HOLDS, worst=0.3)
    told, unknown = (note(grounds, "none seen", "SO(2)", 0.7, noise) for noise in (0.1, None))
    contains = {"O(2)": ["SO(2)"]}
    for text, other in ((told, "what was not learned keeps it"), (unknown, "the rest is noise or keeps it")):
        found = Finding("SO(2)", "none seen", 0.0, NONE, note=text)
        assert f"if {other} too" in recommend([found], contains)
        beside = [Finding("C(4)", "no breaking detected", 0.0, NONE), found]
        assert f"SO(2) too, if {other}:" in recommend(beside, contains)
    assert "20.0% was not learned" in told


def test_a_price_above_a_hundred_times_is_printed_as_such() -> None:
    assert priced(2745.4) == "x 2746"
    assert priced(0.042) == "+4.2%"


def test_what_preprocessing_imposed_is_not_recommended() -> None:
    assert "build in" not in recommend([Finding("T(2)", "no breaking detected", 0, NONE, imposed=True)], {})


def test_a_fifth_of_the_orbits_is_not_half_and_a_part_that_may_be_less_than_a_third_is_not_read() -> None:
    """Along windows, of which no whole orbit is claimed, a fifth is enough."""
    assert 0.2 == least_overlap(windowed=True) < least_overlap(windowed=False) < 0.5
    assert least_overlap(windowed=False) > 0.22  # of turned, shifted and enlarged digits so many look like digits
