"""Sizes of the experiment: small ones that say the same, and those of the specification."""

from __future__ import annotations

from dataclasses import dataclass, field

from isotropy.study import Configuration

FINITE, SPECTRUM, UNEQUAL = "finite sets", "spectrum", "unequal chains"
TRANSFORMER, POSES, REVERSIBLE = "transformer", "poses", "reversible"

SHAPES = ("2,2,2,2", "1,2,2,2", "2,1,2,2", "2,2,1,2", "2,2,2,1")
"""Sizes of A, A', B, B'."""

WAYS = (
    "lens, left",
    "lens, balanced",
    "lens, right",
    "optimal, 1",
    "optimal, 2",
    "optimal, 4",
    "optimal, 8",
    "autograd",
)
"""Programs of the spectrum; "optimal, s" keeps s values beside the input."""


@dataclass(frozen=True)
class Spectrum:
    """Chains of tanh(x W), with x (rows, width)."""

    rows: int = 512
    width: int = 64


@dataclass(frozen=True)
class Unequal:
    """A convolutional chain (``images`` of ``size`` x ``size``, ``channels`` at first) and a stack of transformer
    blocks (``sequences`` of ``length``, ``heads`` times 16 wide)."""

    images: int = 2
    size: int = 32
    channels: int = 8
    sequences: int = 2
    length: int = 32
    heads: int = 2
    blocks: int = 8


@dataclass(frozen=True)
class Transformer:
    """``blocks`` blocks of width ``width``, trained within ``share`` of plain autograd's peak."""

    blocks: int = 24
    width: int = 96
    length: int = 64
    batch: int = 4
    share: float = 0.5
    repeats: int = 5


@dataclass(frozen=True)
class Config(Configuration):
    """What runs: ``lengths`` of the spectrum, ``depths`` of reversible chains, ``points`` of the cloud."""

    residual: int = 3
    lengths: tuple[int, ...] = (16, 32, 64)
    depths: tuple[int, ...] = (16, 64)
    points: int = 100_000
    spectrum: Spectrum = field(default_factory=Spectrum)
    unequal: Unequal = field(default_factory=Unequal)
    transformer: Transformer = field(default_factory=Transformer)
