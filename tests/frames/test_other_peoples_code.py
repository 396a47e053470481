"""Wrappers around what others write: padding, edge lists, torch_geometric, the compiler, half precision, batch norm."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from isotropy import symmetrize
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.frames import FrameAveraged, PCAFrame, classical_mds
from isotropy.frames._foreign import called
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.reps import Cloud, Edges, Point, Scalar, Vector
from isotropy.testing import assert_equivariant


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=spawn(seed, *shape), dtype=torch.float64)


def motion(d: int = 3) -> Tensor:
    return torch.linalg.qr(draw(d, d, seed=9))[0]


class Points(nn.Module):
    """A vector for each point, or one for all, from the points that a mask lets through."""

    def __init__(self, pooled: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.each = nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, 3))
        self.pooled = pooled

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = self.each(x).tanh()
        y = y if mask is None else y * mask[..., None]
        return y.sum(1) if self.pooled else y


@pytest.mark.parametrize("keyword", [True, False])
@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("chunk", [None, 3])
def test_padding_is_no_point(keyword: bool, pooled: bool, chunk: int | None) -> None:
    net = Points(pooled).double()
    out = Vector if pooled else Cloud(Vector)
    model = FrameAveraged(net, PCAFrame("SE(3)"), Cloud(Point) if keyword else (Cloud(Point), None), out, chunk=chunk)
    sizes = (7, 4, 9)
    mask = torch.arange(9) < torch.tensor(sizes)[:, None]
    x = draw(3, 9, 3) * mask[..., None]

    def run(x: Tensor) -> Tensor:
        return model(x, mask=mask) if keyword else model(x, mask)

    R = motion()
    R = R * torch.linalg.det(R).sign()
    assert (run((x @ R.mT + 2) * mask[..., None]) - run(x) @ R.mT).abs().max() < 1e-10
    alone = [FrameAveraged(net, PCAFrame("SE(3)"), Cloud(Point), out)(x[i : i + 1, :n]) for i, n in enumerate(sizes)]
    for i, one in enumerate(alone):
        found = run(x)[i] if pooled else run(x)[i, : sizes[i]]
        assert (found - one[0]).abs().max() < 1e-10
    if not pooled:
        assert (run(x)[~mask] == 0).all()


def test_masks_that_say_nothing_are_refused() -> None:
    model = FrameAveraged(Points(), PCAFrame("E(3)"), Cloud(Point), Cloud(Vector))
    with pytest.raises(ShapeError, match="without a point at batch"):
        model(torch.ones(2, 3, 3), mask=torch.tensor([[True, True, False], [False] * 3]))
    with pytest.raises(ShapeError, match="Boolean"):
        model(torch.ones(2, 3, 3), mask=torch.ones(2, 3))
    with pytest.raises(SchemaError, match="other"):
        model(torch.ones(2, 3, 3), other=1)


@pytest.mark.parametrize("type_", [None, Edges(), "Edges()"])
def test_edges_come_with_the_copies(type_: object) -> None:
    """An edge list and values of edges under segments: the same as each graph by itself."""
    label = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2])
    sets = Segments(label, 3)
    x = draw(12, 3)
    edges = torch.tensor([[0, 1, 2, 4, 8, 6, 9, 10, 3], [1, 2, 3, 5, 7, 4, 11, 9, 0]])
    weight = draw(9, 1)
    first = draw(3, 3)

    def net(x: Tensor, edges: Tensor, weight: Tensor, sets: Segments) -> Tensor:
        assert sets.joins(edges)
        sent = torch.tanh(x[edges[0]] @ first) * weight
        return sets.sum(torch.zeros_like(x).index_add(0, edges[1], sent).relu())

    model = FrameAveraged(net, PCAFrame("O(3)"), (Cloud(Vector), type_, Edges()), Vector)
    R = motion()
    y = model(x, edges, weight, sets)
    assert (model(x @ R.mT, edges, weight, sets) - y @ R.mT).abs().max() < 1e-10
    for number in range(3):
        points = (label == number).nonzero().flatten()
        chosen = label[edges[0]] == number
        own = model(x[points], edges[:, chosen] - points[0], weight[chosen], Segments(torch.zeros_like(points), 1))
        assert (own - y[number]).abs().max() < 1e-10


def test_edges_under_permutations_are_refused() -> None:
    with pytest.raises(SchemaError, match="renumbers"):
        Edges().act(__import__("isotropy").groups.parse("S(3)"), torch.tensor([[1, 0, 2]]), torch.tensor([[0], [1]]))


class Convolution(nn.Module):
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        geometric = pytest.importorskip("torch_geometric.nn")
        torch.manual_seed(1)
        self.first = geometric.GCNConv(3 + 2, 8)
        self.last = nn.Linear(8, width)
        self.pool = geometric.global_mean_pool

    def forward(self, data: object) -> Tensor:
        assert data.num_graphs == int(data.batch.max()) + 1  # type: ignore[attr-defined]
        h = self.first(torch.cat([data.pos, data.x], 1), data.edge_index, data.edge_attr[:, 0])  # type: ignore[attr-defined]
        return self.pool(self.last(h.tanh()), data.batch)  # type: ignore[attr-defined]


def graphs() -> list[object]:
    data = pytest.importorskip("torch_geometric.data")
    found = []
    for n in (5, 7, 4):
        edges = torch.randint(0, n, (2, 2 * n), generator=spawn(n, "edges"))
        weight = torch.rand(2 * n, 1, generator=spawn(n, "weights"), dtype=torch.float64)
        found.append(data.Data(pos=draw(n, 3), x=draw(n, 2, seed=1), edge_index=edges, edge_attr=weight, y=draw(1, 1)))
    return found


def test_batches_of_torch_geometric() -> None:
    data = pytest.importorskip("torch_geometric.data")
    several = data.Batch.from_data_list(graphs())
    model = FrameAveraged(Convolution().double(), PCAFrame("E(3)"), {"pos": "Cloud(Point)"}, "Vector")
    R, y = motion(), model(several)
    moved = several.clone()
    moved.pos = several.pos @ R.mT + 3
    assert (model(moved) - y @ R.mT).abs().max() < 1e-10
    assert (torch.cat([model(one) for one in graphs()]) - y).abs().max() < 1e-12
    assert several.num_graphs == 3  # what was given is as it was
    strange = several.clone()
    strange.root_index = torch.tensor([0, 1, 2])
    with pytest.raises(SchemaError, match="root_index"):
        model(strange)


def test_compiled_the_frame_stays_outside() -> None:
    """One graph of the backbone, whose number of copies becomes dynamic; the same numbers."""
    seen: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> object:
        seen.append(sum(node.op.startswith("call") for node in graph.graph.nodes))
        return graph

    net = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 1))
    model = symmetrize(net, "E(3)", Cloud(Point), Cloud(Scalar))
    compiled = torch.compile(model, backend=backend)
    for shape in ((2, 5, 3), (3, 7, 3), (4, 9, 3), (6, 11, 3)):
        x = draw(*shape).float()
        assert (compiled(x) - model(x)).abs().max() < 1e-6
    assert max(seen) <= 8  # the layers of the backbone, and nothing of the frame
    assert len(seen) <= 4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_that_of_the_backbone(dtype: torch.dtype) -> None:
    seen: list[torch.dtype] = []
    layer = nn.Linear(3, 3).to(dtype)

    def net(x: Tensor) -> Tensor:
        seen.append(x.dtype)
        return layer(x).relu().mean(1)

    model = symmetrize(net, "E(3)", rep_out="Vector")
    x = draw(4, 6, 3).to(dtype)
    y = model(x)
    assert y.dtype == dtype
    assert seen == [dtype]
    exact = symmetrize(lambda x: copy.deepcopy(layer).double()(x).relu().mean(1), "E(3)", rep_out="Vector")(x.double())
    assert (y.double() - exact).abs().max() < 0.05 * exact.abs().max()


@pytest.mark.parametrize("ragged", [False, True])
def test_batch_norm_counts_a_cloud_once(ragged: bool) -> None:
    """A cube beside a generic cloud: 48 poses and 8, yet the statistics are the means of the means of each."""
    cube = torch.tensor([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)], dtype=torch.float64)
    x = torch.stack([cube * 2, draw(8, 3) + draw(8, 3, seed=3)])
    norm = nn.BatchNorm1d(4, momentum=None).double()
    enter = nn.Linear(3, 4).double()

    def net(x: Tensor, sets: Segments | None = None) -> Tensor:
        h = enter(x)
        h = norm(h) if sets is not None else norm(h.transpose(1, 2)).transpose(1, 2)
        return h.mean(1) if sets is None else sets.mean(h)

    holder = nn.ModuleList([norm, enter])
    net_module = _Called(net, holder)
    frame = PCAFrame("E(3)")
    model = FrameAveraged(net_module, frame, Cloud(Point), None)
    assert [int((frame(one[None]).weight > 0).sum()) for one in x] == [48, 8]
    given = (x.flatten(0, 1), Segments.from_sizes(torch.tensor([8, 8]))) if ragged else (x,)
    model(*given)
    means, squares = [], []
    for one in x:
        found = FrameAveraged(enter, frame, Cloud(Point), Cloud())(one[None])  # invariant numbers of each point
        means.append(found.mean((0, 1)))
        both = FrameAveraged(lambda z: enter(z).square(), frame, Cloud(Point), Cloud())(one[None])
        squares.append(both.mean((0, 1)))
    mean = torch.stack(means).mean(0)
    assert torch.allclose(norm.running_mean, mean, atol=1e-10)
    expected = torch.stack(squares).mean(0) - mean.square()
    copies = 8 * 56
    assert torch.allclose(norm.running_var, expected * copies / (copies - 1), atol=1e-10)
    assert "forward" not in norm.__dict__

    def strange(z: Tensor) -> Tensor:
        return norm(enter(z).flatten(0, 1)[1:]).sum(0).expand(len(z), 4)

    with pytest.raises(DomainError, match="no copies"):
        FrameAveraged(_Called(strange, holder), frame, Cloud(Point), None)(x)


class _Called(nn.Module):
    def __init__(self, call: object, parts: nn.Module) -> None:
        super().__init__()
        self.call, self.parts = call, parts

    def forward(self, *x: object) -> Tensor:
        return self.call(*x)  # type: ignore[operator]


class Fresh(nn.Module):
    """Odd outputs that nearly cancel over a frame, as those of every fresh network do."""

    def __init__(self, planted: float = 0.0) -> None:
        super().__init__()
        self.each = nn.Sequential(nn.Linear(3, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU())
        self.all = nn.Linear(32, 3)
        self.planted = planted

    def forward(self, x: Tensor) -> Tensor:
        return self.all(self.each(x).mean(1))


@pytest.mark.parametrize("seed", [11, 12])
def test_single_precision_passes_where_it_is_rounding(seed: int) -> None:
    torch.manual_seed(seed)
    model = symmetrize(Fresh(), "E(3)", rep_in=Cloud(Point), rep_out=Vector)
    assert_equivariant(model, "E(3)", torch.randn(10, 12, 3), Cloud(Point), Vector)


def test_a_planted_defect_is_no_rounding() -> None:
    torch.manual_seed(3)
    model = symmetrize(Fresh(), "SO(3)", rep_in=Cloud(Vector), rep_out=Vector)
    x = torch.randn(10, 12, 3)
    size = model(x).detach().square().mean().sqrt()
    up = torch.tensor([0.0, 0.0, 1.0])

    class Planted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Tensor:
            return self.model(x) + (2e-4 * size * up).to(x.dtype)

    with pytest.raises(AssertionError, match=r"in double precision it is .*no rounding"):
        assert_equivariant(Planted(), "SO(3)", x, Cloud(Vector), Vector)
    with pytest.raises(AssertionError, match="tolerance 1e-09"):
        assert_equivariant(model, "SO(3)", x, Cloud(Vector), Vector, tol=1e-9)


@pytest.mark.parametrize("n", [10, 60])
def test_distances_of_torch_are_taken(n: int) -> None:
    """Beyond 25 points torch takes roots of differences of products: a diagonal of 1e-3, and no symmetry."""
    x = draw(n, 3).float()
    found = classical_mds(D=torch.cdist(x, x), k=3)
    assert (torch.cdist(found.Y, found.Y) - torch.cdist(x, x)).abs().max() < 2e-2
    wrong = torch.cdist(x, x)
    wrong[0, 1] *= 1.01
    with pytest.raises(DomainError, match="symmetric"):
        classical_mds(D=wrong)


def test_the_output_must_be_named() -> None:
    with pytest.raises(SchemaError, match="no rep_out"):
        symmetrize(nn.Linear(3, 10), "E(3)")
    logits = symmetrize(lambda x: x.relu().sum(1)[:, [0, 1, 2, 0]], "E(3)", rep_out=None)
    assert logits(draw(2, 5, 3)).abs().max() > 0


def of_arrays(x: np.ndarray) -> np.ndarray:
    """What only an array of numpy can do: refused of tensors."""
    return np.einsum("nd,d->n", x.astype(np.float64, order="F"), np.array([1.0, -2.0, 0.5, 3.0])) ** 2


@pytest.mark.parametrize("kind", ["function", "estimator", "method"])
def test_functions_of_arrays_and_estimators_are_models(kind: str) -> None:
    from sklearn.tree import DecisionTreeRegressor

    x = np.random.default_rng(3).normal(size=(40, 4))
    tree = DecisionTreeRegressor(max_depth=4).fit(x, of_arrays(x))
    model = {"function": of_arrays, "estimator": tree, "method": tree.predict}[kind]
    symmetric = symmetrize(model, "O(3)", rep_in="Vector + Scalar", rep_out="Scalar")
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    turned = np.concatenate([x[:, :3] @ turn.T, x[:, 3:]], 1)
    assert isinstance(symmetric(x), np.ndarray)
    assert np.allclose(symmetric(turned), symmetric(x), atol=1e-9)
    assert isinstance(symmetric(torch.from_numpy(x)), Tensor)
    assert abs(symmetric(x)[:, 0] - of_arrays(x)).max() > 0.1
    with pytest.raises(DomainError, match="outside torch"):
        symmetric(torch.from_numpy(x).requires_grad_())
    assert set(symmetric.state_dict()) == {"draws", "_extra_state"}


def test_what_fails_on_tensors_and_on_arrays_fails_as_it_does_on_tensors() -> None:
    def wrong(x: Tensor) -> Tensor:
        return x.relu() + torch.zeros(7, 7, 7)

    with pytest.raises(RuntimeError, match="must match the size"):
        symmetrize(wrong, "O(3)", rep_out="Scalar")(torch.randn(2, 5, 3))


def test_arrays_are_read_in_the_precision_of_the_network() -> None:
    net = symmetrize(torch.nn.Linear(3, 2), "O(3)", rep_in="Vector", rep_out="2*Scalar")
    x = np.random.default_rng(5).normal(size=(6, 3))
    assert net(x).dtype == np.float32
    assert np.array_equal(net(x), net(x.astype(np.float32)))


def test_a_backbone_that_is_replaced_is_called() -> None:
    model = symmetrize(lambda x: np.abs(np.asarray(x)).max(1), "O(2)", rep_in="Vector", rep_out="Scalar")
    x = np.random.default_rng(6).normal(size=(4, 2))
    before = model(x)
    model.backbone = lambda x: 2 * np.abs(np.asarray(x)).max(1)
    assert np.allclose(model(x), 2 * before)


def test_outputs_beside_whole_numbers_are_not_cut() -> None:
    numbers, x = torch.tensor([[1], [6]]), torch.tensor([[0.25, 0.5], [0.5, 1.0]])
    assert called(lambda z, x: np.asarray(z)[:, 0] * np.asarray(x)[:, 0])(numbers, x).tolist() == [[0.25], [3.0]]
    assert called(lambda z: np.asarray(z)[:, 0] / 4)(numbers).tolist() == [[0.25], [1.5]]
