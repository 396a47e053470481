"""Graphs to be told apart: EXP, all small connected graphs, strongly regular ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from isotropy.data._archive import open_archive
from isotropy.data._mirror import File, locate
from isotropy.data._rows import Rows
from isotropy.errors import SchemaError, optional_import
from isotropy.storage import no_file

_FOLDER = "03-frame-averaging"
EXP = File(
    f"{_FOLDER}/exp_graphs.npz",
    "594053c08702ada9699630478aee28ffbcbcbc92e3cedd80e0fb0ff276567465",
    "GRAPHSAT.pkl of github.com/omri1348/Frame-Averaging at commit 9de18e1 (Abboud et al., IJCAI 2021), as arrays n, "
    "m, edges, x, y",
)
GRAPH8C = File(
    f"{_FOLDER}/graph8c.g6",
    "0002354f1ab3344a2706626a037ad15367bf23a2163aa68f552c3a169ca9a036",
    "the list of connected graphs with 8 vertices of B. D. McKay's combinatorial data",
)
SR25 = File(
    f"{_FOLDER}/sr251256.g6",
    "41ef0b9c60ce73960fa44768949498de18d85a83d2d0e2d6eae23e451d5634e7",
    "the list of strongly regular graphs with parameters (25, 12, 5, 6) of E. Spence",
)


@dataclass(frozen=True, eq=False)
class GraphSet(Rows):
    """B undirected graphs, padded: ``A (B, n, n)`` of 0 and 1, ``sizes (B,)``, vertex features ``X (B, n, c)`` and
    labels ``y (B,)`` where there are some.

    Smaller sets have the padding that they need.

    >>> pair = GraphSet(torch.zeros(2, 3, 3), torch.tensor([3, 2]))
    >>> len(pair), pair[1:].A.shape
    (2, torch.Size([1, 2, 2]))
    """

    A: Float[Tensor, "B n n"]
    sizes: Int[Tensor, " B"]
    X: Shaped[Tensor, "B n c"] | None = None
    y: Shaped[Tensor, " B"] | None = None

    def __post_init__(self) -> None:
        self._refuse_lengths({"rows": (len(self.A), "graph")})

    def _taken(self, rows: Tensor) -> GraphSet:
        chosen = super()._taken(rows)
        width = int(chosen.sizes.max()) if len(chosen) else 0
        X = None if chosen.X is None else chosen.X[:, :width]
        return GraphSet(chosen.A[:, :width, :width], chosen.sizes, X, chosen.y)


def load_exp(path: Path | str | None = None, *, dtype: torch.dtype = torch.float64) -> GraphSet:
    """The 1200 graphs of EXP: graphs 2k and 2k + 1 are different and no 1-WL test parts them; y says which is which.

    ``X (1200, 64, 1)`` is the label of each vertex, 0 or 1. From ``path``, or found by ISOTROPY_DATA and known by its
    checksum. Raises DataNotFoundError; SchemaError for another content. Source: Abboud et al., IJCAI 2021.
    """
    where = Path(path) if path is not None else locate(EXP, of="EXP")
    with open_archive(where) as arrays:
        missing = {"n", "m", "edges", "x", "y"} - set(arrays.files)
        if missing:
            raise SchemaError(f"{where.name} without {sorted(missing)}", "the arrays n, m, edges, x, y")
        sizes, counts, edges, labels, y = (
            torch.from_numpy(arrays[name].astype(np.int64)) for name in ("n", "m", "edges", "x", "y")
        )
    A = torch.zeros(len(sizes), int(sizes.max()), int(sizes.max()), dtype=dtype)
    graph = torch.repeat_interleave(counts)
    A[graph, edges[:, 0], edges[:, 1]] = 1
    A[graph, edges[:, 1], edges[:, 0]] = 1
    vertex = torch.arange(A.shape[1]) < sizes[:, None]
    X = torch.zeros(*A.shape[:2], 1, dtype=dtype)
    X[vertex] = labels[:, None].to(dtype)
    return GraphSet(A, sizes, X, y)


def load_graph8c(*, dtype: torch.dtype = torch.float64) -> GraphSet:
    """All 11117 connected graphs with 8 vertices, no two isomorphic; errors as ``load_exp`` and ``read_graph6``."""
    return read_graph6(locate(GRAPH8C, of="graph8c"), dtype=dtype)


def load_sr25(*, corrected: bool = True, dtype: torch.dtype = torch.float64) -> GraphSet:
    """The 15 strongly regular graphs (25, 12, 5, 6), which no 3-WL test parts; errors as ``load_graph8c``.

    The file that circulates has a slip in its 8th and 9th line, three pairs of vertices each, after which those graphs
    are not even regular; ``corrected=False`` gives them as they stand there.
    """
    text = locate(SR25, of="SR25").read_bytes()
    return _graphs(text.replace(b"X}r^SQbcd", b"X}r^SQbkL") if corrected else text, "SR25", dtype)


def read_graph6(path: Path | str, *, dtype: torch.dtype = torch.float64) -> GraphSet:
    """The graphs of a file in the format graph6, one in each line.

    Raises SchemaError for lines that are not, MissingExtraError without the extra [graph]. Source: B. D. McKay,
    formats.txt of nauty.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".g6") as file:
    ...     _ = file.write("Bw\\nC~\\n"), file.flush()  # the complete graphs on 3 and on 4 vertices
    ...     read_graph6(file.name).A.sum((1, 2)).tolist()
    [6.0, 12.0]
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    return _graphs(path.read_bytes(), path.name, dtype)


def _graphs(text: bytes, name: str, dtype: torch.dtype) -> GraphSet:
    networkx = optional_import("networkx", "graph")
    lines = [line for line in text.splitlines() if line.strip()]
    matrices: list[Tensor] = []
    for number, line in enumerate(lines, 1):
        try:
            graph = networkx.from_graph6_bytes(line.strip())
        except (networkx.NetworkXException, ValueError, IndexError) as wrong:
            raise SchemaError(f"line {number} of {name}", "a graph in graph6", str(wrong)) from wrong
        matrices.append(torch.from_numpy(networkx.to_numpy_array(graph)).to(dtype))
    sizes = torch.tensor([len(matrix) for matrix in matrices], dtype=torch.int64)
    A = torch.zeros(len(matrices), *[max(sizes.tolist(), default=0)] * 2, dtype=dtype)
    for row, matrix in enumerate(matrices):
        A[row, : len(matrix), : len(matrix)] = matrix
    return GraphSet(A, sizes)
