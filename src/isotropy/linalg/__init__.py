"""The ground: which A solve these equations, which axes does a symmetric matrix have, and sums over ragged sets."""

from isotropy.linalg._eigh import Eigen, eigh
from isotropy.linalg._nullspace import Nullspace, nullspace
from isotropy.linalg._procrustes import Alignment, procrustes
from isotropy.linalg._segments import Segments

__all__ = ["Alignment", "Eigen", "Nullspace", "Segments", "eigh", "nullspace", "procrustes"]
