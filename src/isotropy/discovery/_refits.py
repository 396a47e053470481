"""What imposing a symmetry and retraining costs, from paired held-out losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import torch

from isotropy.measure.parts import clustered_mean


@dataclass(frozen=True)
class Refit:
    """What imposing a symmetry and retraining costs in one part of the target, from paired held-out losses."""

    difference: float
    low: float
    high: float
    p_value: float
    error: float  # standard error of the difference
    left: float


def refits_of(outcomes: Sequence[Mapping[str, Any]], unit: torch.Tensor) -> tuple[Refit, ...]:
    """The mean difference of the losses over splits, with one-sided 95 % ends and a one-sided p-value, part by part."""
    imposed, free = (
        torch.from_numpy(np.stack([outcome[name] for outcome in outcomes], 1)) for name in ("imposed", "free")
    )
    found: list[Refit] = []
    for with_it, without in zip(imposed, free, strict=True):
        difference = with_it - without
        mean, (se, degrees) = float(difference.mean()), clustered_mean(difference, unit)
        t = float(scipy.special.stdtrit(degrees, 0.95))
        p = float(scipy.special.stdtr(degrees, -mean / se)) if se > 0 else float(mean <= 0)
        found.append(Refit(mean, mean - t * se, mean + t * se, p, se, float(without.mean())))
    return tuple(found)
