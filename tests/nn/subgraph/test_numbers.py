"""Numbers of the theory that layers on subgraphs must meet: bases, orbits by Burnside, gradients, rounding."""

from __future__ import annotations

from typing import Any

import networkx as nx
import pytest
import torch
from graphs import batched, irregular, relabelled
from torch import Tensor

from isotropy.groups import PermutationGroup, S
from isotropy.nn import SubgraphLayer, SubgraphLinear, SubgraphNetwork, Subgraphs
from isotropy.nn.subgraph import glue, lift
from isotropy.reps import equivariant_basis

NODES = ("Scalar", "Nodes", "Nodes**2")


@pytest.mark.parametrize(("k", "l"), [(2, 2), (1, 2), (2, 1), (2, 0), (0, 2), (1, 1)])
def test_maps_are_combinations_of_the_exact_basis_for_all_sizes_in_one_batch(k: int, l: int) -> None:
    """What the layer does to each unit vector, as a matrix, has no part outside the span of the basis of S(m)."""
    torch.manual_seed(0)
    sizes = (1, 2, 3, 4, 7)
    layer = SubgraphLinear(NODES[k], NODES[l], bias=False).double()
    # m^k copies of a graph of m nodes, each with a 1 at another place.
    edges, batch = batched([nx.complete_graph(m) for m in sizes for _ in range(m**k)])
    s = Subgraphs.from_graph(edges, batch, policy="graph")
    y = layer({k: torch.cat([torch.eye(m**k, dtype=torch.float64).reshape(-1, 1) for m in sizes])}, s)[l][:, 0]
    for m, part in zip(sizes, y.detach().split([m ** (k + l) for m in sizes]), strict=True):
        A = part.reshape(m**k, m**l).mT  # a column for each unit vector
        assert float(equivariant_basis(NODES[k], NODES[l], S(m)).residual(A).norm() / A.norm()) < 1e-12, m


def _cycle(n: int) -> list[list[int]]:
    return [[(i + 1) % n for i in range(n)], [-i % n for i in range(n)]]


def _all(n: int, fixed: int) -> list[list[int]]:
    """All permutations of the nodes from ``fixed`` on."""
    kept = range(fixed)
    return [[*kept, *range(fixed + 1, n), fixed], [*kept, fixed + 1, fixed, *range(fixed + 2, n)]]


FAMILIES: dict[str, Any] = {
    "path": (nx.path_graph, lambda n: [list(range(n))[::-1]]),
    "cycle": (nx.cycle_graph, _cycle),
    "star": (lambda n: nx.star_graph(n - 1), lambda n: _all(n, 1)),
    "clique": (nx.complete_graph, lambda n: _all(n, 0)),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_exact_weights_are_as_many_as_burnside_counts(family: str) -> None:
    make, automorphisms = FAMILIES[family]
    for m in (3, 5, 8):
        s = Subgraphs.from_graph(*batched([make(m)]), policy="graph")
        kind = "Nodes**2 + Nodes + Scalar"
        exact: Any = SubgraphLinear(kind, kind, "exact", subgraphs=s).exact
        group = PermutationGroup(automorphisms(m))
        fixed = (group.elements() == torch.arange(m)).sum(1).double()  # type: ignore[operator]
        for k in range(3):
            for l in range(3):
                assert len(exact.theta[f"0_{k}_{l}"]) == round(float((fixed ** (k + l)).mean())), (m, k, l)


@pytest.mark.parametrize("reduce", ["mean", "sum", "scores"])
def test_gradients_of_gluing_are_right(reduce: Any) -> None:
    edges, _ = irregular()
    s = Subgraphs.from_graph(edges[:, :5], num_nodes=5)
    members, pairs = (torch.randn(rows, 1, dtype=torch.float64) for rows in (len(s.node), len(s.row)))
    given = [members, pairs, torch.randn(len(s.node)).double(), torch.randn(len(s.row)).double()]

    def glued(v: Tensor, T: Tensor, of_members: Tensor, of_pairs: Tensor) -> tuple[Tensor, ...]:
        how = {1: of_members, 2: of_pairs} if reduce == "scores" else reduce
        return glue({1: v, 2: T}, s, how)  # type: ignore[return-value]

    used = given if reduce == "scores" else given[:2]
    for one in used:
        one.requires_grad_()
    assert torch.autograd.gradcheck(lambda *x: glued(*x, *given[len(x) :]), tuple(used))


@pytest.mark.parametrize("settings", [{}, {"sharing": "rooted"}, {"jumping": True, "norm": "batch"}], ids=str)
def test_in_single_precision_numbering_changes_answers_by_rounding_only(settings: dict[str, Any]) -> None:
    torch.manual_seed(0)
    edges, batch = irregular()
    net = SubgraphNetwork(3, 0, 2, hidden=(16, 16), k=2, **settings)
    x, p = torch.randn(len(batch), 3), relabelled(batch)
    moved = torch.empty_like(x)
    moved[p] = x
    one, other = net(x, edges, None, batch), net(moved, p[edges], None, batch)
    assert float(((one - other).abs().max() / one.abs().max()).detach()) < 1e-4
    s = Subgraphs.from_graph(edges, batch)
    assert lift(x, None, s)[1].dtype == torch.float32


def test_every_layer_is_read_where_they_jump() -> None:
    """A readout of the input alone answers when the layers answer nothing, and a layer's own weights count."""
    torch.manual_seed(0)
    edges, batch = irregular()
    x = torch.randn(len(batch), 3)
    plain, jumping = (SubgraphNetwork(3, 0, 2, hidden=(4, 5), head=(), jumping=jump) for jump in (False, True))
    assert plain.embedding(x, edges, None, batch).shape == (3, 5)
    read = jumping.embedding(x, edges, None, batch)
    assert read.shape == (3, 4 + 5 + 5)
    with torch.no_grad():
        for parameter in (*jumping.layers.parameters(), *jumping.last.parameters()):
            parameter.zero_()
    silent = jumping.embedding(x, edges, None, batch)
    assert torch.equal(silent[:, :4], read[:, :4])
    assert float(silent[:, 4:].detach().abs().max()) == 0


@pytest.mark.parametrize(("norm", "kept"), [("batch", True), ("graph", False)])
def test_batch_norm_keeps_how_loud_a_graph_is_and_graph_norm_does_not(norm: Any, kept: bool) -> None:
    torch.manual_seed(0)
    edges, batch = irregular()
    s = Subgraphs.from_graph(edges, batch)
    layer = SubgraphLayer("3*Nodes", "8*Nodes", norm=norm)
    x = torch.randn(len(batch), 3)
    with torch.no_grad():
        quiet, loud = (layer(torch.where(batch[:, None] == 1, factor * x, x), None, s)[0] for factor in (1, 10))
    assert (float(loud[batch == 1].std() / quiet[batch == 1].std()) > 1.3) == kept
