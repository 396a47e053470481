"""Results: printed, written and read back without loss; what cannot be read back is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isotropy.errors import SchemaError
from isotropy.estimate import Estimate
from isotropy.fields import jsonable
from isotropy.report import Bar, Bars, Block, Result, Text, flatten


@dataclass(frozen=True)
class Finding:
    name: str
    breaking: Estimate
    verdict: Literal["approximate", "absent"]
    price: float | None = None


@dataclass(frozen=True, kw_only=True)
class Findings(Result):
    kind: ClassVar[str] = "findings"
    findings: tuple[Finding, ...]
    axes: tuple[tuple[float, float, float], ...] = ()
    overlap: Mapping[str, float] = field(default_factory=dict)
    model: object = field(default=None, compare=False, metadata={"json": False})

    def rows(self) -> Sequence[Mapping[str, float | int | str | None]]:
        return [
            {"name": f.name, **flatten("breaking", f.breaking, headline=True), "verdict": f.verdict, "price": f.price}
            for f in self.findings
        ]

    def blocks(self) -> Sequence[Block]:
        bars = [Bar(f.name, f.breaking.mean, f.breaking.low, f.breaking.high) for f in self.findings]
        return [Text("Build it in.", style="headline"), Bars(bars, title="Levels")]


def some_findings(price: float | None = 0.3) -> Findings:
    return Findings(
        findings=(Finding("O(3)", Estimate(0.047, 0.031, 0.066, 1000, confidence=0.9), "approximate", price),),
        axes=((0.0, 0.6, 0.8),),
        overlap={"O(3)": 0.97},
        seconds=1.5,
        model=object(),
    )


numbers = st.floats(allow_nan=False, allow_infinity=False)
estimates = st.builds(Estimate, numbers, numbers, numbers, st.integers(0, 10**9), max=st.none() | numbers)
findings = st.builds(Finding, st.text(), estimates, st.sampled_from(["approximate", "absent"]), st.none() | numbers)
results = st.builds(
    Findings,
    findings=st.lists(findings, max_size=3).map(tuple),
    axes=st.lists(st.tuples(numbers, numbers, numbers), max_size=3).map(tuple),
    overlap=st.dictionaries(st.text(), numbers, max_size=3),
    seconds=numbers,
)


@given(results)
def test_what_is_written_is_read_back(result: Findings) -> None:
    text = result.to_json()
    assert Findings.from_json(text) == result
    assert Findings.from_json(text).to_json() == text


def test_the_file_holds_schema_kind_and_sorted_keys(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    text = some_findings().to_json(path)
    assert path.read_text() == text
    record = json.loads(text)
    assert (record["schema"], record["kind"], record["seconds"]) == (1, "findings", 1.5)
    assert list(record) == sorted(record)
    assert "model" not in record


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_become_null(value: float) -> None:
    text = some_findings(price=value).to_json()
    assert json.loads(text)["findings"][0]["price"] is None
    assert Findings.from_json(text).findings[0].price is None


def test_a_row_is_flat_and_its_headline_keeps_short_names() -> None:
    assert some_findings().rows() == [
        {"name": "O(3)", "breaking": 0.047, "low": 0.031, "high": 0.066, "verdict": "approximate", "price": 0.3}
    ]


def test_the_table_and_the_report_show_the_rows(tmp_path: Path) -> None:
    table = some_findings().table()
    assert [line.split() for line in table.splitlines() if "O(3)" in line] == [
        ["O(3)", "0.047", "0.031", "0.066", "approximate", "0.3"]
    ]
    page = some_findings().report(tmp_path / "run")
    assert page == tmp_path / "run" / "report.html"
    assert "Build it in." in page.read_text()
    assert (tmp_path / "run" / "figures" / "levels.png").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"schema": 2}, "schema 2"),
        ({"kind": "audit"}, "kind 'audit'"),
        ({"surprise": 1}, "surprise"),
        ({"findings": None}, "Findings.findings"),
        ({"findings": [{"name": "O(3)"}]}, "breaking"),
        ({"findings": [3]}, "Findings.findings[0]"),
        ({"axes": [[0.0, 1.0]]}, "2 items"),
        ({"overlap": {"O(3)": "much"}}, "Findings.overlap.O(3)"),
        ({"seconds": True}, "Findings.seconds"),
    ],
)
def test_a_damaged_file_is_refused_by_name(change: dict[str, object], named: str) -> None:
    record = {**json.loads(some_findings().to_json()), **change}
    with pytest.raises(SchemaError) as caught:
        Findings.from_json(json.dumps(record))
    assert named in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"'])
def test_text_that_is_no_result_is_refused(text: str) -> None:
    with pytest.raises(SchemaError):
        Findings.from_json(text)


def test_a_verdict_that_was_not_declared_is_refused() -> None:
    with pytest.raises(SchemaError, match="verdict"):
        Findings.from_json(some_findings().to_json().replace("approximate", "exact"))


def test_arrays_become_lists_and_objects_are_refused() -> None:
    assert jsonable({"a": np.arange(3), "b": np.float32(0.5), "c": (np.bool_(True),)}) == {
        "a": [0, 1, 2],
        "b": 0.5,
        "c": [True],
    }
    with pytest.raises(SchemaError, match="object"):
        jsonable(object())
