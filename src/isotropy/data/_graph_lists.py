"""Lists of graphs of torch_geometric in files that hold numbers only: the arrays of a batch (.npz), or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isotropy.data._archive import archive_path, open_archive, plain, write_archive
from isotropy.errors import SchemaError, counted, optional_import
from isotropy.storage import no_file

_LONGEST = 2**28  # bytes of JSON, which takes some thirty times as much memory when it is read
_HEAD = 2**20  # bytes in which the first graph names its edges
_EXAMPLE = '[{"pos": [[0, 0, 0], [0, 0, 1]], "edge_index": [[0, 1], [1, 0]]}, ...]'


def is_graph_file(path: Path) -> bool:
    """Whether a file holds a list of graphs: .json that speaks of edges, or an .npz with edge_index and batch."""
    if not path.is_file():
        return False
    if path.suffix.lower() == ".json":
        with path.open("rb") as file:
            return b'"edge_index"' in file.read(_HEAD)
    if path.suffix.lower() != ".npz":
        return False
    with open_archive(path) as archive:
        return {"edge_index", "batch"} <= set(archive.files)


def save_graphs(path: str | Path, graphs: Any) -> Path:
    """Writes graphs of torch_geometric (a list of Data, or a Batch) as an .npz of plain arrays, without a pickle.

    The arrays are those of the Batch: ``edge_index (2, E)`` with nodes counted through all graphs, ``batch (N,)``,
    which says the graph of each node, and the other tensors by their names. Raises SchemaError for another suffix and
    for attributes that are no tensors.
    """
    path = archive_path(path)
    if not hasattr(graphs, "num_graphs") and not len(graphs):
        raise SchemaError("no graphs", "one or more")
    batch = graphs if hasattr(graphs, "num_graphs") else _batch().from_data_list(list(graphs))
    arrays: dict[str, Tensor] = {}
    for name, value in batch.to_dict().items():
        if name == "ptr":
            continue
        if name != "edge_index" and ("index" in name or name == "face"):
            given = f"the attribute {name!r}, which counts nodes"
            raise SchemaError(given, "attributes with a row for each node, edge or graph", f"leave {name!r} out")
        if not isinstance(value, Tensor):
            raise SchemaError(f"the attribute {name!r}, a {type(value).__name__}", "tensors", f"leave {name!r} out")
        arrays[name] = value
    return write_archive(path, arrays)


def read_graphs(path: str | Path) -> Any:
    """The Batch of torch_geometric that ``save_graphs`` wrote, or of a JSON list of graphs, each an object of lists.

    Raises SchemaError for what is neither, naming the graph, MissingExtraError without torch_geometric.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    parts = _of_json(path) if path.suffix.lower() == ".json" else _of_arrays(path)
    from torch_geometric.data import Data

    return _batch().from_data_list([Data(**part) for part in parts])


def _batch() -> Any:
    return optional_import("torch_geometric.data", "graph").Batch


def _of_arrays(path: Path) -> list[dict[str, Tensor]]:
    _batch()
    with open_archive(path) as archive:
        arrays = {name: plain(np.asarray(archive[name])) for name in archive.files}
    wrong = [name for name, array in arrays.items() if array.dtype.kind not in "fiub" or not array.ndim]
    if wrong or not {"edge_index", "batch"} <= set(arrays):
        given = f"{path.name} with {', '.join(f'{name} {array.dtype} {array.shape}' for name, array in arrays.items())}"
        raise SchemaError(
            given, "arrays of numbers, edge_index and batch among them", "isotropy.data.save_graphs writes it"
        )
    edges, graph = arrays.pop("edge_index"), arrays.pop("batch")
    arrays.pop("ptr", None)
    count, nodes = int(graph.max()) + 1 if graph.size else 0, graph.size
    whole = edges.dtype.kind in "iu" and graph.dtype.kind in "iu" and graph.ndim == 1
    shaped = edges.ndim == 2 and len(edges) == 2 and whole and count and bool((np.diff(graph) >= 0).all())
    if not shaped or (edges.size and not 0 <= edges.min() <= edges.max() < nodes) or graph.min() < 0:
        given = f"edge_index {edges.shape} and batch {graph.shape} of {path.name}"
        raise SchemaError(given, "edges (2, E) between nodes, and for each node its graph, in order")
    owner = graph[edges[1]]
    if edges.size and bool((graph[edges[0]] != owner).any()):
        raise SchemaError(f"{path.name}, in which an edge joins two graphs", "edges within one graph each")
    # Where the rows of each graph begin, once for all graphs; edges may stand in any order.
    order, numbered = np.argsort(owner, kind="stable"), np.arange(count + 1)
    begins = {"nodes": np.searchsorted(graph, numbered), "edges": np.searchsorted(owner[order], numbered),
              "graphs": numbered}  # fmt: skip
    edges = edges[:, order].astype(np.int64) - begins["nodes"][owner[order]]
    kinds = {name: _kind(name, array, nodes, len(owner), count, path.name) for name, array in arrays.items()}
    arrays = {name: array[order] if kinds[name] == "edges" else array for name, array in arrays.items()}
    found: list[dict[str, Tensor]] = []
    for i in range(count):
        rows = {kind: slice(begin[i], begin[i + 1]) for kind, begin in begins.items()}
        part = {name: torch.from_numpy(array[rows[kinds[name]]]) for name, array in arrays.items()}
        found.append({"edge_index": torch.from_numpy(edges[:, rows["edges"]]), **part})
    return found


def _kind(name: str, array: NDArray[Any], nodes: int, edges: int, graphs: int, where: str) -> str:
    """What the rows of an array are of: edges (named so), else nodes, or graphs, or edges."""
    rows = len(array) if array.ndim else 0
    sizes = {"nodes": nodes, "graphs": graphs, "edges": edges}
    if name.startswith("edge") and rows == edges:
        return "edges"
    found = next((kind for kind, size in sizes.items() if rows == size), None)
    if found is None:
        expected = f"{counted(nodes, 'row')} (nodes), {edges} (edges, edge_...) or {graphs} (graphs)"
        raise SchemaError(f"the array {name!r} {array.shape} of {where}", expected)
    return found


def _of_json(path: Path) -> list[dict[str, Tensor]]:
    _batch()
    if path.stat().st_size > _LONGEST:
        raise SchemaError(f"{path.name} of more than {_LONGEST >> 20} MB", "less", "isotropy.data.save_graphs: .npz")
    try:
        listed = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"{path.name}: {str(error)[:100]}", f"JSON, {_EXAMPLE}") from error
    if not isinstance(listed, list) or not listed or not all(_is_graph(one) for one in listed):
        hint = "a table of rows is no list of graphs: isotropy.discover(table, types=...) takes what pandas reads"
        raise SchemaError(f"{path.name}, which is no list of graphs", f"JSON, {_EXAMPLE}", hint)
    parts = [_tensors(one, number, path.name) for number, one in enumerate(listed)]
    held = {tuple(sorted((k, v.shape[1:]) for k, v in one.items() if k != "edge_index")) for one in parts}
    if len(held) > 1:
        raise SchemaError(f"{path.name}, whose graphs hold different arrays", "the same names and widths in each graph")
    return parts


_OF_NODES = ("x", "pos", "z", "numbers")  # of torch_geometric and of molecules: a number for each node


def _is_graph(value: object) -> bool:
    return isinstance(value, dict) and "edge_index" in value


def _tensors(graph: Mapping[str, Any], number: int, where: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, value in graph.items():
        listed: Sequence[Any] = value if isinstance(value, list) else [value]
        try:
            array = np.array(listed)
        except ValueError:
            array = np.array([None])
        if array.dtype.kind not in "fiub":
            raise SchemaError(f"{name!r} of graph {number} in {where}", "numbers, in lists of equal length")
        found[name] = torch.from_numpy(array)
    edges = found["edge_index"].reshape(2, 0).long() if not found["edge_index"].numel() else found["edge_index"]
    nodes = max(
        (len(v) for k, v in found.items() if not k.startswith("edge") and (v.ndim > 1 or k in _OF_NODES)), default=0
    )
    if edges.ndim != 2 or len(edges) != 2 or edges.is_floating_point():
        raise SchemaError(f"edge_index {tuple(edges.shape)} of graph {number} in {where}", "two lists of node numbers")
    if edges.numel() and (int(edges.min()) < 0 or (nodes and int(edges.max()) >= nodes)):
        raise SchemaError(f"an edge to node {int(edges.max())} of {nodes} in graph {number} of {where}", "nodes there")
    return {**found, "edge_index": edges}
