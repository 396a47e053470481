"""The least time under a budget, among schedules that keep a stored value until it is used: a dynamic programme."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from isotropy.optics._schedule import Costs, Cuts

MOST_LAYERS = 256
"""The tables hold layers^2 x slots numbers twice: half a gigabyte here."""

_STORE = -1
_NEVER = -2
_INVERT = 1024  # added to a cut: more than there are layers


def least_memory(costs: Costs, *, store: bool = True, every: int = 0) -> tuple[float, Cuts]:
    """The smallest peak of any persistent schedule, exactly, and one that reaches it.

    >>> from isotropy.optics import Profile
    >>> least_memory(Profile([1] * 4, [1] * 4, [1] * 4, [1] * 4).costs)[0]
    2.0
    """
    n = len(costs)
    later, waiting = gradients_after(costs), held_meanwhile(costs)
    output, residual = np.asarray(costs.output), np.asarray(costs.residual)
    least, rebuilt = np.full((n, n), math.inf), inverted(costs, every)[1]
    cuts: dict[tuple[int, int], int | None] = {}
    for first, last in segments(n):
        taping = costs.transient_kept[first] + waiting[last]
        own = residual[first] + max(costs.transient_backward[first] + later[first], taping)
        best, cut = math.inf, None
        if first == last or store:
            rest = 0.0 if first == last else residual[first] + least[first + 1, last]
            best = max(own, rest)
        ahead = _running(costs, first, last)
        if len(ahead):
            ks = np.arange(first + 1, first + 1 + len(ahead))
            kept = output[ks - 1] + least[ks, last]
            behind = [(1, least[first, ks - 1]), *([(-1, rebuilt[first, ks])] if every else [])]
            for sign, taken in behind:
                peak = np.maximum(np.maximum(ahead + waiting[last], kept), taken)
                i = int(peak.argmin())
                if peak[i] < best:
                    best, cut = float(peak[i]), sign * int(ks[i])
        least[first, last] = best
        cuts[first, last] = cut
    return (float(least[0, n - 1]) if n else 0.0), cuts


def segments(n: int) -> Iterator[tuple[int, int]]:
    """All segments of a chain, short ones first."""
    for length in range(n):
        for first in range(n - length):
            yield first, first + length


def gradients_after(costs: Costs) -> Float[ndarray, " n"]:
    """Bytes of gradients that stay from the layers behind each layer, by the time that its backward runs."""
    gradient = np.asarray(costs.gradient, dtype=float)
    return gradient[::-1].cumsum()[::-1] - gradient


def held_meanwhile(costs: Costs) -> Float[ndarray, " n"]:
    """Bytes that wait while layers up to each one run again: gradients that stay, and the cotangent of its output."""
    cotangent = np.asarray(costs.output) if costs.counts_running else np.zeros(len(costs))
    return gradients_after(costs) + np.where(np.arange(len(costs)) < len(costs) - 1, cotangent, 0.0)


def inverted(costs: Costs, every: int) -> tuple[Float[ndarray, "n n1"], Float[ndarray, "n n1"]]:
    """Seconds and peak of the backwards of layers s..k-1 at [s, k], each input but the first rebuilt from the output.

    They begin when the value into k is kept. Infinite where an inverse is missing, a layer must not run twice, or more
    than ``every`` layers would lie between values that were kept.
    """
    n = len(costs)
    seconds, peaks = np.full((n, n + 1), math.inf), np.full((n, n + 1), math.inf)
    later, waiting = gradients_after(costs), held_meanwhile(costs)

    def taken(i: int) -> float:
        return costs.residual[i] + max(costs.transient_kept[i] + waiting[i], costs.transient_backward[i] + later[i])

    for last in range(n if every else 0):
        time, peak = 0.0, 0.0
        for first in range(last, max(-1, last - every), -1):
            if not costs.safe[first]:
                break
            time += costs.forward[first] + costs.backward[first]
            if first < last:
                seconds[first, last + 1], peaks[first, last + 1] = time, max(peak, taken(first))
            uninverted = costs.inverse[first]
            if uninverted is None or first == 0:
                break
            before = costs.output[first - 1]
            rebuilding = costs.output[first] + max(costs.transient_inverse[first], before) + waiting[first]
            time, peak = time + uninverted, max(peak, float(rebuilding), before + taken(first))
    return seconds, peaks


def _running(costs: Costs, first: int, last: int) -> Float[ndarray, " k"]:
    """For each cut first+1, first+2, ...: the most that forwards that keep nothing take on the way to it.

    The list ends before the first cut that would run a layer twice which must not be.
    """
    run = np.asarray(costs.transient_forward[first:last])
    if costs.counts_running:
        run = run + np.asarray([0.0, *costs.output[first : last - 1]])[: len(run)]
    unsafe = [i for i, safe in enumerate(costs.safe[first:last]) if not safe]
    return np.maximum.accumulate(run[: unsafe[0]] if unsafe else run)


@dataclass(frozen=True)
class Table:
    """``seconds[s, t, m]`` is the least time for layers s..t with m slots free, ``choice`` how it is reached."""

    costs: Costs
    kept: Int[ndarray, " n"]
    taped: Int[ndarray, " n"]
    seconds: Float[ndarray, "n n m"]
    choice: Int[ndarray, "n n m"]

    def cuts(self, free: int) -> Cuts | None:
        """The schedule for so many slots, None where there is none."""
        n = len(self.costs)
        if not math.isfinite(self.seconds[0, n - 1, free]):
            return None
        found: dict[tuple[int, int], int | None] = {}
        todo = [(0, n - 1, free)]
        while todo:
            first, last, m = todo.pop()
            cut = int(self.choice[first, last, m])
            if cut == _STORE:
                found[first, last] = None
                if first < last:
                    todo.append((first + 1, last, m - int(self.taped[first])))
            elif cut > _INVERT:
                found[first, last] = _INVERT - cut
                todo.append((cut - _INVERT, last, m - int(self.kept[cut - _INVERT - 1])))
            else:
                found[first, last] = cut
                todo += [(cut, last, m - int(self.kept[cut - 1])), (first, cut - 1, m)]
        return found


def fill(costs: Costs, unit: float, top: int, *, store: bool = True, every: int = 0) -> Table:
    """The table for 0..top slots of ``unit`` bytes. Sizes are rounded up, so that no schedule takes more than it says.

    Source: Beaumont et al. 2019, arXiv 1911.13214, theorem 1, with
    the conventions of specification 13 §2.3.
    """
    n = len(costs)

    def up(size: Float[ndarray, "*k"]) -> Int[ndarray, "*k"]:
        return np.minimum(np.ceil(size / unit - 1e-9), top + 1).astype(np.int64)

    residual, waiting = np.asarray(costs.residual), held_meanwhile(costs)
    kept, taped = up(np.asarray(costs.output)), up(residual)
    needed = up(residual + np.asarray(costs.transient_backward) + gradients_after(costs))
    needed = np.maximum(needed[:, None], up(np.add.outer(residual + np.asarray(costs.transient_kept), waiting)))
    rebuilding, room = inverted(costs, every)
    room = np.where(np.isfinite(room), up(np.where(np.isfinite(room), room, 0.0)), top + 1)
    passed = np.concatenate([[0.0], np.cumsum(costs.forward)])
    slots = np.arange(top + 1)
    seconds = np.full((n, n, top + 1), math.inf)
    shifted = np.full((n, n, top + 1), math.inf)  # shifted[t, k, m] = seconds[k, t, m - kept[k - 1]]
    choice = np.full((n, n, top + 1), _NEVER, dtype=np.int16)
    for first, last in segments(n):
        best, how = seconds[first, last], choice[first, last]
        own = costs.forward[first] + costs.backward[first]
        enough = needed[first, last]
        if first == last or store:
            free = slice(enough - taped[first], top + 1 - taped[first])
            rest = 0.0 if first == last else seconds[first + 1, last, free]
            best[enough:] = own + rest
            how[enough:] = _STORE
        ahead = up(_running(costs, first, last) + waiting[last])
        if len(ahead):
            k = slice(first + 1, first + 1 + len(ahead))
            times = shifted[last, k] + seconds[first, k.start - 1 : k.stop - 1] + (passed[k] - passed[first])[:, None]
            ways = [(0, times, ahead)]
            if every:
                times = shifted[last, k] + (rebuilding[first, k] + passed[k] - passed[first])[:, None]
                ways.append((_INVERT, times, np.maximum(ahead, room[first, k])))
            for way, times, taken in ways:
                times[taken[:, None] > slots] = math.inf
                i = times.argmin(0)
                least = times[i, slots]
                better = least < best
                best[better] = least[better]
                how[better] = way + first + 1 + i[better]
        how[~np.isfinite(best)] = _NEVER
        if first:
            by = kept[first - 1]
            shifted[last, first, by:] = best[: top + 1 - by]
    return Table(costs, kept, taped, seconds, choice)
