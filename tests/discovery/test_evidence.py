"""What verdicts rest on, as it is shown: noise, dependence, components, and what a verdict leaves open."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from isotropy.discovery import Discovery, discover
from isotropy.report import Table, Text
from isotropy.study import DependentRowsWarning


def tables(found: Discovery) -> dict[str, Table]:
    return {block.title: block for block in found.blocks() if isinstance(block, Table)}


@pytest.fixture(scope="module")
def handed() -> Discovery:
    """Right-handed triples: no mirror image of a row is a row."""
    draw = np.random.default_rng(8)
    m = draw.normal(size=(240, 3, 3))
    m[np.linalg.det(m) < 0] *= -1
    y = (m**2).sum((1, 2)) + (m[:, 0] * m[:, 2]).sum(1) + 0.1 * draw.normal(size=240)
    types = {"x": "3*Vector", "y": 'Scalar("strain")'}
    return discover(m.reshape(240, 9), y, types, groups="O(3),SO(3)", quick=True, progress=False, noise=0.1)


def test_components_that_lead_out_of_the_data_have_a_table(handed: Discovery) -> None:
    rows = tables(handed)["Overlap, component by component"].rows
    assert {(row[0], row[1], row[3]) for row in rows} == {
        ("O(3)", "mirror images", "too few data"),
        ("O(3)", "rotations", "judged"),
    }
    covered = replace(handed, groups=tuple(replace(f, components=(("a", 0.95), ("b", 0.9))) for f in handed.groups))
    assert "Overlap, component by component" not in tables(covered)


def test_the_noise_of_each_part_is_told_with_its_source(handed: Discovery) -> None:
    table = tables(handed)["Noise of the targets"]
    assert [(row[0], row[2]) for row in table.rows] == [("strain", "you said so")]
    assert "A lower end of 0" not in table.caption
    guessed = replace(handed.noise[0], low=0.0, high=0.2, source="near neighbours")
    table = tables(replace(handed, noise=(guessed,)))["Noise of the targets"]
    assert table.rows[0][2] == "rows near each other"
    assert "state the noise" in table.caption


def test_what_a_verdict_leaves_open_stands_below_the_verdicts(handed: Discovery) -> None:
    f = replace(handed["SO(3)"], verdict="none seen", note="nothing in the 83 % that the models explain violates SO(3)")
    shown = replace(handed, groups=(handed["O(3)"], f))
    line = "SO(3), none seen: nothing in the 83 % that the models explain violates SO(3)."
    assert tables(shown)["Verdicts"].notes == (line,)
    assert line[:60] in shown.table()


def test_rows_that_depend_on_each_other_are_told_loudly() -> None:
    draw = np.random.default_rng(4)
    z = np.zeros((160, 4))
    for t in range(1, 160):
        z[t] = 0.9 * z[t - 1] + draw.normal(size=4)
    ask: dict[str, Any] = {"types": {"x": "Vector", "y": "Scalar"}, "groups": "SO(3)", "quick": True, "progress": False}
    with pytest.warns(DependentRowsWarning):
        found = discover(z[:, :3], (z**2).sum(1), **ask)
    loud = [block for block in found.blocks() if isinstance(block, Text) and block.style == "warning"]
    assert [block.title for block in loud] == ["Rows depend on each other"]
    assert loud[0].body.startswith("Rows go on from their neighbours")
    assert found.alarm in loud[0].body
    assert found.dependence.sentence not in found.quiet_notes
    assert f"in {found.dependence.units} independent units" in found.blocks()[0].caption
    assert not [b for b in replace(found, dependence=type(found.dependence)()).blocks() if b.title == loud[0].title]


def test_the_head_of_a_report_says_how_many_rows_judge(handed: Discovery) -> None:
    def told(found: Discovery) -> str:
        return next(str(block) for block in found.blocks() if isinstance(block, Text))

    assert "240 rows in 240 independent units" in told(handed)
    data = {**handed.data, "judging": {"rows": 120, "units": 60}}
    said = "120 of 240 rows judge, in 60 independent units; the others found the candidates"
    assert said in told(replace(handed, data=data, proposed=True))
