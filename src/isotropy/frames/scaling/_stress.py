"""How far distances in an embedding are from those that were given."""

import math
from typing import Any

import numpy as np
import scipy
import torch
from numpy.typing import NDArray

from isotropy.errors import DtypeError, ShapeError

ENTRIES = 2**16
"""Distances held at a time, so that they stay in the cache."""


def stress(D: Any, Y: Any, Z: Any = None) -> float:
    """Kruskal's stress-1, ``sqrt(sum (D_ij - |y_i - z_j|)^2 / sum D_ij^2)``, 0 for a perfect embedding.

    Distances ``D (n, m)`` (not squared) between the rows of ``Y (n, k)`` and of ``Z (m, k)``, by default Y again;
    torch or numpy. All-zero D gives 0 for coinciding points, else infinity. Raises ShapeError for sizes that disagree,
    DtypeError for integers. Source: Kruskal 1964; specification 08 §2.4.

    >>> stress(torch.tensor([[0.0, 2.0], [2.0, 0.0]]), torch.tensor([[0.0], [1.0]]))
    0.5
    """
    d, y = _floats(D), _floats(Y)
    z = y if Z is None else _floats(Z)
    if y.ndim != 2 or z.ndim != 2 or d.shape != (len(y), len(z)) or y.shape[1] != z.shape[1]:
        shapes = ", ".join(str(a.shape) for a in (d, y, z))
        raise ShapeError(f"D, Y and Z of shapes {shapes}", "(n, m), (n, k) and (m, k)")
    error = 0.0
    rows = max(1, ENTRIES // max(1, len(z)))
    for i in range(0, len(y), rows):
        apart = scipy.spatial.distance.cdist(y[i : i + rows], z)
        apart -= d[i : i + rows]
        error += float(np.vdot(apart, apart))
    given = float(np.vdot(d, d))
    return math.sqrt(error / given) if given else (0.0 if error == 0 else math.inf)


def _floats(value: Any) -> NDArray[np.float64]:
    array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    if array.dtype.kind != "f":
        raise DtypeError(f"dtype {array.dtype}", "floating point", "cast it first")
    return array.astype(np.float64, copy=False)
