"""The shapes that ought to hold (§4); nobody had run them when they were written down."""

from collections.abc import Iterator
from functools import partial

from isotropy.experiments.piecewise._config import Config
from isotropy.experiments.piecewise._networks import METHODS, OURS
from isotropy.experiments.piecewise._trials import CERTIFICATE, EXACT, GROUPS, PEOPLE, ROOMS, SOFT, SUBJECTS
from isotropy.study import Claim, Scored, Value, at_least, at_most, below, each, highest, of

_OTHERS = tuple(method for method in METHODS if method != OURS)
_miou, _room, _who = partial(of, PEOPLE), partial(of, ROOMS), partial(of, SUBJECTS)


def _best(task: str, setting: str) -> Value[Scored]:
    """The highest mean of another method."""
    return highest(each(task, setting, _OTHERS))


def _drop(method: str) -> Value[Scored]:
    return _miou("poses as learnt", method) - _miou("unseen poses", method)


def _turning(setting: str) -> Value[Scored]:
    return _miou(setting, OURS) - _miou(f"{setting}, turned", OURS)


def claims_of(config: Config) -> Iterator[Claim[Scored]]:
    """What the configuration can decide."""
    exact = [of(EXACT, cells, group) for cells in ("true cells", "finer cells", "one cell") for group in GROUPS]
    yield at_most("E1: true cells, finer ones and one cell are exact to 1e-10 for all four groups", exact, 1e-10)
    single = [of(EXACT, "true cells, float32", group) for group in GROUPS]
    yield at_most("E1: in single precision to 1e-4", single, 1e-4)
    yield at_least(
        "E1: a frame of the whole is not, when parts move", of(EXACT, "one cell, parts moving", "E(3)"), 1e-3
    )
    yield at_most("E2: ours loses at most 5 points in unseen poses", _drop(OURS), 5)
    yield at_least("E2: every other method loses at least 10", [_drop(method) for method in _OTHERS], 10)
    for setting in ("unseen poses", "recorded hop"):
        ahead = _miou(setting, OURS) - _best(PEOPLE, setting)
        yield at_least(f"E2: ours is ahead of all others by 8 points ({setting})", ahead, 8)
    settings = ("poses as learnt", "unseen poses", "recorded hop")
    yield at_most("E2: turning the clouds costs ours at most half a point", [_turning(each) for each in settings], 0.5)
    density = _miou("poses as learnt", OURS) - _miou("other density", OURS)
    yield at_most("E2: another density costs ours at most 5 points", density, 5)
    twice = _who("unseen poses", OURS) - _best(SUBJECTS, "unseen poses") * 2
    yield at_least("E3: ours recognises at least twice as many as the best other", twice, 0)
    good = _room("easy, other, rooms of 8 with 80", OURS)
    yield at_least("E4: ours has 80 or more in at least 6 of 8 rooms with other furniture", good, 6)
    ahead = _room("easy, other", OURS) - _best(ROOMS, "easy, other")
    yield at_least("E4: all others are at least 15 points lower", ahead, 15)
    K = config.cells.cells
    never = [of(CERTIFICATE, f"violated, K={k}", OURS) for k in K]
    yield at_most("E5: the bound is never violated", never, 0)
    clean = [of(CERTIFICATE, f"worst exact, K={k}", OURS) for k in K]
    yield at_most("E5: exact points have no error (1e-8)", clean, 1e-8)
    fine = [k for k in K if k < config.cells.points]
    vacuous = [of(CERTIFICATE, f"lambda, K={k}", OURS) for k in fine]
    yield at_least("E5: the probability of the paper is 1 for every K below N", vacuous, 1)
    if config.cells.points in K:
        name = f"measured, K={config.cells.points}"
        yield at_most("E5: of single points the error is zero (1e-12)", of(CERTIFICATE, name, OURS), 1e-12)
    yield at_most("E6: phi_III is exact where cells are pure and stay (1e-10)", of(SOFT, "clean", "phi_III"), 1e-10)
    yield below("E6: phi_I is not exact there (1e-9)", 1e-9, of(SOFT, "clean", "phi_I"))
