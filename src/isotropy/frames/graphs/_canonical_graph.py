"""Any backbone, made invariant or equivariant under permutations of vertices in one run."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from isotropy.errors import ShapeError, one_of
from isotropy.frames.graphs._forms import CanonicalForms, Engine, Labelling, resolve, store
from isotropy.frames.graphs._frame import widened
from isotropy.settings import Settled


class CanonicalGraph(Settled):
    """The backbone at the canonical form of each graph; its outputs led back and averaged over the automorphisms.

    ``backbone(A)``, ``(A, X)`` or ``(A, X, sizes)``, the arguments that the module is called with, returns one value of
    any shape for each graph (``output="graph"``), ``(B, n, c)`` for ``"node"`` or ``(B, n, n, c)`` for ``"pair"``. The
    module is then invariant, or equivariant, under all permutations of the vertices, and to the last bit where the
    backbone treats rows of a batch alike; isomorphic graphs get one value, and the means over orbits are exact averages
    over all automorphisms. Padding, ``sizes (B,)``, stays last. Labels are kept in ``forms``, if given; for ``engine``
    and ``tol`` see ``canonical_labelling``. Gradients flow through the weights and features, the labels being constant.

    Raises ShapeError, DtypeError, DomainError (NaN), MissingExtraError. Source: specification 03 §2.1, §2.5.

    >>> first = CanonicalGraph(lambda A: A[..., :1], output="node")
    >>> star = torch.tensor([[[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]])
    >>> y = first(star)
    >>> torch.equal(y[0, 1], y[0, 2])
    True
    """

    def __init__(
        self,
        backbone: Callable[..., Any],
        output: Literal["graph", "node", "pair"] = "graph",
        *,
        engine: Engine = "auto",
        tol: float = 0.0,
        forms: CanonicalForms | None = None,
    ) -> None:
        super().__init__()
        one_of("output", output, ("graph", "node", "pair"))
        store(forms, engine, tol)
        self.backbone, self.output = backbone, output
        self.engine: Engine = engine
        self.tol, self.forms = tol, forms

    def settings(self) -> dict[str, Any]:
        # Each engine chooses other orders, and "auto" is another one where pynauty is installed.
        engine = resolve(store(self.forms, self.engine, self.tol).engine)
        return {"output": self.output, "tol": self.tol, "engine": engine}

    def forward(self, A: Tensor, X: Tensor | None = None, sizes: Tensor | None = None) -> Any:
        found = store(self.forms, self.engine, self.tol).of(A, X, sizes)
        n = A.shape[-1]
        order = _together([widened(one.order[None], n) for one in found], n).to(A.device)
        posed = None if X is None else X.take_along_dim(order[..., None], 1)
        arguments = (posed_pairs(A, order), posed, sizes)
        given = 3 if sizes is not None else 2 if X is not None else 1
        y = self.backbone(*arguments[:given])
        if self.output == "graph":
            return y
        expected = (len(A), n) if self.output == "node" else (len(A), n, n)
        if not isinstance(y, Tensor) or y.ndim != len(expected) + 1 or y.shape[:-1] != expected:
            given_shape = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
            raise ShapeError(f"a backbone's output {given_shape}", f"{expected} + (c,) for output={self.output!r}")
        back = order.argsort(-1)
        if self.output == "node":
            orbits = _together([widened(one.orbits[None], n) for one in found], n)  # padding is in orbits of its own
            return orbit_mean(y.take_along_dim(back[..., None], 1), orbits.to(y.device))
        return orbital_mean(posed_pairs(y, back), _orbitals(found, n).to(y.device))

    def extra_repr(self) -> str:
        return f"output={self.output!r}"


def posed_pairs(A: Shaped[Tensor, "B n n ..."], order: Int[Tensor, "B n"]) -> Shaped[Tensor, "B n n ..."]:
    """Values of pairs of vertices, whose i-th vertex becomes ``order[i]``.

    >>> posed_pairs(torch.tensor([[[0, 1], [2, 3]]]), torch.tensor([[1, 0]])).tolist()
    [[[3, 2], [1, 0]]]
    """
    rows = torch.arange(len(A), device=A.device)[:, None, None]
    return A[rows, order[:, :, None], order[:, None, :]]


def _together(rows: list[Tensor], n: int) -> Int[Tensor, "B n"]:
    """One row for each graph, of which there may be none."""
    return torch.cat([torch.zeros(0, n, dtype=torch.int64), *rows])


def _orbitals(found: list[Labelling], n: int) -> Int[Tensor, "B n n"]:
    """A pair of a vertex and a place of padding moves as the vertex does."""
    names = torch.empty(len(found), n, n, dtype=torch.int64)
    for row, one in enumerate(found):
        m = len(one.order)
        k = n - m
        mixed = m * m + k * one.orbits[:, None] + torch.arange(k)
        names[row, :m, :m] = one.orbitals
        names[row, :m, m:] = mixed
        names[row, m:, :m] = mixed.T + m * k
        names[row, m:, m:] = torch.arange(n * n - k * k, n * n).view(k, k)
    return names


def orbit_mean(y: Float[Tensor, "*batch n c"], orbits: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch n c"]:
    """The average of ``y`` over all automorphisms: each vertex gets the mean over its orbit.

    ``orbits`` numbers the orbit of each vertex, from 0 to n - 1, separately in each graph. Exact and O(n), since a
    finite group spreads each vertex evenly over its orbit. Raises ShapeError. Source: specification 03 §2.5.

    >>> orbit_mean(torch.tensor([[1.0], [5.0], [3.0]]), torch.tensor([0, 1, 0])).tolist()
    [[2.0], [5.0], [2.0]]
    """
    if y.shape[:-1] != orbits.shape:
        raise ShapeError(f"orbits of shape {tuple(orbits.shape)}", f"{tuple(y.shape[:-1])}, one for each row of y")
    n = orbits.shape[-1]
    graphs = torch.arange(orbits[..., 0].numel(), device=orbits.device).reshape(*orbits.shape[:-1], 1)
    where = (graphs * n + orbits).flatten()
    total = torch.zeros_like(y).reshape(-1, y.shape[-1]).index_add(0, where, y.reshape(-1, y.shape[-1]))
    count = torch.bincount(where, minlength=len(total)).clamp(min=1).to(y.dtype)
    return (total / count[:, None])[where].reshape(y.shape)


def orbital_mean(
    y: Float[Tensor, "*batch n n c"], orbitals: Int[Tensor, "*batch n n"]
) -> Float[Tensor, "*batch n n c"]:
    """The average of pair values ``y`` over all automorphisms: each pair gets the mean over its orbital.

    ``orbitals`` numbers the class of each ordered pair, from 0 to n^2 - 1. Raises ShapeError. Source: specification 03
    §2.5.

    >>> from isotropy.frames.graphs._forms import orbitals
    >>> y = torch.arange(4.0).reshape(2, 2, 1)
    >>> orbital_mean(y, orbitals(torch.tensor([[1, 0]])))[..., 0].tolist()
    [[1.5, 1.5], [1.5, 1.5]]
    """
    if y.shape[:-1] != orbitals.shape:
        raise ShapeError(f"orbitals of shape {tuple(orbitals.shape)}", f"{tuple(y.shape[:-1])}, one for each pair")
    return orbit_mean(y.flatten(-3, -2), orbitals.flatten(-2)).reshape(y.shape)
