"""Batches of molecules with their edges, which are found once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.linalg import Segments
from isotropy.nn.force_field._elements import free_energies
from isotropy.nn.force_field._neighbours import neighbour_list
from isotropy.random import spawn


class Configurations(NamedTuple):
    """Some configurations as a force field takes them, and what it should say of them.

    ``positions (N, 3)`` in Angstrom, atomic ``numbers (N,)``, ``edges (2, E)``, ``label (N,)``: the configuration of
    each atom; ``energies (B,)`` in eV above those of the free atoms, ``forces (N, 3)`` in eV/Angstrom.
    """

    positions: Float[Tensor, "N 3"]
    numbers: Int[Tensor, " N"]
    edges: Int[Tensor, "2 E"]
    label: Int[Tensor, " N"]
    energies: Float[Tensor, " B"]
    forces: Float[Tensor, "N 3"] | None

    def to(self, device: torch.device) -> Configurations:
        """The same on a device."""
        return Configurations(*(None if x is None else x.to(device) for x in self))  # pyright: ignore[reportArgumentType]


class ConfigurationBatches:
    """``Configurations`` in an order that depends on ``seed`` and the epoch alone, for ``isotropy.train.fit``.

    Atoms of all configurations one after another, sorted by configuration: ``numbers (N,)``, ``positions (N, 3)`` in
    Angstrom, ``segments``, ``energies (B,)`` in eV (total ones, float64), ``forces (N, 3)`` in eV/Angstrom (None where
    nobody knows them); ``isolated`` is the energy of each free atom. Energies are kept above those of the free atoms,
    so that single precision is enough, and cast to ``dtype`` then. Without periodic images.

    Raises ShapeError, DomainError; KeyError for elements without a free energy.
    """

    def __init__(
        self,
        numbers: Int[Tensor, " N"],
        positions: Float[Tensor, "N 3"],
        segments: Segments,
        energies: Float[Tensor, " B"],
        forces: Float[Tensor, "N 3"] | None = None,
        *,
        isolated: Mapping[int, float],
        r_max: float,
        batch_size: int = 5,
        seed: int = 0,
        shuffle: bool = True,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if not len(numbers) == len(positions) == len(segments.label) or len(energies) != segments.count:
            given = f"{len(numbers)} numbers, {len(positions)} positions, {len(energies)} energies"
            raise ShapeError(given, f"{len(segments.label)} atoms of {segments.count} configurations")
        if bool((segments.label.diff() < 0).any()) or batch_size < 1 or segments.count == 0:
            raise DomainError(
                f"{segments.count} configurations in batches of {batch_size}",
                "at least one of each, and atoms sorted by configuration",
            )
        self.batch_size, self.seed, self.shuffle, self.epoch = batch_size, seed, shuffle, 0
        self.numbers, self.positions = numbers, positions.to(dtype)
        self.sizes, self.ptr = segments.sizes, segments.ptr
        free = free_energies(isolated, numbers).to(energies.device)
        self.energies = (energies.to(torch.float64) - segments.sum(free)).to(dtype)
        self.forces = None if forces is None else forces.to(dtype)
        # Sorted by target, hence by configuration; kept relative to the first atom of each.
        edges = neighbour_list(positions, r_max, segments).edges
        edges = edges[:, edges[1].argsort(stable=True)]
        owner = segments.label[edges[1]]
        self.edges = edges - self.ptr[owner]
        self.edge_sizes = torch.bincount(owner, minlength=segments.count)
        self.edge_ptr = torch.cat([self.edge_sizes.new_zeros(1), self.edge_sizes.cumsum(0)])

    @property
    def rows(self) -> int:
        """How many configurations there are."""
        return len(self.energies)

    def __len__(self) -> int:
        return -(-self.rows // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of the next pass."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Configurations]:
        order = torch.arange(self.rows)
        if self.shuffle:
            order = torch.randperm(self.rows, generator=spawn(self.seed, "batches", self.epoch))
        for rows in order.split(self.batch_size):
            yield self.take(rows)

    def take(self, rows: Int[Tensor, " B"]) -> Configurations:
        """The configurations of these numbers, in this order."""
        sizes = self.sizes[rows]
        atoms, label = _runs(self.ptr[rows], sizes)
        which, owner = _runs(self.edge_ptr[rows], self.edge_sizes[rows])
        edges = self.edges[:, which] + (sizes.cumsum(0) - sizes)[owner]
        forces = None if self.forces is None else self.forces[atoms]
        return Configurations(self.positions[atoms], self.numbers[atoms], edges, label, self.energies[rows], forces)


def _runs(start: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """start, start + 1, ... for each run, one after another, and the number of the run of each."""
    run = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
    first = sizes.cumsum(0) - sizes
    return torch.arange(len(run)) + (start - first)[run], run
