"""What must hold: claims (i) to (v) of specification 14 §4.2 with their intervals, and what theory says."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from isotropy.experiments.split_representation._config import (
    ABLATIONS,
    CEILINGS,
    CONTROL,
    EXACT,
    LATENT,
    METHODS,
    MLP,
    NO_VARIANCE,
    SHUFFLED,
    SPLIT,
    SWEEPS,
    Config,
)
from isotropy.study import Claim, Score, Scored, at_least, at_most, below, of

VICREG = "vicreg"
FEW_POINTS = 0.05  # of accuracy: "within a few points"
ABOVE_CHANCE = 0.1  # of a mean reciprocal rank, which a simulator that was taught nothing stays within
LEVEL_0 = 0.45  # of the mean reciprocal rank at 16 views, whose chance is .211 [14 §5.8]
UNTOLD, NO_ADVANTAGE = "l_equi = 0", 0.05  # of R2 [14 §5.7]
LOW, HIGH = 0.3, 0.5  # of the R2 of hues, in encoders that were not and that were told their changes

Line = tuple[str, str, str]
"""Task, setting, method."""


def claims(config: Config) -> Iterator[Claim[Scored]]:
    """Those that the level and the methods which run can decide."""
    ran = set(config.methods)
    if SPLIT in ran:
        yield from _separated(SPLIT, "", ran)
        if config.level == 0:
            text = "one axis: the simulator's mean reciprocal rank is above .45"
            yield at_least(text, of(*_mrr(SPLIT)), LEVEL_0)
    if EXACT in ran:
        yield from _separated(EXACT, "exact predictor: ", ran)
    if SPLIT in ran and NO_VARIANCE in config.ablations:
        yield clear(
            "(v) without the predictor's variance poses are told less well",
            _r2("equi"), (ABLATIONS, "rotation R2, equi", NO_VARIANCE),
        )  # fmt: skip
    if 0.0 in config.sweep:
        untold = [of(SWEEPS, f"rotation R2, {half}", UNTOLD) for half in ("equi", "inv")]
        text = "without the equivariant term its half has no advantage: R2 less that of the invariant half"
        yield at_most(text, untold[0] - untold[1], NO_ADVANTAGE)
    for method, name in ((SPLIT, "linear"), (EXACT, "exact")):
        if {method, MLP} <= ran:
            text = f"(iii) the {name} simulator finds views better than a network does"
            yield clear(text, _mrr(method), _mrr(MLP))
    if config.level == 2 and SPLIT in ran:
        yield at_most("(iv) hues that were not told are not kept", of(METHODS, "colour R2, equi", SPLIT), LOW)
        yield at_least("(iv) hues that were told are kept", of(METHODS, "colour R2, equi", "split-colour"), HIGH)
    shuffled = (CONTROL, "MRR", SHUFFLED)
    gap = of(*shuffled) - of(CONTROL, "chance MRR", SHUFFLED)
    yield at_most("poses that are shuffled in training teach no simulator: MRR less chance", gap, ABOVE_CHANCE)
    if {SPLIT, EXACT} <= ran:
        beyond = "MRR beyond, without itself"
        yield clear(
            "beyond the box the exact simulator finds views better than the linear one",
            (METHODS, beyond, EXACT), (METHODS, beyond, SPLIT),
        )  # fmt: skip
        law = of(METHODS, "group law, composition", EXACT)
        yield at_most("the exact simulator composes as turns do, in single precision", law, 1e-4)
    for numbers in ("irreps", "quaternions"):
        yield below(
            f"fitted to latents of the box, the exact predictor is better on Haar rotations than one of {numbers}",
            of(LATENT, "Haar rotations", "exact, from few pairs, then descent"),
            of(LATENT, "Haar rotations", f"linear in {numbers}"),
        )
    yield Claim(
        "assemblies have no symmetry, and symmetric families a ceiling below 1", _ceilings, _ceilings_told,
        frozenset({CEILINGS}),
    )  # fmt: skip


def _separated(method: str, who: str, ran: set[str]) -> Iterator[Claim[Scored]]:
    """Claims (i) to (iii) on the halves and the simulator of one method, beside VICReg where that ran."""
    equi = _r2("equi", method)
    if VICREG in ran:
        yield clear(f"(i) {who}the equivariant half tells poses better than VICReg", equi, _r2("all", VICREG))
        yield clear(
            f"(ii) {who}the invariant half names classes within a few points of VICReg",
            (METHODS, "top-1, inv", method), (METHODS, "top-1, all", VICREG), -FEW_POINTS,
        )  # fmt: skip
    yield clear(f"(i) {who}the equivariant half tells poses better than the invariant half", equi, _r2("inv", method))
    text = f"(iii) {who}the simulator finds views better than chance"
    yield clear(text, _mrr(method), _chance(method), ABOVE_CHANCE)


def _r2(half: str, method: str = SPLIT) -> Line:
    return METHODS, f"rotation R2, {half}", method


def _mrr(method: str) -> Line:
    return METHODS, "MRR", method


def _chance(method: str) -> Line:
    return METHODS, "chance MRR", method


def clear(text: str, one: Line, other: Line, least: float = 0.0) -> Claim[Scored]:
    """The claim that one line exceeds another by more than ``least``, twice the deviation over seeds allowed for.

    Differences are taken seed by seed. A single seed has no deviation, and does not decide unless it fails.
    """

    def holds(result: Scored) -> bool | None:
        low, _, _ = margin(result, one, other)
        return False if low <= least else None if len(result.score(*one).values) < 2 else True

    def numbers(result: Scored) -> str:
        low, mean, high = margin(result, one, other)
        first, second = (result.score(*line).mean for line in (one, other))
        several = len(result.score(*one).values) > 1
        interval = f"[{low:.3f}, {high:.3f}]" if several else "one seed, no interval"
        return f"{first:.3f} - {second:.3f} = {mean:.3f} {interval}" + (f" > {least:g}" if least else "")

    return Claim(text, holds, numbers, frozenset({one[0], other[0]}))


def margin(result: Scored, one: Line, other: Line) -> tuple[float, float, float]:
    """The difference of two lines, its mean over seeds and two standard deviations below and above."""
    pairs = zip(result.score(*one).values, result.score(*other).values, strict=True)
    differences = [first - second for first, second in pairs]
    mean = statistics.fmean(differences)
    wide = 2 * statistics.stdev(differences) if len(differences) > 1 else 0.0
    return mean - wide, mean, mean + wide


def _ceiling_lines(result: Scored) -> tuple[list[Score], list[Score]]:
    lines = result.lines(CEILINGS, "^ceiling of R2$")
    plain = [line for line in lines if line.method.startswith("assembly")]
    return plain, [line for line in lines if line not in plain]


def _ceilings(result: Scored) -> bool:
    plain, symmetric = _ceiling_lines(result)
    return all(line.mean > 1 - 1e-9 for line in plain) and all(line.mean < 0.95 for line in symmetric)


def _ceilings_told(result: Scored) -> str:
    plain, symmetric = ([line.mean for line in lines] for lines in _ceiling_lines(result))
    return f"assemblies {min(plain):.3f}; symmetric {min(symmetric):.3f} to {max(symmetric):.3f}"
