"""One picture in a file: what its head says, and its bytes. Only formats that hold pixels are opened, and no code."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from isotropy.errors import counted

_FORMATS = {
    ".png": ("PNG",),
    ".jpg": ("JPEG", "MPO"),  # MPO: a JPEG with further ones behind it, as telephones write
    ".jpeg": ("JPEG", "MPO"),
    ".webp": ("WEBP",),
    ".bmp": ("BMP",),
    ".tif": ("TIFF",),
    ".tiff": ("TIFF",),
}
_OPENED = sorted({names[0] for names in _FORMATS.values()})
_LARGEST = 2**26  # pixels; a small file may claim any number, and its decoding would fill the memory
_GREY, _COLOUR = {"1", "L", "LA", "La"}, {"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
_TURNED = 0x0112  # the EXIF tag of the orientation


class Bad(Exception):
    """What is wrong with a file, in a few words."""


@dataclass(frozen=True)
class Seen:
    """What the head of a file says: its size as displayed, 1 channel or 3, and whether its camera was turned."""

    height: int
    width: int
    channels: int
    turned: bool


def picture_suffixes() -> tuple[str, ...]:
    """The ends of names that are looked at."""
    return tuple(_FORMATS)


def look(path: Path) -> Seen:
    """Reads the head of a picture; raises Bad for what is none, or may not be read."""
    with _opened(path) as image:
        turned = image.getexif().get(_TURNED, 1)
        width, height = image.size if turned < 5 else image.size[::-1]
        return Seen(height, width, 1 if image.mode in _GREY else 3, turned != 1)


def decoded(path: Path, channels: int, size: tuple[int, int] | None) -> UInt8[np.ndarray, "C H W"]:
    """The pixels of a picture as displayed, scaled until they cover ``size`` and cut around the middle.

    Raises Bad for a file that breaks off, and for a transparent one.
    """
    from PIL import Image, ImageOps

    with _opened(path) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        veiled = "A" in upright.getbands() or "a" in upright.getbands() or "transparency" in upright.info
        if veiled and np.asarray(upright.convert("RGBA"))[..., 3].min() < 255:
            raise Bad("transparent in places")
        plain = upright.convert("L" if channels == 1 else "RGB")
        if size is not None and plain.size != (size[1], size[0]):
            plain = ImageOps.fit(plain, (size[1], size[0]), Image.Resampling.BICUBIC)
        pixels = np.asarray(plain)
        return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    from PIL import Image

    try:
        with Image.open(path, formats=_OPENED) as image:
            _check(image, path)
            yield image
    except (Bad, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        raise Bad("not a picture of a known format") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Bad("claims more pixels than may be decoded") from None
    except Exception as error:  # decoders fail in many ways on damaged files; none of them is a fault of ours
        raise Bad(f"damaged ({(str(error).splitlines() or [type(error).__name__])[0][:80]})") from None


def _check(image: Any, path: Path) -> None:
    if image.format not in _FORMATS[path.suffix.lower()]:
        raise Bad(f"a {image.format} by its content")
    if image.width * image.height > _LARGEST:
        raise Bad(f"{image.width} x {image.height} pixels, more than 64 million")
    if image.mode not in _GREY | _COLOUR or any(";16" in str(tile[3]) for tile in image.tile):
        raise Bad(f"more than 8 bits in a channel (mode {image.mode})")
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise Bad(f"{counted(getattr(image, 'n_frames', 1), 'picture')} in one file")
