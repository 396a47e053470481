"""Typed fields: text and JSON in, the same values out, and errors that name the field and the nearest known one."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pytest

from isotropy.errors import DomainError, SchemaError
from isotropy.fields import from_json, from_text, jsonable


@dataclass(frozen=True)
class Bar:
    low: float
    n: int = 3


@dataclass(frozen=True)
class Plan:
    rate: float = 0.1
    steps: int = 10
    axis: tuple[float, float, float] | None = None
    sizes: tuple[int, ...] = (1,)
    kind: Literal["a", "b"] = "a"
    loud: bool = False
    bars: Mapping[str, Bar] = field(default_factory=dict[str, Bar])
    secret: object = field(default=None, compare=False, metadata={"json": False})

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise DomainError(f"steps={self.steps}", "at least 0")


def test_text_becomes_the_declared_types() -> None:
    given = {"rate": "1e-3", "steps": "20", "axis": "1,2,2", "sizes": "(3, 4)", "kind": "b", "loud": "yes"}
    plan = from_text(Plan, given, of="plan")
    assert plan == Plan(0.001, 20, (1.0, 2.0, 2.0), (3, 4), "b", True)
    assert all(isinstance(value, float) for value in plan.axis or ())
    assert from_text(Plan, {"axis": "none", "rate": 2}, of="plan") == Plan(2.0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"stepz": 1}, ("setting 'stepz' of plan", "rate, steps", "write steps=")),
        ({"secret": 1}, ("setting 'secret' of plan",)),
        ({"steps": "2.5"}, ("steps of plan = '2.5'", "a whole number")),
        ({"steps": True}, ("steps of plan = True", "a whole number")),
        ({"rate": "inf"}, ("rate of plan = 'inf'", "a finite number")),
        ({"axis": "1,2"}, ("axis of plan", "3 numbers separated by commas")),
        ({"kind": "c"}, ("kind of plan = 'c'", "one of 'a', 'b'")),
        ({"loud": "perhaps"}, ("loud of plan = 'perhaps'", "true or false")),
        ({"kind": 1}, ("kind of plan = 1",)),
    ],
)
def test_text_that_cannot_be_read_is_refused_by_name(given: dict[str, object], words: tuple[str, ...]) -> None:
    with pytest.raises(SchemaError) as caught:
        from_text(Plan, given, of="plan")
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_what_a_dataclass_refuses_it_says_itself() -> None:
    with pytest.raises(DomainError, match="steps=-1"):
        from_text(Plan, {"steps": "-1"}, of="plan")


def test_json_and_back_is_the_same() -> None:
    plan = Plan(0.5, 3, (0.0, 1.0, 2.5), (1, 2), "b", True, {"x": Bar(1.0), "y": Bar(2.5, 1)}, secret=object())
    stored = jsonable(plan)
    assert isinstance(stored, dict)
    assert "secret" not in stored
    assert from_json(stored, Plan, "plan") == plan


def test_a_null_is_nan_where_a_number_is_declared_and_none_where_it_may_be() -> None:
    assert math.isnan(from_json({"low": None}, Bar, "bar").low)
    assert from_json([None, 1], tuple[float | None, ...], "row") == (None, 1.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"rat": 1.0}, ("'rat' in plan", "write rate=")),
        ({"bars": {"x": {"low": 1.0, "m": 2}}}, ("'m' in plan.bars.x", "one of low, n")),
        ({"bars": {"x": {}}}, ("no 'low' in plan.bars.x",)),
        ({"steps": 2.0}, ("2.0 for plan.steps", "a whole number")),
        ({"steps": "2"}, ("'2' for plan.steps",)),
        ({"rate": "1"}, ("'1' for plan.rate", "a finite number")),
        ({"sizes": [1, "2"]}, ("'2' for plan.sizes[1]",)),
        ({"loud": 1}, ("1 for plan.loud", "true or false")),
    ],
)
def test_json_of_another_type_is_refused_where_it_stands(value: dict[str, object], words: tuple[str, ...]) -> None:
    with pytest.raises(SchemaError) as caught:
        from_json(value, Plan, "plan")  # type: ignore[arg-type]
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_doorstep_is_light() -> None:
    script = (
        "import sys, isotropy.fields, isotropy.storage; assert not {'torch', 'pydantic', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
