"""Canonical forms of graphs, computed once and kept where the user says."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import scipy
import torch
from jaxtyping import Int
from torch import Tensor

from isotropy.errors import DomainError, MissingExtraError, one_of
from isotropy.frames.graphs._coloured import ColouredGraph, Colours, check_graphs
from isotropy.frames.graphs._labelling import join, label
from isotropy.frames.graphs._nauty import available, nauty_automorphisms, nauty_order

Engine = Literal["auto", "nauty", "python"]


class Labelling:
    """A canonical order of the vertices of one graph, and its automorphisms, each computed when first asked for.

    ``order (n,)``: the i-th vertex of the canonical form is vertex ``order[i]``; as an element of S(n) it takes the
    form to the graph. ``automorphisms (k, n)`` generate the group that keeps weights and features; ``orbits (n,)`` and
    ``orbitals (n, n)`` number the classes of vertices and of ordered pairs under it.

    >>> path = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    >>> found = canonical_labelling(path)
    >>> found.automorphisms.tolist(), found.orbits.tolist()
    ([[2, 1, 0]], [0, 1, 0])
    """

    def __init__(self, graph: ColouredGraph, engine: Literal["nauty", "python"]) -> None:
        self._graph, self._engine = graph, engine

    @cached_property
    def _searched(self) -> tuple[Colours, list[Colours], int]:
        return label(self._graph)

    @cached_property
    def _group(self) -> tuple[list[Colours], int]:
        return nauty_automorphisms(self._graph) if self._engine == "nauty" else self._searched[1:]

    @cached_property
    def order(self) -> Int[Tensor, " n"]:
        return torch.from_numpy(nauty_order(self._graph) if self._engine == "nauty" else self._searched[0])

    @cached_property
    def automorphisms(self) -> Int[Tensor, "k n"]:
        return torch.from_numpy(np.array(self._group[0], np.int64).reshape(-1, self._graph.n))

    @property
    def symmetries(self) -> int:
        """The number of automorphisms; its first ten digits where nauty counts them."""
        return self._group[1]

    @cached_property
    def orbits(self) -> Int[Tensor, " n"]:
        names = np.arange(self._graph.n)
        for g in self.automorphisms.numpy():
            names = join(names, g)
        return torch.from_numpy(np.unique(names, return_inverse=True)[1].astype(np.int64))

    @cached_property
    def orbitals(self) -> Int[Tensor, "n n"]:
        return orbitals(self.automorphisms)


def resolve(engine: Engine) -> Literal["nauty", "python"]:
    """The engine that "auto" stands for: nauty where pynauty is installed, else our own search.

    Both are exact, but choose different canonical forms: a process uses one, and a model trained with one should be
    loaded with the same. Raises MissingExtraError, and DomainError for other names.
    """
    one_of("engine", engine, ("auto", "nauty", "python"))
    if engine == "nauty" and not available():
        raise MissingExtraError.of("pynauty", "graph")
    if engine == "auto":
        return "nauty" if available() else "python"
    return engine


def canonical_labelling(A: Tensor, X: Tensor | None = None, *, engine: Engine = "auto", tol: float = 0.0) -> Labelling:
    """The canonical labelling of one graph: weights ``A (n, n)``, directed or not, loops allowed, ``X (n, c)``.

    Equal weights and features are equal colours; with ``tol`` > 0 values parted by no gap wider than ``tol`` times the
    largest are equal too. Raises ShapeError, DtypeError, DomainError for values that are not finite, and
    MissingExtraError for ``engine="nauty"`` without the extra [graph]. Source: McKay and Piperno 2014; specification 03
    §2.5.

    >>> A = torch.tensor([[0.0, 0.0, 2.0], [0.0, 0.0, 1.0], [2.0, 1.0, 0.0]])
    >>> p = torch.tensor([2, 0, 1])
    >>> order, same = canonical_labelling(A).order, canonical_labelling(A[p][:, p]).order
    >>> torch.equal(A[order][:, order], A[p][:, p][same][:, same])
    True
    """
    check_graphs(A[None], None if X is None else X[None])
    return Labelling(ColouredGraph.of(A, X, tol), resolve(engine))


@dataclass(eq=False)
class CanonicalForms:
    """A store of labellings, by the bytes of the graph: training meets the same graphs in every epoch.

    Pass one to a frame or module, or fill it beforehand with ``canonical_forms``. It grows with the number of distinct
    labelled graphs, about 8 n^2 bytes each, until ``clear``.

    >>> forms = canonical_forms(torch.ones(2, 3, 3))
    >>> len(forms)
    1
    """

    engine: Engine = "auto"
    tol: float = 0.0
    found: dict[bytes, Labelling] = field(default_factory=dict[bytes, Labelling], repr=False)

    def __post_init__(self) -> None:
        self.engine = resolve(self.engine)

    def __len__(self) -> int:
        return len(self.found)

    def clear(self) -> None:
        """Forget everything."""
        self.found.clear()

    def of(self, A: Tensor, X: Tensor | None = None, sizes: Tensor | None = None) -> list[Labelling]:
        """The labelling of each graph of ``A (B, n, n)`` with ``X (B, n, c)``, of its first ``sizes (B,)`` vertices."""
        check_graphs(A, X, sizes)
        A, X = A.detach().cpu(), None if X is None else X.detach().cpu()
        counts = [A.shape[-1]] * len(A) if sizes is None else sizes.tolist()
        return [self._one(A[b, :n, :n], None if X is None else X[b, :n]) for b, n in enumerate(counts)]

    def _one(self, A: Tensor, X: Tensor | None) -> Labelling:
        parts = (A,) if X is None else (A, X)
        key = b"".join(f"{part.dtype}{part.shape}".encode() + part.numpy().tobytes() for part in parts)
        if key not in self.found:
            self.found[key] = Labelling(ColouredGraph.of(A, X, self.tol), resolve(self.engine))
        return self.found[key]


def store(forms: CanonicalForms | None, engine: Engine, tol: float) -> CanonicalForms:
    """The store to use: the one given, or an empty one.

    Raises DomainError where a store was made with another engine or tolerance than is asked for.
    """
    if forms is None:
        return CanonicalForms(engine, tol)
    asked = (forms.engine if engine == "auto" else engine, tol)
    if asked != (forms.engine, forms.tol):
        raise DomainError(f"forms of {(forms.engine, forms.tol)}", f"engine and tol {asked}", "leave both to the store")
    return forms


def canonical_forms(
    A: Tensor, X: Tensor | None = None, sizes: Tensor | None = None, *, engine: Engine = "auto", tol: float = 0.0
) -> CanonicalForms:
    """A store with the canonical orders of graphs ``A (B, n, n)``, ``X (B, n, c)``, ``sizes (B,)``.

    Errors as ``canonical_labelling``.

    >>> path = torch.tensor([[[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])
    >>> len(canonical_forms(path, sizes=torch.tensor([2])))
    1
    """
    forms = CanonicalForms(engine, tol)
    for found in forms.of(A, X, sizes):
        _ = found.order
    return forms


def orbitals(automorphisms: Int[Tensor, "k n"]) -> Int[Tensor, "n n"]:
    """The number of the orbit of each ordered pair under the group that k permutations generate.

    >>> orbitals(torch.tensor([[1, 2, 0]])).tolist()
    [[0, 1, 2], [2, 0, 1], [1, 2, 0]]
    """
    n = automorphisms.shape[-1]
    place = np.arange(n * n).reshape(n, n)
    source, image = [place[0, :0]], [place[0, :0]]
    for g in automorphisms.cpu().numpy():
        # A pair that stays joins nothing: generators that move few vertices cost little.
        stays = g == np.arange(n)
        moved = ~(stays[:, None] & stays)
        source.append(place[moved])
        image.append(place[g][:, g][moved])
    ends = np.concatenate(source), np.concatenate(image)
    links = scipy.sparse.coo_array((np.ones(len(ends[0]), bool), ends), shape=(n * n, n * n))
    return torch.from_numpy(
        scipy.sparse.csgraph.connected_components(links, directed=False)[1].astype(np.int64).reshape(n, n)
    )
