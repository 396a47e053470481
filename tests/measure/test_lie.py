"""Lie derivatives: closed forms, the limit of finite elements, and functions whose derivative is hidden."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.groups import DiscreteMeasure, parse
from isotropy.measure import equivariance_error, lie_derivative, lie_error
from isotropy.reps import Point, Scalar, Vector
from isotropy.reps import Tensor as TensorRep


def net(n_in: int, n_out: int, seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(n_in, 16), nn.Tanh(), nn.Linear(16, n_out)).double()


def rows(n: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


CASES = [
    ("SO(3)", 2 * Vector + Scalar, TensorRep(2), 7, 9),
    ("SO(2)@(1,2,2)", 2 * Vector, Vector, 6, 3),
    ("SE(3)", 2 * Point, Vector, 6, 3),
    ("GL+(2)", Vector + Vector.dual, Vector * Vector.dual, 4, 4),
    ("Scale(2)", Vector, TensorRep(2).weighted(3), 2, 4),
    ("SO(3) x Scale(3)", Vector, Vector, 3, 3),
]


@pytest.mark.parametrize(("name", "rep_in", "rep_out", "n_in", "n_out"), CASES, ids=[case[0] for case in CASES])
def test_it_is_the_derivative_of_the_pulled_back_function(name: str, rep_in, rep_out, n_in: int, n_out: int) -> None:
    G, f, x, h = parse(name), net(n_in, n_out), rows(6, n_in), 1e-5
    found = lie_derivative(f, G, x, rep_in, rep_out)
    assert found.shape == (G.dim, 6, n_out)
    for a in range(G.dim):
        sides = []
        for t in (h, -h):
            g = G.exp(t * G.algebra.basis[a])
            sides.append(rep_out.act(G, G.inverse(g), f(rep_in.act(G, g, x))))
        assert torch.allclose(found[a], (sides[0] - sides[1]) / (2 * h), atol=1e-7)


def test_an_equivariant_function_has_none() -> None:
    x = rows(5, 6)
    cross = lambda v: torch.linalg.cross(v[:, :3], v[:, 3:])  # noqa: E731
    assert float(lie_derivative(cross, "SO(3)", x, 2 * Vector, Vector).abs().max()) < 1e-13
    # The dual of a vector that scales as s scales as 1/s: the product does not scale.
    pairing = lambda v: (v[:, :2] * v[:, 2:]).sum(1, keepdim=True)  # noqa: E731
    assert float(lie_derivative(pairing, "GL+(2)", x[:, :4], Vector + Vector.dual, Scalar).abs().max()) < 1e-13
    assert float(lie_derivative(pairing, "GL+(2)", x[:, :4], 2 * Vector, Scalar).abs().max()) > 0.1


def test_pairs_of_inputs_and_products_over_spaces() -> None:
    q, v = rows(5, 3), rows(5, 3, seed=1)
    energy = lambda a, b: (b.square().sum(1) / 2 + a.norm(dim=1))[:, None]  # noqa: E731
    assert float(lie_derivative(energy, "SO(3)", (q, v), (Vector, Vector), Scalar).abs().max()) < 1e-13
    G = parse("SO(3)") * parse("SO(2)").on("hue")
    rep = Vector + Vector.on("hue")
    f = lambda x: torch.cat([x[:, :3], x[:, 3:] * torch.tensor([1.0, 2.0])], 1)  # noqa: E731
    found = lie_derivative(f, G, rows(4, 5), rep, rep)
    assert found.shape == (4, 4, 5)
    assert float(found[:3].abs().max()) < 1e-13 < 0.1 < float(found[3].abs().max())


def test_it_is_the_limit_of_the_sampled_error() -> None:
    """CORE §5: lie_error = lim equivariance_error(exp tA) / t, in every norm."""
    G, f, x, t = parse("SO(3)"), net(3, 3), rows(40, 3), 1e-5
    for norm in ("relative", "absolute", "pairwise"):
        found = lie_error(f, G, x, Vector, Vector, norm=norm)
        for a in range(3):
            near = DiscreteMeasure(G.exp(t * G.algebra.basis[a])[None], torch.zeros(1, dtype=torch.float64))
            finite = equivariance_error(f, G, x, Vector, Vector, measure=near, norm=norm)
            assert finite.mean / t == pytest.approx(found.generators[a].mean, rel=1e-4)
            assert finite.high / t == pytest.approx(found.generators[a].high, rel=1e-4)
            assert finite.max is not None
            assert finite.max / t == pytest.approx(found.generators[a].max, rel=1e-4)


def test_the_local_equivariance_error_is_the_square_of_absolute() -> None:
    f, x = net(3, 3), rows(40, 3)
    derivative = lie_derivative(f, "SO(3)", x, Vector, Vector).detach()
    found = lie_error(f, "SO(3)", x, Vector, Vector, norm="absolute")
    for a in range(3):
        assert found.generators[a].mean ** 2 == pytest.approx(float(derivative[a].square().mean()), rel=1e-12)
    assert found.total.mean**2 == pytest.approx(float(derivative.square().mean() * 3), rel=1e-12)


def test_it_is_differentiable_in_the_parameters_and_chunks_change_nothing() -> None:
    f, x = net(3, 3), rows(10, 3)
    whole, parts = (lie_derivative(f, "SO(3)", x, Vector, Vector, chunk=chunk) for chunk in (99, 3))
    assert torch.allclose(whole, parts, atol=1e-14)
    weight = f[0].weight
    (gradient,) = torch.autograd.grad(whole.square().sum(), weight)
    step = torch.zeros_like(weight)
    step[0, 0] = 1e-6
    with torch.no_grad():
        sides = []
        for sign in (1, -1):
            weight += sign * step
            sides.append(lie_derivative(f, "SO(3)", x, Vector, Vector).square().sum())
            weight -= sign * step
    assert float(gradient[0, 0]) == pytest.approx(float(sides[0] - sides[1]) / 2e-6, rel=1e-5)


def test_dtype_follows_the_input() -> None:
    assert lie_derivative(net(3, 3).float(), "SO(3)", rows(4, 3).float(), Vector, Vector).dtype == torch.float32


def test_a_hidden_derivative_is_refused_not_read_as_symmetry() -> None:
    hidden = lambda v: v.detach() ** 2  # noqa: E731
    with pytest.raises(DomainError, match="torch cannot see"):
        lie_derivative(hidden, "SO(3)", rows(5, 3), Vector, Vector)
    # A constant really has no derivative.
    constant = lambda v: torch.ones_like(v)  # noqa: E731
    assert lie_derivative(constant, "SO(3)", rows(5, 3), Vector, 3 * Scalar).abs().max() == 0


def test_a_finite_group_has_no_generators() -> None:
    with pytest.raises(DomainError, match="no generators"):
        lie_derivative(net(3, 3), "D(4)@z", rows(5, 3), Vector, Vector)


def test_intervals_resample_clusters() -> None:
    x = rows(10, 3).repeat_interleave(20, 0)
    alone = lie_error(net(3, 3), "SO(3)", x, Vector, Vector).total
    grouped = lie_error(net(3, 3), "SO(3)", x, Vector, Vector, cluster=np.arange(10).repeat(20)).total
    assert grouped.n == 10
    assert math.log(grouped.high / grouped.low) > 3 * math.log(alone.high / alone.low)
