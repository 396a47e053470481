"""Linear algebra: solutions of equations, axes of symmetric matrices, ragged sets and who is near in them."""

from isotropy.linalg._eigh import Eigen, eigh
from isotropy.linalg._moments import Moments
from isotropy.linalg._neighbours import check_points, farthest_points, neighbours, resolution
from isotropy.linalg._nullspace import Nullspace, nullspace
from isotropy.linalg._procrustes import Alignment, procrustes
from isotropy.linalg._rational import independent_rows, rational_nullspace
from isotropy.linalg._segments import Segments
from isotropy.linalg._spectral import log_difference, once, spectral, sym_exp, sym_invsqrt, sym_log, sym_sqrt

__all__ = [
    "Alignment",
    "Eigen",
    "Moments",
    "Nullspace",
    "Segments",
    "check_points",
    "eigh",
    "farthest_points",
    "independent_rows",
    "log_difference",
    "neighbours",
    "nullspace",
    "once",
    "procrustes",
    "rational_nullspace",
    "resolution",
    "spectral",
    "sym_exp",
    "sym_invsqrt",
    "sym_log",
    "sym_sqrt",
]
