"""Colour refinement: vertices of one colour that see different colours are parted, until none are."""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from isotropy.frames.graphs._coloured import ColouredGraph, Colours

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Partition:
    """Cells of vertices in order: the colour of a vertex is the number of vertices in earlier cells.

    ``sums`` are the hashed colours that each vertex sees; ``trace`` = (cells, hash) is equal for isomorphic states.
    """

    colour: Colours
    sums: Hashes
    trace: tuple[int, int]

    @property
    def discrete(self) -> bool:
        return self.trace[0] == len(self.colour)

    @property
    def order(self) -> Colours:
        """The vertices, cell after cell."""
        return self.colour.argsort(kind="stable")

    def target(self) -> Colours:
        """The vertices of the first of the smallest cells with more than one vertex."""
        start, size = np.unique(self.colour, return_counts=True)
        many = size > 1
        chosen = start[many][size[many].argmin()]
        return (self.colour == chosen).nonzero()[0]


class Refiner:
    """Refines partitions of one graph.

    What a vertex v sees is the multiset of (colour of the pair (v, w), colour of w), compared by a sum of products of
    64-bit hashes. Equal multisets have equal sums on every machine, so the result does not depend on the labels; two
    different multisets with one sum, were they ever met, would only leave a cell whole that the search splits later.
    """

    def __init__(self, graph: ColouredGraph) -> None:
        n = graph.n
        # Row w: what all others see of w. Absent pairs add nothing, so that sparse graphs cost what their edges do.
        seen = np.where(graph.pair.T == 0, np.uint64(0), mix(graph.pair.T.astype(np.uint64)))
        sparse = n > 100 and 8 * np.count_nonzero(seen) < seen.size
        self._of_pair = seen if not sparse else None
        self._transposed = scipy.sparse.csr_array(seen.T) if sparse else seen.T
        self._of_colour = mix(np.arange(n, dtype=np.uint64) + np.uint64(1 << 32))
        self._of_place = mix(np.arange(n, dtype=np.uint64) + np.uint64(1 << 33))
        self._places = np.arange(n)
        self._graph = graph

    def start(self) -> Partition:
        """The coarsest stable partition finer than the colours of the vertices."""
        vertex = self._graph.vertex
        colour = np.searchsorted(np.sort(vertex), vertex).astype(np.int64)
        nothing = np.full(len(colour), -1)
        return self._refine(colour, nothing, np.zeros(len(colour), np.uint64), len(np.unique(colour)))

    def single_out(self, partition: Partition, v: int) -> Partition:
        """The coarsest stable partition in which ``v`` stands alone, after the others of its cell."""
        colour = partition.colour.copy()
        colour[v] += np.count_nonzero(colour == colour[v]) - 1
        return self._refine(colour, partition.colour, partition.sums, partition.trace[0] + 1)

    def _refine(self, colour: Colours, seen: Colours, sums: Hashes, cells: int) -> Partition:
        """Rounds in which all cells split at once; ``sums`` are those of the colours ``seen``."""
        n = len(colour)
        while True:
            sums = self._summed(colour, seen, sums)
            order = np.lexsort((sums, colour))
            first, second = colour[order], sums[order]
            begins = np.ones(n, bool)
            begins[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
            count = int(np.count_nonzero(begins))
            if count == cells:
                return Partition(colour, sums, (count, int(second @ self._of_place)))
            seen, cells = colour, count
            colour = np.empty_like(seen)
            colour[order] = np.maximum.accumulate(np.where(begins, self._places, 0))

    def _summed(self, colour: Colours, seen: Colours, sums: Hashes) -> Hashes:
        """The sums of ``colour``, from those of ``seen`` where few vertices moved."""
        if self._of_pair is None:
            return self._transposed @ self._of_colour[colour]
        moved = (colour != seen).nonzero()[0]
        new, old = self._of_colour[colour[moved]], self._of_colour[seen[moved]]
        return sums + (new - np.where(seen[moved] < 0, np.uint64(0), old)) @ self._of_pair[moved]


def mix(x: Hashes) -> Hashes:
    """The finaliser of SplitMix64 (Steele et al., OOPSLA 2014): a bijection of 64-bit integers that looks random.

    >>> mix(np.array([0, 1], np.uint64)).tolist()
    [16294208416658607535, 10451216379200822465]
    """
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
