"""errors, random, estimate: the files that every room may import."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import torch

from isotropy import errors, random, storage
from isotropy.estimate import Estimate


def test_an_error_says_given_expected_and_what_to_write_instead() -> None:
    error = errors.ShapeError("20 columns", "21 columns", "add one Scalar")
    assert str(error) == "given 20 columns; expected 21 columns; add one Scalar"
    assert isinstance(error, ValueError)


def test_an_error_survives_the_way_back_from_a_worker() -> None:
    error = errors.MissingExtraError.of("ray", "ray")
    # A round trip of our own object through the standard process protocol; nothing is loaded from a file.
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)


def test_streams_are_reproducible_and_independent_of_each_other() -> None:
    draws = [torch.rand(4, generator=random.spawn(7, key)) for key in ("a", "b", "a")]
    assert torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], draws[1])
    assert random.derive(0, "fold", 1) == 6825516865763861393  # the same in every process and version


def test_an_estimate_contains_what_lies_in_its_interval() -> None:
    assert 0.05 in Estimate(0.047, 0.031, 0.066, n=10)
    assert 0.07 not in Estimate(0.047, 0.031, 0.066, n=10)


def test_counts_agree_with_their_nouns_everywhere() -> None:
    """``{len(x)} rows`` says "1 rows" of one: every count of things goes through ``counted``."""
    plural = re.compile(r"\{(len|sum)\([^{}]*\)(:,)?\} [a-z]+s\b")
    source = Path(errors.__file__).parent
    lines = [(path.name, line.strip()) for path in source.rglob("*.py") for line in path.read_text().splitlines()]
    found = [each for each in lines if plural.search(each[1])]
    assert found == []


def test_the_nearest_known_name_is_offered() -> None:
    assert errors.nearest("frams", ["blocks", "frames"]) == "write frames"
    assert errors.nearest("OPTICS", ["zoo", "optics"]) == "write optics"
    assert errors.nearest("quaternion", ["zoo", "optics"]) == ""


def test_a_file_that_is_not_there_is_refused_with_the_one_beside_it(tmp_path: Path) -> None:
    (tmp_path / "orbits.csv").write_text("a,b\n")
    assert storage.no_file(tmp_path / "orbit.csv").hint == f"write {tmp_path / 'orbits.csv'}"
    assert storage.no_file(tmp_path / "nowhere" / "orbit.csv").hint == ""
