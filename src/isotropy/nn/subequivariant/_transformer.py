"""A transformer over limbs whose attention moves scalars and vectors alike, and keeps the turns about gravity."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from isotropy.nn.subequivariant._columns import Columns, Combine, Invariants, Mix, Typed, perceptron


class Sizes(NamedTuple):
    """Channels of vectors and scalars, mixtures K looked at, heads, layers, width of feed-forward parts."""

    channels: int
    gram: int
    heads: int
    layers: int
    forward: int


SIZES = {"small": Sizes(32, 6, 2, 2, 64), "paper": Sizes(128, 30, 2, 3, 256)}


class Attention(nn.Module):
    """One layer: attention by the invariants of each limb, then feed-forward on what it brought (Chen et al., 4.2)."""

    def __init__(self, sizes: Sizes, vectors: tuple[int, int], group: str) -> None:
        super().__init__()
        C, K, H, _, ff = sizes
        p, a = vectors
        self.heads = H
        self.columns = Columns(p, a, K, 2, group)
        self.invariants = Invariants(self.columns.sizes, "bounded")
        self.look = perceptron(self.invariants.width, 2 * C, C)
        self.q, self.k, self.v = (nn.Linear(2 * C, 2 * C) for _ in range(3))
        self.out = nn.Linear(2 * C, C)
        self.vector_values, self.vector_out = _pair(vectors, (H * p, H * a)), _pair((H * (p + 2), H * a), vectors)
        self.norm, self.norm_out = nn.LayerNorm(C), nn.LayerNorm(C)
        self.columns_out = Columns(p, a, K, 2, group)
        self.invariants_out = Invariants(self.columns_out.sizes, "bounded")
        self.look_out = perceptron(self.invariants_out.width, ff, C)
        self.combine = Combine(self.columns_out.sizes, vectors)
        self.coefficients = perceptron(2 * C, ff, self.combine.width)
        self.scalars = perceptron(2 * C, ff, C)

    def forward(
        self,
        Z: Typed,
        h: Float[Tensor, "rows limbs c"],
        V: Float[Tensor, "rows limbs 2 3"],
        bias: Float[Tensor, "#rows #heads #limbs #limbs"] | None,
        mask: Bool[Tensor, "rows limbs"] | None,
    ) -> tuple[Typed, Float[Tensor, "rows limbs c"]]:
        told, size = self.invariants(self.columns(Z, V))
        x = torch.cat([self.look(told), h], -1)
        q, k, v = (_split(part(x) / (1 + size), self.heads) for part in (self.q, self.k, self.v))
        logits = q @ k.mT / q.shape[-1] ** 0.5
        logits = logits if bias is None else logits + bias
        if mask is not None:
            logits = logits.masked_fill(~mask[:, None, None], -torch.inf)
        alpha = logits.softmax(-1)  # (rows, heads, limbs, limbs)
        brought = self.out((alpha @ v).transpose(1, 2).flatten(2))
        moved = self._moved(alpha, Z, V)
        h = self.norm(h + brought)
        A = self.columns_out(moved, V)
        told, size = self.invariants_out(A)
        x = torch.cat([self.look_out(told), h], -1)
        further = self.combine(A, self.coefficients(x) / (1 + size))
        return Z + moved + further, self.norm_out(h + self.scalars(x) / (1 + size))

    def _moved(
        self, alpha: Float[Tensor, "rows heads limbs limbs"], Z: Typed, V: Float[Tensor, "rows limbs 2 3"]
    ) -> Typed:
        """The same attention moves vectors: those of each head, with the fixed ones, mixed again."""
        H = self.heads
        values = Z.each(*self.vector_values)
        P = torch.cat([values.polar.unflatten(-2, (H, -1)), V[..., None, :, :].expand(*V.shape[:2], H, 2, 3)], -2)
        polar, axial = (
            torch.einsum("bhij,bjhcx->bihcx", alpha, one).flatten(2, 3)
            for one in (P, values.axial.unflatten(-2, (H, values.axial.shape[-2] // H)))
        )
        return Typed(polar, axial).each(*self.vector_out)


def _pair(a: tuple[int, int], b: tuple[int, int]) -> nn.ModuleList:
    return nn.ModuleList([Mix(a[0], b[0]), Mix(a[1], b[1])])


def _split(x: Float[Tensor, "rows limbs c"], heads: int) -> Float[Tensor, "rows heads limbs part"]:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)
