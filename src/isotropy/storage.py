"""The one way a file becomes whole: written under another name, flushed to the disk, renamed."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from isotropy.errors import IsotropyError, SchemaError, nearest


def write_whole(path: Path, content: bytes | Callable[[Path], object], partial: Path | None = None) -> None:
    """Writes ``content``, or lets it fill the path that it is given, so that a reader sees all of the file or nothing.

    The draft lies in the folder ``partial``, by default hidden beside ``path``: on one file system the rename is
    atomic. Missing folders are made. Raises whatever the writing raises, and then leaves what was there before.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_whole(folder / "notes" / "a.txt", b"whole")
    >>> (folder / "notes" / "a.txt").read_text()
    'whole'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if partial is not None:
        partial.mkdir(parents=True, exist_ok=True)
    # The suffix stays last, because writers such as numpy append theirs to a name that lacks it.
    draft = (partial or path.parent) / f".{uuid.uuid4().hex}{path.suffix}"
    try:
        if isinstance(content, bytes):
            draft.write_bytes(content)
        else:
            content(draft)
        _flush(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    _flush(path.parent)


def cache_folder(kind: str) -> Path | None:
    """Where answers of one kind are kept from process to process; None where the user wants none.

    In ISOTROPY_CACHE, or the user's cache folder; "off" keeps nothing.
    """
    import pooch

    named = os.environ.get("ISOTROPY_CACHE", "")
    if named.lower() == "off":
        return None
    return (Path(named) if named else Path(str(pooch.os_cache("isotropy")))) / kind


@contextmanager
def reading(given: str | Path, expected: str, hint: str = "") -> Generator[None]:
    """What another package raises about the content of a file, as a SchemaError that says its first line.

    Readers of formats fail on damaged files in ways of their own, with errors of any class, or ask for more memory than
    there is; whatever it is, the file is refused. For calls of such readers, not for our own code.

    >>> import json
    >>> with reading("a.json", "an object"):
    ...     json.loads("{")
    Traceback (most recent call last):
        ...
    isotropy.errors.SchemaError: given a.json, which cannot be read: Expecting property name enclosed in double \
quotes: line 1 column 2 (char 1); expected an object
    """
    try:
        yield
    except IsotropyError:
        raise
    except Exception as error:
        said = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
        raise SchemaError(f"{given}, which cannot be read: {said}", expected, hint) from error


def no_file(path: str | Path) -> SchemaError:
    """The refusal of a file that is not there, with the one beside it that may be meant.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "energies.csv").touch()
    >>> no_file(folder / "energy.csv").hint.replace(str(folder), "...")
    'write .../energies.csv'
    """
    path = Path(path)
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, beside).removeprefix("write ")
    return SchemaError(f"no file {path}", "a file that exists", f"write {path.parent / near}" if near else "")


def _flush(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open a folder
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
