"""Wigner matrices: the defining law, two independent references, derivatives; and frames that bring r to the pole."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from e3nn import o3

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.groups import SO, O
from isotropy.random import spawn
from isotropy.reps import align, solid_harmonics, spherical_harmonics, wigner_blocks, wigner_D


def rotations(count: int, *, proper: bool = False) -> torch.Tensor:
    G = SO(3) if proper else O(3)
    return G.sample((count,), generator=spawn(0, "rotations"), dtype=torch.float64)


def directions(count: int) -> torch.Tensor:
    return torch.randn(count, 3, dtype=torch.float64, generator=spawn(0, "directions"))


def test_harmonics_of_turned_and_reflected_points() -> None:
    r, R = directions(50), rotations(50)
    assert (torch.linalg.det(R) < 0).any()
    Y, turned = spherical_harmonics(20, r), spherical_harmonics(20, (R @ r[..., None])[..., 0])
    for l, D in enumerate(wigner_blocks(20, R)):
        own = slice(l * l, (l + 1) ** 2)
        assert ((D @ Y[:, own, None])[..., 0] - turned[:, own]).abs().max() < 1e-13


@pytest.mark.parametrize("l", [0, 1, 2, 5, 8])
def test_matrices_are_those_of_e3nn(l: int) -> None:
    R = rotations(8, proper=True)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # else e3nn builds its generators in float32, and errs by 1e-6
    try:
        theirs = o3.Irrep(l, (-1) ** l).D_from_matrix(R)
    finally:
        torch.set_default_dtype(before)
    assert (wigner_D(l, R) - theirs).abs().max() < 1e-11
    assert (wigner_D(l, -R) - (-1) ** l * theirs).abs().max() < 1e-11


@pytest.mark.parametrize("l", [1, 8, 20, 30])
def test_matrices_are_integrals_over_the_sphere(l: int) -> None:
    nodes, weights = np.polynomial.legendre.leggauss(l + 1)
    y = torch.from_numpy(nodes)[:, None]
    angle = torch.arange(2 * l + 1, dtype=torch.float64) * (2 * math.pi / (2 * l + 1))
    radius = (1 - y * y).sqrt()
    r = torch.stack([radius * angle.sin(), y.expand(-1, len(angle)), radius * angle.cos()], -1).flatten(0, 1)
    weight = torch.from_numpy(weights).repeat_interleave(len(angle)) * (2 * math.pi / len(angle))
    for R in rotations(3):
        turned, Y = solid_harmonics(l, r @ R.mT)[:, l * l :], solid_harmonics(l, r)[:, l * l :]
        assert (wigner_D(l, R) - turned.mT @ (weight[:, None] * Y)).abs().max() < 1e-12


def test_a_homomorphism_into_orthogonal_matrices() -> None:
    g, h = rotations(10)[:5], rotations(10)[5:]
    for l, (a, b, c) in enumerate(zip(*(wigner_blocks(20, R) for R in (g, h, g @ h)), strict=True)):
        assert (a @ b - c).abs().max() < 1e-12
        assert (a @ a.mT - torch.eye(2 * l + 1)).abs().max() < 1e-12
    for l, block in enumerate(wigner_blocks(12, -torch.eye(3, dtype=torch.float64))):
        assert (block - (-1) ** l * torch.eye(2 * l + 1)).abs().max() < 1e-13


def test_single_precision_keeps_its_digits() -> None:
    R = rotations(64)
    for single, double in zip(wigner_blocks(20, R.float()), wigner_blocks(20, R), strict=True):
        assert single.dtype == torch.float32
        assert (single - double).abs().max() < 1e-5
    assert wigner_D(4, R.bfloat16()).dtype == torch.bfloat16
    expected = wigner_D(4, R.float())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(wigner_D(4, R.float()), expected)


def test_derivatives_once_and_twice() -> None:
    # At the identity and at half-turns, where angles are singular, as anywhere.
    special = torch.diag_embed(torch.tensor([[1.0, 1, 1], [-1, 1, -1], [1, -1, -1]], dtype=torch.float64))
    R = torch.cat([special, rotations(1)]).requires_grad_()
    assert torch.autograd.gradcheck(lambda R: wigner_blocks(4, R)[1:], (R,))
    assert torch.autograd.gradgradcheck(lambda R: wigner_blocks(3, R)[2:], (R,))


def test_what_is_kept_serves_later_calls_in_any_mode() -> None:
    R = rotations(2)
    with torch.inference_mode():
        wigner_D(9, R)  # degrees of which no other test takes a derivative
    torch.func.jvp(lambda R: wigner_D(10, R), (R,), (R,))
    wigner_D(10, R.requires_grad_()).sum().backward()
    assert R.grad is not None


def test_batches_of_any_shape() -> None:
    R = rotations(6).reshape(2, 3, 3, 3)
    assert [tuple(block.shape) for block in wigner_blocks(2, R)] == [(2, 3, 1, 1), (2, 3, 3, 3), (2, 3, 5, 5)]
    torch.testing.assert_close(wigner_D(5, R)[1, 2], wigner_D(5, R[1, 2]), rtol=0, atol=1e-14)
    assert wigner_D(3, R[:0]).shape == (0, 3, 7, 7)
    assert wigner_D(0, R).shape == (2, 3, 1, 1)


def test_what_is_no_rotation_is_refused() -> None:
    with pytest.raises(ShapeError, match="degree -1"):
        wigner_D(-1, torch.eye(3))
    with pytest.raises(ShapeError, match=r"\(\.\.\., 3, 3\)"):
        wigner_blocks(2, torch.eye(2))
    with pytest.raises(DtypeError, match="floating"):
        wigner_D(2, torch.eye(3, dtype=torch.int64))


def test_alignment_brings_any_direction_to_the_pole() -> None:
    poles = torch.tensor([[0.0, 1, 0], [0, -1, 0], [1, 0, 0], [0, -1e-300, 1], [1e-9, -1, 0]], dtype=torch.float64)
    r = torch.cat([directions(200), poles])
    A = align(r)
    aligned = (A @ r[..., None])[..., 0]
    expected = torch.zeros_like(r)
    expected[:, 1] = r.norm(dim=-1)
    assert (aligned - expected).abs().max() < 1e-14 * 10
    assert (A @ A.mT - torch.eye(3)).abs().max() < 1e-14
    assert torch.allclose(torch.linalg.det(A), torch.ones(len(r), dtype=torch.float64))


def test_alignment_has_derivatives_everywhere() -> None:
    poles = torch.tensor([[0.0, 1, 0], [0, -2, 0], [1, 0.1, 0], [1, -0.1, 2]], dtype=torch.float64)
    r = torch.cat([directions(3), poles]).requires_grad_()
    assert torch.autograd.gradcheck(align, (r,))
    assert torch.autograd.gradgradcheck(align, (r,))


def test_alignment_is_not_continuous_and_what_commutes_with_turns_about_the_axis_does_not_see_it() -> None:
    above, below = torch.tensor([[0.3, 1e-9, 0.7], [0.3, -1e-9, 0.7]], dtype=torch.float64)
    assert (align(above) - align(below)).abs().max() > 0.1
    zonal = torch.diag(torch.linspace(-3, 3, 7, dtype=torch.float64).square())  # the same on +m and -m
    carried = [wigner_D(3, align(r)).mT @ zonal @ wigner_D(3, align(r)) for r in (above, below)]
    assert (carried[0] - carried[1]).abs().max() < 1e-7


def test_alignment_refuses_what_has_no_direction() -> None:
    with pytest.raises(DomainError, match="length zero"):
        align(torch.zeros(2, 3))
    with pytest.raises(ShapeError, match=r"\(\.\.\., 3\)"):
        align(torch.ones(2))
    with pytest.raises(DtypeError, match="floating"):
        align(torch.ones(3, dtype=torch.int64))
    assert align(torch.ones(0, 3)).shape == (0, 3, 3)
    assert align(torch.ones(2, 4, 3)).dtype == torch.float32
