"""Learned frames: canonical poses, distributions of them, orders; draws that repeat and resume."""

from __future__ import annotations

import io
import math

import pytest
import torch
from torch import Tensor, nn

from frames.zoo import zoo
from isotropy.errors import DegenerateError, DomainError, DtypeError, SchemaError, ShapeError
from isotropy.frames import (
    CanonicalizerFrame,
    FrameAveraged,
    ProbabilisticFrame,
    ProbabilisticOrderFrame,
    VectorNeurons,
    order_entropy,
    pose_prior,
)
from isotropy.frames.learned._orders import DeepScores
from isotropy.groups import SO, DiscreteMeasure, S, parse
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Scalar, Vector
from isotropy.testing import check_frame


@pytest.fixture(autouse=True)
def _same_weights():  # pyright: ignore[reportUnusedFunction]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=spawn(seed, "test"), dtype=torch.float64)


def turns(name: str, *count: int) -> Tensor:
    g = parse(name).sample(count, generator=spawn(0, "turns"), dtype=torch.float64)
    assert isinstance(g, Tensor)
    return g


@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize("noise", [0, 2])
def test_vector_neurons_turn_with_the_cloud(d: int, noise: int) -> None:
    net = VectorNeurons(out=3, noise=noise).double()
    x, eps = randn(4, 7, d), randn(4, 7, noise, d, seed=1) if noise else None
    h = turns(f"O({d})", 4)
    y = net(x, None, eps)
    moved = None if eps is None else eps @ h[:, None].mT
    torch.testing.assert_close(net(x @ h.mT, None, moved), y @ h.mT, rtol=0, atol=1e-12)
    order = torch.randperm(7, generator=spawn(0, "order"))
    torch.testing.assert_close(net(x[:, order], None, None if eps is None else eps[:, order]), y, rtol=0, atol=1e-13)
    # Homogeneous of degree 1, and of full rank on generic clouds: not all multiples of one vector.
    torch.testing.assert_close(net(2 * x, None, None if eps is None else 2 * eps), 2 * y, rtol=1e-12, atol=0)
    assert torch.linalg.svdvals(y)[:, min(d, 3) - 1].min() > 1e-6
    segments = Segments(torch.arange(4).repeat_interleave(7), 4)
    flat = net(x.flatten(0, 1), segments, None if eps is None else eps.flatten(0, 1))
    torch.testing.assert_close(flat, y, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["O(2)", "SO(2)", "O(3)", "SO(3)", "E(3)", "SE(3)", "E(2)", "SO(4)"])
def test_canonical_poses_obey_the_law(name: str) -> None:
    frame = CanonicalizerFrame(name).double()
    x = randn(5, 8, frame.group.degree)
    check_frame(frame, x, tol=1e-9)
    assert len(frame(x)) == 1
    segments = Segments(torch.arange(5).repeat_interleave(8), 5)
    torch.testing.assert_close(frame(x.flatten(0, 1), segments).g, frame(x).g, rtol=0, atol=1e-10)


def test_symmetric_clouds_have_no_canonical_pose() -> None:
    frame = CanonicalizerFrame("SE(3)").double().eval()
    x = torch.stack([randn(8, 3), zoo()["cube"], randn(8, 3, seed=1), 0 * randn(8, 3) + 7])
    with pytest.raises(DegenerateError, match=r"batch \[1, 3\]"):
        frame(x)
    constant = nn.Module()
    constant.forward = lambda x: torch.ones(len(x), 3, 3).to(x)  # type: ignore[method-assign]
    with pytest.raises(DegenerateError, match=r"batch \[0\]"):
        CanonicalizerFrame("O(3)", constant).eval()(randn(1, 4, 3))


def test_a_rare_cloud_without_a_pose_does_not_end_a_training() -> None:
    frame = CanonicalizerFrame("SE(3)").double().train()
    x = torch.stack([randn(8, 3), zoo()["cube"], 0 * randn(8, 3) + 7]).requires_grad_()
    measure = frame(x)
    assert measure.degenerate is not None
    assert measure.degenerate.tolist() == [False, True, True]
    assert not measure.exact
    kept = measure.g[1:, 0, :3, :3]  # type: ignore[index]
    torch.testing.assert_close(kept, torch.eye(3, dtype=torch.float64).expand(2, 3, 3))
    pose_prior(measure, frame.group).backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in frame.parameters() if p.grad is not None)
    keeping = CanonicalizerFrame("SE(3)", frame.net, degenerate="keep").eval()
    torch.testing.assert_close(keeping(x.detach()).g, measure.g)


def test_a_canonicalizer_learns() -> None:
    """The pose prior pulls poses to the identity, through Gram-Schmidt and network."""
    frame = CanonicalizerFrame("SO(3)").double()
    # All clouds are small changes of one: one network can give all of them the pose of the data.
    x = randn(1, 10, 3) + 0.05 * randn(16, 10, 3, seed=1)
    optimizer = torch.optim.Adam(frame.parameters(), lr=1e-2)
    losses: list[float] = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = pose_prior(frame(x), frame.group)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    turned = x @ turns("SO(3)").mT
    assert pose_prior(frame(turned), frame.group) > losses[-1]


def test_the_pose_prior_is_weighted_and_reads_the_linear_part() -> None:
    g = torch.stack([torch.eye(2), -torch.eye(2)])[None].double()
    m = DiscreteMeasure(g, torch.tensor([[0.75, 0.25]], dtype=torch.float64).log())
    assert pose_prior(m, SO(2)).item() == pytest.approx(2.0)
    frame = CanonicalizerFrame("SE(3)").double()
    near, far = randn(2, 6, 3), randn(2, 6, 3) + 100
    assert pose_prior(frame(near), frame.group).item() == pytest.approx(pose_prior(frame(far), frame.group).item())
    with pytest.raises(DomainError, match="matrices"):
        pose_prior(ProbabilisticOrderFrame(4, DeepScores(2), 3)(torch.ones(1, 4, 1)), S(4))


@pytest.mark.parametrize("name", ["O(3)", "SO(3)", "E(3)", "SE(3)", "SO(2)"])
def test_the_law_of_the_draws_is_equivariant(name: str) -> None:
    """Common random numbers: noise turned with the cloud gives the elements turned, and its law is invariant."""
    frame = ProbabilisticFrame(name, num_samples=3, channels=2).double()
    group, d = frame.group, frame.group.degree
    affine = "E" in name
    h = turns(name.replace("SE", "SO").replace("E", "O") if affine else name)
    t = randn(d) if affine else torch.zeros(d).double()
    symmetric = zoo(d)["square"][None].expand(2, -1, -1)
    for x in (randn(2, 5, d), symmetric, torch.zeros(2, 4, d).double()):
        noise = randn(3, *x.shape[:-1], 2, d, seed=1)
        one, other = frame.from_noise(x, noise), frame.from_noise(x @ h.mT + t, noise @ h.mT)
        element = torch.eye(d + 1).double() if affine else h
        if affine:
            element[:d, :d], element[:d, d] = h, t
        torch.testing.assert_close(other.g, group.compose(element, one.g), rtol=0, atol=1e-9)
        assert bool(group.contains(one.g).all())
        segments = Segments(torch.arange(2).repeat_interleave(x.shape[1]), 2)
        flat = frame.from_noise(x.flatten(0, 1), noise.flatten(1, 2), segments)
        torch.testing.assert_close(flat.g, one.g, rtol=0, atol=1e-9)


def test_draws_spread_over_the_stabiliser() -> None:
    """On a cloud without any direction the learned law can only be Haar: the mean of g is 0, that of g_ij^2 1/3."""
    frame = ProbabilisticFrame("SO(3)", num_samples=4000).double()
    g = frame(torch.zeros(1, 6, 3).double()).g[0]
    assert isinstance(g, Tensor)
    assert (g.mean(0).abs() * math.sqrt(3 * 4000)).max() < 4
    # The variance of g_11^2 under Haar is 1/5 - 1/9.
    assert ((g.square().mean(0) - 1 / 3).abs() / math.sqrt((1 / 5 - 1 / 9) / 4000)).max() < 4


def test_averages_of_draws_are_equivariant_in_distribution() -> None:
    """A mean test: averages over independent draws at x and at h.x agree within four standard errors."""
    frame = ProbabilisticFrame("O(3)", num_samples=150).double().requires_grad_(False)
    a, c = randn(3, 12), randn(12)
    model = FrameAveraged(lambda v: (torch.sin(v @ a + 0.3).mean(1) @ c)[:, None], frame, Cloud(Vector), Scalar)
    x, h = randn(1, 6, 3), turns("O(3)")
    at_x = torch.stack([model(x)[0, 0] for _ in range(30)])
    at_hx = torch.stack([model(x @ h.mT)[0, 0] for _ in range(30)])
    error = ((at_x.var() + at_hx.var()) / 30).sqrt()
    assert (at_x.mean() - at_hx.mean()).abs() < 4 * error
    # A network that is not averaged is farther off than that.
    plain = lambda v: torch.sin(v @ a + 0.3).mean(1) @ c  # noqa: E731
    assert (plain(x) - plain(x @ h.mT)).abs() > 20 * error


def test_draws_are_counted_and_resumed() -> None:
    x = randn(2, 5, 3)
    frame = ProbabilisticFrame("SO(3)", num_samples=2).double()
    first, second = frame(x).g, frame(x).g
    assert not torch.equal(first, second)
    file = io.BytesIO()
    torch.save(frame.state_dict(), file)
    third = frame(x).g
    file.seek(0)
    resumed = ProbabilisticFrame("SO(3)", num_samples=2).double()
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(resumed(x).g, third)
    frame.eval()
    fixed = frame(x).g
    assert int(frame.draws) == 3
    frame.train()(x)
    assert torch.equal(frame.eval()(x).g, fixed)
    # The stream of evaluation is another than that of training.
    assert not any(torch.equal(frame(x).g, g) for g in (first, second, third))
    other = ProbabilisticFrame("SO(3)", num_samples=2, seed=1).double().eval()
    other.load_state_dict(frame.state_dict())
    assert not torch.equal(other(x).g, frame(x).g)


def test_derivatives_reach_the_network() -> None:
    for frame in (CanonicalizerFrame("E(3)"), ProbabilisticFrame("E(3)", num_samples=3)):
        frame.double()
        model = FrameAveraged(lambda v: v.sin().mean(1), frame, Cloud(Point), Vector)
        x = randn(2, 6, 3).requires_grad_()
        model(x).square().sum().backward()
        assert x.grad is not None
        assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in frame.parameters())
        assert max(float(p.grad.abs().max()) for p in frame.parameters() if p.grad is not None) > 1e-6
    frame = CanonicalizerFrame("SO(3)").double().requires_grad_(False)
    assert torch.autograd.gradcheck(lambda z: frame(z).g, randn(1, 5, 3).requires_grad_())


# Orders.


def test_orders_move_with_points_and_noise() -> None:
    """Common random numbers: noise permuted with the points gives the orders permuted."""
    frame = ProbabilisticOrderFrame(6, DeepScores(3).double(), num_samples=4)
    x = randn(2, 6, 2)
    m = frame.eval()(x)
    assert m.g.shape == (2, 4, 6)
    assert bool(frame.group.contains(m.g).all())
    p = torch.randperm(6, generator=spawn(0, "p"))
    features = torch.cat([x.expand(4, 2, 6, 2), randn(4, 2, 6, 1, seed=3)], -1).flatten(0, 1)
    moved = torch.empty_like(features)
    moved[:, p] = features
    assert torch.equal(frame.net(moved).argsort(dim=-1), p[frame.net(features).argsort(dim=-1)])


def test_orders_of_equal_points_are_uniform() -> None:
    frame = ProbabilisticOrderFrame(3, DeepScores(2).double(), num_samples=6000)
    g = frame(torch.zeros(1, 3, 1).double()).g[0]
    assert isinstance(g, Tensor)
    _, counts = torch.unique(g, dim=0, return_counts=True)
    assert len(counts) == 6
    assert ((counts - 1000).abs() / math.sqrt(1000 * 5 / 6)).max() < 4


def test_straight_through_permutations() -> None:
    frame = ProbabilisticOrderFrame(5, DeepScores(3), num_samples=4).eval()
    x = torch.randn(2, 5, 2)
    hard, soft = frame.soft(x)
    m = frame(x)
    sorted_x = torch.take_along_dim(x[:, None], m.g[..., None], 2)
    torch.testing.assert_close(hard @ x[:, None], sorted_x)
    torch.testing.assert_close(soft.sum(-1), torch.ones(2, 4, 5))
    # The same derivative as the relaxation, at the value of the permutation.
    c = torch.randn(2, 4, 5, 5)
    slopes = [torch.autograd.grad((c * P).sum(), frame.net.parameters()) for P in (hard, frame.soft(x)[1])]  # type: ignore[arg-type]
    assert all(torch.allclose(a, b) for a, b in zip(*slopes, strict=True))
    assert max(float(a.abs().max()) for a in slopes[0]) > 1e-6
    # Cold enough, the relaxation is the permutation.
    cold = ProbabilisticOrderFrame(5, frame.net, num_samples=4, temperature=1e-6).eval()
    torch.testing.assert_close(cold.soft(x)[1], m_matrix(m), atol=1e-4, rtol=0)


def m_matrix(m: DiscreteMeasure) -> Tensor:
    return torch.nn.functional.one_hot(m.g, m.g.shape[-1]).float()


def test_entropy_lies_between_permutations_and_indifference() -> None:
    uniform, one = torch.full((2, 4, 4), 0.25), torch.eye(4)[None]
    assert order_entropy(uniform).item() == pytest.approx(math.log(4))
    assert order_entropy(one).item() == 0
    p = (0.9 * one + 0.1 * uniform[:1]).requires_grad_()
    assert 0 < order_entropy(p).item() < math.log(4)
    for q in (p, one.clone().requires_grad_()):
        (slope,) = torch.autograd.grad(order_entropy(q), q)
        assert bool(slope.isfinite().all())


def test_refusals() -> None:
    x = randn(2, 5, 3)
    with pytest.raises(DomainError, match="S\\(5\\)"):
        ProbabilisticFrame(S(5))
    with pytest.raises(DomainError, match="num_samples"):
        ProbabilisticFrame("O(3)", num_samples=0)
    with pytest.raises(DtypeError, match="float32"):
        CanonicalizerFrame("O(3)")(x)
    with pytest.raises(DtypeError, match="int64"):
        ProbabilisticFrame("O(3)")(x.long())
    with pytest.raises(DomainError, match="batch 1"):
        CanonicalizerFrame("O(3)").double()(x / torch.tensor([1.0, 0.0])[:, None, None])
    with pytest.raises(ShapeError, match="from the network"):
        CanonicalizerFrame("O(3)", VectorNeurons(out=2).double())(x)
    with pytest.raises(ShapeError, match="noise"):
        VectorNeurons(noise=2).double()(x)
    with pytest.raises(SchemaError, match="pad"):
        ProbabilisticOrderFrame(5, DeepScores(4))(x, Segments(torch.zeros(5).long(), 1))
    with pytest.raises(ShapeError, match="5"):
        ProbabilisticOrderFrame(5, DeepScores(4).double())(x[:, :4])
    with pytest.raises(ShapeError, match="from the network"):
        ProbabilisticOrderFrame(5, nn.Linear(4, 1).double())(x)
