"""The shapes that must hold (§4.1-4.3): equal columns, gaps that no similarity changes, embeddings that serve."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from isotropy.experiments.transformation_invariant._cities import VIEWS
from isotropy.experiments.transformation_invariant._classifiers import METHODS
from isotropy.experiments.transformation_invariant._config import Config
from isotropy.study import Claim, Scored, Value, at_least, at_most, below, moved, of, rising

POINT = 0.01
RELATIVE = 1e-4  # of the length of a tour
_EQUAL = 0.1 * POINT + 1e-12  # a share is a count over clouds: 0.1 points and rounding, no more
_PLAIN, _MOMENT, _NAIVE = (METHODS[key] for key in ("plain", "moment", "naive"))
_RAW, _CENTRED, _INVARIANT = (VIEWS[key] for key in ("raw", "centred", "invariant"))
_MOVED = ("rotated", "translated", "times 10", "times 0.1", "all together")
_cloud = partial(of, "clouds")
_gap = partial(of, "tours")
_turning = partial(moved, "clouds", "I/I", "I/SO3")


def _stretch(view: str, *moves: str) -> Value[Scored]:
    """How far moves change the mean length of a seed's tours, relative to it, in the worst seed."""

    def value(result: Scored) -> float:
        same, *others = (result.score("tours", move, view).values for move in ("same", *moves))
        pairs = [pair for moved in others for pair in zip(moved, same, strict=True)]
        return max(abs((1 + moved) / (1 + same) - 1) for moved, same in pairs)

    return Value(value, frozenset({"tours"}))


CLAIMS: tuple[Claim[Scored], ...] = (
    at_most("clouds: Tinv (moment signs) has I/SO3 = I/I to 0.1 points in every seed", _turning(_MOMENT), _EQUAL),
    at_least("clouds: Tinv (moment signs) recognises at least 83 % of turned clouds", _cloud("I/SO3", _MOMENT), 0.83),
    at_least(
        "clouds: Tinv (moment signs) is at least 10 points above the PointNet trained on turned clouds",
        _cloud("I/SO3", _MOMENT) - _cloud("SO3/SO3", _PLAIN),
        10 * POINT,
    ),
    at_most("clouds: the mean over 8 signs has I/SO3 = I/I to 0.1 points", _turning(METHODS["augment"]), _EQUAL),
    at_most("clouds: frame averaging has I/SO3 = I/I to 0.1 points", _turning(METHODS["frame"]), _EQUAL),
    at_most("clouds: SignNet has I/SO3 = I/I to 0.1 points", _turning(METHODS["signnet"]), _EQUAL),
    at_least(
        "clouds: the PointNet on raw coordinates loses at least 50 points by turning",
        _cloud("I/I", _PLAIN) - _cloud("I/SO3", _PLAIN),
        50 * POINT,
    ),
    at_least(
        "clouds: naive MDS without a sign rule loses at least 1 point by turning",
        _cloud("I/I", _NAIVE) - _cloud("I/SO3", _NAIVE),
        POINT,
    ),
    at_most("tours: Tinv-AM within 6 % of the optimum on the unit square", _gap("same", _INVARIANT), 0.06),
    at_most("tours: Tinv-AM within 6 % after all moves together", _gap("all together", _INVARIANT), 0.06),
    at_most(
        "tours: no move changes the length of Tinv-AM's tours by 1e-4, in every seed",
        _stretch(_INVARIANT, *_MOVED),
        RELATIVE,
    ),
    at_least(
        "tours: the gap on raw coordinates grows fivefold by translation, by scaling, and by all moves",
        [_gap(move, _RAW) - _gap("same", _RAW) * 5 for move in ("translated", "times 10", "times 0.1", "all together")],
        0,
    ),
    below("tours: the gap on raw coordinates exceeds 100 % after all moves", 1, _gap("all together", _RAW)),
    at_most(
        "tours: centring and dividing is as exact as Tinv-AM under translation and scaling",
        _stretch(_CENTRED, "translated", "times 10", "times 0.1"),
        RELATIVE,
    ),
    rising(
        "tours: under rotation it is not", (_stretch(_INVARIANT, "rotated"), RELATIVE, _stretch(_CENTRED, "rotated"))
    ),
    below("TSPLIB, up to 200 cities: Tinv-AM greedy below 30 %", _gap("TSPLIB, greedy", _INVARIANT), 0.3),
    below("TSPLIB, up to 200 cities: Tinv-AM and 2-opt below 7 %", _gap("TSPLIB, improved", _INVARIANT), 0.07),
    at_least(
        "TSPLIB: the attention model on raw coordinates collapses (three times the greedy gap of Tinv-AM)",
        _gap("TSPLIB, greedy", _RAW) - _gap("TSPLIB, greedy", _INVARIANT) * 3,
        0,
    ),
)


def claims_of(config: Config) -> Iterator[Claim[Scored]]:
    """Those above, and what holds of embeddings in the dimensions that are tried; the sentences say what counts."""
    flat, *more = (of("distances", "gap", f"MDS, k={k}") for k in sorted(config.graphs.dimensions))
    text = "distances: tours found in the embedding cost at most 10 % more, for every k from 2 to 8"
    best = below("distances: tours found at k = 8 are shorter than at k = 2", [flat, *more][-1], flat)
    for claim in (*CLAIMS, at_most(text, [flat, *more], 0.1), best):
        yield replace(claim, numbers=None)
