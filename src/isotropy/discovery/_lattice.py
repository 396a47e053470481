"""Consistency along the lattice of subgroups: a smaller group can only be broken less."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def monotone(breaking: Sequence[float], weights: Sequence[float], edges: Sequence[tuple[int, int]]) -> list[float]:
    """The nearest values (weighted least squares) with b_H <= b_G for every edge (H, G), H a subgroup of G.

    Isotonic regression on a partial order, through its dual, a non-negative least-squares problem.

    >>> monotone([0.3, 0.1], [1.0, 1.0], [(0, 1)])
    [0.2, 0.2]
    """
    from scipy.optimize import nnls

    b, w = np.asarray(breaking, float), np.asarray(weights, float)
    if not edges:
        return b.tolist()
    C = np.zeros((len(edges), len(b)))
    for row, (lower, upper) in enumerate(edges):
        C[row, lower], C[row, upper] = -1.0, 1.0
    root = 1 / np.sqrt(w)
    # Dual of min 1/2 |W^(1/2) (z - b)|^2 subject to C z >= 0: z = b + W^-1 C^T m with m >= 0 least squares.
    multipliers, _ = nnls((C * root).T, -b / root)
    fitted = b + root**2 * (C.T @ multipliers)
    return [float(round(value, 12)) for value in fitted]
