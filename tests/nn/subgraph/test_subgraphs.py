"""Subgraphs of graphs: who is a member, what is glued where, what is taken, what is refused."""

from __future__ import annotations

from typing import Any

import networkx as nx
import pytest
import torch
from graphs import irregular
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, SchemaError, ShapeError
from isotropy.nn import Subgraphs
from isotropy.nn.subgraph import ToSubgraphs, cost, glue, lift, on_pairs

FIELDS = ("node", "sizes", "root", "batch", "links", "union", "pair", "distance")


def same(a: Subgraphs, b: Subgraphs) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in FIELDS)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_ego_networks_are_those_of_networkx_and_pairs_are_all_of_theirs(k: int) -> None:
    edges, batch = irregular()
    graph = nx.Graph(edges.mT.tolist())
    graph.add_nodes_from(range(len(batch)))
    s = Subgraphs.from_graph(edges, batch, k=k)
    for root, members in enumerate(s.node.split(s.sizes.tolist())):
        near = nx.single_source_shortest_path_length(graph, root, k)
        assert members.tolist() == sorted(near)
        assert s.distance is not None
        assert s.distance[s.subgraph == root].tolist() == [near[v] for v in sorted(near)]
    assert s.root.tolist() == list(range(len(batch)))
    pairs = {(i, j) for part in s.node.split(s.sizes.tolist()) for i in part.tolist() for j in part.tolist()}
    assert sorted(pairs) == [tuple(pair) for pair in s.union.mT.tolist()]
    i, j = s.node[s.row], s.node[s.col]
    assert torch.equal(s.union[:, s.pair], torch.stack([i, j]))
    assert torch.equal(s.row[s.transposed], s.col)
    assert torch.equal(s.row[s.diagonal], torch.arange(len(s.node)))
    assert torch.equal(s.union[:, s.union_transposed], s.union.flip(0))
    assert torch.equal(s.node[s.row[s.root_row]], s.root[s.subgraph])


def test_long_rings_find_their_pairs_without_a_table() -> None:
    ring = torch.arange(200)
    s = Subgraphs.from_graph(torch.stack([ring, ring.roll(-1)]), None)
    assert s.union.shape[1] == 200 * 5  # at most two steps apart
    assert torch.equal(s.union[:, s.pair], torch.stack([s.node[s.row], s.node[s.col]]))


def test_numbers_of_paths_and_of_repeated_edges_do_not_wrap_around() -> None:
    hubs = torch.tensor([[0] * 256 + [1] * 256, [*range(2, 258)] * 2])  # 256 nodes between the two hubs
    assert Subgraphs.from_graph(hubs, k=2).sizes[:2].tolist() == [258, 258]
    whole = Subgraphs.from_graph(torch.triu_indices(256, 256, 1), k=2)  # 256 paths between any two
    assert whole.distance is not None
    assert whole.distance.unique().tolist() == [0, 1]
    path = torch.tensor([[0, 1], [1, 2]])
    once, often = (cost(edges, torch.zeros(3).long(), k=[200]) for edges in (path, path.repeat(1, 256)))
    assert (once[200].members, once[200].pairs) == (often[200].members, often[200].pairs) == (9, 27)


def halves(links: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Each graph twice, as a policy of one's own."""
    return torch.arange(len(batch)).repeat(2), torch.cat([2 * batch, 2 * batch + 1])


POLICIES: tuple[Any, ...] = ("ego", "khop", "node_deleted", "edge", "graph", halves)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p if isinstance(p, str) else "own")
def test_gluing_undoes_lifting(policy: Any, k: int) -> None:
    s = Subgraphs.from_graph(*irregular(), k=k, policy=policy)
    x = torch.randn(s.n, 3, dtype=torch.float64)
    e = torch.randn(s.union.shape[1], 2, dtype=torch.float64)
    lifted = lift(x, e, s)
    scores = {order: torch.randn(len(part), dtype=torch.float64) for order, part in lifted.items()}
    for reduce in ("mean", scores):
        found = glue(lifted, s, reduce)
        assert found[0] is not None
        assert found[1] is not None
        assert float((found[0] - x).abs().max()) < 1e-12
        assert float((found[1] - e).abs().max()) < 1e-12
    total = glue(lifted, s, "sum")[0]
    assert total is not None
    assert float((total - x * s.meetings[0][:, None]).abs().max()) < 1e-12


def test_gluing_in_another_order_is_noticed() -> None:
    s = Subgraphs.from_graph(*irregular())
    x = torch.randn(s.n, 1)
    lifted = lift(x, None, s)
    wrong = glue({1: lifted[1].flip(0)}, s)[0]
    assert wrong is not None
    assert float((wrong - x).abs().max()) > 1e-3


def test_policies_choose_what_they_say() -> None:
    edges = torch.tensor([[0, 1, 2, 4], [1, 2, 3, 4]])  # a path of four, and a node with a loop
    batch = torch.tensor([0, 0, 0, 0, 1])

    def sets(**settings: Any) -> list[list[int]]:
        s = Subgraphs.from_graph(edges, batch, **settings)
        return [part.tolist() for part in s.node.split(s.sizes.tolist())]

    assert sets(policy="node_deleted") == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [4]]
    assert sets(policy="edge") == [[0, 1], [1, 2], [2, 3], [4]]
    assert sets(policy="edge", k=2) == [[0, 1, 2], [0, 1, 2, 3], [1, 2, 3], [4]]
    assert sets(policy="khop", k=2) == [[0, 2], [1, 3], [0, 2], [1, 3], [4]]
    assert sets(policy="graph") == [[0, 1, 2, 3], [4]]
    assert sets(direction="out") == [[0, 1], [1, 2], [2, 3], [3], [4]]
    assert sets(policy=lambda links, batch: (torch.tensor([3, 1, 4]), torch.tensor([5, 5, 7]))) == [[1, 3], [4]]


def test_listings_of_edges_do_not_matter_and_loops_stay_on_the_diagonal() -> None:
    edges, batch = irregular()
    both = torch.cat([edges, edges.flip(0), edges[:, :3]], 1)[:, torch.randperm(2 * edges.shape[1] + 3)]
    assert same(Subgraphs.from_graph(edges, batch), Subgraphs.from_graph(both, batch))
    s = Subgraphs.from_graph(edges, batch)
    e = on_pairs(None, edges, s, True, torch.float32)[:, 0]
    loops = s.union[0] == s.union[1]
    assert s.union[0][loops & (e > 0)].tolist() == [10]
    attr = torch.arange(float(edges.shape[1]))[:, None]
    once = on_pairs(attr, edges, s, True, torch.float32)
    assert torch.equal(
        once, on_pairs(torch.cat([attr, attr]), torch.cat([edges, edges.flip(0)], 1), s, True, attr.dtype)
    )


def test_taking_graphs_is_building_them_anew() -> None:
    edges, batch = irregular()
    whole, chosen = Subgraphs.from_graph(edges, batch, k=2), torch.tensor([2, 0, 2])
    start, size = torch.tensor([0, 6, 10]), torch.tensor([6, 4, 3])
    parts, offset = list[Tensor](), 0
    for g in chosen.tolist():
        parts.append(edges[:, batch[edges[0]] == g] - start[g] + offset)
        offset += int(size[g])
    again = Subgraphs.from_graph(torch.cat(parts, 1), torch.arange(3).repeat_interleave(size[chosen]), k=2)
    assert same(whole.take(chosen), again)


def test_graphs_of_torch_geometric_come_in_and_go_out() -> None:
    data = pytest.importorskip("torch_geometric.data")
    from torch_geometric.loader import DataLoader

    edges, batch = irregular()
    listed = []
    for g in range(3):
        own = (batch == g).nonzero()[:, 0]
        listed.append(data.Data(edge_index=edges[:, batch[edges[0]] == g] - own[0], num_nodes=len(own)))
    cut = ToSubgraphs(k=2)
    together = next(iter(DataLoader([cut(one) for one in listed], batch_size=3)))
    plain = Subgraphs.from_graph(edges, batch, k=2)
    assert same(Subgraphs.of(together), plain)
    assert same(Subgraphs.of(data.Batch.from_data_list(listed), k=2), plain)
    assert not hasattr(listed[0], "subgraph_sizes")
    rootless = next(iter(DataLoader([ToSubgraphs(policy="edge")(one) for one in listed], batch_size=3)))
    assert bool((Subgraphs.of(rootless).root == -1).all())
    with pytest.raises(SchemaError, match="without edge_index"):
        cut(data.Data(x=torch.ones(2, 1)))


def test_the_smallest_graphs_work() -> None:
    alone = Subgraphs.from_graph(torch.empty(2, 0, dtype=torch.int64), None, num_nodes=2)
    assert (alone.sizes.tolist(), alone.union.tolist()) == ([1, 1], [[0, 1], [0, 1]])
    none = Subgraphs.from_graph(torch.empty(2, 0, dtype=torch.int64), None)
    assert (len(none), none.n, none.union.shape) == (0, 0, (2, 0))


@pytest.mark.parametrize(
    ("edges", "batch", "error", "match"),
    [
        ([[0, 1], [1, 9]], [0, 0], ShapeError, r"edge 1, \[1, 9\], of edge_index \(2, 2\); expected nodes from 0 to 1"),
        ([[0, -1], [1, 0]], [0, 0], ShapeError, r"edge 1, \[-1, 0\]"),
        ([[0.0, 1.0], [1.0, 0.0]], [0, 0], DtypeError, r"torch.float32, shape \(2, 2\)"),
        ([[0, 1], [1, 0], [0, 1]], [0, 0], ShapeError, r"\(3, 2\).*edge_index.mT"),
        ([[0], [1]], [0, 1], ShapeError, "between two graphs"),
        ([[0], [2]], [1, 0, 1], DomainError, "not sorted at node 1"),
    ],
)
def test_edges_that_are_none_are_refused(edges: Any, batch: list[int], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        Subgraphs.from_graph(torch.tensor(edges), torch.tensor(batch))


def test_policies_and_rows_that_do_not_fit_are_refused() -> None:
    edges, batch = irregular()
    s = Subgraphs.from_graph(edges, batch)
    with pytest.raises(DomainError, match="k = 0"):
        Subgraphs.from_graph(edges, batch, k=0)
    with pytest.raises(SchemaError, match="nodes of two graphs"):
        Subgraphs.from_graph(edges, batch, policy=lambda links, b: (torch.tensor([0, 12]), torch.tensor([0, 0])))
    with pytest.raises(ShapeError, match="13 nodes"):
        lift(torch.ones(4, 1), None, s)
