"""Clouds whose points belong to parts, read from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from isotropy.data._archive import open_archive
from isotropy.data._dataset import admitted
from isotropy.data._files import x_of_file
from isotropy.errors import SchemaError
from isotropy.linalg import Segments
from isotropy.reps import Schema


@dataclass(frozen=True, eq=False)
class PartedClouds:
    """Clouds ``x`` (clouds, n, 3), or flat with ``segments``, the ``part`` of each point and the ``names`` of parts.

    ``types`` are those of the schema, ``y`` the targets of the file as they stand there, where it has any.
    """

    x: Tensor
    part: Int[Tensor, ...]
    names: tuple[str, ...]
    types: Schema
    segments: Segments | None = None
    y: Tensor | None = None


def read_parts(
    path: str | Path, parts: str, *, schema: str | Path | Schema | Mapping[str, Any] | None = None
) -> PartedClouds:
    """Clouds of an .npz, typed by their schema, and the part of each of their points.

    ``parts`` is the array of the same file that holds them, whole numbers or names, or the path of a partition.npz that
    ``isotropy discover --parts`` wrote. Raises SchemaError for other files and arrays, and what ``load_file`` raises.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "clouds.npz"
    >>> np.savez(file, x=np.zeros((2, 3, 3)), part=np.array(["arm", "arm", "leg"]))
    >>> read_parts(file, "part", schema={"x": "Cloud(Point)", "y": "Cloud(Vector)"}).names
    ('arm', 'leg')
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise SchemaError(f"{path.name} for --piecewise", "an .npz of clouds and the part of each point")
    x, types, _, segments = x_of_file(path, schema)
    values, _, _, sets = admitted(types, x, segments=segments)
    if not isinstance(values, Tensor) or values.shape[-1] != 3 or values.ndim != (3 if sets is None else 2):
        raise SchemaError(f"x of type {types.x}", "one cloud of points in space for each row", "x: Cloud(Point)")
    with open_archive(path) as archive:
        targets = np.asarray(archive["y"]) if "y" in archive.files else None
    found = Path(parts) if parts.endswith(".npz") else path
    with open_archive(found) as archive:
        name = "label" if found is not path else parts
        if name not in archive.files:
            raise SchemaError(f"no array {name!r} in {found.name}", f"one of {', '.join(archive.files)}")
        given = np.asarray(archive[name])
    if given.dtype.kind not in "iuUb":
        raise SchemaError(f"parts of {given.dtype}", "whole numbers or names")
    names, place = np.unique(given, return_inverse=True)
    called = tuple(str(one) if given.dtype.kind == "U" else f"part {one}" for one in names.tolist())
    label = torch.from_numpy(place.reshape(given.shape)).long()
    y = torch.from_numpy(targets) if targets is not None and targets.dtype.kind in "iuf" else None
    return PartedClouds(values, label, called, types, sets, y)
