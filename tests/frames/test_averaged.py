"""The wrapper: equivariant whatever the backbone, dense or ragged, whole or in chunks, drawn or averaged."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import SchemaError, ShapeError
from isotropy.frames import FrameAveraged
from isotropy.groups import DiscreteMeasure, Group, homogeneous, parse
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Scalar, Vector
from isotropy.testing import assert_equivariant


class Heading:
    """A frame of SE(2) with two weighted atoms: the x-axis along the farthest point and along its quarter turn."""

    group: Group = parse("SE(2)")

    def __call__(self, x: Tensor, segments: Segments | None = None) -> DiscreteMeasure:
        if segments is not None:
            return self._dense(*segments.pad(x))
        return self._dense(x, torch.ones(x.shape[:-1], dtype=torch.bool))

    def _dense(self, x: Tensor, mask: Tensor) -> DiscreteMeasure:
        t = ((x.double() * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)).to(x)
        y = (x - t[:, None]) * mask[..., None]
        far = y[torch.arange(len(y)), y.norm(dim=-1).argmax(1)]
        c, s = (far / far.norm(dim=1, keepdim=True)).unbind(1)
        R = torch.stack([c, -s, s, c], -1).unflatten(-1, (2, 2))
        turned = R @ torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=x.dtype)
        g = torch.stack([homogeneous(R, t), homogeneous(turned, t)], 1)
        return DiscreteMeasure(g, torch.tensor([0.75, 0.25], dtype=x.dtype).log().expand(len(x), 2))


class PointNet(nn.Module):
    """Positions, one invariant number for each point and a velocity for each cloud, to a point and a vector each."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.Linear(3, 16, dtype=torch.float64)
        self.whole = nn.Linear(16 + 2, 2, dtype=torch.float64)
        self.out = nn.Linear(16, 2, dtype=torch.float64)
        with torch.no_grad():
            for i, weight in enumerate(self.parameters()):
                weight.copy_(torch.randn(weight.shape, generator=spawn(0, i), dtype=torch.float64) / 2)

    def forward(self, x: Tensor, charge: Tensor, v: Tensor, segments: Segments | None = None) -> tuple[Tensor, Tensor]:
        h = torch.tanh(self.each(torch.cat([x, charge], -1)))
        pooled = h.mean(-2) if segments is None else segments.mean(h)
        return self.whole(torch.cat([pooled, v], -1)), self.out(h)


REP_IN = (Cloud(Point), Cloud(Scalar), Vector)
REP_OUT = (Point, Cloud(Vector))


def model(**settings: Any) -> FrameAveraged:
    return FrameAveraged(PointNet(), Heading(), REP_IN, REP_OUT, **settings)


def clouds(count: int = 6, n: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    draw = spawn(1, "clouds")
    shapes = ((count, n, 2), (count, n, 1), (count, 2))
    x, charge, v = (torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes)
    return 10 + x, charge, v


def test_several_inputs_and_outputs_keep_their_types() -> None:
    assert_equivariant(model(), "SE(2)", clouds())
    with pytest.raises(AssertionError, match="not equivariant"):
        assert_equivariant(PointNet(), "SE(2)", clouds(), REP_IN, REP_OUT)


def test_a_ragged_batch_equals_its_clouds_one_by_one() -> None:
    x, charge, v = clouds(3)
    sizes = [7, 2, 5]
    flat = [torch.cat([part[i, :size] for i, size in enumerate(sizes)]) for part in (x, charge)]
    label = torch.repeat_interleave(torch.arange(3), torch.tensor(sizes))
    shuffle = torch.randperm(14, generator=spawn(0, "rows"))
    whole, each = model()(*(part[shuffle] for part in flat), v, Segments(label[shuffle], 3))
    back = shuffle.argsort()
    for i, size in enumerate(sizes):
        point, vectors = model()(x[i : i + 1, :size], charge[i : i + 1, :size], v[i : i + 1])
        assert torch.allclose(whole[i], point[0], atol=1e-12)
        assert torch.allclose(each[back][label == i], vectors[0], atol=1e-12)


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_chunks_change_neither_values_nor_gradients(chunk: int) -> None:
    values: list[Tensor] = []
    for settings in ({}, {"chunk": chunk}):
        f, inputs = model(**settings), tuple(part.requires_grad_() for part in clouds())
        point, vectors = f(*inputs)
        grads = torch.autograd.grad(point.square().sum() + vectors.sin().sum(), [*f.parameters(), *inputs])
        values.append(torch.cat([part.flatten() for part in (point, vectors, *grads)]))
    assert torch.allclose(*values, atol=1e-12)


def test_a_single_atom_is_not_run_again_for_the_backward_pass() -> None:
    calls: list[int] = []

    def backbone(x: Tensor) -> Tensor:
        calls.append(len(x))
        return x.sin().sum(1)

    x = clouds()[0].requires_grad_()
    for settings, runs in (({"mode": "first", "chunk": 1}, 1), ({"chunk": 2}, 1), ({"chunk": 1}, 4)):
        calls.clear()
        FrameAveraged(backbone, Heading(), Cloud(Point), Vector, **settings)(x).sum().backward()  # type: ignore[arg-type]
        assert len(calls) == runs


def test_one_drawn_frame_has_the_average_as_its_mean_and_evaluation_averages() -> None:
    f, inputs = model(mode="stochastic"), clouds()
    exact = torch.cat([part.detach().flatten() for part in model()(*inputs)])
    with torch.no_grad():
        # Rows draw for themselves: twenty copies of the batch in a call are twenty draws.
        copies = tuple(part.repeat(20, *[1] * (part.ndim - 1)) for part in inputs)
        calls = [[part.unflatten(0, (20, -1)).flatten(1) for part in f(*copies)] for _ in range(20)]
        draws = torch.cat([torch.cat(parts, -1) for parts in calls])
    assert len({tuple(row.tolist()) for row in draws}) > 10  # rows draw for themselves: 2^6 ways
    error = (draws.mean(0) - exact).abs() / (draws.std(0) / math.sqrt(400)).clamp(min=1e-12)
    assert float(error.max()) < 4.5
    assert torch.equal(torch.cat([part.flatten() for part in f.eval()(*inputs)]), exact)


def test_draws_resume_where_they_were() -> None:
    f, g = model(mode="stochastic"), model(mode="stochastic")
    for _ in range(3):
        f(*clouds())
    g.load_state_dict(f.state_dict())
    assert torch.equal(f(*clouds())[0], g(*clouds())[0])


def test_the_heaviest_frame_alone_is_exact_where_nothing_is_symmetric() -> None:
    first = model(mode="first")
    assert_equivariant(first, "SE(2)", clouds())
    assert not torch.allclose(first(*clouds())[0], model()(*clouds())[0], atol=1e-3)


def test_inputs_by_name() -> None:
    names = ("x", "charge", "v")
    named = FrameAveraged(PointNet(), Heading(), dict(zip(names, REP_IN, strict=True)), REP_OUT)
    inputs = clouds()
    found = named(**dict(zip(names, inputs, strict=True)))
    assert torch.equal(found[0], model()(*inputs)[0])


def test_a_small_cloud_far_away_keeps_its_digits() -> None:
    """Translations are undone before rotations: in float32 the shape survives an offset of 1e5 spreads."""
    half = clouds(4)[0].float() - 10
    x = torch.cat([half, -half], 1)  # the centroid too is exact
    f = FrameAveraged(lambda v: torch.tanh(v).sum(1), Heading(), Cloud(Point), Vector)
    grid = (x * 64).round() / 64  # exact in float32 with the offset, so that only the arithmetic is tested
    assert torch.allclose(f(grid + 2.0**17), f(grid), atol=1e-5)


def test_refusals() -> None:
    frame = Heading()
    frame.group = parse("SO(2)")
    with pytest.raises(SchemaError, match="which has no translations"):
        FrameAveraged(PointNet(), frame, REP_IN, Point)
    with pytest.raises(ShapeError, match="keep the batch axis first"):
        FrameAveraged(lambda x: x.sum((0, 1))[None], Heading(), Cloud(Point), Vector)(clouds()[0])
    with pytest.raises(SchemaError, match="without Points"):
        FrameAveraged(lambda x: x, Heading(), Cloud(Vector), Cloud(Vector))(clouds()[0])
    with pytest.raises(SchemaError, match="declare rep_in as a tuple"):
        FrameAveraged(lambda x: x, Heading(), Cloud(Point), Cloud(Point))(*clouds())
    dropping = FrameAveraged(nn.Dropout(0.5), Heading(), Cloud(Point), Cloud(Point))
    with torch.no_grad(), pytest.warns(UserWarning, match="train mode"):
        dropping(clouds()[0])
