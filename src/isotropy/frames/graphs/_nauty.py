"""The same through nauty, where the package pynauty is installed: faster, and of another choice of the order."""

from importlib.util import find_spec
from typing import Any

import numpy as np

from isotropy.errors import optional_import
from isotropy.frames.graphs._coloured import ColouredGraph, Colours
from isotropy.frames.graphs._refinement import Refiner


def available() -> bool:
    """Whether pynauty is installed."""
    return find_spec("pynauty") is not None


def nauty_order(graph: ColouredGraph) -> Colours:
    """The canonical order (n,) of the vertices, as ``label`` but by nauty's choice; raises MissingExtraError.

    Source: McKay and Piperno, J. Symb. Comput. 60, 2014.
    """
    pynauty, layered = _layered(graph)
    if layered is None:
        return Refiner(graph).start().order
    # Layers are cells before one another, so the first n places are those of the vertices themselves.
    return np.array(pynauty.canon_label(layered)[: graph.n], np.int64)


def nauty_automorphisms(graph: ColouredGraph) -> tuple[list[Colours], int]:
    """Generators (n,) of the automorphisms that keep all colours, and their number, to ten digits."""
    pynauty, layered = _layered(graph)
    if layered is None:
        return [], 1
    generators, mantissa, exponent, _, _ = pynauty.autgrp(layered)
    return [np.array(g[: graph.n], np.int64) for g in generators], round(mantissa) * 10**exponent


def _layered(graph: ColouredGraph) -> tuple[Any, Any]:
    """The graph with its k pair colours written in binary, one copy of the vertices for each digit.

    None where refinement alone orders the vertices, as it does for almost every graph with generic weights.
    Source: nauty and Traces User's Guide, section "Variations".
    """
    pynauty = optional_import("pynauty", "graph")
    n, vertex, pair = graph.n, graph.vertex, graph.pair
    plain = pair.min() >= 0 and pair.max() <= 1
    if not plain:
        start = Refiner(graph).start()
        if start.discrete:
            return pynauty, None
        vertex = start.colour
        # 0 stays 0; the other colours, in order, count from 1.
        colours = np.unique(pair[pair != 0])
        pair = np.where(pair == 0, 0, np.searchsorted(colours, pair) + 1)
    layers = max(int(pair.max()).bit_length(), 1)
    cells = [set((vertex == c).nonzero()[0].tolist()) for c in np.unique(vertex)] if vertex.any() else [set(range(n))]
    adjacency: dict[int, list[int]] = {}
    for layer in range(layers):
        for i, row in enumerate((pair >> layer & 1).tolist(), layer * n):
            adjacency[i] = [j for j, edge in enumerate(row, layer * n) if edge]
            adjacency[i] += [i + n] * (layer + 1 < layers) + [i - n] * (layer > 0)
    colouring = [{i + layer * n for i in cell} for layer in range(layers) for cell in cells]
    return pynauty, pynauty.Graph(n * layers, graph.directed, adjacency, colouring)
