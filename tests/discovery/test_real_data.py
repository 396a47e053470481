"""Real data that nobody here made: pedestrians, photographs, digits (section 6, check 15)."""

from __future__ import annotations

from pathlib import Path

import pytest

from isotropy import discover
from isotropy.data import load

pytestmark = pytest.mark.slow


def test_15_pedestrians(real_data: Path) -> None:
    found = discover(load("eth-ucy"), quick=True, progress=False)
    translation, rotation, scale = found["T(2)"], found["SO(2)"], found["Scale(2)"]
    # Translation holds by construction, and is flagged as such.
    assert "imposed by centring" in translation.imposed
    assert translation.verdict == "no breaking detected"
    assert "T(2)" not in found.recommendation
    # Rotation: small and significant, resampled by pedestrian, with a price.
    assert rotation.breaking.n == 1442
    assert rotation.p_adjusted < 0.05
    assert rotation.breaking.mean < 0.02
    assert 0 < rotation.price.low < rotation.price.mean < rotation.price.high
    # Scale: the law of the inputs and the map are told apart; "absent" would be wrong.
    assert scale.verdict in ("no breaking detected", "negligible", "none seen", "undecided")
    assert scale.width is not None
    assert any(note.startswith("Scale(2)") for note in found.notes)
    # Nothing is said along translations: centring left no data there.
    assert found.continuous.group == "O(2)"


def test_photographs() -> None:
    data = load("photos")
    assert data.rows >= 20_000
    found = discover(data, quick=True, progress=False)
    # Nothing says how much of a brightness is noise, so nothing firmer can be said.
    assert found["C(2)"].verdict == "none seen"
    assert found["D(4)"].breaking.mean > found["C(2)"].breaking.mean
    assert found["D(4)"].breaking.n == data.units
    assert "autocorrelation" in str(found.data["story"])


def test_digits_do_not_occur_turned() -> None:
    found = discover(load("digits"), quick=True, progress=False)
    assert [f.verdict for f in found.groups].count("not identifiable") > len(found.groups) / 2


def test_unlike_blood_values_are_not_interchangeable() -> None:
    with pytest.warns(UserWarning, match="differ in size by a factor of 45, and a candidate permutes them"):
        found = discover(load("diabetes"), quick=True, progress=False)
    assert found["S(6)"].verdict == "not identifiable"
    assert found["S(6)"].price.low > 0
    assert found.recommendation.startswith("nothing to find here; these inputs cannot tell about S(6)")
