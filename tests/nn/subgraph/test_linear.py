"""The fused map of subgraphs is the sum of the fifteen operators, spans all equivariant maps, and keeps its laws."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from graphs import irregular, relabelled
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.nn import SubgraphLinear, Subgraphs
from isotropy.nn.subgraph import census, glue, lift, local_product, size_bins

TYPE = "2*Nodes**2 + 3*Nodes + Scalar"
SHARINGS = ("all", "size", "rooted", "exact")


@pytest.fixture(autouse=True)
def _doubles() -> Any:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def subgraphs() -> Subgraphs:
    """Of sizes 1, 2, 3, 4."""
    return Subgraphs.from_graph(*irregular())


def far(x: Tensor) -> float:
    """The largest entry."""
    return float(x.detach().abs().max())


def complete(m: int) -> Subgraphs:
    """One subgraph of m nodes with the root 0, as the ego network of a complete graph."""
    i, j = torch.triu_indices(m, m, 1)
    whole = Subgraphs.from_graph(torch.stack([i, j]), None, num_nodes=m)
    return whole.part(torch.tensor([0]))[0]


def features(s: Subgraphs) -> dict[int, Tensor]:
    return {2: torch.randn(len(s.row), 2), 1: torch.randn(len(s.node), 3), 0: torch.randn(len(s), 1)}


def dense(layer: SubgraphLinear, given: dict[int, Tensor], s: Subgraphs) -> dict[int, Tensor]:
    """Operator by operator, subgraph by subgraph, as specification 10, 2.2 writes them (norm "mean", not rooted)."""
    maps: Any = layer.maps[0]
    C2, C1 = layer.outside.pair, layer.outside.node
    out: dict[int, list[Tensor]] = {2: [], 1: [], 0: []}
    eye = torch.eye
    for number, m in enumerate(s.sizes.tolist()):
        pairs, members = slice(int(s.first_pair[number]), int(s.first_pair[number]) + m * m), s.subgraph == number
        T, v, u = given[2][pairs].reshape(m, m, -1), given[1][members], given[0][number]
        d, r, c = torch.stack([T[i, i] for i in range(m)]), T.sum(1) / m, T.sum(0) / m
        t, a, z = d.sum(0) / m, T.sum((0, 1)) / m**2, v.sum(0) / m
        of_nodes, of_whole = torch.cat([d, r, c, v], 1) @ maps.nodes, torch.cat([t, a, z, u]) @ maps.wholes
        row, col, diagonal, node = of_nodes.split([C2, C2, C2, C1], 1)
        everywhere, on_diagonal, nodes, scalar = of_whole.split([C2, C2, C1, layer.outside.scalar])
        O = T @ maps.pairs[0] + T.transpose(0, 1) @ maps.pairs[1]
        O = O + row[:, None] + col[None] + everywhere + maps.bias["pairs"][:C2]
        O = O + eye(m)[:, :, None] * (diagonal + on_diagonal + maps.bias["pairs"][C2:])[:, None]
        out[2].append(O.reshape(m * m, -1))
        out[1].append(node + nodes + maps.bias["nodes"])
        out[0].append((scalar + maps.bias["subgraphs"])[None])
    return {order: torch.cat(parts) for order, parts in out.items()}


def disagreement(layer: SubgraphLinear, s: Subgraphs) -> float:
    given = features(s)
    wanted, found = dense(layer, given, s), layer(given, s)
    return max(far(wanted[o] - found[o]) / far(wanted[o]) for o in (0, 1, 2))


def filled(layer: SubgraphLinear) -> SubgraphLinear:
    """The layer with biases that are not zero."""
    for parameter in layer.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return layer


def test_the_fused_map_is_the_sum_of_the_operators() -> None:
    s = Subgraphs.from_graph(*irregular(), k=1)
    assert set(s.sizes.tolist()) == {1, 2, 3, 4}
    assert disagreement(filled(SubgraphLinear(TYPE, TYPE)), s) < 1e-12
    assert disagreement(filled(SubgraphLinear(TYPE, TYPE)), complete(7)) < 1e-12


@pytest.mark.parametrize("mutant", ["row for column", "no transpose", "sum for mean"])
def test_a_wrong_map_is_noticed(mutant: str, subgraphs: Subgraphs, monkeypatch: pytest.MonkeyPatch) -> None:
    from isotropy.nn.subgraph import _maps

    layer = filled(SubgraphLinear(TYPE, TYPE))
    real = _maps.pair_map
    if mutant == "row for column":
        monkeypatch.setattr(_maps, "pair_map", lambda T, k, t, row, col, s: real(T, k, t, col, row, s))
    elif mutant == "no transpose":
        monkeypatch.setattr(_maps, "pair_map", lambda T, k, t, row, col, s: real(T, k + t, None, row, col, s))
    else:
        layer.maps[0].norm = "sum"
    assert disagreement(layer, subgraphs) > 1e-3


@pytest.mark.parametrize(
    ("rooted", "dims"), [(False, (1, 8, 14, 15, 15)), (True, (1, 16, 41, 51, 52))], ids=["plain", "rooted"]
)
def test_random_weights_span_all_equivariant_maps(rooted: bool, dims: tuple[int, ...]) -> None:
    layers = [SubgraphLinear("Nodes**2", "Nodes**2", "rooted" if rooted else "all", bias=False) for _ in range(54)]
    for m, dim in enumerate(dims, 1):
        one = complete(m)
        if rooted:
            assert one.root_member.tolist() == [0]
        # As many copies of the subgraph as there are pairs, each with a 1 in one of them.
        many, _, _ = one.part(torch.zeros(m * m, dtype=torch.int64))
        inputs = {2: torch.eye(m**2).reshape(-1, 1)}
        rows = torch.stack([layer(inputs, many)[2].flatten() for layer in layers])
        values = torch.linalg.svdvals(rows.detach())
        assert int((values > 1e-10 * values[0]).sum()) == dim


@pytest.mark.parametrize("sharing", SHARINGS)
def test_every_weight_counts_and_gradients_are_right(sharing: Any, subgraphs: Subgraphs) -> None:
    layer = SubgraphLinear("Nodes**2 + Nodes + Scalar", "Nodes**2 + Nodes + Scalar", sharing, subgraphs=subgraphs)
    s, _, _ = subgraphs.part(torch.tensor([0, 2, 5, 10, 9]))
    given = [torch.randn(rows, 1, requires_grad=True) for rows in (len(s.row), len(s.node), len(s))]

    def answer(*inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(layer(dict(zip((2, 1, 0), inputs, strict=True)), s).values())

    assert torch.autograd.gradcheck(answer, tuple(given))
    if sharing in ("all", "rooted"):
        sum((y * torch.randn_like(y)).sum() for y in answer(*given)).backward()  # type: ignore[union-attr]
        assert all(bool((p.grad != 0).all()) for p in layer.parameters() if p.grad is not None)
        assert all(p.grad is not None for p in layer.parameters())


@pytest.mark.parametrize("settings", [{}, {"symmetric": True}, {"sharing": "rooted"}], ids=str)
def test_gradients_can_be_differentiated_again(settings: Any, subgraphs: Subgraphs) -> None:
    layer = SubgraphLinear("Nodes**2 + Nodes", "Nodes**2 + Nodes", **settings)
    s, _, _ = subgraphs.part(torch.tensor([0, 2]))
    names = [name for name, _ in layer.named_parameters()]
    given = [torch.randn(rows, 1, requires_grad=True) for rows in (len(s.row), len(s.node))]
    if settings.get("symmetric"):
        given[0] = (given[0] + given[0][s.transposed]).detach().requires_grad_()

    def answer(*inputs: Tensor) -> tuple[Tensor, ...]:
        weights = dict(zip(names, inputs[2:], strict=True))
        features = {2: inputs[0], 1: inputs[1]}
        return tuple(torch.func.functional_call(layer, weights, (features, s)).values())

    assert torch.autograd.gradgradcheck(answer, (*given, *layer.parameters()), fast_mode=True)


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("sharing", SHARINGS)
def test_relabelled_graphs_have_relabelled_answers(sharing: Any, k: int) -> None:
    edges, batch = irregular()
    s = Subgraphs.from_graph(edges, batch, k=k)
    p = relabelled(batch)
    moved = Subgraphs.from_graph(p[edges], batch, k=k)
    layer = SubgraphLinear("2*Nodes**2 + 3*Nodes", "Nodes**2 + 2*Nodes", sharing, subgraphs=s)
    x, e = torch.randn(s.n, 3), torch.randn(s.union.shape[1], 2)
    x_moved, e_moved = torch.empty_like(x), torch.empty_like(e)
    where = moved.find(p[s.union])
    x_moved[p], e_moved[where] = x, e
    once, again = glue(layer(lift(x, e, s), s), s), glue(layer(lift(x_moved, e_moved, moved), moved), moved)
    assert again[0] is not None
    assert again[1] is not None
    assert far(again[0][p] - once[0]) < 1e-10
    assert far(again[1][where] - once[1]) < 1e-10


def test_exact_weights_know_more_than_sizes_and_the_same_for_isomorphic_subgraphs() -> None:
    """A path and a triangle of three nodes: equal for "size", not for "exact"; two paths agree by the isomorphism."""
    edges = torch.tensor([[0, 1, 3, 5, 6, 7, 8], [1, 2, 5, 4, 7, 8, 6]])  # 0-1-2, 3-5-4, 6-7-8-6
    s = Subgraphs.from_graph(edges, torch.tensor([0] * 3 + [1] * 3 + [2] * 3), policy="graph")
    same = {2: torch.ones(27, 1)}
    exact = SubgraphLinear("Nodes**2", "Nodes**2", "exact", subgraphs=s)
    by_size = SubgraphLinear("Nodes**2", "Nodes**2", "size", subgraphs=s)
    first, second, third = exact(same, s)[2].reshape(3, 9)
    assert torch.equal(*by_size(same, s)[2].reshape(3, 9)[::2])
    assert far(first.sort().values - third.sort().values) > 1e-3
    T = torch.randn(3, 3, 1)
    to = torch.tensor([0, 2, 1])  # the middle of the second path is its last node
    given = torch.cat([T.reshape(9, 1), T[to][:, to].reshape(9, 1), T.reshape(9, 1)])
    first, second, _ = exact({2: given}, s)[2].reshape(3, 3, 3)
    assert far(first[to][:, to] - second) < 1e-10
    other = Subgraphs.from_graph(torch.tensor([[0], [1]]), None, num_nodes=3, policy="graph")
    with pytest.warns(UserWarning, match="1 of 1 subgraph of no class"):
        answer = exact({2: torch.ones(9, 1)}, other)[2]
    assert far(answer - exact.maps[0]({2: torch.ones(9, 1)}, other)[2]) == 0


def test_sizes_that_were_not_seen_take_the_weights_of_the_next_smaller(subgraphs: Subgraphs) -> None:
    assert size_bins(torch.tensor([1] * 3 + [4] * 995 + [5, 6, 6])) == [1, 4]
    layer = SubgraphLinear("Nodes", "Nodes", "size", bins=(2, 4))
    for size, own in ((1, 0), (2, 0), (3, 0), (4, 1), (7, 1)):
        s = complete(size)
        x = {1: torch.randn(size, 1)}
        assert torch.equal(layer(x, s)[1], layer.maps[own](x, s)[1])


def test_symmetric_maps_keep_symmetric_features_and_are_nine(subgraphs: Subgraphs) -> None:
    layers = [SubgraphLinear("Nodes**2", "Nodes**2", symmetric=True, bias=False) for _ in range(12)]
    one = complete(5)
    T = torch.randn(5, 5)
    y = layers[0]({2: (T + T.mT).reshape(25, 1)}, one)[2].reshape(5, 5)
    assert far(y - y.mT) < 1e-12
    many, _, _ = one.part(torch.zeros(15, dtype=torch.int64))
    basis = torch.stack([torch.eye(5)[i][:, None] * torch.eye(5)[j] for i in range(5) for j in range(i, 5)])
    rows = torch.stack([f({2: (basis + basis.mT).reshape(-1, 1)}, many)[2].flatten() for f in layers]).detach()
    assert int((torch.linalg.svdvals(rows) > 1e-10).sum()) == 9


def test_a_product_inside_subgraphs_is_that_of_their_matrices(subgraphs: Subgraphs) -> None:
    A, B = torch.randn(len(subgraphs.row), 2), torch.randn(len(subgraphs.row), 2)
    found = local_product(A, B, subgraphs)
    for number, m in enumerate(subgraphs.sizes.tolist()):
        at = slice(int(subgraphs.first_pair[number]), int(subgraphs.first_pair[number]) + m * m)
        wanted = torch.einsum("ikc,kjc->ijc", A[at].reshape(m, m, 2), B[at].reshape(m, m, 2)) / m
        assert far(found[at].reshape(m, m, 2) - wanted) < 1e-12


def test_classes_are_those_of_rooted_labelled_graphs(subgraphs: Subgraphs) -> None:
    import networkx as nx

    edges, _ = irregular()
    x = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0])[:, None].double()
    found = subgraphs.classes(x)
    graph = nx.Graph(edges.mT.tolist())
    graph.add_nodes_from(range(13))
    balls = []
    for root in range(13):
        ball = nx.ego_graph(graph, root)
        nx.set_node_attributes(ball, {v: (float(x[v, 0]), v == root) for v in ball}, "colour")
        balls.append(ball)
    match = nx.isomorphism.categorical_node_match("colour", None)
    for i in range(13):
        for j in range(i):
            same = nx.is_isomorphic(balls[i], balls[j], node_match=match)
            assert same == bool(found[i] == found[j]), (i, j)
    again = census(subgraphs, x)
    assert sorted(again.order.tolist()) == list(range(len(subgraphs.node)))


def test_bad_features_and_settings_are_refused(subgraphs: Subgraphs) -> None:
    with pytest.raises(NotImplementedError, match="orders 0, 1, 2"):
        SubgraphLinear("Nodes**3", "Nodes")
    with pytest.raises(ValueError, match="sums of Scalar"):
        SubgraphLinear("Vector", "Nodes")
    with pytest.raises(ShapeError, match="2 channels of order 1; expected 3"):
        SubgraphLinear("3*Nodes", "Nodes")({1: torch.ones(len(subgraphs.node), 2)}, subgraphs)
    with pytest.raises(DomainError, match="without sizes"):
        SubgraphLinear("Nodes", "Nodes", "size")
    s = Subgraphs.from_graph(*irregular(), policy="edge")
    with pytest.raises(DomainError, match="rooted ones"):
        SubgraphLinear("Nodes", "Nodes", "rooted")({1: torch.ones(len(s.node), 1)}, s)
