"""Cells that are split until they are certified, and bounds that are calibrated on other scans."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor

from frames.bodies import person
from isotropy.errors import DomainError
from isotropy.frames import (
    CalibratedBound,
    Certificate,
    Partition,
    PiecewiseLayer,
    piecewise_certificate,
    refine_until_certified,
    voronoi_partition,
)
from isotropy.random import spawn


def layer() -> PiecewiseLayer:
    torch.manual_seed(0)
    return PiecewiseLayer(None, "2*Scalar", width=6, k_local=3).double().requires_grad_(False)


def coarse(x: Tensor) -> Partition:
    return voronoi_partition(x, 6)[0]


def small(K: int, seed: int) -> tuple[Tensor, Tensor]:
    return torch.eye(3).double().repeat(K, 1, 1), 1e-3 * torch.randn(K, 3, generator=spawn(seed, "t")).double()


def test_splitting_goes_on_until_the_bound_is_kept() -> None:
    views, truth = person(120, 1, 3)
    parts, x = Partition(truth), views[0]
    first = piecewise_certificate(lambda z: (layer()(z, None, coarse(z))[0], coarse(z)), x, parts, small(11, 0))
    assert float(first.bound.max()) > 0.5 * first.M
    found = refine_until_certified(layer(), x, coarse, parts, 0.5, small(11, 0))
    assert found.certified
    assert 0 < found.splits < 12
    assert 6 < len(found.partition) <= 120
    assert float(found.certificate.bound.max()) <= 0.5 * found.certificate.M
    # The model is a rule for every cloud: a motion of the whole makes the same cells.
    moved = found.model(x @ torch.linalg.qr(torch.randn(3, 3, generator=spawn(0, "R")).double()).Q.mT + 3.0)[1]
    assert torch.equal(moved.labels, found.partition.labels)


def test_it_says_where_it_cannot_be() -> None:
    views, truth = person(120, 1, 3)
    found = refine_until_certified(layer(), views[0], coarse, Partition(truth), 1e-3, small(11, 0), spread=1e3)
    assert not found.certified
    assert len(found.partition) == 6, "no votes are so far apart"
    short = refine_until_certified(layer(), views[0], coarse, Partition(truth), 0.0, small(11, 0), most=1)
    assert (short.certified, short.splits) == (False, 1)
    with pytest.raises(DomainError, match="tol=-1"):
        refine_until_certified(layer(), views[0], coarse, Partition(truth), -1.0)


@cache
def told() -> Certificate:
    cells, x = Partition(torch.zeros(4).long()), torch.randn(4, 3, generator=spawn(0, "x")).double()
    return piecewise_certificate(lambda z: (z[:, :1] * 0 + 1, cells), x, Partition(torch.tensor([0, 0, 1, 1])), 1)


def scans(used: list[float]) -> list[Certificate]:
    one = told()
    return [replace(one, bound=torch.tensor([2.0]), measured=torch.tensor([2 * share])) for share in used]


def test_calibrated_bounds_cover_as_many_new_scans_as_they_say() -> None:
    draws = torch.rand(300, 39, generator=spawn(0, "used"), dtype=torch.float64) ** 3
    covered = []
    for row in draws.tolist():
        bound = CalibratedBound.of(scans(row[:19]), 0.8)
        assert bound.factor < 1
        covered.append(bound.covered(scans(row[19:])))
    # Of 19 scans the 16th: a new one is under it with probability 16 / 20. Three standard errors are 0.022.
    assert sum(covered) / len(covered) == pytest.approx(0.8, abs=0.03)


def test_too_few_scans_leave_the_proved_bound() -> None:
    few = CalibratedBound.of(scans([0.1, 0.2]), 0.9)
    assert few.factor == 1.0
    exact = replace(scans([0.0])[0], bound=torch.zeros(1), measured=torch.zeros(1))
    assert CalibratedBound.of([exact] * 20).factor == 0.0
    assert float(few.calibrated(scans([0.1])[0])) == 2.0
    with pytest.raises(DomainError, match="coverage 1"):
        CalibratedBound.of(scans([0.1]), 1.0)
