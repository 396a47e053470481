"""What a force field is asked about, and what it says."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from isotropy.linalg import Segments


class Prediction(NamedTuple):
    """Total energies ``(B,)`` in eV, float64, forces ``(N, 3)`` in eV/Angstrom, stresses ``(B, 3, 3)`` in eV/Angstrom^3
    where they were asked for, and the ``energies (N,)`` in eV of single atoms, whose sums are the totals."""

    energy: Float[Tensor, " B"]
    forces: Float[Tensor, "N 3"]
    stress: Float[Tensor, "B 3 3"] | None
    energies: Float[Tensor, " N"]


class Graph(NamedTuple):
    """The configuration of each atom, edges ``(2, E)`` with their shifts ``(E, 3)`` as ``neighbour_list`` gives them,
    and volumes ``(B,)`` in Angstrom^3 where stresses are asked for."""

    segments: Segments
    edges: Int[Tensor, "2 E"]
    shifts: Float[Tensor, "E 3"] | None
    volumes: Float[Tensor, " B"] | None
