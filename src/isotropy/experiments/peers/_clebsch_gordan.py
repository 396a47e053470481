"""The peer: the same force field with full Clebsch-Gordan products, each path with a weight of its own."""

from itertools import permutations
from typing import cast

import torch
from e3nn import o3
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from isotropy.experiments.peers._e3nn import by_channels, by_irreps, even_paths, natural_irreps
from isotropy.nn import GauntForceField
from isotropy.nn.parts import Constants, Dense, Interaction, table
from isotropy.reps import rescaling, spherical_harmonics


def with_clebsch_gordan_products(model: GauntForceField, generator: Generator) -> GauntForceField:
    """The model, in place, with a `CouplingConvolution` and a `CouplingPower` for each of its products on the sphere.

    Everything else (embedding, maps between channels, radial networks but for their last layer, readouts) stays.
    """
    for each in model.interactions:
        interaction = cast(Interaction, each)
        here, power = interaction.convolution, interaction.power
        convolution = CouplingConvolution(here.L_in, here.L_filter, here.L_out, power.channels)
        widths = [*map(len, interaction.radial.weights), power.channels * len(convolution.paths)]
        interaction.radial = Dense(widths, generator)
        interaction.convolution = convolution  # pyright: ignore[reportAttributeAccessIssue]
        interaction.power = CouplingPower(  # pyright: ignore[reportAttributeAccessIssue]
            power.L, power.L_out, power.order, power.n_types, power.channels, generator
        )
    return model


class CouplingConvolution(Constants):
    """Features times harmonics of the edge, every path (l1, l_filter, l3) weighted by a radial factor of its own.

    x ``(E, C, (L_in+1)^2)``, vectors ``(E, 3)``, radial ``(E, C, paths)`` -> ``(E, C, (L_out+1)^2)``, by e3nn's
    TensorProduct "uvu", each degree of the output with unit variance. Paths whose degrees sum to an odd number would be
    pseudotensors, which features of natural parity do not have. Sources: Geiger, Smidt 2022; Batatia et al. 2022.

    >>> convolution = CouplingConvolution(1, 2, 1, 4)
    >>> convolution(torch.ones(5, 4, 4), torch.ones(5, 3), torch.ones(5, 4, len(convolution.paths))).shape
    torch.Size([5, 4, 4])
    """

    def __init__(self, L_in: int, L_filter: int, L_out: int, channels: int) -> None:
        super().__init__()
        self.L_filter, self.L_out = L_filter, L_out
        self.paths = even_paths(L_in, L_filter, L_out)
        sizes = ((L_in, channels), (L_filter, 1), (L_out, channels))
        one, two, three = (natural_irreps(L, count) for L, count in sizes)
        instructions = [(l1, l2, l3, "uvu", True) for l1, l2, l3 in self.paths]
        self.product = o3.TensorProduct(
            one, two, three, instructions, shared_weights=False, internal_weights=False, irrep_normalization="component"
        )  # fmt: skip
        self.constant("scale", rescaling(L_filter, "component"))

    def forward(
        self, x: Float[Tensor, "E C k"], vectors: Float[Tensor, "E 3"], radial: Float[Tensor, "E C p"]
    ) -> Float[Tensor, "E C m"]:
        Y = spherical_harmonics(self.L_filter, vectors) * self.scale
        return by_channels(self.product(by_irreps(x), Y, radial.mT.flatten(1)), self.L_out)


class CouplingPower(Constants):
    """``sum_nu sum_p w_nu[type, p, channel] U_nu^p A ... A``: all symmetric couplings of up to ``order`` factors A.

    A ``(N, C, (L+1)^2)``, types ``(N,)`` -> ``(N, C, (L_out+1)^2)``; the U_nu of each degree are orthonormal.
    Contracted from the highest order down, one factor at a time.
    Source: Batatia et al., NeurIPS 2022, eq. 10 and 11 (MACE).

    >>> power = CouplingPower(1, 0, 2, 3, 4, torch.Generator())
    >>> power(torch.ones(5, 4, 4), torch.zeros(5, dtype=torch.int64)).shape
    torch.Size([5, 4, 1])
    """

    def __init__(self, L: int, L_out: int, order: int, n_types: int, channels: int, generator: Generator) -> None:
        super().__init__()
        self.order, self.L_out = order, L_out
        self.w = nn.ParameterDict()
        for l in range(L_out + 1):
            for nu in range(1, order + 1):
                U = symmetric_couplings(L, nu, l)
                self.constant(f"U{nu}_{l}", U)
                paths = U.shape[-1]
                self.w[f"{nu}_{l}"] = nn.Parameter(torch.randn(n_types, paths, channels, generator=generator))

    def forward(self, A: Float[Tensor, "N C k"], types: Int[Tensor, " N"]) -> Float[Tensor, "N C m"]:
        return torch.cat([self._degree(A, types, l) for l in range(self.L_out + 1)], dim=-1)

    def _degree(self, A: Tensor, types: Tensor, l: int) -> Tensor:
        found: Tensor | None = None
        for nu in range(self.order, 0, -1):
            U = self.get_buffer(f"U{nu}_{l}")
            # Of unit variance for each output, as the sum over paths of products of unit variance is.
            w = (self.w[f"{nu}_{l}"] * U.shape[-1] ** -0.5).index_select(0, types)
            if found is None:  # one factor meets the weights first: much smaller than the weights in all of U
                found = torch.einsum("nckp,...kp->nc...", torch.einsum("nck,npc->nckp", A, w), U)
            else:
                found = torch.einsum("nc...k,nck->nc...", torch.einsum("...p,npc->nc...", U, w) + found, A)
        assert found is not None
        return found


@table
def symmetric_couplings(L: int, nu: int, l: int) -> Float[Tensor, "..."]:
    """Orthonormal symmetric equivariant maps of ``nu`` features of degrees 0..L to degree l, natural parities.

    ``(2l+1, k, ..., k, paths)`` with k = (L+1)^2, scaled so that independent factors of unit variance give unit
    variance; float64. Built by coupling one factor after another with Wigner 3j symbols, then symmetrised.

    >>> [symmetric_couplings(1, nu, 0).shape[-1] for nu in (1, 2, 3)]
    [1, 2, 2]
    """
    k = (L + 1) ** 2
    iterated = _iterated(L, nu)
    found = [U for degree, parity, U in iterated if (degree, parity) == (l, (-1) ** l)]
    if not found:
        return torch.zeros(2 * l + 1, *[k] * nu, 0, dtype=torch.float64)
    orders = list(permutations(range(nu)))
    rows = torch.stack([torch.stack([U.permute(*order, nu) for order in orders]).sum(0) for U in found])
    _, s, V = torch.linalg.svd(rows.flatten(1), full_matrices=False)
    basis = V[s > 1e-8 * s[0]].unflatten(-1, (*[k] * nu, 2 * l + 1))
    return (basis * (2 * l + 1) ** 0.5).movedim(-1, 1).movedim(0, -1).contiguous()


def _iterated(L: int, nu: int) -> list[tuple[int, int, Tensor]]:
    """Degree, parity and tensor ``(k, ..., k, 2l+1)`` of every coupling of ``nu`` features, through all parities."""
    k = (L + 1) ** 2
    single = [(l, (-1) ** l, torch.eye(k, dtype=torch.float64)[:, l * l : (l + 1) ** 2]) for l in range(L + 1)]
    found = single
    for _ in range(nu - 1):
        found = [
            (l, p1 * p2, torch.einsum("...i,kj,ijm->...km", U, one, o3.wigner_3j(l1, l2, l, dtype=torch.float64)))
            for l1, p1, U in found
            for l2, p2, one in single
            for l in range(abs(l1 - l2), l1 + l2 + 1)
        ]
    return found
