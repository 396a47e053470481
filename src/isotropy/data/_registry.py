"""Every data set by name: what it is, where it comes from, under which licence, and whether its files are intact."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from isotropy.data._dataset import Dataset
from isotropy.data._images import DIGITS, PHOTOGRAPHS, Digits, Photos
from isotropy.data._mirror import File, checksum, find
from isotropy.data._tracks import TRACKS, EthUcy
from isotropy.data.synthetic import PROBLEMS
from isotropy.errors import SchemaError
from isotropy.fields import from_text

Kind = Literal["computed", "embedded", "mirrored"]


@dataclass(frozen=True)
class Entry:
    """One line of the list; ``kind`` says whether the data are computed, shipped with a dependency, or mirrored.

    ``settings`` are what ``load`` takes, with their defaults; ``make`` turns settings into the data.

    >>> entry = find_entry("inertia")
    >>> entry.kind, entry.available, entry.settings["nu"]
    ('computed', True, 0.3)
    """

    name: str
    title: str
    story: str
    kind: Kind
    source: str
    licence: str
    make: Callable[[Mapping[str, object]], Dataset] = field(repr=False, compare=False)
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    files: tuple[File, ...] = ()

    @property
    def available(self) -> bool:
        """Whether all its files are there; their contents are not looked at."""
        return all(find(file) is not None for file in self.files)


@dataclass(frozen=True)
class Verification:
    """What ``verify`` found: whether all is well, and one line for each file."""

    name: str
    ok: bool
    details: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}: {'ok' if self.ok else 'NOT ok'}; " + "; ".join(self.details)


def _entry(recipe: Any, kind: Kind, *files: File) -> Entry:
    def make(settings: Mapping[str, object]) -> Dataset:
        return from_text(recipe, settings, of=recipe.name).dataset()

    defaults: dict[str, object] = {item.name: item.default for item in dataclasses.fields(recipe)}
    return Entry(recipe.name, recipe.title, recipe.story, kind, recipe.source, recipe.licence, make, defaults, files)


_ENTRIES = (
    *(_entry(problem, "computed") for problem in PROBLEMS.values()),
    _entry(Photos, "embedded", *PHOTOGRAPHS),
    _entry(Digits, "embedded", DIGITS),
    _entry(EthUcy, "mirrored", TRACKS),
)


def list_datasets() -> tuple[Entry, ...]:
    """All data sets that ``load`` knows by name.

    >>> {"inertia", "photos", "digits", "eth-ucy"} <= {entry.name for entry in list_datasets()}
    True
    """
    return _ENTRIES


def find_entry(name: str) -> Entry:
    """The entry of that name; raises ``SchemaError`` with the known names for any other.

    >>> find_entry("fotos") # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    isotropy.errors.SchemaError: given the data set 'fotos'; expected ...; write photos, or the path of a file...
    """
    known = {entry.name: entry for entry in _ENTRIES}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    raise SchemaError(
        f"the data set {name!r}",
        "a file (.npz, .csv, .csv.gz, .parquet) or one of " + ", ".join(known),
        f"write {near[0]}, or the path of a file that exists" if near else "isotropy datasets list shows what there is",
    )


def verify(name: str) -> Verification:
    """Whether the files of a data set are there and are the known ones, byte for byte.

    Raises ``SchemaError`` for an unknown name.

    >>> verify("inertia").details
    ('computed from its formula: no files',)
    """
    entry = find_entry(name)
    if not entry.files:
        return Verification(name, True, ("computed from its formula: no files",))
    found = [_verified(file) for file in entry.files]
    return Verification(name, all(ok for ok, _ in found), tuple(detail for _, detail in found))


def _verified(file: File) -> tuple[bool, str]:
    path, name = find(file), Path(file.path).name
    if path is None:
        return False, f"{name}: not found; get it from {file.origin} and set ISOTROPY_DATA to its folder"
    try:
        same = checksum(path) == file.sha256
    except OSError as error:
        return False, f"{name}: cannot be read ({error.strerror})"
    return same, f"{name}: {'intact' if same else 'not the known file (SHA-256 differs)'} ({path})"
