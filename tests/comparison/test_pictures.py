"""Ways to use a symmetry of pictures: one budget for all, reasons where there is none, the same table as elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import isotropy
from isotropy.comparison import Comparison
from isotropy.comparison._picture_training import (
    PICTURE_KINDS,
    PICTURES,
    PictureKind,
    built,
    train_pictures,
    why_missing,
)
from isotropy.comparison._pictures import _methods
from isotropy.data import Pictures
from isotropy.errors import SchemaError
from isotropy.groups import parse
from isotropy.measure import equivariance_error
from isotropy.reps import Field, Scalar
from isotropy.runs import Run
from isotropy.study import Candidate, load_run
from isotropy.train import DivergedError

QUICK: dict[str, Any] = {"quick": True, "progress": False}


def blots(n: int = 90, side: int = 10) -> Pictures:
    """One spot or two, near the middle and anywhere about it: turns change nothing."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 2
    axis = (torch.arange(side) - (side - 1) / 2) / (side / 2)
    turn = 6.28 * torch.rand(n, 1, 1, generator=draw)
    x, z = axis.expand(side, side), axis.expand(side, side).mT
    spots = torch.zeros(n, side, side)
    for sign in (1, -1):
        spot = (-((x - 0.5 * sign * turn.cos()).square() + (z - 0.5 * sign * turn.sin()).square()) / 0.05).exp()
        spots += spot if sign == 1 else y[:, None, None] * spot
    pixels = (200 * spots.clamp(0, 1) + 20 * torch.rand(n, side, side, generator=draw)).byte()
    return Pictures(pixels[:, None], y, ("one", "two"), name="blots")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:
    out = tmp_path_factory.mktemp("compare") / "out"
    return isotropy.compare(blots(), groups="C(4)", methods="augmentation,frames,coordinates", out=out, **QUICK), out


def test_every_way_has_its_line_or_its_reason(run: tuple[Comparison, Path]) -> None:
    found, out = run
    assert [one.name for one in found.methods] == ["plain", "augmentation C(4)", "frames C(4)", "coordinates C(4)"]
    assert "MomentFrame" in found["coordinates C(4)"].missing or "C(4)" in found["coordinates C(4)"].missing
    assert found["coordinates C(4)"].standing == "not run"
    for one in found.run:
        assert one.accuracy is not None
        assert one.accuracy.mean > 0.8
        assert one.error is not None
        assert one.error.mean < 0.69  # the loss of guessing
        assert one.seconds
        assert one.peak_mb
    exact, plain = (found[name].equivariance_error or 0.0 for name in ("frames C(4)", "plain"))
    assert exact < 1e-5 < plain
    row = json.loads((out / "result.json").read_text())["methods"][0]
    assert {"name", "error", "low", "high", "seconds", "peak_mb", "accuracy"} <= set(row)
    assert load_run(out) == found
    page = (out / "report.html").read_text()
    assert "strided convolutions" in page
    assert "Methods without figures" in page


def test_all_methods_train_on_one_fold(tmp_path: Path) -> None:
    """The job itself, for the ways that a quick look of a test has no time for."""
    few = blots(24)
    turned, stretched = Candidate("SO(2)", parse("SO(2)")), Candidate("GL+(2)", parse("GL+(2)"), (0.2,) * 4)
    with Run(tmp_path / "run") as run:
        run.write(PICTURES, {"x": few.x.contiguous(), "y": few.y, "fold": torch.arange(24) // 2 % 3})
        asked: list[tuple[PictureKind, Candidate | None]] = [
            ("constrained", turned), ("frames", turned), ("coordinates", stretched), ("layers", turned),
            ("TrivialAugment", None),
        ]  # fmt: skip
        for kind, one in asked:
            outcome = train_pictures(
                run, seed=0, kind=kind, candidate={} if one is None else one.as_json(), under=turned.as_json(),
                fold=0, budget={"steps": 3, "batch": 8, "folds": 3},
            )  # fmt: skip
            assert outcome["diverged"] == "", kind
            assert outcome["loss"].shape == (8,)
            assert set(outcome["right"].tolist()) <= {0.0, 1.0}


def test_an_average_over_angles_knows_fewer_directions_than_the_network() -> None:
    x = blots(24, 16).floats().double()
    turned = Candidate("SO(2)", parse("SO(2)"))
    errors: list[float] = []
    kinds: tuple[PictureKind, ...] = ("plain", "frames")
    for kind in kinds:
        network, _ = built(kind, turned, blots(24, 16).x, 2, 0)
        network.double().eval()
        errors.append(equivariance_error(network, "SO(2)", x, Field(), 2 * Scalar, n=8).mean)
    assert errors[1] < 0.6 * errors[0]


@pytest.mark.parametrize("group", ["C(4)", "D(4)"])
def test_layers_of_a_finite_group_take_all_its_elements(group: str) -> None:
    network, _ = built("layers", Candidate(group, parse(group)), blots(6, 16).x, 2, 0)
    network.eval()
    with torch.no_grad():
        error = equivariance_error(network, group, blots(6, 16).floats(), Field(), 2 * Scalar, n=8)
    assert error.mean < 1e-5


def test_what_does_not_exist_is_told_with_its_reason() -> None:
    x = blots(6).x
    shift = Candidate("T(2)", parse("T(2)"), (0.2, 0.2))
    assert "finite group" in why_missing("frames", shift, x, 2)
    assert "takes shifts along" in why_missing("layers", shift, x, 2)
    assert "the 32 elements of D(16)" in why_missing("layers", Candidate("D(16)", parse("D(16)")), x, 2)
    assert why_missing("coordinates", shift, x, 2) == ""
    empty = torch.zeros(2, 1, 10, 10, dtype=torch.uint8)
    assert "empty" in why_missing("coordinates", shift, empty, 2)


def test_one_empty_picture_among_many_is_a_reason_and_no_end() -> None:
    x = blots(6).x.clone()
    x[4] = 0
    shift = Candidate("T(2)", parse("T(2)"), (0.2, 0.2))
    assert "empty" in why_missing("coordinates", shift, x, 2)
    assert why_missing("layers", Candidate("SO(2)", parse("SO(2)")), x, 2) == ""


@pytest.mark.parametrize("group", ["C(4)", "D(4)", "C(3)", "C(8)", "D(6)"])
def test_frames_are_exact_where_cells_go_to_cells(group: str) -> None:
    _, frames = _methods(("plain", "frames"), [Candidate(group, parse(group))], blots(6), 2)
    assert frames.nearly == (group not in ("C(4)", "D(4)"))


@pytest.mark.parametrize("after", [0, 1])
def test_a_method_that_diverges_is_told(after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By training, or by predictions that are no numbers."""

    def spoiled(network: torch.nn.Module, *_: Any, **__: Any) -> None:
        if not after:
            raise DivergedError("a loss of inf", "finite numbers")
        with torch.no_grad():
            next(network.parameters()).fill_(float("nan"))

    monkeypatch.setattr("isotropy.comparison._fold.fit", spoiled)
    few, turned = blots(12), Candidate("C(4)", parse("C(4)")).as_json()
    with Run(tmp_path / "run") as run:
        run.write(PICTURES, {"x": few.x.contiguous(), "y": few.y, "fold": torch.arange(12) // 2 % 3})
        outcome = train_pictures(
            run, seed=0, kind="plain", candidate={}, under=turned, fold=1, budget={"steps": 1, "batch": 4, "folds": 3}
        )
    assert outcome == {"diverged": ["a loss of inf", "predictions that are not finite in fold 2"][after]}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"groups": None}, "no groups"),
        ({"groups": "C(4)", "methods": "soft"}, "TrivialAugment"),
        ({"groups": "C(4)", "rate": 0.1}, "rate with pictures"),
        ({"groups": "C(4)", "loss": "absolute"}, "loss with pictures"),
    ],
)
def test_what_cannot_be_asked_of_pictures(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        isotropy.compare(blots(), **settings)
    with pytest.raises(SchemaError, match="in each"):
        isotropy.compare(blots(20), groups="C(4)")


def test_kinds_are_in_the_order_of_the_table() -> None:
    first: PictureKind = PICTURE_KINDS[0]
    assert first == "plain"
