"""A frame sees all that the backbone sees: exact for every cloud, graph and set, also the most symmetric ones."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from frames.zoo import zoo
from isotropy import symmetrize
from isotropy.errors import DegenerateError, SchemaError
from isotropy.frames import (
    CanonicalGraphFrame,
    FrameAveraged,
    MDSFrame,
    MinimalFrame,
    PCAFrame,
    RandomProjectionFrame,
    WeightedTupleFrame,
)
from isotropy.groups import S, Window, parse
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.reps import Cloud, Pairs, Point, Pseudovector, Scalar, Vector
from isotropy.reps import Tensor as T
from isotropy.testing import assert_equivariant

LINE = torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, 0.4], [0.0, 0.0, 2.0]], dtype=torch.float64)
CLOUDS = {"one atom": LINE[:1], "two atoms": LINE[:2], "line": LINE, "cube": zoo()["cube"], "co2": zoo()["co2"]}
FRAMES = {
    "PCA": PCAFrame, "weighted": WeightedTupleFrame, "minimal": MinimalFrame, "MDS": MDSFrame,
}  # fmt: skip
OUT = (Vector, Scalar, Cloud(Vector), T(2))


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=spawn(0, *shape), dtype=torch.float64)


def network(width: int, d: int = 3, rank: int = 2):
    """Any numbers of the points to a vector, a number, a vector for each point and a tensor."""
    first, out = draw(width, 24), draw(24, d + 1 + d**rank)
    each = draw(48, d)

    def forward(*x: Tensor) -> tuple[Tensor, ...]:
        n = x[0].shape[1]
        rows = [part if part.ndim == 3 else part[:, None].expand(-1, n, -1) for part in x]
        h = torch.tanh(torch.cat(rows, -1) @ first + 0.3)
        whole = h.mean(1)
        vector, number, tensor = (whole @ out).split([d, 1, d**rank], -1)
        return vector, number, torch.cat([h, whole[:, None].expand_as(h)], -1) @ each, tensor

    return forward


@pytest.mark.parametrize("name", ["E(3)", "SE(3)"])
@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("kind", FRAMES)
def test_velocities_beside_any_cloud(kind: str, cloud: str, name: str) -> None:
    x = CLOUDS[cloud][None] + torch.tensor([3.0, -1.0, 2.0])
    v = draw(*x.shape)
    f = FrameAveraged(network(6), FRAMES[kind](name), (Cloud(Point), Cloud(Vector)), OUT)
    assert_equivariant(f, name, (x, v), tol=1e-9, n=8)
    together = FrameAveraged(network(6), FRAMES[kind](name), Cloud(Point + Vector), OUT)
    assert_equivariant(together, name, torch.cat([x, v], -1), tol=1e-9, n=8)


@pytest.mark.parametrize("name", ["E(3)", "SE(3)", "O(3)", "SO(3)", "O(2)@z", "SE(2)@z", "O(2)"])
def test_other_arrows_beside_two_atoms(name: str) -> None:
    """Vectors of the whole row, axial ones, points of another cloud; parallel ones leave a turn open."""
    group = parse(name)
    d, affine = group.degree, bool(getattr(group, "affine", False))
    here = Point if affine else Vector
    x = torch.zeros(2, 2, d, dtype=torch.float64)
    x[:, 1, -1] = 1.5
    v, w = draw(2, d), draw(2, 3, d)
    v[1] = 0
    v[1, -1] = -2.0
    axial = Pseudovector if d == 3 else Vector
    for types, values in (
        ((Cloud(here), Vector), (x, v)),
        ((Cloud(here), axial), (x, v)),
        ((Cloud(here), Cloud(here)), (x, w[:, :2])),
        ((Cloud(here), axial, Vector), (x, v, 1e4 * w[:, 0])),
    ):
        width = sum(part.shape[-1] for part in values)
        f = FrameAveraged(network(width, d), PCAFrame(name), types, (Vector, Scalar, Cloud(Vector), T(2)))
        assert_equivariant(f, name, values, tol=1e-9)


def test_lorentz() -> None:
    x, v = torch.zeros(1, 2, 4, dtype=torch.float64), draw(1, 2, 4)
    x[..., 0] = torch.tensor([1.0, 2.0])
    f = FrameAveraged(network(8, 4), MinimalFrame("Lorentz(4)"), (Cloud(Vector), Cloud(Vector)), OUT)
    assert_equivariant(f, "Lorentz(4)", (x, v), measure=Window(parse("Lorentz(4)"), 0.5), tol=1e-8)


def test_ragged_rows_are_what_they_are_alone() -> None:
    sizes = [1, 2, 5]
    x, v = draw(8, 3), draw(8, 3) * 3
    segments = Segments.from_sizes(torch.tensor(sizes))

    def pooled(x: Tensor, v: Tensor, sets: Segments) -> Tensor:
        return sets.mean(torch.tanh(torch.cat([x, v], -1) @ draw(6, 8) + 0.2)) @ draw(8, 3)

    f = FrameAveraged(pooled, PCAFrame("E(3)"), (Cloud(Point), Cloud(Vector)), Vector)
    g = FrameAveraged(
        lambda x, v: torch.tanh(torch.cat([x, v], -1) @ draw(6, 8) + 0.2).mean(1) @ draw(8, 3),
        PCAFrame("E(3)"), (Cloud(Point), Cloud(Vector)), Vector,
    )  # fmt: skip
    alone = torch.cat([g(a[None], b[None]) for a, b in zip(x.split(sizes), v.split(sizes), strict=True)])
    assert torch.allclose(f(x, v, segments), alone, atol=1e-12)


def test_forces_of_two_atoms_with_velocities() -> None:
    x, v = (LINE[None, :2] + 1).requires_grad_(), draw(1, 2, 3).requires_grad_()
    f = FrameAveraged(lambda x, v: network(6)(x, v)[1], PCAFrame("E(3)"), (Cloud(Point), Cloud(Vector)), Scalar)
    forces, kicks = torch.autograd.grad(f(x, v).sum(), (x, v))
    assert bool(torch.isfinite(forces).all() & torch.isfinite(kicks).all())
    torque = torch.linalg.cross(forces, x).sum(1) + torch.linalg.cross(kicks, v).sum(1)
    assert float(torque.detach().abs().max()) < 1e-9
    step = 1e-6 * draw(1, 2, 3)
    assert float(kicks.abs().max()) > 1e-4
    with torch.no_grad():
        slope = float(f(x, v + step) - f(x, v - step)) / 2
    assert float((kicks * step).sum()) == pytest.approx(slope, rel=1e-5)


def test_tensors_beside_two_atoms_are_refused() -> None:
    f = FrameAveraged(network(12), PCAFrame("E(3)"), (Cloud(Point), Cloud(T(2))), OUT)
    with pytest.raises(DegenerateError, match=r"at batch \[1\]"):
        f(torch.stack([draw(3, 3), LINE]), draw(2, 3, 9))
    assert_equivariant(f, "E(3)", (draw(2, 3, 3), draw(2, 3, 9)))


@pytest.mark.parametrize("name", ["E(3)", "SE(3)", "O(3)"])
@pytest.mark.parametrize("rank", [3, 4])
@pytest.mark.parametrize("kind", ["PCA", "weighted", "minimal"])
def test_outputs_of_higher_rank_on_a_line_and_at_a_point(kind: str, rank: int, name: str) -> None:
    here = Point if name.startswith(("E", "S")) else Vector
    f = FrameAveraged(lambda x: network(3, 3, rank)(x)[1::2], FRAMES[kind](name), Cloud(here), (Scalar, T(rank)))
    for cloud in (LINE, LINE[:1] * (here == Point)):
        assert_equivariant(f, name, cloud[None] + (2.0 if here == Point else 0.0), n=8)


CYCLE = torch.tensor([[0.0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]], dtype=torch.float64)


def read_graph(*x: Tensor) -> Tensor:
    weights = [draw(*part.shape[1:]) for part in x]
    return torch.tanh(sum((p * w).flatten(1).sum(1) for p, w in zip(x, weights, strict=True)))[:, None]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("types", "shapes"),
    [
        ((Pairs(), Cloud()), [(4, 2)]),
        ((Pairs(), Cloud(Scalar), Cloud()), [(4, 1), (4,)]),
        ((Pairs(), Pairs()), [(4, 4)]),
        ((Pairs(), Pairs(2 * Scalar)), [(4, 4, 2)]),
    ],
)
def test_graphs_are_labelled_with_all_that_they_carry(types: Any, shapes: list[tuple[int, ...]]) -> None:
    inputs = (CYCLE[None], *(draw(1, *shape) for shape in shapes))
    assert_equivariant(symmetrize(read_graph, "S(4)", types, Scalar), "S(4)", inputs)
    first = (types[1], types[0])
    if len(types) == 2:
        assert_equivariant(symmetrize(read_graph, "S(4)", first, Scalar), "S(4)", (inputs[1], inputs[0]))


def test_values_of_vertices_are_averaged_over_automorphisms() -> None:
    weight = draw(4, 4)

    def node(A: Tensor) -> Tensor:
        return torch.tanh((A * weight).sum(2))

    f = symmetrize(node, "S(4)", Pairs(), Cloud())
    assert_equivariant(f, "S(4)", CYCLE[None])
    y = f(CYCLE[None])
    assert torch.allclose(y, y[:, :1].expand_as(y), atol=1e-12)
    assert_equivariant(symmetrize(lambda A: A * weight, "S(4)", Pairs(), Pairs()), "S(4)", CYCLE[None])
    with pytest.raises(SchemaError, match="equivariant"):
        FrameAveraged(node, CanonicalGraphFrame(4), Pairs(), Cloud())


def test_equal_points_with_other_features() -> None:
    x, h = torch.zeros(1, 6, 2, dtype=torch.float64), draw(1, 6, 3)
    f = FrameAveraged(read_graph, RandomProjectionFrame(None, n=6), (Cloud(), Cloud()), Scalar)
    assert_equivariant(f, "S(6)", (x, h))
    x[:, :2, 0], x[:, 2:4, 1] = 1.0, 2.0
    assert_equivariant(f, "S(6)", (x, h))
    with pytest.raises(SchemaError, match="pairs of points"):
        FrameAveraged(read_graph, RandomProjectionFrame(None, n=4), (Cloud(), Pairs()), Scalar)(x[:, :4], CYCLE[None])
    assert f.group == S(6)


def test_features_reach_the_frame() -> None:
    """Charges tell the corners of a square apart: sixteen frames become eight."""
    square = torch.nn.functional.pad(torch.tensor([[1.0, 1.0], [1, -1], [-1, 1], [-1, -1]]), (0, 1)).double()[None]
    charge = torch.tensor([1.0, 2.0, 3.0, 5.0]).double()[None, :, None]
    calls: list[int] = []

    def read(x: Tensor, q: Tensor) -> Tensor:
        calls.append(len(x))
        return network(4)(x, q)[0]

    types = (Cloud(Point), Cloud(Scalar))
    f = FrameAveraged(read, PCAFrame("E(3)"), types, Vector, sees=(0, 1))
    blind = FrameAveraged(read, PCAFrame("E(3)"), types, Vector)
    assert_equivariant(f, "E(3)", (square, charge))
    calls.clear()
    f(square, charge), blind(square, charge)
    assert calls == [8, 16]
    flat = f.frame(square[0], Segments(torch.zeros(4).long(), 1), charge[0])
    assert len(flat) == 8
    ragged = FrameAveraged(lambda x, q, s: s.mean(x * q), PCAFrame("E(3)"), types, Vector, sees=(0, 1))
    sets = Segments.from_sizes(torch.tensor([4, 2]))
    y = ragged(torch.cat([square[0], draw(2, 3)]), torch.cat([charge[0], draw(2, 1)]), sets)
    assert torch.allclose(y[:1], f_mean(square, charge), atol=1e-12)
    with pytest.raises(SchemaError, match="features"):
        FrameAveraged(read, WeightedTupleFrame("E(3)"), types, Vector, sees=(0, 1))(square, charge)


def f_mean(x: Tensor, q: Tensor) -> Tensor:
    f = FrameAveraged(
        lambda x, q: (x * q).mean(1), PCAFrame("E(3)"), (Cloud(Point), Cloud(Scalar)), Vector, sees=(0, 1)
    )
    return f(x, q)


def test_masks_with_an_empty_row_name_it() -> None:
    mask = torch.tensor([[True, True, False], [False, False, False], [True, True, True]])
    sets = Segments.from_mask(mask)
    assert sets.sizes.tolist() == [2, 0, 3]
    f = FrameAveraged(lambda x, s: s.mean(x), PCAFrame("E(3)"), Cloud(Point), Vector)
    with pytest.raises(ValueError, match="no points at batch 1"):
        f(draw(5, 3), sets)
    assert math.isfinite(float(f(draw(5, 3), Segments.from_mask(mask[[0, 2]])).sum()))
