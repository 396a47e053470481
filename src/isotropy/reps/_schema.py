"""What the columns of a table mean: the types of inputs and targets, read from Python or YAML and checked on data."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, ValidationError, field_validator, model_validator
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import SchemaError, ShapeError, counted
from isotropy.groups import Group
from isotropy.linalg import Segments
from isotropy.reps._layout import dimension, sizes, unknown_spaces
from isotropy.reps._naming import named_columns
from isotropy.reps._reading import LEAST_ROWS, Values, enough_rows, read_values, warn_if_standardised
from isotropy.reps._rep import Rep
from isotropy.reps._types import Type, parse_type, written_type
from isotropy.reps._yaml import read_yaml, text_of

_KEYS = ("x", "y", "dims", "cluster", "names", "columns", "separator", "decimal", "dynamics")
_ROLES = ("position", "velocity", "time")
_LONGEST = 1_000_000  # bytes of a file; a schema is read by people
_MOVING = 'Vector("position") + Vector("velocity")'
_DYNAMICS = "{position: position, velocity: velocity, time: time}"
_TRACKED = "cluster: track"
_EXAMPLE = 'for instance  x: 5*Scalar("mass") + 5*Vector("position")  and  y: Tensor(2)("inertia")'


class Schema(BaseModel):
    """The types of the inputs ``x`` and targets ``y``, and what else a table needs to be read.

    A type is a Rep, whose values are columns, a Cloud, Pairs or Field, or a tuple or dictionary of these, as objects or
    as text.
    ``dims`` pins dimensions of spaces (``{"space": 3}``); ``cluster`` names the array or column of the independent
    unit; ``columns`` lists the table's columns of x and y (or the arrays of an .npz) in their order, and may also be
    said with the types, ``x={"position": ["a", "b", "c"], "Scalar": ["m"]}``; ``names`` labels the columns in reports.
    ``separator`` and ``decimal`` say how a .csv is written where it is not by commas and points.
    ``dynamics={"position": ..., "velocity": ..., "time": ...}`` says that rows are moments of motions, one a cluster:
    the names of two types of x, of which y is the acceleration, and the array or column of the time.

    Raises SchemaError for an unknown key, a type that cannot be read, and widths that contradict ``columns``.

    >>> schema = Schema.of({"x": '5*Scalar("mass") + 5*Vector("position")', "y": "Tensor(2)", "dims": {"space": 3}})
    >>> schema.widths(), Schema.from_yaml(schema.to_yaml()) == schema
    ((20, 9), True)
    >>> print(Schema(x="Cloud(Point)", y="Vector").to_yaml(), end="")
    x: Cloud(Point)
    y: Vector
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    x: Any
    y: Any
    dims: dict[StrictStr, StrictInt] | None = None
    cluster: StrictStr | None = None
    names: dict[StrictStr, tuple[StrictStr, ...]] | None = None
    columns: dict[StrictStr, tuple[StrictStr, ...]] | None = None
    separator: StrictStr | None = None
    decimal: StrictStr | None = None
    dynamics: dict[StrictStr, StrictStr] | None = None

    def __init__(self, **values: Any) -> None:
        unknown = [key for key in values if key not in _KEYS]
        if unknown:
            near = difflib.get_close_matches(str(unknown[0]), _KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else 'write x: 5*Scalar("mass") and so on'
            raise SchemaError(f"the key {unknown[0]!r} in a schema", f"one of {', '.join(_KEYS)}", hint)
        for key in ("x", "y"):
            if key not in values:
                raise SchemaError(f"a schema without {key!r}", "types of x and of y", f"add {key}: Scalar")
        try:
            super().__init__(**named_columns(values))
        except ValidationError as error:
            raise _plain(error) from None

    @classmethod
    def of(cls, types: Schema | Mapping[Any, Any]) -> Schema:
        """A schema from a dictionary of types (text or Rep); a Schema is returned as it is."""
        if isinstance(types, Schema):
            return types
        if not isinstance(types, Mapping) or not all(isinstance(key, str) for key in types):
            raise SchemaError(f"types as {type(types).__name__}", "a dict such as dict(x=3*Vector, y=Scalar)")
        return cls(**types)

    @classmethod
    def from_yaml(cls, source: str | Path) -> Schema:
        """A schema from YAML text, or from a file where a Path is given.

        Raises SchemaError for a file that is missing, unreadable or oversized, for tags, anchors, aliases, repeated
        keys and deep nesting (before anything is built from them), and for whatever Schema refuses.
        """
        text = text_of(source, _LONGEST, _EXAMPLE) if isinstance(source, Path) else source
        if len(text) > _LONGEST:
            raise SchemaError(f"a schema of more than {_LONGEST} characters", "a few lines", _EXAMPLE)
        try:
            found = read_yaml(text)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            lines = " ".join(str(error).split())[:300] + "; quote names that contain [ ] : ,"
            raise SchemaError("a schema that is not YAML", "lines such as x: 5*Vector", lines) from None
        if not isinstance(found, dict):
            raise SchemaError(f"a schema of {type(found).__name__}", "lines such as x: 5*Vector")
        return cls.of(found)

    def to_yaml(self) -> str:
        """The schema as YAML text, which ``from_yaml`` reads back to an equal schema."""
        plain: dict[str, Any] = {"x": _spelt(self.x), "y": _spelt(self.y)}
        for key in ("dims", "cluster", "separator", "decimal"):
            if getattr(self, key) is not None:
                plain[key] = getattr(self, key)
        if self.dynamics is not None:
            plain["dynamics"] = dict(self.dynamics)
        for key in ("names", "columns"):
            if getattr(self, key) is not None:
                plain[key] = {side: list(columns) for side, columns in getattr(self, key).items()}
        return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=10_000)

    @field_validator("x", "y", mode="before")
    @classmethod
    def _read(cls, value: object) -> Type:
        if value is None:
            raise SchemaError("a type that is empty", "a type", "None in quotes, for values that no group moves")
        return parse_type(value)

    @field_validator("names", "columns", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, Mapping):
            return {key: tuple(part) if isinstance(part, list) else part for key, part in value.items()}
        return value

    @model_validator(mode="after")
    def _agree(self) -> Schema:
        for space, size in (self.dims or {}).items():
            if size < 1:
                raise SchemaError(f"dims {{{space}: {size}}}", "positive whole numbers")
        for field in ("names", "columns"):
            lists: dict[str, tuple[str, ...]] = getattr(self, field) or {}
            for side in lists:
                if side not in ("x", "y"):
                    raise SchemaError(f"the key {side!r} in {field}", "x and y")
        if self.columns is not None:
            listed = [name for side in ("x", "y") for name in self.columns.get(side, ())]
            twice = sorted({name for name in listed if listed.count(name) > 1})
            if twice:
                raise SchemaError(f"the column {twice[0]!r} twice", "each column once")
        for key in ("separator", "decimal"):
            if (text := getattr(self, key)) is not None and len(text) != 1:
                raise SchemaError(f"{key}: {text!r}", "one character", 'separator: ";" or decimal: ","')
        self._motions_fit()
        for field in ("names", "columns"):
            lists = getattr(self, field) or {}
            for side, found in lists.items():
                if not isinstance(getattr(self, side), Rep):
                    kind = f"{field} for {side} of type {written_type(getattr(self, side))}"
                    raise SchemaError(kind, "a type of table columns, such as 5*Vector", f"leave {field} out")
                if field == "names":
                    self._fitted(side, len(found), dict(self.dims or {}), field)
        return self

    def _motions_fit(self) -> None:
        """Raises SchemaError for ``dynamics`` that name what is not there."""
        if self.dynamics is None:
            return
        if set(self.dynamics) != set(_ROLES):
            given = f"dynamics with {', '.join(self.dynamics) or 'nothing'}"
            raise SchemaError(given, "position, velocity and time", f"dynamics: {_DYNAMICS}")
        if not self.tabular:
            given = f"dynamics of types {written_type(self.x)} -> {written_type(self.y)}"
            raise SchemaError(given, "types of table columns", f"x: {_MOVING}")
        names = [part.name for part in self.x.parts()]
        for role in _ROLES[:2]:
            if names.count(self.dynamics[role]) != 1:
                given = f"{role}: {self.dynamics[role]!r} in dynamics, and x: {self.x}"
                raise SchemaError(given, "the name of one type of x", f"x: {_MOVING}")
        if self.dynamics["position"] == self.dynamics["velocity"]:
            raise SchemaError(f"{self.dynamics['position']!r} as position and velocity", "two types of x")
        if self.cluster is None and self.columns is not None:
            raise SchemaError("dynamics without a cluster", "the column that names the track of each row", _TRACKED)

    def __hash__(self) -> int:
        return hash(self.to_yaml())

    @property
    def tabular(self) -> bool:
        """Whether inputs and targets are tables, a Rep each."""
        return isinstance(self.x, Rep) and isinstance(self.y, Rep)

    def listed(self, side: str, of: str) -> tuple[str, ...]:
        """The columns of x or y in a table; raises SchemaError where there are none, or not as many as the type has."""
        found = (self.columns or {}).get(side, ())
        if not found:
            named = {"x": "{position: [a, b, c], mass: [m]}", "y": "{energy: [e]}"}[side]
            raise SchemaError(f"no columns of {side} for {of}", "their names", f"{side}: {named} in the schema")
        self._fitted(side, len(found), dict(self.dims or {}), "columns")
        return found

    # Sizes.
    def widths(self, group: Group | None = None) -> tuple[int, int]:
        """Numbers of columns of x and y; dimensions that ``dims`` leaves open are the group's.

        Raises ShapeError where neither knows a dimension, or where they disagree.
        """
        known = sizes(self.x + self.y, group, self.dims)
        return dimension(self.x, known), dimension(self.y, known)

    def known_dims(self, x_width: int, y_width: int | None = None) -> dict[str, int]:
        """The dimensions of all spaces: the declared ones, and those that the numbers of columns determine.

        Raises SchemaError for widths that the types cannot have.
        """
        return self._known({"x": x_width} if y_width is None else {"x": x_width, "y": y_width})

    def _known(self, widths: Mapping[str, int]) -> dict[str, int]:
        known = dict(self.dims or {})
        for side in (*widths, *widths):  # what one side determines may settle the other
            known = self._fitted(side, widths[side], known, "columns")
        return known

    def _fitted(self, side: str, width: int, known: dict[str, int], what: str) -> dict[str, int]:
        """``known`` and what the width of one side adds to it."""
        rep: Rep = getattr(self, side)
        try:
            found = sizes(rep, None, known, width)
        except ShapeError as error:
            raise SchemaError(f"{width} {what} of {side}", error.expected, "correct the type, or the columns") from None
        if not unknown_spaces(rep, found) and dimension(rep, found) != width:
            raise SchemaError(
                f"{width} {what} of {side}", f"{dimension(rep, found)} for {rep}", "correct the type, or the columns"
            )
        return found

    def tables(self, x: Any, y: Any = None, segments: Segments | None = None) -> tuple[Any, ...]:
        """The data as float64 tensors, refused unless they are what the schema says.

        Reps read tables ``(n, p)`` and ``(n, q)``; ``read_values`` says which shapes other types have.

        Integers and booleans count as numbers; a single axis is one column. Raises DtypeError for complex numbers, text
        and objects; DomainError for NaN and infinity, naming the rows; ShapeError for another number of axes and for
        rows that do not match; SchemaError for widths.
        """
        given = {"x": x} if y is None else {"x": x, "y": y}
        read = {side: read_values(getattr(self, side), values, side, segments) for side, values in given.items()}
        if segments is None:
            counts = {side: _rows(numbers, side) for side, numbers in read.items()}
            if len(set(counts.values())) > 1:
                raise ShapeError(f"{counted(counts['x'], 'row')} of x and {counts['y']} of y", "one y for each x")
        widths = {side: numbers.shape[1] for side, numbers in read.items() if isinstance(getattr(self, side), Rep)}
        try:
            self._known(widths)
        except SchemaError as error:
            for side, values in given.items():
                if side in widths and np.ndim(values) == 1 and error.given.endswith(f"columns of {side}"):
                    hint = f"{side}[:, None] is one column"
                    raise ShapeError(f"{side} of shape ({len(read[side])},)", "(rows, columns)", hint) from None
            raise
        return tuple(read.values())

    def check(
        self, x: Values, y: Values, group: Group | None = None, *, min_rows: int = LEAST_ROWS
    ) -> tuple[Tensor, Tensor]:
        """What ``tables`` reads, enough of it, and fit for the group.

        Raises also SchemaError for fewer than ``min_rows`` rows and for a group that moves no column, ShapeError for a
        group of another dimension. Warns where vectors were standardised axis by axis.
        """
        if not self.tabular:
            given = f"types {written_type(self.x)} -> {written_type(self.y)}"
            raise SchemaError(given, "types of table columns, such as 5*Vector", "isotropy.audit takes any type")
        left, right = self.tables(x, y)
        enough_rows(left, right, least=min_rows)
        known = self.known_dims(left.shape[1], right.shape[1])
        if group is not None:
            sizes(self.x + self.y, group, known)
            if self.x.is_trivial(group) and self.y.is_trivial(group):
                hint = "choose a group of the space that the types live on"
                raise SchemaError(f"the vacuous candidate {group}", "a group that moves some column", hint)
        for rep, numbers in ((self.x, left), (self.y, right)):
            warn_if_standardised(rep, numbers, known)
        return left, right


def _spelt(type_: Type) -> Any:
    """A type as YAML spells it: text, or lists and dictionaries of it."""
    if isinstance(type_, tuple):
        return [_spelt(part) for part in type_]
    if isinstance(type_, dict):
        return {name: _spelt(part) for name, part in type_.items()}
    return str(type_)


def _rows(numbers: Any, side: str) -> int:
    """The number of rows that all values of a side have; raises ShapeError where they differ."""
    counts = {len(part) for part in tree.tree_leaves(numbers)}
    if len(counts) > 1:
        raise ShapeError(f"values of {side} with {', '.join(map(str, sorted(counts)))} rows", "as many for each type")
    return counts.pop()


def _plain(error: ValidationError) -> SchemaError:
    """The first complaint of pydantic in three parts."""
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    where = ".".join(str(part) for part in first["loc"])
    if isinstance(cause, SchemaError):
        return cause
    given = f"{where}: {str(first['input'])[:100]!r}" if where else str(cause)
    return SchemaError(given, f"{first['msg']}", "see the schema of the documentation" if not where else "")
