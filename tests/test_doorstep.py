"""errors, random, estimate: the files that every room may import."""

from __future__ import annotations

import pickle

import torch

from isotropy import errors, random
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
