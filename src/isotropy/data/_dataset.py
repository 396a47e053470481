"""A table with types: what every verb takes, whether it comes from a file, a photograph or a formula."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from typing import Any, ClassVar

from jaxtyping import Int
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.data._door import Types, admitted
from isotropy.data._rows import Axis, Rows
from isotropy.errors import SchemaError
from isotropy.linalg import Segments
from isotropy.reps import Rep, Schema, Type


@dataclass(frozen=True, eq=False, init=False)
class Dataset(Rows):
    """Inputs ``x (n, p)`` and targets ``y (n, q)`` with their ``types`` and everything known about them.

    Types with points or pixels have values with more axes (``reps.read_values``); ``segments`` names the set of each
    point where sets differ in size.

    Tensors, arrays, DataFrames and lists of real numbers of any kind are kept as float64 tensors; ``cluster (n,)`` are
    the labels of the independent units, kept as numbers 0, 1, ... ``truth`` maps printed names of groups to the exact
    share b of the centred energy that breaks them (``truth_uncentred``: of the whole energy), ``energy`` is that
    centred energy per row; all three speak of the function without noise. ``windows`` holds the width with which the
    truth of a group without Haar probability was computed, ``expected`` the verdict that the truth calls for,
    ``imposed`` the symmetries that the preparation of the data forces, each with its reason. ``split`` maps names to
    row numbers, of the whole table: ``take`` leaves it out. ``groups`` are candidates worth asking about, ``noise`` the
    standard deviation of it, ``function`` the exact one; ``name``, ``title``, ``story``, ``source``, ``licence`` and
    ``settings`` say where the data are from.

    Raises ``ShapeError`` and ``SchemaError`` where sizes disagree, ``DtypeError`` for what are no real numbers,
    ``DomainError`` for NaN, naming the rows.

    >>> from isotropy.data import load
    >>> data = load("inertia", nu=0.3, n=100)
    >>> data.rows, data.x.shape[1], data.y.shape[1]
    (100, 20, 9)
    """

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

    def __init__(
        self,
        x: Any,
        y: Any,
        types: Types,
        cluster: Iterable[Any] | None = None,
        segments: Segments | Iterable[Any] | None = None,
        **known: Any,
    ) -> None:
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
        if not isinstance(self.x, Tensor) or not isinstance(self.y, Tensor):
            raise SchemaError(
                "rows of values of several types", "one tensor of inputs, one of targets", "audit takes them"
            )
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
        units = "independent rows" if self.cluster is None else f"in {self.units} independent units"
        lines = [f"{self.title or 'Data'} ({self.name})" if self.name else self.title or "Data"]
        lines += [self.story] if self.story else []
        lines.append(
            f"{self.rows} rows {units}; "
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
