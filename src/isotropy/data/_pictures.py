"""Pictures in a folder, one sub-folder for each class: looked at, refused or decoded once, and kept as bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from isotropy.data._picture_file import Bad, Seen, decoded, look, picture_suffixes
from isotropy.data._rows import Rows
from isotropy.errors import SchemaError, counted
from isotropy.fields import from_text
from isotropy.random import spawn

_SHOWN = 10  # files named in a refusal
_AT_ONCE = 256  # files in the hands of the threads
_MOST_BYTES = 2**32  # of decoded pictures: what an ordinary machine keeps beside a model


@dataclass(frozen=True, eq=False)
class Pictures(Rows):
    """Pictures ``x (n, channels, height, width)`` of 8 bits, as displayed, and ``y (n,)``, the number of their class.

    ``classes`` names the sub-folders in the order of their numbers, and is empty where the pictures have none;
    ``files`` are their paths below the folder of this ``name``, ``given`` says how many there were, and ``notes`` what
    was left out.

    >>> few = Pictures(torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1, 1]), ("cat", "dog"))
    >>> len(few), few[1:].y.tolist(), few.floats().dtype
    (3, [1, 1], torch.float32)
    """

    x: UInt8[Tensor, "n C H W"]
    y: Int[Tensor, " n"]
    classes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    name: str = ""
    given: int = 0
    notes: tuple[str, ...] = ()

    def _taken(self, rows: Tensor) -> Pictures:
        files = tuple(self.files[i] for i in rows.tolist()) if self.files else ()
        return replace(super()._taken(rows), files=files)

    def floats(self, dtype: torch.dtype = torch.float32) -> Float[Tensor, "n C H W"]:
        """The pictures as numbers between 0 and 1, which takes four to eight times the memory: for some rows."""
        return self.x.to(dtype) / 255


def read_pictures(
    folder: str | Path,
    *,
    size: int | str | tuple[int, int] | None = None,
    channels: int | None = None,
    skip: bool = False,
    most: int | None = None,
    seed: int = 0,
) -> Pictures:
    """The pictures (png, jpg, webp, bmp, tif) of a folder with one sub-folder for each class, or with none at all.

    They have one size and one number of channels, or ``size`` (32, or "height x width") and ``channels`` (1 or 3) say
    what to make of them: each is scaled until it covers the size, and its middle is kept. Pictures lie as their
    cameras say (EXIF). ``most`` draws so many of the files, with ``seed``. Other files are left alone and counted.

    Raises SchemaError for a folder without pictures, for pictures that disagree, and for files that are damaged, of
    another format than their name says, transparent, of more than 8 bits or 64 million pixels, or behind a link that
    leaves the folder: ten of them are named, and their number told. ``skip`` goes on without them.

    >>> import tempfile
    >>> read_pictures(tempfile.mkdtemp()) # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    isotropy.errors.SchemaError: given the folder ... without pictures; expected one sub-folder for each class...
    """
    root = Path(folder)
    if not root.is_dir():
        raise SchemaError(f"no folder {folder}", "a folder of pictures")
    wanted, channels = _size(size), _channels(channels)
    found = _Folder.walked(root)
    paths, given = found.paths, len(found.paths)
    paths = [paths[i] for i in drawn(given, most, seed).tolist()]
    bad = dict(found.bad)
    seen = dict(_each(lambda path: look(root / path), paths, bad))
    if not skip:
        _refuse(bad, sum(path not in bad for path in paths))
    if not seen:
        raise SchemaError(
            f"{counted(len(bad), 'file')} in {root}, none of them a picture: {_told(bad)}", "one picture or more"
        )
    height, width = wanted or _agreed(seen, lambda one: (one.height, one.width), _unlike_sizes)
    count = channels or _agreed(seen, lambda one: one.channels, _unlike_channels)
    if len(seen) * count * height * width > _MOST_BYTES:
        told = (
            f"{counted(len(seen), 'picture')} of {height} x {width}, {len(seen) * count * height * width / 1e9:.0f} GB"
        )
        raise SchemaError(told, f"at most {_MOST_BYTES / 1e9:.0f} GB", "--set size=64 (size=64 in Python)")
    x = np.empty((len(seen), count, height, width), np.uint8)
    files = list(seen)

    def put(row: int) -> bool:
        x[row] = decoded(root / files[row], count, wanted)
        return True

    whole = [row for row, _ in _each(put, range(len(files)), bad, files)]
    if not skip or not whole:
        _refuse(bad, sum(path not in bad for path in paths))
    kept = [files[row] for row in whole]
    classes = found.classes
    label = [classes.index(path.split("/", 1)[0]) if classes else 0 for path in kept]
    turned = sum(seen[path].turned for path in kept)
    return Pictures(
        torch.from_numpy(x if len(kept) == len(files) else x[whole]),
        torch.tensor(label, dtype=torch.int64),
        classes,
        tuple(kept),
        root.resolve().name,
        given,
        (*found.notes(), *([f"Pictures put upright as their cameras say: {turned}."] if turned else []))
        + ((f"Left out: {_told(bad)}.",) if bad else ()),
    )


@dataclass(frozen=True)
class _Settings:
    """Those of ``read_pictures``, as text may give them."""

    size: str | None = None
    channels: int | None = None
    skip: bool = False
    most: int | None = None


def pictures_as_set(folder: str | Path, settings: Mapping[str, object], *, seed: int) -> Pictures:
    """``read_pictures`` with settings that may be text; raises SchemaError for others."""
    return read_pictures(folder, **asdict(from_text(_Settings, settings, of=f"the folder {folder}")), seed=seed)


def drawn(given: int, most: int | None, seed: int) -> Int[Tensor, " drawn"]:
    """Which of the pictures are drawn, all without ``most``; raises SchemaError for fewer than one."""
    if most is not None and most < 1:
        raise SchemaError(f"most={most}", "1 or more pictures")
    return torch.randperm(given, generator=spawn(seed, "pictures"))[:most].sort().values


@dataclass(frozen=True)
class _Folder:
    """What lies in a folder: pictures by their paths below it, files that are refused, and how many others."""

    paths: list[str]
    classes: tuple[str, ...]
    bad: dict[str, str]
    others: int
    empty: tuple[str, ...]

    @classmethod
    def walked(cls, root: Path) -> _Folder:
        home = root.resolve()
        pictures: list[str] = []
        bad: dict[str, str] = {}
        others = 0
        for path in _below(root):
            if path.is_symlink() and not path.resolve().is_relative_to(home):
                bad[path.relative_to(root).as_posix()] = "a link that leaves the folder"
            elif path.suffix.lower() in picture_suffixes() and path.is_file() and not path.name.startswith("."):
                pictures.append(path.relative_to(root).as_posix())
            else:
                others += 1
        inside = [path for path in pictures if "/" in path]
        folders = sorted(one.name for one in root.iterdir() if one.is_dir() and not one.name.startswith("."))
        if not pictures and not bad:
            more = f" ({others} other files)" if others else ""
            expected = f"one sub-folder for each class, with {', '.join(picture_suffixes())} in it"
            raise SchemaError(f"the folder {root} without pictures{more}", expected)
        classes = tuple(name for name in folders if any(path.startswith(f"{name}/") for path in inside))
        kept = inside or pictures
        empty = tuple(name for name in folders if name not in classes) if inside else ()
        return cls(kept, classes, bad, others + len(pictures) - len(kept), empty)

    def notes(self) -> Iterator[str]:
        if self.others:
            yield f"Files in the folder that are no pictures of a class, and were left alone: {self.others}."
        if self.empty:
            yield f"Sub-folders without pictures: {', '.join(self.empty[:_SHOWN])}."


def _below(folder: Path) -> Iterator[Path]:
    """Every file below a folder in the order of names; linked folders are told as they are, and not entered."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            if not path.name.startswith("."):
                yield from _below(path)
        else:
            yield path


def _each(
    work: Callable[[Any], Any], items: Sequence[Any], bad: dict[str, str], names: list[str] | None = None
) -> Iterator[tuple[Any, Any]]:
    """Each item with what ``work`` makes of it, some at a time; what fails is noted by its name."""

    def tried(item: Any) -> Any:
        try:
            return work(item)
        except Bad as wrong:
            return wrong

    with ThreadPoolExecutor(4) as threads:  # large pictures lie decoded in each at once
        for start in range(0, len(items), _AT_ONCE):
            some = items[start : start + _AT_ONCE]
            for item, made in zip(some, threads.map(tried, some), strict=True):
                if isinstance(made, Bad):
                    name: str = item if names is None else names[item]
                    bad[name] = str(made)
                else:
                    yield item, made


def _told(bad: dict[str, str]) -> str:
    shown = "; ".join(f"{path}: {why}" for path, why in sorted(bad.items())[:_SHOWN])
    return shown + (f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else "")


def _refuse(bad: dict[str, str], count: int) -> None:
    if bad:
        files, pictures = counted(len(bad), "file"), counted(count, "picture")
        given = f"{files} damaged or of another format than their names say, beside {pictures}: {_told(bad)}"
        raise SchemaError(given, "whole pictures of 8 bits", "--set skip=true goes on without them (skip=True)")


def _agreed(seen: dict[str, Seen], of: Callable[[Seen], Any], refuse: Callable[[Counter[Any], str], None]) -> Any:
    """What all pictures have in common; else the refusal, with one of the rarest as an example."""
    counts = Counter(of(one) for one in seen.values())
    common = counts.most_common()
    if len(common) > 1:
        refuse(counts, next(path for path, one in seen.items() if of(one) == common[-1][0]))
    return common[0][0]


def _unlike_sizes(counts: Counter[tuple[int, int]], example: str) -> None:
    shown = ", ".join(f"{height} x {width} ({count})" for (height, width), count in counts.most_common(4))
    least = min(counts.most_common(1)[0][0])
    raise SchemaError(
        f"pictures of {counted(len(counts), 'size')}: {shown}{', ...' if len(counts) > 4 else ''}; "
        f"one of them is {example}",
        "one size",
        f"--set size={least} (size={least} in Python) scales each until it covers it, and keeps the middle",
    )


def _unlike_channels(counts: Counter[int], example: str) -> None:
    shown = " and ".join(f"{count} {'in colour' if c == 3 else 'in grey'}" for c, count in counts.most_common())
    expected, hint = "one kind", "--set channels=1 makes all grey, --set channels=3 all of three channels"
    raise SchemaError(f"pictures of which {shown} are, such as {example}", expected, hint)


def _size(size: int | str | tuple[int, int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    words = size.lower().split("x") if isinstance(size, str) else size if isinstance(size, tuple) else [size]
    try:
        sides = [int(word) for word in words]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or not all(0 < side <= 8192 for side in sides):
        raise SchemaError(f"size={size}", "a side of 1 to 8192 pixels, or height x width", "size=32, or size=32x48")
    return sides[0], sides[-1]


def _channels(channels: int | None) -> int | None:
    if channels not in (None, 1, 3):
        raise SchemaError(f"channels={channels}", "1 (grey) or 3 (colour)")
    return channels
