"""Optimal tours, proven: integer programming over edges, with subtours cut off as they appear."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, depth_first_order

from isotropy.errors import InfeasibleError

Distances = NDArray[np.float64]


def optimal_tour(D: Distances) -> NDArray[np.int64]:
    """A shortest closed tour ``(n,)`` from city 0, for symmetric ``D (n, n)`` with n > 2.

    Edges are 0 or 1, two at each city; a solution that falls into subtours is cut off and the program solved again.
    Raises ``InfeasibleError`` where the solver gives up. Source: Dantzig, Fulkerson, Johnson 1954.

    >>> x = np.array([0.0, 1.0, 5.0, 2.0])
    >>> sorted(optimal_tour(abs(x[:, None] - x[None, :])).tolist())
    [0, 1, 2, 3]
    """
    n = len(D)
    i, j = np.triu_indices(n, 1)
    edges = np.arange(len(i))
    cuts: list[NDArray[np.int64]] = [np.array([city]) for city in range(n)]
    low, high = [2.0] * n, [2.0] * n
    while True:
        crossing = [np.isin(i, cut) != np.isin(j, cut) for cut in cuts]
        matrix = csr_array(np.array(crossing, dtype=np.float64))
        found = milp(
            D[i, j],
            integrality=np.ones(len(i), dtype=np.int64),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(matrix, low, high),
        )
        if found.x is None:
            raise InfeasibleError(f"an integer program that ended with: {found.message}", "an optimal tour")
        chosen = edges[found.x > 0.5]
        graph = csr_array((np.ones(len(chosen)), (i[chosen], j[chosen])), shape=(n, n))
        count, label = connected_components(graph, directed=False)
        if count == 1:
            # Of a cycle that is the order in which it is walked.
            return depth_first_order(graph, 0, directed=False, return_predecessors=False).astype(np.int64)
        cuts.extend(np.flatnonzero(label == part) for part in range(count))
        low.extend([2.0] * count)
        high.extend([np.inf] * count)
