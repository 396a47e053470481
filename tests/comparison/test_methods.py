"""Every method is what it says: exact ones to rounding, frames as FrameAveraged has them, reasons for the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from isotropy.comparison._methods import EXACT, KINDS, Budget, kinds_of, methods_of
from isotropy.comparison._part_training import PART_KINDS
from isotropy.comparison._trainees import Trainee, trainee_of
from isotropy.comparison._training import folds_of, validation_rows
from isotropy.data import load
from isotropy.errors import SchemaError
from isotropy.frames import FrameAveraged
from isotropy.frames.parts import pose_frame
from isotropy.measure import equivariance_error
from isotropy.random import spawn
from isotropy.reps import Point, Scalar, Vector
from isotropy.reps import Tensor as T
from isotropy.study import Problem, dataset_of, problem_of

SMALL = Budget(width=8, channels=8)
FLAT = {"dims": {"space": 2}}


def problem(groups: str, types: dict[str, object], columns: tuple[int, int], rows: int = 60) -> Problem:
    generator = spawn(0, "problem")
    x = torch.randn(rows, columns[0], generator=generator, dtype=torch.float64)
    y = torch.randn(rows, columns[1], generator=generator, dtype=torch.float64)
    return problem_of(dataset_of(x, y, types, None), groups, None, 0)


PROBLEMS = {
    "tensors": ("O(3),SO(3),O(2)@z,C(4)@z", {"x": 2 * Scalar + 3 * Vector, "y": T(2)}, (11, 9)),
    "points": ("E(2),SE(2),T(2)", {"x": 4 * Point, "y": Point + Vector, **FLAT}, (8, 4)),
    "scale": ("Scale(2),Similarity(2)", {"x": 4 * Point, "y": Vector, **FLAT}, (8, 2)),
    "untranslated points": ("O(2),C(4),Scale(2)", {"x": 4 * Point, "y": 2 * Point, **FLAT}, (8, 4)),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_exact_methods_are_exact_before_any_training(name: str) -> None:
    given = problem(*PROBLEMS[name])
    rows = torch.arange(30)
    found = [method for method in methods_of(given) if method.exact and not method.missing]
    assert {method.kind for method in found} >= {"frames"}
    for method in found:
        candidate = next(c for c in given.candidates if c.name == method.group)
        trainee = trainee_of(method.kind, given, candidate, rows, SMALL, 0)
        trainee.core.double().eval()
        error = equivariance_error(trainee.predict, candidate.measured, given.x, given.rep_in, given.rep_out, n=8)
        assert error.max is not None
        assert error.max < 1e-10, method.name


def test_a_method_that_does_not_exist_says_why() -> None:
    said = {method.name: method.missing for method in methods_of(problem(*PROBLEMS["scale"]))}
    assert "orthogonal" in said["layers Scale(2)"]
    assert "one atom" in said["coordinates Scale(2)"]
    assert "no candidate acts by orthogonal" in said["soft"]
    assert said["plain"] == said["augmentation Scale(2)"] == said["frames Scale(2)"] == ""


def test_frames_predict_what_frame_averaging_predicts() -> None:
    given = problem(*PROBLEMS["tensors"])
    candidate = given.candidates[0]
    trainee = trainee_of("frames", given, candidate, torch.arange(30), SMALL, 0)
    trainee.core.double().eval()
    pose = pose_frame(candidate.group, given.rep_in, given.rep_out)
    whole = FrameAveraged(lambda z: trainee.prepared(trainee.core, z), pose.frame, given.rep_in, given.rep_out)
    assert torch.allclose(trainee.predict(given.x), whole(given.x), rtol=1e-12, atol=1e-12)


def mean_loss(trainee: Trainee, rows: Tensor, draws: int) -> float:
    batch = trainee.table(rows)
    return sum(float(trainee.loss(trainee.core, batch).mean()) for _ in range(draws)) / draws


@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_all_methods_have_the_loss_of_their_prediction_in_one_unit(offset: float) -> None:
    given = problem(*PROBLEMS["tensors"])
    # A constant part that the group does not keep: no variance about the mean, much about the invariant centre.
    given = replace(given, y=given.y + offset)
    rows = torch.arange(30)
    units: list[float] = []
    for kind in ("plain", "augmentation", "soft", "frames", "coordinates", "layers"):
        trainee = trainee_of(kind, given, given.candidates[0], rows, SMALL, 0)
        trainee.core.eval().requires_grad_(False)
        squared = float((trainee.predict(given.x[rows]) - given.y[rows]).square().mean())
        loss = mean_loss(trainee, rows, 1)
        assert loss < 3, "an untrained network is off by about the size of the targets"
        units.append(squared / loss)
    assert units == pytest.approx([units[0]] * len(units), rel=1e-5)


def test_drawn_poses_have_in_the_mean_the_loss_of_the_single_poses() -> None:
    given = problem("C(4)@z", {"x": 3 * Vector, "y": Vector}, (9, 3))
    rows, candidate = torch.arange(30), given.candidates[0]
    trainee = trainee_of("frames", given, candidate, rows, SMALL, 0)
    group, core = candidate.group, trainee.core.double().requires_grad_(False)
    expected = 0.0
    for g in group.elements(dtype=torch.float64):
        inside = trainee.prepared(core, given.rep_in.act(group, group.inverse(g), given.x[rows]))
        expected += float(trainee.lost(given.rep_out.act(group, g, inside), given.y[rows]).mean()) / 4
    trainee.core.train()
    assert mean_loss(trainee, rows, 200) == pytest.approx(expected, rel=0.03)


def test_methods_with_the_same_network_start_from_the_same_weights() -> None:
    given = problem(*PROBLEMS["tensors"])
    cores = [
        trainee_of(kind, given, given.candidates[0], torch.arange(30), SMALL, 3).core
        for kind in ("plain", "augmentation", "soft", "frames", "coordinates")
    ]
    first = torch.cat([p.flatten() for p in cores[0].parameters()])
    assert all(torch.equal(first, torch.cat([p.flatten() for p in core.parameters()])) for core in cores[1:])


def test_folds_keep_units_whole_and_have_equally_many() -> None:
    given = load("inertia", n=60)
    unit = torch.arange(60) // 3
    found = folds_of(problem_of(replace(given, cluster=unit), None, None, 0), 5)
    assert all(len(found[unit == u].unique()) == 1 for u in range(20))
    assert torch.bincount(found).tolist() == [12] * 5


def test_units_for_validation_are_whole_and_come_from_anywhere_in_the_table() -> None:
    rows = 30_000
    table = torch.randn(rows, 2, generator=spawn(0, "table"), dtype=torch.float64)
    given = problem_of(
        dataset_of(table, table, {"x": Vector, "y": Vector}, torch.arange(rows) // 10), "O(2)", None, 0
    )  # fmt: skip
    held_out = folds_of(given, 5) == 0
    chosen = validation_rows(given, held_out, 0, 0)
    assert not (chosen & held_out).any()
    assert 1900 < int(chosen.sum()) <= 2000
    assert set(torch.bincount(given.unit[chosen]).tolist()) == {0, 10}
    place = chosen.nonzero().double().mean() / rows
    assert 0.45 < float(place) < 0.55


@pytest.mark.parametrize("listed", ["frames,typo", ["layer"], ""])
def test_unknown_methods_are_refused_with_the_known_ones(listed: str | list[str]) -> None:
    with pytest.raises(SchemaError, match="augmentation"):
        kinds_of(listed)


def test_all_kinds_are_compared_by_default() -> None:
    assert kinds_of(None) == KINDS
    assert set(EXACT) < {*KINDS, *PART_KINDS}
