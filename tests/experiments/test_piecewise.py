"""The reproduction of Atzmon et al. on people and rooms made here: the run from end to end, its science, its claims."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from isotropy.experiments.piecewise import (
    PIECEWISE,
    CellsPlan,
    Config,
    PeoplePlan,
    PiecewiseFrames,
    RoomsPlan,
    SubjectsPlan,
)
from isotropy.experiments.piecewise._assignments import SoftCells, phi
from isotropy.experiments.piecewise._config import FULL, Learning
from isotropy.experiments.piecewise._learning import overlap
from isotropy.experiments.piecewise._networks import METHODS, OURS, network
from isotropy.experiments.piecewise._people import KINDS, recorded
from isotropy.experiments.piecewise._portraits import SHOWN
from isotropy.frames import Partition
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import size

pytest.importorskip("mujoco", reason="the extra [control]")
pytest.importorskip("gymnasium", reason="the extra [control]")

_LEAST = {"epochs": 1, "divide": 32, "k": 4, "cells": 6}
TINY = Config(
    people=PeoplePlan(points=48, clouds=3, walking=1, test=1, **_LEAST),
    subjects=SubjectsPlan(points=48, subjects=2, clouds=2, test=1, **_LEAST),
    rooms=RoomsPlan(points=64, test=1, **_LEAST),
    cells=CellsPlan(points=64, poses=1, cells=(8, 32, 64), draws=2, width=4),
    seeds=1,
    engine="serial",
)


@pytest.fixture(scope="module")
def finished(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> PiecewiseFrames:
    with Run(tmp_path_factory.mktemp("experiment") / "run") as run:
        return PIECEWISE.run(TINY, run)


def test_every_method_has_every_line_and_the_page_is_written(finished: PiecewiseFrames, tmp_path: Path) -> None:
    for setting in ("poses as learnt", "unseen poses", "recorded hop", "recorded hop, turned", "other density"):
        assert {line.method for line in finished.scores if (line.task, line.setting) == ("E2", setting)} == set(METHODS)
    page = finished.report(tmp_path / "report.html").read_text()
    for word in ("E1: exactness", "E6: soft cells", "SMPL", "other data", "cells that have points"):
        assert word in page
    for figure in ("A person in a pose never seen", "A room with other furniture, from above"):
        for name in ("truth", *SHOWN):
            assert f"{figure}: {name}" in page
    assert "Cells of that person, to begin with: 6" in page


def test_pictures_show_the_points_of_the_truth_and_of_cells(finished: PiecewiseFrames) -> None:
    seen = {(trace.figure, trace.name): trace.columns for trace in finished.traces}
    truth, ours = seen["person", "truth"], seen["person", OURS]
    assert len(truth["said"]) == TINY.people.points
    assert truth["up"] == ours["up"]
    assert len(set(seen["person, cells", "to begin with"]["said"])) == TINY.people.cells
    assert [name for figure, name in seen if figure == "person, cells"][1:] == [f"after layer {k}" for k in (1, 2, 3)]


def test_what_must_hold_whatever_is_trained_holds(finished: PiecewiseFrames) -> None:
    held = {claim.text: claim.held for claim in finished.claims}
    sure = [text for text in held if text.startswith(("E1", "E5", "E6"))]
    assert len(sure) == 9
    assert [text for text in sure if not held[text]] == []
    turned = next(text for text in held if "turning" in text)
    assert held[turned], "our labels do not change when a cloud is turned, trained or not"


def test_claims_fail_on_bad_numbers(finished: PiecewiseFrames) -> None:
    bad = tuple(replace(line, values=tuple(-1e3 for _ in line.values)) for line in finished.scores)
    good = tuple(replace(line, values=tuple(1e3 for _ in line.values)) for line in finished.scores)
    for result in (replace(finished, scores=bad), replace(finished, scores=good)):
        assert not all(claim.judge(result).held for claim in PIECEWISE.claims_of(TINY))
    for claim in PIECEWISE.claims_of(TINY):
        verdicts = {claim.judge(replace(finished, scores=scores)).held for scores in (finished.scores, bad, good)}
        if claim.text.startswith(("E1", "E5", "E6")):
            assert verdicts == {True, False}, claim.text


def test_networks_have_about_as_many_numbers_each() -> None:
    sizes = {method: size(network(method, 13, Learning(), 0)) for method in METHODS}
    assert max(sizes.values()) < 3 * min(sizes.values()), sizes


def test_hard_cells_are_one_map_in_all_three_ways_and_see_no_other_cell() -> None:
    x = torch.randn(30, 3, generator=spawn(0, "x"), dtype=torch.float64)
    Q = torch.nn.functional.one_hot(torch.arange(30) // 10, 3).double()
    psi = SoftCells(6).double()
    one, two, three = (phi(way, psi, x, Q, 0, 3) for way in ("phi_I", "phi_II", "phi_III"))
    assert torch.allclose(one, three, atol=1e-12)
    assert torch.allclose(two, three, atol=1e-12)
    moved = x.clone()
    moved[:10] += 5.0 * torch.randn(10, 3, generator=spawn(1, "x"), dtype=torch.float64)
    assert torch.allclose(psi(moved, Q)[10:], one[10:], atol=1e-12)
    soft = torch.softmax(torch.randn(30, 3, generator=spawn(0, "Q"), dtype=torch.float64), 1)
    ways = [phi(way, psi, x, soft, 0, 2) for way in ("phi_I", "phi_II", "phi_III")]
    assert all(not torch.allclose(a, b, atol=1e-4) for a, b in itertools.pairwise(ways))
    assert torch.equal(phi("phi_II", psi, x, soft, 0, 2), ways[1])
    assert len(Partition(Q.argmax(1))) == 3


def test_every_joint_of_the_recording_has_a_body(real_data: Path) -> None:
    x, label, part = recorded("131_03", 2, 1500, normals=True)
    assert x.shape == (2, 1500, 6)
    assert len(part.unique()) == len(KINDS) + 5, "limbs have sides, trunks have none"
    assert set(label.unique().tolist()) == set(range(len(KINDS)))
    # It stands as the humanoid does: feet below the torso along the third axis.
    assert float(x[..., 2][label == KINDS.index("foot")].mean()) < float(x[..., 2][label == 0].mean()) - 3


def test_overlap_counts_classes_that_are_there() -> None:
    assert overlap(torch.tensor([2, 2, 1]), torch.tensor([2, 2, 1]), 5) == 100
    assert overlap(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1]), 5) == pytest.approx(37.5)


def test_the_full_size_is_that_of_the_paper() -> None:
    assert (FULL.people.points, FULL.people.cells, FULL.people.size, FULL.people.epochs) == (4096, 40, "paper", 100)
    assert network(OURS, 24, FULL.people, 0).network.encoder.cells == 40  # type: ignore[union-attr]
