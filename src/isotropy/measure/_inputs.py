"""What the inputs alone say: is their law invariant, and do moved inputs still lie where there are data?

A symmetry of the map x -> y can only be learnt from data where x and g.x both occur.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.groups import Draws, Group, Window
from isotropy.measure._significance import randomisation_test
from isotropy.random import derive
from isotropy.reps import Rep

_ROWS = 4000  # rows that the classifier sees; more only sharpens the p-value of differences too small to matter
_NEIGHBOURS = 5
_SMALL_SHIFT = 0.1


@dataclass(frozen=True)
class InputTest:
    """Do x and g.x have the same law, and how much of the moved data lies on the data?

    ``shift`` is a lower estimate of the total variation distance between x and g.x (twice the accuracy of a
    classifier on held-out rows, less one); ``overlap`` the share of moved inputs that lie where data are.
    """

    p_value: float
    shift: float
    overlap: float

    @property
    def invariant(self) -> bool:
        """No difference found, or one too small to matter (below 10 % of the probability mass)."""
        return self.p_value >= 0.05 or self.shift < _SMALL_SHIFT


def input_invariance_test(
    x: Float[Tensor, "n p"],
    candidate: Group | Window,
    rep_in: Rep,
    *,
    unit: Int[Tensor, " n"] | None = None,
    draws: int = 16,
    generator: torch.Generator,
) -> InputTest:
    """Two-sample test between x and g.x by a classifier, exact by randomisation, and the overlap of the two.

    Half of the units train the classifier and serve as reference points; the other half are scored where they are
    and where the group moves them. Rows of one unit move together.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> input_invariance_test(x, parse("SO(2)"), Vector, generator=torch.Generator().manual_seed(1)).invariant
    True
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    labels = torch.arange(len(x)) if unit is None else unit
    if len(x) > _ROWS:
        kept = torch.randperm(len(x), generator=generator)[:_ROWS]
        x, labels = x[kept], labels[kept]
    rows = torch.unique(labels, return_inverse=True)[1]
    units = int(rows.max()) + 1
    orbit = Draws.of(candidate, draws).take(units, generator, dtype=x.dtype)
    moved = rep_in.act(orbit.group, orbit.rows(rows), x[:, None, :])
    if orbit.complete:
        moved = moved[:, 1:]
    at = torch.randint(0, moved.shape[1], (units,), generator=generator)[rows]
    once = moved[torch.arange(len(x)), at]

    training = (torch.randperm(units, generator=generator) < units // 2)[rows]
    seed = derive(int(torch.randint(0, 2**31, (1,), generator=generator)), "classifier") % 2**32
    classifier = HistGradientBoostingClassifier(max_leaf_nodes=15, random_state=seed)
    classifier.fit(torch.cat([x[training], once[training]]).numpy(), np.repeat([0, 1], [int(training.sum())] * 2))

    def score(points: Tensor) -> Tensor:
        return torch.from_numpy(classifier.decision_function(points.numpy()))

    rest = ~training
    unmoved, moved_once = score(x[rest]), score(once[rest])
    accuracy = 0.5 * float((unmoved < 0).double().mean() + (moved_once >= 0).double().mean())
    orbit_scores = torch.cat(
        [unmoved[:, None], score(moved[rest].flatten(0, 1)).unflatten(0, moved[rest].shape[:2])], 1
    )
    p_value = randomisation_test(orbit_scores, rows[rest], generator=generator)
    shift = max(2 * accuracy - 1, 0.0)
    return InputTest(p_value, shift, min(1 - shift, overlap(x[training], x[rest], once[rest])))


def overlap(reference: Float[Tensor, "r p"], data: Float[Tensor, "s p"], moved: Float[Tensor, "s p"]) -> float:
    """Share of moved points as near to the reference data as 95 % of other data are (distance to the 5th neighbour).

    >>> x = torch.linspace(0, 1, 60, dtype=torch.float64)[:, None]
    >>> overlap(x[::2], x[1::2], x[1::2] + 5)
    0.0
    """
    from sklearn.neighbors import NearestNeighbors

    tree = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(reference))).fit(reference.numpy())

    def distance(rows: Tensor) -> np.ndarray:
        return tree.kneighbors(rows.numpy())[0][:, -1]

    limit = np.quantile(distance(data), 0.95)
    return float((distance(moved) <= limit).mean())
