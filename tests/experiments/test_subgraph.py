"""Networks on subgraphs: the miniature of the reproduction, and claims that fail on bad numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from isotropy.data import load_tu
from isotropy.experiments.subgraph import SUBGRAPH, Apart, Config, Curve, SubgraphResult, Training
from isotropy.experiments.subgraph._accuracy import accuracy_job, learner, shuffled
from isotropy.experiments.subgraph._apart import SETS, WAYS
from isotropy.experiments.subgraph._census import read
from isotropy.experiments.subgraph._claims import TOGETHER, common, crossover, slope
from isotropy.experiments.subgraph._config import METHODS, OURS, SHUFFLED
from isotropy.runs import Run
from isotropy.study import Score

TINY = Config(
    datasets=("MUTAG",),
    training=Training(epochs=1, batch=64, width=2, layers=1, folds=1),
    apart=Apart(layers=2, width=4, exp=1),
    curve=Curve(n=(8, 50, 100), width=2, layers=1),
    engine="serial",
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> SubgraphResult:
    pytest.importorskip("torch_geometric")
    return SUBGRAPH.run(TINY, Run(tmp_path_factory.mktemp("subgraph") / "run"))


def test_networks_on_subgraphs_have_the_dropout_that_was_measured_and_others_theirs() -> None:
    graphs = load_tu("MUTAG")
    shares = {
        method: {one.p for one in learner(method, graphs, TINY.training).modules() if isinstance(one, torch.nn.Dropout)}
        for method in (OURS, "GIN")
    }
    assert shares == {OURS: {0.0}, "GIN": {0.5}}


def test_every_method_has_its_lines_and_pairs_stay_together_where_they_must(found: SubgraphResult) -> None:
    assert {line.method for line in found.scores if line.task == "accuracy"} == {*METHODS, SHUFFLED}
    for way, counts in TOGETHER.items():
        for name, count in zip(SETS, counts, strict=True):
            if name != "EXP":  # of which there is one pair here
                assert found.score("expressivity", name, way).mean == count, (way, name)
    assert {line.method for line in found.scores if line.task == "expressivity"} == set(WAYS)
    assert 0 < common("MUTAG", OURS)(found) <= 100


def test_claims_fail_on_bad_numbers(found: SubgraphResult) -> None:
    def failing(**changed: float) -> list[str]:
        def worse(line: Score) -> Score:
            return replace(line, values=(changed[line.task],)) if line.task in changed else line

        return [
            claim.text
            for claim in SUBGRAPH.claims_of(TINY)
            if not claim.judge(replace(found, scores=tuple(map(worse, found.scores)))).held
        ]

    assert len([text for text in failing(accuracy=50.0) if text.startswith("MUTAG")]) == 2
    assert sum("exactly" in text for text in failing(expressivity=3.0)) == len(TOGETHER)
    assert "memory of whole graphs grows as n^2 (+- .15)" in failing(memory=1e6)


def test_slopes_are_those_of_powers(found: SubgraphResult) -> None:
    def power(line: Score) -> Score:
        return replace(line, values=(int(line.setting.split()[0]) ** 2.0,)) if line.task == "memory" else line

    assert abs(slope(OURS)(replace(found, scores=tuple(map(power, found.scores)))) - 2) < 1e-9


def test_memory_crosses_where_the_curves_do(found: SubgraphResult) -> None:
    def shifted(line: Score) -> Score:
        n = int(line.setting.split()[0]) if line.task == "memory" else 0
        bytes_of = 20.0 * n if line.method == OURS else float(n * n)
        return replace(line, values=(bytes_of,)) if n else line

    crossed = replace(found, scores=tuple(map(shifted, found.scores)))
    assert abs(crossover(crossed) - 20) < 1e-9  # where 20 n = n^2
    assert crossover(replace(crossed, scores=tuple(s for s in crossed.scores if s.setting != "8 nodes"))) == 0


def test_the_census_counts_every_ego_network_of_the_commonest_classes(found: SubgraphResult) -> None:
    graphs = load_tu("MUTAG")
    label, degree = graphs.x.argmax(1), torch.bincount(graphs.edge_index[0], minlength=len(graphs.x))
    lines = {line.setting: int(line.mean) for line in found.scores if line.task == "census"}
    assert lines.pop("all") == len(graphs.x)
    assert lines.pop("classes") > len(lines) == 8
    for text, count in lines.items():
        labels, links = read(text)
        alike = (degree == len(labels) - 1) & (label == labels[0])
        near = [sorted(label[graphs.edge_index[1][graphs.edge_index[0] == v]].tolist()) for v in alike.nonzero()[:, 0]]
        assert len(links) == len(labels) - 1  # no triangles among the common ones
        assert count == sum(one == sorted(labels[1:]) for one in near)


def test_nested_validation_takes_the_epoch_that_is_best_on_the_fold_held_out(tmp_path: Path) -> None:
    plan = replace(TINY.training, epochs=6, batch=32, width=4, rate=0.02, norm="graph")
    outcome = accuracy_job(Run(tmp_path / "run"), seed=0, method=OURS, dataset="MUTAG", plan=plan)
    validation, test = outcome["validation"], outcome["curve"]
    best = [epoch for epoch, value in enumerate(validation) if value == max(validation)][-1]
    assert outcome["nested"] == test[best]
    assert len(set(test)) > 1  # else every epoch would do
    assert outcome["last"] == pytest.approx(sum(test) / 6)


def test_labels_are_shuffled_among_training_graphs_alone() -> None:
    y, training = load_tu("MUTAG").y, load_tu("MUTAG").train_of(3)
    other = torch.ones(len(y), dtype=torch.bool).index_fill(0, training, False)
    found = shuffled(y, training, 0)
    assert torch.equal(found[other], y[other])
    assert torch.equal(found.bincount(), y.bincount())
    # Two random orders of 63 of one class and 125 of the other agree in 55 of 100 places.
    assert 0.45 < float((found[training] == y[training]).double().mean()) < 0.65
    assert not torch.equal(found, shuffled(y, training, 1))


def test_peers_do_not_read_the_numbering_of_nodes() -> None:
    pytest.importorskip("torch_geometric")
    graphs = load_tu("MUTAG")[:6]
    p = torch.cat([torch.randperm(n) + start for n, start in zip(
        graphs.segments.sizes.tolist(), graphs.segments.ptr.tolist(), strict=False)])  # fmt: skip
    x = torch.empty_like(graphs.x)
    x[p] = graphs.x
    moved = replace(graphs, x=x, edge_index=p[graphs.edge_index])
    for method in METHODS:
        torch.manual_seed(0)
        one = learner(method, graphs, TINY.training).eval()
        torch.manual_seed(0)
        other = learner(method, moved, TINY.training).eval()
        rows = torch.arange(6)
        with torch.no_grad():
            assert float((one(rows) - other(rows)).abs().max()) < 1e-4, method


def test_the_report_shows_the_published_table(found: SubgraphResult, tmp_path: Path) -> None:
    page = found.report(tmp_path / "report.html").read_text()
    for title in ("Accuracy over folds", "Graphs that are hard to tell apart", "The commonest ego networks of MUTAG"):
        assert title in page
    assert "pieces cheaper from n = " in page
    assert "recalled, not verified" in page
