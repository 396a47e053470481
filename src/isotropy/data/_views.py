"""Poses of one body read from a file."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data._archive import open_archive
from isotropy.errors import SchemaError


def read_views(path: str | Path) -> Float[Tensor, "V N 3"]:
    """Poses ``(V, N, 3)`` from an .npz: one such array, or one (N, 3) for each pose, taken in the order of the file.

    Of several arrays with three axes the one called "views" is taken. Raises SchemaError for other files and arrays,
    naming what there is, and for poses with different numbers of points.

    >>> import tempfile, numpy as np
    >>> file = Path(tempfile.mkdtemp()) / "poses.npz"
    >>> np.savez(file, rest=np.zeros((5, 3)), bent=np.ones((5, 3)))
    >>> read_views(file).shape
    torch.Size([2, 5, 3])
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise SchemaError(f"{path.name} for --parts", "an .npz with poses (V, N, 3)", "np.savez('views.npz', views=x)")
    if not path.is_file():
        raise SchemaError(f"no file {path}", "an .npz with poses (V, N, 3)")
    with open_archive(path) as archive:
        arrays = {name: np.asarray(archive[name]) for name in archive.files}
    told = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
    whole = {name: array for name, array in arrays.items() if array.ndim == 3 and array.shape[2] == 3}
    if len(whole) > 1 and "views" not in whole:
        raise SchemaError(f"{path.name} with {told}", "one array (V, N, 3)", "call the poses 'views'")
    if whole:
        found = whole["views"] if "views" in whole else next(iter(whole.values()))
        return torch.from_numpy(_numbers(path, found))
    poses = {name: array for name, array in arrays.items() if array.ndim == 2 and array.shape[1] == 3}
    if len({len(array) for array in poses.values()}) > 1:
        raise SchemaError(
            f"poses with different numbers of points: {told}", "row i the same point in every pose",
            "keep the points that all poses have, in one order",
        )  # fmt: skip
    if not poses:
        raise SchemaError(f"{path.name} with {told}", "an array (V, N, 3), or one (N, 3) for each pose")
    return torch.from_numpy(_numbers(path, np.stack(list(poses.values()))))


def _numbers(path: Path, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "iuf":
        raise SchemaError(f"{path.name} with {array.dtype}", "numbers")
    return array.astype(np.float32 if array.dtype == np.float32 else np.float64)
