"""What has to hold: the shapes of specification 09 §4.2 to 4.4, made before the run."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isotropy.experiments.invariance_constrained._beyond import KINDS
from isotropy.experiments.invariance_constrained._config import (
    BEYOND,
    DATA,
    EITHER_WAY,
    FEASIBLE,
    HALF_ALONE,
    HARMFUL,
    KNOWN,
    MOTIONS,
    OTHERS,
)
from isotropy.experiments.invariance_constrained._result import InvarianceConstrained
from isotropy.study import Claim, Value, at_least, at_most, of

POINT = 0.01


def smallest_in_every_seed(data: str) -> Claim[InvarianceConstrained]:
    """The multiplier of the motion that is in the data is the smallest of the three, in each seed."""
    present = DATA[data]

    def seeds(result: InvarianceConstrained) -> list[dict[str, float]]:
        by_motion = {m: result.values(KNOWN, f"{data}, multiplier of {m}", "all") for m in MOTIONS}
        return [{m: by_motion[m][i] for m in MOTIONS} for i in range(len(by_motion[present]))]

    return Claim(
        f"{data} digits: of three multipliers that of {present} is the smallest, in every seed",
        lambda r: all(min(seed, key=seed.__getitem__) == present for seed in seeds(r)),
        lambda r: "; ".join(", ".join(f"{m} {v:.2f}" for m, v in seed.items()) for seed in seeds(r)),
        frozenset({KNOWN}),
    )


def _accuracy(data: str, method: str) -> Value[InvarianceConstrained]:
    return of(KNOWN, f"{data}, accuracy", method)


def _claims() -> Iterator[Claim[InvarianceConstrained]]:
    for data in ("rotated", "translated", "scaled"):
        yield smallest_in_every_seed(data)
    for data in ("rotated", "translated"):
        gain = _accuracy(data, "matching") - _accuracy(data, "none")
        yield at_least(f"{data} digits: the matching constraint gains a point over none", gain, POINT)
    for data in ("rotated", "translated", "scaled"):
        cost = _accuracy(data, "matching") - _accuracy(data, "all")
        yield at_least(f"{data} digits: constraints on what is absent cost accuracy", cost, 0.0)
        even = _accuracy(data, "matching") - _accuracy(data, "uniform")
        yield at_least(
            f"{data} digits: the matching constraint is within a point of uniform augmentation", even, -POINT
        )
        more = _accuracy(data, "uniform") - _accuracy(data, "worst")
        yield at_least(f"{data} digits: uniform augmentation does at least as well as the worst of eight", more, 0.0)
    acceptances = [of(KNOWN, f"{data}, acceptance of {motion}", "all") for data in DATA for motion in MOTIONS]
    yield at_most("on average at most nine in ten proposals are accepted", acceptances, 0.9)
    yield at_least("on average at least six in ten are", acceptances, 0.6)
    yield at_least("a bound from suggest_bound settles in every seed", of(FEASIBLE, "settled", "rotation"), 1.0)
    warned, settled, loss = "called infeasible", "settled", "loss under hard half turns, last epoch"
    yield at_least("{6, 9}, either way up, is called infeasible in every seed", of(HARMFUL, warned, EITHER_WAY), 1.0)
    yield at_most("and settles in none", of(HARMFUL, settled, EITHER_WAY), 0.0)
    # The model moves while the batches of an epoch are met, so that twins are asked of slightly different ones.
    yield at_least("its loss stays at ln 2 or above", of(HARMFUL, loss, EITHER_WAY), math.log(2) - 0.01)
    yield at_least("without 6 and 9 it settles in every seed", of(HARMFUL, settled, OTHERS), 1.0)
    yield at_least("and so it does under the half turn alone", of(HARMFUL, settled, HALF_ALONE), 1.0)
    for kind in KINDS:
        gain = of(BEYOND, f"{kind}, moved", "constrained") - of(BEYOND, f"{kind}, moved", "none")
        yield at_least(f"{kind}: the same call gains five points on moved rows", gain, 0.05)


CLAIMS = tuple(_claims())
