"""Labelled pictures by name or from a folder: what is asked of images stands on these."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from isotropy.data._handwriting import load_handwriting
from isotropy.data._pictures import Pictures, drawn, pictures_as_set
from isotropy.errors import SchemaError
from isotropy.fields import from_text

PICTURE_SETS = ("digits", "mnist-10k")
"""Sets of labelled pictures that are known by name."""


@dataclass(frozen=True)
class _OfSet:
    most: int | None = None


def load_pictures(name_or_folder: str | Path, *, seed: int = 0, **settings: object) -> Pictures:
    """The pictures of a set that is known by name, or of a folder with one sub-folder for each class.

    "digits" are the 1,797 of 8 x 8 pixels that scikit-learn ships, "mnist-10k" the 10,000 test digits of MNIST
    (28 x 28). ``most`` draws so many of them; a folder takes the settings of ``read_pictures``.

    Raises SchemaError for another name, a folder that ``read_pictures`` refuses, a file that is not there, and
    fewer than one picture.

    >>> digits = load_pictures("digits")
    >>> len(digits), tuple(digits.x.shape[1:]), digits.classes[:2]
    (1797, (1, 8, 8), ('0', '1'))
    """
    name = str(name_or_folder)
    if name not in PICTURE_SETS:
        if not Path(name).exists():
            raise SchemaError(f"no folder {name}", f"a folder of pictures, or one of {', '.join(PICTURE_SETS)}")
        return pictures_as_set(name, settings, seed=seed)
    most = from_text(_OfSet, settings, of=name).most
    found = _digits() if name == "digits" else load_handwriting()
    found = replace(found, classes=found.classes or tuple(map(str, range(10))), name=name, given=len(found))
    return found.take(drawn(len(found), most, seed))


def _digits() -> Pictures:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    # Grey values are whole numbers from 0 to 16.
    x = np.round(np.asarray(pixels) * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return Pictures(torch.from_numpy(x), torch.from_numpy(np.asarray(labels, np.int64)))
