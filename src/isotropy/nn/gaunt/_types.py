"""The types of what goes in and out: functions and pseudofunctions on the sphere."""

from __future__ import annotations

from collections.abc import Sequence

from isotropy.reps import Rep, Sphere


def spheres(L: int, parities: Sequence[int] = (1,), channels: int = 1) -> Rep:
    """``channels`` functions of degrees 0..L on the sphere for each parity: proper ones (1) first, as channels.

    >>> print(spheres(2, (1, -1), 8))
    8*Sphere(2) + 8*Sphere(2, -1)
    """
    rep = Rep()
    for parity in parities:
        rep = rep + channels * Sphere(L, parity)
    return rep
