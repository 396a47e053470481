"""Types with index axes: a value for each point of a set, or each pair of points."""

from dataclasses import dataclass

import torch
from jaxtyping import Int, Shaped
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import SchemaError, ShapeError, counted
from isotropy.groups import Element, Group
from isotropy.linalg import Segments
from isotropy.reps._acting import is_order, spread
from isotropy.reps._rep import Rep

NODES = "nodes"  # the space on which permutations of the points act


@dataclass(frozen=True)
class Cloud:
    """One value of type ``rep`` for each point: ``(clouds, n, d)``, or flat ``(N, d)`` with segments.

    A group of matrices acts on each value, a group on the nodes permutes the points, a product of both does both.
    ``Cloud()`` holds anything that matrices leave alone, atomic numbers say: ``(clouds, n, ...)``.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> half_turn = -torch.eye(2)[None]
    >>> Cloud(Vector).act(parse("O(2)"), half_turn, torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])).tolist()
    [[[-1.0, -2.0], [-3.0, -4.0]]]
    """

    rep: Rep | None = None

    def __str__(self) -> str:
        return f"Cloud({self.rep or ''})"

    def act(
        self, G: Group, g: Element, x: Shaped[Tensor, "*index"], segments: Segments | None = None
    ) -> Shaped[Tensor, "*index"]:
        """``g.x`` with one element per cloud, ``g (clouds, *element)``.

        Raises ShapeError where elements and clouds differ in number, SchemaError for permutations of a ragged batch.
        """
        if segments is not None:
            _refuse_order(G, g)
            each = tree.tree_map(lambda part: part[segments.label], g)
            return x if self.rep is None else _acted(self.rep, G, each, x, 0)
        order = permutation(G, g)
        if order is not None:
            x = _permuted(x, order, order.ndim - 1)
        return x if self.rep is None else _acted(self.rep, G, g, x, 1)


@dataclass(frozen=True)
class Edges:
    """Which points are joined, ``(2, E)`` of whole numbers, and values of these edges that nothing moves, ``(E, ...)``.

    In a ragged batch the numbers are those of the flat points, as in torch_geometric; edges join points of one set.

    >>> from isotropy.groups import O
    >>> Edges().act(O(2), -torch.eye(2)[None], torch.tensor([[0], [1]])).tolist()
    [[0], [1]]
    """

    def __str__(self) -> str:
        return "Edges()"

    def act(
        self, G: Group, g: Element, x: Shaped[Tensor, "*index"], segments: Segments | None = None
    ) -> Shaped[Tensor, "*index"]:
        """x itself. Raises SchemaError for permutations of the points, which would renumber it."""
        if permutation(G, g) is not None:
            raise SchemaError(f"{G}, which renumbers the points, on lists of edges", "Pairs (an adjacency matrix)")
        return x


@dataclass(frozen=True)
class Pairs:
    """One value for each ordered pair of points: ``(graphs, n, n)``, or ``(graphs, n, n, d)`` of type ``rep``.

    >>> from isotropy.groups import S
    >>> edge = torch.tensor([[[0, 1, 0], [0, 0, 0], [0, 0, 0]]])
    >>> Pairs().act(S(3), torch.tensor([[2, 0, 1]]), edge).nonzero().tolist()
    [[0, 2, 0]]
    """

    rep: Rep | None = None

    def __str__(self) -> str:
        return f"Pairs({self.rep or ''})"

    def act(
        self, G: Group, g: Element, x: Shaped[Tensor, "*index"], segments: Segments | None = None
    ) -> Shaped[Tensor, "*index"]:
        """``g.x`` with one element per graph. Raises ShapeError for sizes that disagree."""
        if segments is not None:
            raise SchemaError("pairs of points in a ragged batch", "dense graphs (graphs, n, n)", "pad them")
        order = permutation(G, g)
        if order is not None:
            x = _permuted(_permuted(x, order, order.ndim), order, order.ndim - 1)
        return x if self.rep is None else _acted(self.rep, G, g, x, 2)


def permutation(G: Group, g: Element) -> Int[Tensor, "... n"] | None:
    """The part of ``g`` that permutes the points, None where nothing does."""
    part = G.part(g, NODES)
    return part if part is not None and is_order(part) else None


def _acted(rep: Rep, G: Group, g: Element, x: Tensor, axes: int) -> Tensor:
    """The matrices of g on the last axis of x, ``axes`` index axes standing between batch and feature."""
    linear = [space for space in G.spaces if space != NODES and G.factor(space) is not None]
    if not linear:
        return x
    batch = x.ndim - axes - rep.feature_axes(G, x.shape)
    return rep.act(G, spread(g, batch, axes), x)


def _permuted(x: Tensor, order: Int[Tensor, "... n"], dim: int) -> Tensor:
    """(p.x)[p[i]] = x[i] along the axis ``dim``; the first axes of both are the batch."""
    if x.shape[dim] != order.shape[-1]:
        raise ShapeError(counted(x.shape[dim], "point"), f"{order.shape[-1]}, as many as the permutation moves")
    batch = order.ndim - 1
    index = order.argsort(-1).reshape(*order.shape[:-1], *[1] * (dim - batch), -1, *[1] * (x.ndim - dim - 1))
    return torch.take_along_dim(x, index, dim)


def _refuse_order(G: Group, g: Element) -> None:
    if permutation(G, g) is not None:
        raise SchemaError(
            f"permutations of {G} on a ragged batch", "a dense one (clouds, n, d)", "pad it: segments.pad(x)"
        )
