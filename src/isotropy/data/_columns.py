"""What the columns of a table may be, told by names and values: components of vectors, labels, orders, constants."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isotropy.data._dates import is_date, is_slashed, reads
from isotropy.errors import counted

Kind = Literal["number", "cluster", "time", "constant", "identifier", "text", "empty"]

_UNIT = re.compile(r"^(?P<bare>.*\S)\s*[\[(](?P<unit>[^\])]*\D[^\])]*|)[\])]$")
_AXIS = re.compile(r"^(?P<before>.*?)(?P<axis>[xyz])(?P<after>[_\-. ]?\d+|[_\-. ][A-Za-z]\w*|)$", re.IGNORECASE)
_PAIR = re.compile(r"^(?P<before>.*?)(?P<axis>[xyz]{2})(?P<after>[_\-. ]?\d+|)$", re.IGNORECASE)
_DIGITS = re.compile(r"^(?P<before>.*?)[_\-. \[]*(?P<axis>\d+)\]?(?P<after>)$")
_APART = re.compile(r"[_\-. ][xyz]", re.IGNORECASE)
_LABEL = re.compile(
    r"(^|[_\W])(id|ids|run|trajectory|traj|sample|subject|patient|molecule|group|cluster|batch|pedestrian|episode)s?$",
    re.IGNORECASE,
)
_TIME = {"t", "time", "date", "datetime", "timestamp", "when"}
_COUNTED = {"", "index", "row", "rows", "line", "no", "nr", "number", "#", "unnamed: 0"}
_PLACES = {"": "position", "v": "velocity", "f": "force", "a": "acceleration"}
_FEWEST = 8  # of labels: independent units that a test needs
_NINE = [a + b for a in "xyz" for b in "xyz"]


@dataclass(frozen=True)
class Column:
    """One column: what it seems to be, why, and how many values it has."""

    name: str
    kind: Kind
    rows: int
    distinct: int
    reason: str = ""


@dataclass(frozen=True)
class Group:
    """Columns of one quantity, ``type`` being its text; ``doubt`` is what a reader should look at."""

    stem: str
    type: str
    columns: tuple[str, ...]
    dimension: int = 0  # of space, for a vector or tensor
    doubt: str = ""


def looked_at(name: str, values: NDArray[Any]) -> Column:
    """What a column seems to be.

    >>> looked_at("g", np.full(20, 9.81)).reason, looked_at("row", np.arange(20)).kind
    ('the same in every row', 'identifier')
    """
    rows, texts = len(values), values.dtype.kind not in "fiub"
    known = np.array([str(value) for value in values]) if texts else values
    distinct = len(np.unique(known))
    repeated = _FEWEST <= distinct <= rows // 2
    if distinct <= 1:
        return Column(name, "constant", rows, distinct, "the same in every row")
    if texts:
        if all(is_date(value) for value in known):
            return Column(name, "time", rows, distinct, "dates")
        if all(is_slashed(value) for value in known):
            return Column(name, "text", rows, distinct, "dates, day or month first? write 2024-05-01")
        if "" in known and all(not value or reads(float, value) for value in known):
            return Column(name, "empty", rows, distinct, f"{counted(int((known == '').sum()), 'empty cell')}")
        if repeated:
            return Column(name, "cluster", rows, distinct, "text")
        return Column(name, "text", rows, distinct, f"text, {counted(distinct, 'value')}")
    bare = _bare(name)[0]
    whole = bool(np.isfinite(values.astype(float)).all()) and bool((values == np.round(values.astype(float))).all())
    numbering = bare.lower() in _COUNTED or bool(_LABEL.search(bare))  # a place on a grid counts up, too
    if numbering and whole and distinct == rows and bool((np.diff(values.astype(float)) == 1).all()):
        return Column(name, "identifier", rows, distinct, "numbers the rows")
    if whole and repeated and _LABEL.search(bare):
        return Column(name, "cluster", rows, distinct, "labels")
    if bare.lower() in _TIME and bool((np.diff(values.astype(float)) > 0).all()):
        return Column(name, "time", rows, distinct, "grows from row to row")
    return Column(name, "number", rows, distinct)


def _bare(name: str) -> tuple[str, str]:
    """A name without its unit, and the unit: ``r [m]`` is r in m."""
    found = _UNIT.match(name)
    return (found["bare"], found["unit"]) if found else (name, "")


def grouped(names: Sequence[str], *, vectors: bool = True) -> list[Group]:
    """Columns that belong together by their names, in the order of their first ones; the others one by one.

    >>> [(group.type, group.columns) for group in grouped(["vx [m/s]", "vy [m/s]", "vz [m/s]", "m1", "m2"])]
    [('Vector("velocity [m/s]")', ('vx [m/s]', 'vy [m/s]', 'vz [m/s]')), ('Scalar("m")', ('m1', 'm2'))]
    """
    left = list(names)
    found: list[Group] = []
    for pattern, kind in ((_PAIR, "tensor"), (_AXIS, "vector"), (_DIGITS, "numbered")):
        if not vectors and kind != "numbered":
            continue
        for (before, after, unit), members in _alike(left, pattern).items():
            group = _made(before, after, unit, members, kind, vectors=vectors)
            if group is not None:
                found.append(group)
                left = [name for name in left if name not in group.columns]
    found += [Group(_bare(name)[0], f'Scalar("{quotable(name)}")', (name,)) for name in left]
    return _merged(sorted(found, key=lambda group: names.index(group.columns[0])))


def _alike(names: Sequence[str], pattern: re.Pattern[str]) -> Mapping[tuple[str, str, str], dict[str, str]]:
    """Names that differ in one place only, by what stands there."""
    alike: dict[tuple[str, str, str], dict[str, str]] = {}
    for name in names:
        bare, unit = _bare(name)
        found = pattern.match(bare)
        if found:
            key = (found["before"].rstrip("_-. ["), found["after"].lstrip("_-. "), unit)
            alike.setdefault(key, {}).setdefault(found["axis"].lower(), name)
    return alike


def _made(before: str, after: str, unit: str, members: Mapping[str, str], kind: str, *, vectors: bool) -> Group | None:
    stem = before or ("" if after.isdigit() else after)
    name = _PLACES.get(stem.lower(), stem) if kind != "numbered" else stem
    told = quotable(f"{name} [{unit}]" if unit else name)
    if kind == "tensor":
        if set(_NINE) <= set(members):
            return Group(stem, f'Tensor(2)("{told}")', tuple(members[pair] for pair in _NINE), 3)
        return None
    if kind == "vector":
        axes = "xyz" if set("xyz") <= set(members) else "xy" if set(members) == set("xy") else ""
        # x and y alone are as often an input and its target.
        # And words that end in x and y, such as max and may, are no pair.
        apart = len(before) <= 1 or bool(_APART.search(_bare(members.get("x", ""))[0]))
        if not axes or (axes == "xy" and (not apart or not (stem or after))):
            return None
        return Group(stem, f'Vector("{told}")', tuple(members[axis] for axis in axes), len(axes))
    numbers = sorted(map(int, members))
    if (
        len(numbers) < 2
        or not stem
        or numbers[0] not in (0, 1)
        or numbers != list(range(numbers[0], numbers[0] + len(numbers)))
    ):
        return None
    columns = tuple(members[key] for key in sorted(members, key=int))
    if len(numbers) == 3 and vectors and len(stem) > 1:
        doubt = "or Scalar, if these three are no components along axes"
        return Group(stem, f'Vector("{told}")', columns, 3, doubt)
    return Group(stem, f'Scalar("{told}")', columns)


def _merged(groups: Sequence[Group]) -> list[Group]:
    """Several quantities under one text, as of x1 y1 z1 and x2 y2 z2, are copies of one."""
    merged: dict[str, Group] = {}
    for group in groups:
        old = merged.get(group.type)
        columns = (old.columns if old else ()) + group.columns
        merged[group.type] = Group(group.stem, group.type, columns, group.dimension, group.doubt)
    return list(merged.values())


def quotable(text: str) -> str:
    """A name as it may stand in a quoted text."""
    return text.replace("\\", "/").replace('"', "'")
