"""Averages over a group: a projection on equivariant maps, exact where the specification says so."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DegenerateError, DomainError, DtypeError, ShapeError
from isotropy.frames import MinimalFrame, PCAFrame
from isotropy.groups import Cubature, DiscreteMeasure, Group, parse
from isotropy.linalg import Segments
from isotropy.optics import average, canonicalise
from isotropy.reps import Cloud, Point, Scalar, Vector, act, equivariant_basis
from isotropy.testing import assert_equivariant

COMPACT = ["SO(2)", "O(2)", "SO(3)", "O(3)", "C(4)", "D(3)", "O(2)@z", "SO(2)@(1,2,2)", "S(3)"]


def rows(group: Group, copies: int = 2, count: int = 5) -> Tensor:
    width = copies * group.degree
    return torch.randn(count, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def rep(group: Group, copies: int):
    return copies * (Vector.on(group.space))


def polynomial(width: int, out: int):
    draw = torch.Generator().manual_seed(1)
    cubic = torch.randn(out, width, width, width, generator=draw, dtype=torch.float64)
    linear = torch.randn(out, width, generator=draw, dtype=torch.float64)
    return lambda x: torch.einsum("oabc,...a,...b,...c->...o", cubic, x, x, x) + x @ linear.mT + 0.3


@pytest.mark.parametrize("name", COMPACT)
def test_the_average_of_a_linear_map_is_its_projection(name: str) -> None:
    """Specification 01 §6.3: the Reynolds average by cubature matches P to 1e-10."""
    G = parse(name)
    rep_in, rep_out, x = rep(G, 2), rep(G, 1), rows(G)
    W = torch.randn(G.degree, 2 * G.degree, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    averaged = average(G, rep_in, rep_out).close(lambda v: v @ W.mT)(x)
    projected = equivariant_basis(rep_in, rep_out, G).project(W)
    assert torch.allclose(averaged, x @ projected.mT, atol=1e-10)


@pytest.mark.parametrize("name", COMPACT)
def test_the_average_of_a_polynomial_is_equivariant_and_averaging_again_changes_nothing(name: str) -> None:
    # Degree 3 in x and a vector out: degree 4 in g, as in §6.3.
    G = parse(name)
    rep_in, rep_out, x = rep(G, 2), rep(G, 1), rows(G)
    mean = average(G, rep_in, rep_out, degree=4)
    once = mean.close(polynomial(2 * G.degree, G.degree))
    g = G.sample((len(x),), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    turned, expected = once(act(rep_in, G, g, x)), act(rep_out, G, g, once(x))
    assert torch.allclose(turned, expected, atol=1e-10)
    assert torch.allclose(mean.close(once)(x), once(x), atol=1e-10)


def test_a_cubature_of_too_low_a_degree_is_seen() -> None:
    G = parse("SO(2)")
    x = rows(G)
    f = polynomial(4, 2)
    exact = average(G, rep(G, 2), rep(G, 1), degree=4).close(f)(x)
    rough = average(Cubature(G, 1), rep(G, 2), rep(G, 1)).close(f)(x)
    assert float((exact - rough).abs().max()) > 1e-3


def test_the_cubature_agrees_with_haar_draws() -> None:
    G, f = parse("SO(3)"), polynomial(6, 3)
    x = rows(G, count=2)
    exact = average(G, rep(G, 2), rep(G, 1), degree=4).close(f)(x)
    g = G.sample((20_000,), generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    drawn = average(
        DiscreteMeasure(g, -torch.full((20_000,), 20_000.0, dtype=torch.float64).log()), rep(G, 2), rep(G, 1), group=G
    )
    spread = f(x).abs().max() / 20_000**0.5
    assert float((drawn.close(f)(x) - exact).abs().max()) < 8 * float(spread)


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_chunks_change_nothing(chunk: int) -> None:
    G, f = parse("O(2)"), polynomial(4, 2)
    x = rows(G)
    whole = average(G, rep(G, 2), rep(G, 1)).close(f)(x)
    parts = average(G, rep(G, 2), rep(G, 1), chunk=chunk).close(f)(x)
    assert torch.allclose(whole, parts, atol=1e-13)


def test_the_direction_is_pull_back_then_push_forward() -> None:
    # One atom, a quarter turn: g . f(g^-1 . x) with f = first coordinate along e_1 keeps the part along g e_1 = e_2.
    quarter = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]], dtype=torch.float64)
    one = DiscreteMeasure(quarter, torch.zeros(1, dtype=torch.float64))
    optic = average(one, Vector, Vector, group=parse("SO(2)"))
    x = torch.tensor([[3.0, 5.0]], dtype=torch.float64)
    assert torch.allclose(optic.close(lambda v: v * torch.tensor([1.0, 0.0]))(x), torch.tensor([[0.0, 5.0]]).double())


def test_gradients_and_dtype_follow_the_input() -> None:
    G = parse("C(4)")
    x = rows(G).float().requires_grad_()
    y = average(G, rep(G, 2), Scalar).close(lambda v: v.square().sum(-1, keepdim=True))(x)
    assert y.dtype == torch.float32
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.allclose(gradient, 2 * x, atol=1e-5)


def heading(x: Tensor) -> DiscreteMeasure:
    """The rotation that takes e_1 to the first vector of each row: an equivariant frame of SO(2) away from 0."""
    c, s = (x[:, :2] / x[:, :2].norm(dim=1, keepdim=True)).unbind(1)
    g = torch.stack([c, -s, s, c], -1).unflatten(-1, (2, 2))
    return DiscreteMeasure(g[:, None], torch.zeros(len(x), 1, dtype=x.dtype))


def test_canonical_forms() -> None:
    G = parse("SO(2)")
    x, f = rows(G), polynomial(4, 2)
    optic = canonicalise(heading, rep(G, 2), rep(G, 1), group=G)
    fixed = optic.close(f)
    g = G.sample((len(x),), generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    moved = act(rep(G, 2), G, g, x)
    assert torch.allclose(fixed(moved), act(rep(G, 1), G, g, fixed(x)), atol=1e-10)
    # There and back is the identity, and what is canonical already stays where it is.
    residual, inside = canonicalise(heading, rep(G, 2), rep(G, 2), group=G).forward(x)
    assert torch.allclose(
        canonicalise(heading, rep(G, 2), rep(G, 2), group=G).backward(residual, inside), x, atol=1e-12
    )
    again = optic.forward(inside)[0].g
    assert torch.allclose(again, torch.eye(2, dtype=x.dtype).expand_as(again), atol=1e-12)


def test_refusals() -> None:
    with pytest.raises(DomainError, match="which group"):
        average(heading, Vector, Vector)
    with pytest.raises(ShapeError, match="row axis"):
        average(parse("C(4)"), Vector, Vector).close(torch.sin)(torch.ones(2))
    with pytest.raises(ShapeError, match="2, one for each type"):
        act((Vector, Vector), parse("C(4)"), torch.eye(2)[None], torch.ones(1, 2))
    with pytest.raises(ShapeError, match="a measure for 3 rows"):
        average(lambda _: heading(torch.ones(3, 2)), Vector, Vector, group=parse("SO(2)")).close(torch.sin)(
            torch.ones(2, 2)
        )


def test_inputs_of_other_lengths_are_refused() -> None:
    G = parse("O(2)")
    x, v = rows(G), torch.ones(7, 2, dtype=torch.float64)
    mean = average(G, (rep(G, 2), Vector), Vector)
    with pytest.raises(ShapeError, match="5 rows"):
        mean.close(lambda pair: pair[1])((x, v))
    sets = Segments(torch.tensor([0, 0, 0, 1, 1, 1, 1]), 2)
    points = torch.ones(7, 2, dtype=torch.float64)
    for wrong in (torch.ones(7, 2, dtype=torch.float64), torch.ones(1, 2, dtype=torch.float64)):
        ragged = average(Cubature(G, 2), (Cloud(Vector), Vector), Vector, segments=sets)
        with pytest.raises(ShapeError, match="2 sets"):
            ragged.close(lambda pair, s: pair[1])((points, wrong))
    numbers = average(Cubature(G, 2), (Cloud(Vector), None), Vector, segments=sets)
    with pytest.raises(ShapeError, match=r"Cloud\(\)"):
        numbers.close(lambda pair, s: s.mean(pair[0]))((points, torch.ones(7, dtype=torch.float64)))


def test_integers_have_no_average() -> None:
    G = parse("C(4)")
    with pytest.raises(DtypeError, match="int64"):
        average(G, Vector, None).close(lambda x: (x[:, :1] > 0).long())(torch.randn(3, 2))


def test_the_heaviest_atom_has_to_be_one() -> None:
    """Specification 03 §2.8: signs as eigh gives them are no choice."""
    x = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with pytest.raises(DegenerateError, match="MinimalFrame and MDSFrame"):
        canonicalise(PCAFrame("E(3)"), Cloud(Point), Cloud(Point)).close(torch.tanh)(x)
    fixed = canonicalise(MinimalFrame("E(3)"), Cloud(Point), Cloud(Point)).close(torch.tanh)
    assert_equivariant(fixed, "E(3)", x, Cloud(Point), Cloud(Point))
    with pytest.raises((DomainError, TypeError), match="'mean'"):
        average(MinimalFrame("E(3)"), Vector, Vector, mode="mean")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["O(2)", "S(4)"])
def test_half_precision_inside_only(name: str) -> None:
    """A backbone in bfloat16 comes back in float32; under autocast, everything around it keeps its digits."""
    G = parse(name)
    x = torch.randn(6, 2 if name == "O(2)" else 4, generator=torch.Generator().manual_seed(0))
    weight = torch.randn(x.shape[1], x.shape[1], generator=torch.Generator().manual_seed(1))
    type_ = rep(G, 1)
    mean = average(G, type_, type_)
    y = mean.close(lambda v: torch.tanh(v.bfloat16() @ weight.bfloat16()))(x)
    exact = mean.close(lambda v: torch.tanh(v @ weight))(x)
    assert y.dtype == torch.float32
    assert torch.allclose(y, exact, atol=2e-2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z = mean.close(lambda v: torch.tanh(v @ weight))(x)
        assert mean.close(lambda v: v @ weight)(x.bfloat16()).dtype == torch.float32
    assert torch.allclose(z, exact, atol=2e-2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        back = mean.close(lambda v: v)(x)
    assert torch.equal(back, mean.close(lambda v: v)(x))


def test_batches_without_rows() -> None:
    G = parse("O(2)")
    for chunk in (None, 1):
        y = average(G, rep(G, 2), (rep(G, 1), Scalar), chunk=chunk).close(lambda x: (x[:, :2], x[:, :1]))(rows(G)[:0])
        assert [part.shape for part in y] == [(0, 2), (0, 1)]


@pytest.mark.parametrize("wrap", [False, True], ids=["module", "closure"])
def test_chunks_move_statistics_once_and_repeat_their_chance(wrap: bool) -> None:
    G = parse("C(4)")
    net = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2)).double()
    x = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    optic = average(G, Vector, Vector, chunk=1)
    torch.manual_seed(4)
    optic.close((lambda v: net(v)) if wrap else net)(x).square().sum().backward()
    after = torch.rand(2)
    counted = net[1].num_batches_tracked
    assert int(counted) == 4  # one for each atom
    # The same four calls in plain autograd.
    plain = copy.deepcopy(net)
    plain[1].reset_running_stats()
    plain.zero_grad()
    torch.manual_seed(4)
    z = x.detach().requires_grad_()
    g = G.elements().double()
    sum((0.25 * plain(z @ one) @ one.mT for one in g), torch.zeros(())).square().sum().backward()
    assert torch.equal(after, torch.rand(2))
    assert torch.allclose(plain[1].running_mean, net[1].running_mean, atol=1e-12)
    for p, q in zip(plain.parameters(), net.parameters(), strict=True):
        assert torch.allclose(p.grad, q.grad, atol=1e-12)
    assert x.grad is not None
    assert z.grad is not None
    assert torch.allclose(x.grad, z.grad, atol=1e-12)


def test_forces_through_chunks_can_be_trained() -> None:
    G, net = parse("C(4)"), nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    found: list[Tensor] = []
    for chunk in (None, 1):
        energy = average(G, Vector, Scalar, chunk=chunk).close(net)(x).sum()
        (force,) = torch.autograd.grad(energy, x, create_graph=True)
        found.append(torch.autograd.grad(force.square().sum(), net[0].weight)[0])
    assert torch.allclose(found[0], found[1], atol=1e-12)
