"""``isotropy audit`` on pictures, structures and graphs: read, looked at, or sent on to the verb that can."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from typer.testing import CliRunner, Result

import isotropy
from isotropy.cli import app
from isotropy.data import read_inputs, read_pictures, save_graphs
from isotropy.errors import SchemaError
from isotropy.random import spawn

HERE = sys.modules[__name__]


def ran(*args: object) -> Result:
    return CliRunner().invoke(app, list(map(str, args)))


def scores(images: Tensor) -> Tensor:
    """Two scores that turn with nothing: the mean, and that of the left half."""
    return torch.stack([images.mean((1, 2, 3)), images[..., : images.shape[3] // 2].mean((1, 2, 3))], 1)


def centred(x: Tensor, segments: object = None) -> Tensor:
    """One number for each cloud, the same however it is turned."""
    far = x.square().sum(-1)
    return far.mean(1) if segments is None else segments.mean(far)  # type: ignore[attr-defined]


def dipole(positions: Tensor, numbers: Tensor) -> Tensor:
    return (positions * numbers[..., None]).sum(1)


class Distances(nn.Module):
    def forward(self, data: object) -> Tensor:
        source, target = data.edge_index  # type: ignore[attr-defined]
        far = (data.pos[source] - data.pos[target]).square().sum(-1, keepdim=True)  # type: ignore[attr-defined]
        return far.new_zeros(data.num_graphs, 1).index_add(0, data.batch[target], far)  # type: ignore[attr-defined]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(12):
        array = torch.randint(0, 256, (4, 4, 3), generator=spawn(i, "picture")).to(torch.uint8).numpy()
        path = tmp_path / "pets" / ("cat", "dog")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return tmp_path / "pets"


def test_a_folder_of_pictures_is_audited(folder: Path) -> None:
    shown = ran("audit", f"{__name__}:scores", folder, "--groups", "C(4),O(1)@x", "--out", folder.parent / "run")
    assert shown.exit_code == 0, (shown.output, shown.exception)
    assert "Outputs are taken as 2 Scalars" in shown.output
    found = isotropy.load_run(folder.parent / "run")
    assert found["O(1)@x"].verdict == "exact to rounding"
    assert found["C(4)"].error.mean > 0.01
    by_hand = isotropy.audit(scores, read_pictures(folder), groups="C(4)")
    assert by_hand["C(4)"].error.mean == found["C(4)"].error.mean
    assert by_hand.data["rows"] == 12
    # Classes are called as their folders are, where the model gives as many numbers.
    assert {by_hand.worst["C(4)"].before[:3], by_hand.worst["C(4)"].after[:3]} <= {"cat", "dog"}
    assert "by the classes of the data" in shown.output


def test_verbs_that_learn_from_tables_say_which_verb_takes_the_rest(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "graphs.json").write_text('[{"pos": [[0]], "edge_index": [[0], [0]]}]')
    graphs = tmp_path / "graphs.json"
    for verb in ("discover", "compare"):
        shown = ran(verb, graphs, "--groups", "O(3)")
        assert shown.exit_code == 2, shown.output
        assert "isotropy audit MODEL" in shown.output
    # Pictures are compared, but not so few.
    shown = ran("compare", folder, "--groups", "O(3)")
    assert shown.exit_code == 2, shown.output
    assert "30 pictures in each" in shown.output


@pytest.fixture
def water(tmp_path: Path) -> Path:
    ase = pytest.importorskip("ase")
    write = pytest.importorskip("ase.io").write
    frames = []
    for i in range(60):
        x = torch.randn(3, 3, generator=spawn(i, "water"), dtype=torch.float64).numpy()
        atoms = ase.Atoms("OHH", x)
        atoms.info["energy"], atoms.arrays["forces"] = float((x**2).sum()), -2 * x
        frames.append(atoms)
    write(tmp_path / "water.extxyz", frames)
    write(tmp_path / "mixed.xyz", [atoms[: 2 + i % 2] for i, atoms in enumerate(frames[:20])], format="xyz")
    return tmp_path


def audited(model: str, data: Path, schema: Path, groups: str = "O(3)") -> Result:
    return ran("audit", f"{__name__}:{model}", data, "--schema", schema, "--groups", groups)


def test_structures_are_clouds_for_any_model(water: Path) -> None:
    for file in ("water.extxyz", "mixed.xyz"):
        shown = ran("audit", f"{__name__}:centred", water / file, "--groups", "O(3)")
        assert shown.exit_code == 0, (shown.output, shown.exception)
        assert "exact to rounding" in shown.output
    (water / "s.yaml").write_text('x: {positions: Cloud(Point), numbers: "Cloud()"}\ny: Vector\n')
    named = audited("dipole", water / "water.extxyz", water / "s.yaml")
    assert "exact to rounding" in named.output
    untold = ran(
        "audit", f"{__name__}:centred", water / "water.extxyz", "--schema", water / "s.yaml", "--groups", "O(3)"
    )
    assert untold.exit_code == 2, untold.output
    with pytest.raises(SchemaError, match="outputs, which may turn with the inputs"):
        isotropy.audit(lambda x: x.sum(1), read_inputs(water / "water.extxyz"), groups="O(3)")


def test_structures_of_one_size_are_learned_from(water: Path) -> None:
    data = isotropy.data.load(water / "water.extxyz", schema={"x": "Cloud(Point)", "y": "Scalar"})
    assert torch.allclose(data.y[:, 0], data.x.square().sum((1, 2)))
    forces = isotropy.data.load(water / "water.extxyz", schema={"x": "Cloud(Point)", "y": "Cloud(Vector)"})
    assert torch.allclose(forces.y, -2 * forces.x)
    assert isotropy.discover(data, groups="O(3)", quick=True)["O(3)"].breaking.low == 0
    with pytest.raises(SchemaError, match="2 to 3 atoms"):
        isotropy.data.load(water / "mixed.xyz", schema={"x": "Cloud(Point)", "y": "Scalar"})
    with pytest.raises(SchemaError, match=r"'dipole'.*energy"):
        isotropy.data.load(water / "water.extxyz", schema={"x": "Cloud(Point)", "y": 'Vector("dipole")'})


def test_lists_of_graphs_are_read_without_a_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pytest.importorskip("torch_geometric.data")
    graphs = []
    for i in range(12):
        n = 3 + i % 3
        edges = torch.randint(0, n, (2, 2 * n), generator=spawn(i, "edges"))
        graphs.append(data.Data(pos=torch.randn(n, 3, generator=spawn(i, "pos")).double(), edge_index=edges))
    save_graphs(tmp_path / "g.npz", graphs)
    listed = [{name: value.tolist() for name, value in one.to_dict().items()} for one in graphs]
    (tmp_path / "g.json").write_text(json.dumps(listed))
    (tmp_path / "g.yaml").write_text("x: {pos: Cloud(Point)}\ny: Scalar\n")
    monkeypatch.setattr(HERE, "net", Distances(), raising=False)
    for file in ("g.npz", "g.json"):
        read = read_inputs(tmp_path / file, schema=tmp_path / "g.yaml").x
        for name in ("pos", "edge_index", "batch"):
            assert torch.equal(read[name], data.Batch.from_data_list(graphs)[name])
        shown = audited("net", tmp_path / file, tmp_path / "g.yaml")
        assert "exact to rounding" in shown.output, (shown.output, shown.exception)
    types = {"x": {"pos": "Cloud(Point)"}, "y": "Scalar"}
    assert isotropy.audit(Distances(), graphs, types, groups="O(3)").largest is not None
    with pytest.raises(SchemaError, match=r"isotropy.audit\(model"):
        isotropy.discover(graphs, groups="O(3)")  # type: ignore[arg-type]


def test_many_graphs_with_edges_in_any_order_are_read_at_once(tmp_path: Path) -> None:
    """Each graph has its own rows, whatever the order of edges; the time grows with the file, not with its square."""
    pytest.importorskip("torch_geometric")
    count, nodes, edges = 5_000, 5, 10
    rng = np.random.default_rng(0)
    owner = rng.permutation(np.repeat(np.arange(count), edges))
    index = rng.integers(0, nodes, (2, count * edges)) + nodes * owner
    marks = np.arange(count * edges)
    arrays = {"edge_index": index, "batch": np.repeat(np.arange(count), nodes), "edge_mark": marks}
    np.savez(tmp_path / "g.npz", **arrays, pos=rng.normal(size=(count * nodes, 3)), level=np.arange(count)[:, None])
    began = time.process_time()
    read = read_inputs(tmp_path / "g.npz", schema={"x": {"pos": "Cloud(Point)"}, "y": "Scalar"}).x
    assert time.process_time() - began < 5  # 1.0 here; 10 when each graph looked through all of them
    assert read.num_graphs == count
    for i in (0, 17, count - 1):
        graph = read.get_example(i)
        mine = np.flatnonzero(owner == i)
        assert graph.edge_mark.tolist() == mine.tolist()
        assert graph.edge_index.tolist() == (index[:, mine] - nodes * i).tolist()
        assert graph.level.tolist() == [[i]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"edge_index": [[0, 9], [1, 0]], "pos": [[0], [1]]}]', "node 9 of 2 in graph 0"),
        ('[{"edge_index": [[0], [0]], "pos": [[0], [1, 2]]}]', "'pos' of graph 0"),
        ('[{"edge_index": [[0.5], [0]], "pos": [[0]]}]', "two lists of node numbers"),
        ('[{"edge_index": [[0], [0]]}, {"pos": 1}]', "no list of graphs"),
        ('[{"edge_index": ', "JSON"),
    ],
)
def test_what_is_no_graph_is_told(text: str, said: str, tmp_path: Path) -> None:
    pytest.importorskip("torch_geometric")
    (tmp_path / "g.json").write_text(text)
    (tmp_path / "g.yaml").write_text("x: {pos: Cloud(Point)}\ny: Scalar\n")
    shown = audited("scores", tmp_path / "g.json", tmp_path / "g.yaml")
    assert shown.exit_code == 2, (shown.output, shown.exception)
    assert said in shown.output.replace("\n", " ")


def test_an_audit_needs_no_targets(tmp_path: Path) -> None:
    clouds = torch.randn(20, 5, 3, generator=spawn(0, "clouds"), dtype=torch.float64).numpy()
    np.savez(tmp_path / "clouds.npz", x=clouds)
    (tmp_path / "s.yaml").write_text("x: Cloud(Point)\ny: Scalar\n")
    shown = ran(
        "audit", f"{__name__}:centred", tmp_path / "clouds.npz", "--schema", tmp_path / "s.yaml", "--groups", "O(3)"
    )
    assert shown.exit_code == 0, (shown.output, shown.exception)
    assert "exact to rounding" in shown.output
