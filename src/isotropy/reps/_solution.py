"""What a solver of invariants answers, and how answers lie in a file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.reps._cache import Kept


@dataclass(frozen=True, eq=False)
class Invariants:
    """An orthonormal basis of the fixed vectors: a matrix ``dense (size, dim)``, or orbits of entries.

    With orbits entry i belongs to basis vector ``label[i]`` with ``weight[i]``, so that nothing large is stored.
    """

    size: int
    dim: int
    gap: float
    method: str
    dense: Float[Tensor, "size dim"] | None = None
    label: Int[Tensor, " size"] | None = None
    weight: Float[Tensor, " size"] | None = None

    @staticmethod
    def of_orbits(label: Tensor, weight: Tensor, dim: int, method: str) -> Invariants:
        return Invariants(len(label), dim, math.inf, method, None, label, weight)

    @staticmethod
    def all(size: int, method: str = "degrees") -> Invariants:
        return Invariants.of_orbits(torch.arange(size), torch.ones(size, dtype=torch.float64), size, method)

    @staticmethod
    def none(size: int, method: str) -> Invariants:
        zeros = torch.zeros(size, dtype=torch.float64)
        return Invariants.of_orbits(torch.zeros(size, dtype=torch.int64), zeros, 0, method)

    def matrix(self) -> Float[Tensor, "size dim"]:
        if self.dense is not None:
            return self.dense
        assert self.label is not None
        assert self.weight is not None
        matrix = torch.zeros(self.size, self.dim, dtype=torch.float64)
        return matrix.scatter(1, self.label[:, None], self.weight[:, None]) if self.dim else matrix


def stored(found: Sequence[Invariants]) -> Kept:
    """Several solutions in one file, each once however often it is used."""
    distinct = list({id(one): one for one in found}.values())
    place = {id(one): i for i, one in enumerate(distinct)}
    about = [(one.size, one.dim, repr(one.gap), one.method) for one in distinct]
    tensors: dict[str, Tensor] = {}
    for i, one in enumerate(distinct):
        fields = {"dense": one.dense, "label": one.label, "weight": one.weight}
        tensors |= {f"{name}.{i}": tensor.clone() for name, tensor in fields.items() if tensor is not None}
    return tensors, json.dumps([[place[id(one)] for one in found], about])


def restored(kept: Kept) -> list[Invariants]:
    """The inverse of ``stored``."""
    tensors, text = kept
    order, about = json.loads(text)
    found = [
        Invariants(
            size,
            dim,
            float(gap),
            method,
            tensors.get(f"dense.{i}"),
            tensors.get(f"label.{i}"),
            tensors.get(f"weight.{i}"),
        )
        for i, (size, dim, gap, method) in enumerate(about)
    ]
    return [found[i] for i in order]
