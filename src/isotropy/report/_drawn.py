"""Every block that is a figure, in words and drawn: the one way from a page to matplotlib, which imports slowly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from isotropy.report._blocks import Bars, Block, Curves, Images, Lattice, Scatter
from isotropy.report._draw_bars import describe_bars, draw_bars
from isotropy.report._draw_curves import describe_curves, describe_scatter, draw_curves, draw_scatter
from isotropy.report._draw_images import data_uri as data_uri
from isotropy.report._draw_images import describe_images, draw_images
from isotropy.report._draw_lattice import describe_lattice, draw_lattice
from isotropy.report._figure import Drawing, Width, render

_KINDS: dict[type[Block], tuple[Callable[[Any], str], Callable[[Any, Width], Figure]]] = {
    Bars: (describe_bars, draw_bars),
    Curves: (describe_curves, draw_curves),
    Scatter: (describe_scatter, draw_scatter),
    Lattice: (describe_lattice, draw_lattice),
    Images: (describe_images, draw_images),
}


def drawn(block: Bars | Curves | Scatter | Lattice | Images, name: str) -> Drawing:
    """The figure, with what it says in words."""
    describe, draw = next(pair for kind, pair in _KINDS.items() if isinstance(block, kind))
    words = block.alt or describe(block)
    half = not isinstance(block, Images) and block.half
    return render(lambda width: draw(block, width), name=name, alt=words, half=half)
