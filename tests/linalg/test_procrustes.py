"""The best similarity between labelled clouds: exact on exact data, optimal on noise, chirality on request."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import procrustes as reference
from torch import Tensor

from isotropy.errors import DegenerateError, DomainError, DtypeError, ShapeError
from isotropy.groups import SO, O
from isotropy.linalg import procrustes


def clouds(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_a_similarity_is_found_again(d: int) -> None:
    draw = torch.Generator().manual_seed(d)
    y, R = clouds(40, 9, d), O(d).sample(40, generator=draw, dtype=torch.float64)
    s = torch.exp(clouds(40, seed=1))
    t = 100 * clouds(40, d, seed=2)
    found = procrustes(y, s[:, None, None] * y @ R.mT + t[:, None], scale=True)
    assert torch.allclose(found.R, R, atol=1e-12)
    assert torch.allclose(found.t, t, atol=1e-11)
    assert torch.allclose(found.s, s, rtol=1e-12)
    assert float(found.error.max()) < 1e-12


def test_the_disparity_is_that_of_scipy() -> None:
    y, z = clouds(12, 3), clouds(12, 3, seed=1)
    a, b = y - y.mean(0), z - z.mean(0)
    found = procrustes(a / a.norm(), b / b.norm(), scale=True)
    assert float(found.error**2 * 12) == pytest.approx(reference(np.asarray(b), np.asarray(a))[2], rel=1e-12)


@pytest.mark.parametrize("reflect", [True, False])
def test_nothing_nearby_is_better(reflect: bool) -> None:
    y, z = clouds(50, 7, 3), clouds(50, 7, 3, seed=1)
    best = procrustes(y, z, reflect=reflect, scale=True)
    near = SO(3).exp(SO(3).algebra.hat(0.05 * clouds(50, 3, seed=2)))
    assert isinstance(near, Tensor)
    for R, t, s in (
        (best.R @ near, best.t, best.s),
        (best.R, best.t + 0.05 * clouds(50, 3, seed=3), best.s),
        (best.R, best.t, best.s * 1.05),
    ):
        other = (s[:, None, None] * y @ R.mT + t[:, None] - z).square().sum(-1).mean(-1).sqrt()
        assert bool((other > best.error).all())


def test_mirror_images_need_a_reflection() -> None:
    y = clouds(6, 3)
    z = y * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    assert float(procrustes(y, z).error) < 1e-14
    proper = procrustes(y, z, reflect=False)
    assert float(proper.error) > 0.1
    assert float(torch.linalg.det(proper.R)) == pytest.approx(1.0, abs=1e-12)


def test_without_scale_it_is_an_isometry() -> None:
    y = clouds(6, 2)
    found = procrustes(y, 3 * y)
    assert float(found.s) == 1.0
    assert float(found.error) == pytest.approx(2 * float((y - y.mean(0)).square().sum(-1).mean().sqrt()), rel=1e-12)


def test_flat_and_single_clouds() -> None:
    flat = clouds(6, 3) * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    for cloud in (flat, flat[:1], flat[:1].expand(4, 3)):
        found = procrustes(cloud, cloud + 1, reflect=False)
        assert float(found.error) < 1e-14
        assert float(torch.linalg.det(found.R)) == pytest.approx(1.0, abs=1e-12)


def test_dtype_follows_and_bad_input_is_refused() -> None:
    y = clouds(6, 3)
    assert procrustes(y.float(), y.float()).R.dtype == torch.float32
    with pytest.raises(ShapeError, match="shapes"):
        procrustes(y, y[:, :2])
    with pytest.raises(ShapeError, match="n, d > 0"):
        procrustes(y[:0], y[:0])
    with pytest.raises(DtypeError, match="float32"):
        procrustes(y, y.float())
    with pytest.raises(DtypeError, match="int64"):
        procrustes(y.long(), y.long())
    with pytest.raises(DomainError, match="NaN"):
        procrustes(y / 0, y)
    with pytest.raises(DegenerateError, match="coincide"):
        procrustes(torch.ones(4, 2), torch.rand(4, 2), scale=True)
