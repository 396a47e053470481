"""Every block that is a figure, in words and drawn: the one way from a page to matplotlib, which imports slowly."""

import base64
import io
import math
from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from isotropy.errors import counted
from isotropy.report._blocks import Bars, Block, Curves, Images, Lattice, Memory, Picture, Scatter
from isotropy.report._corner import Corner
from isotropy.report._draw_bars import describe_bars, draw_bars
from isotropy.report._draw_corner import describe_corner, draw_corner
from isotropy.report._draw_curves import describe_curves, describe_scatter, draw_curves, draw_scatter
from isotropy.report._draw_lattice import describe_lattice, draw_lattice
from isotropy.report._draw_memory import describe_memory, draw_memory
from isotropy.report._draw_node_links import describe_node_links, draw_node_links
from isotropy.report._figure import PIXELS, SMALL, Drawing, Width, canvas, render, shorten
from isotropy.report._node_links import NodeLinks
from isotropy.report._pixels import pixels_of
from isotropy.report._verdicts import light


def data_uri(picture: Picture) -> str:
    """The picture as a PNG in a data URI, one pixel a pixel."""
    buffer = io.BytesIO()
    Image.fromarray(pixels_of(picture)).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def draw_images(block: Images, width: Width) -> Figure:
    """The contact sheet that is written as a file; the page itself shows the pictures one by one."""
    columns = min(max(len(block.pictures), 1), 6 if width == "wide" else 3)
    rows = max(math.ceil(len(block.pictures) / columns), 1)
    cell = PIXELS[width] / columns
    figure = canvas(PIXELS[width], rows * (cell + 24))
    for number, picture in enumerate(block.pictures):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.imshow(pixels_of(picture), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_xlabel(shorten(picture.label, cell - 10, SMALL), fontsize=SMALL, color=light("muted"))
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


def describe_images(block: Images) -> str:
    """The pictures by their labels."""
    labels = [picture.label for picture in block.pictures if picture.label]
    return f"{counted(len(block.pictures), 'picture')}" + (f": {', '.join(labels)}." if labels else ".")


_KINDS: dict[type[Block], tuple[Callable[[Any], str], Callable[[Any, Width], Figure]]] = {
    Bars: (describe_bars, draw_bars),
    Curves: (describe_curves, draw_curves),
    Scatter: (describe_scatter, draw_scatter),
    Corner: (describe_corner, draw_corner),
    Lattice: (describe_lattice, draw_lattice),
    Images: (describe_images, draw_images),
    Memory: (describe_memory, draw_memory),
    NodeLinks: (describe_node_links, draw_node_links),
}


def drawn(block: Bars | Curves | Scatter | Lattice | Images | Memory | NodeLinks | Corner, name: str) -> Drawing:
    """The figure, with what it says in words."""
    describe, draw = next(pair for kind, pair in _KINDS.items() if isinstance(block, kind))
    words = block.alt or describe(block)
    half = not isinstance(block, Images) and block.half
    return render(lambda width: draw(block, width), name=name, alt=words, half=half)
