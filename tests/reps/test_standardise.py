"""Scaling commutes with the group: standardising moved data moves the standardised data."""

from __future__ import annotations

import pytest
import torch

from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.groups import Group, parse
from isotropy.reps import (
    Irrep,
    Nodes,
    Pixels,
    Point,
    Pseudoscalar,
    Rep,
    Scalar,
    Sphere,
    Standardiser,
    Vector,
)
from isotropy.reps import Tensor as TensorRep

MIXED = 3 * Scalar("mass") + 2 * Vector("place") + TensorRep(2)("inertia") + Pseudoscalar + 2 * Vector("speed")

SPHERES = 2 * Sphere(2)("shape") + Irrep(2, -1) + Irrep(3, -1)


def table(rep: Rep, G: Group, n: int = 50) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    width = rep.dim(G)
    return 3 + torch.randn(n, width, generator=generator, dtype=torch.float64) * torch.arange(1, width + 1)


def element(G: Group) -> torch.Tensor:
    width = None if G.compact else 0.5
    g = G.sample((), generator=torch.Generator().manual_seed(1), dtype=torch.float64, within=width)
    assert isinstance(g, torch.Tensor)
    return g


def standardise(rep: Rep, x: torch.Tensor, **settings: object) -> torch.Tensor:
    return Standardiser.fit(rep, x, **settings).apply(x)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rep", "name"),
    [
        (MIXED, "O(3)"),
        (SPHERES, "O(3)"),
        (MIXED, "SO(2)@(1,2,2)"),
        (2 * Pixels(3, 3) + Scalar, "D(4)"),
        (Nodes**2 + 2 * Nodes, "S(4)"),
    ],
)
def test_one_element_for_all_rows_commutes_with_standardising(rep: Rep, name: str) -> None:
    G = parse(name)
    x, g = table(rep, G), element(G)
    assert torch.allclose(standardise(rep, rep.act(G, g, x)), rep.act(G, g, standardise(rep, x)), atol=1e-12)


@pytest.mark.parametrize("name", ["O(3)", "D(4)", "S(4)"])
def test_a_fitted_standardiser_commutes_with_another_element_for_each_row(name: str) -> None:
    G = parse(name)
    rep = {"O(3)": MIXED, "D(4)": 2 * Pixels(3, 3) + Scalar, "S(4)": Nodes**2 + 2 * Nodes}[name]
    x = table(rep, G)
    g = G.sample((len(x),), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    fitted = Standardiser.fit(rep, x)
    assert torch.allclose(fitted.apply(rep.act(G, g, x)), rep.act(G, g, fitted.apply(x)), atol=1e-12)
    assert torch.allclose(fitted.restore(fitted.apply(x)), x, atol=1e-12)


def test_scaling_axis_by_axis_would_not_commute() -> None:
    G = parse("O(3)")
    x, g = table(MIXED, G), element(G)
    mean, std = x.mean(0), x.std(0)
    moved = MIXED.act(G, g, (x - mean) / std)
    assert not torch.allclose((MIXED.act(G, g, x) - mean) / std, moved, atol=0.1)


def test_numbers_have_mean_zero_and_every_part_has_one_scale() -> None:
    G = parse("O(3)")
    x = table(MIXED, G)
    fitted = Standardiser.fit(MIXED, x)
    z = fitted.apply(x)
    mass, place, inertia, pseudo, speed = MIXED.columns(G)
    assert torch.allclose(z[:, mass].mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(z[:, mass].square().mean(0), torch.ones(3, dtype=torch.float64))
    for where in (place, inertia, pseudo, speed):
        assert float(z[:, where].square().mean()) == pytest.approx(1.0)
        assert len(fitted.scale[where].unique()) == 1
        assert not fitted.shift[where].any()
    assert fitted.scale[place][0] != fitted.scale[speed][0]


def test_points_relative_to_the_centroid_of_their_row_are_blind_to_translations() -> None:
    G = parse("SE(2)")
    rep = 3 * Point + Vector + Scalar + Point("other")
    x = table(rep, G)
    g = G.sample((len(x),), generator=torch.Generator().manual_seed(1), dtype=torch.float64, within=2.0)
    fitted = Standardiser.fit(rep, x, centre=True)
    z = fitted.apply(x)
    turned = (3 * Vector + Vector + Scalar + Vector).act(parse("SO(2)"), g[:, :2, :2], z)  # type: ignore[index]
    assert torch.allclose(fitted.apply(rep.act(G, g, x)), turned, atol=1e-11)
    assert torch.allclose(fitted.restore(z, fitted.centroid(x)), x, atol=1e-11)
    points = torch.cat([x[:, :6], x[:, 9:]], dim=1).reshape(-1, 4, 2)
    assert torch.allclose(fitted.centroid(x), points.mean(1))
    target = Standardiser.fit(Point, points[:, 0], centre=True)
    moved = target.apply(points[:, 0] + 5, fitted.centroid(x) + 5)
    assert torch.allclose(moved, target.apply(points[:, 0], fitted.centroid(x)))
    with pytest.raises(SchemaError, match="without their origin"):
        fitted.restore(z)


def test_the_scale_of_points_does_not_depend_on_where_they_are() -> None:
    x = table(2 * Point, parse("T(2)"))
    near, far = (
        Standardiser.fit(2 * Point, x, dims={"space": 2}),
        Standardiser.fit(2 * Point, x + 1e3, dims={"space": 2}),
    )
    assert torch.allclose(near.scale, far.scale, rtol=1e-9)


def test_what_does_not_vary_keeps_its_unit() -> None:
    x = torch.full((5, 4), 2.5, dtype=torch.float64)
    z = standardise(Scalar + Vector, x, dims={"space": 3})
    assert z[:, 0].tolist() == [0.0] * 5
    assert z[:, 1:].tolist() == [[1.0] * 3] * 5
    zero = standardise(Scalar + Vector, 0 * x)
    assert zero.abs().max() == 0


@pytest.mark.parametrize(("rep", "ratio"), [(2 * Vector, 1e3), (3 * Vector, 1e-4), (2 * Point, 50.0)])
def test_copies_in_units_of_their_own_get_scales_of_their_own(rep: Rep, ratio: float) -> None:
    x = torch.randn(400, rep.size({"space": 3}), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[:, :3] *= ratio
    fitted = Standardiser.fit(rep, x, dims={"space": 3})
    z = fitted.apply(x).unflatten(-1, (-1, 3)).square().mean((0, 2)).sqrt()
    assert torch.allclose(z, torch.ones_like(z), atol=0.1)
    # One scale for each copy, so that the result still turns with x.
    assert all(len(copy.unique()) == 1 for copy in fitted.scale.unflatten(0, (-1, 3)))


def test_copies_of_like_size_share_one_scale() -> None:
    x = torch.randn(400, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[:, :3] *= 20
    assert len(Standardiser.fit(2 * Vector, x, dims={"space": 3}).scale.unique()) == 1


def test_float32_stays() -> None:
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    assert standardise(Scalar + Vector, x).dtype == torch.float32


def test_what_cannot_be_standardised_is_refused() -> None:
    x = torch.zeros(3, 4)
    with pytest.raises(ShapeError, match="4 columns"):
        standardise(Scalar + 2 * TensorRep(2), x)
    with pytest.raises(DomainError, match="at least one row"):
        standardise(Scalar + Vector, x[:0])
    with pytest.raises(SchemaError, match="Points on one space"):
        standardise(Scalar + Vector, x, centre=True)
    with pytest.raises(SchemaError, match="centre=True"):
        Standardiser.fit(4 * Scalar, x).centroid(x)
