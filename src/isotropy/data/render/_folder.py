"""The published 3DIEBench as it lies on disk, read and not downloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from isotropy.data.render._multi_view import MultiViewDataset
from isotropy.errors import SchemaError
from isotropy.random import derive
from isotropy.storage import reading


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
    images: list[list[Tensor]] = []
    latents: list[list[Tensor]] = []
    for path in objects:
        count = len(list(path.glob("image_*.jpg"))) if n_views is None else n_views
        images.append([])
        latents.append([])
        for k in range(count):
            with reading(f"view {k} of {path}", "a picture and 7 numbers"):
                with Image.open(path / f"image_{k}.jpg") as opened:
                    picture = opened.convert("RGB") if size is None else opened.convert("RGB").resize((size, size))
                images[-1].append(torch.from_numpy(np.array(picture)).movedim(-1, 0))
                latents[-1].append(torch.from_numpy(np.load(path / f"latent_{k}.npy", allow_pickle=False)).double()[:7])
    counts = {len(pictures) for pictures in images}
    shapes = {tuple(view.shape) for each in (*images, *latents) for view in each}
    if len(counts) > 1 or len(shapes) != 2:  # one of pictures, and one of latents
        given = f"objects with {sorted(counts)} views, pictures and latents of shapes {sorted(shapes)}"
        raise SchemaError(given, "as many views of one size", "give size= and n_views=")
    labels = torch.tensor([classes[path.parent.name] for path in objects])
    instances = torch.tensor([derive(0, "instance", path.parent.name, path.name) for path in objects])
    pictures, numbers = (torch.stack([torch.stack(each) for each in part]) for part in (images, latents))
    return MultiViewDataset(pictures, numbers, labels, instances)
