"""A table with types: what every verb takes, whether it comes from a file, a photograph or a formula.

And the one door: whatever comes as rows and clusters is checked here, by one set of rules.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.data._by_name import by_name
from isotropy.data._rows import Axis, Rows
from isotropy.errors import DtypeError, SchemaError, ShapeError, counted
from isotropy.linalg import Segments
from isotropy.reps import Rep, Schema, Type

Types = Schema | Mapping[str, Any]
"""A schema, or the dictionary that spells it out: ``dict(x=3 * Vector, y="Scalar")``."""

LEAST_UNITS = 8  # intervals and tests are over independent units; of fewer no spread can be told


@dataclass(frozen=True, eq=False, init=False)
class Dataset(Rows):
    """Inputs ``x (n, p)`` and targets ``y (n, q)`` with their ``types`` and everything known about them.

    Types with points or pixels have values with more axes (``reps.read_values``); ``segments`` names the set of each
    point where sets differ in size.

    Tensors, arrays, DataFrames and lists of real numbers of any kind are kept as float64 tensors; of a table whose
    columns have names, the types may name those of x and y, ``{"x": {"position": ["a", "b", "c"]}, ...}``, and ``y`` is
    left out. ``cluster (n,)`` are the labels of the independent units, or the column that holds them, kept as numbers
    0, 1, ... ``truth`` maps printed names of groups to the exact
    share b of the centred energy that breaks them (``truth_uncentred``: of the whole energy), ``energy`` is that
    centred energy per row; all three speak of the function without noise. ``windows`` holds the width with which the
    truth of a group without Haar probability was computed, ``expected`` the verdict that the truth calls for,
    ``imposed`` the symmetries that the preparation of the data forces, each with its reason. ``split`` maps names to
    row numbers, of the whole table: ``take`` leaves it out. ``groups`` are candidates worth asking about, ``noise`` the
    standard deviation of it, ``function`` the exact one, ``time (n,)`` when each row was (``types.dynamics``);
    ``name``, ``title``, ``story``, ``source``, ``licence`` and ``settings`` say where the data are from.

    Raises ``ShapeError`` and ``SchemaError`` where sizes disagree, ``DtypeError`` for what are no real numbers,
    ``DomainError`` for NaN, naming the rows.

    >>> from isotropy.data import load
    >>> data = load("inertia", nu=0.3, n=100)
    >>> data.rows, data.x.shape[1], data.y.shape[1]
    (100, 20, 9)
    """

    _trees: ClassVar[tuple[str, ...]] = ("x", "y")

    x: Any
    y: Any
    types: Schema
    cluster: Int[Tensor, " n"] | None = None
    segments: Segments | None = None
    truth: Mapping[str, float] | None = None
    groups: tuple[str, ...] = ()
    split: Mapping[str, Int[Tensor, " m"]] | None = None
    source: str = ""
    noise: float | None = None
    name: str = ""
    title: str = ""
    story: str = ""
    licence: str = ""
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    truth_uncentred: Mapping[str, float] | None = None
    energy: float | None = None
    expected: Mapping[str, str] | None = None
    windows: Mapping[str, float] = field(default_factory=dict[str, float])
    imposed: Mapping[str, str] = field(default_factory=dict[str, str])
    function: Callable[[Tensor], Tensor] | None = None
    time: Float[Tensor, " n"] | None = None

    def __init__(
        self,
        x: Any,
        y: Any = None,
        types: Types | None = None,
        cluster: Iterable[Any] | str | None = None,
        segments: Segments | Iterable[Any] | None = None,
        **known: Any,
    ) -> None:
        x, y, types, cluster = by_name(x, y, types, cluster)
        if y is None or types is None:
            hint = "Dataset(x, y, dict(x=5 * Vector, y=Scalar)), or a table and types that name its columns"
            raise SchemaError("x alone", "x, y and types", hint)
        schema = Schema.of(types)
        admit = zip(("x", "y", "cluster", "segments"), admitted(schema, x, y, cluster, segments), strict=True)
        given = {**known, "types": schema, **dict(admit)}
        for item in fields(self):
            default = item.default if item.default_factory is MISSING else item.default_factory()
            object.__setattr__(self, item.name, given.pop(item.name, default))
        if given:
            raise TypeError(f"Dataset has no {', '.join(given)}")

    def _axis(self, each: Field[Any], value: Tensor) -> Axis:
        flat = self.segments is not None and each.name in ("x", "y") and len(value) != self.segments.count
        return "parts" if flat else "rows"

    def _taken(self, rows: Tensor) -> Dataset:
        return replace(super()._taken(rows), split=None)

    @property
    def rows(self) -> int:
        """How many rows there are.

        >>> from isotropy.data import load
        >>> load("inertia", n=64).rows
        64
        """
        return len(tree.tree_leaves(self.x)[0]) if self.segments is None else self.segments.count

    @property
    def units(self) -> int:
        """How many independent units there are: clusters, or rows where none are declared.

        >>> from isotropy.data import load
        >>> load("inertia", n=64).units
        64
        """
        return self.rows if self.cluster is None else int(self.cluster.max()) + 1

    def describe(self) -> str:
        """What these data are, in a few lines of plain text.

        >>> from isotropy.data import load
        >>> print(load("inertia", n=100).describe().splitlines()[0])
        Moment of inertia of five masses (inertia)
        """
        units = "independent rows" if self.cluster is None else f"in {counted(self.units, 'independent unit')}"
        lines = [f"{self.title or 'Data'} ({self.name})" if self.name else self.title or "Data"]
        lines += [self.story] if self.story else []
        lines.append(
            f"{counted(self.rows, 'row')} {units}; "
            f"{_width(self.types.x, self.x)}inputs {self.types.x}, {_width(self.types.y, self.y)}targets {self.types.y}"
        )
        if self.groups:
            lines.append("candidates: " + ", ".join(self.groups))
        if self.truth:
            lines.append("true breaking: " + ", ".join(f"{name} {b:.4g}" for name, b in self.truth.items()))
        lines += [f"{name}: {reason}" for name, reason in self.imposed.items()]
        lines += [f"{word}: {text}" for word, text in (("source", self.source), ("licence", self.licence)) if text]
        return "\n".join(lines)


def _width(type_: Type, values: Any) -> str:
    """The number of columns, where there are any."""
    return f"{values.shape[1]} " if isinstance(type_, Rep) else ""


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """A data set with a name: subclasses say where its rows are from, and have its settings as fields."""

    name: ClassVar[str]
    title: ClassVar[str]
    story: ClassVar[str]
    source: ClassVar[str]
    licence: ClassVar[str]
    groups: ClassVar[tuple[str, ...]]
    types: ClassVar[Schema]

    @abstractmethod
    def dataset(self) -> Dataset:
        """The rows, with everything that is known about them."""

    def made(self, x: Any, y: Any, **known: Any) -> Dataset:
        """A Dataset of these rows, with what the recipe says of them."""
        said = {key: getattr(self, key) for key in ("groups", "source", "name", "title", "story", "licence")}
        return Dataset(x, y, self.types, settings=asdict(self), **said, **known)


def motions(space: int, cluster: str = "track") -> Schema:
    """Rows that are moments of motions: from position and velocity to acceleration, one motion a ``cluster``."""
    return Schema(
        x='Vector("position") + Vector("velocity")',
        y='Vector("acceleration")',
        dims={"space": space},
        cluster=cluster,
        dynamics={"position": "position", "velocity": "velocity", "time": "time"},
    )


def admitted(
    types: Schema,
    x: Any,
    y: Any = None,
    cluster: Iterable[Any] | None = None,
    segments: Segments | Iterable[Any] | None = None,
) -> tuple[Any, Any, Int[Tensor, " n"] | None, Segments | None]:
    """Rows as the types want them, and clusters as numbers 0, 1, ...; what cannot be meant is refused.

    ``segments`` names the set of each point of flat Clouds, by Segments or by labels, one for each point.

    Raises what ``Schema.tables`` raises, ShapeError for another number of labels or of values than sets and points,
    SchemaError for missing labels, DtypeError for labels that are neither numbers nor text.
    """
    if segments is not None and not isinstance(segments, Segments):
        points = numbered(segments, None)
        segments = Segments(points, int(points.max()) + 1)
    read = types.tables(x, y, segments)
    if segments is not None:
        sets, points = segments.count, len(segments.label)
        for side, values in zip("xy", read, strict=False):
            for leaf in tree.tree_leaves(values):
                if len(leaf) not in (sets, points):
                    expected = f"{sets}, one for each set, or {points}, one for each point"
                    raise ShapeError(f"{counted(len(leaf), 'row')} of {side}", expected)
    like = tree.tree_leaves(read[0])[0]
    rows = len(like) if segments is None else segments.count
    unit = None if cluster is None else numbered(cluster, rows).to(like.device)
    return read[0], read[1] if y is not None else None, unit, segments


def numbered(cluster: Iterable[Any], rows: int | None) -> Int[Tensor, " n"]:
    """Labels of any plain kind, one for each row, as numbers 0, 1, ... without gaps.

    >>> numbered(["b", "a", "b"], 3).tolist()
    [1, 0, 1]
    """
    if isinstance(cluster, Tensor):
        cluster = cluster.detach().cpu().numpy()
    labels = np.asarray(cluster) if hasattr(cluster, "__array__") else _listed(list(cluster))
    labels = _listed(labels.tolist()) if labels.dtype.kind == "O" else labels
    if labels.ndim != 1:
        raise ShapeError(f"cluster of shape {labels.shape}", f"({rows},), one label for each row")
    if labels.dtype.kind not in "iubfUS":
        raise DtypeError(f"cluster of dtype {labels.dtype}", "numbers or text", "give labels as integers or strings")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise _missing(int((~np.isfinite(labels)).sum()))
    if rows is not None and len(labels) != rows:
        raise ShapeError(f"{counted(len(labels), 'label')} of clusters", f"{rows}, one for each row")
    return torch.from_numpy(np.unique(labels, return_inverse=True)[1].astype(np.int64).reshape(-1))


def _listed(labels: list[Any]) -> NDArray[Any]:
    """An array of labels; a missing one (None, NaN) would otherwise become the text "None" or "nan"."""
    missing = sum(label is None or (isinstance(label, float) and label != label) for label in labels)
    if missing:
        raise _missing(missing)
    kinds = {type(label) for label in labels}
    return np.asarray(labels) if len(kinds) <= 1 or str not in kinds else np.asarray(labels, dtype=object)


def _missing(count: int) -> SchemaError:
    return SchemaError(
        f"cluster with {count} missing labels (NaN)", "a label for each row", "give lone rows a label of their own"
    )


def enough_units(unit: Int[Tensor, " n"] | int) -> None:
    """Raises ShapeError for fewer independent units than an interval can be read from."""
    units = unit if isinstance(unit, int) else int(torch.unique(unit).numel())
    if units < LEAST_UNITS:
        hint = "declare finer clusters, or give more data"
        raise ShapeError(counted(units, "independent unit"), f"at least {LEAST_UNITS}", hint)
