"""What must hold of the numbers: theorems exactly, measurements within the bars of the specification."""

from __future__ import annotations

import math

from isotropy.experiments.optics._config import FINITE, POSES, REVERSIBLE, SPECTRUM, TRANSFORMER, UNEQUAL
from isotropy.optics.parts import extra_forwards
from isotropy.study import Claim, Score, Scored, at_most, of

KNOWN = {"2,2,2,2": (2576, 64), "1,2,2,2": (456, 8), "2,1,2,2": (56, 4), "2,2,1,2": (644, 16), "2,2,2,1": (360, 16)}
"""Optics with residuals of 1 to 3 elements, and lenses, as the specification counted them."""


def _components_are_lenses(result: Scored) -> bool:
    def count(setting: str, sets: str) -> float:
        return result.score(FINITE, setting, sets).mean

    methods = {line.method for line in result.lines(FINITE)}
    return all(
        count("components", sets) == count("lenses", sets) == KNOWN[sets][1]
        and count("components of several lenses", sets) == count("optics without one 2-cell from their lens", sets) == 0
        for sets in methods
    )


def _gets_by_the_books(result: Scored) -> bool:
    for line in result.lines(SPECTRUM, "gets"):
        n = int(line.setting.split()[0])
        kind, _, detail = line.method.partition(", ")
        expected = {"left": n * (n - 1) // 2, "balanced": int(n * math.log2(n) / 2), "right": n - 1, "": 0}
        wanted = extra_forwards(n, int(detail)) if kind == "optimal" else expected[detail]
        if line.mean != wanted:
            return False
    return True


def _never_worse(result: Scored) -> bool:
    """At the peak of equal segments a plan takes no more than 3 % more operations."""
    return all(_operations(result, line) >= line.mean / 1.03 for line in result.lines(UNEQUAL, "^planned.*operations"))


def _operations(result: Scored, planned: Score) -> float:
    segments = planned.setting.split("of ")[1].split(" ")[0]
    return result.score(UNEQUAL, f"{segments} segments, operations", planned.method).mean


def _clearly_better(result: Scored) -> bool:
    lines = result.lines(UNEQUAL, "^planned.*operations")
    return sum(_operations(result, line) > 1.03 * line.mean for line in lines if line.method == "convolutions") >= 2


def _predicted(result: Scored) -> bool:
    return all(0.95 <= line.mean <= 1.05 for line in result.lines(UNEQUAL, "predicted"))


def _same_bits(result: Scored) -> bool:
    lines = [*result.lines(SPECTRUM, "other bits"), *result.lines(TRANSFORMER, "other bits")]
    return all(line.mean == 0 for line in lines)


def _flat(result: Scored) -> bool:
    peaks = [line.mean for line in result.lines(REVERSIBLE, "peak$") if line.method == "float64"]
    return max(peaks) <= 1.05 * min(peaks)


def _told(result: Scored) -> bool:
    return all(
        line.mean
        <= result.score(REVERSIBLE, line.setting.split(",")[0] + ", drift that the plan tells", line.method).mean
        for line in result.lines(REVERSIBLE, "error")
    )


def _known_counts(result: Scored) -> bool:
    lines = result.lines(FINITE, "^optics$")
    return all(line.mean == KNOWN[line.method][0] for line in lines)


def _about(task: str, *more: str) -> frozenset[str]:
    return frozenset({task, *more})


CLAIMS: tuple[Claim[Scored], ...] = (
    Claim("finite: as many components as lenses, one lens in each, one 2-cell from it to each optic",
          _components_are_lenses, tasks=_about(FINITE)),
    Claim("finite: the counts of the specification, 2576 on (2,2) -> (2,2)", _known_counts, tasks=_about(FINITE)),
    Claim("spectrum: gets are n(n-1)/2, (n/2) log2 n, n-1, and P(n, s) with s values", _gets_by_the_books,
          tasks=_about(SPECTRUM)),
    Claim("no weight has a gradient with other bits than plain autograd's", _same_bits,
          tasks=_about(SPECTRUM, TRANSFORMER)),
    Claim("unequal chains: at equal bytes at most 3 % above equal segments", _never_worse, tasks=_about(UNEQUAL)),
    Claim("convolutions: at two points at least more than 3 % below equal segments", _clearly_better,
          tasks=_about(UNEQUAL)),
    Claim("unequal chains: measured peaks within 5 % of the predicted ones", _predicted, tasks=_about(UNEQUAL)),
    at_most("transformer: half the peak", of(TRANSFORMER, "peak", "planned"), 0.5 * 1.02),
    at_most("transformer: at most 1.35 times the time", of(TRANSFORMER, "time", "planned"), 1.35),
    at_most("poses: the optic keeps nine numbers, a weight and two indices, not the cloud",
            of(POSES, "kept by the optic", "SVD frame"), (9 + 1 + 2) * 8),
    at_most("poses: GetPut within 1e-12", of(POSES, "GetPut", "SVD frame"), 1e-12),
    at_most("poses: equivariance within 1e-12", of(POSES, "equivariance", "SVD frame"), 1e-12),
    at_most("poses: optic and lens have equal gradients, to 1e-12",
            of(POSES, "gradients, optic and lens", "SVD frame"), 1e-12),
    Claim("reversible: activations at the peak are the same for all depths", _flat, tasks=_about(REVERSIBLE)),
    Claim("reversible: gradients are off by no more than the plan tells", _told, tasks=_about(REVERSIBLE)),
)  # fmt: skip
