"""How much of the targets is noise: what is told, what repeated rows show, and what neighbours can and cannot show."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.measure import given_noise, neighbour_noise, noise_of, parse_noise, repeated_noise
from isotropy.measure.parts import matchings

FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "nothing": lambda x: 0 * x[:, 0],
    "a slope": lambda x: 5 * x[:, 0],
    "a bowl": lambda x: (x**2).sum(1),
    "waves": lambda x: 2 * np.sin(3 * x.sum(1)),
    "fine waves": lambda x: 1.5 * np.sin(25 * x[:, 0]),
}
PARTS = {"energy": slice(0, 1), "force": slice(1, 4)}


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values.reshape(len(values), -1), float))


def made(seed: int, n: int, p: int, function: str, deviation: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise of variance deviation^2 on average, in every second set larger the further a row lies out."""
    r = np.random.default_rng(seed)
    x, e = r.normal(size=(n, p)), deviation * r.normal(size=n)
    return tensor(x), tensor(FUNCTIONS[function](x) + (e * np.abs(x[:, 0]) if seed % 2 else e))


def coverage(sets: int, n: int, p: int, function: str, deviation: float) -> tuple[float, float]:
    found = [neighbour_noise(*made(seed, n, p, function, deviation)) for seed in range(sets)]
    low, high = (
        np.mean([each.low <= deviation**2 for each in found]),
        np.mean([f.high >= deviation**2 for f in found]),
    )
    return float(low), float(high)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("n", "p"), [(150, 1), (150, 3)])
def test_both_ends_hold(function: str, n: int, p: int) -> None:
    low, high = coverage(8, n, p, function, 0.3)
    assert min(low, high) >= 0.75


@pytest.mark.slow
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("deviation", [0.1, 1.0])
@pytest.mark.parametrize(
    ("n", "p"), [(100, 1), (100, 6), (400, 1), (400, 2), (400, 4), (2000, 1), (2000, 2), (2000, 3)]
)
def test_both_ends_cover_over_functions_dimensions_and_sizes(n: int, p: int, function: str, deviation: float) -> None:
    sets = 60 if n < 1000 else 16
    low, high = coverage(sets, n, p, function, deviation)
    assert min(low, high) >= 0.95 - 3 * (0.05 * 0.95 / sets) ** 0.5


def test_in_one_dimension_the_noise_is_found() -> None:
    for function in ("nothing", "waves", "a bowl"):
        found = neighbour_noise(*made(0, 400, 1, function, 0.5))
        assert 0.12 < found.low < 0.25 < found.high


def test_fine_structure_in_three_dimensions_is_never_called_noise() -> None:
    for seed, n in ((1, 600), (2, 300)):
        x = np.random.default_rng(seed).normal(size=(n, 3))
        y = tensor((x**2).sum(1) + 1.5 * np.sin(25 * x[:, 0]))
        answer = noise_of(tensor(x), y, {"y": slice(0, 1)})
        assert answer.parts[0].energy.low == 0
        assert answer.parts[0].energy.high > 1.125
        assert "too far apart" in answer.sentence


def test_without_noise_hardly_any_is_claimed() -> None:
    for function in ("waves", "a bowl", "a slope", "fine waves"):
        x, y = made(3, 400, 1, function, 0.0)
        assert neighbour_noise(x, y).low < 0.002 * float(y.var())


def test_rows_of_one_unit_or_of_two_models_are_no_pairs() -> None:
    x = np.random.default_rng(4).normal(size=(60, 2))
    unit, fold = np.arange(60) // 3, np.arange(60) % 2
    pairs = matchings(x, unit, fold, 2)
    assert len(pairs) >= 56
    assert (unit[pairs[:, 0]] != unit[pairs[:, 1]]).all()
    assert (fold[pairs[:, 0]] == fold[pairs[:, 1]]).all()
    assert len({tuple(sorted(pair)) for pair in pairs.tolist()}) == len(pairs)
    assert np.bincount(pairs.ravel()).max() == 2


def test_noise_common_to_a_unit_is_not_missed() -> None:
    r = np.random.default_rng(5)
    unit = torch.arange(300) // 3
    x = np.repeat(r.normal(size=(100, 2)), 3, 0) + 0.01 * r.normal(size=(300, 2))
    y = tensor(np.repeat(r.normal(size=100), 3))
    assert neighbour_noise(tensor(x), y).high < 0.9
    assert neighbour_noise(tensor(x), y, unit=unit).high > 1.0


@pytest.mark.parametrize("jitter", [0.0, 1e-5])
@pytest.mark.parametrize("unequal", [False, True])
def test_repeated_rows_give_the_pure_error(jitter: float, unequal: bool) -> None:
    inside = 0
    for seed in range(25):
        r = np.random.default_rng(seed)
        x = np.repeat(r.normal(size=(30, 3)), 4, 0) + jitter * r.normal(size=(120, 3))
        e = 0.2 * r.normal(size=120) * (np.abs(x[:, 0]) if unequal else 1)
        (part,) = noise_of(tensor(x), tensor((x**2).sum(1) + e), {"y": slice(0, 1)}).parts
        assert part.source == "repeated rows"
        inside += part.energy.low <= 0.04 <= part.energy.high
    assert inside >= 18


def test_copies_of_rows_say_nothing() -> None:
    place = torch.arange(30).repeat_interleave(4)
    assert repeated_noise(tensor(np.random.default_rng(0).normal(size=30))[place], place) is None
    assert repeated_noise(torch.randn(30, 1, dtype=torch.float64), torch.arange(30)) is None


def test_what_is_given_is_taken_in_every_spelling() -> None:
    y = tensor(np.random.default_rng(6).normal(size=(200, 4)))
    x = tensor(np.random.default_rng(7).normal(size=(200, 3)))
    assert given_noise(0.5, y, PARTS) == {"energy": 0.25, "force": 0.75}
    columns = np.tile([0.1, 0.2, 0.3, 0.4], (200, 1))
    assert given_noise(columns, y, PARTS) == pytest.approx({"energy": 0.01, "force": 0.29})
    energy, force = noise_of(x, y, PARTS, given=parse_noise("force=0.5")).parts
    assert (force.source, force.energy.low, force.energy.high) == ("given", 0.75, 0.75)
    assert energy.source == "near neighbours"
    assert given_noise(0.0, y, PARTS) == {"energy": 0.0, "force": 0.0}


@pytest.mark.parametrize(("given", "error", "said"), [
    (-0.1, DomainError, r"noise=-0.1; expected a standard deviation, at least 0; noise=0.02"),
    (float("nan"), DomainError, "at least 0"),
    ({"force": -1.0}, DomainError, "at least 0"),
    ({"froce": 0.1}, SchemaError, r"the part 'froce'; expected one of 'energy', 'force'"),
    (np.full((200, 3), 0.1), ShapeError, r"shape \(200, 3\); expected \(200, 4\), like y"),
    (np.full((200, 4), -0.1), DomainError, "at least 0"),
    (2.0, DomainError, r"standard deviation 2; expected less than the targets vary, .*not a variance"),
])  # fmt: skip
def test_noise_that_cannot_be_is_refused(given: object, error: type[Exception], said: str) -> None:
    y = tensor(np.random.default_rng(6).normal(size=(200, 4)))
    with pytest.raises(error, match=said):
        given_noise(given, y, PARTS)


@pytest.mark.parametrize("text", ["", "much", "force=", "force=0.1,force=0.2", "0.1,0.2", "=0.3,0.1"])
def test_text_that_is_no_noise_is_refused(text: str) -> None:
    with pytest.raises(SchemaError, match=r"a number, or name=number.*force=0.02,energy=1e-3"):
        parse_noise(text)
