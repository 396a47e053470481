"""Poses of one body read from a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data._archive import open_archive
from isotropy.data._motion import Body, load_motion
from isotropy.data._people import load_person
from isotropy.errors import SchemaError

_Reader = Callable[[str], Any]
_MADE: dict[str, tuple[Callable[..., Body], dict[str, _Reader]]] = {
    "cmu-131": (
        load_motion,
        {"clip": str, "frames": lambda text: [int(frame) for frame in text.split(",")], "n": int, "seed": int},
    ),
    "capsule-people": (load_person, {"poses": int, "n": int, "subject": int, "share": float, "seed": int}),
}


def read_views(source: str | Path, **settings: object) -> Body:
    """Poses ``views (V, N, 3)`` of one body: a recorded one by name, or from a file.

    An .npz has one such array, or one (N, 3) for each pose, taken in the order of the file; of several arrays with
    three axes the one called "views" is taken. "cmu-131" is a person who walks and hops, with the settings ``clip``,
    ``frames`` ("0,250,500"), ``n`` and ``seed`` of ``load_motion``; "capsule-people" a made one, with ``poses``, ``n``,
    ``subject``, ``share`` and ``seed`` of ``load_person``. Raises SchemaError for other files and arrays,
    naming what there is, for poses with different numbers of points and for settings that a source does not have.

    >>> import tempfile, numpy as np
    >>> file = Path(tempfile.mkdtemp()) / "poses.npz"
    >>> np.savez(file, rest=np.zeros((5, 3)), bent=np.ones((5, 3)))
    >>> read_views(file).views.shape
    torch.Size([2, 5, 3])
    """
    if str(source) in _MADE:
        make, known = _MADE[str(source)]
        return make(**_settings(settings, known))
    if settings:
        raise SchemaError(f"--set {next(iter(settings))} for a file", f"settings of {' or '.join(_MADE)} only")
    views = _of_file(Path(source))
    return Body(views, torch.zeros(views.shape[1], dtype=torch.int64), ())


def read_targets(source: str | Path) -> tuple[Tensor, Tensor] | None:
    """Copies ``x (rows, N, 3)`` of the body whose poses are the array "views" of an .npz, and a target ``y`` for each.

    None where the file has neither. Raises SchemaError where it has one without the other.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "poses.npz"
    >>> np.savez(file, views=np.zeros((2, 5, 3)), x=np.zeros((9, 5, 3)), y=np.zeros(9))
    >>> [tuple(one.shape) for one in read_targets(file)]
    [(9, 5, 3), (9,)]
    """
    path = Path(source)
    if path.suffix != ".npz" or not path.is_file():
        return None
    with open_archive(path) as archive:
        names = {"x", "y"} & set(archive.files) if "views" in archive.files else set[str]()
        if len(names) == 1:
            raise SchemaError(f"{path.name} with views and {names.pop()}", "x and y, copies of the body and targets")
        found = [np.asarray(archive[name]) for name in sorted(names)]
    return tuple(torch.from_numpy(_numbers(path, array)) for array in found) if found else None  # type: ignore[return-value]


def _settings(given: dict[str, object], read: dict[str, _Reader]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in read:
            raise SchemaError(f"--set {name}={value}", f"one of {', '.join(read)}")
        try:
            found[name] = read[name](str(value))
        except ValueError as error:
            raise SchemaError(
                f"--set {name}={value}", "numbers, whole ones where they count", "--set frames=0,250,500"
            ) from error
    return found


def _of_file(path: Path) -> Float[Tensor, "V N 3"]:
    if path.suffix != ".npz":
        raise SchemaError(
            f"{path.name} for --parts",
            f"an .npz with poses (V, N, 3), or one of {', '.join(_MADE)}",
            "np.savez('views.npz', views=x)",
        )
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
    return torch.from_numpy(np.stack([_numbers(path, pose) for pose in poses.values()]))


def _numbers(path: Path, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "iuf":
        raise SchemaError(f"{path.name} with {array.dtype}", "numbers")
    return array.astype(np.float32 if array.dtype == np.float32 else np.float64)
