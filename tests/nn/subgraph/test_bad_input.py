"""Bad input at the network's door, a test for each line: what is refused, in which words, what is taken as it is."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from graphs import irregular
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, InfeasibleError, ShapeError
from isotropy.nn import SubgraphLayer, SubgraphNetwork, Subgraphs
from isotropy.nn.subgraph import ToSubgraphs, cost, on_pairs

SHARINGS = ("all", "size", "rooted", "exact")
PAIR = torch.tensor([[0, 1], [1, 2]])  # a path of three nodes


@pytest.fixture(autouse=True)
def _doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def network(**settings: Any) -> SubgraphNetwork:
    return SubgraphNetwork(2, 1, 2, hidden=(3, 3), head=(), **settings)


def far(x: Tensor, y: Tensor) -> float:
    return float((x - y).abs().max().detach())


EDGES: tuple[tuple[Any, type[Exception], str], ...] = (
    ([[0, 1], [1, 9]], ShapeError, r"edge 1, \[1, 9\], of edge_index \(2, 2\); expected nodes from 0 to 2"),
    ([[0, 1], [-1, 2]], ShapeError, r"edge 0, \[0, -1\], of edge_index \(2, 2\)"),
    ([[0.0, 1.0], [1.0, 2.0]], DtypeError, r"edge_index of torch.float(32|64), shape \(2, 2\)"),
    ([[0, 1], [1, 2], [0, 2]], ShapeError, r"edge_index of shape \(3, 2\).*edge_index.mT"),
)


@pytest.mark.parametrize(("edges", "error", "match"), EDGES, ids=["out of range", "negative", "float", "(E, 2)"])
def test_edges_that_are_none_are_refused_at_every_door(edges: Any, error: type[Exception], match: str) -> None:
    given = torch.tensor(edges)
    for door in (Subgraphs.from_graph, cost):
        with pytest.raises(error, match=match) as refused:
            door(given, num_nodes=3)
        assert isinstance(refused.value, ValueError if error is ShapeError else TypeError)
    if given.dtype == torch.int64 and len(given) == 2:  # else the tests' own check of annotations stands before it
        with pytest.raises(error, match=match):
            network()(torch.ones(3, 2), given, torch.ones(given.shape[1], 1))


def test_an_unsorted_batch_is_refused_and_the_hint_sorts_it() -> None:
    net, x, batch = network(), torch.randn(3, 2), torch.tensor([1, 0, 1])
    edges, attr = torch.tensor([[0], [2]]), torch.ones(1, 1)
    with pytest.raises(DomainError, match=r"not sorted at node 1.*batch.argsort\(stable=True\)"):
        net(x, edges, attr, batch)
    order = batch.argsort(stable=True)
    found = net(x[order], order.argsort()[edges], attr, batch[order])
    alone = net(x[[1]], edges[:, :0], attr[:0], None), net(x[[0, 2]], torch.tensor([[0], [1]]), attr, None)
    assert far(found, torch.cat(alone)) < 1e-12


@pytest.mark.parametrize("sharing", SHARINGS)
def test_nodes_without_edges_work(sharing: Any) -> None:
    edges = torch.empty(2, 0, dtype=torch.int64)
    s = Subgraphs.from_graph(edges, num_nodes=4)
    ways: list[dict[str, Any]] = [{}, {"local_product": True}, {"cache": True, "reduce": "attention"}]
    for settings in ways + ([{"policy": "edge"}] if sharing != "rooted" else []):  # where nothing is a root
        net = network(sharing=sharing, subgraphs=s, **settings)
        y = net(torch.randn(4, 2), edges, torch.empty(0, 1))
        assert bool(y.isfinite().all())
        gradients = torch.autograd.grad(y.sum(), [p for p in net.parameters() if p.numel()], allow_unused=True)
        assert all(bool(g.isfinite().all()) for g in gradients if g is not None)


def test_a_graph_without_nodes_reads_zero_and_says_so_with_either_readout() -> None:
    batch = torch.tensor([0, 0, 2])
    for settings in ({}, {"readout": "mean"}, {"jumping": True, "norm": "batch"}):
        net = network(**settings)
        with pytest.warns(UserWarning, match=r"graphs \[1\] have no nodes: their readout is 0"):
            y = net.embedding(torch.ones(3, 2), torch.tensor([[0], [1]]), torch.ones(1, 1), batch)
        assert bool((y[1] == 0).all())
        assert bool((y[0] != 0).any())


def test_loops_stay_on_the_diagonal_and_edges_listed_again_count_once() -> None:
    edges, batch = irregular()
    x, attr = torch.randn(len(batch), 2), torch.randn(edges.shape[1], 1)
    net = network()
    once = net(x, edges, attr, batch)
    again = net(x, torch.cat([edges, edges.flip(0), edges], 1), attr.repeat(3, 1), batch)
    assert far(once, again) < 1e-12
    loopless = edges[0] != edges[1]
    assert far(net(x, edges[:, loopless], attr[loopless], batch)[2:], once[2:]) > 1e-6  # the third graph has the loop
    assert far(net(x, edges[:, loopless], attr[loopless], batch)[:2], once[:2]) < 1e-12
    # Listings that disagree count with their mean.
    doubled = torch.cat([attr - 1, attr + 1])
    assert far(once, net(x, torch.cat([edges, edges], 1), doubled, batch)) < 1e-12


def test_directed_edges_are_taken_both_ways_unless_told_otherwise() -> None:
    x, attr = torch.randn(3, 2), torch.randn(2, 1)
    net = network()
    assert far(net(x, PAIR, attr), net(x, PAIR.flip(0), attr)) < 1e-12
    out = network(direction="out")
    assert far(out(x, PAIR, attr), out(x, PAIR.flip(0), attr)) > 1e-6


@pytest.mark.parametrize("sharing", ["size", "exact"])
def test_sizes_that_were_never_seen_have_an_answer(sharing: Any) -> None:
    seen = Subgraphs.from_graph(PAIR, num_nodes=3)  # sizes 2 and 3
    net = network(sharing=sharing, subgraphs=seen, norm=None)  # a norm over each graph leaves nothing of a single node
    star = torch.tensor([[0] * 5, [1, 2, 3, 4, 5]])
    # A star of six, larger than all that was seen, and a node alone, smaller.
    x, batch = torch.randn(7, 2), torch.tensor([0] * 6 + [1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if sharing == "exact" else "error")
        y = net(x, star, torch.ones(5, 1), batch)
        other = net(x + 1, star, torch.ones(5, 1), batch)
    assert bool(y.isfinite().all())
    assert bool(((y - other).abs().amax(1) > 1e-6).all())  # both are answered by weights, not by zeros


FEATURES: tuple[tuple[dict[str, Any], type[Exception], str], ...] = (
    ({"x": torch.ones(3, 5)}, ShapeError, r"node features \(3, 5\); expected 2 of them"),
    ({"x": None}, ShapeError, r"node features None; expected 2 of them"),
    ({"x": torch.ones(4, 2)}, ShapeError, r"4 rows of node features; expected 3"),
    ({"attr": torch.ones(2, 4)}, ShapeError, r"edge features \(2, 4\); expected 1 of them"),
    ({"x": torch.tensor([[0.0, 0.0], [torch.nan, 0.0], [0.0, 0.0]])}, DomainError, "node features in row 1"),
    ({"attr": torch.tensor([[0.0], [torch.inf]])}, DomainError, "NaN or infinite edge features in row 1"),
)


@pytest.mark.parametrize(("changed", "error", "match"), FEATURES)
def test_features_that_do_not_fit_are_refused_with_both_numbers(
    changed: dict[str, Any], error: type[Exception], match: str
) -> None:
    given = {"x": torch.ones(3, 2), "attr": torch.ones(2, 1)} | changed
    s = Subgraphs.from_graph(PAIR)
    with pytest.raises(error, match=match):
        network()(given["x"], PAIR, given["attr"], subgraphs=s)
    with pytest.raises(ShapeError, match=r"edge_attr of shape \(3, 1\); expected \(2, C\)"):
        on_pairs(torch.ones(3, 1), PAIR, s, True, torch.float32)


def test_order_three_names_the_orders_that_there_are() -> None:
    with pytest.raises(NotImplementedError, match="orders 0, 1, 2"):
        SubgraphLayer("Nodes**3", "Nodes")


def test_what_is_too_large_is_refused_before_a_pair_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(s: Subgraphs) -> Tensor:
        raise AssertionError("pairs were made")

    for name in ("row", "_meeting"):
        monkeypatch.setattr(Subgraphs, name, property(made))
    n = 2000
    star = torch.stack([torch.zeros(n, dtype=torch.int64), torch.arange(1, n + 1)])  # four million pairs
    with pytest.raises(InfeasibleError, match=r"4,0\d\d,\d\d\d pairs.*at most 1.0 MB.*whole graphs would"):
        network(memory=10**6)(torch.ones(n + 1, 2), star, torch.ones(n, 1))
    with pytest.raises(InfeasibleError, match=r"k = 1: 4,0\d\d,\d\d\d pairs.*k = global: 4,004,001 pairs"):
        cost(star, k=(1,), budget=10**6)


def test_a_policy_of_ones_own_may_not_mix_graphs_and_a_transform_wants_edges() -> None:
    mixed = lambda links, batch: (torch.tensor([0, 2]), torch.tensor([0, 0]))  # noqa: E731
    with pytest.raises(ValueError, match="nodes of two graphs"):
        Subgraphs.from_graph(PAIR[:, :1], torch.tensor([0, 0, 1]), policy=mixed)
    data = pytest.importorskip("torch_geometric.data").Data
    with pytest.raises(ValueError, match="without edge_index"):
        ToSubgraphs()(data(x=torch.ones(2, 1)))
