"""Damage to a file: bytes as disks and people break them, words that nobody expects, arrays of other kinds."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable

import numpy as np

WORDS = (
    *("nan", "inf", "-inf", "1e400", "-1", "0", "1e-400", "", "x", "0x10", "1,5", "١", "99999999999999999999", "1e9"),
    *("null", "true", "[]", "{}", '"', "'", "\\", "%", "../../etc/passwd", "/proc", "\x00", "é", "\ufeff", "a" * 5000),
    *("!!python/object/apply:os.system", "&a [*a]", "-", "1.2.3", "2024-13-45", "O(0)", "SO(999)", "Vector", "*", "()"),
)
"""What stands where a number, a name or a word was expected."""

_TOKEN = re.compile(r"[^\s,;:=(){}\[\]\"'<>]+")


def damaged(content: bytes, name: str, rng: random.Random) -> bytes:
    """The content with one to three kinds of damage, those of arrays for an .npz."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kinds: tuple[Callable[[bytes, random.Random], bytes], ...] = (_bytes,)
        if name.endswith(".npz"):
            kinds = (_bytes, _arrays, _arrays, _arrays)
        elif _is_text(content):
            kinds = (_bytes, _text, _text, _text)
        try:
            content = rng.choice(kinds)(content, rng)
        except Exception:  # what is broken already cannot always be broken further in its own kind
            content = _bytes(content, rng)
    return content


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\x00" not in content[:1000]


def _bytes(content: bytes, rng: random.Random) -> bytes:
    """Flips, holes, repeats, ends: what disks, networks and other programs do."""
    n = len(content)
    a, b = sorted(rng.randrange(n + 1) for _ in range(2))
    few = min(b, a + rng.choice((1, 2, 8, 64)))
    how = rng.randrange(9)
    if how == 0:
        return content[:a]
    if how == 1:
        return content[:a] + content[few:]
    if how == 2:
        return content[:a] + content[a:few] * rng.choice((2, 3)) + content[few:]
    if how == 3:
        return content[:a] + bytes(rng.randrange(256) for _ in range(rng.choice((1, 4, 100)))) + content[few:]
    if how == 4:
        return content[:a] + bytes(few - a) + content[few:]
    if how == 5:
        return rng.choice(
            (b"", b"\x00", b"\n", b"\x80\x04N.", b"PK\x03\x04", b"\x1f\x8b", b"PAR1PAR1", b"\x89HDF\r\n\x1a\n")
        )
    if how == 6:
        return content[b:] + content[:b]
    flipped = bytearray(content)
    for _ in range(min(n, rng.choice((1, 3, 20)))):
        flipped[rng.randrange(n)] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def _text(content: bytes, rng: random.Random) -> bytes:
    """Other words, lines gone, twice or moved, other ends of lines, another encoding."""
    text = content.decode()
    how = rng.randrange(8)
    if how < 4:
        tokens = list(_TOKEN.finditer(text))
        token = rng.choice(tokens)
        return (text[: token.start()] + rng.choice(WORDS) + text[token.end() :]).encode()
    lines = text.splitlines(keepends=True)
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    if how == 4:
        del lines[at]
    elif how == 5:
        lines.insert(other, lines[at])
    elif how == 6:
        lines[at], lines[other] = lines[other], lines[at]
    else:
        return rng.choice((
            text.replace("\n", "\r\n").encode(), text.encode("utf-16"), b"\xef\xbb\xbf" + content,
            text.replace(",", ";").encode(), text.replace(":", "").encode(), text.replace(" ", "").encode(),
        ))  # fmt: skip
    return "".join(lines).encode()


def _arrays(content: bytes, rng: random.Random) -> bytes:
    """An array of another type or shape, with numbers that are none, gone, or under another name."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    name = rng.choice(list(arrays))
    array = arrays[name]
    changes: tuple[Callable[[], object], ...] = (
        lambda: array[..., :0],
        lambda: array[:0],
        lambda: array[: max(1, len(array) // 2)],
        lambda: array[None],
        lambda: array.reshape(-1),
        lambda: array.T,
        lambda: array.ravel()[0],
        lambda: array.astype(rng.choice(("f2", "f4", "i1", "i8", "u8", "bool", "c16", "U5", "S3", "M8[s]"))),
        lambda: _spoilt(array, rng),
        lambda: array.astype(float) * rng.choice((0.0, 1e300, -1.0, 1e-300)),
        lambda: np.zeros(array.shape, [("a", "f8"), ("b", "i4")]),
    )
    if rng.randrange(8) == 0:
        del arrays[name]
        if rng.randrange(2):
            arrays[rng.choice(WORDS[:8]) or "z"] = array
    else:
        arrays[name] = np.asarray(rng.choice(changes)())
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _spoilt(array: np.ndarray, rng: random.Random) -> np.ndarray:
    spoilt = np.array(array, dtype=float)
    spoilt.flat[rng.randrange(spoilt.size)] = rng.choice((np.nan, np.inf, -np.inf, -1, 1e308, 0.5))
    return (
        spoilt
        if array.dtype.kind == "f"
        else np.nan_to_num(spoilt, posinf=9, neginf=-9).clip(-9, 1e9).astype(array.dtype)
    )
