"""A table with types: what every verb takes, whether it comes from a file, a photograph or a formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.data._rows import Rows
from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.reps import Schema

_LISTED = 5  # offending rows named in an error


@dataclass(frozen=True, eq=False)
class Dataset(Rows):
    """Inputs ``x (n, p)`` and targets ``y (n, q)`` in float64, with their types and everything known about them.

    ``cluster (n,)`` numbers the independent units. ``truth`` maps printed names of groups to the exact share b of the
    centred energy that breaks them (``truth_uncentred``: of the whole energy), ``energy`` is that centred energy per
    row; all three speak of the function without noise. ``windows`` holds the width with which the truth of a group
    without Haar probability was computed, ``expected`` the verdict that the truth calls for, ``imposed`` the
    symmetries that the preparation of the data forces, each with its reason. ``split`` maps names to row numbers, of
    the whole table: ``take`` leaves it out.

    Raises ``ShapeError`` where sizes disagree, ``DtypeError`` for anything but float64, ``DomainError`` for NaN.

    >>> from isotropy.data import load
    >>> data = load("inertia", nu=0.3, n=100)
    >>> data.rows, data.x.shape[1], data.y.shape[1]
    (100, 20, 9)
    """

    x: Float[Tensor, "n p"]
    y: Float[Tensor, "n q"]
    types: Schema
    cluster: Int[Tensor, " n"] | None = None
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

    def __post_init__(self) -> None:
        check_rows(self.x, self.y, self.cluster)

    def _taken(self, rows: Tensor) -> Dataset:
        return replace(super()._taken(rows), split=None)

    @property
    def rows(self) -> int:
        """How many rows there are.

        >>> from isotropy.data import load
        >>> load("inertia", n=64).rows
        64
        """
        return self.x.shape[0]

    @property
    def units(self) -> int:
        """How many independent units there are: clusters, or rows where none are declared.

        >>> from isotropy.data import load
        >>> load("inertia", n=64).units
        64
        """
        return self.rows if self.cluster is None else int(torch.unique(self.cluster).numel())

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
            f"{self.x.shape[1]} inputs {self.types.x}, {self.y.shape[1]} targets {self.types.y}"
        )
        if self.groups:
            lines.append("candidates: " + ", ".join(self.groups))
        if self.truth:
            lines.append("true breaking: " + ", ".join(f"{name} {b:.4g}" for name, b in self.truth.items()))
        lines += [f"{name}: {reason}" for name, reason in self.imposed.items()]
        lines += [f"{word}: {text}" for word, text in (("source", self.source), ("licence", self.licence)) if text]
        return "\n".join(lines)


def check_rows(x: Tensor, y: Tensor, cluster: Tensor | None) -> None:
    """Refuses tables whose sizes, dtypes or values cannot be meant; nothing is dropped or filled in."""
    for name, table in (("x", x), ("y", y)):
        if table.ndim != 2:
            raise ShapeError(
                f"{name} of shape {tuple(table.shape)}", "a table (rows, columns)", f"reshape {name} to two axes"
            )
        if table.dtype != torch.float64:
            raise DtypeError(f"{name} of {table.dtype}", "torch.float64", f"convert with {name}.double()")
        if 0 in table.shape:
            raise ShapeError(f"{name} of shape {tuple(table.shape)}", "at least one row and one column")
        bad = (~torch.isfinite(table)).any(1).nonzero()[:, 0]
        if len(bad):
            listed = ", ".join(str(int(row)) for row in bad[:_LISTED]) + (", ..." if len(bad) > _LISTED else "")
            raise DomainError(
                f"NaN or infinite values in {len(bad)} rows of {name} (rows {listed}, counted from 0)",
                "finite numbers",
                "remove or repair these rows before loading; nothing is dropped silently",
            )
    if x.shape[0] != y.shape[0]:
        raise ShapeError(f"{x.shape[0]} rows of x and {y.shape[0]} of y", "one y for each x")
    if cluster is not None:
        if cluster.dtype != torch.int64:
            raise DtypeError(f"cluster of {cluster.dtype}", "torch.int64")
        if cluster.shape != x.shape[:1]:
            raise ShapeError(f"cluster of shape {tuple(cluster.shape)}", f"({x.shape[0]},), one label for each row")
