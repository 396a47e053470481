"""Files of pictures, whole ones and such as may not be read."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from isotropy.random import spawn


def pixels(height: int = 6, width: int = 6, channels: int = 3) -> np.ndarray:
    """Noise of 8 bits, the same for one size."""
    values = torch.randint(0, 256, (height, width, channels), generator=spawn(0, "pixels", height, width, channels))
    return values.to(torch.uint8).numpy()


def saved(path: Path, array: np.ndarray, **options: object) -> Path:
    """The picture as a file, of the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array).save(path, **options)
    return path


def bomb(path: Path) -> None:
    """A PNG of one pixel whose head claims half a billion."""
    head = struct.pack(">IIBBBBB", 20_000, 25_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    whole = saved(path, pixels(1, 1)).read_bytes()
    path.write_bytes(whole[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + whole[33:])


def torn(path: Path) -> None:
    """The first half of a picture."""
    whole = saved(path, pixels()).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def mislabelled(path: Path) -> None:
    """A JPEG by its content, whatever its name says."""
    saved(path.with_suffix(".jpg"), pixels()).rename(path)
