"""The frame of sorted Laplacian eigenvectors: permutations that sort the vertices by a spectral key."""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, one_of
from isotropy.frames.graphs._coloured import check_graphs
from isotropy.frames.graphs._forms import CanonicalForms, store
from isotropy.frames.graphs._frame import GraphFrame, uniform, widened
from isotropy.groups import DiscreteMeasure
from isotropy.linalg import eigh
from isotropy.random import spawn


class DirectedGraphError(DomainError, NotImplementedError):
    """A directed graph where only symmetric weights have a meaning."""


@dataclass(frozen=True, eq=False)
class LaplacianFrame(GraphFrame):
    """Permutations that sort the rows of S_ij = sqrt((P_j)_ii), P_j the projectors on the eigenspaces of L = D - A.

    Called with ``A (B, n, n)``, symmetric and not negative, or ``(A, X)`` with features ``X (B, n, c)`` that sort
    before the key, and ``sizes (B,)`` where graphs are padded. Vertices with equal rows are tied. ``exact="nauty"``
    breaks ties by canonical labelling (our own search without the extra [graph]): one atom, exact for invariant
    outputs. ``"key"`` is the frame of the paper, all orders of tied vertices: all of them where they are at most
    ``num_samples``, else that many draws, from ``generator`` if given, or from ``seed``, the same for all rows and
    calls; rows that were drawn are ``degenerate`` and the measure is then not ``exact``.

    Eigenvalues closer than ``tol`` times the largest are one, and so are sorted key entries without a gap of
    ``key_tol`` between them: nothing is rounded to decimals. ``n`` is needed only for ``group``; labels are kept in
    ``forms``, if given. Raises DirectedGraphError, ShapeError, DtypeError,
    DomainError (NaN, negative weights). Source: Puny et al., ICLR 2022, section 3.2; specification 03 §2.5.

    >>> A = torch.tensor([[[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])
    >>> frame = LaplacianFrame(num_samples=2, exact="key")
    >>> frame.size(A), frame(A).exact
    ([2], True)
    """

    num_samples: int = 1
    exact: Literal["nauty", "key"] = "nauty"
    n: int | None = None
    seed: int = 0
    generator: torch.Generator | None = None
    tol: float = 1e-9
    key_tol: float = 1e-8
    forms: CanonicalForms | None = None

    def __post_init__(self) -> None:
        one_of("exact", self.exact, ("nauty", "key"))
        if self.num_samples < 1:
            raise DomainError(f"num_samples={self.num_samples}", "at least 1")

    @property
    def outputs(self) -> Literal["invariant", "equivariant"]:
        """For which outputs the measure is enough: one atom for each graph is for invariant ones."""
        return "invariant" if self.exact == "nauty" else "equivariant"

    def _measure(self, A: Tensor, X: Tensor | None, sizes: Tensor | None) -> DiscreteMeasure:
        ties = self.ties(A, X, sizes)
        if self.exact == "nauty":
            found = store(self.forms, "auto", 0.0).of(A, ties[..., None], sizes)
            return uniform([widened(one.order[None], A.shape[-1]) for one in found], A, exact=True)
        return self._sorting(ties, A)

    def ties(self, A: Tensor, X: Tensor | None = None, sizes: Tensor | None = None) -> Int[Tensor, "B n"]:
        """The rank of each vertex by features and key, equal for tied vertices; padding ranks last, each for itself."""
        check_graphs(A, X, sizes)
        _check_laplacian(A)
        rank = torch.arange(A.shape[-1], device=A.device).repeat(len(A), 1)
        counts = torch.full((len(A),), A.shape[-1], device=A.device) if sizes is None else sizes.to(A.device)
        for size in counts.unique().tolist():
            rows = (counts == size).nonzero()[:, 0]
            columns = _gap_ranks(spectral_key(A[rows, :size, :size], self.tol), self.key_tol)
            if X is not None:
                columns = torch.cat([_gap_ranks(X[rows, :size].double(), 0.0), columns], -1)
            rank[rows, :size] = _lexicographic(columns)
        return rank

    def size(self, A: Tensor, X: Tensor | None = None, sizes: Tensor | None = None) -> list[int]:
        """How many permutations sort the key of each graph, exactly: the product of m! over ties of m vertices.

        Python's integers and ``math.log10`` take any size; EXP has graphs with 10^27.
        """
        return [_orders(ranks) for ranks in self.ties(A, X, sizes)]

    def _sorting(self, ties: Int[Tensor, "B n"], A: Tensor) -> DiscreteMeasure:
        few = [_orders(ranks) <= self.num_samples for ranks in ties]
        generator = self.generator or spawn(self.seed, "laplacian frame")
        batch, n = ties.shape
        if self.generator is None:
            # All graphs take the same draws, whatever the batch that they are in, and however it is padded.
            draw = torch.rand(1, n, self.num_samples, generator=generator, dtype=torch.float64).mT.expand(batch, -1, -1)
        else:
            draw = torch.rand(batch, self.num_samples, n, generator=generator, dtype=torch.float64)
        shuffled = draw.argsort(-1)
        ranks = ties.cpu()[:, None].expand_as(shuffled).gather(-1, shuffled)
        drawn = shuffled.gather(-1, ranks.argsort(dim=-1, stable=True))
        atoms = [_all_orders(ties[row].cpu()) if few[row] else drawn[row] for row in range(len(ties))]
        return uniform(atoms, A, exact=all(few), degenerate=~torch.tensor(few, dtype=torch.bool))


def spectral_key(A: Float[Tensor, "B n n"], tol: float = 1e-9) -> Float[Tensor, "B n n"]:
    """S_ij = sqrt((P_j)_ii) in float64, eigenvalues of L ascending; 0 in the columns past the last eigenspace.

    >>> spectral_key(torch.ones(1, 4, 4) - torch.eye(4))[0, 0].square()
    tensor([0.2500, 0.7500, 0.0000, 0.0000], dtype=torch.float64)
    """
    A = A.detach().to(torch.float64)
    found = eigh(A - torch.diag_embed(A.sum(-1)), tol=tol)  # -L, whose descending order is L's ascending one
    index = found.cluster[:, None, :].expand_as(found.vectors)
    return torch.zeros_like(found.vectors).scatter_add(-1, index, found.vectors.square()).sqrt()


def _check_laplacian(A: Tensor) -> None:
    uneven = (A.mT != A).flatten(1).any(1).nonzero().flatten()
    if len(uneven):
        raise DirectedGraphError(
            f"a directed graph in row {int(uneven[0])}",
            "A equal to its transpose",
            "CanonicalGraphFrame takes directed graphs; for rounding errors pass (A + A.mT) / 2",
        )
    negative = (A < 0).flatten(1).any(1).nonzero().flatten()
    if len(negative):
        raise DomainError(f"negative weights in row {int(negative[0])}", "none", "CanonicalGraphFrame takes them")


def _gap_ranks(values: Tensor, tol: float) -> Int[Tensor, "B n k"]:
    """Ranks down each column, where sorted neighbours at most ``tol`` apart share one."""
    ordered, order = values.sort(1)
    rank = torch.zeros_like(order)
    rank[:, 1:] = (ordered[:, 1:] - ordered[:, :-1] > tol).cumsum(1)
    return torch.empty_like(order).scatter(1, order, rank)


def _lexicographic(columns: Int[Tensor, "B n k"]) -> Int[Tensor, "B n"]:
    """The rank of each row, compared from the first column on."""
    rank = torch.zeros_like(columns[..., :1])
    for column in columns.split(1, -1):
        rank = _gap_ranks(rank * columns.shape[1] + column, 0)
    return rank[..., 0]


def _orders(ranks: Int[Tensor, " n"]) -> int:
    return math.prod(math.factorial(m) for m in ranks.bincount().tolist())


def _all_orders(ranks: Int[Tensor, " n"]) -> Int[Tensor, "F n"]:
    """Every permutation that sorts the ranks."""
    ties = [(ranks == rank).nonzero()[:, 0].tolist() for rank in ranks.unique().tolist()]
    return torch.tensor([sum(parts, ()) for parts in itertools.product(*map(itertools.permutations, ties))])
