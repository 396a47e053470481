"""Pixels as pictures: a sample row, and the same row moved by each candidate."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isotropy.data import Dataset
from isotropy.groups import parse

_MOST = 6


def pictures(dataset: Dataset, groups: Sequence[str]) -> list[tuple[str, NDArray[np.float64]]]:
    """The row of largest contrast as it is, then under one element of each group that moves it, without repeats."""
    rep = dataset.types.x
    row = dataset.x[dataset.x.square().sum(1).argmax()]
    drawn = [("a sample", _image(dataset, row))]
    for name in groups:
        group = parse(name)
        for g in group.elements(dtype=row.dtype):
            image = _image(dataset, rep.act(group, g, row))
            if not any(np.allclose(image, other, equal_nan=True) for _, other in drawn):
                drawn.append((f"moved by {name}", image))
                break
    return drawn[:_MOST]


def _image(dataset: Dataset, row: Tensor) -> NDArray[np.float64]:
    """The pixels of the first part in their grid; a hole shows the mean."""
    height, width, hole = dataset.types.x.parts()[0].term.factors[0].shape
    present = torch.ones(height, width, dtype=torch.bool)
    top, left = (height - hole) // 2, (width - hole) // 2
    present[top : top + hole, left : left + hole] = False
    pixels = row[: int(present.sum())]
    image = torch.full((height, width), float(pixels.mean()), dtype=row.dtype)
    image[present] = pixels
    return image.numpy()
