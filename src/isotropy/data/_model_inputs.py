"""What a model is asked on: inputs from a table, a folder of pictures, structures or graphs, without targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from isotropy.data._files import x_of_file
from isotropy.data._graph_lists import is_graph_file, read_graphs
from isotropy.data._graphs import read_graph6
from isotropy.data._kinds import SUFFIXES, read_schema
from isotropy.data._pictures import Pictures, pictures_as_set
from isotropy.data._registry import list_datasets, load
from isotropy.data._structures import STRUCTURES, cloud_values, read_structures
from isotropy.errors import SchemaError
from isotropy.fields import from_text
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.reps import Cloud, Field, Pairs, Point, Scalar, Schema

_MOST = 2_000  # pictures: an audit looks at no more
_NUMBERS = 2**27  # in all of them, half a gigabyte: an audit holds moved copies beside them


@dataclass(frozen=True, eq=False)
class ModelInputs:
    """Values ``x`` and their ``types``, ``{"x": ..., "y": ...}``; without "y" it is not known what the model gives.

    ``segments`` names the set of each point of flat clouds, ``cluster`` the independent unit of each row, ``name`` the
    file; ``given`` counts the rows that there were, ``notes`` say what was left out, and ``classes`` are the names of
    those that the data have.
    """

    x: Any
    types: Schema | Mapping[str, Any]
    segments: Any = None
    cluster: Any = None
    name: str = ""
    given: int = 0
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _OfStructures:
    """How structures are read: ``flat`` also where all have as many atoms."""

    flat: bool = False


@dataclass(frozen=True)
class _Plain:
    """No settings."""


def read_inputs(
    name_or_path: str | Path, *, schema: str | Path | Schema | Mapping[str, Any] | None = None, seed: int = 0,
    **settings: object,
) -> ModelInputs:  # fmt: skip
    """The inputs of a model, for ``audit``: whatever ``load`` knows, whose targets may be missing, and further

    - a folder of pictures (settings of ``read_pictures``; at most 2000 of them, drawn with ``seed``),
    - structures of atoms (.xyz, .extxyz, .cif, .pdb, .traj): clouds of positions, or of what the schema's x names,
    - lists of graphs of torch_geometric (.json, or .npz as ``save_graphs`` writes it), and .g6.

    Raises SchemaError for what cannot be read or does not fit its schema, and what the readers raise.

    >>> inputs = read_inputs("inertia", n=60)
    >>> inputs.x.shape, inputs.given
    (torch.Size([60, 20]), 60)
    """
    path = Path(name_or_path)
    kind = path.suffix.lower()
    if str(name_or_path) in {entry.name for entry in list_datasets()}:
        given: Any = schema
        data = load(str(name_or_path), schema=given, **settings)
        return ModelInputs(data.x, data.types, data.segments, data.cluster, data.name, data.rows)
    known = read_schema(schema) if isinstance(schema, str | Path) else schema
    asked = _asked(known)
    if path.is_dir():
        return picture_inputs(pictures_as_set(path, {"most": _MOST, **settings}, seed=seed), asked)
    if kind in STRUCTURES:
        flat = from_text(_OfStructures, settings, of=path.name).flat
        return _structures(path, asked, flat=flat)
    if kind == ".g6" or is_graph_file(path):
        from_text(_Plain, settings, of=path.name)
        return _graph6(path, asked) if kind == ".g6" else _graphs(path, asked)
    if settings or not str(name_or_path).lower().endswith(SUFFIXES):
        load(name_or_path, schema=known, **settings)  # raises: says what there is, or that files have no settings
    x, types, cluster, segments = x_of_file(path, known)
    return ModelInputs(x, types, segments, cluster, path.name, len(cluster) if cluster is not None else 0)


def picture_inputs(
    pictures: Pictures, types: Mapping[str, Any] | None = None, *, most: int = _MOST, seed: int = 0
) -> ModelInputs:
    """Some pictures as numbers between 0 and 1, in single precision: what networks for images are fed with."""
    most = min(most, max(_NUMBERS // pictures.x[0].numel(), 1))
    rows = torch.randperm(len(pictures), generator=spawn(seed, "pictures"))[:most].sort().values
    few = pictures if len(pictures) <= most else pictures.take(rows)
    x = {"x": Field(few.x.shape[1] * Scalar), **(types or {})}
    given = few.given or len(pictures)
    return ModelInputs(few.floats(), x, name=few.name, given=given, notes=few.notes, classes=few.classes)


def _asked(schema: Schema | Mapping[str, Any] | None) -> dict[str, Any]:
    """The types of a schema, as far as it names them."""
    if isinstance(schema, Schema):
        return {"x": schema.x, "y": schema.y, **({"dims": schema.dims} if schema.dims else {})}
    return dict(schema or {})


def _structures(path: Path, types: Mapping[str, Any], *, flat: bool) -> ModelInputs:
    frames = read_structures(path)
    types = {"x": Cloud(Point), **types}
    sizes = torch.tensor([len(one) for one in frames])
    dense = not flat and len(sizes.unique()) == 1
    values = cloud_values(types["x"], frames, path.name, dense=dense)
    segments = None if dense else Segments.from_sizes(sizes)
    return ModelInputs(values, types, segments, name=path.name, given=len(frames))


def _graphs(path: Path, types: Mapping[str, Any]) -> ModelInputs:
    if not types:
        hint = "for instance  x: {pos: Cloud(Point)}  and  y: Scalar"
        raise SchemaError(f"{path.name}, graphs without a schema", "the types of what moves, and of outputs", hint)
    graphs = read_graphs(path)
    return ModelInputs(graphs, types, name=path.name, given=int(graphs.num_graphs))


def _graph6(path: Path, types: Mapping[str, Any]) -> ModelInputs:
    graphs = read_graph6(path)
    if len(graphs.sizes.unique()) > 1:
        least, most = int(graphs.sizes.min()), int(graphs.sizes.max())
        given = f"graphs of {least} to {most} vertices in {path.name}"
        raise SchemaError(given, "as many vertices in each: a group of permutations has one degree")
    return ModelInputs(graphs.A, {"x": Pairs(), **types}, name=path.name, given=len(graphs))


def with_types(inputs: ModelInputs, types: Schema | Mapping[str, Any] | None) -> ModelInputs:
    """The same with other types, or with some of them."""
    if types is None:
        return inputs
    told = {} if isinstance(inputs.types, Schema) else dict(inputs.types)
    return replace(inputs, types=types if isinstance(types, Schema) else {**told, **types})
