"""How many equivariant bilinear maps a product can be: counted, not argued."""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor

from isotropy.linalg import nullspace
from isotropy.nn.gaunt._engine import SphereProduct
from isotropy.random import spawn


@dataclass(frozen=True)
class Expressivity:
    """``dimension`` of the set of bilinear maps that one channel reaches, of the ``paths`` independent ones there are.

    ``even`` and ``odd`` count the Clebsch-Gordan paths with l1 + l2 + l3 even and odd, of all types that the product
    takes and gives. A general tensor product with a weight for each path would reach all of them.
    """

    dimension: int
    even: int
    odd: int

    @property
    def paths(self) -> int:
        return self.even + self.odd


def expressivity(product: SphereProduct, *, seed: int = 0) -> Expressivity:
    """Count the independent equivariant bilinear maps that the weights of a product reach around a random point.

    The rank, by singular values, of the Jacobian from the weights of one channel to the bilinear map, in float64; a
    product without weights counts as one map. Raises AmbiguousRankError where the spectrum has no clear gap.
    Source: Xie, Daigavane, Kotak, Smidt 2025, made a number.

    >>> from isotropy.nn import GauntProduct
    >>> [expressivity(GauntProduct(1, 1, 1, channels=1, **w)).dimension for w in ({}, {"weights": "degree"})]
    [1, 4]
    """
    n1, n2 = len(product.parities[0]), len(product.parities[1])
    triples = [
        (l1 + l2 + l3) % 2
        for l1 in range(product.L1 + 1)
        for l2 in range(product.L2 + 1)
        for l3 in range(abs(l1 - l2), min(l1 + l2, product.L3) + 1)
    ]
    # An even path keeps the product of parities and an odd one flips it: each has one output, whatever its inputs.
    wanted = set(product.parities_out)
    pairs = [p * q for p in product.parities[0] for q in product.parities[1]]
    even = sum(pair in wanted for pair in pairs) * triples.count(0)
    odd = sum(-pair in wanted for pair in pairs) * triples.count(1)
    exact = deepcopy(product).to("cpu", torch.float64)
    weights = dict(exact.named_parameters())
    if not weights:
        return Expressivity(1, even, odd)
    generator = spawn(seed, "expressivity")
    point = {
        name: 1 + 0.5 * torch.randn(w.shape, generator=generator, dtype=torch.float64) for name, w in weights.items()
    }
    C, n_out = product.channels or 1, len(product.parities_out)
    one, other = _basis(n1, C, product.L1), _basis(n2, C, product.L2)
    x, y = one.repeat_interleave(len(other), 0), other.repeat(len(one), 1, 1)

    def tensor(at: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(exact, at, (x, y)).unflatten(1, (n_out, C))[:, :, 0].flatten()

    jacobian = torch.func.jacfwd(tensor)(point)
    columns = torch.cat([part.flatten(1) for part in jacobian.values()], dim=1)
    # The weights of other channels, and of degrees that nothing reaches, do nothing.
    columns = columns[:, columns.abs().amax(0) > 0]
    rows = columns[columns.abs().amax(1) > 1e-12 * columns.abs().max()]
    return Expressivity(columns.shape[1] - nullspace(rows).dim, even, odd)


def _basis(parts: int, channels: int, L: int) -> Tensor:
    """Each coefficient of each part by itself, the same in all channels: (parts k, parts channels, k)."""
    k = (L + 1) ** 2
    return torch.eye(parts * k, dtype=torch.float64).unflatten(1, (parts, k)).repeat_interleave(channels, 1)
