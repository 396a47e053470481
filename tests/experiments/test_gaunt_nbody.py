"""Charged particles by steered messages: the maps, the network's symmetry, and one short training of each product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from e3nn import o3

from isotropy.data import load_particles
from isotropy.experiments.gaunt._nbody import nbody_job
from isotropy.experiments.gaunt._steps import median_step
from isotropy.experiments.peers import STATE, ParticlesPlan, by_channels, by_irreps, squared_error
from isotropy.experiments.peers._steered import (
    PRODUCTS,
    ClebschGordanSteered,
    GauntSteered,
    Product,
    SteeredNetwork,
)
from isotropy.groups import E, Window
from isotropy.measure import equivariance_error
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Scalar, Sphere, to_e3nn
from isotropy.runs import Run

METHODS: tuple[Product, ...] = ("Gaunt", "Clebsch-Gordan")
TINY = ParticlesPlan(rows=300, width=4, layers=1, batch=50, epochs=8, rate=2e-2, validate_every=4)


@pytest.fixture
def double() -> Iterator[None]:
    """Modules built in float64: e3nn rounds its constants to the default dtype when it is built."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def states(rows: int) -> torch.Tensor:
    return torch.randn(rows, 5, 7, generator=spawn(0, "states"))


def test_the_layout_of_e3nn_is_that_of_the_adaptor() -> None:
    x, s = torch.randn(5, 3, 9, generator=spawn(0, "x")), torch.randn(5, 2, generator=spawn(0, "s"))
    text, order = to_e3nn(3 * Sphere(2) + 2 * Scalar)
    assert torch.equal(by_irreps(x, s), torch.cat([x.flatten(-2), s], -1)[..., order])
    assert o3.Irreps(text).dim == by_irreps(x, s).shape[-1]
    assert torch.equal(by_channels(by_irreps(x), 2), x)


def test_gaunt_maps_of_pairs_are_maps_of_both_sides_at_once(double: None) -> None:
    torch.manual_seed(0)
    steered = GauntSteered(2, 2, 2, inputs=6, outputs=3, scalars=2, gated=True)
    h, pairs = torch.randn(4, 5, 3, 9), torch.tensor([[0, 1, 4], [2, 0, 3]])
    a, s = torch.randn(4, 3, 9), torch.randn(4, 3, 2)
    both = torch.cat([h[:, pairs[0]], h[:, pairs[1]]], -2)
    torch.testing.assert_close(steered.of_pairs(h, pairs, a, s), steered(both, a, s), rtol=0, atol=1e-12)


def reached(steered: GauntSteered | ClebschGordanSteered) -> int:
    """The number of independent bilinear maps among those that the weights reach nearby."""
    x, a = torch.randn(40, 1, 9), torch.randn(40, 9)
    names = [name for name, _ in steered.named_parameters() if name != "bias"]

    def out(*weights: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(steered, dict(zip(names, weights, strict=True)), (x, a)).flatten()

    weights = tuple(dict(steered.named_parameters())[name].detach() for name in names)
    found = torch.autograd.functional.jacobian(out, weights)
    return int(torch.linalg.matrix_rank(torch.cat([each.flatten(1) for each in found], 1), rtol=1e-9))


def test_both_products_reach_all_even_paths(double: None) -> None:
    even = sum(1 for l1 in range(3) for l2 in range(3) for l3 in range(abs(l1 - l2), min(2, l1 + l2) + 1, 2))
    torch.manual_seed(0)
    for build in (GauntSteered, ClebschGordanSteered):
        assert reached(build(2, 2, 2, inputs=1, outputs=1)) == even == 11


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("degree", [1, 2])
def test_networks_are_equivariant_under_motions_and_mirrors(method: Product, degree: int, double: None) -> None:
    torch.manual_seed(0)
    network = SteeredNetwork(method, degree, degree, 4, 2)
    x = states(20)
    found = equivariance_error(network, Window(E(3), width=1.0), x, STATE, Cloud(Point), n=4)
    assert found.max < 1e-12
    assert (network(x) - x[..., :3]).abs().mean() > 1e-3, "an untrained network moves particles"
    order = torch.randperm(5, generator=spawn(0, "order"))
    torch.testing.assert_close(network(x[:, order]), network(x)[:, order], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", sorted(PRODUCTS))
def test_outputs_of_maps_start_near_unit_variance(name: str) -> None:
    torch.manual_seed(0)
    x, a = torch.randn(4000, 64, 9), torch.randn(4000, 9)
    y = PRODUCTS[name](2, 2, 2, inputs=64, outputs=64)(x, a)
    for l in range(3):
        assert 0.3 < y[..., l * l : (l + 1) ** 2].var().item() < 3.0


def test_timing_leaves_the_weights_alone() -> None:
    torch.manual_seed(0)
    network, x = SteeredNetwork("Gaunt", 1, 1, 4, 1), states(10)
    before = [p.detach().clone() for p in network.parameters()]
    still = torch.optim.Adam(network.parameters(), lr=0.0)
    assert median_step(network, squared_error, [(x, x[..., :3])], still, "cpu") > 0
    assert all(torch.equal(p, q) for p, q in zip(before, network.parameters(), strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_a_short_training_beats_standing_still(method: Product, tmp_path: Path, real_data: Path) -> None:
    with Run(tmp_path / "run") as run:
        found = nbody_job(run, seed=0, method=method, degree=1, plan=asdict(TINY))
    assert set(found) == {"test", "symmetry", "parameters", "seconds"}
    test = load_particles()["test"][: TINY.rows]
    still = (test.y - test.x[..., :3]).square().mean().item()
    assert 0 < found["test"] < still / 2
    assert found["symmetry"] < 1e-5
    expected = SteeredNetwork(method, 1, 1, TINY.width, TINY.layers)
    assert found["parameters"] == sum(p.numel() for p in expected.parameters())
    assert squared_error(expected, (test.x, test.y)).shape == (TINY.rows,)
