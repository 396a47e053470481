"""One round of messages: what neighbours send along edges, and the many-body features that atoms make of it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from isotropy.nn.force_field._mixing import DegreeLinear, Dense, ElementLinear
from isotropy.nn.gaunt._convolution import GauntConvolution
from isotropy.nn.gaunt._power import GauntPower


class Interaction(nn.Module):
    """h_i = linear(B_i) + W[Z_i] h_i, B_i the powers of A_i = linear(sum_j m_ij) / average_neighbours.

    ``m_ij = linear(h_j) * sum_l R_l(r_ij) Y_l(r_ij)``, R a network of the radial basis without biases, so that messages
    vanish at the cutoff as smoothly as their basis. h ``(N, C, (L_in+1)^2)`` -> ``(N, C, (L_out+1)^2)``.
    The basis has one row for each edge, or for each of the first half where the second half are the same, turned.
    Sources: Batatia et al., NeurIPS 2022 (MACE); Luo, Chen, Krishnapriyan 2024 (products on the sphere).
    """

    def __init__(
        self,
        L_in: int,
        L_filter: int,
        L_out: int,
        *,
        channels: int,
        order: int,
        n_types: int,
        radial: Sequence[int],
        average_neighbours: float,
        generator: Generator | None,
    ) -> None:
        super().__init__()
        self.average_neighbours, self.size = average_neighbours, (L_out + 1) ** 2
        self.up = DegreeLinear(L_in, channels, generator)
        self.radial = Dense([*radial, channels * (L_filter + 1)], generator)
        self.convolution = GauntConvolution(
            L_in, L_filter, L_filter, "matrix", normalization="component", channels=channels
        )
        self.down = DegreeLinear(L_filter, channels, generator)
        self.power = GauntPower(
            L_filter, L_out, order, n_types, channels=channels, normalization="component", generator=generator
        )
        self.out = DegreeLinear(L_out, channels, generator)
        self.skip = ElementLinear(min(L_in, L_out), channels, n_types, generator)

    def forward(
        self,
        h: Float[Tensor, "N C k"],
        types: Int[Tensor, " N"],
        edges: Int[Tensor, "2 E"],
        vectors: Float[Tensor, "E 3"],
        basis: Float[Tensor, "P n"],
    ) -> Float[Tensor, "N C m"]:
        source, target = edges
        # Channels last in memory, which is what the convolution works along; the views have them where they belong.
        R = self.radial(basis).unflatten(-1, (-1, h.shape[1])).mT
        if len(R) < len(source):  # of pairs, which both edges of a pair share
            R = torch.cat([R.mT, R.mT]).mT
        sent = self.up(h).mT.contiguous().index_select(0, source).mT
        m = self.convolution(sent, vectors, R).mT
        A = m.new_zeros(len(h), *m.shape[1:]).index_add(0, target, m).mT / self.average_neighbours
        B = self.out(self.power(self.down(A), types))
        return B + self.alone(h, types)

    def alone(self, h: Float[Tensor, "N C k"], types: Int[Tensor, " N"]) -> Float[Tensor, "N C m"]:
        """What becomes of features without neighbours; degrees that the input does not have are zero."""
        kept = self.skip(h, types)
        return nn.functional.pad(kept, (0, self.size - kept.shape[-1]))
