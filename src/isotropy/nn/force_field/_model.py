"""The force field: energies of molecules and, as their slopes, forces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.linalg import Segments
from isotropy.nn.force_field._batches import HIGHEST, Scales, free_energies, symbol, unknown
from isotropy.nn.force_field._edges import paired, refuse_coincident, tracked
from isotropy.nn.force_field._interaction import Dense, Interaction, RadialBasis, polynomial_cutoff
from isotropy.nn.force_field._neighbours import neighbour_list, volumes
from isotropy.nn.force_field._prediction import Graph, Prediction
from isotropy.nn.force_field._repulsion import Repulsion
from isotropy.nn.force_field._saving import write_force_field
from isotropy.nn.force_field._seen import Seen
from isotropy.nn.gaunt._constants import Constants
from isotropy.settings import Settled


class GauntForceField(Settled, Constants):
    """E = sum_i E0[Z_i] + (shift + scale b[Z_i]) c_i + scale eps_i and F = -dE/dr: E(3) leaves E alone and turns F.

    eps_i is read linearly from each interaction, by a network from the last, less what it is for a free atom; b is
    learned, from 0; c_i = 1 - exp(-sum_j cutoff(r_ij)) fades where an atom is alone. So a free atom has exactly E0 and
    the energy is twice continuously differentiable where atoms come and go. Energies are in eV, forces in eV/Angstrom.

    - ``isolated``: E0, the energy in eV of each free atom, by atomic number: the elements that the model knows.
    - ``scales``: those of the training data, by ``Scales.of``.
    - ``channels`` of each degree 0..``L`` of the features, which start as an embedding of the elements.
    - ``interactions``: how many; each sends messages with filters of degrees 0..``L_filter`` to all atoms within
      ``r_max`` (Angstrom) and takes products of up to ``order`` of them. The last keeps degree 0 alone.
    - ``n_basis`` functions of the distance, with the power ``cutoff`` of their cutoff; ``radial``: hidden widths of the
      network that reads them; ``readout``: that of the last one.
    - ``repulsion``: the distance in Angstrom, by pairs of elements ("H-O"), below which nuclei repel each other as
      ``Repulsion`` says, so that atoms cannot fuse; ``Seen.cutoffs`` gives such distances.
    - ``include_odd``: products of three by all paths, through pairs of a proper and a pseudofunction, beside the
      powers; the energy stays a scalar. A step takes 2.3 times as long; by default they are left out.
    - ``generator`` of the start, by default torch's global one.

    ``model.save(path)`` writes it whole, ``load_force_field(path)`` reads it. ``model.seen`` is what its training data
    showed, where somebody said it.

    Raises DomainError for sizes below 1; at calls ShapeError, DtypeError; a KeyError, listing the known ones, for
    other elements; DomainError for atoms in one place, naming the pair.
    Sources: Luo, Chen, Krishnapriyan 2024; Batatia et al., NeurIPS 2022 (MACE).

    >>> model = GauntForceField({1: -13.6}, channels=4, radial=(8,), r_max=3.0)
    >>> energy, forces = model.energy_forces(torch.tensor([[0.0, 0, 0], [0, 0, 9]]), torch.tensor([1, 1]))
    >>> round(energy.item(), 6), forces.shape
    (-27.2, torch.Size([2, 3]))
    """

    def __init__(
        self,
        isolated: Mapping[int, float],
        *,
        scales: Scales | None = None,
        channels: int = 16,
        L_filter: int = 3,
        L: int = 1,
        order: int = 3,
        interactions: int = 2,
        r_max: float = 5.0,
        n_basis: int = 8,
        cutoff: int = 5,
        radial: Sequence[int] = (64, 64),
        readout: int = 16,
        repulsion: Mapping[str, float] | None = None,
        include_odd: bool = False,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if not isolated or not all(1 <= number <= HIGHEST for number in isolated):
            raise DomainError(f"isolated={dict(isolated)}", "energies in eV by atomic number")
        if min(channels, order, interactions, readout, *radial) < 1 or min(L_filter, L) < 0:
            given = f"channels={channels}, order={order}, interactions={interactions}, L={L}, L_filter={L_filter}"
            raise DomainError(given, "1 or more of each, degrees of 0 or more")
        self.isolated = {number: float(isolated[number]) for number in sorted(isolated)}
        self.scales = scales or Scales()
        self.r_max, self.cutoff = float(r_max), cutoff
        self.degrees = {"L": L, "L_filter": L_filter, "order": order}
        n_types = len(self.isolated)
        table = torch.full((HIGHEST + 1,), -1)
        table[list(self.isolated)] = torch.arange(n_types)
        self.constant("table", table)
        self.embedding = nn.Parameter(torch.randn(n_types, channels, generator=generator))
        self.basis = RadialBasis(self.r_max, n_basis, cutoff)
        degrees = [0, *[L] * (interactions - 1), 0]
        self.interactions = nn.ModuleList(
            Interaction(
                L_in,
                L_filter,
                L_out,
                channels=channels,
                order=order,
                n_types=n_types,
                radial=(n_basis, *radial),
                average_neighbours=self.scales.neighbours,
                generator=generator,
                include_odd=include_odd,
            )
            for L_in, L_out in pairwise(degrees)
        )
        linear = [Dense([channels, 1], generator) for _ in range(interactions - 1)]
        self.readouts = nn.ModuleList([*linear, Dense([channels, readout, 1], generator)])
        self.offset = nn.Parameter(torch.zeros(n_types))
        self.repulsion = Repulsion(list(self.isolated), repulsion) if repulsion else None
        self.seen: Seen | None = None
        self.sizes = {
            "channels": channels,
            "interactions": interactions,
            "n_basis": n_basis,
            "radial": list(radial),
            "readout": readout,
            "include_odd": include_odd,
        }

    def made_of(self) -> dict[str, Any]:
        """What it was made with, as JSON has it: ``isolated`` by number, ``scales``, and every other setting."""
        return {
            "isolated": {str(number): energy for number, energy in self.isolated.items()},
            "scales": asdict(self.scales),
            "r_max": self.r_max,
            "cutoff": self.cutoff,
            **self.degrees,
            **self.sizes,
            "repulsion": None if self.repulsion is None else self.repulsion.begins,
        }

    def save(self, path: str | Path) -> Path:
        """Writes it whole, as one file of safetensors: ``load_force_field`` reads it. Returns the path."""
        return write_force_field(self, path, [self.made_of()], self.seen)

    def settings(self) -> dict[str, Any]:
        return {
            "isolated": {symbol(number): energy for number, energy in self.isolated.items()},
            "shift": self.scales.shift,
            "scale": self.scales.scale,
            "neighbours": self.scales.neighbours,
            "r_max": self.r_max,
            "cutoff": self.cutoff,
            "repulsion": None if self.repulsion is None else self.repulsion.begins,
            **self.degrees,
        }

    def energy_forces(
        self,
        pos: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        batch: Int[Tensor, " N"] | None = None,
        cell: Float[Tensor, "*B 3 3"] | None = None,
        pbc: tuple[bool, bool, bool] | Bool[Tensor, "*P 3"] | None = None,
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, "N 3"]]:
        """Total energies ``(B,)`` in eV, always float64 (E0 alone takes more digits than float32 has), and forces.

        ``pos (N, 3)`` in Angstrom, atomic ``numbers (N,)``, ``batch (N,)``: the configuration of each atom, one by
        default; ``cell`` and ``pbc`` as ``neighbour_list`` takes them, which finds the edges. ase is needed for cells
        alone.
        """
        found = self.predict(pos, numbers, batch, cell, pbc)
        return found.energy, found.forces

    def energy_forces_stress(
        self,
        pos: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        batch: Int[Tensor, " N"] | None = None,
        cell: Float[Tensor, "*B 3 3"] | None = None,
        pbc: tuple[bool, bool, bool] | Bool[Tensor, "*P 3"] | None = None,
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, "N 3"], Float[Tensor, "B 3 3"]]:
        """The same, and stresses ``(B, 3, 3)`` in eV/Angstrom^3: the slope of the energy by a symmetric strain of cell
        and positions, over the volume of the cell; its sign is that of ase, negative where the cell wants to grow.

        Raises DomainError for configurations without a volume or a direction that repeats: free molecules have no
        stress.
        """
        found = self.predict(pos, numbers, batch, cell, pbc, stressed=True)
        assert found.stress is not None
        return found.energy, found.forces, found.stress

    def predict(
        self,
        pos: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        batch: Int[Tensor, " N"] | None = None,
        cell: Float[Tensor, "*B 3 3"] | None = None,
        pbc: tuple[bool, bool, bool] | Bool[Tensor, "*P 3"] | None = None,
        *,
        stressed: bool = False,
    ) -> Prediction:
        """All that the model says of configurations: energies, also of each atom, forces and, if asked, stresses.

        >>> model = GauntForceField({29: -3.5}, channels=4, radial=(8,), r_max=3.0)
        >>> fcc = 1.8 * (1 - torch.eye(3))
        >>> found = model.predict(torch.zeros(1, 3), torch.tensor([29]), cell=fcc, stressed=True)
        >>> found.stress.shape, bool(found.energies.sum() == found.energy)
        (torch.Size([1, 3, 3]), True)
        """
        return self.predict_graph(pos, numbers, *self.graph(pos, numbers, batch, cell, pbc, stressed=stressed))

    def graph(
        self,
        pos: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        batch: Int[Tensor, " N"] | None = None,
        cell: Float[Tensor, "*B 3 3"] | None = None,
        pbc: tuple[bool, bool, bool] | Bool[Tensor, "*P 3"] | None = None,
        *,
        stressed: bool = False,
    ) -> Graph:
        """Who sees whom, as ``predict_graph`` takes it, with the volumes by which slopes become stresses if asked."""
        segments = Segments.from_batch(torch.zeros_like(numbers) if batch is None else batch)
        if pos.shape != (len(numbers), 3) or len(segments.label) != len(numbers):
            raise ShapeError(f"pos of shape {tuple(pos.shape)}", f"({len(numbers)}, 3), one row for each number")
        free_energies(self.isolated, numbers)  # a stranger is refused before anything is looked for
        size = volumes(cell, pbc, segments.count) if stressed else None
        return Graph(segments, *neighbour_list(pos, self.r_max, segments, cell, pbc), size)

    def predict_graph(
        self,
        pos: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        segments: Segments,
        edges: Int[Tensor, "2 E"],
        shifts: Float[Tensor, "E 3"] | None = None,
        volumes: Float[Tensor, " B"] | None = None,
    ) -> Prediction:
        """``predict`` where somebody knows the neighbours: those of ``graph``."""
        stressed = volumes is not None
        atoms, forces, slopes = self._slopes(pos, numbers, edges, segments.label, segments.count, shifts, stressed)
        free = free_energies(self.isolated, numbers)
        bound = atoms.new_zeros(segments.count).index_add(0, segments.label, atoms)
        stress = None if slopes is None or volumes is None else slopes / volumes.to(slopes)[:, None, None]
        energy = segments.sum(free) + bound.to(torch.float64)
        return Prediction(energy, forces, stress, free + atoms.to(torch.float64))

    def forward(
        self,
        positions: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        edges: Int[Tensor, "2 E"],
        label: Int[Tensor, " N"],
        count: int,
        shifts: Float[Tensor, "E 3"] | None = None,
        strained: bool = False,
    ) -> tuple[Tensor, ...]:
        """Energies ``(count,)`` above those of the free atoms, in eV and in the dtype of positions, and forces.

        ``edges`` and ``shifts`` are those of ``neighbour_list`` for this ``r_max``; edges that are longer do nothing.
        ``strained`` adds the slopes ``(count, 3, 3)`` of the energies by a strain, in eV: stresses times volumes.
        In training, and where positions ask for gradients, all results can be differentiated once more.
        """
        atoms, forces, slopes = self._slopes(positions, numbers, edges, label, count, shifts, strained)
        energy = atoms.new_zeros(count).index_add(0, label, atoms)
        return (energy, forces) if slopes is None else (energy, forces, slopes)

    def _slopes(
        self,
        positions: Tensor,
        numbers: Tensor,
        edges: Tensor,
        label: Tensor,
        count: int,
        shifts: Tensor | None,
        strained: bool,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Energies of atoms above those of free ones, forces, and slopes by a strain where they are asked for."""
        if positions.dtype != self.embedding.dtype:
            raise DtypeError(
                f"positions of dtype {positions.dtype}",
                f"{self.embedding.dtype}, as the module",
                f"write module.to({positions.dtype})",
            )
        further = torch.is_grad_enabled() and (self.training or positions.requires_grad)
        with torch.inference_mode(False), torch.enable_grad():
            r, numbers, edges, label = (tracked(x) for x in (positions, numbers, edges, label))
            r = r if r.requires_grad else r.detach().requires_grad_()
            strain = r.new_zeros(count, 3, 3).requires_grad_() if strained else None
            atoms = self._energies(r, numbers, edges, label, None if shifts is None else tracked(shifts), strain)
            asked = (r,) if strain is None else (r, strain)
            found = torch.autograd.grad(atoms.sum(), asked, create_graph=further)
        slopes = None if strain is None else found[1]
        return (atoms if further else atoms.detach()), -found[0], slopes

    def _energies(
        self,
        r: Tensor,
        numbers: Tensor,
        edges: Tensor,
        label: Tensor,
        shifts: Tensor | None,
        strain: Tensor | None,
    ) -> Tensor:
        types = self._types(numbers)
        pairs, twice = (edges, False) if shifts is not None else paired(edges)
        vectors = r.index_select(0, pairs[0]) - r.index_select(0, pairs[1])
        if shifts is not None:
            vectors = vectors + shifts
        if strain is not None:
            stretch = (strain + strain.mT).index_select(0, label.index_select(0, pairs[1])) / 2
            vectors = vectors + (vectors.unsqueeze(1) @ stretch).squeeze(1)
        length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
        refuse_coincident(pairs, length.detach())
        basis = self.basis(length)
        fading = polynomial_cutoff(length[:, 0] / self.r_max, self.cutoff)
        if twice:
            edges = torch.cat([pairs, pairs.flip(0)], dim=1)
            vectors, fading = torch.cat([vectors, -vectors]), torch.cat([fading, fading])
        crowd = r.new_zeros(r.shape[0]).index_add(0, edges[1], fading)
        # Sizes are asked of shapes: len() would fix them where the model is exported.
        h = self.embedding.index_select(0, types).unsqueeze(-1)
        kinds = torch.arange(len(self.embedding), device=types.device)
        alone = self.embedding.unsqueeze(-1)
        eps, eps_alone = r.new_zeros(r.shape[0]), r.new_zeros(kinds.shape[0])
        interactions = cast(Iterable[Interaction], self.interactions)
        for interaction, readout in zip(interactions, self.readouts, strict=True):
            h = interaction(h, types, edges, vectors, basis)
            alone = interaction.alone(alone, kinds)
            eps = eps + readout(h[..., 0])[:, 0]
            eps_alone = eps_alone + readout(alone[..., 0])[:, 0]
        # Without it a constant error of energies would have to be learned by the products.
        bound = self.scales.shift + self.scales.scale * self.offset.index_select(0, types)
        found = self.scales.scale * (eps - eps_alone.index_select(0, types)) - bound * torch.expm1(-crowd)
        if self.repulsion is None:
            return found
        halves = self.repulsion(length, types[pairs]) / 2
        found = found.index_add(0, pairs[1], halves)
        return found.index_add(0, pairs[0], halves) if twice else found

    def _types(self, numbers: Tensor) -> Tensor:
        strange = (numbers < 1) | (numbers > HIGHEST)
        types = self.table[numbers.masked_fill(strange, 0)]
        if not torch.compiler.is_compiling() and bool((types < 0).any()):
            raise unknown(numbers, self.isolated)
        return types

    def extra_repr(self) -> str:
        return f"{' '.join(map(symbol, self.isolated))}, r_max={self.r_max}, {self.scales}"
