"""The ground: which A solve these equations, which axes has a symmetric matrix, ragged sets and who is near in them."""

from isotropy.linalg._eigh import Eigen, eigh
from isotropy.linalg._neighbours import farthest_points, neighbours, resolution
from isotropy.linalg._nullspace import Nullspace, nullspace
from isotropy.linalg._procrustes import Alignment, procrustes
from isotropy.linalg._segments import Segments

__all__ = [
    "Alignment",
    "Eigen",
    "Nullspace",
    "Segments",
    "eigh",
    "farthest_points",
    "neighbours",
    "nullspace",
    "procrustes",
    "resolution",
]
