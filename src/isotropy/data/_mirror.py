"""Files that the package may not ship: found in a folder that the user names, and known by their checksum."""

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pooch

from isotropy.errors import SchemaError


@dataclass(frozen=True)
class File:
    """A file of a data set: its path under a mirror, its SHA-256 and, in words, where it comes from.

    ``package`` names the installed package that ships it, if one does; the path is then inside that package.
    """

    path: str
    sha256: str
    origin: str
    package: str | None = None


SHIPPED = ("shipped by scikit-learn; reinstall it", "sklearn.datasets")


class DataNotFoundError(SchemaError):
    """A data set whose files are in none of the folders looked at."""


def folders() -> list[Path]:
    """Where data files are looked for: the folder named by ISOTROPY_DATA, then the user's cache."""
    named = os.environ.get("ISOTROPY_DATA")
    return [Path(folder) for folder in ([named] if named else [])] + [Path(pooch.os_cache("isotropy")) / "data"]


def find(file: File) -> Path | None:
    """The file, under its path or directly in one of the folders; its contents are not looked at."""
    if file.package is not None:
        path = Path(str(resources.files(file.package).joinpath(file.path)))
        return path if path.is_file() else None
    for folder in folders():
        for path in (folder / file.path, folder / Path(file.path).name):
            if path.is_file():
                return path
    return None


def locate(file: File, *, of: str) -> Path:
    """The path of a file that is there and is the one that was meant.

    Raises ``DataNotFoundError`` where there is none, saying how to get it, and ``SchemaError`` for another content.

    >>> locate(File("nothing/here.csv", "0" * 64, "the moon"), of="nothing") # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    isotropy.data._mirror.DataNotFoundError: given no file here.csv for nothing; expected ...
    """
    path = find(file)
    name = Path(file.path).name
    if path is None:
        raise DataNotFoundError(
            f"no file {name} for {of}",
            f"it in the folder that ISOTROPY_DATA names (or below it, as {file.path})",
            f"get it from {file.origin}; then set ISOTROPY_DATA to its folder",
        )
    found = checksum(path)
    if found != file.sha256:
        raise SchemaError(
            f"{path} with SHA-256 {found[:12]}...", f"{file.sha256[:12]}...", f"get the file again: {file.origin}"
        )
    return path


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return str(pooch.file_hash(str(path), alg="sha256"))
