"""The frame of a graph: the permutation that takes its canonical form to it, times its automorphisms where needed."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from isotropy.errors import DomainError, FrameSizeError, one_of
from isotropy.frames._padded import log_of, stacked
from isotropy.frames.graphs._coloured import Colours
from isotropy.frames.graphs._forms import CanonicalForms, Engine, Labelling, resolve, store
from isotropy.groups import DiscreteMeasure, S
from isotropy.linalg import Segments


class GraphFrame(ABC):
    """What frames of graphs have in common: their group, and the arguments that they are called with."""

    n: int | None

    @property
    def group(self) -> S:
        if self.n is None:
            hint = f"{type(self).__name__}(n=...)"
            raise DomainError("a graph frame for any number of vertices", "their number", hint)
        return S(self.n)

    def __call__(
        self, A: Tensor | tuple[Tensor, Tensor], X: Tensor | Segments | None = None, sizes: Tensor | None = None
    ) -> DiscreteMeasure:
        if isinstance(X, Segments):
            raise DomainError("a ragged batch of graphs", "dense (B, n, n) with sizes", "pad the adjacency matrices")
        if isinstance(A, tuple):
            A, X = A
        return self._measure(A, X, sizes)

    @abstractmethod
    def _measure(self, A: Tensor, X: Tensor | None, sizes: Tensor | None) -> DiscreteMeasure: ...


@dataclass(frozen=True, eq=False)
class CanonicalGraphFrame(GraphFrame):
    """Permutations that take the canonical form of a graph to the graph: exact, for directed and weighted graphs too.

    Called with ``A (B, n, n)``, or ``(A, X)`` with vertex features ``X (B, n, c)``, and ``sizes (B,)`` where graphs are
    padded: vertices from ``sizes`` on stay last and in place. ``outputs="invariant"`` gives one atom, which is all an
    invariant output needs; the law of a frame then holds up to automorphisms. ``"equivariant"`` lists them all, at most
    ``max_frames``; where there are more, ``CanonicalGraph`` averages over orbits instead. ``n`` is needed only for
    ``group``. Labels are kept in ``forms``, if given; with ``engine`` and ``tol`` see ``canonical_labelling``.

    Raises ShapeError, DtypeError, DomainError (NaN), FrameSizeError, MissingExtraError. Source: specification 03 §2.5.

    >>> A = torch.tensor([[[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])
    >>> len(CanonicalGraphFrame(3)(A)), len(CanonicalGraphFrame(3, outputs="equivariant")(A))
    (1, 2)
    """

    n: int | None = None
    outputs: Literal["invariant", "equivariant"] = "invariant"
    engine: Engine = "auto"
    tol: float = 0.0
    max_frames: int = 120
    forms: CanonicalForms | None = None

    def __post_init__(self) -> None:
        one_of("outputs", self.outputs, ("invariant", "equivariant"))
        resolve(self.engine)
        store(self.forms, self.engine, self.tol)

    def _measure(self, A: Tensor, X: Tensor | None, sizes: Tensor | None) -> DiscreteMeasure:
        found = store(self.forms, self.engine, self.tol).of(A, X, sizes)
        width, every = A.shape[-1], self.outputs == "equivariant"
        atoms = [
            widened(coset(one, self.max_frames, row) if every else one.order[None], width)
            for row, one in enumerate(found)
        ]
        return uniform(atoms, A, exact=True)


def coset(found: Labelling, most: int, row: int = 0) -> Int[Tensor, "F n"]:
    """All permutations that take the canonical form to the graph: the canonical order after each automorphism.

    Raises FrameSizeError, naming the row, where there are more than ``most``.
    """
    if found.symmetries > most:
        raise FrameSizeError(
            f"a graph with {found.symmetries} automorphisms in row {row}",
            f"at most max_frames={most}",
            'CanonicalGraph(backbone, output="node" or "pair") averages over orbits at no such cost',
        )
    return S(len(found.order)).compose(_elements(found.automorphisms.numpy()), found.order)


def _elements(generators: Colours) -> Int[Tensor, "F n"]:
    """All products of the generators."""
    known = {tuple(range(generators.shape[1])): None}
    fresh = list(known)
    while fresh:
        products = {tuple(g[list(p)].tolist()) for p in fresh for g in generators}
        fresh = [p for p in sorted(products) if p not in known]
        known.update(dict.fromkeys(fresh))
    return torch.tensor(list(known))


def widened(p: Int[Tensor, "F m"], width: int) -> Int[Tensor, "F n"]:
    """The same permutations of ``width`` things, of which the last stay in place.

    >>> widened(torch.tensor([[1, 0]]), 3).tolist()
    [[1, 0, 2]]
    """
    return torch.cat([p, torch.arange(p.shape[1], width).expand(len(p), -1)], 1)


def uniform(
    atoms: list[Int[Tensor, "_ n"]], like: Tensor, *, exact: bool, degenerate: Tensor | None = None
) -> DiscreteMeasure:
    """The measure whose row b has the permutations ``atoms[b]``, all of one weight, in the dtype and place of ``like``.

    >>> uniform([torch.tensor([[0, 1]]), torch.tensor([[0, 1], [1, 0]])], torch.zeros(2), exact=True).weight.tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    if degenerate is None:
        degenerate = torch.zeros(len(atoms), dtype=torch.bool)
    if atoms:
        parts = [(p[None], torch.full((1, len(p)), 1 / len(p), dtype=torch.float64)) for p in atoms]
        g, weight = stacked(parts, torch.arange(len(atoms)))
    else:
        g, weight = torch.zeros(0, 1, like.shape[-1], dtype=torch.int64), torch.zeros(0, 1, dtype=torch.float64)
    return DiscreteMeasure(g.to(like.device), log_of(weight).to(like), exact, degenerate.to(like.device))
