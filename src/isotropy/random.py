"""Seeds become generators: one independent, reproducible stream for each named consumer."""

from __future__ import annotations

import hashlib
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def derive(seed: int, *keys: object) -> int:
    """A 63-bit seed for the consumer named by ``keys``, stable over processes and versions of Python.

    >>> derive(0, "fold", 1) == derive(0, "fold", 1) != derive(0, "fold", 2)
    True
    """
    text = "\x1f".join([str(int(seed)), *(str(key) for key in keys)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def spawn(seed: int, *keys: object, device: torch.device | str = "cpu") -> torch.Generator:
    """An independent generator for the consumer named by ``keys``; another consumer does not shift it.

    >>> a, b = spawn(0, "rows"), spawn(0, "rows")
    >>> torch.equal(torch.rand(3, generator=a), torch.rand(3, generator=b))
    True
    """
    return torch.Generator(device=device).manual_seed(derive(seed, *keys))


def counter(seed: int, ids: Int[Tensor, " B"], shape: tuple[int, ...]) -> Float[Tensor, "B ..."]:
    """Uniform numbers in [0, 1) of a ``shape`` for each row, which depend on ``seed`` and the number of the row alone.

    Nothing is remembered between calls, so that a batch of rows has, bit for bit, the numbers of its rows alone.
    Float64, of 53 bits. The numbers are those of SplitMix64 from a state that mixes seed and row.
    Source: Steele, Lea, Flood, OOPSLA 2014.

    >>> whole = counter(0, torch.tensor([3, 1, 4]), (2,))
    >>> torch.equal(whole[2:], counter(0, torch.tensor([4]), (2,))), bool(((whole >= 0) & (whole < 1)).all())
    (True, True)
    """
    count = math.prod(shape)
    start = _mixed(ids.long() ^ _signed(derive(seed, "counter"))) ^ _mixed(ids.long() + _signed(_GOLDEN))
    steps = torch.arange(1, count + 1, device=ids.device) * _signed(_GOLDEN)
    bits = _mixed(start[:, None] + steps)
    return ((bits >> 11) & (2**53 - 1)).double().div_(2**53).reshape(len(ids), *shape)


_GOLDEN = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio, the stride of SplitMix64


def _signed(number: int) -> int:
    """The signed integer of 64 bits with the same bits."""
    number &= 2**64 - 1
    return number - 2**64 if number >= 2**63 else number


def _mixed(z: Tensor) -> Tensor:
    """The finaliser of SplitMix64; products wrap around, and shifts bring in zeros."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ ((z >> shift) & (2 ** (64 - shift) - 1))) * _signed(factor)
    return z ^ ((z >> 31) & (2**33 - 1))
