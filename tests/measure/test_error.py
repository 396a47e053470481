"""The equivariance error: closed forms, laws, intervals, and refusals."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DomainError, DtypeError, NonDeterministicError, ShapeError
from isotropy.groups import Cubature, Haar, Window, parse
from isotropy.measure import equivariance_defects, equivariance_error
from isotropy.optics import average
from isotropy.reps import Point, Scalar, Vector
from isotropy.reps import Tensor as TensorRep

GROUPS = ["O(3)", "O(2)@z", "O(2)@x", "O(2)@y"]
INERTIA_IN, INERTIA_OUT = 5 * Scalar + 5 * Vector, TensorRep(2)


def inertia(nu: float, axis: int | None = 2):
    """J (I + nu D) of five masses: column ``axis`` times 1 + nu, or D = diag(-1, 1, 0) for None (§5.1)."""
    d = torch.zeros(3, dtype=torch.float64)
    if axis is None:
        d[0], d[1] = -1.0, 1.0
    else:
        d[axis] = 1.0

    def f(x: Tensor) -> Tensor:
        m, r = x[..., :5], x[..., 5:].unflatten(-1, (5, 3))
        square = torch.einsum("...i,...ik,...ik->...", m, r, r)[..., None, None] * torch.eye(3, dtype=x.dtype)
        J = square - torch.einsum("...i,...ij,...ik->...jk", m, r, r)
        return (J * (1 + nu * d.to(x))).flatten(-2)

    return f


def inertia_rows(n: int, seed: int = 0) -> Tensor:
    x = torch.randn(n, 20, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x[:, :5] = nn.functional.softplus(x[:, :5])
    return x


@pytest.mark.parametrize(
    ("nu", "axis", "breaking"),
    [
        (0.0, 2, (0, 0, 0, 0)),
        (0.3, 2, (0.01626, 0, 0.01220, 0.01220)),
        (-1.0, 2, (0.33333, 0, 0.25, 0.25)),
        (-0.3, None, (0.05660, 0.05660, 0.01415, 0.01415)),
    ],
)
def test_relative_squared_is_the_uncentred_breaking_of_the_closed_form(
    nu: float, axis: int | None, breaking: tuple[float, ...]
) -> None:
    """Specification 01 §5.2, column b_e."""
    x = inertia_rows(1500)
    for name, expected in zip(GROUPS, breaking, strict=True):
        found = equivariance_error(inertia(nu, axis), name, x, INERTIA_IN, INERTIA_OUT, confidence=0.999)
        if expected == 0:
            assert found.mean < 1e-12
        else:
            assert math.sqrt(expected) in found, name
            assert found.high / found.low < 1.25


@pytest.mark.parametrize(
    ("nu", "axis", "published"),
    [
        (-1.0, 2, (0.398, 0, 0.322, 0.321)),
        (0.3, 2, (0.086, 0, 0.070, 0.070)),
        (-0.3, None, (0.164, 0.151, 0.076, 0.075)),
    ],
)
def test_pairwise_is_the_number_of_the_paper(nu: float, axis: int | None, published: tuple[float, ...]) -> None:
    """Specification 01 §5.2, "paper-style relative error of the true function"."""
    x = inertia_rows(3000)
    for name, expected in zip(GROUPS, published, strict=True):
        found = equivariance_error(inertia(nu, axis), name, x, INERTIA_IN, INERTIA_OUT, norm="pairwise", n=16)
        assert abs(found.mean - expected) < 0.004, name


def net(seed: int = 0, width: int = 3) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(width, 16), nn.Tanh(), nn.Linear(16, width)).double().requires_grad_(False)


def rows(n: int = 200, width: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_scaling_and_a_change_of_basis_leave_it() -> None:
    f, x = net(), rows()
    Q = torch.linalg.qr(rows(3, seed=4)).Q
    plain = equivariance_error(f, "O(3)", x, Vector, Vector)
    scaled = equivariance_error(lambda v: -7 * f(v), "O(3)", x, Vector, Vector)
    assert scaled.mean == pytest.approx(plain.mean, rel=1e-12)
    # In the basis Q the same function reads Q^T f(Q x), and the same elements Q^T g Q.
    G = parse("D(3)@z")
    turned = equivariance_error(lambda v: f(v @ Q.mT) @ Q, G.conjugate(Q.mT), x @ Q, Vector, Vector)
    assert turned.mean == pytest.approx(equivariance_error(f, G, x, Vector, Vector).mean, rel=1e-10)


def test_the_average_over_the_group_has_none() -> None:
    x = rows(20)
    f = average(parse("D(4)@z"), Vector, Vector).close(net())
    assert equivariance_error(f, "D(4)@z", x, Vector, Vector).mean < 1e-14
    assert equivariance_error(f, "O(2)@z", x, Vector, Vector).mean > 1e-4


def test_chunks_and_repetition_change_no_number() -> None:
    x = rows(700)
    one, *others = (
        equivariance_error(net(), "SO(3)", x, Vector, Vector, n=64, chunk=chunk, seed=3) for chunk in (None, None, 999)
    )
    assert others[0] == one
    for other in others[1:]:
        assert other.mean == pytest.approx(one.mean, rel=1e-13)
        assert other.max == pytest.approx(one.max, rel=1e-13)
    assert equivariance_error(net(), "SO(3)", x, Vector, Vector, n=64, seed=4) != one


def test_a_finite_group_is_averaged_in_full() -> None:
    f, x, G = net(), rows(30), parse("C(4)@z")
    g = G.elements(dtype=torch.float64)
    left = torch.stack([f(x @ h.mT) for h in g])
    right = torch.stack([f(x) @ h.mT for h in g])
    d2, s2 = (left - right).square().sum(), left.square().sum() + right.square().sum()
    found = equivariance_error(f, G, x, Vector, Vector)
    assert found.mean == pytest.approx(float((d2 / s2).sqrt()), rel=1e-12)
    worst = (left - right).norm(dim=-1).max() / (s2 / 2 / left[..., 0].numel()).sqrt()
    assert found.max == pytest.approx(float(worst), rel=1e-12)
    absolute = equivariance_error(f, G, x, Vector, Vector, norm="absolute")
    assert absolute.mean == pytest.approx(float((d2 / left.numel()).sqrt()), rel=1e-12)


def test_cubature_and_draws_agree() -> None:
    f, x = net(), rows(400)
    exact = equivariance_error(f, "SO(3)", x, Vector, Vector, measure=Cubature(parse("SO(3)"), 12))
    drawn = equivariance_error(f, "SO(3)", x, Vector, Vector, measure=Haar(parse("SO(3)")), n=64)
    assert exact.mean == pytest.approx(drawn.mean, rel=0.03)


def test_groups_without_a_uniform_law_need_a_window() -> None:
    x = rows(100, 6)
    rep = 2 * Point
    with pytest.raises(DomainError, match="Window"):
        equivariance_error(lambda v: v, "SE(3)", x, rep, rep)
    window = Window(parse("SE(3)"), 0.7)
    assert equivariance_error(lambda v: v[:, :3] - v[:, 3:], window, x, rep, Vector).mean < 1e-13
    apart = equivariance_error(lambda v: v[:, :3], window, x, rep, Vector)
    assert apart.mean > 0.1
    assert equivariance_error(lambda v: v[:, :3], "SE(3)", x, rep, Vector, measure=window) == apart


def test_trees_of_inputs_and_actions() -> None:
    x, y = rows(50), rows(50, seed=1)
    cross = lambda a, b: torch.linalg.cross(a, b)  # noqa: E731
    assert equivariance_error(cross, "SO(3)", (x, y), (Vector, Vector), Vector).mean < 1e-14
    assert equivariance_error(cross, "O(3)", (x, y), (Vector, Vector), Vector).mean > 0.5
    both = lambda a, b: (a + b, (a * b).sum(1, keepdim=True))  # noqa: E731
    assert equivariance_error(both, "O(3)", (x, y), (Vector, Vector), (Vector, Scalar)).mean < 1e-14
    # A point cloud with its own axis, and an action given as a function.
    cloud = rows(60).reshape(20, 3, 3)
    assert equivariance_error(lambda v: v.norm(dim=-1), "O(3)", cloud, Vector, None).mean < 1e-14
    act = lambda g, v: torch.einsum("bij,bnj->bni", g, v)  # noqa: E731
    assert equivariance_error(lambda v: v.cumsum(1), "O(3)", cloud, act, act).mean < 1e-14


def test_parts_of_the_rows() -> None:
    x = rows(90)
    label = (x[:, 0] > 0).long()
    f = lambda v: torch.where(v[:, :1] > 0, v, v * torch.tensor([1.0, 1.0, 3.0]))  # noqa: E731
    good = [equivariance_error(f, "SO(2)@x", x[label == part], Vector, Vector) for part in (0, 1)]
    assert good[1].mean < 1e-14 < 0.1 < good[0].mean
    assert [part.n for part in good] == label.bincount().tolist()


def test_the_interval_covers_and_knows_clusters() -> None:
    # Rows of one cluster share their direction, so a cluster is one observation, whatever its size.
    f, truth = net(), None
    truth = equivariance_error(f, "C(4)@z", rows(20_000, seed=99), Vector, Vector).mean
    covered = {"rows": 0, "clusters": 0}
    for seed in range(60):
        centres = rows(25, seed=seed)
        x, cluster = centres.repeat_interleave(8, 0), torch.arange(25).repeat_interleave(8)
        for kind, unit in (("rows", None), ("clusters", cluster)):
            found = equivariance_error(f, "C(4)@z", x, Vector, Vector, cluster=unit)
            covered[kind] += truth in found
            assert found.n == (200 if unit is None else 25)
    assert covered["clusters"] >= 54
    assert covered["rows"] < 42  # a mutant that forgets the clusters is far too sure


def test_one_unit_says_nothing_about_spread() -> None:
    found = equivariance_error(net(), "SO(3)", rows(1), Vector, Vector)
    assert (found.low, found.high, found.n) == (0.0, math.sqrt(2), 1)


def test_float32_follows_the_input() -> None:
    found = equivariance_error(lambda v: v * v.norm(dim=1, keepdim=True), "O(3)", rows().float(), Vector, Vector)
    assert 0 < found.mean < 1e-6


def test_the_worst_pair_is_found() -> None:
    x = rows(40)
    f = lambda v: torch.where((v == x[7]).all(1, keepdim=True), v + 10, v)  # noqa: E731
    found = equivariance_defects(f, "SO(3)", x, Vector, Vector)
    assert found.worst_row == 7
    g = found.worst_element
    again = (f(x[7:8] @ g.mT) - f(x[7:8]) @ g.mT).norm()
    assert float(again) == pytest.approx(float(found.distance.max()), rel=1e-12)


def test_refusals() -> None:
    x = rows(20)
    with pytest.raises(DomainError, match="vacuous"):
        equivariance_error(torch.zeros_like, "O(3)", x, Vector, Vector)
    with pytest.raises(DomainError, match="row 0"):
        equivariance_error(lambda v: v.log(), "O(3)", x.abs(), Vector, Vector)
    with pytest.raises(DtypeError, match="int64"):
        equivariance_error(lambda v: v, "S(3)", torch.ones(5, 3).long(), None, None)
    with pytest.raises(DtypeError, match="complex"):
        equivariance_error(lambda v: v, "O(3)", torch.ones(5, 3) * 1j, Vector, Vector)
    with pytest.raises(ShapeError, match="row axis"):
        equivariance_error(lambda v: v, "O(3)", x[0], Vector, Vector)
    with pytest.raises(ShapeError, match="without rows"):
        equivariance_error(lambda v: v, "O(3)", x[:0], Vector, Vector)
    with pytest.raises(ShapeError, match="one row for each"):
        equivariance_error(lambda v: v.sum(), "O(3)", x, Vector, Scalar)
    with pytest.raises((DomainError, TypeError), match="norm"):
        equivariance_error(lambda v: v, "O(3)", x, Vector, Vector, norm="rms")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="3 cluster labels"):
        equivariance_error(lambda v: v, "O(3)", x, Vector, Vector, cluster=[1, 2, 3])


def test_chance_and_batch_statistics_are_refused() -> None:
    x = rows(20)
    for layer in (nn.Dropout(0.5), nn.BatchNorm1d(3).double()):
        with pytest.raises(NonDeterministicError, match="eval"):
            equivariance_error(layer, "O(3)", x, Vector, Vector)
        equivariance_error(layer.eval(), "O(3)", x, Vector, Vector)
