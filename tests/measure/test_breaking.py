"""The estimators of breaking, on functions that are known: what each is the mean of, and what would bias it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from isotropy.data import load
from isotropy.estimate import Estimate
from isotropy.groups import Draws, Window, parse
from isotropy.measure import (
    breaking_terms,
    combine,
    holm,
    input_invariance_test,
    inputs_seen,
    overlap,
    randomisation_test,
)
from isotropy.measure.parts import along_lattice, clustered_mean, pulled_back, split_halves
from isotropy.random import spawn
from isotropy.reps import Pixels, Scalar, Vector

ROWS = torch.arange(4000)


def exact(nu: float, groups: str, noise: float = 0.0):
    data = load("inertia", nu=nu, n=len(ROWS), noise=noise)
    assert data.function is not None
    terms = breaking_terms(
        data.function, data.function, data.x, data.y, parse(groups), data.types.x, data.types.y,
        unit=ROWS, generator=spawn(0, "draws"),
    )  # fmt: skip
    return data, terms


@pytest.mark.parametrize("group", ["O(3)", "O(2)@z", "O(2)@x"])
@pytest.mark.parametrize("nu", [0.0, 0.3, -1.0])
def test_for_the_true_function_every_estimate_is_the_closed_form(nu: float, group: str) -> None:
    data, terms = exact(nu, group)
    assert data.truth is not None
    assert data.energy is not None
    B = data.truth[group] * data.energy
    for values in (terms.cross, terms.plug_in, terms.model_cross):
        mean, se = float(values.mean()), float(values.std()) / len(ROWS) ** 0.5
        assert abs(mean - B) <= 4 * se + 1e-9, (mean, B, se)


def test_noise_in_the_targets_does_not_move_the_cross_estimate_of_a_fixed_model() -> None:
    data, terms = exact(0.3, "O(3)", noise=2.0)
    assert data.truth is not None
    assert data.energy is not None
    mean, se = float(terms.cross.mean()), float(terms.cross.std()) / len(ROWS) ** 0.5
    assert abs(mean - data.truth["O(3)"] * data.energy) <= 4 * se


def test_a_model_that_breaks_an_exact_symmetry_reads_as_broken_only_naively() -> None:
    data = load("inertia", nu=0.0, n=len(ROWS))
    assert data.function is not None
    truth = data.function

    def wrong(x: Tensor) -> Tensor:
        return truth(x) + 0.3 * x[:, 5:14]

    terms = breaking_terms(
        wrong, wrong, data.x, data.y, parse("O(3)"), data.types.x, data.types.y, unit=ROWS, generator=spawn(0, "d")
    )
    assert float(terms.plug_in.mean()) > 20 * float(terms.plug_in.std()) / len(ROWS) ** 0.5
    assert abs(float(terms.cross.mean())) < 4 * float(terms.cross.std()) / len(ROWS) ** 0.5


@pytest.mark.parametrize(("slope", "group", "truth"), [(0.0, "SO(2)", 0.0), (2.0, "O(2)", 0.5)])
def test_what_a_model_says_where_no_data_are_is_not_read(slope: float, group: str, truth: float) -> None:
    """|x|^2 + slope x_2 on a half plane: between its points a share slope^2 / (4 + slope^2) breaks rotations.

    Over whole orbits it would be read from what the model makes up of the other half.
    """
    x = torch.randn(400, 2, generator=spawn(0, "x"), dtype=torch.float64)
    x[:, 0] = x[:, 0].abs()
    G, rows = parse(group), torch.arange(400)

    def signal(z: Tensor) -> Tensor:
        return z.square().sum(1, keepdim=True) + slope * z[:, 1:]

    def model(z: Tensor) -> Tensor:
        return torch.where(z[:, :1] > -0.5, signal(z), 10.0)

    def share(seen: Callable[[Tensor], Tensor] | None) -> Estimate:
        y = signal(x)
        terms = breaking_terms(
            model, model, x, y, G, Vector, Scalar, unit=rows, centre=y.mean(0), seen=seen, generator=spawn(0, "draws")
        )
        return combine([terms], rows, [1], windowed=seen is not None)[0].share

    everywhere = share(None)
    between = share(inputs_seen(x, G, Vector, unit=rows, generator=spawn(0, "seen")))
    assert between.low - 1e-9 <= truth <= between.high + 1e-9
    assert between.high < truth + 0.2
    assert not everywhere.low <= truth <= everywhere.high


def test_a_finite_group_is_averaged_exactly_and_the_identity_comes_first() -> None:
    group, rep = parse("D(4)"), Pixels(3, 3)
    orbit = Draws.of(group, 32).take(5, spawn(0, "g"))
    assert orbit.complete
    assert len(orbit) == 8
    x = torch.rand(5, 9, generator=spawn(0, "x"), dtype=torch.float64)
    moved = pulled_back(lambda v: v, orbit, x, torch.arange(5), rep, rep)
    assert torch.allclose(moved, x[:, None].expand(-1, 8, -1))
    first = pulled_back(lambda v: v, orbit, x, torch.arange(5), rep, 9 * Scalar)[:, 0]
    assert torch.equal(first, x)


def test_rows_of_one_unit_move_together() -> None:
    orbit = Draws.of(parse("SO(3)"), 4).take(2, spawn(0, "g"))
    g = orbit.rows(torch.tensor([0, 0, 1]))
    assert torch.equal(g[0], g[1])
    assert not torch.allclose(g[0], g[2])


def test_without_a_uniform_law_half_the_change_along_the_window_is_read() -> None:
    # f(x) = |x|^2 under Scale(1): (f(x) - f(sx))^2 / 2, with log s ~ N(0, 0.1^2).
    x = torch.ones(2000, 1, dtype=torch.float64)
    window = Window(parse("Scale(1)"), 0.1)
    terms = breaking_terms(
        lambda v: v.square(), lambda v: v.square(), x, x.square(), window, Vector, Scalar,
        unit=torch.arange(2000), draws=64, generator=spawn(0, "w"),
    )  # fmt: skip
    s = torch.exp(0.1 * torch.randn(400_000, generator=spawn(1, "mc"), dtype=torch.float64))
    assert float(terms.cross.mean()) == pytest.approx(float((1 - s**2).square().mean()) / 2, rel=0.05)


def test_shrunken_models_are_scaled_back_and_never_beyond_the_truth() -> None:
    """A model that has learnt only 60 % of the broken part reads 0.6 B in X and the whole of B in A."""
    data = load("inertia", nu=-1.0, n=len(ROWS))
    assert data.function is not None
    assert data.truth is not None
    whole, kept = data.function, load("inertia", nu=0.0, n=8).function
    assert kept is not None

    def shrunken(x: Tensor) -> Tensor:
        return 0.6 * whole(x) + 0.4 * kept(x)

    terms = breaking_terms(
        shrunken, shrunken, data.x, data.y, parse("O(3)"), data.types.x, data.types.y, unit=ROWS,
        generator=spawn(0, "d"),
    )  # fmt: skip
    (answer,) = combine([terms], ROWS, [9])
    assert data.truth_uncentred is not None
    # Energies are about 0 here: no constant was given.
    assert answer.cross == pytest.approx(0.6 * data.truth_uncentred["O(3)"], rel=0.1)
    assert answer.share.mean == pytest.approx(data.truth_uncentred["O(3)"], rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_a_share_of_the_signal_does_not_change_with_noise_and_lies_inside_its_interval(seed: int) -> None:
    """y = a x1 + |x|^2 + noise under O(3): b = a^2 / (a^2 + Var |x|^2), whatever the noise."""
    x = torch.randn(1500, 3, generator=spawn(seed, "x"), dtype=torch.float64)
    signal = 1.5 * x[:, :1] + x.square().sum(1, keepdim=True)
    truth = 1.5**2 / (1.5**2 + 6)
    unit = torch.arange(len(x))
    for noise in (0.0, 1.0, 4.0):
        y = signal + noise * torch.randn(len(x), 1, generator=spawn(seed, "e"), dtype=torch.float64)
        terms = breaking_terms(
            lambda v: 0.9 * (1.5 * v[:, :1] + v.square().sum(1, keepdim=True)),
            lambda v: 0.9 * (1.5 * v[:, :1] + v.square().sum(1, keepdim=True)),
            x, y, parse("O(3)"), Vector, Scalar, unit=unit, centre=y.mean(0), generator=spawn(seed, "d"),
        )  # fmt: skip
        (answer,) = combine([terms], unit, [1])
        assert 0 <= answer.share.low <= answer.share.mean <= answer.share.high <= 1
        assert abs(answer.share.mean - truth) < 0.03 + 0.03 * noise
        assert answer.explained.mean == pytest.approx(8.25 / (8.25 + noise**2), abs=0.05)


def test_the_price_of_what_is_surely_broken_has_a_lower_end_though_few_rows_make_the_error() -> None:
    """Errors of t with 1.2 degrees of freedom: their mean is hardly known, yet a smooth breaking stands far above."""
    x = torch.randn(400, 3, generator=spawn(0, "x"), dtype=torch.float64)
    tails = torch.from_numpy(np.random.default_rng(1).standard_t(1.2, (400, 1)))
    f, unit = lambda v: 5 * v[:, :1] + v.square().sum(1, keepdim=True), torch.arange(400)
    y = f(x) + 0.02 * tails
    terms = breaking_terms(
        f, f, x, y, parse("O(3)"), Vector, Scalar, unit=unit, centre=y.mean(0), generator=spawn(0, "d")
    )
    (answer,) = combine([terms], unit, [1])
    assert 0 < answer.excess.low < answer.excess.mean < answer.excess.high
    # The lower end of what is broken over the upper end of the error, about.
    error = clustered_mean(terms.loss, unit)[0]
    assert answer.excess.low > 0.7 * answer.broken / (answer.loss + 2 * error)
    # Where nothing is broken there is no lower end.
    kept = breaking_terms(
        f, f, x, y, parse("O(2)@x"), Vector, Scalar, unit=unit, centre=y.mean(0), generator=spawn(0, "d")
    )
    assert combine([kept], unit, [1])[0].excess.low == 0


def test_parts_of_a_target_are_judged_each_in_its_own_energy() -> None:
    x = torch.randn(800, 2, generator=spawn(0, "x"), dtype=torch.float64)
    unit, f = torch.arange(len(x)), lambda v: torch.stack([1e4 * v.square().sum(1), v[:, 0]], 1)
    terms = breaking_terms(
        f, f, x, f(x), parse("O(2)"), Vector, 2 * Scalar, unit=unit, parts=[slice(0, 1), slice(1, 2)],
        centre=f(x).mean(0), generator=spawn(0, "d"),
    )  # fmt: skip
    big, small = combine([terms], unit, [1, 1])
    assert big.share.high < 1e-6
    assert small.share.mean > 0.99


def test_the_standard_error_sees_clusters_and_the_spread_over_splits() -> None:
    generator = spawn(0, "values")
    unit = torch.arange(50).repeat_interleave(20)
    level = torch.randn(50, generator=generator, dtype=torch.float64)[unit]
    single = level[None] + 0.01 * torch.randn(1, 1000, generator=generator, dtype=torch.float64)
    clustered, degrees = clustered_mean(single, unit)
    naive, _ = clustered_mean(single, torch.arange(1000))
    assert clustered > 3 * naive
    assert degrees == pytest.approx(49, rel=0.01)
    shifted = torch.cat([single - 1, single + 1])
    assert clustered_mean(shifted, unit)[0] > 1.0


def test_the_randomisation_test_is_exact_and_has_power() -> None:
    generator = spawn(0, "losses")
    unit = torch.arange(60)
    null = [
        randomisation_test(
            torch.rand(60, 9, generator=generator, dtype=torch.float64), unit, permutations=99, generator=generator
        )
        for _ in range(400)
    ]
    rejected = sum(p <= 0.05 for p in null) / len(null)
    assert 0.02 <= rejected <= 0.085
    better = torch.rand(60, 9, generator=generator, dtype=torch.float64)
    better[:, 0] -= 0.3
    assert randomisation_test(better, unit, generator=generator) < 0.01


def test_an_exactly_invariant_model_is_never_rejected_by_rounding() -> None:
    loss = torch.rand(200, 1, generator=spawn(0, "l"), dtype=torch.float64).expand(-1, 17).clone()
    loss[:, 1:] *= 1 + 1e-15
    assert randomisation_test(loss, torch.arange(200), generator=spawn(0, "r")) > 0.9


def test_inputs_that_are_invariant_pass_and_others_do_not() -> None:
    x = torch.randn(1500, 3, generator=spawn(0, "x"), dtype=torch.float64)
    group = parse("SO(3)")
    assert input_invariance_test(x, group, Vector, generator=spawn(1, "t")).invariant
    squashed = x * torch.tensor([1.0, 1.0, 0.1], dtype=torch.float64)
    test = input_invariance_test(squashed, group, Vector, generator=spawn(1, "t"))
    assert not test.invariant
    assert test.p_value < 0.01
    aligned = torch.cat([torch.zeros_like(x[:, :2]), x.norm(dim=1, keepdim=True)], 1)
    assert input_invariance_test(aligned, group, Vector, generator=spawn(1, "t")).overlap < 0.2


def test_overlap_counts_points_that_lie_where_data_are() -> None:
    x = torch.randn(900, 2, generator=spawn(0, "x"), dtype=torch.float64)
    assert overlap(x[:300], x[300:600], x[600:]) > 0.9
    assert overlap(x[:300], x[300:600], x[600:] + 10) == 0.0


def test_halves_keep_units_whole_and_differ_between_splits() -> None:
    unit = torch.arange(100).repeat_interleave(3)
    first, second = split_halves(unit, 0, 0), split_halves(unit, 0, 1)
    assert all(len(first[unit == u].unique()) == 1 for u in range(100))
    assert int(first.sum()) == 150
    assert not torch.equal(first, second)


def test_holm_and_the_lattice() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == pytest.approx([1.0, 1.0])
    assert along_lattice({"G": 0.5, "H": 0.01}, {"G": ["H"]})["G"] == 0.01
