"""A graph as canonical labelling sees it: one colour for each vertex and one for each ordered pair of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError

Colours = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ColouredGraph:
    """Colours of n vertices (n,) and of ordered pairs (n, n), read off their values: isomorphic graphs share them.

    The colour of (i, j) is that of the two weights (A_ij, A_ji), 0 exactly where neither edge is there; a loop A_ii
    belongs to the colour of its vertex.

    >>> import torch
    >>> path = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 2.5], [0.0, 2.5, 0.0]])
    >>> ColouredGraph.of(path).pair.tolist()
    [[0, 1, 0], [1, 0, 2], [0, 2, 0]]
    """

    vertex: Colours
    pair: Colours

    @classmethod
    def of(cls, A: Float[Tensor, "n n"], X: Shaped[Tensor, "n c"] | None = None, tol: float = 0.0) -> "ColouredGraph":
        """The colours of a graph with weights ``A`` and features ``X``, as ``classes`` reads them with ``tol``."""
        weight = _about_zero(A.detach().cpu().numpy(), tol)
        loop = weight.diagonal().copy()
        np.fill_diagonal(weight, 0)
        features = [] if X is None else list(classes_by_column(X.detach().cpu().numpy(), tol).T)
        columns = [column for column in (loop, *features) if column.any()]
        vertex = rank_rows(np.stack(columns, 1)) if columns else np.zeros_like(loop)
        if np.array_equal(weight, weight.T):
            return cls(vertex, weight)
        # One number for two: |weight| < span, so the number is 0 only where both weights are.
        span = 2 * int(np.abs(weight).max()) + 1
        return cls(vertex, _about_zero(weight * span + weight.T))

    @property
    def n(self) -> int:
        return len(self.vertex)

    @cached_property
    def directed(self) -> bool:
        return not np.array_equal(self.pair, self.pair.T)

    def ordered(self, order: Colours) -> Colours:
        """Pair colours of the graph whose i-th vertex is ``order[i]`` of this one."""
        return self.pair[np.ix_(order, order)]


def check_graphs(A: Tensor, X: Tensor | None = None, sizes: Tensor | None = None) -> None:
    """Refuse what is no batch of graphs ``A (B, n, n)`` with features ``X (B, n, c)`` and ``sizes (B,)``.

    Raises ShapeError, DtypeError for integer weights, DomainError for values that are not finite (naming the row).

    >>> import torch
    >>> check_graphs(torch.zeros(1, 2, 2), torch.tensor([[[1.0], [torch.nan]]]))
    Traceback (most recent call last):
        ...
    isotropy.errors.DomainError: given NaN or infinite features in row 0; expected finite ones
    """
    if A.ndim != 3 or A.shape[-1] != A.shape[-2] or A.shape[-1] == 0:
        raise ShapeError(f"A of shape {tuple(A.shape)}", "(B, n, n) with n > 0", "one graph is A[None]")
    if not A.is_floating_point():
        raise DtypeError(f"A of dtype {A.dtype}", "float32 or float64", "A.to(torch.float64)")
    if X is not None and (X.ndim != 3 or X.shape[:2] != A.shape[:2]):
        raise ShapeError(f"X of shape {tuple(X.shape)}", f"{tuple(A.shape[:2])} + (c,)", "")
    if sizes is not None:
        if sizes.shape != A.shape[:1] or sizes.is_floating_point():
            raise ShapeError(f"sizes {sizes.dtype} of shape {tuple(sizes.shape)}", f"integers ({len(A)},)", "")
        if bool(((sizes < 1) | (sizes > A.shape[-1])).any()):
            raise ShapeError(f"sizes from {int(sizes.min())} to {int(sizes.max())}", f"1 to {A.shape[-1]}", "")
    for name, value in (("weights", A), ("features", X)):
        if value is not None and value.is_floating_point():
            wrong = (~value.isfinite()).flatten(1).any(1).nonzero().flatten()
            if len(wrong):
                raise DomainError(f"NaN or infinite {name} in row {int(wrong[0])}", "finite ones")


def classes(values: NDArray[np.generic], tol: float = 0.0) -> Colours:
    """The rank of each entry among the distinct values of an array, in its shape.

    With ``tol`` > 0, sorted neighbours at most ``tol`` times the largest absolute value apart share a rank: classes
    end where there is a gap, never at a multiple of something, so rounding cannot part two equal values.

    >>> classes(np.array([0.3, 0.1 + 0.2, 1.0]), tol=1e-9).tolist()
    [0, 0, 1]
    """
    # 0.0 and -0.0 are one value.
    distinct, inverse = np.unique(np.where(values == 0, 0, values), return_inverse=True)
    inverse = inverse.reshape(values.shape)
    if tol == 0 or not len(distinct):
        return inverse.astype(np.int64)
    apart = np.diff(distinct.astype(np.float64)) > tol * np.abs(distinct).max()
    return np.concatenate([np.zeros(1, np.int64), apart.cumsum()])[inverse].astype(np.int64)


def classes_by_column(values: NDArray[np.generic], tol: float = 0.0) -> Colours:
    """``classes`` of each column of ``values`` (n, c) for itself.

    >>> classes_by_column(np.array([[5.0, 1.0], [2.0, 1.0]])).tolist()
    [[1, 0], [0, 0]]
    """
    ranked = [classes(column, tol) for column in values.T]
    return np.stack(ranked, 1) if ranked else np.zeros(values.shape, np.int64)


def rank_rows(rows: Colours) -> Colours:
    """The rank (n,) of each row (n, c) in the lexicographic order of the distinct rows.

    >>> rank_rows(np.array([[1, 5], [0, 9], [1, 5]])).tolist()
    [1, 0, 1]
    """
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _about_zero(values: NDArray[np.generic], tol: float = 0.0) -> Colours:
    """Classes counted from that of zero, which is class 0 whether or not it occurs; small integers are their own."""
    if tol == 0 and np.abs(values).max() < 1 << 20 and np.array_equal(whole := values.astype(np.int64), values):
        return whole
    rank = classes(np.append(values.reshape(-1), values.dtype.type(0)), tol)
    return (rank[:-1] - rank[-1]).reshape(values.shape)
