"""Classes of whole graphs: the seven benchmark sets of TUDataset, and folders in its text format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from isotropy.data._mirror import DataNotFoundError, File, locate
from isotropy.data._rows import Rows, along
from isotropy.errors import SchemaError, ShapeError, counted, nearest
from isotropy.linalg import Segments

TU = File(
    "10-subgraph-permutation/tu7.npz",
    "6993aacc4936b5724d334b9888ba9d2c9fa0af5e447cada9d60cdd766edb7495",
    "github.com/LiuBeauty/GIN_COMETRUE at 8fb89b4 (data of github.com/weihua916/powerful-gnns) and, for MUTAG and "
    "NCI109, github.com/SuperVillian/GBGC at bc6a710; TUDataset (Morris et al., 2020)",
)
TU_NAMES = ("MUTAG", "PTC", "PROTEINS", "NCI1", "NCI109", "IMDBBINARY", "IMDBMULTI")
_FOLDS = 10


@dataclass(frozen=True, eq=False)
class Graphs(Rows):
    """Graphs of several sizes with their classes, ragged: ``segments`` deals the N nodes to G graphs.

    ``x (N, c)`` are node labels, one-hot, or attributes; ``edge_index (2, E)`` counts nodes through all graphs, both
    directions listed; ``edge_attr (E, f)``; ``y (G)`` classes 0, 1, ...; ``fold (G)`` the test fold of each graph, -1
    where it is in none. Taking some graphs numbers their nodes anew. Raises ShapeError for parts that do not fit.

    Parameters: those fields, in this order: ``x``, ``edge_index``, ``y``, ``segments``, ``edge_attr``, ``fold``.

    >>> pair = Graphs(torch.ones(3, 1), torch.tensor([[0, 1, 2], [1, 0, 2]]), torch.tensor([0, 1]),
    ...               Segments.from_sizes(torch.tensor([2, 1])))
    >>> len(pair), pair[1:].edge_index.tolist()
    (2, [[0], [0]])
    """

    x: Float[Tensor, "N c"] = along("parts")
    edge_index: Int[Tensor, "2 E"] = along("joins")
    y: Int[Tensor, " G"] = along("rows")
    segments: Segments = along("all")
    edge_attr: Float[Tensor, "E f"] | None = along("edges", None)
    fold: Int[Tensor, " G"] | None = None

    def __post_init__(self) -> None:
        nodes, edges = len(self.segments.label), self.edge_index.shape[1]
        self._refuse_lengths(
            {"parts": (nodes, "node"), "edges": (edges, "edge"), "rows": (self.segments.count, "graph")}
        )
        if not self.segments.joins(self.edge_index):
            raise ShapeError(f"edges {tuple(self.edge_index.shape)}", "(2, E) between nodes of one graph each")

    @property
    def batch(self) -> Int[Tensor, " N"]:
        """The graph of each node."""
        return self.segments.label

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.y.max()) + 1 if len(self.y) else 0

    def test_of(self, fold: int) -> Int[Tensor, " test"]:
        """The graphs of a test fold; raises SchemaError where there are none."""
        rows = torch.empty(0, dtype=torch.int64) if self.fold is None else (self.fold == fold).nonzero()[:, 0]
        if not len(rows):
            raise SchemaError(f"fold {fold}", "a fold of the set, from 0")
        return rows

    def train_of(self, fold: int) -> Int[Tensor, " train"]:
        """The graphs that a test fold leaves, those of no fold too."""
        self.test_of(fold)
        assert self.fold is not None
        return (self.fold != fold).nonzero()[:, 0]


def load_tu(name: str, *, seed: int = 0) -> Graphs:
    """One of MUTAG, PTC, PROTEINS, NCI1, NCI109, IMDBBINARY, IMDBMULTI, with ten test folds.

    Folds are those that others printed results of; MUTAG and NCI109 have none of these, theirs are stratified and
    drawn with ``seed``. Graphs stand in the order of the source. Raises SchemaError for other names,
    DataNotFoundError where the file is not found (ISOTROPY_DATA). Source: Morris et al., 2020; Xu et al., ICLR 2019.
    """
    known = {"IMDB-B": "IMDBBINARY", "IMDB-M": "IMDBMULTI", "IMDB-BINARY": "IMDBBINARY", "IMDB-MULTI": "IMDBMULTI"}
    key = known.get(name.upper(), name.upper())
    if key not in TU_NAMES:
        raise SchemaError(f"the set {name!r}", f"one of {', '.join(TU_NAMES)}", nearest(key, TU_NAMES))
    with np.load(locate(TU, of=key)) as arrays:

        def part(field: str) -> NDArray[np.int64]:
            return arrays[f"{key}/{field}"].astype(np.int64)

        nodes, edges, ends, label, y = map(part, ("node_ptr", "edge_ptr", "edge_index", "node_label", "y"))
        fold = part("fold") if f"{key}/fold" in arrays.files else stratified(y, seed)
    sizes = torch.from_numpy(np.diff(nodes))
    of_edge = np.repeat(np.arange(len(y)), np.diff(edges))
    return Graphs(
        torch.nn.functional.one_hot(torch.from_numpy(label)).to(torch.float32),
        torch.from_numpy(ends + nodes[of_edge]),
        torch.from_numpy(y),
        Segments.from_sizes(sizes),
        fold=torch.from_numpy(fold),
    )


def stratified(y: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Ten folds, as good as equal in their classes."""
    from sklearn.model_selection import StratifiedKFold

    fold = np.empty(len(y), np.int64)
    split = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed).split(np.zeros(len(y)), y)
    for number, (_, test) in enumerate(split):
        fold[test] = number
    return fold


def is_tu_folder(path: Path) -> bool:
    """Whether a folder holds a set in the text format of TUDataset, ``NAME_A.txt`` among its files."""
    return path.is_dir() and len(list(path.glob("*_A.txt"))) == 1


def read_tu(path: Path | str, *, seed: int = 0) -> Graphs:
    """The graphs of a folder in the text format of TUDataset.

    ``NAME_A.txt`` (an edge in each line, nodes counted from 1), ``NAME_graph_indicator.txt`` (the graph of each node),
    ``NAME_graph_labels.txt``; of nodes and edges labels, which become one-hot, and attributes, where there are files.
    Folds are stratified and drawn with ``seed``, where each class has ten graphs. Raises SchemaError naming the file
    and line of what is wrong, DataNotFoundError where a file is missing.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> files = {"A": "1, 2\\n2, 1", "graph_indicator": "1\\n1\\n2", "graph_labels": "-1\\n1"}
    >>> _ = [(folder / f"TOY_{name}.txt").write_text(text) for name, text in files.items()]
    >>> toy = read_tu(folder)
    >>> toy.y.tolist(), toy.edge_index.tolist(), toy.segments.sizes.tolist()
    ([0, 1], [[0, 1], [1, 0]], [2, 1])
    """
    folder = Path(path)
    found = sorted(folder.glob("*_A.txt"))
    if len(found) != 1:
        raise DataNotFoundError(
            f"{folder} with {counted(len(found), 'file')} *_A.txt", "one set of graphs: NAME_A.txt and so on"
        )
    stem = found[0].name.removesuffix("_A.txt")
    edges = _table(found[0], np.int64, columns=2) - 1
    graph = _table(folder / f"{stem}_graph_indicator.txt", np.int64, columns=1)[:, 0]
    y = _table(folder / f"{stem}_graph_labels.txt", np.int64, columns=1)[:, 0]
    n = len(graph)
    if len(graph) and ((np.diff(graph) < 0).any() or graph[0] < 1 or graph[-1] > len(y)):
        given = f"{stem}_graph_indicator.txt, from {graph.min()} to {graph.max()}"
        raise SchemaError(given, f"graphs 1 to {len(y)}, one after another")
    wrong = np.flatnonzero(((edges < 0) | (edges >= n)).any(1))
    if len(wrong):
        raise SchemaError(
            f"line {wrong[0] + 1} of {found[0].name}: {(edges[wrong[0]] + 1).tolist()}", f"nodes 1 to {n}"
        )
    labels = _columns(folder, stem, "node", n)
    y = np.unique(y, return_inverse=True)[1].astype(np.int64)
    fold = torch.from_numpy(stratified(y, seed)) if len(y) and np.bincount(y).min() >= _FOLDS else None
    return Graphs(
        torch.ones(n, 1) if labels is None else labels,
        torch.from_numpy(edges.T.copy()),
        torch.from_numpy(y),
        Segments(torch.from_numpy(graph - 1), len(y)),
        _columns(folder, stem, "edge", len(edges)),
        fold,
    )


def _columns(folder: Path, stem: str, of: str, rows: int) -> Float[Tensor, "rows c"] | None:
    """Labels, one-hot, and attributes of nodes or edges."""
    parts: list[Tensor] = []
    for kind in ("labels", "attributes"):
        path = folder / f"{stem}_{of}_{kind}.txt"
        if not path.exists():
            continue
        table = _table(path, np.float64)
        if len(table) != rows:
            raise SchemaError(f"{counted(len(table), 'line')} of {path.name}", f"{rows}, one for each {of}")
        if kind == "attributes":
            parts.append(torch.from_numpy(table).to(torch.float32))
            continue
        for column in table.T:
            place = np.unique(column, return_inverse=True)[1]
            parts.append(torch.nn.functional.one_hot(torch.from_numpy(place)).to(torch.float32))
    return torch.cat(parts, 1) if parts else None


def _table(path: Path, dtype: type, columns: int | None = None) -> NDArray[Any]:
    if not path.exists():
        raise DataNotFoundError(f"no file {path}", "a folder with NAME_A, NAME_graph_indicator and NAME_graph_labels")
    rows: list[list[float]] = []
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = [float(word) for word in line.split(",")]
        except ValueError as error:
            raise SchemaError(f"line {number} of {path.name}: {line[:40]!r}", "numbers parted by commas") from error
        whole = dtype is not np.int64 or all(value.is_integer() and abs(value) < 2**53 for value in row)
        if len(row) != (columns or len(rows[0] if rows else row)) or not whole or not np.isfinite(row).all():
            raise SchemaError(f"line {number} of {path.name}: {line[:40]!r}", f"{columns or 'equally many'} numbers")
        rows.append(row)
    return np.array(rows, dtype).reshape(len(rows), -1 if rows else columns or 0)
