"""Files of HDF5, and what they hold by name."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isotropy.data._archive import plain
from isotropy.errors import SchemaError, optional_import
from isotropy.storage import reading

_WHOLE = "a whole HDF5 file"


@contextmanager
def open_hdf5(path: Path) -> Generator[Any, None, None]:
    """A file to be read; raises SchemaError for what is none, MissingExtraError without h5py."""
    h5py = optional_import("h5py", "hdf5")
    with reading(path, _WHOLE):
        file = h5py.File(path, "r")
    with file:
        yield file


def group_of(file: Any, name: str, path: Any) -> Mapping[str, Any]:
    """The group of that name; raises SchemaError where there is none, or it is damaged."""
    with reading(path, _WHOLE):
        found = _found(file, name, path, f"the group {name}", group=True)
        return {key: found[key] for key in found}


def array_of(file: Any, name: str, path: Any) -> Any:
    """The array of that name; raises SchemaError where there is none, or it is damaged."""
    with reading(path, _WHOLE):
        return np.asarray(_found(file, name, path, name, group=False))


def numbers_of(file: Any, name: str, path: Any) -> Tensor:
    """The numbers of that name; raises SchemaError where there are none."""
    array = array_of(file, name, path)
    if array.dtype.kind not in "fiub":
        raise SchemaError(f"{path}: {name} of {array.dtype}", "numbers")
    return torch.from_numpy(plain(array))


def _found(file: Any, name: str, path: Any, said: str, *, group: bool) -> Any:
    found = file.get(name)
    if found is None or isinstance(found, Mapping) != group:
        raise SchemaError(f"{path} without {said}", f"one that has it; there are {', '.join(file) or 'none'}")
    return found
