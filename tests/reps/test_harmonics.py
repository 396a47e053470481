"""Spherical harmonics: e3nn's to the last digits, orthonormal, and smooth at the poles."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from e3nn import o3

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.random import spawn
from isotropy.reps import degrees, solid_harmonics, spherical_harmonics

Kind = Literal["integral", "component", "norm"]


def directions(count: int) -> torch.Tensor:
    return torch.randn(count, 3, dtype=torch.float64, generator=spawn(0, "directions"))


@pytest.mark.parametrize("normalization", ["integral", "component", "norm"])
def test_1_harmonics_are_those_of_e3nn(normalization: Kind) -> None:
    r = directions(200)
    ours = spherical_harmonics(11, r, normalization=normalization)
    theirs = o3.spherical_harmonics(list(range(12)), r, normalize=True, normalization=normalization)
    assert (ours - theirs).abs().max() < 1e-12 * (1 if normalization != "component" else math.sqrt(4 * math.pi))


def test_solid_harmonics_are_homogeneous_polynomials() -> None:
    r = directions(20)
    once, twice = solid_harmonics(6, r), solid_harmonics(6, 2 * r)
    torch.testing.assert_close(twice, once * 2.0 ** degrees(6), rtol=1e-13, atol=1e-13)
    assert torch.isfinite(solid_harmonics(6, torch.zeros(1, 3))).all()


def test_unsoeld_sum_of_squares_is_constant() -> None:
    r = directions(20)
    squares = spherical_harmonics(20, r, normalization="component").square()
    for l in (0, 7, 20):
        torch.testing.assert_close(
            squares[:, l * l : (l + 1) ** 2].sum(-1), torch.full((20,), 2.0 * l + 1, dtype=torch.float64)
        )


def test_derivatives_at_the_poles_and_the_origin() -> None:
    special = torch.tensor([[0.0, 1, 0], [0, -1, 0], [0, 0, 0], [1, 2, 3]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda r: solid_harmonics(4, r), (special,))
    assert torch.autograd.gradgradcheck(lambda r: solid_harmonics(3, r), (special,))


def test_harmonics_are_harmonic() -> None:
    r = directions(4)
    hessian = torch.func.vmap(torch.func.hessian(lambda p: solid_harmonics(5, p)))(r)
    assert hessian.diagonal(dim1=-2, dim2=-1).sum(-1).abs().max() < 1e-11


def test_batches_of_any_shape_and_single_precision() -> None:
    r = directions(6).reshape(2, 3, 3)
    assert spherical_harmonics(3, r).shape == (2, 3, 16)
    assert spherical_harmonics(3, r[:0]).shape == (0, 3, 16)
    single = spherical_harmonics(12, r.float())
    assert single.dtype == torch.float32
    assert (single - spherical_harmonics(12, r)).abs().max() < 5e-6


def test_bad_input_is_refused_at_the_door() -> None:
    with pytest.raises(DomainError, match="length zero"):
        spherical_harmonics(2, torch.zeros(1, 3))
    with pytest.raises(ShapeError, match=r"\(\.\.\., 3\)"):
        spherical_harmonics(2, torch.ones(1, 2))
    with pytest.raises(DtypeError, match="floating"):
        spherical_harmonics(2, torch.ones(1, 3, dtype=torch.int64))
    with pytest.raises(ShapeError, match="degree -1"):
        solid_harmonics(-1, torch.ones(3))
