"""The bytes of a picture."""

import math

import numpy as np
from numpy.typing import NDArray

from isotropy.report._blocks import Picture


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
