"""The atoms of the Rep algebra."""

from isotropy.errors import SchemaError
from isotropy.reps._rep import Factor, Rep, Term

Scalar = Rep.of(Term())
"""A number that nothing moves (weight 0 under scaling)."""

Pseudoscalar = Scalar.pseudo
"""A number that changes sign with the orientation."""

Vector = Rep.of(Term((Factor("Vector"),)))
"""The defining representation of whatever acts on its space: differences, velocities, forces."""

Pseudovector = Vector.pseudo
"""An axial vector: angular momentum, magnetic field."""

Point = Rep.of(Term((Factor("Point"),)))
"""A place in affine space: translations move it; differences of Points are Vectors."""

Nodes = Vector.on("nodes")
"""One number for each node, permuted with the nodes."""

Adjoint = Rep.of(Term((Factor("Adjoint"),)))
"""The Lie algebra of the group itself, in coordinates of its basis."""


def Tensor(rank: int) -> Rep:
    """Tensors of a rank: ``Vector ** rank``, columns in row-major order (last index fastest).

    >>> Tensor(2) == Vector * Vector, Tensor(0) == Scalar
    (True, True)
    """
    return Vector**rank


def Pixels(height: int, width: int, hole: int = 0) -> Rep:
    """A grey image on a ``height`` x ``width`` grid without its centred ``hole`` x ``hole`` block.

    Columns go row by row, row 0 at the top; x points right, y up, and positive angles turn counter-clockwise as
    displayed. Groups of degree 2 that permute the pixel centres act on it: (g.f)(u) = f(g^-1 u).

    Raises SchemaError for sizes that leave no pixel, or a hole that is not centred on the grid.

    >>> Pixels(7, 7, hole=3).size({})
    40
    """
    shape = (height, width, hole)
    given = f"Pixels({height}, {width}, hole={hole})"
    if min(height, width) < 1 or max(height, width) > 4096 or not 0 <= hole <= min(height, width):
        raise SchemaError(given, "1 to 4096 rows and columns, and a hole inside them")
    if hole and ((height - hole) % 2 or (width - hole) % 2):
        raise SchemaError(given, "a hole that can be centred", "make it odd where the sides are odd")
    if height * width == hole * hole:
        raise SchemaError(given, "at least one pixel")
    return Rep.of(Term((Factor("Pixels", shape=shape),)))
