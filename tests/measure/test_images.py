"""Two readings of functions of images, and the floor below which the second one sees nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from isotropy.groups import Window, parse
from isotropy.measure import equivariance_error, image_errors, interpolation_floor
from isotropy.reps import Bumps, Field


def signals(rows: int = 16) -> Tensor:
    """One bump each, stretched along x, off the middle: what turns it is seen."""
    draw = torch.Generator().manual_seed(0)
    centre = 0.2 * torch.randn(rows, 1, 2, generator=draw, dtype=torch.float64)
    covariance = torch.diag(torch.tensor([0.03, 0.01], dtype=torch.float64)).expand(rows, 1, 2, 2)
    return Bumps(2).of(torch.ones(rows, 1, dtype=torch.float64), centre, covariance)


def energy(image: Tensor) -> Tensor:
    """Invariant under turns of signals; interpolation flattens images and lowers it."""
    return image.square().sum((2, 3))


def spread_along_x(image: Tensor) -> Tensor:
    side = image.shape[-1]
    x = torch.linspace(-1, 1, side, dtype=image.dtype)
    return (image * x.square()).sum((2, 3))


def test_an_invariant_function_is_seen_as_one_in_function_space_only() -> None:
    found = image_errors(energy, "SO(2)", signals(), sides=(20, 20))
    assert found.function_space.mean < 1e-4
    assert found.image_space.mean > 100 * found.function_space.mean
    assert found.floor.mean > found.image_space.mean / 2
    assert "floor" in str(found)


def test_a_function_that_breaks_it_is_seen_in_both() -> None:
    found = image_errors(spread_along_x, "SO(2)", signals(), sides=(20, 20))
    assert found.function_space.mean > 0.2
    assert abs(found.image_space.mean - found.function_space.mean) < 0.05


def test_the_floor_falls_with_the_grid_and_is_none_where_cells_go_to_cells() -> None:
    f, window = signals(), Window(parse("Affine(GL+(2))"), 0.1)
    coarse, fine = (interpolation_floor(window, Bumps(2).render(f, (n, n)), Field()).mean for n in (12, 48))
    assert coarse > 4 * fine
    image = Bumps(2).render(f, (12, 12))
    assert interpolation_floor("D(4)", image, Field()).mean == 0
    assert equivariance_error(torch.square, "D(4)", image, Field(), Field()).mean == 0
