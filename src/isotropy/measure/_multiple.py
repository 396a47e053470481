"""Several groups tested at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


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
