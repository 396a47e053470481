"""Canonical labelling by individualisation and refinement: one order of the vertices for a whole isomorphism class."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from isotropy.frames.graphs._coloured import ColouredGraph, Colours
from isotropy.frames.graphs._refinement import Partition, Refiner


def label(graph: ColouredGraph) -> tuple[Colours, list[Colours], int]:
    """The canonical order (n,) of the vertices; the automorphisms that keep all colours, as generators (n,) and number.

    ``graph.ordered(order)`` is the same array for every relabelling of the graph, and for no other graph. A generator g
    takes vertex i to ``g[i]``. Exponential in the worst case. Source: McKay and Piperno, J. Symb. Comput. 60, 2014.

    >>> import torch
    >>> square = torch.tensor([[0.0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])
    >>> order, generators, count = label(ColouredGraph.of(square))
    >>> len(generators), count
    (2, 8)
    """
    search = _Search(graph)
    return search.run(), search.generators, search.count


_WORSE, _EQUAL, _BETTER = -1, 0, 1


@dataclass(eq=False)
class _Node:
    """A state of the search: a partition, and which vertices of its target cell have been singled out so far."""

    partition: Partition
    as_first: bool  # whether the traces down to here are those of the first path
    versus_best: int  # and how they compare with those of the best one
    cell: list[int] = field(init=False)
    tried: list[int] = field(default_factory=list[int])
    orbit: Colours = field(init=False)  # under the known automorphisms that fix the path to here
    counted: int = 0  # how many generators `orbit` has seen,
    others: list[int] = field(default_factory=list[int])  # and which of them do not fix the path

    def __post_init__(self) -> None:
        self.cell = self.partition.target().tolist()
        self.orbit = np.arange(len(self.partition.colour))

    def next(self, generators: list[Colours], path: list[int]) -> int | None:
        """The next vertex that no known automorphism takes to one that was tried."""
        if not self.tried:  # most nodes are left by a path that parts above them: their orbits are never asked for
            self.tried.append(self.cell[0])
            return self.cell[0]
        self._count(range(self.counted, len(generators)), generators, path)
        done = set(self.orbit[self.tried].tolist())
        for v in self.cell:
            if self.orbit[v] not in done:
                self.tried.append(v)
                return v
        return None

    def inherit(self, child: "_Node", generators: list[Colours], path: list[int]) -> None:
        """Take over the orbits of a child, whose automorphisms fix the path to here too."""
        self.orbit = join(self.orbit, child.orbit)
        missed = [i for i in child.others if i >= self.counted]
        self._count([*missed, *range(max(child.counted, self.counted), len(generators))], generators, path)

    def _count(self, indices: Iterable[int], generators: list[Colours], path: list[int]) -> None:
        for i in indices:
            if (generators[i][path] == path).all():
                self.orbit = join(self.orbit, generators[i])
            else:
                self.others.append(i)
        self.counted = len(generators)


@dataclass(eq=False)
class _Path:
    """From the root to a leaf: the vertices singled out, the partitions before and after each, and the leaf's graph."""

    vertices: list[int]
    partitions: list[Partition]
    form: bytes

    def shared(self, other: list[int]) -> int:
        """How many vertices this path has in common with another before they part."""
        pairs = enumerate(zip(self.vertices, other, strict=False))
        return next((i for i, (v, w) in pairs if v != w), min(len(self.vertices), len(other)))


class _Search:
    """Depth first, through the vertices of one target cell at each node.

    The best leaf has the largest traces, level by level, and among those the largest graph. Where two partitions of
    equal trace match by an automorphism, the subtrees below are images of each other: the search goes back to where
    their paths part, and orbits of the automorphisms found prune the choices there.
    """

    def __init__(self, graph: ColouredGraph) -> None:
        self.graph, self.refiner = graph, Refiner(graph)
        self.generators: list[Colours] = []
        self.count = 1
        self.path: list[int] = []
        self.partitions = [self.refiner.start()]
        self.stack: list[_Node] = []
        self.first: _Path | None = None
        self.best: _Path | None = None

    def run(self) -> Colours:
        """The canonical order; ``generators`` and their ``count`` are then complete."""
        root = self.partitions[0]
        if root.discrete:
            return root.order
        self.stack = [_Node(root, True, _EQUAL)]
        while self.stack:
            v = self.stack[-1].next(self.generators, self.path)
            if v is not None:
                self._descend(self.stack[-1], v)
            else:
                done = self.stack.pop()
                if self.first is not None and self.path == self.first.vertices[: len(self.path)]:
                    # Orbit by orbit down the chain of stabilisers.
                    self.count *= int(np.count_nonzero(done.orbit == done.orbit[done.tried[0]]))
                self._cut(len(self.stack) - 1)
                if self.stack:
                    self.stack[-1].inherit(done, self.generators, self.path)
        assert self.best is not None
        return self.best.partitions[-1].order

    def _descend(self, node: _Node, v: int) -> None:
        """Single out ``v``, and look whether anything below can be new."""
        child, level = self.refiner.single_out(node.partition, v), len(self.path) + 1
        as_first, versus_best = node.as_first, node.versus_best
        if self.first is not None and as_first:
            as_first = self.first.partitions[level].trace == child.trace
        if self.best is not None and versus_best == _EQUAL:
            best = self.best.partitions[level].trace
            versus_best = (child.trace > best) - (child.trace < best)
        if not as_first and versus_best == _WORSE:
            return
        self.path.append(v)
        self.partitions.append(child)
        alike = ([self.first] if as_first else []) + ([self.best] if versus_best == _EQUAL else [])
        for path in alike:
            if path is not None and self._is_image(path, level):
                self._cut(path.shared(self.path))
                return
        if child.discrete:
            self._leaf(versus_best)
            self._cut(level - 1)
        else:
            self.stack.append(_Node(child, as_first, versus_best))

    def _is_image(self, path: _Path, level: int) -> bool:
        """Whether an automorphism, then a generator, takes the partition of ``path`` at this level to the present."""
        g = matching(path.partitions[level], self.partitions[level])
        # Traces are hashes; only what is checked here prunes.
        if g[path.vertices[:level]].tolist() != self.path or not is_automorphism(self.graph, g):
            return False
        self.generators.append(g)
        return True

    def _leaf(self, versus_best: int) -> None:
        if self.best is not None and versus_best == _WORSE:
            return
        form = self.graph.ordered(self.partitions[-1].order).tobytes()
        if self.best is None or versus_best == _BETTER or form > self.best.form:
            self.best = _Path(self.path.copy(), self.partitions.copy(), form)
            self.first = self.first or self.best
            for node in self.stack:
                node.versus_best = _EQUAL

    def _cut(self, level: int) -> None:
        """Back to the node after ``level`` choices."""
        level = max(level, 0)
        del self.stack[level + 1 :], self.path[level:], self.partitions[level + 1 :]


def matching(before: Partition, after: Partition) -> Colours:
    """The permutation that takes cells to cells of equal place and moves no vertex of a cell that may stay."""
    g = np.arange(len(before.colour))
    moved = before.colour != after.colour
    # Both lists run through the cells in order, so equal places hold vertices of corresponding cells.
    source, image = before.order, after.order
    g[source[moved[source]]] = image[moved[image]]
    return g


def is_automorphism(graph: ColouredGraph, g: Colours) -> bool:
    """Whether ``g`` keeps the colours of all vertices and pairs."""
    moved = (g != np.arange(graph.n)).nonzero()[0]
    kept = np.array_equal(graph.vertex[g[moved]], graph.vertex[moved])
    return kept and bool((graph.pair[g[moved]][:, g] == graph.pair[moved]).all())


def join(orbit: Colours, g: Colours) -> Colours:
    """The orbits, each named by its least vertex, after ``g`` has joined i and g[i].

    >>> join(np.arange(5), np.array([1, 0, 2, 4, 3])).tolist()
    [0, 0, 2, 3, 3]
    """
    moved = (g != np.arange(len(g))).nonzero()[0]
    name = list(range(len(g)))
    for a, b in zip(orbit[moved].tolist(), orbit[g[moved]].tolist(), strict=True):
        while name[a] != a:
            a = name[a]
        while name[b] != b:
            b = name[b]
        name[max(a, b)] = min(a, b)
    # A name is less than what it renames, so one pass upwards resolves all chains.
    for a in range(len(name)):
        name[a] = name[name[a]]
    return np.array(name, np.int64)[orbit]
