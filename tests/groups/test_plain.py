"""Plain names of algebras: read off noisy bases in any mixture, put back exactly from what they keep."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from isotropy.groups import parse
from isotropy.groups.parts import form_text, matrix, plain_algebras


def first(basis: Tensor, noise: float, seed: int, affine: bool = False):
    """The simplest reading of a basis that was mixed and blurred."""
    generator = torch.Generator().manual_seed(seed)
    basis = basis.double()
    k = len(basis)
    mixed = torch.einsum("ij,jab->iab", torch.linalg.qr(torch.randn(k, k, generator=generator).double())[0], basis)
    blur = noise * torch.randn(mixed.shape, generator=generator).double()
    if affine:
        blur[:, -1] = 0
    return next(iter(plain_algebras(mixed + blur, affine=affine)))


NAMED = {
    "SO(3)": "all rotations",
    "SO(2)": "rotation",
    "SO(2)@(1,2,2)": "rotation about (1,2,2)",
    "SO(2)@(1,0,-1)": "rotation about (-1,0,1)",
    "SO(3)@(1,0,0,0)": "all rotations that fix x1",
    "Lorentz(4)": "Lorentz transformations SO(1,3), keeping x1^2 - x2^2 - x3^2 - x4^2",
    "Lorentz(3)": "Lorentz transformations SO(1,2), keeping x^2 - y^2 - z^2",
    "Lorentz(2)": "boost, keeping x^2 - y^2",
    "Scale(3)": "uniform scaling",
    "SL(3)": "every linear map that keeps volumes",
    "GL+(2)": "every linear map",
    "SO(3) * Scale(3)": "all rotations, and uniform scaling",
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("group", NAMED)
def test_groups_have_their_plain_names(group: str, seed: int) -> None:
    reading = first(matrix(parse(group).algebra.basis), 0.03, seed)
    assert reading.name == NAMED[group]
    ours, theirs = (torch.linalg.qr(A.flatten(1).mT)[0] for A in (reading.basis, matrix(parse(group).algebra.basis)))
    assert torch.linalg.svdvals(ours.mT @ theirs).min() > 1 - 1e-9  # the group itself, not what was measured


@pytest.mark.parametrize(
    ("A", "name"),
    [
        ([[1.0, 0.0], [0.0, -1.0]], "hyperbolic scaling, keeping x y"),
        ([[0.0, 1.0], [0.0, 0.0]], "shear along x, by y"),
        ([[0.0, 0.0], [1.0, 0.0]], "shear along y, by x"),
        ([[1.0, 0.0], [0.0, 2.0]], "scaling by s^0.5 along x, s along y"),
        ([[1.0, -1.0], [1.0, 1.0]], "spiral: rotation with scaling"),
        ([[-1.0, -2.0], [1.0, 1.0]], "rotation in sheared coordinates, keeping x^2 + 2 x y + 2 y^2"),
    ],
)
def test_single_generators(A: list[list[float]], name: str) -> None:
    for seed in (0, 1):
        assert first(torch.tensor([A]), 0.02, seed).name == name


def test_groups_with_translations() -> None:
    for group, name in {
        "SE(3)": "all rotations, and all translations",
        "T(3)": "all translations",
        "SE(2)": "rotation, and all translations",
    }.items():
        assert first(matrix(parse(group).algebra.basis), 0.03, 0, affine=True).name == name
    along_z = matrix(parse("T(3)").algebra.basis)[2:]
    assert first(along_z, 0.03, 0, affine=True).name == "translation along z"
    around = torch.tensor([[[0.0, -1.0, 2.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]])
    assert first(around, 0.0, 0, affine=True).name == "rotation about the point (-1, 2)"


def test_the_unit_of_the_data_decides_what_is_close() -> None:
    """A rotation of data a thousand times longer along y than along x: sheared in the table's units."""
    to = torch.diag(torch.tensor([1.0, 1000.0])).double()
    A = to @ torch.tensor([[0.0, -1.0], [1.0, 0.02]]).double() @ torch.linalg.inv(to)
    readings = list(plain_algebras(A[None], to))
    assert readings[0].name.startswith("rotation in sheared coordinates, keeping x^2")
    assert readings[0].form is not None
    assert float(readings[0].form[0, 0] / readings[0].form[1, 1]) == pytest.approx(1e6, rel=0.1)


def test_forms_are_written_as_polynomials() -> None:
    assert form_text(torch.diag(torch.tensor([2.0, -2.0, -2.0, -2.0]))) == "x1^2 - x2^2 - x3^2 - x4^2"
    assert form_text(torch.tensor([[-1.0, 0.25], [0.25, 0.0]])) == "x^2 - 0.5 x y"
