"""How far weights stand from the equivariant maps of several groups at once: the mathematics of all weight penalties.

A weight between two sums of atoms falls into blocks, one for each pair of copies. Blocks of one *kind* share their
projectors, so all of them, over all layers and all groups, are one matrix product. Two pairs of atoms are of one kind
when their equivariant blocks are the same subspaces: under orthogonal groups all with the same sum of ranks.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from isotropy.groups import Group
from isotropy.nn.parts import copies, dimensions, moved_points
from isotropy.reps import Rep, Scalar, equivariant_basis, linear_part

# Up to this size of a block one D x D projector, mixed over the groups, is cheaper than coordinates and back.
DENSE = 96

Bases = tuple[Float[Tensor, "_ _"], ...]


@dataclass(frozen=True)
class Kind:
    """All blocks with the same equivariant subspaces: ``count`` of ``size`` entries, from ``start`` on in sorted order.

    ``basis[j]`` (size, r_j) is the orthonormal basis of the equivariant blocks of group j, in float64.
    """

    start: int
    count: int
    size: int
    basis: Bases

    @property
    def stop(self) -> int:
        return self.start + self.count * self.size

    @functools.cached_property
    def complements(self) -> tuple[Float[Tensor, "D D"], ...]:
        """The projectors ``I - Q_j Q_j^T``, in float64."""
        eye = torch.eye(self.size, dtype=torch.float64)
        return tuple(eye - q @ q.mT for q in self.basis)


@dataclass(frozen=True)
class TypedLayer:
    """One linear map with its types; ``bias`` says whether it has one."""

    rep_in: Rep
    rep_out: Rep
    bias: bool


class Complement:
    """The orthogonal complements of the equivariant weights (and biases), one for each of J groups, of some layers.

    ``weights`` are everywhere a flat sequence: weight (n_out, n_in), then bias (n_out,) if any, layer by layer.
    ``dims[j]`` is the dimension of complement j, over all layers. Points under translations count as Vectors whose
    weights sum to zero over the Points; as outputs they are displacements, which a network adds to a centroid.
    """

    def __init__(self, layers: Sequence[TypedLayer], groups: Sequence[Group]) -> None:
        self.groups = tuple(groups)
        found: dict[tuple[Rep, Rep], list[Tensor]] = {}
        dims = dimensions(self.groups)
        offset = 0
        for layer in layers:
            sources = [layer.rep_in] + [Scalar] * layer.bias
            for source in sources:
                offset = self._index(source, layer.rep_out, offset, found)
        self.size = offset
        merged: list[tuple[Bases, list[Tensor]]] = []
        for (source, target), pieces in found.items():
            bases = tuple(_block_basis(source, target, group, dims) for group in self.groups)
            if all(q.shape[0] == q.shape[1] for q in bases):
                continue  # every block of this kind is equivariant for every group: nothing to penalise
            for others, same in merged:
                if _same_spans(bases, others):
                    same.extend(pieces)
                    break
            else:
                merged.append((bases, list(pieces)))
        self.kinds: list[Kind] = []
        self.dims: Int[Tensor, " J"] = torch.zeros(len(self.groups), dtype=torch.int64)
        order = [torch.zeros(0, dtype=torch.int64)]
        start = 0
        for bases, pieces in merged:
            blocks = torch.cat(pieces)
            self.kinds.append(Kind(start, blocks.shape[0], blocks.shape[1], bases))
            self.dims = self.dims + len(blocks) * torch.tensor([q.shape[0] - q.shape[1] for q in bases])
            order.append(blocks.flatten())
            start = self.kinds[-1].stop
        self.order = torch.cat(order)
        self._cast: dict[tuple[torch.dtype, torch.device], Tables] = {}

    def squares(self, weights: Sequence[Tensor]) -> Float[Tensor, " J"]:
        """``sum |W - P_j W|^2`` over all weights, for each group; its gradient is ``2 (W - P_j W)``, to any order.

        In single precision and while gradients are wanted it is ``|W|^2 - |P_j W|^2``, good to about 1e-7 of ``|W|^2``;
        otherwise, and for reports, the residual is formed and squared (§2.7).
        """
        flat = torch.cat([weight.reshape(-1) for weight in weights])
        return _Squares.apply(flat, self)  # type: ignore[no-any-return]

    def weighted(self, weights: Sequence[Tensor], amounts: Float[Tensor, " J"]) -> Float[Tensor, ""]:
        """``1/2 sum_j amounts_j |W - P_j W|^2`` with its gradient, both from one pass; not for second derivatives."""
        flat = torch.cat([weight.reshape(-1) for weight in weights])
        return _Weighted.apply(flat, self, amounts.to(flat))  # type: ignore[no-any-return]

    def residuals(self, weights: Sequence[Tensor], amounts: Float[Tensor, " J"]) -> list[Tensor]:
        """``sum_j amounts_j (W - P_j W)``, for each weight."""
        flat = torch.cat([weight.reshape(-1) for weight in weights])
        mixed = self.mix(flat, amounts.to(flat))
        pieces = mixed.split([weight.numel() for weight in weights])
        return [piece.reshape(weight.shape) for piece, weight in zip(pieces, weights, strict=True)]

    def mix(self, flat: Float[Tensor, " n"], amounts: Float[Tensor, " J"]) -> Float[Tensor, " n"]:
        """``sum_j amounts_j (W - P_j W)`` of the flat weights; zero where nothing is penalised."""
        tables = self._tables(flat.dtype, flat.device)
        projectors = (amounts @ tables.dense).split(tables.sizes)
        mixed: list[Tensor] = []
        for number, block in enumerate(self._blocks(flat, tables)):
            size = block.shape[1]
            if tables.sizes[number]:
                mixed.append((block @ projectors[number].view(size, size)).view(-1))
            else:
                basis = tables.bases[number]
                inside = (block @ basis) * amounts[tables.owners[number]]
                mixed.append(torch.addmm(block * amounts.sum(), inside, basis.mT, alpha=-1).view(-1))
        return torch.cat([*mixed, flat.new_zeros(1)]).index_select(0, tables.back)

    def squared_norms(self, flat: Float[Tensor, " n"]) -> Float[Tensor, " J"]:
        """``|W|^2 - |P_j W|^2`` over the penalised blocks, from coordinates in the bases of all groups side by side."""
        tables = self._tables(flat.dtype, flat.device)
        blocks = self._blocks(flat, tables)
        norms = [
            torch.linalg.vector_norm(block @ basis, dim=0) for block, basis in zip(blocks, tables.bases, strict=True)
        ]
        inside = torch.cat([flat.new_zeros(0), *norms]).double().square()
        whole = torch.linalg.vector_norm(torch.cat([flat.new_zeros(0), *[block.reshape(-1) for block in blocks]]))
        found = inside.new_zeros(len(self.groups)).index_add(0, tables.owner, inside)
        return (whole.double().square() - found).clamp(min=0).to(flat.dtype)

    def _blocks(self, flat: Tensor, tables: Tables) -> list[Float[Tensor, "count D"]]:
        ordered = flat.index_select(0, tables.order)
        return [ordered[kind.start : kind.stop].view(kind.count, kind.size) for kind in self.kinds]

    def _index(self, source: Rep, target: Rep, offset: int, found: dict[tuple[Rep, Rep], list[Tensor]]) -> int:
        """Files the entries of one weight (n_out, n_in), stored from ``offset`` on, under their kinds."""
        rows, columns = copies(target, self.groups), copies(source, self.groups)
        n_in = sum(places.numel() for places in columns.values())
        n_out = sum(places.numel() for places in rows.values())
        for atom_out, i in rows.items():
            for atom_in, k in columns.items():
                kind = atom_in
                if moved_points(atom_in, self.groups):
                    # A translation is felt by all Points together: they form one block.
                    kind, k = len(k) * atom_in, k.reshape(1, -1)
                entries = offset + i[:, None, :, None] * n_in + k[None, :, None, :]
                found.setdefault((kind, atom_out), []).append(entries.flatten(2).flatten(0, 1))
        return offset + n_out * n_in

    def _tables(self, dtype: torch.dtype, device: torch.device) -> Tables:
        key = (dtype, device)
        if key not in self._cast:
            self._cast[key] = Tables.of(self, dtype, device)
        return self._cast[key]


@dataclass(frozen=True)
class Tables:
    """What one dtype and device need: the sorted order (m,) of the weights, the way back (n,), and all projectors.

    ``bases[k]`` (D, sum_j r_j) holds the bases of all groups side by side, ``owners[k]`` whose each column is.
    ``dense`` (J, sum D^2) holds the complement projectors of the small kinds, of ``sizes[k]`` = D^2 numbers, else 0.
    """

    order: Tensor
    back: Tensor
    bases: list[Tensor]
    owners: list[Tensor]
    owner: Tensor
    dense: Tensor
    sizes: list[int]

    @staticmethod
    def of(complement: Complement, dtype: torch.dtype, device: torch.device) -> Tables:
        """Casts the float64 answers once for each dtype and device."""
        kinds, order = complement.kinds, complement.order
        back = torch.full((complement.size,), len(order)).index_copy(0, order, torch.arange(len(order)))
        owners = [
            torch.cat([torch.full((q.shape[1],), j) for j, q in enumerate(kind.basis)]).to(device) for kind in kinds
        ]
        small = [torch.stack(kind.complements).flatten(1) for kind in kinds if kind.size <= DENSE]
        dense = torch.cat([torch.zeros(len(complement.groups), 0, dtype=torch.float64), *small], dim=1)
        return Tables(
            order.to(device),
            back.to(device),
            [torch.cat(kind.basis, dim=1).to(dtype=dtype, device=device) for kind in kinds],
            owners,
            torch.cat([torch.zeros(0, dtype=torch.int64, device=device), *owners]),
            dense.to(dtype=dtype, device=device),
            [kind.size**2 if kind.size <= DENSE else 0 for kind in kinds],
        )


def _block_basis(source: Rep, target: Rep, group: Group, dims: Mapping[str, int]) -> Float[Tensor, "D r"]:
    """The equivariant blocks of one kind as orthonormal columns, row-major, in float64."""
    if not moved_points(source, [group]):
        maps = equivariant_basis(linear_part(source), linear_part(target), group, dims=dims).maps
        return maps.to(device="cpu", dtype=torch.float64).flatten(1).mT
    # Invariant under x -> x + t: weights on the Points that sum to zero; otherwise as for Vectors.
    part = source.parts()[0]
    vectors = equivariant_basis(linear_part(part.atom), linear_part(target), group, dims=dims).maps
    centred = _centred(part.multiplicity)
    maps = torch.einsum("roa,ks->rsoka", vectors.to(device="cpu", dtype=torch.float64), centred)
    return maps.flatten(0, 1).flatten(1).mT


def _same_spans(bases: Bases, others: Bases) -> bool:
    """Whether two lists of orthonormal columns (D, r_j) span the same subspaces."""
    if any(p.shape != q.shape for p, q in zip(bases, others, strict=True)):
        return False
    return all(float((p - q @ (q.mT @ p)).norm()) < 1e-10 for p, q in zip(bases, others, strict=True))


def _centred(count: int) -> Float[Tensor, "m s"]:
    """An orthonormal basis of the vectors of R^m whose entries sum to zero."""
    values, vectors = torch.linalg.eigh(torch.eye(count, dtype=torch.float64) - 1.0 / count)
    return vectors[:, values > 0.5]


class _Squares(torch.autograd.Function):
    """Squared residuals, whose gradient is at hand: twice the residual, since a projector is its own square."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, complement: Complement) -> Tensor:  # type: ignore[override]
        ctx.complement = complement
        ctx.save_for_backward(flat)
        if flat.dtype != torch.float64 and ctx.needs_input_grad[0]:
            return complement.squared_norms(flat)
        each = torch.eye(len(complement.groups), dtype=flat.dtype, device=flat.device)
        return torch.stack([complement.mix(flat, amounts).square().sum() for amounts in each])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        # Written in plain operations on the weights, so that it can be differentiated again.
        return ctx.complement.mix(ctx.saved_tensors[0], 2 * grads[0]), None


class _Weighted(torch.autograd.Function):
    """``1/2 <W, sum_j a_j (W - P_j W)>``: value and gradient are one product with a mixed projector."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, complement: Complement, amounts: Tensor) -> Tensor:  # type: ignore[override]
        gradient = complement.mix(flat, amounts)
        ctx.save_for_backward(gradient)
        return (flat @ gradient) / 2

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return grads[0] * ctx.saved_tensors[0], None, None
