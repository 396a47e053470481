"""discover on graphs: an order that decides classes is found, one that does not is free, and a rule is no law."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch

from isotropy import discover, load_run
from isotropy.data import Graphs
from isotropy.discovery import GraphDiscovery
from isotropy.discovery._graph_jobs import Plan
from isotropy.discovery._graph_result import advice
from isotropy.discovery._node_orders import ANY, WITHIN, Ordered, orders_of
from isotropy.discovery._thirds import together
from isotropy.errors import DomainError, SchemaError
from isotropy.linalg import Segments

SMALL = Plan(trees=40, draws=3, copies=2)


def graphs(decides: Literal["first", "count"], count: int = 150, sorts: bool = False) -> Graphs:
    """Random graphs of 6 to 11 nodes with labels 0, 1, 2: the label of the first node decides, or how many are 0.

    With ``sorts`` nodes stand in the order of their labels, as a file may list them.
    """
    generator = torch.Generator().manual_seed(0)
    sizes = torch.randint(6, 12, (count,), generator=generator)
    labels, edges, y, start = list[torch.Tensor](), list[torch.Tensor](), list[bool](), 0
    for n in sizes.tolist():
        label = torch.randint(0, 3, (n,), generator=generator)
        label = label.sort().values if sorts else label
        i, j = (torch.rand(n, n, generator=generator) < 0.3).triu(1).nonzero().mT
        edges.append(torch.stack([torch.cat([i, j]), torch.cat([j, i])]) + start)
        labels.append(label)
        y.append(int(label[0]) == 0 if decides == "first" else int((label == 0).sum()) >= n / 3)
        start += n
    x = torch.nn.functional.one_hot(torch.cat(labels)).float()
    return Graphs(x, torch.cat(edges, 1), torch.tensor(y).long(), Segments.from_sizes(sizes))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[GraphDiscovery, Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isotropy.discovery._discover_graphs.QUICK", SMALL)
        out = tmp_path_factory.mktemp("graphs") / "run"
        return discover(graphs("first"), groups='S("n"), S("n") within label', quick=True, out=out), out


def test_an_order_that_decides_is_found_and_the_order_among_equal_labels_is_free(
    first: tuple[GraphDiscovery, Path],
) -> None:
    found, _ = first
    assert found["S(n)"].verdict in ("absent", "approximate")
    assert found["S(n)"].breaking.low > 0.3
    assert found["S(n)"].cost_low > 0.1
    assert found[WITHIN].verdict in ("none seen", "no breaking detected", "negligible")
    assert abs(found[WITHIN].cost_accuracy) < 0.1
    assert found.recommendation.startswith("build in S(n) within label")
    assert found.error < found.chance / 2


def test_the_run_is_read_again_and_its_report_says_what_was_found(first: tuple[GraphDiscovery, Path]) -> None:
    found, out = first
    assert load_run(out) == found
    page = (out / "report.html").read_text()
    assert "How much renumbering changes" in page
    assert "S(n) within label" in page


def test_classes_that_no_order_decides_are_free_and_orders_of_a_rule_are_not_identifiable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("isotropy.discovery._discover_graphs.QUICK", SMALL)
    free = discover(graphs("count"), groups="S(n)", quick=True)["S(n)"]
    assert free.p_adjusted > 0.05
    assert free.breaking.low < 0.01
    assert free.overlap > 0.85
    ruled = discover(graphs("count", sorts=True), groups="S(n)", quick=True)["S(n)"]
    assert ruled.verdict == "not identifiable"
    assert ruled.overlap < 0.2
    assert abs(ruled.cost_accuracy) < 0.1


def test_renumbering_keeps_graphs_and_labels_where_it_must() -> None:
    ordered = Ordered(graphs("count", 20))
    batch = ordered.graphs.batch
    for candidate in ("S(n)", WITHIN):
        place = ordered.drawn(candidate, torch.Generator().manual_seed(1))
        assert torch.equal((1000 * batch + place).sort().values, 1000 * batch + ordered.place)
        at = 1000 * batch + place
        moved = torch.empty_like(ordered.label)
        moved[at.argsort().argsort()] = ordered.label
        assert torch.equal(moved, ordered.label) == (candidate == WITHIN)
        assert not torch.equal(place, ordered.place)


def test_what_is_read_of_an_order_is_what_is_read_of_the_graphs_written_in_it() -> None:
    given = graphs("count", 20)
    ordered = Ordered(given)
    place = ordered.drawn("S(n)", torch.Generator().manual_seed(2))
    to = given.segments.ptr[:-1][given.batch] + place
    x = torch.empty_like(given.x)
    x[to] = given.x
    again = Ordered(replace(given, x=x, edge_index=to[given.edge_index]))
    assert torch.allclose(ordered.table(place), again.table(again.place))
    assert torch.allclose(ordered.free, again.free)
    assert not torch.allclose(ordered.table(ordered.place), again.table(again.place))


def test_what_cannot_be_asked_of_graphs_is_refused() -> None:
    given = graphs("count", 80)
    with pytest.raises(SchemaError, match=r"the candidate 'O\(3\)' of graphs"):
        discover(given, groups="O(3)")
    with pytest.raises(SchemaError, match="noise with graphs"):
        discover(given, noise=0.1)  # type: ignore[call-overload]
    with pytest.raises(SchemaError, match="classes of few graphs"):
        discover(given[:40])
    with pytest.raises(SchemaError, match="of one class"):
        discover(replace(given, y=torch.zeros_like(given.y)))
    with pytest.raises(SchemaError, match="distinct rows"):
        discover(replace(given, x=torch.rand(len(given.x), 1)))
    with pytest.raises(DomainError, match="node features in row 3"):
        discover(replace(given, x=given.x.index_fill(0, torch.tensor([3]), torch.nan)))
    ends = torch.cat([given.segments.sizes, torch.tensor([0])])
    with pytest.raises(SchemaError, match=r"graphs \[80\] without nodes"):
        discover(replace(given, y=torch.cat([given.y, given.y[:1]]), segments=Segments.from_sizes(ends)))
    assert orders_of(None) == ("S(n)", WITHIN)


def test_the_order_of_all_nodes_counts_where_that_among_equal_labels_does(
    first: tuple[GraphDiscovery, Path],
) -> None:
    one = replace(first[0]["S(n)"], verdict="none seen", cost_low=-0.01)
    inner = replace(first[0][WITHIN], verdict="approximate")
    whole, _ = together([one, inner], ANY, WITHIN)
    assert (whole.verdict, whole.note) == ("approximate", f"it contains {WITHIN}, which is approximate")
    assert "build in" not in advice([whole, inner])
    assert together([replace(one, verdict="absent"), inner], ANY, WITHIN)[0].verdict == "absent"
    assert together([one, replace(inner, verdict="negligible")], ANY, WITHIN)[0] == one


def test_an_order_that_costs_is_not_called_free(first: tuple[GraphDiscovery, Path]) -> None:
    held = replace(first[0]["S(n)"], verdict="none seen", cost_low=-0.01)
    assert advice([held]).startswith("build in S(n)")
    assert "build in" not in advice([replace(held, cost_low=0.03)])
