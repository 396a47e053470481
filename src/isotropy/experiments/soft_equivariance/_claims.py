"""The shapes that must hold (§5.3, §5.4): orderings of methods, the floor, the order of discovered levels."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, groupby

from isotropy.experiments._claims import Claim
from isotropy.experiments.soft_equivariance._records import Level
from isotropy.experiments.soft_equivariance._result import SoftEquivariance

BROKEN, WHOLE = "nu=-1, a=2", "nu=0"
_RESOLVED = 0.01  # true levels that differ by less are a tie
_SYMMETRIC = ("approximate", "absent")  # verdicts that an unbroken group must not get

Test = Callable[[SoftEquivariance], bool]


def below(setting: str, better: str, worse: str) -> Test:
    """Whether one method has a lower mean test error than another."""
    return lambda result: result.score(setting, better).mean < result.score(setting, worse).mean


def within_floor(result: SoftEquivariance) -> bool:
    """Whether the exact network of the broken group ends within 15 % of what its symmetry costs.

    The floor is an expectation over inputs with heavy tails; a network cannot pass below it but by chance.
    """
    score = result.score(BROKEN, "EMLP O(3)")
    return score.floor is not None and abs(score.mean / score.floor - 1) <= 0.15


def ordered(levels: tuple[Level, ...]) -> bool:
    """Whether one problem's levels stand in the true order, with no unbroken group called broken.

    >>> one = [Level("p", 0, name, found, 0.0, 1.0, true, "undecided") for name, found, true in
    ...        (("O(3)", 0.5, 0.6), ("O(2)@z", 0.0, 0.0))]
    >>> ordered(tuple(one))
    True
    """
    for one, other in combinations(levels, 2):
        low, high = sorted((one, other), key=lambda level: level.truth)
        if high.truth - low.truth > _RESOLVED and not low.breaking < high.breaking:
            return False
    return not any(level.truth < 1e-9 and level.verdict in _SYMMETRIC for level in levels)


def every_order(problem: str) -> Test:
    """Whether every run of ``discover`` on the problem, each setting and seed, gave the right order."""

    def holds(result: SoftEquivariance) -> bool:
        runs = groupby(
            (level for level in result.levels if level.problem.startswith(problem)),
            key=lambda level: (level.problem, level.seed),
        )
        verdicts = [ordered(tuple(group)) for _, group in runs]
        return bool(verdicts) and all(verdicts)

    return holds


CLAIMS: tuple[Claim[SoftEquivariance], ...] = (
    Claim("EMLP O(3) ends within 15 % of its closed-form floor at nu=-1", within_floor),
    Claim("oracle EMLP <= PER at nu=-1", lambda result: result.oracle(BROKEN).mean <= result.score(BROKEN, "PER").mean),
    Claim(
        "PER within twice the oracle EMLP at nu=-1",
        lambda result: result.score(BROKEN, "PER").mean <= 2 * result.oracle(BROKEN).mean,
    ),
    Claim("PER < RPP at nu=-1", below(BROKEN, "PER", "RPP")),
    Claim("RPP < MLP at nu=-1", below(BROKEN, "RPP", "MLP")),
    Claim("PER < MLP at nu=-1", below(BROKEN, "PER", "MLP")),
    Claim("PER < wrong-group EMLP O(3) at nu=-1", below(BROKEN, "PER", "EMLP O(3)")),
    Claim("PER < the same network without penalty at nu=0", below(WHOLE, "PER", "SoftEMLP, no penalty")),
    Claim("PER < the same network without penalty at nu=-1", below(BROKEN, "PER", "SoftEMLP, no penalty")),
    Claim("ours < the same network without penalty at nu=0", below(WHOLE, "ours (evidence)", "SoftEMLP, no penalty")),
    Claim("ours < the same network without penalty at nu=-1", below(BROKEN, "ours (evidence)", "SoftEMLP, no penalty")),
    Claim("ours < PER at nu=0", below(WHOLE, "ours (evidence)", "PER")),
    Claim("ours < PER at nu=-1", below(BROKEN, "ours (evidence)", "PER")),
    Claim("EMLP O(3) < MLP at nu=0", below(WHOLE, "EMLP O(3)", "MLP")),
    Claim("MLP + augmentation < MLP at nu=0", below(WHOLE, "MLP + augmentation", "MLP")),
    Claim("discover orders the groups correctly in every inertia setting and seed", every_order("inertia")),
    Claim("discover orders the groups correctly in every cosine similarity setting and seed", every_order("cossim")),
)
