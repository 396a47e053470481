"""The words of a report follow from the numbers alone (section 3.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from isotropy.discovery._findings import monotone
from isotropy.discovery._verdicts import Finding, Grounds, Verdict, recommend, rows_to_decide, verdict
from isotropy.report import VERDICTS

HOLDS = Grounds(
    breaking=0.001, low=0.0, high=0.006, price_low=0.0, overlap=0.9,
    significant=False, imposed=False, signal=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({}, "no breaking detected"),
        ({"signal": False}, "no signal"),
        ({"overlap": 0.1}, "not identifiable"),
        ({"overlap": 0.1, "low": 0.2, "significant": True}, "not identifiable"),
        ({"high": 0.03}, "undecided"),
        ({"low": 0.002, "high": 0.009, "breaking": 0.004, "significant": True}, "negligible"),
        ({"low": 0.002, "high": 0.009, "breaking": 0.004, "significant": False}, "no breaking detected"),
        ({"low": 0.002, "high": 0.02, "breaking": 0.004, "significant": False}, "undecided"),
        ({"low": 0.002, "breaking": 0.004, "price_low": 0.2, "significant": True}, "approximate"),
        ({"low": 0.03, "high": 0.09, "breaking": 0.05, "significant": True}, "approximate"),
        ({"low": 0.5, "high": 0.7, "breaking": 0.6, "significant": True}, "absent"),
    ],
)
def test_the_verdict_follows_from_the_numbers(change: dict[str, float], word: str) -> None:
    assert verdict(replace(HOLDS, **change)) == word


def test_every_verdict_is_explained_in_the_report() -> None:
    assert set(VERDICTS) == set(get_args(Verdict))


def test_fewer_rows_are_needed_where_the_truth_is_far_from_the_tolerance() -> None:
    near, far = rows_to_decide(100, 0.02, 0.012), rows_to_decide(100, 0.02, 0.2)
    assert near is not None
    assert far is not None
    assert near > far >= 150


def test_levels_become_consistent_along_the_lattice() -> None:
    # H1, H2 < G: H1 reads higher than G, so both meet half-way; H2 is left alone.
    assert monotone([0.3, 0.05, 0.1], [1, 1, 1], [(0, 2), (1, 2)]) == pytest.approx([0.2, 0.05, 0.2])
    assert monotone([0.1, 0.3], [1, 1], [(0, 1)]) == pytest.approx([0.1, 0.3])


def test_the_largest_group_that_holds_is_recommended_and_the_price_of_more_is_named() -> None:
    findings = [
        Finding("O(3)", "approximate", 0.81, 3.0),
        Finding("O(2)@z", "no breaking detected", 0.0, 0.0),
        Finding("C(4)@z", "no breaking detected", 0.0, 0.0),
    ]
    contains = {"O(3)": ["O(2)@z", "C(4)@z"], "O(2)@z": ["C(4)@z"]}
    assert recommend(findings, contains) == "build in O(2)@z exactly; imposing O(3) would cost 0.81 RMSE"


def test_what_preprocessing_imposed_is_not_recommended() -> None:
    assert "build in" not in recommend([Finding("T(2)", "no breaking detected", 0, 0, imposed=True)], {})
