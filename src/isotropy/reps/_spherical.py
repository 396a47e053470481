"""What a group of rotations does to the coefficients of spherical harmonics, degree by degree."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.groups import Group
from isotropy.reps._factor import Factor
from isotropy.reps._wigner import wigner_blocks, wigner_rates

_EXACT = 1e-10


def degree_matrices(factor: Factor, G: Group, g: Float[Tensor, "... 3 3"]) -> tuple[Tensor, ...]:
    """D^l(g) for each degree of an Irrep or a Sphere, of its dual where it is one.

    D^l is homogeneous of degree l in g, so that a stretch by s acts as s^l: an irrep is the traceless symmetric part of
    Tensor(l), of which it takes the weight. Raises DomainError for groups of other matrices.
    """
    check_turns(G)
    return wigner_blocks(factor.degrees.stop - 1, torch.linalg.inv(g).mT if factor.dual else g)[factor.degrees.start :]


def degree_rates(factor: Factor, G: Group, A: Float[Tensor, "... 3 3"]) -> tuple[Tensor, ...]:
    """The derivative of D^l(exp tA) at t = 0 for each degree of an Irrep or a Sphere, without the dual."""
    check_turns(G)
    return wigner_rates(factor.degrees.stop - 1, A)[factor.degrees.start :]


@lru_cache(maxsize=256)
def check_turns(G: Group) -> None:
    """Raise DomainError unless ``G`` is made of rotations, reflections and stretches of three dimensions."""
    basis, discrete = G.algebra.basis, G.discrete
    # Only groups on several spaces have tuples, and each of their factors comes here by itself.
    if G.degree == 3 and isinstance(basis, Tensor) and isinstance(discrete, Tensor) and _keeps_angles(basis, discrete):
        return
    raise DomainError(
        f"spherical harmonics under {G}",
        "rotations, reflections and stretches of three dimensions",
        "use O(3), its subgroups or E(3); for other matrices use Vector and Tensor(k)",
    )


def _keeps_angles(algebra: Tensor, discrete: Tensor) -> bool:
    rates, turns = algebra[..., :3, :3], discrete[..., :3, :3]
    squares = [rates + rates.mT]
    if discrete.is_floating_point():  # permutations of the axes always keep them
        squares.append(turns.mT @ turns)
    one = torch.eye(3, dtype=torch.float64)
    return all(bool((square - square[..., :1, :1] * one).abs().max() < _EXACT) for square in squares if len(square))
