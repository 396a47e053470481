"""Rows of features for each part, and what is fitted for them: on rows that nobody is tested by."""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from isotropy.data import Domains, load_handwriting, load_pictures
from isotropy.data.parts import open_archive
from isotropy.errors import SchemaError
from isotropy.random import spawn
from isotropy.study import fingerprint

SIDE = 16
KINDS_NAMES = ("printed", "scikit-learn", "MNIST")


def principal(fitted: Float[Tensor, "n p"], dims: int, *others: Float[Tensor, "_ p"]) -> list[Tensor]:
    """Coordinates of ``others`` along the leading axes of the ``fitted`` rows, float32."""
    from sklearn.decomposition import PCA

    pca = PCA(min(dims, *fitted.shape), svd_solver="full").fit(fitted.double().numpy())
    return [torch.from_numpy(pca.transform(rows.double().numpy())).float() for rows in others]


def unit(x: Float[Tensor, "n p"], like: Float[Tensor, "m p"]) -> Float[Tensor, "n p"]:
    """Rows divided by the root mean square of the entries of those ``like`` them."""
    return x / like.square().mean().sqrt()


def handwriting() -> tuple[Float[Tensor, "n 784"], Tensor]:
    """The ten thousand digits, as rows of cells between 0 and 1, and their classes."""
    kept = load_handwriting()
    return kept.floats().flatten(1), kept.y


def three_kinds(counts: tuple[int, ...], seed: int) -> Domains:
    """So many digits printed, of scikit-learn and of MNIST, drawn with the seed: the same random features of pictures
    of 16 x 16 cells."""
    printed, its_labels = _printed(counts[0], seed)
    pictures, labels = [printed], [its_labels]
    for kind, name, count in zip(KINDS_NAMES[1:], ("digits", "mnist-10k"), counts[1:], strict=True):
        kept = load_pictures(name)
        some = kept.take(torch.randperm(len(kept), generator=spawn(seed, "kinds", kind))[:count])
        smooth = some.x.shape[-1] > SIDE
        pictures.append(functional.interpolate(some.floats(), (SIDE, SIDE), mode="bilinear", antialias=smooth))
        labels.append(some.y)
    of = torch.arange(3).repeat_interleave(torch.tensor([len(part) for part in labels]))
    x = torch.cat([random_features(part) for part in pictures])
    return Domains(x, torch.cat(labels), of, tuple("0123456789"), KINDS_NAMES)


def random_features(x: Float[Tensor, "n 1 s s"]) -> Float[Tensor, "n q"]:
    """Two layers of convolutions whose weights nobody trained, the same for everyone."""
    draw = spawn(0, "random features")
    first = torch.randn(24, 1, 5, 5, generator=draw) / 5
    second = torch.randn(48, 24, 3, 3, generator=draw) / 216**0.5
    z = functional.max_pool2d(functional.conv2d(x, first, padding=2).relu(), 2)
    return functional.avg_pool2d(functional.conv2d(z, second, padding=1).relu(), 2).flatten(1)


def own_features(file: str) -> Domains:
    """A user's features: x (n, p), y (n,) from 0, and domain (n,), numbers or names, or none, all in one archive.

    Raises SchemaError for other arrays.
    """
    with open_archive(Path(file)) as archive:
        kept: dict[str, Any] = {name: archive[name] for name in ("x", "y", "domain") if name in archive.files}
    if not {"x", "y"} <= set(kept):
        raise SchemaError(
            f"{file} without arrays x and y", "x (n, p), y (n,) and, where there are domains, domain (n,)"
        )
    x, y = kept["x"], kept["y"]
    domain = kept.get("domain", np.zeros(len(y), np.int64))
    if x.ndim != 2 or x.dtype.kind not in "fiu" or y.shape != (len(x),) or domain.shape != (len(x),) or not len(x):
        given = f"{file} with x {x.shape} of {x.dtype}, y {y.shape}, domain {domain.shape}"
        raise SchemaError(given, "numbers x (n, p), and y (n,) and domain (n,) of as many rows, one at least")
    if y.dtype.kind not in "iu" or y.min() < 0:
        given = f"{file} with labels y of {y.dtype}{'' if y.dtype.kind not in 'iu' else f' such as {y.min()}'}"
        raise SchemaError(given, "whole numbers from 0", "np.unique(y, return_inverse=True)[1] numbers them")
    values, of = np.unique(domain, return_inverse=True)
    names = tuple(f"domain {value}" for value in values)
    labels = torch.from_numpy(y.astype(np.int64))
    return Domains(torch.from_numpy(x.astype(np.float32)), labels, torch.from_numpy(of.astype(np.int64)), (), names)


def digest_of(data: Domains) -> str:
    """By what a run knows a user's features."""
    return fingerprint(data.x, data.y, data.domain)


def _printed(count: int, seed: int) -> tuple[Float[Tensor, "n 1 s s"], Tensor]:
    """Digits set in the fonts that matplotlib ships, of various sizes, turned and moved a little, with noise."""
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(import_module("matplotlib").get_data_path()) / "fonts" / "ttf"
    fonts = [path.read_bytes() for path in sorted(folder.glob("DejaVu*.ttf")) if "Display" not in path.name]
    draw = spawn(seed, "printed digits")
    y = torch.arange(count) % 10
    kind = torch.randint(len(fonts), (count,), generator=draw).tolist()
    chance = torch.rand(count, 4, generator=draw).tolist()
    cells = np.zeros((count, 1, SIDE, SIDE), np.float32)
    side = 2 * SIDE
    for k, (digit, face, (size, turn, right, down)) in enumerate(zip(y.tolist(), kind, chance, strict=True)):
        picture = Image.new("L", (side, side))
        font = ImageFont.truetype(io.BytesIO(fonts[face]), round(20 + 10 * size))
        at = (SIDE + 6 * (right - 0.5), SIDE + 6 * (down - 0.5))
        ImageDraw.Draw(picture).text(at, str(digit), fill=255, font=font, anchor="mm")
        turned = picture.rotate(30 * (turn - 0.5), Image.Resampling.BILINEAR)
        cells[k, 0] = np.asarray(turned.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
    noise = 0.1 * torch.randn(count, 1, SIDE, SIDE, generator=draw)
    return (torch.from_numpy(cells) + noise).clamp(0, 1), y
