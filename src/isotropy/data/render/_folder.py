"""The published 3DIEBench as it lies on disk, read and not downloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from isotropy.data.render._multi_view import MultiViewDataset
from isotropy.errors import SchemaError
from isotropy.random import derive


def read_3diebench(folder: str | Path, size: int | None = None, n_views: int | None = None) -> MultiViewDataset:
    """Objects of ``<synset>/<object>/image_k.jpg`` and ``latent_k.npy``, classes in the order of their names.

    ``size`` shrinks pictures to so many pixels, ``n_views`` keeps the first views of each object. Numbers of instances
    are made of ``<synset>/<object>``, and so the same in every folder. Raises SchemaError for folders of another form,
    objects with unequal numbers of views, and files that cannot be read.
    """
    from PIL import Image

    root = Path(folder)
    objects = sorted(path for path in root.glob("*/*") if path.is_dir())
    if not objects:
        raise SchemaError(f"no folder <synset>/<object> in {root}", "3DIEBench, or data of the same form")
    classes = {name: number for number, name in enumerate(sorted({path.parent.name for path in objects}))}
    images: list[Tensor] = []
    latents: list[Tensor] = []
    for path in objects:
        count = len(list(path.glob("image_*.jpg"))) if n_views is None else n_views
        pictures: list[Tensor] = []
        numbers: list[Tensor] = []
        for k in range(count):
            try:
                with Image.open(path / f"image_{k}.jpg") as opened:
                    picture = opened.convert("RGB") if size is None else opened.convert("RGB").resize((size, size))
                pictures.append(torch.from_numpy(np.array(picture)).movedim(-1, 0))
                numbers.append(torch.from_numpy(np.load(path / f"latent_{k}.npy", allow_pickle=False)).double()[:7])
            except (OSError, ValueError) as error:
                raise SchemaError(
                    f"view {k} of {path}, which cannot be read ({error})", "a picture and 7 numbers"
                ) from error
        images.append(torch.stack(pictures) if pictures else torch.empty(0, 3, 1, 1))
        latents.append(torch.stack(numbers) if numbers else torch.empty(0, 7))
    shapes = {tuple(picture.shape) for picture in images}
    if len(shapes) > 1 or len({tuple(numbers.shape) for numbers in latents}) > 1:
        raise SchemaError(
            f"objects with pictures of shapes {sorted(shapes)}", "as many views of one size", "give size= and n_views="
        )
    labels = torch.tensor([classes[path.parent.name] for path in objects])
    instances = torch.tensor([derive(0, "instance", path.parent.name, path.name) for path in objects])
    return MultiViewDataset(torch.stack(images), torch.stack(latents), labels, instances)
