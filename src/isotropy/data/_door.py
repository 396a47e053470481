"""The one door: whatever comes as rows and clusters is checked here, by one set of rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DtypeError, SchemaError, ShapeError
from isotropy.linalg import Segments
from isotropy.reps import Schema
from isotropy.reps import Values as Values

Types = Schema | Mapping[str, Any]
"""A schema, or the dictionary that spells it out: ``dict(x=3 * Vector, y="Scalar")``."""

_LEAST_UNITS = 8  # intervals and tests are over independent units; of fewer no spread can be told


def admitted(
    types: Schema,
    x: Any,
    y: Any = None,
    cluster: Iterable[Any] | None = None,
    segments: Segments | Iterable[Any] | None = None,
) -> tuple[Any, Any, Int[Tensor, " n"] | None, Segments | None]:
    """Rows as the types want them, and clusters as numbers 0, 1, ...; what cannot be meant is refused.

    ``segments`` names the set of each point of flat Clouds, by Segments or by labels, one for each point.

    Raises what ``Schema.tables`` raises, ShapeError for another number of labels than rows, SchemaError for missing
    labels, DtypeError for labels that are neither numbers nor text.
    """
    if segments is not None and not isinstance(segments, Segments):
        points = numbered(segments, None)
        segments = Segments(points, int(points.max()) + 1)
    read = types.tables(x, y, segments)
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
        raise ShapeError(f"{len(labels)} labels of clusters", f"{rows}, one for each row")
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
    if units < _LEAST_UNITS:
        hint = "declare finer clusters, or give more data"
        raise ShapeError(f"{units} independent units", f"at least {_LEAST_UNITS}", hint)
