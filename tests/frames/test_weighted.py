"""Weighted frames: the law on the zoo, continuity where it is claimed and not elsewhere, sampling, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from frames.zoo import zoo
from isotropy.errors import DomainError, DtypeError, InfeasibleError, SchemaError, ShapeError
from isotropy.frames import FrameAveraged, RandomProjectionFrame, WeightedTupleFrame
from isotropy.frames._signs import complement, complete, rotation_design, stabilizer_rule
from isotropy.frames._weighted import all_tuples
from isotropy.groups import SO, DiscreteMeasure, O, S, parse
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Scalar, Vector
from isotropy.reps import Tensor as TensorRep
from isotropy.testing import check_frame
from isotropy.testing._frames import measure_distance


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=spawn(seed, "test"), dtype=torch.float64)


def invariants(width: int, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """A random network of a set of points, one number for each cloud."""
    a, b, c = randn(width, 24, seed=seed), randn(24, seed=seed + 1), randn(24, seed=seed + 2)
    return lambda x: torch.tanh(torch.sin(x @ a + b).mean(1)) @ c


def vectors(width: int, seed: int = 0) -> Callable[[Tensor], Tensor]:
    a, c = randn(width, 24, seed=seed), randn(24, width, seed=seed + 1)
    return lambda x: torch.sin(x @ a + 0.3).mean(1) @ c


def expect(measure: DiscreteMeasure, x: Tensor, f: Callable[[Tensor], Tensor]) -> Tensor:
    """sum_i w_i f(g_i^-1.x) for linear elements."""
    inside = torch.einsum("bnd,bfde->bfne", x, measure.g)
    values = f(inside.flatten(0, 1)).unflatten(0, inside.shape[:2])
    return torch.einsum("bf,bf...->b...", measure.weight, values)


def turns(name: str, count: int, seed: int = 0) -> Tensor:
    g = parse(name).sample((count,), generator=spawn(seed, "turns"), dtype=torch.float64)
    assert isinstance(g, Tensor)
    return g


@pytest.mark.parametrize("name", ["O(1)", "SO(1)", "O(2)", "SO(2)", "E(2)", "SE(2)", "O(3)", "SO(3)", "E(3)", "SE(3)"])
def test_law_on_random_clouds(name: str) -> None:
    frame = WeightedTupleFrame(name)
    check_frame(frame, randn(6, 5, frame.group.degree))
    check_frame(frame, randn(3, 4, frame.group.degree).float(), tol=2e-4)


@pytest.mark.parametrize("name", ["O(4)", "SO(4)", "SE(4)"])
def test_law_in_four_dimensions(name: str) -> None:
    check_frame(WeightedTupleFrame(name, power=0.5), randn(2, 5, 4))


@pytest.mark.parametrize("kind", ["O", "SO", "E", "SE"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_law_on_the_zoo(dimension: int, kind: str) -> None:
    """As sets wherever the stabiliser is finite; elsewhere in the moments that the finite rule promises."""
    frame = WeightedTupleFrame(f"{kind}({dimension})")
    for label, cloud in zoo(dimension).items():
        # Comparing sets takes the square of their number, n^4: the average over the whole torus is compared below.
        x = cloud[None, :12]
        m = frame(x)
        if not bool(m.degenerate):
            check_frame(frame, x, draws=1)
            continue
        assert label in ("co2", "two points", "one point", "all equal")
        h = turns(f"O({dimension})" if kind in "OE" else f"SO({dimension})", 1)[0]
        moved = frame(x @ h.mT + (randn(dimension) if "E" in kind else 0.0))
        for one, other in zip(moments(m, h, dimension), moments(moved, torch.eye(dimension), dimension), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def moments(measure: DiscreteMeasure, h: Tensor, d: int) -> tuple[Tensor, Tensor]:
    assert isinstance(measure.g, Tensor)
    R, w = h.to(measure.g) @ measure.g[0, :, :d, :d], measure.weight[0]
    return torch.einsum("f,fij->ij", w, R), torch.einsum("f,fij,fkl->ijkl", w, R, R)


@pytest.mark.parametrize("name", ["E(3)", "SE(3)"])
def test_any_network_becomes_equivariant_on_the_zoo(name: str) -> None:
    """Specification 03 §5.2: vectors and tensors of rank 2, positions included."""
    a, b, c = randn(3, 16), randn(16, 12, seed=1), randn(16, 3, seed=2)

    def net(x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.sin(x @ a + 0.4)
        return torch.tanh(h.mean(1)) @ b, h @ c

    rep_out = (Vector + TensorRep(2), Cloud(Point))
    model = FrameAveraged(net, WeightedTupleFrame(name), Cloud(Point), rep_out)
    h = turns("O(3)" if name == "E(3)" else "SO(3)", 3)
    for label, cloud in {**zoo(), "random": randn(6, 3)}.items():
        x = cloud.expand(3, -1, -1)
        pooled, points = model(x)
        order = torch.randperm(len(cloud), generator=spawn(0, "order"))
        turned, moved = model((x @ h.mT + randn(3))[:, order])
        torch.testing.assert_close(moved, (points @ h.mT + randn(3))[:, order], rtol=0, atol=1e-10, msg=label)
        v, T = pooled[:, :3], pooled[:, 3:].unflatten(1, (3, 3))
        torch.testing.assert_close(turned[:, :3], (h @ v[..., None])[..., 0], rtol=0, atol=1e-10, msg=label)
        wanted = h @ T @ h.mT
        torch.testing.assert_close(turned[:, 3:], wanted.flatten(1), rtol=0, atol=1e-10, msg=label)


def test_mirror_images_differ_under_rotations_only() -> None:
    x, f = randn(1, 6, 3), invariants(3)
    mirror = x * torch.tensor([1.0, 1.0, -1.0])
    for name, differs in (("SO(3)", True), ("O(3)", False)):
        frame = WeightedTupleFrame(name)
        apart = (expect(frame(x), x, f) - expect(frame(mirror), mirror, f)).abs().item()
        assert (apart > 1e-3) == differs
        assert differs or apart < 1e-12


def test_components_off_a_flat_cloud_vanish() -> None:
    """Specification 03 §5.10."""
    flat, line = randn(1, 5, 3), randn(1, 5, 3)
    flat[..., 2] = 0
    line[..., 1:] = 0
    model = FrameAveraged(vectors(3), WeightedTupleFrame("O(3)"), Cloud(Vector), Vector)
    assert model(flat)[0, 2].abs() < 1e-14 < 1e-3 < model(flat)[0, :2].abs().min()
    assert model(line)[0, 1:].abs().max() < 1e-14 < 1e-3 < model(line)[0, 0].abs()


def crossing(t: float) -> Tensor:
    """A cloud whose second moments are diag(2, 1 + t, 1 - t): the axes of PCA jump at t = 0."""
    y = torch.linalg.qr(randn(8, 3)).Q
    return (y * torch.tensor([2.0, 1 + t, 1 - t], dtype=torch.float64).sqrt())[None]


@pytest.mark.parametrize("name", ["SO(3)", "O(3)"])
def test_continuous_where_eigenvalues_cross(name: str) -> None:
    """Specification 03 §5.6: the difference is at most K t and halves with t."""
    for f, rep in ((invariants(3), Scalar), (vectors(3), Vector)):
        out = (lambda x, f=f: f(x)[:, None]) if rep is Scalar else f
        model = FrameAveraged(out, WeightedTupleFrame(name), Cloud(Vector), rep)
        jumps = [(model(crossing(t)) - model(crossing(0.0))).norm().item() for t in (4e-5, 2e-5, 1e-5)]
        assert jumps[0] < 4e-5
        assert jumps[1] / jumps[0] == pytest.approx(0.5, abs=0.01)
        assert jumps[2] / jumps[1] == pytest.approx(0.5, abs=0.01)
        assert jumps[2] > 1e-9


@pytest.mark.parametrize("name", ["SO(2)", "O(2)", "SO(3)", "O(3)"])
@pytest.mark.parametrize("power", [0.5, 1.0])
def test_continuous_where_tuples_become_dependent(name: str, power: float) -> None:
    """A point passes through the origin, or its direction through that of another: those tuples have no weight."""
    d = parse(name).degree
    model = FrameAveraged(vectors(d), WeightedTupleFrame(name, power), Cloud(Vector), Vector)
    at_origin, parallel = randn(1, 5, d), randn(1, 5, d)
    at_origin[:, 0] = 0
    parallel[:, 1] = -0.7 * parallel[:, 0]
    for x in (at_origin, parallel):
        for v in (randn(1, 5, d, seed=3), randn(1, 5, d, seed=4)):
            for t in (1e-3, 1e-5, 1e-7):
                assert (model(x + t * v) - model(x)).norm() < 20 * t


LINE = torch.tensor([[[1.0, 0, 0], [-0.6, 0, 0], [0.3, 0, 0], [-1.4, 0, 0]]], dtype=torch.float64)


def approaches() -> list[Tensor]:
    """Directions in which a line is left: one point after the other, and all at once."""
    lone = [torch.zeros(1, 4, 3, dtype=torch.float64) for _ in range(4)]
    for i, p in enumerate(lone):
        p[0, i, 1] = 1.0
    return [*lone, randn(1, 4, 3)]


def gram_weighted(x: Tensor) -> DiscreteMeasure:
    """The weights |x_i x x_j|^2 of specification 03 §2.7, normalised over all pairs at once, for SO(3)."""
    axes, _ = all_tuples(x, 2, 1.0, torch.zeros(len(x), dtype=torch.float64))
    i, j = (torch.ones(4, 4) - torch.eye(4)).nonzero().unbind(1)
    weight = torch.linalg.cross(x[:, i], x[:, j]).square().sum(-1)
    g, _ = complete(axes, special=True)
    return DiscreteMeasure(g.flatten(1, 2), (weight / weight.sum(1, keepdim=True)).log())


@pytest.mark.parametrize("name", ["SO(3)", "O(3)"])
def test_invariants_are_continuous_at_lines_and_points(name: str) -> None:
    frame, f = WeightedTupleFrame(name), invariants(3)
    for limit in (LINE, 0 * LINE):
        there = expect(frame(limit), limit, f)
        for p in approaches():
            for t in (1e-3, 1e-5, 1e-7):
                x = limit + t * p
                assert (expect(frame(x), x, f) - there).abs().item() < 10 * t


def test_pairs_weighted_by_their_area_alone_jump_at_lines() -> None:
    """With Gram weights the limit depends on the point that leaves the line: the specification's claim fails there."""
    f = invariants(3)
    limits = [expect(gram_weighted(x), x, f).item() for x in (LINE + 1e-7 * p for p in approaches()[:4])]
    assert max(limits) - min(limits) > 1e-2
    frame = WeightedTupleFrame("SO(3)")
    limits = [expect(frame(x), x, f).item() for x in (LINE + 1e-7 * p for p in approaches()[:4])]
    assert max(limits) - min(limits) < 1e-6


def test_vectors_off_a_line_depend_on_the_approach() -> None:
    """What the docstring says: along the axis the limit holds, across it only the cloud on the line is exact."""
    model = FrameAveraged(vectors(3), WeightedTupleFrame("SO(3)"), Cloud(Vector), Vector)
    there = model(LINE)[0]
    across = []
    for p in approaches():
        near = model(LINE + 1e-7 * p)[0]
        assert (near[0] - there[0]).abs() < 1e-5
        across.append(near[1:].norm().item())
    assert max(across) > 1e-2


def test_derivatives_agree_with_differences_and_are_finite_on_the_zoo() -> None:
    """Specification 03 §2.4 and §5.5."""
    f = invariants(3)
    for frame in (WeightedTupleFrame("E(3)"), WeightedTupleFrame("SO(3)", power=0.5)):
        model = FrameAveraged(lambda x: f(x)[:, None], frame, Cloud(Vector if frame.group == SO(3) else Point), Scalar)
        x = randn(1, 5, 3).requires_grad_()
        (slope,) = torch.autograd.grad(model(x).sum(), x)
        v, step = randn(1, 5, 3, seed=4), 1e-5
        with torch.no_grad():
            difference = (model(x + step * v) - model(x - step * v)).sum() / (2 * step)
        assert float((slope * v).sum()) == pytest.approx(float(difference), rel=1e-6)
        # A derivative without the weights is another number.
        m = frame(x)
        frozen = DiscreteMeasure(m.g, m.log_weight.detach(), True, m.degenerate)
        R = frozen.g[..., :3, :3]
        y = x - x.mean(1, keepdim=True) if frame.group != SO(3) else x
        (other,) = torch.autograd.grad(expect(DiscreteMeasure(R, frozen.log_weight), y, f).sum(), x)
        assert (other - slope).abs().max() > 1e-3
        for label, cloud in zoo().items():
            z = cloud[None].clone().requires_grad_()
            (slope,) = torch.autograd.grad(model(z).sum(), z)
            assert bool(slope.isfinite().all()), label


def test_ragged_equals_dense_and_ranks_mix() -> None:
    clouds = [randn(4, 3), LINE[0], zoo()["one point"], zoo()["cube"], randn(2, 3, seed=1)]
    segments = Segments.from_sizes(torch.tensor([len(c) for c in clouds]))
    shuffled = torch.randperm(len(segments.label), generator=spawn(0, "rows"))
    for name in ("E(3)", "SO(3)"):
        frame = WeightedTupleFrame(name)
        flat = frame(torch.cat(clouds)[shuffled], Segments(segments.label[shuffled], 5))
        for row, cloud in enumerate(clouds):
            alone = frame(cloud[None])
            one = DiscreteMeasure(flat.g[row : row + 1], flat.log_weight[row : row + 1])
            atoms, weights = measure_distance(one, alone, torch.tensor([1e-10], dtype=torch.float64))
            assert max(atoms.item(), weights.item()) < 1e-12
            assert flat.degenerate[row] == alone.degenerate[0]


def test_scale_and_precision() -> None:
    x, frame = randn(2, 5, 3), WeightedTupleFrame("SO(3)")
    for scale in (1e-170, 1e170):
        torch.testing.assert_close(frame(scale * x).g, frame(x).g, rtol=0, atol=1e-12)
        torch.testing.assert_close(frame(scale * x).weight, frame(x).weight, rtol=0, atol=1e-12)
    low = frame(x.float())
    assert low.g.dtype == low.log_weight.dtype == torch.float32
    torch.testing.assert_close(low.g.double(), frame(x.float().double()).g, rtol=0, atol=1e-6)
    far = WeightedTupleFrame("E(3)")(LINE + 1e6)
    assert bool(far.degenerate)


@pytest.mark.parametrize("name", ["SO(3)", "O(2)"])
def test_drawn_tuples_are_unbiased_with_their_derivatives(name: str) -> None:
    d = parse(name).degree
    x, f = randn(1, 6, d), invariants(d)

    def value_and_slope(frame: WeightedTupleFrame) -> Tensor:
        z = x.clone().requires_grad_()
        value = expect(frame(z), z, f).sum()
        (slope,) = torch.autograd.grad(value, z)
        return torch.cat([value.detach()[None], slope.flatten()])

    exact = value_and_slope(WeightedTupleFrame(name))
    drawn = torch.stack([value_and_slope(WeightedTupleFrame(name, num_samples=40, seed=s)) for s in range(150)])
    z = (drawn.mean(0) - exact) / (drawn.std(0) / math.sqrt(len(drawn)))
    assert z.abs().max() < 4
    # The mutant that forgets the probability of the draw in the derivative is far off: it measures the frozen weights.
    assert drawn.std(0)[1:].max() / math.sqrt(len(drawn)) < 0.1 * exact[1:].abs().max()


def test_drawn_tuples_turn_with_the_cloud() -> None:
    frame = WeightedTupleFrame("SE(3)", num_samples=7)
    x = randn(3, 30, 3)
    check_frame(frame, x, ordered=True)
    assert not frame(x).exact
    assert frame(x).g.shape == (3, 7, 4, 4)
    assert torch.equal(frame(x).g, frame(x).g)
    torch.testing.assert_close(frame(x[1:2]).g, frame(x).g[1:2], rtol=0, atol=1e-12)
    other = WeightedTupleFrame("SE(3)", num_samples=7, seed=1)
    assert not torch.equal(other(x).g, frame(x).g)


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5])
def test_stabiliser_rules_are_exact_to_degree_two(m: int) -> None:
    one = torch.eye(m, dtype=torch.float64)
    for special in (True, False):
        g, w = stabilizer_rule(m, special)
        assert bool((O(m) if not special else SO(m)).contains(g).all())
        det = torch.linalg.det(g)
        # SO(1) is trivial, and SO(2) keeps more tensors of rank 2 than the identity.
        if m > 1:
            assert torch.einsum("f,fij->ij", w, g).abs().max() < 1e-14
        second = torch.einsum("f,fij,fkl->ijkl", w, g, g)
        if not special or m > 2:
            wanted = torch.einsum("ik,jl->ijkl", one, one) / m
            torch.testing.assert_close(second, wanted, rtol=0, atol=1e-14)
        else:
            turns = torch.linspace(0, 2 * math.pi, 8, dtype=torch.float64)[:-1]
            many = SO(2).from_coords(turns[:, None]) if m == 2 else torch.ones(1, 1, 1, dtype=torch.float64)
            torch.testing.assert_close(
                second, torch.einsum("fij,fkl->ijkl", many, many) / len(many), rtol=0, atol=1e-14
            )
        if not special:
            assert abs(float(w @ det)) < 1e-14
            assert torch.einsum("f,fij->ij", w * det, g).abs().max() < 1e-14 or m == 1


def test_rules_found_without_derivatives_serve_those_with_them() -> None:
    rotation_design.cache_clear()
    with torch.inference_mode():
        complete(torch.eye(3)[None, :1].double(), special=True)
    x = LINE.clone().requires_grad_()
    WeightedTupleFrame("SO(3)")(x).g.square().sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize(("count", "d"), [(0, 2), (1, 2), (1, 3), (2, 3), (2, 5), (3, 4)])
def test_complements_are_right_handed_with_the_derivative_of_their_projector(count: int, d: int) -> None:
    def projector(rows: Tensor) -> Tensor:
        axes = torch.linalg.qr(rows.mT).Q.mT if count else rows
        basis = complement(axes)
        return basis @ basis.mT

    rows = randn(2, count, d)
    axes = torch.linalg.qr(rows.mT).Q.mT if count else rows
    whole = torch.cat([axes.mT, complement(axes)], -1)
    torch.testing.assert_close(torch.linalg.det(whole), torch.ones(2).double())
    torch.testing.assert_close(whole.mT @ whole, torch.eye(d).double().expand(2, d, d))
    if count:
        assert torch.autograd.gradcheck(projector, rows.requires_grad_())


# Orders.


def ordered(frame: RandomProjectionFrame, x: Tensor, f: Callable[[Tensor], Tensor]) -> Tensor:
    m = frame(x)
    inside = torch.take_along_dim(x[:, None], m.g[..., None], 2)
    return (m.weight * f(inside.flatten(0, 1)).unflatten(0, m.weight.shape)).sum(1)


def reader(n: int, d: int) -> Callable[[Tensor], Tensor]:
    """A network that reads the points in their order."""
    a, c = randn(n * d, 16), randn(16, seed=1)
    return lambda x: torch.tanh(x.flatten(1) @ a) @ c


@pytest.mark.parametrize(("n_dirs", "d"), [(None, 1), (None, 2), (20, 2), (20, 3)])
def test_orders_move_with_the_points(n_dirs: int | None, d: int) -> None:
    x = randn(4, 5, d)
    frame = RandomProjectionFrame(n_dirs, n=5)
    check_orders(frame, x)
    assert frame(x).exact == (n_dirs is None)
    if d == 1:
        assert frame(x).g.shape == (4, 1, 5)
        assert bool((S(5).compose(S(5).inverse(frame(x).g[:, 0]), frame(x).g[:, 0]) == torch.arange(5)).all())


def check_orders(frame: RandomProjectionFrame, x: Tensor) -> None:
    """mu(p.x) = p mu(x) as weighted sets, p acting by (p.x)[p[i]] = x[i]."""
    p = torch.randperm(x.shape[1], generator=spawn(0, "p"))
    moved = torch.empty_like(x)
    moved[:, p] = x
    one, other = frame(x), frame(moved)
    for row in range(len(x)):
        wanted = {tuple(p[g].tolist()): w for g, w in zip(one.g[row], one.weight[row].tolist(), strict=True) if w > 0}
        found = {tuple(g.tolist()): w for g, w in zip(other.g[row], other.weight[row].tolist(), strict=True) if w > 0}
        assert found == pytest.approx(wanted, abs=1e-12)


def test_the_pulled_back_set_is_sorted() -> None:
    x = randn(3, 6, 1)
    model = FrameAveraged(lambda v: v, RandomProjectionFrame(None, n=6), Cloud(), None)
    torch.testing.assert_close(model(x), x.sort(1).values)


def test_the_share_of_each_order_is_that_of_its_directions() -> None:
    x = randn(1, 4, 2)
    exact, drawn = RandomProjectionFrame(None)(x), RandomProjectionFrame(20_000)(x)
    share = {tuple(g): w for g, w in zip(drawn.g[0].tolist(), drawn.weight[0].tolist(), strict=True)}
    # Each pair ties twice on the circle.
    assert exact.g.shape == (1, 12, 4)
    for g, w in zip(exact.g[0].tolist(), exact.weight[0].tolist(), strict=True):
        assert abs(share.get(tuple(g), 0.0) - w) < 4 * math.sqrt(w * (1 - w) / 20_000) + 1e-4


def test_all_directions_of_the_plane_are_continuous_with_derivatives() -> None:
    frame, f = RandomProjectionFrame(None), reader(4, 2)
    x = randn(1, 4, 2).requires_grad_()
    (slope,) = torch.autograd.grad(ordered(frame, x, f).sum(), x)
    v, step = randn(1, 4, 2, seed=3), 1e-6
    with torch.no_grad():
        difference = (ordered(frame, x + step * v, f) - ordered(frame, x - step * v, f)).item() / (2 * step)
    assert float((slope * v).sum()) == pytest.approx(difference, rel=1e-6)
    # Where two points meet, and where three fall on a line.
    for meeting in (
        torch.tensor([[0.0, 0], [1, 0], [1, 0], [0.2, 0.9]]),
        torch.tensor([[0.0, 0], [1, 0], [2, 0], [0, 1]]),
    ):
        y = meeting.double()[None]
        for t in (1e-3, 1e-5, 1e-7):
            assert (ordered(frame, y + t * v, f) - ordered(frame, y, f)).abs().item() < 20 * t
        z = y.clone().requires_grad_()
        (slope,) = torch.autograd.grad(ordered(frame, z, f).sum(), z)
        assert bool(slope.isfinite().all())


@pytest.mark.parametrize("n_dirs", [None, 9])
def test_equal_points_are_exchanged(n_dirs: int | None) -> None:
    x = torch.tensor(
        [[[1.0, 0.0], [1.0, 0.0], [0.0, 2.0], [1.0, 0.0], [0.0, 2.0]], [[0.0, 1], [1, 1], [2, 5], [3, 1], [4, 0]]]
    )
    frame = RandomProjectionFrame(n_dirs, n=5)
    m = frame(x.double())
    assert m.degenerate is not None
    assert m.degenerate.tolist() == [True, False]
    check_orders(frame, x.double())
    # Outputs at equal points are equal, which no single order gives.
    model = FrameAveraged(lambda v: v * torch.arange(5.0)[:, None], frame, Cloud(), Cloud())
    y = model(x.double())[0]
    torch.testing.assert_close(y[[0, 2]], y[[1, 4]], rtol=0, atol=1e-13)
    many = torch.zeros(1, 8, 2, dtype=torch.float64)
    model = FrameAveraged(
        lambda v: torch.arange(8.0)[:, None] + 0 * v, RandomProjectionFrame(n_dirs, n=8), Cloud(), Cloud()
    )
    torch.testing.assert_close(model(many), torch.full_like(many, 3.5))


def test_refusals() -> None:
    x = randn(2, 4, 3)
    frame = WeightedTupleFrame("E(3)")
    with pytest.raises(DomainError, match="batch 1"):
        frame(torch.stack([x[0], x[1].index_fill(0, torch.tensor(2), math.nan)]))
    with pytest.raises(DtypeError, match="int64"):
        frame(x.long())
    with pytest.raises(ShapeError, match=r"\(batch, n, 3\)"):
        frame(x[..., :2])
    with pytest.raises(DomainError, match="at least one point"):
        frame(x[:, :0])
    with pytest.raises(DomainError, match="no points at batch 1"):
        frame(x[0], Segments(torch.tensor([0, 0, 2, 2]), 3))
    with pytest.raises(DomainError, match="Scale"):
        WeightedTupleFrame("Scale(3)")
    with pytest.raises(DomainError, match="power"):
        WeightedTupleFrame("O(3)", power=0.0)
    with pytest.raises(InfeasibleError, match="num_samples"):
        WeightedTupleFrame("O(3)")(randn(2, 1200, 3))
    with pytest.raises(SchemaError, match="pad"):
        RandomProjectionFrame(3)(x[0], Segments(torch.tensor([0, 0, 1, 1]), 2))
    with pytest.raises(DomainError, match="R\\^3"):
        RandomProjectionFrame(None)(x)
    with pytest.raises(ShapeError, match="5"):
        RandomProjectionFrame(3, n=5)(x)
