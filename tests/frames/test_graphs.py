"""Graph frames: invariant outputs stay so to the last bit, and different graphs are told apart (check 5.8)."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pytest
import torch
from torch import Tensor, nn

from isotropy.data import GraphSet, load_exp, load_graph8c, load_sr25, read_graph6
from isotropy.errors import DomainError, FrameSizeError, SchemaError, ShapeError
from isotropy.frames import (
    CanonicalForms,
    CanonicalGraph,
    CanonicalGraphFrame,
    FrameAveraged,
    LaplacianFrame,
    canonical_forms,
)
from isotropy.frames.graphs._canonical_graph import orbit_mean, orbital_mean
from isotropy.frames.graphs._forms import orbitals
from isotropy.frames.graphs._laplacian import DirectedGraphError, spectral_key
from isotropy.groups import DiscreteMeasure, S
from isotropy.optics import average
from isotropy.random import spawn
from isotropy.reps import Cloud, Pairs, Scalar


def of(*graphs: nx.Graph) -> Tensor:
    return torch.stack([torch.from_numpy(nx.to_numpy_array(graph)) for graph in graphs])


def shuffles(B: int, n: int, seed: int, sizes: Tensor | None = None) -> Tensor:
    """Permutations (B, n) that leave padding in place."""
    draw = torch.rand(B, n, generator=spawn(seed, "shuffle"))
    if sizes is not None:
        draw = torch.where(torch.arange(n) < sizes[:, None], draw, 2.0 + torch.arange(n))
    return draw.argsort(1)


def permuted(p: Tensor, A: Tensor, X: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """p.A and p.X: vertex i becomes vertex p[i]."""
    group = S(A.shape[-1])
    return Pairs().act(group, p, A), None if X is None else Cloud().act(group, p, X)


class GIN(nn.Module):
    """Three graph isomorphism layers of width 64 with vertex numbers, sum pooling, tanh (protocol 4.2)."""

    def __init__(self, n: int, c: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        widths = [n + c + 2, 64, 64, 64]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(a, b), nn.Tanh(), nn.Linear(b, b), nn.Tanh()) for a, b in itertools.pairwise(widths)
        )
        self.out = nn.Linear(64, 10)
        self.double()

    def forward(self, A: Tensor, X: Tensor | None = None, sizes: Tensor | None = None) -> Tensor:
        one = torch.ones_like(A[..., :1])
        number = torch.eye(A.shape[-1], dtype=A.dtype).expand_as(A)
        h = torch.cat([number, one, A.sum(-1, keepdim=True), *([] if X is None else [X])], -1)
        for layer in self.layers:
            h = layer(h + A @ h)
        return torch.tanh(self.out(h.mean(1)))


class MLP(nn.Module):
    def __init__(self, n: int, c: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(nn.Linear(n * (n + c), 100), nn.ReLU(), nn.Linear(100, 10), nn.Tanh()).double()

    def forward(self, A: Tensor, X: Tensor | None = None, sizes: Tensor | None = None) -> Tensor:
        return self.layers(torch.cat([A.flatten(1), *([] if X is None else [X.flatten(1)])], 1))


def embed(graphs: GraphSet, network: type[GIN] | type[MLP], forms: CanonicalForms, seed: int) -> Tensor:
    c = 0 if graphs.X is None else graphs.X.shape[-1]
    model = CanonicalGraph(network(graphs.A.shape[-1], c, seed), forms=forms)
    with torch.no_grad():
        return model(graphs.A, graphs.X, graphs.sizes)


def not_separated(graphs: GraphSet, network: type[GIN] | type[MLP], pairs: Tensor, seeds: int = 10) -> int:
    """How many pairs (k, 2) have embeddings within 1e-3 in L1 for every seed."""
    forms = canonical_forms(graphs.A, graphs.X, graphs.sizes)
    for seed in range(seeds):
        if not len(pairs):
            break
        y = embed(graphs, network, forms, seed)
        pairs = pairs[(y[pairs[:, 0]] - y[pairs[:, 1]]).abs().sum(1) <= 1e-3]
    return len(pairs)


def relabelling_error(graphs: GraphSet, times: int, engine: str) -> float:
    """The largest change of an output when the vertices of all graphs are renamed, ``times`` times."""
    c = 0 if graphs.X is None else graphs.X.shape[-1]
    model = CanonicalGraph(GIN(graphs.A.shape[-1], c, 0), engine=engine)  # type: ignore[arg-type]
    worst = 0.0
    with torch.no_grad():
        y = model(graphs.A, graphs.X, graphs.sizes)
        for turn in range(times):
            A, X = permuted(shuffles(len(graphs), graphs.A.shape[-1], turn, graphs.sizes), graphs.A, graphs.X)
            worst = max(worst, float((model(A, X, graphs.sizes) - y).abs().max()))
    return worst


def all_pairs(count: int) -> Tensor:
    return torch.combinations(torch.arange(count))


def neighbours(count: int) -> Tensor:
    return torch.arange(count).view(-1, 2)


@pytest.fixture(params=["python", "nauty"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "nauty":
        pytest.importorskip("pynauty")
    return request.param


@pytest.fixture(scope="module")
def exp(real_data: Path) -> GraphSet:
    return load_exp()


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "exp.npz").write_text("graphs")
    with pytest.raises(SchemaError, match=r"exp\.npz: .*an \.npz archive"):
        load_exp(tmp_path / "exp.npz")


@pytest.fixture(scope="module")
def graph8c(real_data: Path) -> GraphSet:
    return load_graph8c()


@pytest.fixture(scope="module")
def sr25(real_data: Path) -> GraphSet:
    return load_sr25()


# Check 5.8: relabelled copies agree, different graphs do not.


def test_some_of_exp(exp: GraphSet, engine: str) -> None:
    some = exp[:120]
    assert relabelling_error(some, 2, engine) == 0
    assert not_separated(some, GIN, neighbours(120)) == 0
    assert not_separated(some, MLP, neighbours(120)) == 0


def test_some_of_graph8c(graph8c: GraphSet, engine: str) -> None:
    some = graph8c[::37]
    assert relabelling_error(some, 3, engine) == 0
    assert not_separated(some, GIN, all_pairs(len(some))) == 0
    assert not_separated(some, MLP, all_pairs(len(some))) == 0


def test_sr25(sr25: GraphSet, engine: str) -> None:
    assert relabelling_error(sr25, 5, engine) == 0
    assert not_separated(sr25, GIN, all_pairs(15)) == 0
    assert not_separated(sr25, MLP, all_pairs(15)) == 0


@pytest.mark.slow
def test_check_8(exp: GraphSet, graph8c: GraphSet, sr25: GraphSet) -> None:
    # Each graph is renamed on its own: ten times a thousand graphs are as many cases as a hundred times a hundred.
    assert relabelling_error(exp, 10, "auto") <= 1e-5
    assert relabelling_error(graph8c[torch.randperm(11117, generator=spawn(0, "graph8c"))[:1000]], 10, "auto") <= 1e-5
    assert relabelling_error(sr25, 100, "auto") <= 1e-5
    for network in (GIN, MLP):
        assert not_separated(exp, network, neighbours(1200)) == 0
        assert not_separated(sr25, network, all_pairs(15)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("network", [GIN, MLP])
def test_all_61_million_pairs_of_graph8c(graph8c: GraphSet, network: type[GIN] | type[MLP]) -> None:
    forms = canonical_forms(graph8c.A)
    y = embed(graph8c, network, forms, 0)
    near = [
        torch.stack([found[:, 0] + start, found[:, 1]], 1)
        for start in range(0, len(y), 1000)
        for found in [(torch.cdist(y[start : start + 1000], y, p=1) <= 1e-3).nonzero()]
    ]
    pairs = torch.cat(near)
    assert not_separated(graph8c, network, pairs[pairs[:, 0] < pairs[:, 1]]) == 0


def test_forms_of_all_graph8c_are_distinct(graph8c: GraphSet) -> None:
    order = torch.stack([one.order for one in canonical_forms(graph8c.A).of(graph8c.A)])
    posed, _ = permuted(order.argsort(1), graph8c.A)
    assert len(posed.flatten(1).unique(dim=0)) == 11117


# The frame.

ZOO = of(
    nx.path_graph(6),
    nx.cycle_graph(6),
    nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3)),
    nx.disjoint_union(nx.star_graph(3), nx.path_graph(2)),
    nx.gnp_random_graph(6, 0.5, seed=3),
)


def atoms(measure: DiscreteMeasure, row: int) -> dict[tuple[int, ...], float]:
    """The measure of one row as a weighted set."""
    found: dict[tuple[int, ...], float] = {}
    assert isinstance(measure.g, Tensor)
    for g, w in zip(measure.g[row].tolist(), measure.weight[row].tolist(), strict=True):
        if w > 0:
            found[tuple(g)] = found.get(tuple(g), 0.0) + w
    return found


def obeys_the_law(frame: Callable[[Tensor], DiscreteMeasure], A: Tensor) -> bool:
    """mu(h.A) = h_* mu(A)."""
    h = shuffles(len(A), A.shape[-1], 5)
    group = S(A.shape[-1])
    before, after = frame(A), frame(permuted(h, A)[0])
    assert isinstance(before.g, Tensor)
    moved = DiscreteMeasure(group.compose(h[:, None], before.g), before.log_weight)
    return all(atoms(moved, row) == pytest.approx(atoms(after, row)) for row in range(len(A)))


def test_equivariant_frames_obey_the_law(engine: str) -> None:
    frame = CanonicalGraphFrame(6, outputs="equivariant", engine=engine)  # type: ignore[arg-type]
    assert obeys_the_law(frame, ZOO)
    assert [len(atoms(frame(ZOO), row)) for row in range(4)] == [2, 12, 72, 12]
    assert frame(ZOO).exact
    assert frame.group == S(6)


def test_frames_of_invariant_outputs_have_one_atom_and_obey_it_up_to_automorphisms(engine: str) -> None:
    one = CanonicalGraphFrame(6, engine=engine)(ZOO)  # type: ignore[arg-type]
    every = CanonicalGraphFrame(6, outputs="equivariant", engine=engine)(ZOO)  # type: ignore[arg-type]
    assert len(one) == 1
    assert isinstance(one.g, Tensor)
    for row in range(len(ZOO)):
        assert tuple(one.g[row, 0].tolist()) in atoms(every, row)


def test_atoms_take_the_canonical_form_to_the_graph() -> None:
    g = CanonicalGraphFrame(6, outputs="equivariant")(ZOO).g
    assert isinstance(g, Tensor)
    for row, A in enumerate(ZOO):
        posed = permuted(g[row].argsort(-1), A.expand(g.shape[1], -1, -1))[0]
        kept = CanonicalGraphFrame(6, outputs="equivariant")(ZOO).weight[row] > 0
        assert bool((posed[kept] == posed[0]).all())


def test_symmetric_graphs_beyond_max_frames_are_refused() -> None:
    with pytest.raises(FrameSizeError, match="720 automorphisms in row 1"):
        CanonicalGraphFrame(6, outputs="equivariant")(torch.cat([ZOO[:1], torch.zeros(1, 6, 6, dtype=torch.float64)]))


def test_frame_averaged_networks_are_equivariant() -> None:
    n = 6
    torch.manual_seed(0)
    layer = nn.Linear(n * n, n * n).double()
    for frame in (CanonicalGraphFrame(n, outputs="equivariant"), LaplacianFrame(100, exact="key", n=n)):
        node = FrameAveraged(lambda A: torch.tanh(layer(A.flatten(1))).view(-1, n, n), frame, Pairs(), Cloud())
        pair = FrameAveraged(lambda A: torch.tanh(layer(A.flatten(1))).view(-1, n, n), frame, Pairs(), Pairs())
        graph = FrameAveraged(lambda A: torch.tanh(layer(A.flatten(1))), frame, Pairs(), n * n * Scalar)
        rows = slice(None) if isinstance(frame, CanonicalGraphFrame) else slice(0, 1)
        A, p = ZOO[rows], shuffles(len(ZOO), n, 1)[rows]
        B = permuted(p, A)[0]
        torch.testing.assert_close(node(B), Cloud().act(S(n), p, node(A)), atol=1e-12, rtol=0)
        torch.testing.assert_close(pair(B), Pairs().act(S(n), p, pair(A)), atol=1e-12, rtol=0)
        torch.testing.assert_close(graph(B), graph(A), atol=1e-12, rtol=0)


def test_features_enter_as_colours_and_travel_as_a_pair() -> None:
    X = torch.tensor([1.0, 0, 0, 0, 0, 0], dtype=torch.float64)[:, None].expand(len(ZOO), 6, 1)
    frame = CanonicalGraphFrame(6, outputs="equivariant")
    assert len(atoms(frame(ZOO, X), 1)) == 2
    mean = average(frame, (Pairs(), Cloud()), Cloud()).close(lambda both: both[0].cumsum(1) @ both[1])
    p = shuffles(len(ZOO), 6, 2)
    A, Y = permuted(p, ZOO, X)
    assert Y is not None
    torch.testing.assert_close(mean((A, Y)), Cloud().act(S(6), p, mean((ZOO, X))), atol=1e-12, rtol=0)


def test_a_frame_without_n_has_no_group() -> None:
    with pytest.raises(DomainError, match=r"CanonicalGraphFrame\(n=\.\.\.\)"):
        CanonicalGraphFrame().group


def test_a_store_of_another_engine_is_refused() -> None:
    with pytest.raises(DomainError, match="forms"):
        CanonicalGraphFrame(tol=1e-3, forms=CanonicalForms())


# The module: one run, then orbits.


def wobbly(A: Tensor, X: Tensor | None = None, sizes: Tensor | None = None) -> Tensor:
    """Node values that depend on the order of the vertices in every way."""
    weight = torch.linspace(0.3, 1.7, A.shape[-1], dtype=A.dtype)
    return torch.stack([torch.tanh(A.cumsum(1) @ weight), torch.sin(A @ weight.square() + weight)], -1)


def wobbly_pairs(A: Tensor, X: Tensor | None = None, sizes: Tensor | None = None) -> Tensor:
    y = wobbly(A)
    return torch.sin(y[:, :, None] + 2 * y[:, None].cumsum(2))


def test_orbit_means_are_averages_over_all_automorphisms(engine: str) -> None:
    every = CanonicalGraphFrame(6, outputs="equivariant", engine=engine)  # type: ignore[arg-type]
    node = CanonicalGraph(wobbly, "node", engine=engine)  # type: ignore[arg-type]
    pair = CanonicalGraph(wobbly_pairs, "pair", engine=engine)  # type: ignore[arg-type]
    listed = average(every, Pairs(), Cloud()).close(wobbly)
    torch.testing.assert_close(node(ZOO), listed(ZOO), atol=1e-12, rtol=0)
    listed = average(every, Pairs(), Pairs(Scalar)).close(lambda A: wobbly_pairs(A)[..., :1])
    torch.testing.assert_close(pair(ZOO)[..., :1], listed(ZOO), atol=1e-12, rtol=0)


@pytest.mark.parametrize("output", ["graph", "node", "pair"])
def test_modules_are_equivariant_with_padding_and_features(exp: GraphSet, output: str, engine: str) -> None:
    some = exp[:6]
    assert some.X is not None
    backbone = {"graph": lambda *x: wobbly(*x).sum(1), "node": wobbly, "pair": wobbly_pairs}[output]
    model = CanonicalGraph(backbone, output, engine=engine)  # type: ignore[arg-type]
    y = model(some.A, some.X, some.sizes)
    p = shuffles(6, some.A.shape[-1], 3, some.sizes)
    A, X = permuted(p, some.A, some.X)
    back = y if output == "graph" else (Cloud() if output == "node" else Pairs()).act(S(A.shape[-1]), p, y)
    torch.testing.assert_close(model(A, X, some.sizes), back, atol=1e-12, rtol=0)


def test_gradients_reach_weights_and_features() -> None:
    A = torch.rand(2, 5, 5, dtype=torch.float64, generator=spawn(0, "A")).requires_grad_()
    model = CanonicalGraph(wobbly, "node")
    assert torch.autograd.gradcheck(lambda A: model(A), (A,))


def test_stored_forms_change_nothing(exp: GraphSet) -> None:
    some = exp[:8]
    forms = canonical_forms(some.A, some.X, some.sizes)
    model, stored = CanonicalGraph(wobbly, "node"), CanonicalGraph(wobbly, "node", forms=forms)
    assert torch.equal(model(some.A, some.X, some.sizes), stored(some.A, some.X, some.sizes))
    assert len(forms) == 8


def test_outputs_of_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="output='node'"):
        CanonicalGraph(lambda A: A[:, 0], "node")(ZOO)


def test_orbital_means_over_a_thousand_vertices() -> None:
    """Swapping two of 1000 vertices: a mean that moves little costs little."""
    swap = torch.arange(1000)
    swap[:2] = torch.tensor([1, 0])
    names = orbitals(swap[None])
    # Of 4 * 998 + 4 pairs that move, two at a time become one.
    assert len(names.unique()) == 1000**2 - (2 * 998 + 2)
    y = torch.rand(1000, 1000, 1, dtype=torch.float64, generator=spawn(0, "y"))
    group_mean = (y + y[swap][:, swap]) / 2
    torch.testing.assert_close(orbital_mean(y, names), group_mean, atol=1e-12, rtol=0)
    mean = orbit_mean(y[:, 0], torch.where(torch.arange(1000) == 1, 0, torch.arange(1000)))
    torch.testing.assert_close(mean, (y[:, 0] + y[swap, 0]) / 2, atol=1e-12, rtol=0)


# Sorted Laplacian eigenvectors.


def test_frame_sizes_are_those_measured_before(exp: GraphSet, graph8c: GraphSet, sr25: GraphSet) -> None:
    """Specification 03 §2.5: EXP median about 1e10 and up to about 1e27; SR25 25!; graph8c median 2."""
    frame = LaplacianFrame(exact="key")
    sizes = frame.size(exp.A, exp.X, exp.sizes)
    assert 9 < math.log10(statistics.median(sizes)) < 11
    assert 26.5 < math.log10(max(sizes)) < 27.5
    assert statistics.median(frame.size(graph8c.A)) == 2
    assert frame.size(sr25.A) == [math.factorial(25)] * 15


def test_projectors_of_components_are_seen() -> None:
    """The eigenvalue 0 has one eigenvector for each component; grouping equal floats would part them."""
    two = of(nx.disjoint_union(nx.path_graph(3), nx.cycle_graph(5)))
    key = spectral_key(two)[0]
    torch.testing.assert_close(key[:, 0].square(), torch.tensor([1 / 3] * 3 + [1 / 5] * 5, dtype=torch.float64))


def test_listed_key_frames_obey_the_law() -> None:
    frame = LaplacianFrame(200, exact="key", n=6)
    A = ZOO[[0, 3, 4]]
    assert frame(A).exact
    assert obeys_the_law(frame, A)
    assert [len(atoms(frame(A), row)) for row in range(3)] == frame.size(A)


def test_drawn_key_frames_say_so_and_sort_the_key() -> None:
    frame = LaplacianFrame(5, exact="key", n=6)
    measure = frame(ZOO)
    assert not measure.exact
    assert measure.degenerate is not None
    assert measure.degenerate.tolist() == [size > 5 for size in frame.size(ZOO)]
    assert isinstance(measure.g, Tensor)
    ties = frame.ties(ZOO)
    sorted_ties = ties[:, None].expand(-1, 5, -1).gather(-1, measure.g)
    assert bool((sorted_ties.diff()[measure.weight > 0] >= 0).all())
    assert torch.equal(measure.g, frame(ZOO).g)
    fresh = LaplacianFrame(5, exact="key", generator=spawn(1, "draws"))
    assert not torch.equal(fresh(ZOO).g[1], fresh(ZOO).g[1])  # type: ignore[index]


def test_draws_among_ties_are_uniform() -> None:
    frame = LaplacianFrame(6000, exact="key")
    ring = of(nx.cycle_graph(8))  # 8! > 6000: the first place falls on each vertex alike
    g = frame(ring).g
    assert isinstance(g, Tensor)
    count = g[0, :, 0].bincount(minlength=8).double()
    assert float(((count - 750).square() / 750).sum()) < 24.3  # chi-squared, 7 degrees, p = 0.001


def test_key_and_labelling_give_one_exact_atom(exp: GraphSet) -> None:
    some = exp[:20]
    frame = LaplacianFrame()
    measure = frame(some.A, some.X, some.sizes)
    assert len(measure) == 1
    assert measure.exact
    p = shuffles(20, some.A.shape[-1], 0, some.sizes)
    A, X = permuted(p, some.A, some.X)
    again = frame(A, X, some.sizes)
    assert isinstance(measure.g, Tensor)
    assert isinstance(again.g, Tensor)
    assert torch.equal(permuted(measure.g[:, 0].argsort(1), some.A)[0], permuted(again.g[:, 0].argsort(1), A)[0])


def test_a_key_near_a_rounding_boundary_is_not_parted() -> None:
    """Weights scaled so that two equal key entries lie near 0.005 and its like: permuted copies keep their ties."""
    for scale in torch.linspace(0.1, 10, 20, dtype=torch.float64).tolist():
        A = scale * ZOO
        frame = LaplacianFrame(exact="key")
        p = shuffles(len(A), 6, 9)
        assert torch.equal(frame.ties(permuted(p, A)[0]).gather(1, p), frame.ties(A))


def test_bad_graphs_are_refused() -> None:
    with pytest.raises(DirectedGraphError, match="CanonicalGraphFrame"):
        LaplacianFrame()(torch.eye(3).roll(1, 0)[None])
    with pytest.raises(NotImplementedError):
        LaplacianFrame()(torch.eye(3).roll(1, 0)[None])
    with pytest.raises(DomainError, match="negative"):
        LaplacianFrame()(-of(nx.path_graph(3)))
    with pytest.raises(ShapeError, match="sizes"):
        LaplacianFrame()(ZOO, None, torch.tensor([7, 1, 1, 1, 1]))
    with pytest.raises(DomainError, match="row 1"):
        CanonicalGraphFrame()(torch.tensor([[[0.0]], [[torch.nan]]]))


# The readers.


def test_the_graphs_are_the_known_ones(exp: GraphSet, graph8c: GraphSet, sr25: GraphSet) -> None:
    assert (len(exp), len(graph8c), len(sr25)) == (1200, 11117, 15)
    assert (int(exp.sizes.min()), int(exp.sizes.max()), int(exp.A.sum()) // 2) == (32, 64, 66130)
    assert torch.equal(exp.A, exp.A.mT)
    square = sr25.A @ sr25.A
    eye, edge = torch.eye(25, dtype=torch.bool).expand_as(sr25.A), sr25.A == 1
    assert square[eye].unique().tolist() == [12]
    assert square[edge].unique().tolist() == [5]
    assert square[~eye & ~edge].unique().tolist() == [6]
    assert load_sr25(corrected=False).A.sum((1, 2)).tolist() == [300] * 7 + [298] * 2 + [300] * 6


def test_files_that_are_not_graph6_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.g6").write_text("C~\nC~~~\n")
    with pytest.raises(SchemaError, match="line 2 of"):
        read_graph6(tmp_path / "a.g6")
    with pytest.raises(SchemaError, match=r"no file .*b\.g6"):
        read_graph6(tmp_path / "b.g6")
