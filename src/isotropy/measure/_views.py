"""Where hidden features stand: at the points, pairs or pixels of the inputs, as far as their shape says so."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.measure._sample import Sample
from isotropy.reps import Cloud, Field, Indexed, Pairs, Scalar


def view_of(motion: Any, sample: Sample, h: Tensor) -> Indexed | None:
    """The points or pixels that h seems to stand at: as many as those of the inputs, or any image; else None."""
    for type_, value in sample.leaves:
        if isinstance(type_, Field) and h.ndim == value.ndim:
            view = Field(h.shape[1] * Scalar)
            try:
                motion.still(view, h)
            except DomainError:  # the grid of h is not kept where that of x is
                return None
            return view
        if isinstance(type_, Cloud | Pairs) and sample.segments is None and h.shape[1:2] == value.shape[1:2]:
            if isinstance(type_, Pairs) and h.ndim > 3 and h.shape[2] == h.shape[1]:
                return Pairs()
            if h.ndim > 2:
                return Cloud()
    return None


def by_place(view: Indexed | None, h: Tensor) -> Float[Tensor, "places features"]:
    """The features of each row, or of each point, pair or pixel of it."""
    if isinstance(view, Field):
        return h.movedim(1, -1).flatten(0, -2)
    places = 2 if isinstance(view, Pairs) else 1 if isinstance(view, Cloud) else 0
    return h.flatten(0, places).flatten(1)
