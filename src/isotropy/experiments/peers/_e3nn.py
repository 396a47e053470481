"""Features and products as e3nn, the peer, spells and lays them out."""

import math

import torch
from e3nn import o3
from jaxtyping import Float
from torch import Tensor

from isotropy.nn import gaunt_coefficient

Path = tuple[int, int, int]


def natural_irreps(L: int, channels: int) -> list[tuple[int, tuple[int, int]]]:
    """Degrees 0..L of natural parity, ``channels`` copies of each.

    >>> o3.Irreps(natural_irreps(2, 4))
    4x0e+4x1o+4x2e
    """
    return [(channels, (l, (-1) ** l)) for l in range(L + 1)]


def even_paths(L1: int, L2: int, L3: int) -> list[Path]:
    """The triples of degrees up to L1, L2, L3 that couple and have an even sum.

    >>> even_paths(1, 1, 2)
    [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 2)]
    """
    return [
        (l1, l2, l3)
        for l1 in range(L1 + 1)
        for l2 in range(L2 + 1)
        for l3 in range(abs(l1 - l2), min(l1 + l2, L3) + 1, 2)
    ]


def same_function(L1: int, L2: int, L3: int, channels: int) -> o3.TensorProduct:
    """The product of two functions, by e3nn: all even paths, weighted by g^2, of which it takes the root."""
    one, two, three = (natural_irreps(L, channels) for L in (L1, L2, L3))
    instructions = [(*path, "uuu", False, gaunt_coefficient(*path) ** 2) for path in even_paths(L1, L2, L3)]
    return o3.TensorProduct(one, two, three, instructions, irrep_normalization="none", path_normalization="none")


def by_irreps(x: Float[Tensor, "... c k"], s: Float[Tensor, "... m"] | None = None) -> Float[Tensor, "... n"]:
    """Channels of degrees 0..L, and further scalars, in e3nn's order, which is that of ``to_e3nn``.

    >>> by_irreps(torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7.0]]), torch.tensor([8.0])).tolist()
    [0.0, 4.0, 8.0, 1.0, 2.0, 3.0, 5.0, 6.0, 7.0]
    """
    L = math.isqrt(x.shape[-1]) - 1
    first, *others = (part.flatten(-2) for part in x.split([2 * l + 1 for l in range(L + 1)], -1))
    return torch.cat([first, *([] if s is None else [s]), *others], -1)


def by_channels(x: Float[Tensor, "... n"], L: int) -> Float[Tensor, "... c k"]:
    """From e3nn's order back to channels.

    >>> by_channels(torch.tensor([0.0, 4, 1, 2, 3, 5, 6, 7]), 1).tolist()
    [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]
    """
    channels = x.shape[-1] // (L + 1) ** 2
    parts = x.split([channels * (2 * l + 1) for l in range(L + 1)], -1)
    return torch.cat([part.unflatten(-1, (channels, -1)) for part in parts], -1)
