"""Minimal frames on labelled tuples and Haar frames: the law, the stabilisers, the refusals."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from frames.zoo import zoo
from isotropy.errors import DegenerateError, DomainError, DtypeError, ShapeError
from isotropy.frames import FrameAveraged, HaarFrame, MinimalFrame
from isotropy.groups import Cubature, Window, parse
from isotropy.linalg import Segments
from isotropy.optics import average
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Pseudovector, Scalar, Vector
from isotropy.reps import Tensor as TensorRep
from isotropy.testing import assert_equivariant, check_frame


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=spawn(seed, "test"), dtype=torch.float64)


EUCLIDEAN = ["O(1)", "SO(1)", "O(2)", "SO(2)", "E(2)", "SE(2)", "O(3)", "SO(3)", "E(3)", "SE(3)", "O(5)", "SO(5)"]
LINEAR = ["GL+(2)", "GL+(3)", "SL(2)", "SL(3)"]
LORENTZ = ["Lorentz(2)", "Lorentz(3)", "Lorentz(4)"]


@pytest.mark.parametrize("name", EUCLIDEAN + LINEAR + LORENTZ)
def test_one_atom_that_moves_with_the_tuple(name: str) -> None:
    frame = MinimalFrame(name)
    x = randn(8, frame.group.degree + 2, frame.group.degree)
    check_frame(frame, x, ordered=True, tol=1e-9 if name in LINEAR + LORENTZ else None)
    m = frame(x)
    assert len(m) == 1
    assert m.exact
    assert m.degenerate is not None
    assert not bool(m.degenerate.any())
    assert bool(frame.group.contains(frame(x.float()).g).all())


@pytest.mark.parametrize("name", ["O(3)", "SO(3)"])
def test_the_canonical_tuple_is_triangular(name: str) -> None:
    x = randn(5, 4, 3)
    x[1, 1] = 2 * x[1, 0]
    x[2, 0] = 0
    inside = x @ MinimalFrame(name)(x).g[:, 0]
    for row, first in enumerate([(0, 1, 2), (0, 2, 3), (1, 2, 3), (0, 1, 2), (0, 1, 2)]):
        R = inside[row, list(first)]
        assert R.triu(1).abs().max() < 1e-13
        assert R.diagonal()[:2].min() > 0
        assert name == "SO(3)" or R[2, 2] > 0


@pytest.mark.parametrize("name", ["O(3)", "SO(3)", "E(3)", "SE(3)"])
def test_stabilisers_are_averaged_exactly(name: str) -> None:
    """On every cloud of the zoo, for vectors, axial vectors and tensors of rank 2."""
    frame = MinimalFrame(name)
    affine = "E" in name
    a, b, c = randn(3, 16), randn(16, 15, seed=1), randn(16, 3, seed=2)

    def net(x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.sin(x @ a + 0.4)
        return (torch.arange(1.0, x.shape[1] + 1)[:, None] * h).mean(1) @ b, h @ c

    point = Cloud(Point if affine else Vector)
    model = FrameAveraged(net, frame, point, (Vector + Pseudovector + TensorRep(2), point))
    kind = name.replace("E", "O") if name == "E(3)" else "SO(3)" if affine else name
    h = parse(kind).sample((4,), generator=spawn(0, "h"), dtype=torch.float64)
    assert isinstance(h, Tensor)
    det = torch.linalg.det(h)[:, None]
    for label, cloud in {**zoo(), "origin": torch.zeros(3, 3).double()}.items():
        x, t = cloud.expand(4, -1, -1), randn(3) if affine else torch.zeros(3).double()
        (pooled, points), (turned, moved) = model(x), model(x @ h.mT + t)
        torch.testing.assert_close(moved, points @ h.mT + t, rtol=0, atol=1e-10, msg=label)
        v, w, T = pooled[:, :3], pooled[:, 3:6], pooled[:, 6:].unflatten(1, (3, 3))
        wanted = torch.cat([(h @ v[..., None])[..., 0], det * (h @ w[..., None])[..., 0], (h @ T @ h.mT).flatten(1)], 1)
        torch.testing.assert_close(turned, wanted, rtol=0, atol=1e-10, msg=label)


def test_sizes_are_minimal() -> None:
    flat, line, none = randn(1, 4, 3), randn(1, 4, 3), torch.zeros(1, 4, 3).double()
    flat[..., 2] = 0
    line[..., 1:] = 0
    sizes = {
        name: [int((MinimalFrame(name)(x).weight > 0).sum()) for x in (randn(1, 4, 3), flat, line, none)]
        for name in ("O(3)", "SO(3)")
    }
    # The stabilisers are 1, a mirror, O(2) and O(3); in SO(3) 1, 1, SO(2) and SO(3).
    assert sizes == {"O(3)": [1, 2, 6, 24], "SO(3)": [1, 1, 3, 12]}
    mixed = MinimalFrame("O(3)")(torch.cat([randn(1, 4, 3), line]))
    assert (mixed.weight > 0).sum(1).tolist() == [1, 6]
    assert mixed.degenerate is not None
    assert mixed.degenerate.tolist() == [False, True]


def test_ragged_equals_dense() -> None:
    clouds = [randn(4, 3), zoo()["co2"], randn(2, 3, seed=1), zoo()["one point"]]
    segments = Segments.from_sizes(torch.tensor([len(c) for c in clouds]))
    flat = MinimalFrame("SE(3)")(torch.cat(clouds), segments)
    for row, cloud in enumerate(clouds):
        alone = MinimalFrame("SE(3)")(cloud[None])
        torch.testing.assert_close(flat.g[row, : len(alone)], alone.g[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["O(3)", "SE(3)", "SL(3)", "GL+(3)", "Lorentz(4)", "O(5)"])
def test_derivatives(name: str) -> None:
    frame = MinimalFrame(name)
    d = frame.group.degree
    # Fewer points than dimensions too: the complement is a function of those there are.
    fewer = set() if name[:2] in ("GL", "SL", "SE") else {d - 1}
    for n in {d, d + 1} | fewer:
        x = randn(2, n, d, seed=2).requires_grad_()
        g = lambda z: frame(z).g[:, 0, :, : min(n, d)]  # noqa: B023, E731
        assert torch.autograd.gradcheck(g, x)


def test_no_derivative_is_nan_on_the_zoo() -> None:
    for name in ("O(3)", "SE(3)"):
        for label, cloud in zoo().items():
            x = cloud[None].clone().requires_grad_()
            m = MinimalFrame(name)(x)
            (slope,) = torch.autograd.grad((m.weight[..., None, None] * m.g.sin()).sum(), x)
            assert bool(slope.isfinite().all()), label


def test_space_time_axes() -> None:
    """Time, then space: future-pointing, and of determinant 1, whatever comes first in the tuple."""
    group = parse("Lorentz(4)")
    frame = MinimalFrame(group)
    past, spacelike = torch.tensor([-2.0, 0.3, 0, 0.5]), torch.tensor([0.3, 0, 2.0, 0.0])
    x = torch.stack([past, spacelike, torch.tensor([0.0, 0, 1, 3]), torch.tensor([1.0, 1, 1, 5])]).double()
    for order in ([0, 1, 2, 3], [1, 0, 2, 3], [3, 2, 1, 0]):
        g = frame(x[None, order]).g[0, 0]
        assert bool(group.contains(g))
        inside = x[order] @ group.inverse(g).mT
        # The span of the first k is that of k axes.
        assert sorted((inside.abs() > 1e-12).sum(1).tolist()) == [1, 2, 3, 4]
        # A past vector stays in the past.
        assert inside[order.index(0), 0] < 0


def test_a_rest_frame_averages_over_its_rotations() -> None:
    """One timelike vector is fixed by the rotations of its rest frame: spatial outputs vanish there."""
    frame = MinimalFrame("Lorentz(4)")
    p = torch.tensor([[[5.0, 1.0, -2.0, 3.0]]], dtype=torch.float64)
    a = randn(4, 4)
    model = FrameAveraged(lambda x: torch.sin(x.sum(1) @ a + 0.2), frame, Cloud(Vector), Vector)
    y = model(p)[0]
    # What is left is along p.
    torch.testing.assert_close(y / y[0], (p / p[..., :1])[0, 0], rtol=0, atol=1e-12)
    m = frame(p)
    assert m.degenerate is not None
    assert bool(m.degenerate)
    boosts = Window(frame.group, 0.7)
    assert_equivariant(model, boosts, randn(6, 5, 4), Cloud(Vector), Vector, tol=1e-8)
    assert_equivariant(model, boosts, p + 0.1 * randn(6, 1, 4), Cloud(Vector), Vector, tol=1e-8)


def test_linear_maps_take_the_standard_basis_to_the_points() -> None:
    x = randn(3, 5, 3)
    for name in ("GL+(3)", "SL(3)"):
        frame = MinimalFrame(name)
        inside = x @ torch.linalg.inv(frame(x).g[:, 0]).mT
        corner = inside[:, :3].clone()
        last = corner[:, 2, 2].clone()
        corner[:, 2, 2] = 1
        torch.testing.assert_close(corner, torch.eye(3).double().expand(3, 3, 3), rtol=0, atol=1e-12)
        signed = torch.linalg.det(x[:, :3])
        torch.testing.assert_close(last, signed.sign() if name[0] == "G" else signed, rtol=1e-12, atol=0)


def test_refusals() -> None:
    x = randn(3, 4, 3)
    with pytest.raises(DegenerateError, match=r"batch \[1\]"):
        MinimalFrame("GL+(3)")(x * torch.tensor([1.0, 0.0, 1.0])[:, None, None])
    with pytest.raises(DegenerateError, match=r"batch \[0, 1, 2\]"):
        MinimalFrame("SL(3)")(x[:, :2])
    null = torch.tensor([[[1.0, 1.0, 0.0], [2.0, 0.0, 1.0]]])
    with pytest.raises(DomainError, match="null vector, from point 0 at batch 0"):
        MinimalFrame("Lorentz(3)")(null)
    with pytest.raises(DegenerateError, match="timelike"):
        MinimalFrame("Lorentz(4)")(torch.tensor([[[0.0, 1, 0, 0], [0, 2, 0, 0]]]))
    with pytest.raises(DegenerateError, match="timelike"):
        MinimalFrame("Lorentz(4)")(torch.zeros(1, 2, 4))
    with pytest.raises(DomainError, match="D\\(3\\)"):
        MinimalFrame("D(3)")
    with pytest.raises(DomainError, match="batch 2"):
        MinimalFrame("O(3)")(x / torch.tensor([1.0, 1.0, 0.0])[:, None, None])
    with pytest.raises(DtypeError, match="int64"):
        MinimalFrame("SL(3)")(x.long())
    with pytest.raises(ShapeError, match="a single cloud"):
        MinimalFrame("O(3)")(x[0])


# Haar.


@pytest.mark.parametrize("name", ["O(3)", "SO(4)", "S(5)", "D(4)", "O(2)@z", "SO(3) x S(4)"])
def test_haar_draws_are_group_elements_whatever_the_batch(name: str) -> None:
    frame = HaarFrame(name, 6, seed=1)
    x = torch.ones(3, 4, 3)
    m, again = frame(x), frame(x)
    parts = m.g if isinstance(m.g, tuple) else (m.g,)
    assert all(part.shape[:2] == (3, 6) for part in parts)
    assert bool(frame.group.contains(m.g).all())
    assert not torch.equal(parts[0][0, 0], parts[0][0, 1])
    alone = frame(x[:1]).g
    single = alone if isinstance(alone, tuple) else (alone,)
    assert all(torch.equal(part[1:2], one) for part, one in zip(parts, single, strict=True))
    repeated = again.g if isinstance(again.g, tuple) else (again.g,)
    assert all(torch.equal(p, q) for p, q in zip(parts, repeated, strict=True))
    assert not m.exact


def test_haar_averages_converge_to_the_reynolds_operator() -> None:
    x, a, c = randn(1, 5, 3), randn(3, 12), randn(12)
    net = lambda v: (torch.tanh(v @ a).mean(1) @ c)[:, None]  # noqa: E731
    exact = average(Cubature(parse("SO(3)"), 16), Cloud(Vector), Scalar, group=parse("SO(3)")).close(net)(x)
    drawn = torch.stack(
        [FrameAveraged(net, HaarFrame("SO(3)", 20, seed=s), Cloud(Vector), Scalar)(x) for s in range(60)]
    )
    error = (drawn.mean() - exact).abs() / (drawn.std() / math.sqrt(len(drawn)))
    assert error.item() < 4
    assert drawn.std() > 1e-4


def test_rules_and_finite_groups_are_exact() -> None:
    x = randn(2, 5, 3)
    cubic = lambda v: (v**3).mean(1)  # noqa: E731
    model = FrameAveraged(cubic, HaarFrame("E(3)", degree=4), Cloud(Point), Vector)
    h = parse("E(3)")
    assert_equivariant(model, Window(h, 1.0), x, Cloud(Point), Vector)
    # A rule is exact for polynomials; only all elements are exact for everything.
    assert not HaarFrame("E(3)", degree=4)(x).exact
    assert HaarFrame("C(4)@z")(x).exact
    flat = randn(2, 5, 2)
    frame = HaarFrame("D(4)")
    check_frame(frame, flat)
    assert len(frame(flat)) == 8
    ragged = HaarFrame("SE(2)", 3)(flat.flatten(0, 1), Segments.from_sizes(torch.tensor([5, 5])))
    torch.testing.assert_close(ragged.g[:, :, :2, 2], flat.mean(1)[:, None].expand(-1, 3, -1))
    for bad in ({"k": 3, "degree": 2}, {}, {"k": 0}):
        with pytest.raises(DomainError):
            HaarFrame("O(3)", **bad)
    with pytest.raises(DomainError, match="compact"):
        HaarFrame("SL(2)", 3)
