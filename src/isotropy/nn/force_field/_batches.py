"""Batches of molecules with their edges, and what a force field takes from data before it learns: elements, scales."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.data import Batches, Boxes, Molecules, Rows, along
from isotropy.errors import DomainError, ShapeError, counted
from isotropy.linalg import Segments
from isotropy.nn.force_field._neighbours import neighbour_list, volumes

_SYMBOLS = re.findall(
    "[A-Z][a-z]?",
    "HHeLiBeBCNOFNeNaMgAlSiPSClArKCaScTiVCrMnFeCoNiCuZnGaGeAsSeBrKrRbSrYZrNbMoTcRuRhPdAgCdInS"
    "nSbTeIXeCsBaLaCePrNdPmSmEuGdTbDyHoErTmYbLuHfTaWReOsIrPtAuHgTlPbBiPoAtRnFrRaAcThPaUNpPuAm"
    "CmBkCfEsFmMdNoLrRfDbSgBhHsMtDsRgCnNhFlMcLvTsOg",
)
HIGHEST = len(_SYMBOLS)


class UnknownElementError(DomainError, KeyError):
    """An element that a force field was not made for."""

    __str__ = Exception.__str__  # a KeyError would print its message in quotes


def symbol(number: int) -> str:
    """The symbol of an atomic number.

    >>> symbol(8), symbol(0)
    ('O', '0')
    """
    return _SYMBOLS[number - 1] if 1 <= number <= HIGHEST else str(number)


def unknown(numbers: Tensor, known: Mapping[int, object]) -> UnknownElementError:
    """The error that names the strangers among ``numbers`` and lists the known elements."""
    strangers = sorted(set(numbers.tolist()) - set(known))
    return UnknownElementError(
        "the elements " + ", ".join(map(symbol, strangers)),
        "those with a free energy: " + ", ".join(map(symbol, sorted(known))),
        "give isolated={atomic number: energy in eV} for all elements",
    )


def free_energies(isolated: Mapping[int, float], numbers: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
    """The energy of each atom by itself in eV, float64: in single precision a total of 1e4 eV has no meV.

    Raises UnknownElementError, a KeyError.

    >>> free_energies({1: -13.5, 8: -2041.0}, torch.tensor([8, 1, 1]))
    tensor([-2041.0000,   -13.5000,   -13.5000], dtype=torch.float64)
    """
    table = torch.full((HIGHEST + 1,), torch.nan, dtype=torch.float64)
    for number, energy in isolated.items():
        table[number] = energy
    strange = (numbers < 1) | (numbers > HIGHEST)
    found = table.to(numbers.device)[numbers.masked_fill(strange, 0)]
    if bool(found.isnan().any()):
        raise unknown(numbers, isolated)
    return found


@dataclass(frozen=True, eq=False)
class Configurations(Rows):
    """Some configurations as a force field takes them, and what it should say of them.

    ``positions (N, 3)`` in Angstrom, atomic ``numbers (N,)``, ``edges (2, E)`` and, where something repeats, their
    ``shifts (E, 3)`` as ``neighbour_list`` gives them; ``segments``: the configuration of each atom; ``energies (B,)``
    in eV above those of the free atoms, ``forces (N, 3)`` in eV/Angstrom, ``stresses (B, 3, 3)`` in eV/Angstrom^3 with
    the ``volumes (B,)`` of their cells. ``labelled (B, 3)`` says which of these three are known of each (None: all).
    """

    positions: Float[Tensor, "N 3"] = along("parts")
    numbers: Int[Tensor, " N"] = along("parts")
    edges: Int[Tensor, "2 E"] = along("joins")
    segments: Segments = along("all")
    energies: Float[Tensor, " B"] = along("rows")
    forces: Float[Tensor, "N 3"] | None = along("parts", None)
    shifts: Float[Tensor, "E 3"] | None = along("edges", None)
    stresses: Float[Tensor, "B 3 3"] | None = None
    volumes: Float[Tensor, " B"] | None = None
    labelled: Bool[Tensor, "B 3"] | None = None

    def known(self, what: Literal["energy", "forces", "stress"]) -> Bool[Tensor, " B"]:
        """Of which configurations the energy, the forces or the stress are known."""
        held = {"energy": self.energies, "forces": self.forces, "stress": self.stresses}
        if held[what] is None:
            return torch.zeros(len(self), dtype=torch.bool, device=self.device)
        if self.labelled is None:
            return torch.ones(len(self), dtype=torch.bool, device=self.device)
        return self.labelled[:, list(held).index(what)]

    @property
    def label(self) -> Int[Tensor, " N"]:
        """The configuration of each atom."""
        return self.segments.label


class ConfigurationBatches(Batches):
    """``Configurations`` in an order that depends on ``seed`` and the epoch alone, for ``isotropy.train.fit``.

    - ``numbers (N,)``, ``positions (N, 3)`` in Angstrom, ``segments``: atoms of all configurations one after another,
      sorted by configuration.
    - ``energies (B,)`` in eV (total ones, float64), ``forces (N, 3)`` in eV/Angstrom (None where nobody knows them).
    - ``isolated``: the energy of each free atom. Energies are kept above those of the free atoms, so that single
      precision is enough, and cast to ``dtype`` then.
    - ``r_max``: how far edges reach, in Angstrom.
    - ``cell (3, 3)`` or ``(B, 3, 3)`` and ``pbc (3,)`` or ``(B, 3)``: what repeats, as ``neighbour_list`` takes it.
      ``segments`` of ``Molecules`` that were read with their cells bring them along.
    - ``stresses (B, 3, 3)`` in eV/Angstrom^3, of configurations that repeat; ``labelled (B, 3)``: of which
      configurations energy, forces and stress are known (None: all that are given).
    - ``batch_size``, ``seed``, ``shuffle`` as in ``isotropy.train.Batches``, which this is.

    Raises ShapeError, DomainError; KeyError for elements without a free energy.
    """

    data: Configurations

    def __init__(
        self,
        numbers: Int[Tensor, " N"],
        positions: Float[Tensor, "N 3"],
        segments: Segments,
        energies: Float[Tensor, " B"],
        forces: Float[Tensor, "M 3"] | None = None,
        *,
        isolated: Mapping[int, float],
        r_max: float,
        cell: Float[Tensor, "*B 3 3"] | None = None,
        pbc: tuple[bool, bool, bool] | Bool[Tensor, "*P 3"] | None = None,
        batch_size: int = 5,
        seed: int = 0,
        shuffle: bool = True,
        dtype: torch.dtype = torch.float32,
        stresses: Float[Tensor, "B 3 3"] | None = None,
        labelled: Bool[Tensor, "B 3"] | None = None,
    ) -> None:
        if forces is not None and len(forces) != len(numbers):
            raise ShapeError(f"{counted(len(forces), 'row')} of forces", f"{len(numbers)}, one for each atom")
        if not len(numbers) == len(positions) == len(segments.label) or len(energies) != segments.count:
            energies_given = counted(len(energies), "energy", "energies")
            given = f"{counted(len(numbers), 'number')}, {counted(len(positions), 'position')}, {energies_given}"
            raise ShapeError(
                given, f"{counted(len(segments.label), 'atom')} of {counted(segments.count, 'configuration')}"
            )
        if bool((segments.label.diff() < 0).any()) or batch_size < 1 or segments.count == 0:
            raise DomainError(
                f"{counted(segments.count, 'configuration')} in batches of {batch_size}",
                "at least one of each, and atoms sorted by configuration",
            )
        free = free_energies(isolated, numbers).to(energies.device)
        edges, shifts = neighbour_list(positions, r_max, segments, cell, pbc)
        order = edges[1].argsort(stable=True)  # sorted by target, hence by configuration
        size = None if stresses is None else _volumes(segments, cell, pbc, stresses, labelled)
        above = energies.to(torch.float64) - segments.sum(free)
        rows = Configurations(
            positions.to(dtype),
            numbers,
            edges[:, order],
            Segments(segments.label, segments.count),
            (above if labelled is None else torch.where(labelled[:, 0], above, 0.0)).to(dtype),
            None if forces is None else forces.to(dtype),
            None if shifts is None else shifts[order].to(dtype),
            None if stresses is None else stresses.to(dtype),
            None if size is None else size.to(dtype),
            labelled,
        )
        super().__init__(rows, batch_size, seed=seed, shuffle=shuffle)

    @classmethod
    def of(
        cls,
        molecules: Molecules,
        r_max: float,
        *,
        isolated: Mapping[int, float] | None = None,
        batch_size: int = 5,
        seed: int = 0,
        shuffle: bool = True,
        dtype: torch.dtype = torch.float32,
    ) -> ConfigurationBatches:
        """Those of molecules, with their cells; ``isolated`` in place of the energies of free atoms that they know.

        >>> two = Molecules(torch.tensor([1]), torch.zeros(1, 3), torch.zeros(1), Segments.from_sizes(
        ...     torch.tensor([1])), isolated={1: -13.6}, cell=2 * torch.eye(3)[None])
        >>> [batch.edges.shape[1] for batch in ConfigurationBatches.of(two, 2.5)]  # six images of itself
        [6]
        """
        return cls(
            molecules.numbers,
            molecules.positions,
            molecules.segments,
            molecules.energies,
            molecules.forces,
            isolated=molecules.isolated if isolated is None else isolated,
            r_max=r_max,
            batch_size=batch_size,
            seed=seed,
            shuffle=shuffle,
            dtype=dtype,
            stresses=molecules.stresses,
            labelled=molecules.labelled,
        )

    @property
    def energies(self) -> Float[Tensor, " B"]:
        """Energies of all configurations in eV, above those of the free atoms."""
        return self.data.energies

    @property
    def forces(self) -> Float[Tensor, "N 3"] | None:
        """Forces on all atoms in eV/Angstrom, if anyone knows them."""
        return self.data.forces


@dataclass(frozen=True)
class Scales:
    """The sizes of energies, forces, neighbourhoods of training data, which a force field starts from.

    ``shift``, the mean binding energy of an atom in eV; ``scale``, the root mean square of the components of forces
    in eV/Angstrom; ``neighbours``, how many atoms an atom sees on average.

    Raises DomainError unless scale and neighbours are positive.

    >>> Scales(shift=-4.2, scale=1.05, neighbours=14.0).scale
    1.05
    """

    shift: float = 0.0
    scale: float = 1.0
    neighbours: float = 1.0

    def __post_init__(self) -> None:
        if not (self.scale > 0 and self.neighbours > 0):
            raise DomainError(f"{self}", "scale > 0 and neighbours > 0")

    @classmethod
    def of(cls, batches: ConfigurationBatches) -> Scales:
        """Those of all configurations of the batches; a scale of 1 where there are no forces, or all are zero."""
        known = batches.data
        pulled, bound = known.known("forces"), known.known("energy")
        rms = 0.0
        if known.forces is not None and bool(pulled.any()):
            rms = float(known.forces[pulled[known.label]].square().mean().sqrt())
        return cls(
            float((known.energies / known.segments.sizes)[bound].mean()) if bool(bound.any()) else 0.0,
            rms if rms > 0 else 1.0,
            max(known.edges.shape[1] / max(len(known.positions), 1), 1.0),
        )


def _volumes(
    segments: Segments,
    cell: Tensor | None,
    pbc: tuple[bool, bool, bool] | Tensor | None,
    stresses: Tensor,
    labelled: Tensor | None,
) -> Tensor:
    """The volume of each configuration whose stress is known; 1 of the others, which nothing divides by."""
    if isinstance(segments, Boxes):
        cell, pbc = segments.cell, segments.pbc
    known = torch.ones(len(stresses), dtype=torch.bool) if labelled is None else labelled[:, 2].cpu()
    given = torch.zeros(3, 3) if cell is None else cell
    boxes = given.detach().cpu().double().expand(segments.count, 3, 3)
    along = torch.as_tensor((True, True, True) if pbc is None else pbc).cpu().expand(segments.count, 3)
    # A unit cube for the others, so that a refusal counts all configurations.
    boxes = torch.where(known[:, None, None], boxes, torch.eye(3, dtype=torch.float64))
    return volumes(boxes, along | ~known[:, None], segments.count).to(stresses.device)
