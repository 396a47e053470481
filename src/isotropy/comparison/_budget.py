"""What every method may spend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Folds, steps and batches are the same for all; ``width`` is the network's, ``channels`` and ``blocks`` are
    those of exact layers."""

    folds: int = 5
    steps: int = 1500
    batch: int = 128
    width: int = 128
    depth: int = 1
    channels: int = 64
    blocks: int = 2

    @classmethod
    def of(cls, rows: int, *, quick: bool = False) -> Budget:
        """Fewer steps and narrower exact layers for long tables; a quick look takes fewer folds, too.

        >>> Budget.of(1000).steps, Budget.of(36_000).steps, Budget.of(1000, quick=True).folds
        (1500, 1000, 3)
        """
        if quick:
            return cls(folds=3, steps=500, width=64, channels=32)
        return cls() if rows <= 5000 else cls(steps=1000, channels=32)
