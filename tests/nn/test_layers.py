"""Exact layers: widths of hidden types, and equivariance before and after one optimiser step in both precisions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import Group, parse
from isotropy.nn import EMLP, BilinearBlock, EquivariantLinear, GatedNonlinearity, gated, uniform_rep
from isotropy.nn._bilinear import uniform_counts
from isotropy.nn.parts import copies
from isotropy.random import spawn
from isotropy.reps import Nodes, Pixels, Point, Pseudoscalar, Pseudovector, Rep, Scalar, Vector
from isotropy.reps import Tensor as T

GROUPS = ["O(3)", "SO(3)", "O(2)@z", "SO(2)@(1,2,2)", "O(1)@x", "C(4)@z", "S(4)", "D(4)", "SO(2)"]


def types(group: Group) -> tuple[Rep, Rep]:
    if group.space == "nodes":
        return 2 * Nodes + Scalar, Nodes + Scalar
    if group.degree == 2:
        return Scalar + 3 * Vector, T(2) + Vector + Scalar
    return 2 * Scalar + 2 * Vector + Pseudovector, T(2) + Vector + Pseudoscalar


def fit_group(name: str) -> Group:
    return parse("O(1)@y") if name == "O(1)@x" else parse(name)


def worst(
    f: nn.Module, group: Group, rep_in: Rep, rep_out: Rep, dtype: torch.dtype, within: float | None = None
) -> float:
    """The largest defect |f(gx) - g f(x)|, relative to the largest output."""
    x = torch.randn(16, rep_in.dim(group), generator=spawn(1, "x"), dtype=torch.float64).to(dtype)
    g = group.sample((16,), generator=spawn(1, "g"), dtype=dtype, within=within)
    with torch.no_grad():
        y = f(x)
        gap = f(rep_in.act(group, g, x)) - rep_out.act(group, g, y)
    assert float(y.abs().max()) > 1e-6
    return float(gap.abs().max() / y.abs().max())


def one_step(f: nn.Module, n_in: int, n_out: int, dtype: torch.dtype) -> None:
    x, y = (
        torch.randn(32, n_in + n_out, generator=spawn(2, "xy"), dtype=torch.float64).to(dtype).split([n_in, n_out], 1)
    )
    optimizer = torch.optim.Adam(f.parameters(), lr=1e-2)
    (f(x) - y).square().mean().backward()
    optimizer.step()


def test_widths_of_the_paper_rule() -> None:
    assert uniform_counts(128, 3, rule="paper") == [54, 18, 6, 2]
    assert uniform_rep(128, 3, rule="paper").size({"space": 3}) == 216
    for ch in (89, 90):
        assert uniform_counts(ch, 3, rule="paper") == [36, 12, 4]
        assert uniform_rep(ch, 3, rule="paper").size({"space": 3}) == 108


@pytest.mark.parametrize("d", [1, 2, 3, 4, 10])
@pytest.mark.parametrize("ch", [1, 7, 32, 128, 384])
def test_the_exact_rule_fills_the_channels_exactly(ch: int, d: int) -> None:
    assert uniform_rep(ch, d).size({"space": d}) == ch
    assert uniform_rep(ch, d, rule="paper").size({"space": d}) >= ch


def test_no_channels_are_refused() -> None:
    with pytest.raises(DomainError):
        uniform_rep(0, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", GROUPS)
def test_linear_layers_and_networks_are_exact(name: str, dtype: torch.dtype) -> None:
    group = fit_group(name)
    rep_in, rep_out = types(group) if group.degree > 2 or group.space == "nodes" else types(parse("SO(2)"))
    n_in, n_out = rep_in.dim(group), rep_out.dim(group)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    linear = EquivariantLinear(rep_in, rep_out, group, generator=spawn(0, "linear")).to(dtype)
    network = EMLP(rep_in, rep_out, group, ch=30, depth=2, generator=spawn(0, "network")).to(dtype)
    for layer in (linear, network):
        assert worst(layer, group, rep_in, rep_out, dtype) < tolerance
        one_step(layer, n_in, n_out, dtype)
        assert worst(layer, group, rep_in, rep_out, dtype) < tolerance


@pytest.mark.parametrize("name", ["SL(2)", "Scale(3)", "Lorentz(4)"])
def test_groups_that_are_not_orthogonal(name: str) -> None:
    group = parse(name)
    rep = 3 * Scalar + 2 * Vector + T(2)
    network = EMLP(rep, rep, group, ch=3 * Scalar + 2 * Vector + T(2), depth=2, generator=spawn(0, "n")).double()
    assert worst(network, group, rep, rep, torch.float64, within=0.3) < 1e-10


@pytest.mark.parametrize("name", ["SE(3)", "E(3)", "T(3)"])
def test_points_move_with_their_centroid(name: str) -> None:
    group = parse(name)
    rep_in, rep_out = Scalar + 4 * Point, 2 * Point + Scalar
    network = EMLP(rep_in, rep_out, group, ch=20, depth=1, generator=spawn(0, "n")).double()
    assert worst(network, group, rep_in, rep_out, torch.float64, within=1.0) < 1e-12
    one_step(network, 13, 7, torch.float64)
    assert worst(network, group, rep_in, rep_out, torch.float64, within=1.0) < 1e-12
    with pytest.raises(DomainError, match="Points"):
        EMLP(Vector, Point, group, ch=4, generator=spawn(0, "n"))


def test_images_through_vectors() -> None:
    rep_in, rep_out = Pixels(5, 5, hole=1), Pixels(1, 1) + Vector
    network = EMLP(rep_in, rep_out, "D(4)", ch=16, depth=1, generator=spawn(0, "n")).double()
    assert worst(network, parse("D(4)"), rep_in, rep_out, torch.float64) < 1e-12


def test_a_gate_belongs_to_each_copy_that_moves() -> None:
    rep = 2 * Scalar + Pseudoscalar + Vector + 2 * T(2)
    assert gated(rep, "O(3)") == rep + 4 * Scalar
    assert gated(rep, "SO(3)") == rep + 3 * Scalar
    gate = GatedNonlinearity(rep, "O(3)")
    x = torch.randn(7, gate.rep_in.dim(gate.group), generator=spawn(0, "x"))
    y = gate(x)
    torch.testing.assert_close(y[:, :2], nn.functional.silu(x[:, :2]))
    torch.testing.assert_close(y[:, 2], x[:, 2] * x[:, 24].sigmoid())
    torch.testing.assert_close(y[:, 3:6], x[:, 3:6] * x[:, 25, None].sigmoid())
    torch.testing.assert_close(y[:, 15:24], x[:, 15:24] * x[:, 27, None].sigmoid())


def test_the_bilinear_block_is_the_sum_that_the_specification_writes() -> None:
    """§2.3: W(x)[i,j] = sum_n theta[(i,j),n] x^(n) reshaped d^q x d^p, output 0.1 W(x) x; written out in loops."""
    rep = 3 * Scalar + 2 * Vector + 4 * T(2)
    block = BilinearBlock(rep, "O(3)", generator=spawn(0, "block")).double()
    x = torch.randn(rep.dim(block.group), generator=spawn(0, "x"), dtype=torch.float64)
    places = {rank: list(copies(rep, block.group)[T(rank)]) for rank in range(3)}
    expected = torch.zeros_like(x)
    pairs = [(*pair.q, *pair.p) for pair in block.pairs]
    assert pairs == [(0, 1), (0, 2), (1, 0), (1, 1), (2, 0)]
    for pair, theta in zip(block.pairs, block.theta, strict=True):
        (q,), (p,) = pair.q, pair.p
        n, sources = len(pair.coefficients), len(places[p])
        for i, row in enumerate(places[q]):
            for j, column in enumerate(places[p]):
                W = sum(theta[i, k * sources + j] * x[pair.coefficients[k]] for k in range(n))
                expected[row] += 0.1 * (W @ x[column]).detach()
    torch.testing.assert_close(block(x).detach(), expected, rtol=1e-12, atol=1e-12)
    assert all(len(pair.coefficients) <= 3 ** sum(pair.q + pair.p) for pair in block.pairs)


def test_copies_are_chosen_by_the_generator() -> None:
    rep = Scalar + 9 * Vector
    first, again, other = (
        BilinearBlock(rep, "O(3)", generator=spawn(seed, "b")).pairs[0].coefficients for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_broken_layer_is_seen() -> None:
    layer = EquivariantLinear(2 * Vector, Vector, "O(3)", generator=spawn(0, "l")).double()
    broken = nn.Linear(6, 3, bias=False).double()
    with torch.no_grad():
        broken.weight.copy_(layer.weight + 1e-6 * torch.ones(3, 6))
    assert worst(broken, parse("O(3)"), 2 * Vector, Vector, torch.float64) > 1e-8
    with pytest.raises(ShapeError):
        EMLP(Scalar, Vector, "S(3)", generator=spawn(0, "l"))


@torch.no_grad()
def test_features_keep_their_size_whatever_their_type() -> None:
    rep = 30 * Scalar + 10 * Vector + 4 * T(2) + 2 * T(3)
    x = torch.randn(4000, rep.dim(parse("O(3)")), generator=spawn(0, "x"))
    layer = EquivariantLinear(rep, rep, "O(3)", bias=False, generator=spawn(0, "layer"))
    block = BilinearBlock(rep, "O(3)", generator=spawn(0, "block"))
    # A copy multiplied with itself is larger than two independent ones.
    for name, y, size in (("linear", layer(x), 1.0), ("bilinear", block(x), 0.1)):
        for atom, places in copies(rep, parse("O(3)")).items():
            assert size / 3 < float(y[:, places.flatten()].square().mean().sqrt()) < 3 * size, (name, atom)


@pytest.mark.parametrize(
    ("group", "rep_in", "rep_out"),
    [
        ("SO(3) x S(5)", "Nodes + Nodes*Vector", "Vector"),
        ("O(2) x S(4)", "Vector*Nodes + Scalar", "Nodes*Vector + Scalar"),
        ("O(3) x S(3)", "Nodes*Vector", "Nodes**2"),
    ],
)
def test_networks_under_products_of_groups_on_two_spaces(group: str, rep_in: str, rep_out: str) -> None:
    """Points with a feature each: turned and renumbered, whatever the hidden type."""
    from isotropy.reps import parse_rep
    from isotropy.testing import assert_equivariant

    G = parse(group)
    x = torch.randn(7, parse_rep(rep_in).dim(G), generator=spawn(0, "x"), dtype=torch.float64)
    for ch in (30, "2*Scalar + 2*Nodes + 2*Vector + Nodes*Vector", "2*Scalar + Vector*Nodes"):
        net = EMLP(rep_in, rep_out, G, ch, depth=2, generator=spawn(1, "net")).double()
        with torch.no_grad():
            for name, weight in net.named_parameters():
                if "phi" in name:
                    weight.zero_()  # biases alone would pass for an output
        assert net(x).std(0).max() > 1e-6, ch  # it sees x
        assert_equivariant(net, G, x, tol=1e-9)
