"""Minkowski spaces that differ: what is left of the charges of a vacuum beyond Poincare's group."""

from __future__ import annotations

from typing import NamedTuple

from isotropy.errors import DomainError
from isotropy.physics.bms3._aspects import Aspects, Charges


class Fingerprint(NamedTuple):
    """The modes m = 2, 3, ... of the charges of a vacuum, which no Poincare transformation makes."""

    modes: Charges


def vacuum_fingerprint(aspects: Aspects, mmax: int = 8, G: float = 1.0) -> Fingerprint:
    """What tells a vacuum from Minkowski space: the modes 2, ..., ``mmax`` of its charges.

    Poincare's transformations leave (-1, 0) as it is and, to first order, every mode from 2 on. Raises DomainError for
    aspects that are no vacuum (whose monodromy is not -1, or whose spin is not 0). Source: Schoeller, 1711.02670.

    >>> vacuum = Aspects.from_function(lambda phi: -1.0, lambda phi: 0.0, 32)
    >>> float(vacuum_fingerprint(vacuum).modes.P.abs().max()) < 1e-12
    True
    """
    found = aspects.classify(1e-12)
    if found.kind != "exceptional" or found.winding != 1 or found.representative is None:
        raise DomainError(f"an orbit that is {found.kind}, winding {found.winding}", "that of Minkowski space", "")
    if bool((found.representative.xi.abs() > 1e-6).any()):
        raise DomainError("an orbit with spin", "that of Minkowski space")
    P, J = aspects.charges(mmax, G)
    return Fingerprint(Charges(P[..., 2:], J[..., 2:]))
