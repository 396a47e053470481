"""A schema to begin with for an archive: its arrays by their names and shapes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isotropy.data._archive import open_archive
from isotropy.data._columns import looked_at
from isotropy.errors import SchemaError, counted

_TARGETS = {"y", "target", "targets", "label", "labels", "energy", "energies", "e", "force", "forces", "output", "f"}


def draft_arrays(path: Path, command: str) -> str:
    """A commented schema of an .npz: arrays (n, 3) are Vectors, (n, bodies, 3) Vectors of interchangeable bodies.

    Raises SchemaError where fewer than two arrays have one row for each of the most rows.
    """
    with open_archive(path) as archive:
        arrays = {name: np.asarray(archive[name]) for name in archive.files}
    counts = Counter(len(array) for array in arrays.values() if array.ndim)
    rows = counts.most_common(1)[0][0] if counts else 0
    known = {name: array for name, array in arrays.items() if array.ndim and len(array) == rows}
    left = {name: f"shape {array.shape}" for name, array in arrays.items() if name not in known}
    labels = [name for name, array in known.items() if name == "cluster" or _labels(name, array)]
    left |= {
        name: f"images or fields {known[name].shape}: for isotropy audit" for name in known if known[name].ndim > 3
    }
    left |= {name: "text" for name in known if known[name].dtype.kind not in "fiub" and name not in labels[:1]}
    values = {name: array for name, array in known.items() if name not in (*labels[:1], *left)}
    if len(values) < 2:
        given = f"{path.name} with arrays {', '.join(f'{name} {array.shape}' for name, array in arrays.items())}"
        raise SchemaError(given, "inputs and targets, one row for each row", "numpy.savez(path, x=..., y=...)")
    targets = [name for name in values if name.lower() in _TARGETS]
    targets = targets if 0 < len(targets) < len(values) else [list(values)[-1]]
    inputs = [name for name in values if name not in targets]
    sizes = [d for array in values.values() if (d := _space(array))]
    dims = {"space": sizes[0]} if sizes else {}
    bodies = {array.shape[1] for array in values.values() if _bodies(array)}
    dims |= {"nodes": bodies.pop()} if len(bodies) == 1 else {}
    nodes = dims.get("nodes", 0)
    lines = [
        f"# The arrays of {path.name} ({counted(rows, 'row')}), by their names and shapes. Correct what is wrong.",
        f"# Then: {command}",
        "# Point instead of Vector is a place, which shifts with the origin; Nodes* says that bodies have no order",
        "# (5*Vector are five vectors in a fixed one); (n, 3, 3) may be a Tensor(2).",
        "",
        f"x: {' + '.join(_type(name, values[name], nodes) for name in inputs)}",
        f"y: {' + '.join(_type(name, values[name], nodes) for name in targets)}",
        f"columns: {{x: [{', '.join(map(_quoted, inputs))}], y: [{', '.join(map(_quoted, targets))}]}}   # arrays",
    ]
    lines += [f"dims: {{{', '.join(f'{key}: {size}' for key, size in dims.items())}}}"] if dims else []
    lines += [f"cluster: {_quoted(labels[0])}"] if labels else []
    return "\n".join([*lines, *(f"# left out: {name} ({why})" for name, why in left.items())]) + "\n"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _labels(name: str, array: NDArray[np.generic]) -> bool:
    return array.ndim == 1 and looked_at(name, array).kind == "cluster"


def _space(array: NDArray[np.generic]) -> int:
    return array.shape[-1] if array.ndim in (2, 3) and array.shape[-1] in (2, 3) else 0


def _bodies(array: NDArray[np.generic]) -> bool:
    return array.ndim == 3 and bool(_space(array))


def _type(name: str, array: NDArray[np.generic], nodes: int) -> str:
    if _bodies(array):
        atom = "Nodes*Vector" if nodes else f"{array.shape[1]}*Vector"
        return f'({atom})("{name}")' if nodes else f'{atom}("{name}")'
    if array.ndim == 2 and _space(array):
        return f'Vector("{name}")'
    if nodes and array.shape[1:] == (nodes,):
        return f'Nodes("{name}")'
    width = int(np.prod(array.shape[1:]))
    return f'Scalar("{name}")' if width == 1 else f'{width}*Scalar("{name}")'
