"""What may be done to pictures: planted symmetries and dependences, the three columns, folders that are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import isotropy
from data.picture_files import torn
from discovery.picture_folders import arrows, write
from isotropy.data import Pictures, load_pictures, read_pictures
from isotropy.discovery import PictureDiscovery
from isotropy.discovery._motions import motion_from, motions_of, spelt, within
from isotropy.discovery._picture_jobs import strip
from isotropy.discovery._picture_report import _elements, multipliers, price_text
from isotropy.discovery._thirds import thirds
from isotropy.errors import DomainError, SchemaError
from isotropy.groups import Window, parse
from isotropy.runs import RunDirectoryError
from isotropy.study import load_run

CANDIDATES: dict[str, Any] = {"groups": "SO(2)", "transforms": "brightness", "quick": True, "progress": False}
DECIDING = {"turn": "SO(2)", "light": "brightness"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    write(arrows(180, "turn"), root)
    (root / "notes.txt").write_text("no picture")
    torn(root / "first" / "torn.png")
    return root


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[PictureDiscovery, Path]:
    out = tmp_path_factory.mktemp("run") / "out"
    found = isotropy.discover(read_pictures(folder, skip=True), groups="SO(2)", quick=True, progress=False, out=out)
    return found, out


def ordered(decides: str, seed: int, found: PictureDiscovery) -> None:
    [other] = [name for name in DECIDING.values() if name != DECIDING[decides]]
    there, elsewhere = found[DECIDING[decides]].breaking, found[other].breaking
    assert there.mean >= 2 * elsewhere.mean, (decides, seed)
    assert there.low > elsewhere.high, (decides, seed)
    assert found[DECIDING[decides]].verdict in ("approximate", "absent")


@pytest.mark.slow
@pytest.mark.parametrize("decides", ["turn", "light"])
def test_what_decides_the_class_breaks_and_what_does_not_holds(decides: str, tmp_path: Path) -> None:
    """Folders of both assignments, three seeds each."""
    for seed in range(3):
        write(arrows(360, decides, seed), tmp_path / str(seed))
        found = isotropy.discover(read_pictures(tmp_path / str(seed)), seed=seed, **CANDIDATES)
        print(decides, seed, {one.name: (one.verdict, one.breaking) for one in found})
        ordered(decides, seed, found)


def test_a_planted_dependence_is_breaking_and_the_pictures_that_contradict_are_shown(
    run: tuple[PictureDiscovery, Path],
) -> None:
    found, _ = run
    turn = found["SO(2)"]
    assert turn.breaking.low > 0.5
    assert turn.verdict == "absent"
    assert turn.p_adjusted < 0.01
    shown = found.shown["SO(2)"]
    assert shown.contradiction is not None
    assert set(shown.labels) == {"first", "second"}
    assert "leave SO(2) alone" in found.recommendation


def test_three_columns_stand_in_the_result_and_the_report(run: tuple[PictureDiscovery, Path]) -> None:
    found, out = run
    row = json.loads((out / "result.json").read_text())["groups"][0]
    assert {"name", "breaking", "low", "high", "verdict", "p_value", "overlap"} <= set(row)
    assert set(row["range"]) == {"low", "high", "unit"}
    assert {"multiplier", "settled", "cost_accuracy", "cost_low", "cost_high"} <= set(row)
    assert row["cost_low"] <= row["cost_accuracy"] <= row["cost_high"]
    assert row["range"]["low"] <= 0 <= row["range"]["high"] < 90
    assert load_run(out) == found
    page = (out / "report.html").read_text()
    assert page.count("data:image/png") >= 5
    assert found["SO(2)"].multipliers
    assert price_text(found["SO(2)"]) in page.split("</table>")[0]
    assert "no pictures of a class" in page
    assert "first/torn.png: damaged" in page
    assert len(found["SO(2)"].multipliers[0]) > 10
    free = replace(found["SO(2)"], settled=True, multiplier=0.0)
    assert price_text(free).startswith("free in the end")
    assert price_text(replace(free, multipliers=((0.0, 0.0),))) == "free: the bound was never missed"
    # A turn by half a circle tells the arrows wrongly, a small one does not.
    errors = dict(zip(found["SO(2)"].strengths, found["SO(2)"].errors_plain, strict=True))
    assert errors[180.0] > 0.7 > 0.2 > errors[0.0]


def test_multipliers_of_unequal_epochs_have_a_mean(run: tuple[PictureDiscovery, Path]) -> None:
    """Thirds of 193 pictures make two batches and one."""
    one = replace(run[0]["SO(2)"], multipliers=((0.0, 1.0, 2.0), (0.0, 2.0), (0.0, 3.0)))
    words = _elements(replace(one, name="D(4)", errors=(0.0,) * 8))
    assert words[:2] == ["not moved", "turned by 90 degrees"]
    assert sum(word.startswith("mirrored") for word in words) == 4
    (curve,) = multipliers([one]).curves
    assert [round(v, 6) for v in curve.y] == [0.0, 1.166667, 2.333333]


def test_a_finished_run_is_read_and_another_question_refused(run: tuple[PictureDiscovery, Path], folder: Path) -> None:
    found, out = run
    pictures = read_pictures(folder, skip=True)
    again = isotropy.discover(pictures, groups="SO(2)", quick=True, progress=False, out=out, resume=True)
    assert replace(again, seconds=found.seconds) == found
    with pytest.raises(RunDirectoryError, match="seed"):
        isotropy.discover(pictures, groups="SO(2)", quick=True, progress=False, out=out, resume=True, seed=1)


@pytest.mark.slow
def test_upright_digits_cannot_tell_what_a_shifted_or_enlarged_one_is() -> None:
    """And tolerance and cost stand beside it."""
    found = isotropy.discover(load_pictures("digits"), groups="T(2),Scale,SO(2)", quick=True, progress=False)
    assert "labels change" not in found.recommendation
    for one in found:
        assert one.verdict == "not identifiable"
        assert one.overlap_low <= one.overlap < 1 / 3
        assert one.range is not None
        assert one.range.low <= one.rest <= one.range.high
        assert one.multiplier > 0
        assert "look like pictures of the data" in one.note


def test_candidates_have_strengths_about_their_rest() -> None:
    x = torch.rand(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    names = "SO(2),T(2),Scale,Shear@x,D(4),O(1)@x"
    operations = "brightness,color,rotate,shear-y,translate-x,posterize,solarize,equalize"
    motions = motions_of(names, operations, 3)
    assert [one.name for one in motions][2:4] == ["Scale(2)", "Shear(2)@x"]
    for one in motions:
        assert one.rest in one.strengths
        assert torch.equal(one.moved(x, one.rest), x)
        # At rest the parameters, too, move nothing (operations on bytes round).
        if one.name != "equalize":
            assert torch.allclose(one.transforms.apply(one.at(one.rest, 2), x), x, atol=0.5 / 255 + 1e-6), one.name
        end = one.strengths[-1 if one.rest != one.strengths[-1] else 0]
        assert not torch.equal(one.moved(x, end), x)
        again = motion_from(spelt(one), 3)
        assert (again.name, again.strengths) == (one.name, one.strengths)
    quarter = motions[0].moved(x, 90.0)
    assert torch.allclose(quarter, torch.rot90(x, 1, (2, 3)), atol=1e-4)
    window = Window(parse("Scale(2)"), 0.2, "uniform")
    [declared] = motions_of([window], None, 1)
    assert declared.strengths[-1] == pytest.approx(1.2214, abs=1e-3)
    assert motion_from(spelt(declared), 1).strengths == declared.strengths


def test_strips_show_both_sides_of_the_rest_and_every_element_of_a_small_group() -> None:
    x = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    sizes, whole = motions_of("Scale,D(4)", None, 1)
    assert [round(strength, 1) for strength, _ in strip(x, sizes)] == [0.5, 0.7, 1.0, 1.5, 2.0]
    moved = [picture for _, picture in strip(x, whole)]
    assert len({picture.tobytes() for picture in moved}) == 8
    (many,) = motions_of("D(16)", None, 1)
    shown = [int(number) for number, _ in strip(x, many)]
    dets = torch.linalg.det(parse("D(16)").elements(torch.float64)[shown])  # type: ignore[index]
    assert len(set(shown)) == 8
    assert {round(float(det)) for det in dets} == {1, -1}


def test_ranges_have_no_gap() -> None:
    assert within([0.1, 0.5, 0.1, 0.1, 0.12, 0.1], [-3, -2, -1, 0, 1, 2], 0, 0.01) == (-1, 0)
    assert within([0.1, 0.1], [0.0, 1.0], 0.0, 0.0) == (0.0, 1.0)
    with pytest.raises(DomainError, match="rest"):
        within([0.1], [1.0], 0.0, 0.01)


def test_thirds_are_even_in_every_class() -> None:
    y = torch.arange(3).repeat_interleave(torch.tensor([30, 60, 90]))
    fold = thirds(y, 0)
    for k in range(3):
        assert torch.bincount(fold[y == k]).tolist() == [10 * (k + 1)] * 3
    assert not torch.equal(fold, thirds(y, 1))


def made(counts: list[int]) -> Pictures:
    y = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return Pictures(torch.zeros(len(y), 1, 8, 8, dtype=torch.uint8), y, tuple(f"c{k}" for k in range(len(counts))))


@pytest.mark.parametrize(
    ("pictures", "settings", "words"),
    [
        (made([90]), {}, "one class, c0"),
        (made([90, 7]), {}, r"few pictures: c1 \(7\)"),
        (made([30, 30]), {"groups": "SO(2),SO(2)"}, "twice"),
        (made([30, 30]), {"groups": "SO(3)"}, "group of the plane"),
        (made([30, 30]), {"transforms": "blur"}, "one of identity"),
        (made([30, 30]), {"groups": []}, "no candidates"),
        (made([30, 30]), {"tolerance": 0.0}, "tolerance"),
        (made([30, 30]), {"noise": 0.1}, "noise with pictures"),
    ],
)
def test_what_cannot_be_asked_of_pictures(pictures: Pictures, settings: dict[str, Any], words: str) -> None:
    with pytest.raises((SchemaError, DomainError), match=words):
        isotropy.discover(pictures, **settings)


def test_sets_of_pictures_are_known_by_name() -> None:
    few = load_pictures("digits", most="50")
    assert len(few) == 50
    assert few.given == 1797
    assert int(few.x.max()) == 255
    with pytest.raises(SchemaError, match="digits, mnist-10k"):
        load_pictures("no-such-folder")
    with pytest.raises(SchemaError, match="most"):
        load_pictures("digits", size=3)
    for most in (0, -1):
        with pytest.raises(SchemaError, match="1 or more pictures"):
            load_pictures("digits", most=most)
