"""p-values: an exact test of invariance in law that retrains nothing, and corrections for several groups at once."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

_PIECE = 1 << 20  # unit x permutation draws held at once


def randomisation_test(
    orbit_loss: Float[Tensor, "n K"], unit: Int[Tensor, " n"], *, permutations: int = 999, generator: torch.Generator
) -> float:
    """p-value of "the joint law of (x, y) is invariant", exact in finite samples for any model fixed beforehand.

    ``orbit_loss[:, 0]`` is the loss of each row as it is, the other columns its loss moved by independent Haar
    elements (or by all other elements of a finite group). Under the null the K points of an orbit are exchangeable,
    so the observed mean loss is ranked among means that take one random point of each unit's orbit.

    >>> loss = torch.rand(50, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> randomisation_test(loss, torch.arange(50), generator=torch.Generator().manual_seed(1)) > 0.01
    True
    """
    units, K = int(unit.max()) + 1, orbit_loss.shape[1]
    sums = torch.zeros(units, K, dtype=orbit_loss.dtype).index_add_(0, unit, orbit_loss)
    observed = sums[:, 0].sum()
    drawn = torch.cat(
        [
            sums.gather(1, torch.randint(0, K, (units, len(some)), generator=generator)).sum(0)
            for some in torch.arange(permutations).split(max(1, _PIECE // units))
        ]
    )
    # Equal sums differ by rounding when the model is exactly invariant: such ties count against rejection.
    ties = observed.abs() * 1e-12
    return (1 + int((drawn <= observed + ties).sum())) / (1 + permutations)


def bonferroni(p_values: list[float]) -> float:
    """One p-value from several whose dependence is unknown: K times the smallest.

    >>> bonferroni([0.01, 0.6])
    0.02
    """
    return min(1.0, len(p_values) * min(p_values))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of Holm's step-down procedure (Scand. J. Stat. 6, 1979), in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


def along_lattice(p_values: Mapping[str, float], below: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """A broken subgroup breaks every group that contains it: p of a group is at most that of any group below it.

    >>> along_lattice({"O(3)": 0.2, "SO(3)": 0.01}, {"O(3)": ["SO(3)"]})
    {'O(3)': 0.01, 'SO(3)': 0.01}
    """
    return {name: min([p, *(p_values[sub] for sub in below.get(name, ()))]) for name, p in p_values.items()}
