"""The seven sets of graphs: sizes, folds, order; folders of one's own; what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from isotropy.data import TU_NAMES, Graphs, load, load_tu, read_tu
from isotropy.errors import SchemaError

# Graphs, mean nodes, mean edges, graphs of each class, node labels, graphs in no fold: SOURCE.md of the file.
SETS = {
    "MUTAG": (188, 17.93, 19.79, (63, 125), 7, 0),
    "PTC": (344, 25.56, 25.96, (192, 152), 19, 4),
    "PROTEINS": (1113, 39.06, 72.82, (663, 450), 3, 3),
    "NCI1": (4110, 29.87, 32.30, (2053, 2057), 37, 0),
    "NCI109": (4127, 29.68, 32.13, (2048, 2079), 38, 0),
    "IMDBBINARY": (1000, 19.77, 96.53, (500, 500), 1, 0),
    "IMDBMULTI": (1500, 13.00, 65.94, (500, 500, 500), 1, 0),
}


@pytest.mark.parametrize("name", TU_NAMES)
def test_sets_have_the_sizes_and_folds_of_their_source(name: str) -> None:
    graphs, nodes, edges, classes, labels, foldless = SETS[name]
    found = load_tu(name)
    assert len(found) == graphs
    assert round(len(found.x) / graphs, 2) == nodes
    assert round(found.edge_index.shape[1] / 2 / graphs, 2) == edges
    assert tuple(torch.bincount(found.y).tolist()) == classes
    assert found.x.shape[1] == labels
    assert found.fold is not None
    assert int((found.fold < 0).sum()) == foldless
    tests = [set(found.test_of(fold).tolist()) for fold in range(10)]
    assert sum(map(len, tests)) == len(set().union(*tests)) == graphs - foldless
    for fold in range(10):
        assert not tests[fold] & set(found.train_of(fold).tolist())
        assert len(tests[fold]) + len(found.train_of(fold)) == graphs
        assert abs(len(tests[fold]) - (graphs - foldless) / 10) < 3


def test_graphs_stand_in_the_order_of_their_source_and_folds_follow_the_seed() -> None:
    first, again, other = load_tu("MUTAG"), load_tu("mutag"), load_tu("MUTAG", seed=1)
    assert torch.equal(first.segments.sizes[:3], torch.tensor([17, 13, 13]))
    assert first.fold is not None
    assert again.fold is not None
    assert other.fold is not None
    assert torch.equal(first.fold, again.fold)
    assert not torch.equal(first.fold, other.fold)
    assert torch.equal(load_tu("PTC").fold, load_tu("PTC", seed=1).fold)  # type: ignore[arg-type]


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"OWN_{name}.txt").write_text(text)
    return folder


OWN = {
    "A": "1, 2\n2, 1\n3, 4\n4, 3\n",
    "graph_indicator": "1\n1\n2\n2\n",
    "graph_labels": "-1\n1\n",
    "node_labels": "5\n7\n5\n5\n",
    "node_attributes": "0.5, 1\n1, 2\n2, 3\n3, 4\n",
    "edge_labels": "0\n0\n1\n1\n",
}


def test_a_folder_of_ones_own_is_read(tmp_path: Path) -> None:
    found = load(str(written(tmp_path, **OWN)))
    assert isinstance(found, Graphs)
    assert found.x.tolist() == [[1, 0, 0.5, 1], [0, 1, 1, 2], [1, 0, 2, 3], [1, 0, 3, 4]]
    assert found.edge_attr is not None
    assert found.edge_attr.tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    assert (found.y.tolist(), found.batch.tolist(), found.fold) == ([0, 1], [0, 0, 1, 1], None)
    assert found[1:].edge_index.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"A": "1, 2\n2, 9"}, r"line 2 of OWN_A.txt: \[2, 9\]; expected nodes 1 to 4"),
        ({"A": "1, 2\nx"}, "line 2 of OWN_A.txt: 'x'"),
        ({"A": "1, 3\n3, 1"}, "between nodes of one graph each"),
        ({"graph_indicator": "1\n2\n1\n2"}, "one after another"),
        ({"node_labels": "5\n7"}, "2 lines of OWN_node_labels.txt; expected 4, one for each node"),
        ({"node_labels": "5\nnan\n1\n1"}, "line 2 of OWN_node_labels.txt"),
    ],
)
def test_a_folder_with_a_slip_is_refused_with_its_line(tmp_path: Path, changed: dict[str, str], match: str) -> None:
    files = {name: text for name, text in OWN.items() if name in ("A", "graph_indicator", "graph_labels")}
    with pytest.raises(ValueError, match=match):
        read_tu(written(tmp_path, **(files | changed)))


def test_other_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="write MUTAG"):
        load_tu("MUTAGG")
    written(tmp_path, A=OWN["A"], graph_labels="1")
    wrong: tuple[dict[str, Any], ...] = ({"fold": 1}, {"seed": "many"})
    for settings in wrong:
        with pytest.raises(SchemaError, match=next(iter(settings))):
            load(str(tmp_path), **settings)
    with pytest.raises(SchemaError, match=r"no file .*OWN_graph_indicator"):
        read_tu(tmp_path)
