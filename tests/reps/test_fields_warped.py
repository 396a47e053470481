"""Images and voxels under groups that do not keep the grid: one warp, its error, its derivatives, and exact signals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Tensor
from torch.autograd import gradcheck

from isotropy.errors import DomainError, DtypeError, SchemaError
from isotropy.groups import SO, Group, Homography, T, homogeneous, parse
from isotropy.groups.parts import matrix
from isotropy.reps import Bumps, Field, Scalar, Vector, act, cell_centres, parse_type, pull, tangent

FLOAT64 = torch.float64


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth(count: int = 2, k: int = 2, width: float = 0.02) -> Tensor:
    """Signals of three bumps near the middle, several cells wide."""
    height = 0.5 + torch.rand(count, 3, generator=generator(), dtype=FLOAT64)
    centre = 0.3 * (2 * torch.rand(count, 3, k, generator=generator(1), dtype=FLOAT64) - 1)
    covariance = width * torch.eye(k, dtype=FLOAT64).expand(count, 3, k, k)
    return Bumps(k).of(height, centre, covariance)


def elements(G: Group, count: int, within: float = 0.25) -> Tensor:
    return matrix(G.sample((count,), generator=generator(3), dtype=FLOAT64, within=None if G.compact else within))


NAMES = ["SO(2)", "SE(2)", "Scale(2)", "Shear(2)@x", "GL+(2)", "Similarity(2)", "Affine(GL+(2))"]


@pytest.mark.parametrize("name", NAMES)
def test_a_warp_moves_images_as_their_signals_move(name: str) -> None:
    """(g.f)(u) = f(g^-1 u), against bumps that are moved by their formula and drawn anew."""
    G, f = parse(name), smooth()
    g = elements(G, 2)
    images = Bumps(2).render(f, (64, 64))
    exact = Bumps(2).render(act(Bumps(2), G, g, f), (64, 64))
    moved = act(Field(), G, g, images)
    # Bilinear values between cells of size h are off by h^2 |f''| / 8 along each axis; the border is empty.
    off = float((moved - exact).abs().max())
    assert off < 0.04
    finer = act(Field(), G, g, Bumps(2).render(f, (128, 128)))
    assert float((finer - Bumps(2).render(act(Bumps(2), G, g, f), (128, 128))).abs().max()) < off / 2.5
    assert float((act(Field(mode="bicubic"), G, g, images) - exact).abs().max()) < 0.04
    wrong = Bumps(2).render(act(Bumps(2), G, G.inverse(g), f), (64, 64))
    assert float((moved - wrong).abs().max()) > 0.1, "the inverse is another picture"


@pytest.mark.parametrize("name", ["SO(3)", "SE(3)", "GL+(3)"])
def test_voxels_are_warped_as_well(name: str) -> None:
    G, f = parse(name), smooth(k=3, width=0.06)
    g = elements(G, 2)
    exact = Bumps(3).render(act(Bumps(3), G, g, f), (24, 24, 24))
    assert float((act(Field(), G, g, Bumps(3).render(f, (24, 24, 24))) - exact).abs().max()) < 0.12


@pytest.mark.parametrize("group", ["SO(2)", "Affine(GL+(2))", "Homography(2)"])
def test_where_cells_go_to_cells_the_warp_is_the_permutation(group: str) -> None:
    G, image = parse(group), torch.rand(4, 3, 6, 6, generator=generator(), dtype=FLOAT64)
    turns = parse("C(4)").elements()
    assert isinstance(turns, Tensor)
    g = turns if group == "SO(2)" else homogeneous(turns)
    field = Field(3 * Scalar)
    assert torch.allclose(act(field, G, g, image), act(field, parse("C(4)"), turns, image), atol=1e-13)


def test_a_finite_group_that_does_not_keep_the_grid_is_warped() -> None:
    g, image = matrix(parse("C(8)").elements()), torch.rand(8, 1, 6, 6, generator=generator(), dtype=FLOAT64)
    assert torch.equal(act(Field(), parse("C(8)"), g, image), act(Field(), SO(2), g, image))


def test_rectangles_turn_without_being_sheared() -> None:
    """One unit for all sides: a round bump stays round, and a shift by one half side moves by as many cells."""
    round_ = Bumps(2).of(
        torch.ones(1, 1).double(), torch.zeros(1, 1, 2).double(), 0.02 * torch.eye(2).double()[None, None]
    )
    image = Bumps(2).render(round_, (24, 48))
    turned = act(Field(), SO(2), elements(SO(2), 1), image)
    assert float((turned - image).abs().max()) < 0.02
    quarter = parse("C(4)").elements()
    assert isinstance(quarter, Tensor)
    assert act(Field(), parse("C(4)"), quarter, image.expand(4, 1, 24, 48)).shape == (4, 1, 24, 48)
    shift = T(2).from_coords(torch.tensor([[2 / 48, -2 / 48]], dtype=FLOAT64))
    moved = act(Field(fill="border"), T(2), shift, image)
    assert torch.allclose(moved[..., 1:, 1:], image[..., :-1, :-1], atol=1e-12)


def test_composition_and_return_hold_to_the_interpolation_error() -> None:
    """A finer grid and a finer rule lower the floor; a permutation has none."""
    G, f = parse("SO(2)"), smooth(4)
    g = elements(G, 4)
    errors = [
        float(field.interpolation_error(G, g, Bumps(2).render(f, (side, side))).max())
        for field, side in ((Field(), 16), (Field(), 64), (Field(mode="bicubic"), 64))
    ]
    assert errors[0] > 4 * errors[1] > 4 * errors[2]
    h = elements(G, 4).flip(0)
    images = Bumps(2).render(f, (64, 64))
    both = act(Field(), G, g @ h, images)
    assert float((act(Field(), G, g, act(Field(), G, h, images)) - both).abs().max()) < 0.06
    assert torch.allclose(pull(Field(), G, g, images), act(Field(), G, g.mT, images), atol=1e-12)


def test_vectors_turn_with_their_places() -> None:
    """The gradient of a turned signal is the turned gradient."""
    G, f = parse("SO(2)"), smooth(2)
    g = elements(G, 2)
    u = cell_centres((48, 48), f)

    def gradient(x: Tensor) -> Tensor:
        height, centre, covariance = Bumps(2).parts(x)
        apart = u[None, :, :, None] - centre[:, None, None]
        pull_ = torch.linalg.solve(covariance[:, None, None], apart[..., None])[..., 0]
        return (
            -(height[:, None, None, :, None] * (-(apart * pull_).sum(-1) / 2).exp()[..., None] * pull_)
            .sum(-2)
            .movedim(-1, 1)
        )

    exact = gradient(act(Bumps(2), G, g, f))
    moved = act(Field(Vector), G, g, gradient(f))
    assert float((moved - exact).abs().max()) < 0.05 * float(exact.abs().max())


@pytest.mark.parametrize("name", ["SO(2)", "Affine(GL+(2))", "Homography(2)"])
def test_a_warp_has_the_derivative_of_differences_in_image_and_element(name: str) -> None:
    G = parse(name)
    v = (0.2 * torch.randn(1, G.dim, generator=generator(4), dtype=FLOAT64)).requires_grad_()
    image = torch.rand(1, 1, 5, 5, generator=generator(5), dtype=FLOAT64).requires_grad_()
    assert gradcheck(lambda x, w: act(Field(), G, matrix(G.from_coords(w)), x), (image, v), fast_mode=True)


def test_a_homography_is_that_of_scipy() -> None:
    """A reference warp of its own, cell by cell: rows and columns for x and y, interpolated by scipy."""
    G, images, side = Homography(2), Bumps(2).render(smooth(3), (32, 32)), 32
    g = elements(G, 3, 0.1)
    row, column = np.mgrid[:side, :side]
    # Centres, y upwards, in half sides.
    x, y = (2 * column + 1) / side - 1, 1 - (2 * row + 1) / side
    for one, image, moved in zip(g, images, act(Field(), G, g, images), strict=True):
        u, v, w = np.linalg.inv(one.numpy()) @ np.stack([x.ravel(), y.ravel(), np.ones(side * side)])
        places = np.stack([((1 - v / w) * side - 1) / 2, ((1 + u / w) * side - 1) / 2])
        theirs = scipy.ndimage.map_coordinates(image[0].numpy(), places, order=1, mode="grid-constant")
        assert np.abs(moved[0].numpy().ravel() - theirs).max() < 1e-5


def test_fill_is_what_lies_outside() -> None:
    image = torch.full((1, 1, 8, 8), 2.0)
    away = T(2).from_coords(torch.tensor([[1.0, 0.0]]))
    for fill, left in ((0.0, 0.0), (-1.0, -1.0), ("border", 2.0), ("reflection", 2.0)):
        moved = act(Field(fill=fill), T(2), away, image)
        assert torch.allclose(moved[..., :4], torch.tensor(left))
        assert torch.allclose(moved[..., 4:], torch.tensor(2.0))
    behind = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [4.0, 0.0, 1.0]]])
    assert bool(act(Field(), Homography(2), behind, image).isfinite().all()), "cells at infinity are fill"


@pytest.mark.parametrize("field", [Field(fill="border"), Field(2 * Vector, fill=-0.5), Field(mode="bicubic"), Bumps(3)])
def test_options_and_bumps_are_written_and_read(field: object) -> None:
    assert parse_type(str(field)) == field


@pytest.mark.parametrize("fill", [0.0, 0.3, "border", "reflection"])
@pytest.mark.parametrize("name", ["SO(2)", "T(2)", "GL+(2)", "Affine(SL(2))", "homographies", "SE(3)"])
def test_the_rate_of_an_image_is_the_derivative_of_its_warp_to_both_sides(name: str, fill: float | str) -> None:
    """To one side alone the slopes of a bilinear image are others: they jump at every cell."""
    G = Homography(2) if name == "homographies" else parse(name)
    sides = (4, 5, 3) if G.degree == 3 else (6, 5)
    x = torch.randn(2, 3, *sides, generator=generator(), dtype=FLOAT64)
    field, t = Field(Scalar, fill=fill), 1e-6
    basis = matrix(G.algebra.basis)
    for A in basis:
        g = matrix(G.exp(t * A)).expand(2, *A.shape)
        there, back = act(field, G, g, x), act(field, G, G.inverse(g), x)
        assert torch.allclose(tangent(field, G, A, x), (there - back) / (2 * t), atol=1e-4), A
    one_sided = (act(field, G, matrix(G.exp(t * basis[0])).expand(2, *basis[0].shape), x) - x) / t
    assert not torch.allclose(tangent(field, G, basis[0], x), one_sided, atol=1e-2)


def test_the_rate_of_a_smooth_image_is_that_of_its_formula() -> None:
    """Central differences are right to the square of a cell."""
    f, A = smooth(1), matrix(SO(2).algebra.basis)[0]
    t, bumps = 1e-4, Bumps(2)
    g = matrix(SO(2).exp(t * A))[None]
    gaps: list[float] = []
    for n in (32, 64):
        there, back = (bumps.render(bumps.act(SO(2), h, f), (n, n)) for h in (g, SO(2).inverse(g)))
        exact, seen = (there - back) / (2 * t), tangent(Field(), SO(2), A, bumps.render(f, (n, n)))
        gaps.append(float((seen - exact).norm() / exact.norm()))
    assert gaps[0] < 0.08  # bumps of a deviation of two cells
    assert 3.5 < gaps[0] / gaps[1] < 4.5


def test_vectors_at_cells_turn_as_they_move() -> None:
    x, A = torch.randn(2, 2, 6, 6, generator=generator(), dtype=FLOAT64), matrix(SO(2).algebra.basis)[0]
    g, t = matrix(SO(2).exp(1e-6 * A)).expand(2, 2, 2), 1e-6
    change = (act(Field(Vector), SO(2), g, x) - act(Field(Vector), SO(2), SO(2).inverse(g), x)) / (2 * t)
    assert torch.allclose(tangent(Field(Vector), SO(2), A, x), change, atol=1e-4)


def test_what_cannot_be_warped_is_refused() -> None:
    image = torch.zeros(1, 1, 4, 4)
    with pytest.raises(DomainError, match="fill='mirror'"):
        Field(fill="mirror")
    with pytest.raises(DomainError, match="mode='linear'"):
        parse_type("Field(Scalar, mode=linear)")
    with pytest.raises(DtypeError, match="float64 elements"):
        act(Field(), SO(2), elements(SO(2), 1), image)
    with pytest.raises(DomainError, match="bicubic"):
        act(Field(mode="bicubic"), SO(3), elements(SO(3), 1).float(), torch.zeros(1, 1, 4, 4, 4))
    with pytest.raises(DomainError, match="linear"):
        act(Field(Vector), Homography(2), torch.eye(3)[None], torch.zeros(1, 2, 4, 4))
    with pytest.raises(DomainError, match="rate"):
        tangent(Field(mode="nearest"), SO(2), torch.tensor([[0.0, -1.0], [1.0, 0.0]]), image)
    with pytest.raises(DomainError, match="affine"):
        act(Bumps(2), Homography(2), torch.eye(3, dtype=FLOAT64)[None], smooth(1))
    with pytest.raises(SchemaError, match="linear type"):
        parse_type("Field(Point, fill=border)")


def test_the_centres_of_cells_are_where_the_unit_says() -> None:
    assert cell_centres((2, 4))[0, 0].tolist() == [-0.75, 0.25]
    far = cell_centres((3, 3, 3))[0, 0, 0]
    assert torch.allclose(far, torch.tensor([-2 / 3, 2 / 3, -2 / 3], dtype=FLOAT64))
    assert math.isclose(float(cell_centres((28, 28)).square().mean()), (1 - 1 / 28**2) / 3)


def test_what_is_kept_of_an_image_is_not_handed_out() -> None:
    centres = cell_centres((3, 3))
    centres += 1.0
    assert float(cell_centres((3, 3)).abs().max()) < 1.0
    with pytest.raises(DomainError, match="fill=nan"):
        Field(fill=float("nan"))
