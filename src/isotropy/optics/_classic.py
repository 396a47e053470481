"""Schedules from the books: everything kept, nothing kept, every root-n-th, and binomial checkpointing."""

from __future__ import annotations

import math

from isotropy.optics._schedule import Cuts


def extra_forwards(layers: int, values: int) -> int:
    """P(l, s): the fewest forwards beyond one each of a chain of equal layers, with s values kept beside the input.

    Source: Griewank and Walther 2000 (revolve), in the closed form of specification 13, T7.

    >>> [extra_forwards(64, s) for s in (1, 2, 3)], extra_forwards(8, 0)
    ([420, 258, 200], 28)
    """
    if layers <= 1:
        return 0
    rounds, c = 0, values + 1
    while math.comb(c + rounds, c) < layers:
        rounds += 1
    return rounds * layers - math.comb(c + rounds, rounds - 1)


def store_all(layers: int, first: int = 0) -> dict[tuple[int, int], int | None]:
    """Plain autograd on ``layers`` layers from ``first`` on.

    >>> store_all(2)
    {(0, 1): None, (1, 1): None}
    """
    last = first + layers - 1
    return {(at, last): None for at in range(first, last + 1)}


def every_root(layers: int) -> Cuts:
    """The inputs of about sqrt(n) segments are kept, each segment is kept whole when its turn comes (Chen et al. 2016).

    >>> every_root(4)
    {(0, 3): 2, (0, 1): None, (1, 1): None, (2, 3): None, (3, 3): None}
    """
    length = math.ceil(math.sqrt(layers))
    starts = list(range(0, layers, length))
    cuts: dict[tuple[int, int], int | None] = {}
    for start, end in zip(starts, [*starts[1:], layers], strict=True):
        if end < layers:
            cuts[start, layers - 1] = end
        cuts |= store_all(end - start, start)
    return cuts


def binomial(layers: int, values: int) -> Cuts:
    """Binomial checkpointing with ``values`` kept beside the input: revolve.

    >>> binomial(3, 1)
    {(0, 2): 1, (1, 2): 2, (2, 2): None, (1, 1): None, (0, 0): None}
    """
    cuts: dict[tuple[int, int], int | None] = {}
    todo = [(0, layers - 1, values)] if layers else []
    while todo:
        first, last, free = todo.pop()
        if first == last:
            cuts[first, last] = None
            continue
        cut = last if free == 0 else first + _advance(last - first + 1, free)
        cuts[first, last] = cut
        todo += [(first, cut - 1, free), (cut, last, max(free - 1, 0))]
    return cuts


def _advance(layers: int, values: int) -> int:
    """How many layers to run before the next value is kept: both halves stay within the least number of rounds."""
    c, rounds = values + 1, 0
    while math.comb(c + rounds, c) < layers:
        rounds += 1
    return max(1, math.comb(c + rounds - 2, c), layers - math.comb(c + rounds - 1, c - 1))
