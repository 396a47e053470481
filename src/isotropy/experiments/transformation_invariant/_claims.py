"""The shapes that must hold (§4.1-4.3): equal columns, gaps that no similarity changes, embeddings that serve."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable

from isotropy.experiments._claims import Claim
from isotropy.experiments.transformation_invariant._names import METHODS, VIEWS
from isotropy.experiments.transformation_invariant._records import Values
from isotropy.experiments.transformation_invariant._result import TransformationInvariance

Test = Callable[[TransformationInvariance], bool]
POINT = 0.01
RELATIVE = 1e-4  # of the length of a tour
_PLAIN, _MOMENT, _NAIVE = (METHODS[key] for key in ("plain", "moment", "naive"))
_RAW, _CENTRED, _INVARIANT = (VIEWS[key] for key in ("raw", "centred", "invariant"))


def equal_columns(method: str) -> Test:
    """Whether turning the test clouds changes the accuracy by at most 0.1 points, in every seed."""

    def holds(result: TransformationInvariance) -> bool:
        one = result.cloud(method)
        # A share is a count over clouds: 0.1 points and rounding, no more.
        return all(abs(a - b) <= 0.1 * POINT + 1e-12 for a, b in zip(one.standing, one.turned, strict=True))

    return holds


def falls(method: str, points: float) -> Test:
    """Whether turning the test clouds costs at least so many points, on average."""
    return lambda result: mean(result.cloud(method).standing) - mean(result.cloud(method).turned) >= points * POINT


def still(method: str, moves: Iterable[str]) -> Test:
    """Whether every seed's tours are, on average, as long after each of the moves as before, to 1e-4."""

    def holds(result: TransformationInvariance) -> bool:
        gaps = result.tour(method).greedy
        return all(
            abs((1 + moved) / (1 + same) - 1) <= RELATIVE
            for move in moves
            for moved, same in zip(gaps[move], gaps["same"], strict=True)
        )

    return holds


def mean(values: Values) -> float:
    """The mean over seeds; raises ``KeyError`` where nothing was measured."""
    if not values:
        raise KeyError("no seeds")
    return statistics.fmean(values)


def gap(method: str, move: str) -> Callable[[TransformationInvariance], float]:
    """The mean greedy gap of a method after a move."""
    return lambda result: mean(result.tour(method).greedy[move])


def real_gap(method: str, measure: str) -> Callable[[TransformationInvariance], float]:
    """The mean gap of a method on TSPLIB."""
    return lambda result: mean(result.tour(method).real[measure])


def explodes(result: TransformationInvariance) -> bool:
    """Whether the gap on raw coordinates grows at least five times under translation, either scaling, and all."""
    return all(
        gap(_RAW, move)(result) >= 5 * gap(_RAW, "same")(result)
        for move in ("translated", "times 10", "times 0.1", "all together")
    )


def embeddings_serve(result: TransformationInvariance) -> bool:
    """Whether tours found in an embedding cost at most 10 % more on the roads, in every dimension."""
    gaps = [mean(one.gap) for one in result.embeddings if one.dimension]
    return bool(gaps) and max(gaps) <= 0.1


def more_dimensions_help(result: TransformationInvariance) -> bool:
    """Whether the largest dimension gives shorter tours than the smallest."""
    gaps = {one.dimension: mean(one.gap) for one in result.embeddings if one.dimension}
    return gaps[max(gaps)] < gaps[min(gaps)]


_MOVED = ("rotated", "translated", "times 10", "times 0.1", "all together")
CLAIMS: tuple[Claim[TransformationInvariance], ...] = (
    Claim("clouds: Tinv (moment signs) has I/SO3 = I/I to 0.1 points in every seed", equal_columns(_MOMENT)),
    Claim(
        "clouds: Tinv (moment signs) recognises at least 83 % of turned clouds",
        lambda result: mean(result.cloud(_MOMENT).turned) >= 0.83,
    ),
    Claim(
        "clouds: Tinv (moment signs) is at least 10 points above the PointNet trained on turned clouds",
        lambda result: mean(result.cloud(_MOMENT).turned) - mean(result.cloud(_PLAIN).augmented) >= 10 * POINT,
    ),
    Claim("clouds: the mean over 8 signs has I/SO3 = I/I to 0.1 points", equal_columns(METHODS["augment"])),
    Claim("clouds: frame averaging has I/SO3 = I/I to 0.1 points", equal_columns(METHODS["frame"])),
    Claim("clouds: SignNet has I/SO3 = I/I to 0.1 points", equal_columns(METHODS["signnet"])),
    Claim("clouds: the PointNet on raw coordinates loses at least 50 points by turning", falls(_PLAIN, 50)),
    Claim("clouds: naive MDS without a sign rule loses at least 1 point by turning", falls(_NAIVE, 1)),
    Claim(
        "tours: Tinv-AM within 6 % of the optimum on the unit square",
        lambda result: gap(_INVARIANT, "same")(result) <= 0.06,
    ),
    Claim(
        "tours: Tinv-AM within 6 % after all moves together",
        lambda result: gap(_INVARIANT, "all together")(result) <= 0.06,
    ),
    Claim("tours: no move changes the length of Tinv-AM's tours by 1e-4, in every seed", still(_INVARIANT, _MOVED)),
    Claim("tours: the gap on raw coordinates grows fivefold by translation, by scaling, and by all moves", explodes),
    Claim(
        "tours: the gap on raw coordinates exceeds 100 % after all moves",
        lambda result: gap(_RAW, "all together")(result) > 1,
    ),
    Claim(
        "tours: centring and dividing is as exact as Tinv-AM under translation and scaling",
        still(_CENTRED, ("translated", "times 10", "times 0.1")),
    ),
    Claim(
        "tours: under rotation it is not",
        lambda result: not still(_CENTRED, ("rotated",))(result) and still(_INVARIANT, ("rotated",))(result),
    ),
    Claim(
        "TSPLIB, up to 200 cities: Tinv-AM greedy below 30 %",
        lambda result: real_gap(_INVARIANT, "greedy")(result) < 0.3,
    ),
    Claim(
        "TSPLIB, up to 200 cities: Tinv-AM and 2-opt below 7 %",
        lambda result: real_gap(_INVARIANT, "improved")(result) < 0.07,
    ),
    Claim(
        "TSPLIB: the attention model on raw coordinates collapses (three times the greedy gap of Tinv-AM)",
        lambda result: real_gap(_RAW, "greedy")(result) >= 3 * real_gap(_INVARIANT, "greedy")(result),
    ),
    Claim("distances: tours found in the embedding cost at most 10 % more, for every k from 2 to 8", embeddings_serve),
    Claim("distances: tours found at k = 8 are shorter than at k = 2", more_dimensions_help),
)
