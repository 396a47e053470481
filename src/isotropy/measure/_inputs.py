"""What the inputs alone say: is their law invariant, and do moved inputs still lie where there are data?

A symmetry of the map x -> y can only be learnt from data where x and g.x both occur. Each connected component of the
group is asked by itself: of molecules of one hand no mirror image occurs, though every rotation does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.groups import Drawn, Draws, Group, Window
from isotropy.measure._breaking import clustered_mean
from isotropy.measure._classifier import classifier
from isotropy.measure._cosets import cosets, number_of
from isotropy.measure._significance import randomisation_test
from isotropy.reps import Rep

_ROWS = 4000  # rows that the classifier sees; more only sharpens the p-value of differences too small to matter
_NEIGHBOURS = 5
_BEYOND = 1 + 1e-9  # rounding of a distance and of its square
_SMALL_SHIFT = 0.1
_DIFFERENT = 0.05  # the p-value below which x and g.x differ in law
_ONE_SIDED = 1.645  # standard errors to a one-sided 95 % end
_FEWEST_MOVED = 20  # rows moved by one kind of element; of fewer its overlap is no figure
_OWN_CLASSIFIERS = 3
_SEEN = 0.2  # data at least a fifth as dense as the moved rows: there they can be compared
# A value met twice among fewer than this share of lone ones is chance; more of them are rounded or lie on a grid.
_TIED = 0.05


@dataclass(frozen=True)
class InputTest:
    """Do x and g.x have the same law, and how much of the moved data lies on the data?

    ``p_value`` is that of one law. ``shift`` is a lower estimate of the total variation distance between x and g.x
    (twice the accuracy of a classifier on held-out rows, less one), ``shift_high`` its one-sided 95 % upper end where a
    difference was found; ``overlap`` the share of moved inputs that lie where data are. All are those of the worst of
    the ``components``, kinds of elements with the overlap of each; ``lows`` are the one-sided 95 % lower ends of these.
    """

    p_value: float
    shift: float
    overlap: float
    components: tuple[tuple[str, float], ...] = ()
    shift_high: float = 0.0
    lows: tuple[float, ...] = ()

    @property
    def overlap_low(self) -> float:
        """The lower end of the worst overlap."""
        return min(self.lows, default=self.overlap)

    @property
    def invariant(self) -> bool:
        """No difference found, or one that is surely too small to matter (below 10 % of the probability mass)."""
        return self.p_value >= _DIFFERENT or self.shift_high < _SMALL_SHIFT


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
    and where the group moves them, by elements of each connected component. Rows of one unit move together. The
    classifier also sees products and oriented volumes of the vectors; rounded columns get a jitter of their resolution.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> input_invariance_test(x, parse("SO(2)"), Vector, generator=torch.Generator().manual_seed(1)).invariant
    True
    """
    x, moved, rows, orbit = _moved(x, candidate, rep_in, unit, draws, generator)
    units = int(rows.max()) + 1
    kinds, names = cosets(orbit)
    kinds = kinds.expand(units, -1)[:, int(orbit.complete) :]
    training = (torch.randperm(units, generator=generator) < units // 2)[rows]
    near = near_data(x[training], x[~training])
    found: list[_Component] = []
    # A classifier for each component sees it best; of many kinds each would have few rows, and they share one.
    together = len(names) > _OWN_CLASSIFIERS
    anything = number_of(torch.zeros_like(kinds), 0, generator)[rows]
    score = None
    for kind, name in enumerate(names):
        which = number_of(kinds, kind, generator)[rows]
        has = which >= 0
        if int((has & ~training).sum()) < min(_FEWEST_MOVED, int((~training).sum())):
            continue
        if score is None or not together:
            taught = (anything if together else which)[training]
            copies = moved[training][torch.arange(len(taught)), taught.clamp_min(0)][taught >= 0]
            score = classifier(x[training], copies, rep_in, orbit.group, generator)
        rest = has & ~training
        there = moved[rest][torch.arange(int(rest.sum())), which[rest]]
        pair = torch.stack([score(x[rest]), score(there)], 1)
        own_unit = torch.unique(rows[rest], return_inverse=True)[1]
        if len(names) == 1:  # the whole group: all draws of an orbit are exchangeable
            others = score(moved[rest].flatten(0, 1)).unflatten(0, moved[rest].shape[:2])
            p = randomisation_test(torch.cat([pair[:, :1], others], 1), own_unit, generator=generator)
        else:
            p = randomisation_test(pair, own_unit, generator=generator)
        stays, goes = (pair[:, 0] < 0).double(), (pair[:, 1] >= 0).double()
        shift = max(float(stays.mean() + goes.mean()) - 1, 0.0)
        high = shift + _ONE_SIDED * clustered_mean((stays + goes)[None], own_unit)[0]
        beside = near(there).double()
        near_low = float(beside.mean()) - _ONE_SIDED * clustered_mean(beside[None], own_unit)[0]
        found.append(_Component(name, p, shift, high, float(beside.mean()), near_low))
    several = max(len(found), 1)
    surely = [each for each in found if several * each.p_value < _DIFFERENT]
    if not found:
        return InputTest(1.0, 0.0, 1.0)  # nothing but the identity was drawn
    return InputTest(
        min(1.0, several * min(each.p_value for each in found)),
        max([sum(each.shift for each in found) / several, *(each.shift for each in surely)]),
        min(each.overlap for each in found),
        tuple((each.name, each.overlap) for each in found),
        max([each.shift_high for each in surely], default=0.0),
        tuple(each.low(found=several * each.p_value < _DIFFERENT) for each in found),
    )


@dataclass(frozen=True)
class _Component:
    """What a classifier and distances say of rows moved by one kind of element, with one-sided 95 % ends."""

    name: str
    p_value: float
    shift: float
    shift_high: float
    near: float
    near_low: float

    @property
    def overlap(self) -> float:
        return min(1 - self.shift, self.near)

    def low(self, *, found: bool) -> float:
        """The lower end of the overlap. The interval of a difference counts where one was ``found``."""
        return max(min(self.overlap, self.near_low, 1 - self.shift_high if found else 1.0), 0.0)


def inputs_seen(
    x: Float[Tensor, "n p"],
    candidate: Group | Window,
    rep_in: Rep,
    *,
    unit: Int[Tensor, " n"] | None = None,
    generator: torch.Generator,
) -> Callable[[Tensor], Tensor]:
    """Which moved inputs have data near them: a function of points ``(..., p)`` to a mask ``(...)``.

    A point is seen where it is as near to the data as data are to each other, and where a classifier between data and
    moved data gives the data at least a fifth of the density of the others. Where inputs cover half of the orbits, a
    reading restricted to seen points speaks of these inputs.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> x = torch.randn(600, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> x[:, 0] = x[:, 0].abs()
    >>> seen = inputs_seen(x, parse("SO(2)"), Vector, generator=torch.Generator().manual_seed(1))
    >>> seen(torch.tensor([[1.0, 0.3], [-1.0, 0.3]], dtype=torch.float64)).tolist()
    [True, False]
    """
    x, moved, _, orbit = _moved(x, candidate, rep_in, unit, 3, generator)
    score = classifier(x, moved.flatten(0, 1), rep_in, orbit.group, generator)
    half = torch.randperm(len(x), generator=generator) < len(x) // 2
    near, limit = near_data(x[half], x[~half]), -float(np.log(_SEEN))

    def seen(points: Float[Tensor, "... p"]) -> Bool[Tensor, ...]:
        flat = points.reshape(-1, points.shape[-1])
        found = near(flat)
        if bool(found.any()):  # the classifier reads nothing from no rows
            found[found.clone()] = score(flat[found]) <= limit
        return found.reshape(points.shape[:-1])

    return seen


def _moved(
    x: Float[Tensor, "n p"],
    candidate: Group | Window,
    rep_in: Rep,
    unit: Int[Tensor, " n"] | None,
    draws: int,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "m p"], Float[Tensor, "m M p"], Int[Tensor, " m"], Drawn]:
    """At most so many rows, off the grid of rounded columns; the same moved (but by no identity), the unit of each."""
    labels = torch.arange(len(x)) if unit is None else unit
    if len(x) > _ROWS:
        kept = torch.randperm(len(x), generator=generator)[:_ROWS]
        x, labels = x[kept], labels[kept]
    rows = torch.unique(labels, return_inverse=True)[1]
    orbit = Draws.of(candidate, draws).take(int(rows.max()) + 1, generator, dtype=x.dtype)
    x = _jittered(x, orbit, rep_in, generator)
    moved = rep_in.act(orbit.group, orbit.rows(rows), x[:, None, :])
    return x, moved[:, int(orbit.complete) :], rows, orbit


def _jittered(x: Float[Tensor, "n p"], orbit: Drawn, rep: Rep, generator: torch.Generator) -> Float[Tensor, "n p"]:
    """Rounded columns that the group moves, spread evenly over the steps of their grid.

    Without it a classifier would tell moved rows by their being off the grid, which is no fact about their law.
    """
    moves = rep.act(orbit.group, orbit.rows(torch.zeros(len(x), dtype=torch.int64)), x[:, None]) != x[:, None]
    moves = moves.any(0).any(0)
    spread = torch.rand(x.shape, generator=generator, dtype=x.dtype) - 0.5
    jitter = torch.zeros_like(x)
    for column in moves.nonzero()[:, 0].tolist():
        values, place, count = torch.unique(x[:, column], return_inverse=True, return_counts=True)
        if len(values) < 2 or int((count > 1).sum()) < _TIED * len(values):
            continue
        gap = values.diff()
        step = torch.minimum(torch.cat([gap[:1], gap]), torch.cat([gap, gap[-1:]]))
        jitter[:, column] = step.clamp_max(2 * float(gap.median()))[place]
    return x + jitter * spread


def near_data(reference: Float[Tensor, "r p"], data: Float[Tensor, "s p"]) -> Callable[[Tensor], Tensor]:
    """Which points are as near to the reference data as 95 % of other data are (distance to the 5th neighbour)."""
    tree, nth = scipy.spatial.KDTree(reference.numpy()), [min(_NEIGHBOURS, len(reference))]

    def distance(rows: Tensor, within: float = math.inf) -> np.ndarray:
        return np.asarray(tree.query(rows.numpy(), k=nth, distance_upper_bound=within)[0])[:, 0]

    limit = float(np.quantile(distance(data), 0.95))
    # A search that ends at the limit is several times faster; a little beyond it, since the end itself counts.
    return lambda rows: torch.from_numpy(distance(rows, _BEYOND * limit or math.inf) <= limit)


def overlap(reference: Float[Tensor, "r p"], data: Float[Tensor, "s p"], moved: Float[Tensor, "s p"]) -> float:
    """Share of moved points as near to the reference data as 95 % of other data are (distance to the 5th neighbour).

    >>> x = torch.linspace(0, 1, 60, dtype=torch.float64)[:, None]
    >>> overlap(x[::2], x[1::2], x[1::2] + 5)
    0.0
    """
    return float(near_data(reference, data)(moved).double().mean())
