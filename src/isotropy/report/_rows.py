"""Findings as flat rows, and back: an Estimate is spread over ``name, low, high``."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from isotropy.errors import SchemaError
from isotropy.estimate import Estimate
from isotropy.fields import Json, finite, jsonable
from isotropy.report._blocks import Number


def flatten(name: str, estimate: Estimate | None, *, headline: bool = False) -> dict[str, Number | None]:
    """An Estimate in a flat row: ``name, low, high`` as its headline, ``name, name_low, name_high`` otherwise.

    >>> flatten("price", Estimate(0.1, 0.0, 0.2, n=9))
    {'price': 0.1, 'price_low': 0.0, 'price_high': 0.2}
    """
    ends = _ends(name, headline)
    if estimate is None:
        return dict.fromkeys((name, *ends))
    return dict(zip((name, *ends), map(finite, (estimate.mean, estimate.low, estimate.high)), strict=True))


def is_row(kind: object) -> bool:
    """Whether findings of a dataclass are flat in JSON: one of its fields has ``metadata={"headline": (...)}``.

    The headline is the Estimate a row leads with; the tuple names what all Estimates of the row share with it, such as
    ``n``. ``derived`` of the class names properties that a row tells as well.
    """
    known: Mapping[str, Any] = getattr(kind, "__dataclass_fields__", {})
    return any("headline" in item.metadata for item in known.values())


def flat(finding: Any) -> dict[str, Any]:
    """A finding as one flat record."""
    row: dict[str, Any] = {}
    estimates = _estimates(type(finding))
    for item in fields(finding):
        value = getattr(finding, item.name)
        if item.name not in estimates:
            row[item.name] = jsonable(value)
            continue
        shared: tuple[str, ...] | None = item.metadata.get("headline")
        row |= flatten(item.name, value, headline=shared is not None)
        row |= {name: None if value is None else getattr(value, name) for name in shared or ()}
    return row | {name: jsonable(getattr(finding, name)) for name in getattr(finding, "derived", ())}


def raised(row: Json, kind: Any, where: str) -> dict[str, Any]:
    """The record of the fields of ``kind`` that ``flat`` made flat; raises SchemaError where keys are missing."""
    if not isinstance(row, Mapping):
        raise SchemaError(f"{row!r:.80} in {where}", "a row with the keys that to_json writes")
    record = dict(row)
    try:
        for name in getattr(kind, "derived", ()):
            record.pop(name)
        headed = {item.name: item.metadata.get("headline") for item in fields(kind)}
        shared = {name: record.pop(name) for kept in headed.values() if kept for name in kept}
        for name, optional in _estimates(kind).items():
            low, high = (record.pop(end) for end in _ends(name, headed[name] is not None))
            known = {"mean": record[name], "low": low, "high": high, **shared}
            record[name] = None if optional and record[name] is None else known
    except KeyError as error:
        raise SchemaError(f"{where} without the key {error}", "the keys that to_json writes") from error
    return record


def _ends(name: str, headline: bool) -> tuple[str, str]:
    return ("low", "high") if headline else (f"{name}_low", f"{name}_high")


def _estimates(kind: type) -> dict[str, bool]:
    """The fields that hold an Estimate, and whether each may hold None."""
    hints = typing.get_type_hints(kind)
    choices = {item.name: typing.get_args(hints[item.name]) or (hints[item.name],) for item in fields(kind)}
    return {name: type(None) in kinds for name, kinds in choices.items() if Estimate in kinds}
