"""How far weights stand from the equivariant maps of several groups at once: the mathematics of all weight penalties.

A weight between two sums of atoms falls into blocks, one for each pair of copies. Blocks of one *kind* (the same two
atoms) share their projectors, so all of them, over all layers and all groups, are one matrix product.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.groups import Group
from isotropy.nn import copies, dimensions, linear_part, moved_points
from isotropy.reps import Rep, Scalar, equivariant_basis

# Below this size of a block a dense D x D complement projector is cheaper than two thin products.
DENSE = 32


@dataclass(frozen=True)
class Kind:
    """All blocks between two given atoms: ``count`` copies of ``size`` entries from ``start`` on in sorted order.

    ``basis[j]`` (size, r_j) is the orthonormal basis of the equivariant blocks of group j, in float64.
    """

    start: int
    count: int
    size: int
    basis: tuple[Float[Tensor, "D _"], ...]

    @property
    def stop(self) -> int:
        return self.start + self.count * self.size

    @functools.cached_property
    def complements(self) -> tuple[Float[Tensor, "D D"], ...]:
        """The projectors ``I - Q_j Q_j^T``, in float64."""
        eye = torch.eye(self.size, dtype=torch.float64)
        return tuple(eye - q @ q.mT for q in self.basis)


@dataclass(frozen=True)
class Layer:
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

    def __init__(self, layers: Sequence[Layer], groups: Sequence[Group]) -> None:
        self.groups = tuple(groups)
        self.shapes: list[tuple[int, ...]] = []
        found: dict[tuple[Rep, Rep], list[Tensor]] = {}
        dims = dimensions(self.groups)
        offset = 0
        for layer in layers:
            sources = [layer.rep_in] + [Scalar] * layer.bias
            for source in sources:
                offset = self._index(source, layer.rep_out, offset, found)
        self.size = offset
        self.kinds: list[Kind] = []
        order: list[Tensor] = []
        start = 0
        total = torch.zeros(len(self.groups), dtype=torch.int64)
        for (source, target), pieces in found.items():
            blocks = torch.cat(pieces)
            basis = tuple(_block_basis(source, target, group, dims) for group in self.groups)
            free = torch.tensor([blocks.shape[1] - q.shape[1] for q in basis])
            if not bool(free.any()):
                continue  # every block of this kind is equivariant for every group: nothing to penalise
            kind = Kind(start, blocks.shape[0], blocks.shape[1], basis)
            total += kind.count * free
            self.kinds.append(kind)
            order.append(blocks.flatten())
            start = kind.stop
        self.dims: Int[Tensor, " J"] = total
        self.order = torch.cat(order) if order else torch.zeros(0, dtype=torch.int64)
        self._cast: dict[tuple[torch.dtype, torch.device], tuple[Tensor, list[Tensor]]] = {}

    def squares(self, weights: Sequence[Tensor]) -> Float[Tensor, " J"]:
        """``sum |W - P_j W|^2`` over all weights, for each group; its gradient is ``2 (W - P_j W)``, to any order."""
        flat = torch.cat([weight.reshape(-1) for weight in weights])
        return _Squares.apply(flat, self)  # type: ignore[no-any-return]

    def residuals(self, weights: Sequence[Tensor], amounts: Float[Tensor, " J"]) -> list[Tensor]:
        """``sum_j amounts_j (W - P_j W)``, for each weight."""
        flat = torch.cat([weight.reshape(-1) for weight in weights])
        mixed = self.mix(self.parts(flat), amounts.to(flat))
        pieces = mixed.split([weight.numel() for weight in weights])
        return [piece.reshape(weight.shape) for piece, weight in zip(pieces, weights, strict=True)]

    def parts(self, flat: Float[Tensor, " n"]) -> Float[Tensor, "J m"]:
        """The residuals ``W - P_j W`` in sorted order: block by block, kind by kind."""
        order, tables = self._tables(flat.dtype, flat.device)
        ordered = flat.index_select(0, order)
        found = [
            _residual(ordered[kind.start : kind.stop].view(kind.count, kind.size), table).flatten(1)
            for kind, table in zip(self.kinds, tables, strict=True)
        ]
        return torch.cat(found, dim=1) if found else flat.new_zeros(len(self.groups), 0)

    def mix(self, parts: Float[Tensor, "J m"], amounts: Float[Tensor, " J"]) -> Float[Tensor, " n"]:
        """``sum_j amounts_j parts_j``, back in the order of the flat weights."""
        order = self._tables(parts.dtype, parts.device)[0]
        return parts.new_zeros(self.size).index_copy(0, order, amounts @ parts)

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
        self.shapes.append((n_out, n_in))
        return offset + n_out * n_in

    def _tables(self, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, list[Tensor]]:
        key = (dtype, device)
        if key not in self._cast:
            tables = [_table(kind).to(dtype=dtype, device=device) for kind in self.kinds]
            self._cast[key] = (self.order.to(device), tables)
        return self._cast[key]


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


def _centred(count: int) -> Float[Tensor, "m s"]:
    """An orthonormal basis of the vectors of R^m whose entries sum to zero."""
    values, vectors = torch.linalg.eigh(torch.eye(count, dtype=torch.float64) - 1.0 / count)
    return vectors[:, values > 0.5]


def _table(kind: Kind) -> Tensor:
    """Dense complement projectors (J, D, D), or thin bases (J, D, r < D) padded with zero columns."""
    rank = max(q.shape[1] for q in kind.basis)
    if kind.size <= max(DENSE, 2 * rank):
        return torch.stack(kind.complements)
    return torch.stack([torch.nn.functional.pad(q, (0, rank - q.shape[1])) for q in kind.basis])


def _residual(blocks: Float[Tensor, "count D"], table: Float[Tensor, "J D _"]) -> Float[Tensor, "J count D"]:
    repeated = blocks.expand(len(table), -1, -1)
    if table.shape[1] == table.shape[2]:
        return torch.bmm(repeated, table)
    return torch.baddbmm(repeated, torch.bmm(repeated, table), table.mT, alpha=-1)


class _Squares(torch.autograd.Function):
    """Squared residuals with the gradient that is already at hand: the residual of a projector is its own gradient."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, complement: Complement) -> Tensor:  # type: ignore[override]
        parts = complement.parts(flat)
        ctx.complement = complement
        ctx.save_for_backward(flat, parts)
        return parts.square().sum(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        flat, parts = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody differentiates twice: write the gradient as a function of the weights
            parts = ctx.complement.parts(flat)
        return ctx.complement.mix(parts, 2 * grads[0]), None
