"""The sizes of the experiment: every law at three levels of noise and two numbers of rows, quick."""

from __future__ import annotations

from dataclasses import dataclass

from isotropy.study import Configuration, Number

TASK = "laws"


@dataclass(frozen=True)
class Config(Configuration):
    """Which ``laws`` are asked about (none named: all), with how many ``rows`` and how much ``noise``, how often.

    Noise is a share of the standard deviation of each part of the target.
    """

    laws: tuple[str, ...] = ()
    rows: tuple[int, ...] = (150, 400)
    noise: tuple[Number, ...] = (0, 0.1, 0.5)
    seeds: int = 1


SMALL = Config()
FULL = Config(rows=(150, 400, 1500), seeds=5)
