"""Archives of numpy, without a pickle: opened, and written whole."""

import io
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import IsotropyError, SchemaError
from isotropy.storage import write_whole


def archive_path(path: str | Path) -> Path:
    """Where an archive is to be written; raises SchemaError for a name that ends in something else."""
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise SchemaError(f"the file {path.name}", "a name that ends in .npz")
    return path


def write_archive(path: Path, arrays: Mapping[str, Tensor]) -> Path:
    """Writes tensors by their names as an .npz, whole or not at all."""
    archive = io.BytesIO()
    plain = {name: array.detach().cpu().numpy() for name, array in arrays.items()}
    np.savez_compressed(archive, allow_pickle=False, **plain)
    write_whole(path, archive.getvalue())
    return path


@contextmanager
def open_archive(path: Path) -> Generator[np.lib.npyio.NpzFile]:
    """An .npz to be read; raises SchemaError for what is none, or is damaged, wherever that is found out."""
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise SchemaError(f"{path.name}, a single array", "an .npz archive with arrays x and y")
            with archive:
                yield archive
    except IsotropyError:
        raise
    except Exception as error:
        # A damaged archive can fail anywhere below zipfile, zlib and the header's parser: whatever it is, refuse it.
        pickled = "pickle" in str(error).lower() or "object arrays" in str(error).lower()
        raise SchemaError(
            f"{path.name}: {'pickled or object arrays' if pickled else str(error)[:200] or type(error).__name__}",
            "an .npz archive of plain numeric arrays",
            "convert each column to float64 and save again; pickles are never loaded",
        ) from error


def plain(array: NDArray[Any]) -> NDArray[Any]:
    """Numbers as torch takes them: in the order of bytes of this machine, no longer than doubles."""
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="))
