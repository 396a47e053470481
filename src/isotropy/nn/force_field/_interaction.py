"""One round of messages: functions of the distance, maps between channels, and what atoms make of their neighbours."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError
from isotropy.nn.gaunt._constants import Constants
from isotropy.nn.gaunt._convolution import GauntConvolution
from isotropy.nn.gaunt._power import GauntPower
from isotropy.nn.gaunt._vector import VectorProduct
from isotropy.reps import degrees
from isotropy.settings import Settled

# The second moment of silu(x) for standard normal x is 0.3556; the next weights take it up, so that layers keep
# unit variance.
_SILU = 0.35557


class Dense(nn.Module):
    """Layers without biases, x sigmoid(x) between them: zero input gives zero output.

    Weights start standard normal and are divided by the root of their fan-in at each call, so that one learning rate
    suits layers of all widths.
    """

    def __init__(self, widths: Sequence[int], generator: Generator | None) -> None:
        super().__init__()
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(inner, outer, generator=generator)) for inner, outer in pairwise(widths)
        )

    def forward(self, x: Float[Tensor, "... n"]) -> Float[Tensor, "... m"]:
        for number, w in enumerate(self.weights):
            fan_in = len(w) * (_SILU if number else 1.0)
            x = (nn.functional.silu(x) if number else x) @ (w * fan_in**-0.5)
        return x


class DegreeLinear(Constants):
    """``y[d, lm] = sum_c W_l[c, d] x[c, lm]``: x ``(N, C, (L+1)^2)`` of degrees 0..L, one matrix for each degree.

    >>> DegreeLinear(2, 4, torch.Generator())(torch.ones(3, 4, 9)).shape
    torch.Size([3, 4, 9])
    """

    def __init__(self, L: int, channels: int, generator: Generator | None) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(L + 1, channels, channels, generator=generator))
        self.constant("l", degrees(L))

    def forward(self, x: Float[Tensor, "N C k"]) -> Float[Tensor, "N C k"]:
        W = self.W * self.W.shape[-1] ** -0.5
        return (x.permute(2, 0, 1) @ W.index_select(0, self.l)).permute(1, 2, 0)


class ElementLinear(Constants):
    """The same with matrices of each element: ``types (N,)`` chooses; degrees above L are left out."""

    def __init__(self, L: int, channels: int, n_types: int, generator: Generator | None) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(n_types, L + 1, channels, channels, generator=generator))
        self.constant("l", degrees(L))

    def forward(self, x: Float[Tensor, "N C k"], types: Int[Tensor, " N"]) -> Float[Tensor, "N C m"]:
        W = (self.W * self.W.shape[-1] ** -0.5).index_select(0, types).index_select(1, self.l)
        size = len(self.l)
        return torch.einsum("nck,nkcd->ndk", x[..., :size], W)


def polynomial_cutoff(u: Float[Tensor, "..."], p: int = 5) -> Float[Tensor, "..."]:
    """1 at u = 0 and 0 from u = 1 on, where value and first two derivatives vanish; u = r / r_max.

    1 - (p+1)(p+2)/2 u^p + p(p+2) u^(p+1) - p(p+1)/2 u^(p+2). Source: Gasteiger, Gross, Guennemann, ICLR 2020, eq. 8.

    >>> polynomial_cutoff(torch.tensor([0.0, 0.5, 1.0, 1.5]))
    tensor([1.0000, 0.7734, 0.0000, 0.0000])
    """
    inner = u.clamp(max=1.0)
    power = inner**p
    series = (p + 1) * (p + 2) / 2 - inner * (p * (p + 2) - inner * (p * (p + 1) / 2))
    return torch.where(u < 1, 1 - power * series, 0.0)


class RadialBasis(Settled, Constants):
    """sqrt(2 / r_max) sin(n pi r / r_max) / r for n = 1..n_basis, times the polynomial cutoff.

    Distances r ``(E, 1)`` in Angstrom, above zero -> ``(E, n_basis)``. Raises DomainError for sizes that are not
    positive. Source: Gasteiger, Gross, Guennemann, ICLR 2020, eq. 7.

    >>> RadialBasis(5.0, 8)(torch.tensor([[1.0], [5.0]])).shape
    torch.Size([2, 8])
    """

    def __init__(self, r_max: float, n_basis: int = 8, p: int = 5) -> None:
        super().__init__()
        if not r_max > 0 or n_basis < 1 or p < 3:
            raise DomainError(f"r_max={r_max}, n_basis={n_basis}, p={p}", "r_max > 0, one function or more, p >= 3")
        self.r_max, self.p = r_max, p
        self.constant("frequencies", torch.arange(1, n_basis + 1, dtype=torch.float64) * (math.pi / r_max))

    def settings(self) -> dict[str, Any]:
        return {"r_max": self.r_max, "p": self.p, "n_basis": len(self.frequencies)}

    def forward(self, r: Float[Tensor, "E 1"]) -> Float[Tensor, "E n"]:
        fading = polynomial_cutoff(r / self.r_max, self.p) * math.sqrt(2 / self.r_max) / r
        return (r * self.frequencies).sin() * fading


class Interaction(Settled):
    """h_i = linear(B_i) + W[Z_i] h_i, B_i the powers of A_i = linear(sum_j m_ij) / average_neighbours.

    ``m_ij = linear(h_j) * sum_l R_l(r_ij) Y_l(r_ij)``, R a network of the radial basis without biases, so that messages
    vanish at the cutoff as smoothly as their basis. h ``(N, C, (L_in+1)^2)`` -> ``(N, C, (L_out+1)^2)``.
    The basis has one row for each edge, or for each of the first half where the second half are the same, turned.
    ``include_odd`` adds to B_i the proper part of (a x b) c of linear maps a, b, c of A_i, by ``VectorProduct``: what
    goes through a x b, proper and pseudo, has all paths.
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
        include_odd: bool = False,
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
        self.factors = nn.ModuleList(DegreeLinear(L_filter, channels, generator) for _ in range(3 * include_odd))
        self.pairs = nn.ModuleList()
        if include_odd:
            for L, pairs in ((L_filter, (False, False)), (L_out, (True, False))):
                product = VectorProduct(
                    L_filter,
                    L_filter,
                    L,
                    pairs=pairs,
                    weights="degree",
                    channels=channels,
                    normalization="component",
                )
                self.pairs.append(product)

    def settings(self) -> dict[str, Any]:
        return {"average_neighbours": self.average_neighbours, "size": self.size}

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
        if R.shape[0] < source.shape[0]:  # of pairs, which both edges of a pair share
            R = torch.cat([R.mT, R.mT]).mT
        sent = self.up(h).mT.contiguous().index_select(0, source).mT
        m = self.convolution(sent, vectors, R).mT
        A = m.new_zeros(h.shape[0], *m.shape[1:]).index_add(0, target, m).mT / self.average_neighbours
        powers = self.power(self.down(A), types)
        if self.pairs:
            a, b, c = (factor(A) for factor in self.factors)
            powers = powers + self.pairs[1](self.pairs[0](a, b), c)[:, : h.shape[1]]
        return self.out(powers) + self.alone(h, types)

    def alone(self, h: Float[Tensor, "N C k"], types: Int[Tensor, " N"]) -> Float[Tensor, "N C m"]:
        """What becomes of features without neighbours; degrees that the input does not have are zero."""
        kept = self.skip(h, types)
        return nn.functional.pad(kept, (0, self.size - kept.shape[-1]))
