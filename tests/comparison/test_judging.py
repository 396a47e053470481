"""Intervals and paired tests on made-up losses: what varies, and how often they are right."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from isotropy.comparison._judging import against, error_of, spread_of
from isotropy.errors import ShapeError


def made_up(
    seed: int, *, rows: int = 300, folds: int = 5, fits: float = 0.0, shift: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    fold = torch.arange(rows) % folds
    noise = torch.randn(rows, generator=generator, dtype=torch.float64)
    fitted = fits * torch.randn(folds, generator=generator, dtype=torch.float64)
    return shift + noise + fitted[fold], fold, torch.arange(rows)


def test_rows_alone_give_the_textbook_error_of_a_stratified_mean() -> None:
    values = torch.tensor([0.0, 2.0, 0.0, 2.0, 0.0, 2.0], dtype=torch.float64)
    fold = torch.tensor([0, 0, 1, 1, 2, 2])
    found = spread_of(values, fold, torch.arange(6))
    # In each fold the variance of the mean is 2 / 2, and the grand mean has a third of each.
    assert found.standard_error == pytest.approx(math.sqrt(3 * 1.0 / 9), abs=1e-14)
    assert found.degrees == pytest.approx(3.0)


def test_folds_that_differ_more_than_their_rows_do_count_as_different_fits() -> None:
    fold = torch.arange(40) % 4
    values = fold.double()  # all rows of a fold are equal, so that only its model can differ
    found = spread_of(values, fold, torch.arange(40))
    expected = float(torch.arange(4, dtype=torch.float64).var()) * (1 / 4 + 1 / 3)
    assert found.standard_error == pytest.approx(math.sqrt(expected), rel=1e-12)
    assert found.degrees == pytest.approx(3.0, rel=1e-12)


def test_repeated_rows_of_a_unit_add_no_certainty() -> None:
    values, fold, unit = made_up(0, rows=100)
    once = spread_of(values, fold, unit)
    again = spread_of(values.repeat(7), fold.repeat(7), unit.repeat(7))
    assert again.standard_error == pytest.approx(once.standard_error, rel=1e-12)
    assert again.degrees == pytest.approx(once.degrees)


def test_one_fold_says_nothing_about_fits() -> None:
    with pytest.raises(ShapeError, match="at least two"):
        spread_of(torch.ones(4), torch.zeros(4, dtype=torch.int64), torch.arange(4))


@pytest.mark.parametrize("fits", [0.0, 0.05, 0.2])
def test_the_test_of_no_difference_rejects_no_more_often_than_it_says(fits: float) -> None:
    rejected = 0
    for seed in range(600):
        difference, fold, unit = made_up(seed, fits=fits)
        base = torch.full_like(difference, 10.0)
        rejected += against({"a": base, "b": base + difference}, "a", fold, unit)["b"].p_value < 0.05
    assert rejected / 600 <= 0.075


def test_a_difference_beyond_the_noise_is_found_and_signed() -> None:
    difference, fold, unit = made_up(1, shift=0.5)
    base = torch.full_like(difference, 10.0)
    found = against({"a": base, "b": base + difference, "c": base}, "a", fold, unit)
    assert found["b"].p_adjusted < 1e-6
    assert found["b"].excess > 0
    assert found["c"].p_value == 1.0


def test_p_values_are_corrected_for_the_number_of_methods() -> None:
    difference, fold, unit = made_up(2, shift=0.25)
    base = torch.full_like(difference, 10.0)
    alone = against({"a": base, "b": base + difference}, "a", fold, unit)["b"]
    crowd = {f"c{i}": base for i in range(9)}
    among = against({"a": base, "b": base + difference, **crowd}, "a", fold, unit)["b"]
    assert alone.p_adjusted == alone.p_value == among.p_value
    assert among.p_adjusted == pytest.approx(10 * among.p_value)


def test_the_interval_of_the_error_covers_the_truth_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(400):
        residual, fold, unit = made_up(seed)
        inside += 1.0 in error_of(residual.square(), fold, unit)
    assert 0.92 <= inside / 400 <= 0.99


def test_no_error_at_all_has_no_interval() -> None:
    found = error_of(torch.zeros(10), torch.arange(10) % 2, torch.arange(10))
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)


def test_enormous_losses_still_have_an_interval() -> None:
    values, fold, unit = made_up(3)
    small, large = (error_of(scale * values.square(), fold, unit) for scale in (1.0, 1e200))
    assert large.high == pytest.approx(1e100 * small.high, rel=1e-9)
