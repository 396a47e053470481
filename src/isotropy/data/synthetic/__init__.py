"""Problems with known truth: the law of the inputs, the exact function and every level of symmetry, by formula."""

from __future__ import annotations

from isotropy.data.synthetic._area import Area
from isotropy.data.synthetic._cosine import CosineSimilarity
from isotropy.data.synthetic._cyclic import Cyclic
from isotropy.data.synthetic._distances import Distances
from isotropy.data.synthetic._field import CentralForce
from isotropy.data.synthetic._inertia import Inertia
from isotropy.data.synthetic._made import Made, Truth
from isotropy.data.synthetic._null import Null
from isotropy.data.synthetic._pendulum import Pendulum
from isotropy.data.synthetic._permutation import Permutation
from isotropy.data.synthetic._scaling import Scaling
from isotropy.data.synthetic._trap import Trap
from isotropy.data.synthetic._triple import TripleProduct

PROBLEMS: dict[str, type[Made]] = {
    problem.name: problem
    for problem in (
        Inertia,
        CosineSimilarity,
        Distances,
        Pendulum,
        CentralForce,
        Permutation,
        Scaling,
        Trap,
        Cyclic,
        TripleProduct,
        Area,
        Null,
    )
}

__all__ = [
    "PROBLEMS",
    "Area",
    "CentralForce",
    "CosineSimilarity",
    "Cyclic",
    "Distances",
    "Inertia",
    "Made",
    "Null",
    "Pendulum",
    "Permutation",
    "Scaling",
    "Trap",
    "TripleProduct",
    "Truth",
]
