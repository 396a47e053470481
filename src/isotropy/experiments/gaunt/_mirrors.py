"""Networks that classify shapes by invariants of their points: without pseudoscalars, and with them."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from isotropy.errors import one_of
from isotropy.experiments.peers import complete_graphs
from isotropy.nn import CompleteProduct, GauntConvolution
from isotropy.nn.parts import DegreeLinear, Dense, ElementLinear, Interaction, RadialBasis

Method = Literal["Gaunt", "complete"]
METHODS: tuple[Method, ...] = ("Gaunt", "complete")
_REACH, _BASIS, _HIDDEN = 5.0, 8, 32
_ORDER = 3  # factors of the product that each point makes of its messages


class ShapeNetwork(nn.Module):
    """Logits ``(rows, classes)`` of shapes ``(rows, n, 3 + kinds)``: two rounds of messages between all points, a head.

    "Gaunt" makes powers of proper functions on the sphere: its head sees scalars, which no mirror changes. "complete"
    keeps a pseudofunction with each function and makes products by all paths; its head sees pseudoscalars as well.
    Source: specification 05 §4.6.
    """

    def __init__(self, method: str, kinds: int, classes: int, *, width: int, degree: int, generator: Generator) -> None:
        super().__init__()
        one_of("method", method, METHODS)
        self.parts = 1 if method == "Gaunt" else 2
        self.kinds, self.width = kinds, width
        self.basis = RadialBasis(_REACH, _BASIS)
        self.embedding = nn.Parameter(torch.randn(kinds, width, generator=generator))
        self.rounds = nn.ModuleList(
            self._round(L_in, degree, L_out, generator) for L_in, L_out in ((0, degree), (degree, 0))
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.head = Dense([self.parts * width + 1, _HIDDEN, classes], generator)

    def _round(self, L_in: int, degree: int, L_out: int, generator: Generator) -> nn.Module:
        sizes: dict[str, Any] = {"channels": self.width, "n_types": self.kinds}
        radial = [_BASIS, _HIDDEN]
        if self.parts == 1:
            return Interaction(
                L_in, degree, L_out, order=_ORDER, radial=radial, average_neighbours=3.0, generator=generator, **sizes
            )
        return CompleteInteraction(L_in, degree, L_out, radial=radial, generator=generator, **sizes)

    def forward(self, x: Float[Tensor, "rows n k"]) -> Float[Tensor, "rows classes"]:
        rows, n = x.shape[:2]
        loc, types = x[..., :3].flatten(0, 1), x[..., 3:].argmax(-1).flatten()
        edges = complete_graphs(rows, n, x.device)
        source, target = edges
        vectors = loc.index_select(0, source) - loc.index_select(0, target)
        basis = self.basis(torch.linalg.vector_norm(vectors, dim=-1, keepdim=True))
        h = self.embedding.index_select(0, types).unsqueeze(-1)
        if self.parts == 2:  # nothing has a hand yet
            h = torch.cat([h, torch.zeros_like(h)], 1)
        for each in self.rounds:
            h = each(h, types, edges, vectors, basis)
        # Scalars and pseudoscalars each have a scale of their own; at first the latter are small.
        parts = h.squeeze(-1).unflatten(0, (rows, n)).mean(1).unflatten(-1, (self.parts, -1))
        read = self.norm(parts).flatten(-2)
        return self.head(torch.cat([read, torch.ones_like(read[:, :1])], -1))


class CompleteInteraction(nn.Module):
    """The same round for pairs of a function and a pseudofunction: a + ab + (ab)c of linear maps a, b, c of messages.

    h ``(N, 2C, (L_in+1)^2)`` -> ``(N, 2C, (L_out+1)^2)``, C proper channels first. The products are complete: both
    parts of the output have all paths, even and odd. Source: specification 05 §2.7.
    """

    def __init__(
        self,
        L_in: int,
        L_filter: int,
        L_out: int,
        *,
        channels: int,
        n_types: int,
        radial: Sequence[int],
        generator: Generator,
    ) -> None:
        super().__init__()
        L, C = L_filter, channels
        self.up = Halves(*(DegreeLinear(L_in, C, generator) for _ in range(2)))
        self.radial = Dense([*radial, 2 * C * (L + 1)], generator)
        self.convolution = GauntConvolution(L_in, L, L, "matrix", normalization="component", channels=2 * C)
        self.factors = nn.ModuleList(Halves(*(DegreeLinear(L, C, generator) for _ in range(2))) for _ in range(_ORDER))
        self.products = nn.ModuleList(
            CompleteProduct(L, L, top, weights="degree", channels=C, normalization="component") for top in (L, L_out)
        )
        self.out = Halves(*(DegreeLinear(L_out, C, generator) for _ in range(2)))
        self.skip = Halves(*(ElementLinear(min(L_in, L_out), C, n_types, generator) for _ in range(2)))

    def forward(
        self,
        h: Float[Tensor, "N C k"],
        types: Int[Tensor, " N"],
        edges: Int[Tensor, "2 E"],
        vectors: Float[Tensor, "E 3"],
        basis: Float[Tensor, "E n"],
    ) -> Float[Tensor, "N C m"]:
        source, target = edges
        R = self.radial(basis).unflatten(-1, (h.shape[1], -1))
        m = self.convolution(self.up(h).index_select(0, source), vectors, R)
        A = m.new_zeros(len(h), *m.shape[1:]).index_add(0, target, m) / 3.0
        a, b, c = (factor(A) for factor in self.factors)
        ab = self.products[0](a, b)
        abc = self.products[1](ab, c)
        size = abc.shape[-1]
        found = self.out(a[..., :size] + ab[..., :size] + abc)
        kept = self.skip(h, types)
        return found + nn.functional.pad(kept, (0, size - kept.shape[-1]))


class Halves(nn.Module):
    """One map for the proper channels and one for the pseudo ones."""

    def __init__(self, proper: nn.Module, pseudo: nn.Module) -> None:
        super().__init__()
        self.proper, self.pseudo = proper, pseudo

    def forward(self, x: Float[Tensor, "N C k"], *more: Tensor) -> Float[Tensor, "N C m"]:
        one, other = x.chunk(2, 1)
        return torch.cat([self.proper(one, *more), self.pseudo(other, *more)], 1)
