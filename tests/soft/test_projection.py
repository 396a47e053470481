"""Distances of weights from equivariant subspaces: checks 6.2 and 6.5 of the specification, and attach."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import parse
from isotropy.nn.parts import copies
from isotropy.random import spawn
from isotropy.reps import Nodes, Pixels, Point, Pseudovector, Rep, Scalar, Vector, equivariant_basis
from isotropy.reps import Tensor as T
from isotropy.soft import Constraint, Fixed, ProjectionPenalty, ResidualPathwayPenalty, SoftLinear, SoftMLP, attach
from isotropy.soft._complement import Complement, TypedLayer

GROUPS = ("O(3)", "O(2)@z", "SO(2)@(1,2,2)", "C(4)@x", "SO(3) x Scale(3)", "SL(3)")
RICH = 2 * Scalar + 3 * Vector + 2 * T(2) + Pseudovector + Scalar + Vector
RICHER = T(2) + RICH


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=spawn(seed, "normal", shape), dtype=torch.float64).to(dtype)


def layer(rep_in: Rep = RICH, rep_out: Rep = RICHER, groups: tuple[str, ...] = GROUPS, **options: bool) -> SoftLinear:
    return SoftLinear(rep_in, rep_out, groups, generator=spawn(0, "layer"), **options).double()


def test_residuals_are_those_of_the_basis() -> None:
    soft = layer()
    for j, name in enumerate(GROUPS):
        basis = equivariant_basis(soft.rep_in, soft.rep_out, parse(name))
        torch.testing.assert_close(soft.residual(j), basis.residual(soft.weight), rtol=0, atol=1e-12)
        torch.testing.assert_close(soft.project(j), basis.project(soft.weight), rtol=0, atol=1e-12)
        bias = equivariant_basis(Scalar, soft.rep_out, parse(name))
        assert soft.bias is not None
        squares = basis.residual(soft.weight).square().sum() + bias.residual(soft.bias[:, None]).square().sum()
        free = soft.weight.numel() + soft.bias.numel() - basis.dim - bias.dim
        assert soft.penalty(normalised=False)[j].item() == pytest.approx(squares.item() / 2, rel=1e-12)
        assert soft.penalty()[j].item() == pytest.approx(squares.item() / free, rel=1e-12)
        assert soft.complement.dims[j].item() == free


def test_high_ranks_go_through_thin_bases() -> None:
    groups = ("O(3)", "SO(2)@z")
    soft = layer(T(3) + Vector, T(3) + 2 * Scalar, groups, bias=False)
    assert max(kind.size for kind in soft.complement.kinds) == 729
    for j, name in enumerate(groups):
        basis = equivariant_basis(soft.rep_in, soft.rep_out, parse(name))
        torch.testing.assert_close(soft.residual(j), basis.residual(soft.weight), rtol=0, atol=1e-12)


def test_the_gradient_is_the_residual() -> None:
    """Check 6.2: gradient W - P W to 1e-10, zero in the subspace, Pythagoras to 1e-12; and again for its gradient."""
    soft = layer()
    for j in range(len(GROUPS)):
        gradient = torch.autograd.grad(soft.penalty(normalised=False)[j], soft.weight)[0]
        assert (gradient - soft.residual(j)).abs().max().item() < 1e-10
        whole, inside = soft.weight.square().sum(), soft.project(j).square().sum()
        assert (inside + soft.residual(j).square().sum()).item() == pytest.approx(whole.item(), rel=1e-12)
        other = layer(bias=False)
        with torch.no_grad():
            other.weight.copy_(soft.project(j))
        value = other.penalty(normalised=False)[j]
        assert value.item() < 1e-25
        assert torch.autograd.grad(value, other.weight)[0].abs().max().item() < 1e-12


def test_the_penalty_can_be_differentiated_twice() -> None:
    complement = Complement([TypedLayer(Scalar + Vector, Vector, bias=True)], [parse("O(3)"), parse("O(2)@z")])
    weights = normal(3, 4).requires_grad_(), normal(3).requires_grad_()
    assert torch.autograd.gradcheck(lambda *w: complement.squares(w), weights)
    assert torch.autograd.gradgradcheck(lambda *w: complement.squares(w), weights)


def test_normalised_penalties_of_random_weights_are_one_for_every_group() -> None:
    soft = layer(20 * RICH, 4 * RICH)
    with torch.no_grad():
        soft.weight.copy_(normal(*soft.weight.shape))
        soft.bias.copy_(normal(*soft.bias.shape))  # type: ignore[union-attr]
    torch.testing.assert_close(soft.penalty(), torch.ones(len(GROUPS)).double(), rtol=0.05, atol=0)
    raw = soft.penalty(normalised=False)
    assert raw.max() > 1.05 * raw.min()


def test_a_group_that_forbids_nothing_costs_nothing() -> None:
    soft = layer(3 * Scalar, 2 * Scalar)
    assert soft.penalty().tolist() == [0.0] * len(GROUPS)
    assert soft.penalty(normalised=False).sum().item() == 0.0


@pytest.mark.parametrize("name", ["SE(3)", "T(3)"])
def test_points_under_translations(name: str) -> None:
    group = parse(name)
    soft = SoftLinear(Scalar + 4 * Point, Vector + Scalar, ["SO(3)", group], generator=spawn(0, "l")).double()
    x = normal(8, 13)
    g = group.sample((8,), generator=spawn(0, "g"), dtype=torch.float64, within=1.0)
    moved = soft.rep_in.act(group, g, x)
    W = soft.project(1).detach()
    torch.testing.assert_close(moved @ W.mT, soft.rep_out.act(group, g, x @ W.mT), rtol=0, atol=1e-12)
    assert (moved @ soft.project(0).mT - soft.rep_out.act(group, g, x @ soft.project(0).mT)).abs().max() > 1e-3
    # Nothing equivariant is lost: what is left of a weight that is centred already is all of it.
    assert soft.penalty().min() > 0
    with torch.no_grad():
        soft.weight.copy_(W)
    torch.testing.assert_close(soft.project(1), W, rtol=0, atol=1e-14)


def test_groups_on_different_spaces() -> None:
    rep = Nodes * Vector + Vector
    soft = SoftLinear(rep, Vector, ["SO(3)", "S(4)", "SO(3) x S(4)"], generator=spawn(0, "l")).double()
    x = normal(4, 3)
    shuffled = x[torch.tensor([2, 0, 3, 1])]
    row, other = torch.cat([x.flatten(), x[0]]), torch.cat([shuffled.flatten(), x[0]])
    W = soft.project(1)
    torch.testing.assert_close(W @ row, W @ other, rtol=0, atol=1e-12)
    assert (soft.weight @ row - soft.weight @ other).abs().max() > 1e-3
    both = equivariant_basis(rep, Vector, parse("SO(3) x S(4)"))
    assert both.dim == 2
    torch.testing.assert_close(soft.project(2), both.project(soft.weight), rtol=0, atol=1e-12)


@pytest.mark.parametrize("distance", ["mse", "log", "cosine"])
def test_distances(distance: str) -> None:
    groups = ("O(3)", "O(2)@z")
    net = SoftMLP(Scalar + Vector, Vector, groups, ch=14, depth=1, generator=spawn(0, "net")).double()
    values = ProjectionPenalty(net, distance=distance)(net)  # type: ignore[arg-type]
    for j, name in enumerate(groups):
        squares, dims, cosines = 0.0, 0, []
        for one in net.layers:
            assert isinstance(one, SoftLinear)
            for rep_in, weight in ((one.rep_in, one.weight.data), (Scalar, one.bias.data[:, None])):  # type: ignore[union-attr]
                basis = equivariant_basis(rep_in, one.rep_out, parse(name))
                inside = basis.project(weight)
                squares += float((weight - inside).square().sum())
                dims += weight.numel() - basis.dim
                scale = float(weight.norm() * inside.norm())
                cosines.append(1 - float((weight * inside).sum()) / scale if scale else 1.0)
        expected = {
            "mse": squares / dims,
            "log": math.log(squares / dims),
            "cosine": sum(cosines) / len(cosines),
        }[distance]
        assert values[j].item() == pytest.approx(expected, rel=1e-10)
    values.sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in net.parameters() if p.grad is not None)


def test_the_merging_identity_of_residual_pathways() -> None:
    """Check 6.5: min over splits of a |w_e|^2 + b |w_b|^2 at fixed W, the minimum found by linear least squares."""
    a, b = 0.3, 1.7
    soft = layer(Scalar + 2 * Vector, Vector + Scalar, ("O(3)", "O(2)@z"), bias=False)
    values = ResidualPathwayPenalty(soft, equivariant=a, residual=b)(soft)
    for j, group in enumerate(soft.groups):
        maps = equivariant_basis(soft.rep_in, soft.rep_out, group).maps.flatten(1)  # w_e = theta @ maps
        W = soft.weight.detach().flatten()
        # Minimise a |theta|^2 + b |W - theta maps|^2 over theta: stacked least squares, no projector involved.
        A = torch.cat([a**0.5 * torch.eye(len(maps)).double(), b**0.5 * maps.mT])
        y = torch.cat([torch.zeros(len(maps)).double(), b**0.5 * W])
        theta = torch.linalg.lstsq(A, y[:, None]).solution
        assert values[j].item() == pytest.approx((A @ theta - y[:, None]).square().sum().item(), rel=1e-10)


def test_attach_leaves_the_module_alone() -> None:
    model = nn.Sequential(nn.Linear(4, 14), nn.SiLU(), nn.Linear(14, 9, bias=False))
    hidden = 5 * Scalar + 3 * Vector
    x = normal(10, 4, dtype=torch.float32)
    before, keys = model(x), list(model.state_dict())
    penalty = attach(model, {"0": (Scalar + Vector, hidden), "2": (hidden, T(2))}, ["O(3)", "O(2)@z"])
    values = penalty(model)
    values.sum().backward()
    assert torch.equal(before, model(x))
    assert list(model.state_dict()) == keys
    assert not model._forward_hooks
    assert not model[0]._forward_pre_hooks
    by_hand = torch.zeros(2)
    for module, rep_in, rep_out in ((model[0], Scalar + Vector, hidden), (model[2], hidden, T(2))):
        for j, name in enumerate(penalty.names):
            by_hand[j] += (
                equivariant_basis(rep_in, rep_out, parse(name)).residual(module.weight).square().sum().detach()
            )
    for j, name in enumerate(penalty.names):
        bias = equivariant_basis(Scalar, hidden, parse(name)).residual(model[0].bias[:, None])
        by_hand[j] += bias.square().sum().detach()
    torch.testing.assert_close(values.detach(), by_hand / penalty.complement.dims, rtol=1e-5, atol=0)

    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = model

    assert torch.equal(penalty(Wrapped()), values)


def test_attach_refuses_types_that_do_not_fit() -> None:
    model = nn.Sequential(nn.Linear(4, 14))
    with pytest.raises(ShapeError, match=r"\(14, 4\).*\(14, 5\)"):
        attach(model, {"0": (2 * Scalar + Vector, 5 * Scalar + 3 * Vector)}, ["O(3)"])
    with pytest.raises(ShapeError, match="O\\(2\\)"):
        attach(model, {"0": (Scalar + Vector, 14 * Scalar)}, ["O(3)", "O(2)"])
    with pytest.raises(DomainError, match="SoftLinear"):
        ProjectionPenalty(model)


def test_convolution_kernels() -> None:
    """A kernel is an invariant map under D(4) when turning its input plane by plane changes nothing."""
    model = nn.Conv2d(2, 3, 3).double()
    penalty = attach(model, {"": (2 * Pixels(3, 3), 3 * Scalar)}, ["D(4)", "C(2)"])
    for j, moves in enumerate(([0, 1, 2, 3], [0, 2])):
        turned = torch.stack([torch.rot90(model.weight, k, (2, 3)) for k in moves])
        if j == 0:
            turned = torch.cat([turned, turned.flip(-1)])
        residual = model.weight - turned.mean(0)
        free = 6 * (9 - (3 if j == 0 else 5))
        assert penalty.complement.dims[j].item() == free
        assert penalty(model)[j].item() == pytest.approx(residual.square().sum().item() / free, rel=1e-12)


def test_the_decoupled_step_shrinks_what_is_forbidden_and_nothing_else() -> None:
    soft = layer(groups=("O(3)", "O(2)@z"))
    penalty = ProjectionPenalty(soft, normalised=False)
    constraint = Constraint(penalty, multiplier=Fixed((0.0, 2.0)), decoupled=True)
    assert constraint.term(soft, None, None).item() == 0.0
    assert not constraint.term(soft, None, None).requires_grad
    before, residual = soft.weight.detach().clone(), soft.residual(1).detach()
    constraint.decoupled_step(soft, lr=0.1)
    torch.testing.assert_close(soft.weight.detach(), before - 0.2 * residual, rtol=0, atol=1e-14)
    for _ in range(3):
        constraint.decoupled_step(soft, lr=100.0)  # never past the subspace
    torch.testing.assert_close(soft.weight.detach(), before - residual, rtol=0, atol=1e-13)
    with pytest.raises(DomainError):
        ProjectionPenalty(soft, distance="log").decay(soft, torch.ones(2).double())


@pytest.mark.parametrize(("init", "inside", "outside"), [("rpp", 1.001, 1e-3), ("halfsoft", 1.0, 0.5)])
def test_starts_lean_to_the_largest_group(init: str, inside: float, outside: float) -> None:
    plain, leaning = (
        SoftLinear(RICH, RICH, ["O(3)", "O(2)@z"], init=kind, generator=spawn(0, "l"))  # type: ignore[arg-type]
        for kind in ("orthogonal", init)
    )
    eye = torch.eye(len(plain.weight))
    torch.testing.assert_close(plain.weight @ plain.weight.mT, eye, rtol=0, atol=1e-5)
    torch.testing.assert_close(leaning.residual(0), outside * plain.residual(0), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(leaning.project(0), inside * plain.project(0), rtol=1e-4, atol=1e-6)
    assert plain.bias is not None
    assert 0 <= plain.bias.min() < plain.bias.max() < len(plain.weight) ** -0.5


@torch.no_grad()
def test_the_start_near_an_exact_layer_keeps_every_type_of_copy_alive() -> None:
    near = SoftLinear(RICH, RICH, ["O(3)", "O(2)@z"], init="near", generator=spawn(0, "l"))
    assert float(near.residual(0).norm()) < 2e-3 * float(near.weight.norm())
    for places in copies(RICH, near.groups).values():
        assert abs(float(near.weight[places.flatten()].square().sum(1).mean()) - 1) < 0.01


def test_the_penalty_of_a_network_sums_its_layers() -> None:
    net = SoftMLP(Scalar + Vector, T(2), ["O(3)", "O(2)@z"], ch=32, depth=2, generator=spawn(0, "net"))
    layers = [one for one in net.layers if isinstance(one, SoftLinear)]
    assert [one.weight.shape for one in layers] == [(32, 4), (32, 32), (9, 32)]
    assert all(a.rep_out == b.rep_in for a, b in pairwise(layers))
    total = torch.stack([one.penalty(normalised=False) for one in layers]).sum(0)
    torch.testing.assert_close(ProjectionPenalty(net, normalised=False)(net), total)


def test_the_weighted_sum_is_the_sum_of_the_weighted() -> None:
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        net = SoftMLP(RICH, T(2), GROUPS, ch=40, depth=2, generator=spawn(0, "net")).to(dtype)
        multiplier = torch.tensor([0.0, 1.0, 0.3, 2.0, 0.1, 5.0]).double()
        for penalty in (ProjectionPenalty(net), ResidualPathwayPenalty(net), ProjectionPenalty(net, distance="log")):
            apart = (multiplier.to(dtype) * penalty(net)).sum()
            whole = penalty.weighted(net, multiplier)
            assert whole.item() == pytest.approx(apart.item(), rel=tolerance)
            parameters = list(net.parameters())
            for a, b in zip(
                torch.autograd.grad(apart, parameters), torch.autograd.grad(whole, parameters), strict=True
            ):
                torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * float(a.abs().max()))
        through = Constraint(ProjectionPenalty(net), bound=0.01, multiplier=Fixed(multiplier.tolist()))
        expected = (multiplier.to(dtype) * (ProjectionPenalty(net)(net) - 0.01)).sum().item()
        assert through.term(net, None, None).item() == pytest.approx(expected, rel=tolerance)
