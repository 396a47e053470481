"""The mixture behind predicted partitions: what it finds, its derivative, and what does not change it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from isotropy.errors import ConvergenceWarning, DomainError, DtypeError, ShapeError
from isotropy.frames import MixturePartition
from isotropy.frames.piecewise import _mixture
from isotropy.linalg import Segments
from isotropy.random import spawn

CENTRES = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 2]], dtype=torch.float64)


def votes(n: int = 200, spread: float = 0.3, seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = spawn(seed, "votes")
    label = torch.randint(4, (n,), generator=draw)
    return CENTRES[label] + spread * torch.randn(n, 3, generator=draw, dtype=torch.float64), label


def test_the_parts_are_found_and_weights_sum_to_one() -> None:
    y, label = votes(spread=0.05)
    Q, cells, found = MixturePartition(variance=0.09)(y)
    assert len(found.means) == 4
    assert torch.cdist(CENTRES, found.means).amin(1).max() < 0.1
    assert float((Q.sum(1) - 1).abs().max()) < 1e-12
    assert abs(float(found.weights.sum()) - 1) < 1e-12
    assert all(len(label[cells.labels == k].unique()) == 1 for k in range(4))
    assert found.residual < 1e-8


def test_joining_keeps_the_sum_of_weights_and_joins_chains() -> None:
    means = torch.tensor([[0.0, 0, 0], [0.9, 0, 0], [1.8, 0, 0], [5.0, 0, 0]], dtype=torch.float64)
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    joined, mass = (found[0] for found in _mixture._joined(means[None], weights[None], 1.0))
    left = mass > 0
    assert mass[left].tolist() == pytest.approx([0.6, 0.4])
    assert joined[left, 0].tolist() == pytest.approx([(0.18 + 0.54) / 0.6, 5.0])


def test_joining_goes_by_distance_and_not_by_an_axis() -> None:
    """The sum of fourth powers, which the code of the paper compares, joins these along the diagonal and not along an
    axis; it knows no unit either."""
    y = torch.zeros(8, 3, dtype=torch.float64)
    y[4:, 0] = 1.1
    diagonal = torch.linalg.qr(torch.tensor([[1.0, 1, 0], [1, 0, 1], [1, 0, 0]], dtype=torch.float64)).Q.T
    for way in (torch.eye(3, dtype=torch.float64), diagonal):
        for unit in (0.1, 1.0, 10.0):
            for thr, count in ((1.05, 2), (1.15, 1)):
                found = MixturePartition(variance=unit**2, merge_thr=thr, k_max=2, iters=1, implicit=False)(
                    y @ way * unit
                )
                assert len(found[2].means) == count, (unit, thr)


@pytest.mark.parametrize("what", ["means", "weights", "Q"])
def test_the_derivative_is_that_of_a_fit_that_has_settled(what: str) -> None:
    """Specification 06 §5.7: against central differences through the whole fit, to 1e-4."""
    y, _ = votes(spread=0.7)  # balls overlap, so that all of them move with every vote
    mixture = MixturePartition(variance=0.4, k_max=4, merge_thr=0.0)
    cotangent = torch.randn(200, 4, generator=spawn(0, "cotangent"), dtype=torch.float64)

    def value(points: Tensor) -> Tensor:
        Q, _, found = mixture(points)
        told = {"means": found.means, "weights": found.weights[:, None], "Q": Q}[what]
        return (cotangent[: len(told), : told.shape[1]] * told).sum()

    points = y.clone().requires_grad_()
    value(points).backward()
    assert points.grad is not None
    direction = torch.randn(200, 3, generator=spawn(1, "direction"), dtype=torch.float64)
    h = 1e-5
    with torch.no_grad():
        slope = float(value(y + h * direction) - value(y - h * direction)) / (2 * h)
    assert float((points.grad * direction).sum()) == pytest.approx(slope, rel=1e-4)


def test_without_it_the_fit_is_a_constant() -> None:
    y, _ = votes(40)
    points = y.clone().requires_grad_()
    _, _, found = MixturePartition(variance=0.09, implicit=False)(points)
    assert not found.means.requires_grad


def test_doubt_falls_with_the_variance() -> None:
    """Specification 06 §5.8."""
    y, _ = votes(spread=0.05)
    doubts = [MixturePartition(variance=s, k_max=4)(y)[2].delta for s in (0.5, 0.1, 0.02, 4e-6)]
    assert doubts == sorted(doubts, reverse=True)
    assert doubts[-1] < 1e-6


def test_neither_motions_nor_the_order_nor_other_clouds_change_it() -> None:
    y, _ = votes(120, 0.2)
    order = torch.randperm(120, generator=spawn(0, "order"))
    R = torch.linalg.qr(torch.randn(3, 3, generator=spawn(0, "R"), dtype=torch.float64)).Q
    mixture = MixturePartition(variance=0.04)
    Q, cells, found = mixture(y)
    P, moved, there = mixture((y @ R.mT + 7.0)[order])
    assert torch.allclose(P, Q[order], atol=1e-9)
    assert torch.equal(moved.labels, cells.labels[order])
    assert torch.allclose(there.means, found.means @ R.mT + 7.0, atol=1e-7)
    both, pair, all_ = mixture(torch.cat([y, y[:50] + 9]), Segments(torch.tensor([0] * 120 + [1] * 50), 2))
    assert torch.allclose(both[:120, : Q.shape[1]], Q, atol=1e-12)
    assert bool((both[:120, Q.shape[1] :] == 0).all())
    assert bool((pair.of.bincount(minlength=2) <= all_.of.bincount(minlength=2)).all()), "a ball may have no vote"
    again = mixture(y)
    assert torch.equal(again[0], Q), "two evaluations are bit-identical"


def test_cells_can_be_drawn() -> None:
    y, _ = votes(400, 0.6)
    whole = MixturePartition(variance=1.0, k_max=4, merge_thr=0.0)(y)
    drawn = [
        MixturePartition(variance=1.0, k_max=4, merge_thr=0.0, sample=True, generator=spawn(s, "cells"))(y)[1]
        for s in (0, 0, 1)
    ]
    assert torch.equal(drawn[0].labels, drawn[1].labels)
    assert not torch.equal(drawn[0].labels, drawn[2].labels)
    # The share of points that are drawn elsewhere is the mean doubt about a point, to four deviations.
    elsewhere = float((drawn[0].labels != whole[1].labels).double().mean())
    assert abs(elsewhere - whole[2].delta_row) < 4 * (0.25 / 400) ** 0.5


def test_a_fit_that_has_not_settled_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mixture, "_MOST", 1)
    with pytest.warns(ConvergenceWarning, match="not settled"):
        MixturePartition(variance=0.5)(votes(spread=0.9)[0])


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: MixturePartition(variance=0.0), DomainError, "variance=0.0"),
        (lambda: MixturePartition(variance=1.0, merge_thr=-1.0), DomainError, "merge_thr=-1.0"),
        (lambda: MixturePartition(variance=0.01, prune=0.9)(votes()[0]), DomainError, "prune=0.9"),
        (lambda: MixturePartition()(votes()[0].half()), DtypeError, "float16"),
        (lambda: MixturePartition()(votes()[0][:, :2]), ShapeError, r"\(200, 2\)"),
        (lambda: MixturePartition()(votes()[0] / 0), DomainError, "row 0"),
        (lambda: MixturePartition()(votes(3)[0], Segments(torch.tensor([0, 0, 2]), 3)), ShapeError, r"\[2, 0, 1\]"),
    ],
)
def test_what_is_refused(call: object, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()  # type: ignore[operator]
