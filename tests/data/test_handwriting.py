"""Collections of pictures: the digits that are mirrored, files that users have, and warps that stay inside."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from isotropy.data import framed, load_handwriting, read_affnist, read_cifar, read_homnist, read_idx, read_svhn, warped
from isotropy.data._warped import WARPS, boxes, placed
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.random import spawn

LABELS = np.array([3, 0, 9], np.uint8)


def bytes_of(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def idx(path: Path, values: np.ndarray) -> Path:
    head = bytes((0, 0, 8, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(gzip.compress(head + values.tobytes()) if path.suffix == ".gz" else head + values.tobytes())
    return path


def test_the_digits_are_the_known_ones(real_data: Path) -> None:
    digits = load_handwriting()
    assert digits.y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert torch.bincount(digits.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert float(digits.x.float().mean()) == pytest.approx(33.791224, abs=1e-5)


def test_each_format_is_read(tmp_path: Path) -> None:
    x = bytes_of(3, 28, 28)
    for ending in (".gz", ""):
        found = read_idx(idx(tmp_path / f"x{ending}", x), idx(tmp_path / f"y{ending}", LABELS))
        assert torch.equal(found.x, torch.from_numpy(x)[:, None])
        assert found.y.tolist() == LABELS.tolist()
    big = bytes_of(3, 40, 40)
    savemat(tmp_path / "aff.mat", {"affNISTdata": {"image": big.reshape(3, 1600).T, "label_int": LABELS}})
    assert torch.equal(read_affnist(tmp_path / "aff.mat").x[:, 0], torch.from_numpy(big))
    savemat(tmp_path / "hom.mat", {"img_data": big / 255.0, "labels": LABELS})
    assert torch.equal(read_homnist(tmp_path / "hom.mat").x[:, 0], torch.from_numpy(big))
    colour = bytes_of(3, 3, 32, 32)
    rows = np.concatenate([LABELS[:, None], colour.reshape(3, -1)], 1)
    rows.tofile(tmp_path / "data_batch_1.bin")
    found = read_cifar(tmp_path)
    assert torch.equal(found.x, torch.from_numpy(colour))
    assert found.classes[found.y[0]] == "cat"
    savemat(tmp_path / "svhn.mat", {"X": colour.transpose(2, 3, 1, 0), "y": np.where(LABELS == 0, 10, LABELS)})
    found = read_svhn(tmp_path / "svhn.mat")
    assert torch.equal(found.x, torch.from_numpy(colour))
    assert found.y.tolist() == LABELS.tolist()


def damaged(path: Path) -> Path:
    """A packed file with a damaged byte of its stream."""
    packed = bytearray(gzip.compress(bytes(1000)))
    packed[12] ^= 0xFF
    path.write_bytes(packed)
    return path


REFUSED: list[tuple[str, Callable[[Path], object]]] = [
    ("begins with", lambda p: read_idx(idx(p / "x", LABELS), idx(p / "y", LABELS))),
    ("equally many", lambda p: read_idx(idx(p / "x", bytes_of(2, 4, 4)), idx(p / "y", LABELS))),
    ("cannot be read", lambda p: read_idx(p / "none.gz", p / "none")),
    ("cannot be read", lambda p: read_idx(damaged(p / "x.gz"), p / "none")),
    ("a pickle", lambda p: read_cifar(idx(p / "data_batch_1", LABELS))),
    ("binary version", lambda p: read_cifar(p)),
    ("cannot be read", lambda p: read_svhn(idx(p / "x.mat", LABELS))),
    ("without affNISTdata", lambda p: (savemat(p / "x.mat", {"a": LABELS}), read_affnist(p / "x.mat"))),
    ("labels", lambda p: read_idx(idx(p / "x", bytes_of(3, 4, 4)), idx(p / "y", LABELS + 9))),
]


@pytest.mark.parametrize(("words", "read"), REFUSED)
def test_other_files_are_refused(tmp_path: Path, words: str, read: Callable[[Path], object]) -> None:
    with pytest.raises(SchemaError, match=words):
        read(tmp_path)


def test_warped_shapes_stay_inside_and_are_those_of_their_seed() -> None:
    x = torch.zeros(40, 1, 40, 40)
    x[..., 12:28, 15:25] = 1.0
    for kind, warp in WARPS.items():
        g = placed(x, warp, torch.rand(40, 6, generator=spawn(0, kind), dtype=torch.float64))
        moved = boxes(x) @ g[:, :2, :2].mT + g[:, None, :2, 2]
        assert moved.abs().max() <= 1 + 1e-12
        assert moved.abs().amax((1, 2)).max() > 0.95  # anywhere, not in the middle
        y = warped(x, kind, seed=3)
        assert torch.equal(y[:5], warped(x[:5], kind, seed=3))
        assert not torch.equal(y, warped(x, kind, seed=4))
        # What is bright covers |det| times as many cells.
        area = torch.linalg.det(g[:, :2, :2])
        lit = placed(x, warp, torch.rand(40, 6, generator=spawn(3, "warps", kind), dtype=torch.float64))
        expected = 160 * torch.linalg.det(lit[:, :2, :2])
        assert ((y.sum((1, 2, 3)) - expected) / expected).abs().max() < 0.05
        assert area.min() > warp.least**2 - 1e-9
    h = warped(x, "homography")
    assert h.shape == x.shape
    assert all(torch.equal(h[:n], warped(x[:n], "homography")) for n in (1, 3))
    assert not torch.equal(h, x)


def test_what_cannot_be_warped() -> None:
    with pytest.raises(DomainError, match="bright"):
        warped(torch.zeros(2, 1, 8, 8))
    with pytest.raises(DomainError, match="homography"):
        warped(torch.ones(2, 1, 8, 8), "shear")
    with pytest.raises(ShapeError, match="framed"):
        warped(torch.ones(2, 1, 8, 9))
    with pytest.raises(ShapeError, match="at most 20"):
        framed(torch.ones(1, 1, 28, 28), 20)
