"""Small pictures: a contact sheet as a file, and one PNG each inside the page (pixels stay sharp when enlarged)."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from isotropy.report._blocks import Images, Picture
from isotropy.report._figure import PIXELS, SMALL, Width, canvas, shorten
from isotropy.report._verdicts import light


def pixels_of(picture: Picture) -> NDArray[np.uint8]:
    """The picture as bytes: (h, w) or (h, w, 3), scaled from its range; what is not finite is shown as mid grey."""
    values = np.asarray(picture.pixels)
    if values.dtype == np.uint8:
        return values.astype(np.uint8)
    finite = values[np.isfinite(values)]
    low = float(picture.low if picture.low is not None else finite.min(initial=math.inf))
    high = float(picture.high if picture.high is not None else finite.max(initial=-math.inf))
    span = high - low
    scaled = (values - low) / span if math.isfinite(span) and span > 0 else np.full(values.shape, 0.5)
    scaled = np.nan_to_num(scaled, nan=0.5, posinf=1.0, neginf=0.0)
    return (255 * np.clip(scaled, 0, 1) + 0.5).astype(np.uint8)


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
    return f"{len(block.pictures)} pictures" + (f": {', '.join(labels)}." if labels else ".")
