"""Handwritten digits as pictures, and collections of pictures in the files in which others publish them."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isotropy.data._mirror import File, locate
from isotropy.data._pictures import Pictures
from isotropy.errors import SchemaError, counted
from isotropy.storage import reading

MNIST = File(
    "02-lie-decomposition/mnist_10k.npz",
    "af5595f05f0cc260498196e07655cfa443d2d96874d5ba0dcfeaea06defbda81",
    "the t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz of MNIST (github.com/kelas/mnist at commit "
    "283b387221ab46655e600cfcc25d843bb14292b9), as arrays images (10000, 28, 28) and labels (10000,) in one npz file",
)
DIGITS = tuple("0123456789")
_CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_IDX_TYPE = 0x08  # unsigned bytes, the only type of these collections


def load_handwriting() -> Pictures:
    """The 10 000 test pictures of MNIST, (10000, 1, 28, 28), white digits on black, in their order.

    Their first half is easier than the second (other writers): shuffle before splitting. Raises DataNotFoundError where
    the file is in no folder looked at.
    """
    with np.load(locate(MNIST, of="mnist-10k"), allow_pickle=False) as file:
        return _pictures(file["images"][:, None], file["labels"], DIGITS, "mnist-10k")


def read_idx(images: str | Path, labels: str | Path) -> Pictures:
    """MNIST and its kin: ``train-images-idx3-ubyte.gz`` with ``train-labels-idx1-ubyte.gz``, or unpacked.

    Raises SchemaError for other files, for sizes that their headers contradict, or unequal numbers.
    """
    x, y = _idx(Path(images), 3), _idx(Path(labels), 1)
    if len(x) != len(y):
        raise SchemaError(
            f"{counted(len(x), 'picture')} and {counted(len(y), 'label')}", "equally many", "both files of one part"
        )
    return _pictures(x[:, None], y, DIGITS, Path(images).name)


def read_affnist(path: str | Path) -> Pictures:
    """affNIST (Tieleman 2013): a MAT file with a struct ``affNISTdata``, of ``image`` (1600, n) and ``label_int``.

    Its columns are pictures of 40 x 40, column by column. Raises SchemaError for another file.
    """
    data = _field(_mat(path), "affNISTdata", path)
    image, label = (np.asarray(_field(getattr(data, "__dict__", {}), name, path)) for name in ("image", "label_int"))
    if image.ndim != 2 or image.shape[0] != 1600:
        raise SchemaError(f"affNISTdata.image of shape {image.shape} in {Path(path).name}", "(1600, n)")
    x = image.T.reshape(-1, 40, 40)
    return _pictures(x[:, None], label.reshape(-1), DIGITS, Path(path).name)


def read_homnist(path: str | Path) -> Pictures:
    """homNIST (MacDonald et al. 2022): a MAT file with ``img_data`` (n, 40, 40) in [0, 1] or 0..255, and ``labels``."""
    data = _mat(path)
    x, y = np.asarray(_field(data, "img_data", path), float), np.asarray(_field(data, "labels", path))
    if x.ndim != 3 or x.min(initial=0) < 0 or x.max(initial=0) > 255:
        raise SchemaError(f"img_data of shape {x.shape} in {Path(path).name}", "(n, 40, 40), between 0 and 255")
    x = np.rint(x * (255 if x.max(initial=0) <= 1 else 1)).astype(np.uint8)
    return _pictures(x[:, None], y.reshape(-1), DIGITS, Path(path).name)


def read_cifar(path: str | Path) -> Pictures:
    """CIFAR-10 in its binary version: ``data_batch_1.bin``, or a folder of them, which are joined by name.

    The other version is a pickle, which runs code of whoever made it, and is not read. Raises SchemaError for another
    file or an empty folder.
    """
    where = Path(path)
    files = sorted(where.glob("data_batch_*.bin")) if where.is_dir() else [where]
    if not files:
        raise SchemaError(f"no data_batch_*.bin in {where}", "the binary version of CIFAR-10", "cs.toronto.edu/~kriz")
    rows: list[NDArray[np.uint8]] = []
    for file in files:
        found = np.fromfile(file, np.uint8) if file.is_file() else np.empty(0, np.uint8)
        if not len(found) or len(found) % 3073:
            hint = "the binary version, not the one for Python, which is a pickle"
            raise SchemaError(
                f"{file} of {counted(len(found), 'byte')}", "a multiple of 3073: a label and 3 x 32 x 32", hint
            )
        rows.append(found.reshape(-1, 3073))
    whole = np.concatenate(rows)
    return _pictures(whole[:, 1:].reshape(-1, 3, 32, 32), whole[:, 0], _CIFAR, where.name)


def read_svhn(path: str | Path) -> Pictures:
    """SVHN, cropped digits: a MAT file with ``X`` (32, 32, 3, n) and ``y``, where a zero is called 10."""
    data = _mat(path)
    x, y = np.asarray(_field(data, "X", path)), np.asarray(_field(data, "y", path)).reshape(-1)
    if x.ndim != 4 or x.shape[2] != 3:
        raise SchemaError(f"X of shape {x.shape} in {Path(path).name}", "(32, 32, 3, n)")
    return _pictures(np.ascontiguousarray(x.transpose(3, 2, 0, 1)), y % 10, DIGITS, Path(path).name)


def _pictures(x: NDArray[Any], y: NDArray[Any], classes: tuple[str, ...], name: str) -> Pictures:
    label = y.astype(np.int64)
    if x.dtype != np.uint8:
        raise SchemaError(f"pictures of {x.dtype} in {name}", "bytes, 0 to 255")
    if len(x) != len(y):
        raise SchemaError(f"{counted(len(x), 'picture')} and {counted(len(y), 'label')} in {name}", "equally many")
    if len(y) and not (int(label.min()) >= 0 and int(label.max()) < len(classes)):
        raise SchemaError(f"labels {int(label.min())} to {int(label.max())} in {name}", f"0 to {len(classes) - 1}")
    return Pictures(torch.from_numpy(x.copy()), torch.from_numpy(label), classes, name=name, given=len(x))


def _idx(path: Path, axes: int) -> NDArray[np.uint8]:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise SchemaError(f"{path}, which cannot be read ({error})", "an idx file, or one packed with gzip") from error
    if len(raw) < 4 * (1 + axes) or raw[:4] != bytes((0, 0, _IDX_TYPE, axes)):
        told = f"{path.name}, which begins with {raw[:4].hex()}"
        raise SchemaError(told, f"idx{axes}: bytes, {counted(axes, 'axis', 'axes')}", "pictures are idx3, labels idx1")
    sides = struct.unpack(f">{axes}I", raw[4 : 4 + 4 * axes])
    values = np.frombuffer(raw, np.uint8, offset=4 + 4 * axes)
    if len(values) != int(np.prod(sides, dtype=np.int64)):
        raise SchemaError(
            f"{counted(len(values), 'byte')} in {path.name}", f"{' x '.join(map(str, sides))} as its header says"
        )
    return values.reshape(sides)


def _mat(path: str | Path) -> dict[str, Any]:
    from scipy.io import loadmat

    with reading(path, "a MAT file up to version 7.2"):
        return loadmat(str(path), squeeze_me=True, struct_as_record=False)


def _field(data: Any, name: str, path: str | Path) -> Any:
    if name not in data:
        there = ", ".join(key for key in data if not key.startswith("_"))
        raise SchemaError(f"{Path(path).name} without {name}", f"{name}; it has {there or 'nothing'}")
    return data[name]
