"""Moments add up as the sets of rows do."""

import pytest
import torch

from isotropy.errors import DomainError, ShapeError
from isotropy.linalg import Moments, Segments
from isotropy.random import spawn


def _rows(n: int, d: int, *keys: object) -> torch.Tensor:
    draw = spawn(0, "moments", *keys)
    mix = torch.randn(d, d, generator=draw, dtype=torch.float64)
    return torch.randn(n, d, generator=draw, dtype=torch.float64) @ mix + 3 * torch.randn(d, generator=draw)


def _apart(a: Moments, b: Moments) -> float:
    size = b.scatter.norm(dim=(-2, -1)).max()
    return max(float((a.scatter - b.scatter).norm() / size), float((a.mean - b.mean).norm() / b.mean.norm()))


@pytest.mark.parametrize("d", [3, 20])  # outer products row by row, and a product for each set
def test_the_moments_of_a_union_are_the_sum(d: int) -> None:
    x = _rows(60, d)
    parts = [x[:1], x[1:1], x[1:24], x[24:]]
    whole = Moments.of(x)
    assert _apart(sum(map(Moments.of, parts)), whole) < 1e-12  # pyright: ignore[reportArgumentType]
    assert _apart(Moments.of(parts[3]) + (Moments.of(parts[2]) + Moments.of(parts[0])), whole) < 1e-12
    centred = x - x.mean(0)
    torch.testing.assert_close(whole.cov, centred.T @ centred / 60, rtol=0, atol=1e-12 * float(whole.cov.norm()))


@pytest.mark.parametrize("d", [2, 12])
def test_segments_are_a_loop(d: int) -> None:
    x, sets = _rows(40, d), Segments(torch.arange(40) % 4 + (torch.arange(40) % 8 == 3), 6)
    found = Moments.of(x, segments=sets)
    assert found.n.tolist() == sets.sizes.tolist()
    assert bool((found.n == 0).any()), "an empty set is among them"
    for s in range(6):
        rows = x[sets.label == s]
        if len(rows):
            torch.testing.assert_close(found.mean[s], rows.mean(0))
            torch.testing.assert_close(found.cov[s], torch.cov(rows.T, correction=0))
        else:
            assert not found.mean[s].any()
            assert not found.cov[s].any()


def test_weights_are_repetitions() -> None:
    x, times = _rows(10, 3), torch.arange(10) % 4
    repeated = Moments.of(x.repeat_interleave(times, 0))
    weighted = Moments.of(x, times)
    assert float(weighted.n) == float(repeated.n)
    assert _apart(weighted, repeated) < 1e-12


def test_affine_maps_commute() -> None:
    x, A, t = _rows(30, 4), _rows(2, 4, "A"), torch.tensor([1.0, -2.0])
    parts = Moments.of(x[:9]) + Moments.of(x[9:])
    assert _apart(parts.map(A, t), Moments.of(x @ A.T + t)) < 1e-12
    torch.testing.assert_close(parts.map(A).between, A @ parts.between @ A.T)


def test_within_and_between_are_of_the_sets_that_were_put_together() -> None:
    parts = [_rows(n, 5, n) for n in (4, 9, 17)]
    whole = sum(map(Moments.of, parts))
    assert isinstance(whole, Moments)
    within = sum(len(x) * torch.cov(x.T, correction=0) for x in parts) / 30
    torch.testing.assert_close(whole.within, within)
    torch.testing.assert_close(whole.within + whole.between, whole.cov)
    assert bool((torch.linalg.eigvalsh(whole.between) > -1e-9).all())


def test_far_from_the_origin_nothing_cancels() -> None:
    x = _rows(50, 3)
    far = Moments.of(x[:20] + 1e6) + Moments.of(x[20:] + 1e6)
    assert float((far.cov - Moments.of(x).cov).norm() / far.cov.norm()) < 1e-9


def test_refusals() -> None:
    with pytest.raises(ShapeError, match=r"given x of shape \(3,\)"):
        Moments.of(torch.ones(3))
    with pytest.raises(ShapeError, match="one for each row"):
        Moments.of(torch.ones(3, 2), torch.ones(2))
    with pytest.raises(DomainError, match="negative weights"):
        Moments.of(torch.ones(3, 2), torch.tensor([1.0, -1.0, 1.0]))
    with pytest.raises(ShapeError, match=r"\(2,\) and \(3,\)"):
        Moments.of(torch.ones(3, 2)) + Moments.of(torch.ones(3, 3))
