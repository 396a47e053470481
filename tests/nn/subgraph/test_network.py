"""Networks on subgraphs: laws of whole graphs, what they tell apart, repeated subgraphs, and a trained one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import networkx as nx
import pytest
import torch
from graphs import batched, cyclic, irregular, relabelled, rook, shrikhande
from torch import Tensor

from isotropy.data import Graphs, load_exp, load_graph8c, load_sr25
from isotropy.errors import DomainError, InfeasibleError, ShapeError
from isotropy.linalg import Segments
from isotropy.nn import SubgraphLayer, SubgraphNetwork, Subgraphs
from isotropy.nn.subgraph import Repeats, on_pairs
from isotropy.train import Batches, fit

SHARINGS = ("all", "size", "rooted", "exact")
# What the library's 30 times rounding means: the nearest pairs of SR25 lie 1e-12 apart, copies of a graph 4e-16.
APART, ROUNDING = 30.0, 1e-12


@pytest.fixture(autouse=True)
def _doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def small() -> Graphs:
    edges, batch = irregular()
    return Graphs(
        torch.randn(13, 3), edges, torch.tensor([0, 1, 1]), Segments(batch, 3), torch.randn(edges.shape[1], 2)
    )


def network(small: Graphs, sharing: Any = "all", **settings: Any) -> SubgraphNetwork:
    s = Subgraphs.from_graph(small.edge_index, small.batch, k=settings.get("k", 1))
    return SubgraphNetwork(3, 2, 2, hidden=(6, 5), sharing=sharing, subgraphs=s, head=(7,), **settings)


def answer(net: SubgraphNetwork, graphs: Graphs) -> Tensor:
    return net(graphs.x, graphs.edge_index, graphs.edge_attr, graphs.batch)


def far(x: Tensor, y: Tensor) -> float:
    return float(((x - y).abs().max() / y.abs().max()).detach())


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("sharing", SHARINGS)
def test_numbering_order_and_company_do_not_matter_before_and_after_training(
    sharing: Any, k: int, small: Graphs
) -> None:
    net = network(small, sharing, k=k, root=sharing == "rooted", reduce="attention" if k == 2 else "mean")
    for trained in (False, True):
        if trained:
            fit(
                net,
                lambda net, batch: (answer(net, batch) - batch.y[:, None]).square().mean(1),
                Batches(small, 3),
                optimizer=torch.optim.Adam(net.parameters(), 1e-2),
                max_steps=5,
                progress=False,
            )
            net.train()
        whole = answer(net, small)
        p = relabelled(small.batch)
        x = torch.empty_like(small.x)
        x[p] = small.x
        order = torch.randperm(small.edge_index.shape[1])
        assert small.edge_attr is not None
        moved = net(x, p[small.edge_index][:, order], small.edge_attr[order], small.batch)
        assert far(moved, whole) < 1e-10
        alone = torch.cat([answer(net, small[g : g + 1]) for g in (2, 0, 1)])
        assert far(alone, whole[[2, 0, 1]]) < 1e-12


def test_a_radius_that_reaches_everything_is_the_global_network(small: Graphs) -> None:
    edges = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [1, 2, 0, 4, 5, 6, 3]])
    batch = torch.tensor([0, 0, 0, 1, 1, 1, 1])
    layer = SubgraphLayer("2*Nodes**2 + 3*Nodes", "2*Nodes**2 + 2*Nodes", norm=None)
    near, whole = Subgraphs.from_graph(edges, batch, k=2), Subgraphs.from_graph(edges, batch, policy="graph")
    assert torch.equal(near.union, whole.union)
    x, e = torch.randn(7, 3), torch.randn(near.union.shape[1], 2)
    for local, all_at_once in zip(layer(x, e, near), layer(x, e, whole), strict=True):
        assert local is not None
        assert all_at_once is not None
        assert far(local, all_at_once) < 1e-10


def told_apart(graphs: Sequence[nx.Graph], pairs: Sequence[tuple[int, int]], **settings: Any) -> list[bool]:
    """Whether random weights tell the graphs of each pair apart: 30 times more than relabelled copies differ."""
    net = SubgraphNetwork(0, 0, 1, hidden=(16,) * 3, norm=None, **settings)
    rows, copies = list[Tensor](), list[Tensor]()
    with torch.no_grad():
        for start in range(0, len(graphs), 200):
            edges, batch = batched(graphs[start : start + 200])
            s = Subgraphs.from_graph(edges, batch, k=net.k)
            rows.append(net.embedding(None, edges, None, batch, subgraphs=s))
            p = relabelled(batch)
            copies.append(net.embedding(None, p[edges], None, batch))
    y, z = torch.cat(rows), torch.cat(copies)
    rounding = float(((y - z).norm(dim=1) / y.norm(dim=1)).max())
    assert rounding < ROUNDING
    first, second = torch.tensor(pairs).mT
    return ((y[first] - y[second]).norm(dim=1) > APART * rounding * y[first].norm(dim=1)).tolist()


def graphs_of(found: Any) -> list[nx.Graph]:
    return [nx.from_numpy_array(A[:n, :n].numpy()) for A, n in zip(found.A, found.sizes.tolist(), strict=True)]


ONE = [(0, 1)]
HEXAGON = [nx.cycle_graph(6), nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))]


@pytest.mark.parametrize("root", [False, True])
def test_the_smallest_pairs_are_told_apart_as_the_table_says(root: bool) -> None:
    assert told_apart(HEXAGON, ONE, root=root) == [True]
    assert told_apart([rook(), shrikhande()], ONE, root=root) == [False]
    assert told_apart([rook(), shrikhande()], ONE, local_product=True) == [True]
    parted = told_apart(cyclic(), list(combinations(range(10), 2)), root=root)
    assert parted == [i == 0 for i, _ in combinations(range(10), 2)]  # 36 of 45 are not


@pytest.mark.slow
def test_hard_sets_are_told_apart_as_the_table_says() -> None:
    strongly, pairs = graphs_of(load_sr25()), list(combinations(range(15), 2))
    exp = graphs_of(load_exp()[:200])
    exp_pairs = [(2 * i, 2 * i + 1) for i in range(100)]
    ring_pairs = list(combinations(range(10), 2))
    lost = lambda graphs, pairs, **settings: sum(not one for one in told_apart(graphs, pairs, **settings))  # noqa: E731
    assert [lost(strongly, pairs), lost(exp, exp_pairs)] == [105, 100]
    assert [lost(HEXAGON, ONE, k=2), lost([rook(), shrikhande()], ONE, k=2)] == [0, 1]
    assert [lost(cyclic(), ring_pairs, k=2), lost(strongly, pairs, k=2), lost(exp, exp_pairs, k=2)] == [0, 105, 0]
    assert lost(strongly, pairs, local_product=True) == 0


@pytest.mark.slow
def test_of_all_graphs_of_eight_nodes_at_most_ten_pairs_are_not_told_apart() -> None:
    graphs = graphs_of(load_graph8c())
    net = SubgraphNetwork(0, 0, 1, hidden=(16,) * 3, norm=None)
    with torch.no_grad():
        rows = []
        for start in range(0, len(graphs), 500):
            edges, batch = batched(graphs[start : start + 500])
            rows.append(net.embedding(None, edges, None, batch))
    y = torch.cat(rows)
    size = y.norm(dim=1)
    # Equal graphs have projections that are equal: only near neighbours along one direction are compared.
    order = (y @ torch.randn(16)).argsort()
    y, size = y[order], size[order]
    lost = sum(int(((y[i:] - y[:-i]).norm(dim=1) <= 1e-13 * size[i:]).sum()) for i in range(1, 5))
    assert lost <= 10


def test_repeated_subgraphs_are_computed_once_and_change_nothing(small: Graphs) -> None:
    path, ring = nx.path_graph(9), nx.cycle_graph(8)
    edges, batch = batched([path, ring, nx.star_graph(5), nx.path_graph(7)])
    x = torch.ones(len(batch), 3)
    x[3] = 0
    for settings in ({}, {"local_product": True}, {"root": True}):
        torch.manual_seed(1)
        net = SubgraphNetwork(3, 0, 2, hidden=(6, 5), head=(7,), **settings)
        plain = net(x, edges, None, batch)
        wanted = torch.autograd.grad(plain.square().sum(), list(net.parameters()))
        net.cache = True
        again = net(x, edges, None, batch)
        found = torch.autograd.grad(again.square().sum(), list(net.parameters()))
        assert far(again, plain) < 1e-12
        for a, b in zip(found, wanted, strict=True):
            assert float((a - b).abs().max()) < 1e-12 * max(float(b.abs().max()), 1)
    s = Subgraphs.from_graph(edges, batch)
    e = on_pairs(None, edges, s, True, x.dtype)
    repeats = Repeats.of(s, x, e)
    assert repeats is not None
    kinds = int(s.classes(x).max()) + 1
    layer = SubgraphLayer("Nodes**2 + 3*Nodes", "2*Nodes**2 + Nodes")
    layer(x, e, s, repeats=repeats)
    first = torch.stack([(s.classes(x) == c).nonzero()[0, 0] for c in range(kinds)])
    assert repeats.computed == [int(s.sizes[first].square().sum())]
    assert repeats.computed[0] < len(s.row) / 3
    assert Repeats.of(*_distinct()) is None


def _distinct() -> tuple[Subgraphs, Tensor, None]:
    """Subgraphs whose nodes all have features of their own."""
    edges, batch = irregular()
    return Subgraphs.from_graph(edges, batch), torch.randn(13, 2), None


def test_an_empty_graph_reads_zero_and_says_so() -> None:
    net = SubgraphNetwork(1, 0, 2, hidden=(4,), head=())
    batch = torch.tensor([0, 0, 2])
    with pytest.warns(UserWarning, match=r"graphs \[1\] have no nodes"):
        y = net.embedding(torch.ones(3, 1), torch.tensor([[0], [1]]), None, batch)
    assert y.shape == (3, 4)
    assert bool((y[1] == 0).all())
    assert bool((y[0] != 0).any())


@pytest.mark.parametrize("head", [(), (5,)], ids=str)
def test_dropout_acts_with_every_head_and_in_training_alone(head: tuple[int, ...], small: Graphs) -> None:
    net = SubgraphNetwork(3, 2, 2, hidden=(4,), head=head, dropout=0.5)

    def answers() -> Tensor:
        return net(small.x, small.edge_index, small.edge_attr, small.batch)

    assert not torch.equal(answers(), answers())
    net.eval()
    assert torch.equal(answers(), answers())


def test_a_single_node_is_no_batch_to_train_a_norm_on() -> None:
    net = SubgraphNetwork(1, 0, 2, hidden=(4,), head=(), norm="batch")
    alone = torch.ones(1, 1), torch.empty(2, 0, dtype=torch.int64)
    with pytest.raises(DomainError, match=r"one row in a batch.*drop a last batch of a single graph"):
        net(*alone)
    assert net.eval()(*alone).shape == (1, 2)


def test_features_that_do_not_fit_are_refused(small: Graphs) -> None:
    net = network(small)
    with pytest.raises(ShapeError, match=r"node features \(13, 2\); expected 3"):
        net(small.x[:, :2], small.edge_index, small.edge_attr, small.batch)
    with pytest.raises(ShapeError, match="edge features None; expected 2"):
        net(small.x, small.edge_index, None, small.batch)
    x = small.x.clone()
    x[4, 1] = torch.nan
    with pytest.raises(DomainError, match="node features in row 4"):
        net(x, small.edge_index, small.edge_attr, small.batch)
    tight = network(small, memory=1000)
    with pytest.raises(InfeasibleError, match=r"3 graphs, 35 members and 107 pairs.*whole graphs would take"):
        answer(tight, small)


def test_graphs_of_torch_geometric_are_taken_as_they_come(small: Graphs) -> None:
    data = pytest.importorskip("torch_geometric.data")
    from isotropy.nn.subgraph import ToSubgraphs

    net = network(small)
    listed = [
        data.Data(x=one.x, edge_index=one.edge_index, edge_attr=one.edge_attr)
        for one in (small[g : g + 1] for g in range(3))
    ]
    wanted = answer(net, small)
    assert far(net.of(data.Batch.from_data_list(listed)), wanted) < 1e-12
    assert far(net.of(data.Batch.from_data_list([ToSubgraphs()(one) for one in listed])), wanted) < 1e-12
