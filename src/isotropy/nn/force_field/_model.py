"""The force field: energies of molecules and, as their slopes, forces."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.linalg import Segments
from isotropy.nn.force_field._batches import HIGHEST, Scales, free_energies, symbol, unknown
from isotropy.nn.force_field._interaction import Dense, Interaction, RadialBasis, polynomial_cutoff
from isotropy.nn.force_field._neighbours import neighbour_list
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
    - ``generator`` of the start, by default torch's global one.

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
            )
            for L_in, L_out in pairwise(degrees)
        )
        linear = [Dense([channels, 1], generator) for _ in range(interactions - 1)]
        self.readouts = nn.ModuleList([*linear, Dense([channels, readout, 1], generator)])
        self.offset = nn.Parameter(torch.zeros(n_types))

    def settings(self) -> dict[str, Any]:
        return {
            "isolated": {symbol(number): energy for number, energy in self.isolated.items()},
            "shift": self.scales.shift,
            "scale": self.scales.scale,
            "neighbours": self.scales.neighbours,
            "r_max": self.r_max,
            "cutoff": self.cutoff,
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
        default; ``cell`` and ``pbc`` as ``neighbour_list`` takes them, which finds the edges.
        """
        segments = Segments.from_batch(torch.zeros_like(numbers) if batch is None else batch)
        if pos.shape != (len(numbers), 3) or len(segments.label) != len(numbers):
            raise ShapeError(f"pos of shape {tuple(pos.shape)}", f"({len(numbers)}, 3), one row for each number")
        free = segments.sum(free_energies(self.isolated, numbers))
        edges, shifts = neighbour_list(pos, self.r_max, segments, cell, pbc)
        energy, forces = self(pos, numbers, edges, segments.label, segments.count, shifts)
        return free + energy.to(torch.float64), forces

    def forward(
        self,
        positions: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        edges: Int[Tensor, "2 E"],
        label: Int[Tensor, " N"],
        count: int,
        shifts: Float[Tensor, "E 3"] | None = None,
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, "N 3"]]:
        """Energies ``(count,)`` above those of the free atoms, in eV and in the dtype of positions, and forces.

        ``edges`` and ``shifts`` are those of ``neighbour_list`` for this ``r_max``; edges that are longer do nothing.
        In training, and where positions ask for gradients, both results can be differentiated once more.
        """
        if positions.dtype != self.embedding.dtype:
            raise DtypeError(
                f"positions of dtype {positions.dtype}",
                f"{self.embedding.dtype}, as the module",
                f"write module.to({positions.dtype})",
            )
        further = torch.is_grad_enabled() and (self.training or positions.requires_grad)
        with torch.inference_mode(False), torch.enable_grad():
            r, numbers, edges, label = (_tracked(x) for x in (positions, numbers, edges, label))
            r = r if r.requires_grad else r.detach().requires_grad_()
            energy = self._energy(r, numbers, edges, label, count, None if shifts is None else _tracked(shifts))
            (slope,) = torch.autograd.grad(energy.sum(), r, create_graph=further)
        return (energy if further else energy.detach()), -slope

    def _energy(
        self, r: Tensor, numbers: Tensor, edges: Tensor, label: Tensor, count: int, shifts: Tensor | None
    ) -> Tensor:
        types = self._types(numbers)
        pairs, twice = (edges, False) if shifts is not None else _paired(edges)
        vectors = r.index_select(0, pairs[0]) - r.index_select(0, pairs[1])
        if shifts is not None:
            vectors = vectors + shifts
        length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
        self._refuse_coincident(pairs, length.detach())
        basis = self.basis(length)
        fading = polynomial_cutoff(length[:, 0] / self.r_max, self.cutoff)
        if twice:
            edges = torch.cat([pairs, pairs.flip(0)], dim=1)
            vectors, fading = torch.cat([vectors, -vectors]), torch.cat([fading, fading])
        crowd = r.new_zeros(len(r)).index_add(0, edges[1], fading)
        h = self.embedding.index_select(0, types).unsqueeze(-1)
        kinds = torch.arange(len(self.embedding), device=types.device)
        alone = self.embedding.unsqueeze(-1)
        eps, eps_alone = r.new_zeros(len(r)), r.new_zeros(len(kinds))
        interactions = cast(Iterable[Interaction], self.interactions)
        for interaction, readout in zip(interactions, self.readouts, strict=True):
            h = interaction(h, types, edges, vectors, basis)
            alone = interaction.alone(alone, kinds)
            eps = eps + readout(h[..., 0])[:, 0]
            eps_alone = eps_alone + readout(alone[..., 0])[:, 0]
        # Without it a constant error of energies would have to be learned by the products.
        bound = self.scales.shift + self.scales.scale * self.offset.index_select(0, types)
        found = self.scales.scale * (eps - eps_alone.index_select(0, types)) - bound * torch.expm1(-crowd)
        return r.new_zeros(count).index_add(0, label, found)

    def _types(self, numbers: Tensor) -> Tensor:
        strange = (numbers < 1) | (numbers > HIGHEST)
        types = self.table[numbers.masked_fill(strange, 0)]
        if not torch.compiler.is_compiling() and bool((types < 0).any()):
            raise unknown(numbers, self.isolated)
        return types

    @staticmethod
    def _refuse_coincident(edges: Tensor, length: Tensor) -> None:
        if torch.compiler.is_compiling() or not length.numel():
            return
        shortest = int(length.argmin())
        if not float(length[shortest]) > 1e-6:
            first, second = sorted(edges[:, shortest].tolist())
            raise DomainError(
                f"atoms {first} and {second} in one place, or not at all", "finite positions more than 1e-6 A apart"
            )

    def extra_repr(self) -> str:
        return f"{' '.join(map(symbol, self.isolated))}, r_max={self.r_max}, {self.scales}"


def _tracked(x: Tensor) -> Tensor:
    """The tensor itself, or a copy that gradients may use of one made in inference mode."""
    return x.clone() if x.is_inference() else x


def _paired(edges: Tensor) -> tuple[Tensor, bool]:
    """The edges that have source < target, and True, where the others are the same turned; else all, and False."""
    if torch.compiler.is_compiling():
        return edges, False
    up = edges[0] < edges[1]
    pairs, others = edges[:, up], edges[:, ~up].flip(0)
    if pairs.shape != others.shape:
        return edges, False
    size = int(edges.max()) + 1 if edges.numel() else 1
    one, other = (pairs[0] * size + pairs[1]).sort().values, (others[0] * size + others[1]).sort().values
    return (pairs, True) if torch.equal(one, other) else (edges, False)
