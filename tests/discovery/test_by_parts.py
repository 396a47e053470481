"""The audit part by part: three models, three certificates; the command, its report, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from frames.bodies import person
from isotropy.cli import app
from isotropy.data import read_parts
from isotropy.discovery import PiecewiseAudit, audit_parts
from isotropy.frames import Partition, PiecewiseLayer, voronoi_partition
from isotropy.linalg import Segments
from isotropy.nn import PiecewiseSegmenter
from isotropy.reps import Rep, parse_type
from isotropy.runs import RunDirectoryError
from isotropy.study import load_run

BODY = [person(90, 1, seed) for seed in (0, 1)]
X, PART = torch.stack([views[0] for views, _ in BODY]), torch.stack([label for _, label in BODY])


def inwards(x: Tensor) -> Tensor:
    return x - x.mean(1, keepdim=True)


def lengths(x: Tensor) -> Tensor:
    return x.square().sum(-1, keepdim=True)


class Cells(torch.nn.Module):
    """One layer on cells about spread points."""

    def __init__(self, k: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.k = PiecewiseLayer(None, "2*Scalar + Vector", width=6, k_local=3).double(), k

    def forward(self, x: Tensor) -> tuple[Tensor, Partition]:
        cells, _ = voronoi_partition(x, self.k)
        return self.layer(x, None, cells)[0], cells

    def with_cells(self, k: int) -> Cells:
        return Cells(k)


def typed(text: str) -> Rep:
    rep = parse_type(text)
    assert isinstance(rep, Rep)
    return rep


def test_three_models_have_three_certificates() -> None:
    free = audit_parts(lengths, X, PART)
    whole = audit_parts(inwards, X, PART, rep_out=typed("Vector"))
    ours = audit_parts(Cells(60), X, PART, rep_out=typed("2*Scalar + Vector"))
    assert free.whole is not None and whole.whole is not None and ours.whole is not None  # noqa: PT018
    assert free.whole.mean > 0.1
    assert whole.whole.mean < 1e-10
    assert ours.whole.mean < 1e-10
    assert min(part.error.mean for part in whole) > 0.1
    assert (free.told, whole.told, ours.told) == (False, False, True)
    assert [one.size for one in ours.certificates] == ["small", "any"]
    assert all(0 < one.measured <= one.bound < 2 for one in ours.certificates)
    assert all(one.exact > 0.2 for one in ours.certificates)
    assert "off by" in free.headline()
    assert "the model is exact" in whole.headline()
    assert "nothing can be certified" in whole.headline()
    assert "of the points are exact whatever its weights" in ours.headline()
    assert [one.cells for one in ours.curve] == [8, 24, 64, 90]
    assert ours.curve[-1].measured < 1e-12, "cells of single points are exact"
    assert all(one.measured <= one.bound for one in ours.curve)
    assert not free.curve


def test_true_cells_are_exact_in_every_part_and_a_foreign_point_is_told() -> None:
    torch.manual_seed(0)
    layer = PiecewiseLayer(None, "Vector", width=6, k_local=3).double()
    x, truth = X[:1], Partition(PART[0])
    swapped = PART[0].clone()
    mine, other = (int((PART[0] == k).nonzero()[0]) for k in (0, 1))
    swapped[[mine, other]] = swapped[[other, mine]]

    def of(cells: Partition) -> PiecewiseAudit:
        return audit_parts(lambda p: (layer(p, None, cells)[0], cells), x, PART[0], rep_out=typed("Vector"))

    exact, wrong = of(truth), of(Partition(swapped))
    assert max(part.error.mean for part in exact) < 1e-10
    assert "exact, too, in every part" in exact.headline()
    assert [part.error.mean > 1e-6 for part in wrong] == [True, True] + 9 * [False]


def test_the_command_its_report_and_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "clouds.npz", x=X.numpy(), part=PART.numpy())
    (tmp_path / "s.yaml").write_text("x: Cloud(Point)\ny: Cloud(Vector)\n")
    (tmp_path / "nets.py").write_text("def inwards(x):\n    return x - x.mean(1, keepdim=True)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    args = [str(tmp_path / "clouds.npz"), "--schema", str(tmp_path / "s.yaml"), "--piecewise", "part"]
    shown = CliRunner().invoke(app, ["audit", "nets:inwards", *args, "--out", str(tmp_path / "run")])
    assert shown.exit_code == 0, shown.output
    assert "When parts move each by itself it is worst in part" in " ".join(shown.output.split())
    answer = load_run(tmp_path / "run")
    assert isinstance(answer, PiecewiseAudit)
    assert len(answer) == 11
    record = json.loads((tmp_path / "run/result.json").read_text())
    assert record["kind"] == "piecewise_audit"
    page = (tmp_path / "run/report.html").read_text()
    for words in ("Error by part", "Measured alone", "Where it is exact, and where not", "How to read this"):
        assert words in page
    for extra, said in (
        (["--piecewise", "parts"], "no array 'parts'"),
        (["--piecewise", "part", "--set", "n=3"], "expected --groups, --schema, --seed and --out"),
        (["--piecewise", "part", "--group", "SL(3)"], "SL(3)"),
        ([], "no groups"),
    ):
        refused = CliRunner().invoke(app, ["audit", "nets:inwards", *args[:3], *extra])
        assert refused.exit_code == 2, refused.output
        assert said in " ".join(refused.output.split())


def test_parts_that_were_found_and_parts_with_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "clouds.npz", x=X.numpy(), limb=np.array(["arm", "leg"])[(PART.numpy() > 4).astype(int)])
    np.savez(tmp_path / "partition.npz", label=PART[0].numpy(), sure=np.ones(90, dtype=bool))
    schema = {"x": "Cloud(Point)", "y": "Cloud(Vector)"}
    assert read_parts(tmp_path / "clouds.npz", "limb", schema=schema).names == ("arm", "leg")
    found = read_parts(tmp_path / "clouds.npz", str(tmp_path / "partition.npz"), schema=schema)
    assert torch.equal(found.part, PART[0])
    answer = audit_parts(inwards, found.x[:1], found.part, names=found.names, rep_out=typed("Vector"))
    assert answer["part 3"].points == int((PART[0] == 3).sum())


def test_ragged_clouds_and_networks_of_flat_points() -> None:
    torch.manual_seed(0)
    flat, sets = torch.cat([X[0], X[1, :70]]), Segments(torch.tensor([0] * 90 + [1] * 70), 2)
    part = torch.cat([PART[0], PART[1, :70]])
    network = PiecewiseSegmenter(3, k_local=3, cells=30).double()
    answer = audit_parts(network, flat, part, segments=sets)
    assert answer.told
    assert answer.certificates[0].cells == 30
    assert len(answer.curve) == 4
    assert network.encoder.cells == 30, "the curve leaves the model as it was"


def test_a_function_of_one_cloud_is_not_taken_for_one_of_clouds() -> None:
    """Of clouds (1, n, 3) the mean over the first axis would be the cloud itself, and the sum exact in every part."""
    ways = {"one": lambda x: x + x.mean(0), "clouds": lambda x: x + x.mean(1, keepdim=True)}
    one, clouds = (audit_parts(way, X[:1], PART[0], rep_out=typed("Vector"), group="SO(3)") for way in ways.values())
    assert min(part.error.mean for part in one) > 0.05
    assert [part.error.mean for part in one] == pytest.approx([part.error.mean for part in clouds])

    def alone(x: Tensor) -> Tensor:
        assert x.ndim < 3 or len(x) == 1, "one cloud at a time"
        return x + x.mean(0)

    shy = audit_parts(alone, X[:1], PART[0], rep_out=typed("Vector"), group="SO(3)")
    assert min(part.error.mean for part in shy) > 0.05


def test_a_run_is_continued_with_its_own_question_alone(tmp_path: Path) -> None:
    def asked(model: object, x: Tensor = X[:1], part: Tensor = PART[0], rep: str = "Vector") -> PiecewiseAudit:
        return audit_parts(model, x, part, rep_out=typed(rep), group="SO(3)", out=tmp_path / "run", resume=True)

    torch.manual_seed(0)
    net = torch.nn.Linear(3, 3).double()
    first = asked(net)
    assert asked(net).parts == first.parts
    for other in (
        lambda: asked(inwards),
        lambda: asked(torch.nn.Linear(3, 3).double()),
        lambda: asked(net, 2 * X[:1]),
        lambda: asked(net, part=PART[0].flip(0)),
        lambda: asked(net, rep="3*Scalar"),
    ):
        with pytest.raises(RunDirectoryError):
            other()


def test_a_note_tells_of_clouds_that_were_not_asked_about() -> None:
    many = X[:1, :12] + torch.arange(9.0, dtype=torch.float64)[:, None, None]
    found = audit_parts(inwards, many, torch.arange(12) // 6, rep_out=typed("Vector"), group="SO(3)")
    assert "first 8 of 9 clouds" in found.notes[0]
    assert not audit_parts(inwards, many[:8], torch.arange(12) // 6, rep_out=typed("Vector"), group="SO(3)").notes


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: audit_parts(lambda x: x.sum((1, 2)), X, PART), "no output for each point"),
        (lambda: audit_parts(inwards, X[0], PART), "clouds of shape"),
        (
            lambda: audit_parts(inwards, X, PART, rep_out=typed("Scalar")),
            r"3 columns for each point, .*Cloud\(3\*Scalar\)",
        ),
        (lambda: audit_parts(inwards, X, PART[:, :5]), "parts \\(2, 5\\)"),
        (lambda: Cells and PiecewiseSegmenter(2).encoder.with_cells(0), "cells=0"),
    ],
)
def test_what_is_refused(call: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()  # type: ignore[operator]
