"""Problems with known truth: the law of the inputs, the exact function and every level of symmetry, by formula."""

from isotropy.data.synthetic._determinants import Area as Area
from isotropy.data.synthetic._determinants import TripleProduct as TripleProduct
from isotropy.data.synthetic._finite import Cyclic as Cyclic
from isotropy.data.synthetic._finite import Permutation as Permutation
from isotropy.data.synthetic._forces import CentralForce as CentralForce
from isotropy.data.synthetic._forces import Pendulum as Pendulum
from isotropy.data.synthetic._inertia import Inertia as Inertia
from isotropy.data.synthetic._made import Made as Made
from isotropy.data.synthetic._made import Truth as Truth
from isotropy.data.synthetic._motions import Kepler as Kepler
from isotropy.data.synthetic._motions import Motion as Motion
from isotropy.data.synthetic._motions import Oscillator as Oscillator
from isotropy.data.synthetic._motions import integrated as integrated
from isotropy.data.synthetic._null import Null as Null
from isotropy.data.synthetic._points import Distances as Distances
from isotropy.data.synthetic._points import Trap as Trap
from isotropy.data.synthetic._scale import CosineSimilarity as CosineSimilarity
from isotropy.data.synthetic._scale import Scaling as Scaling

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

MOTIONS: dict[str, type[Motion]] = {motion.name: motion for motion in (Kepler, Oscillator)}
