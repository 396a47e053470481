"""The shapes that must hold (§5.3, §5.4): orderings of methods, the floor, the order of discovered levels."""

from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

from isotropy.experiments.soft_equivariance._config import DISCOVER, NETWORKS
from isotropy.experiments.soft_equivariance._levels import ordered
from isotropy.experiments.soft_equivariance._result import SoftEquivariance
from isotropy.study import Claim, Value, at_most, below, of

BROKEN, WHOLE = "nu=-1, a=2", "nu=0"
_at = partial(of, NETWORKS)


def _beside_floor(result: SoftEquivariance) -> float:
    """How far the exact network of the broken group ends from what its symmetry costs, relative to it.

    The floor is an expectation over inputs with heavy tails; a network cannot pass below it but by chance.
    """
    return abs(result.score(NETWORKS, BROKEN, "EMLP O(3)").mean / result.floors[BROKEN]["O(3)"] - 1)


def _every_order(problem: str, called: str) -> Claim[SoftEquivariance]:
    """Every run of ``discover`` on the problem, each setting and seed, gave the right order."""

    def holds(result: SoftEquivariance) -> bool:
        runs = groupby(
            (level for level in result.levels if level.problem.startswith(problem)),
            key=lambda level: (level.problem, level.seed),
        )
        verdicts = [ordered(list(group)) for _, group in runs]
        return bool(verdicts) and all(verdicts)

    text = f"discover orders the groups correctly in every {called} setting and seed"
    return Claim(text, holds, tasks=frozenset({DISCOVER}))


_floor = Value(_beside_floor, frozenset({NETWORKS}))
_oracle = Value[Any](lambda result: result.oracle(BROKEN).mean, frozenset({NETWORKS}))
_PER, _OURS, _FREE = "PER", "ours (evidence)", "SoftEMLP, no penalty"
_CLAIMS: tuple[Claim[SoftEquivariance], ...] = (
    at_most("EMLP O(3) ends within 15 % of its closed-form floor at nu=-1", _floor, 0.15),
    at_most("oracle EMLP <= PER at nu=-1", _oracle - _at(BROKEN, _PER), 0),
    at_most("PER within twice the oracle EMLP at nu=-1", _at(BROKEN, _PER) - _oracle * 2, 0),
    below("PER < RPP at nu=-1", _at(BROKEN, _PER), _at(BROKEN, "RPP")),
    below("RPP < MLP at nu=-1", _at(BROKEN, "RPP"), _at(BROKEN, "MLP")),
    below("PER < MLP at nu=-1", _at(BROKEN, _PER), _at(BROKEN, "MLP")),
    below("PER < wrong-group EMLP O(3) at nu=-1", _at(BROKEN, _PER), _at(BROKEN, "EMLP O(3)")),
    below("PER < the same network without penalty at nu=0", _at(WHOLE, _PER), _at(WHOLE, _FREE)),
    below("PER < the same network without penalty at nu=-1", _at(BROKEN, _PER), _at(BROKEN, _FREE)),
    below("ours < the same network without penalty at nu=0", _at(WHOLE, _OURS), _at(WHOLE, _FREE)),
    below("ours < the same network without penalty at nu=-1", _at(BROKEN, _OURS), _at(BROKEN, _FREE)),
    below("ours < PER at nu=0", _at(WHOLE, _OURS), _at(WHOLE, _PER)),
    below("ours < PER at nu=-1", _at(BROKEN, _OURS), _at(BROKEN, _PER)),
    below("EMLP O(3) < MLP at nu=0", _at(WHOLE, "EMLP O(3)"), _at(WHOLE, "MLP")),
    below("MLP + augmentation < MLP at nu=0", _at(WHOLE, "MLP + augmentation"), _at(WHOLE, "MLP")),
    _every_order("inertia", "inertia"),
    _every_order("cossim", "cosine similarity"),
)
CLAIMS = tuple(replace(claim, numbers=None) for claim in _CLAIMS)  # the sentences say what counts
