"""Amounts of memory: read from text, written for people, refused where nothing fits."""

from __future__ import annotations

import re

from isotropy.errors import DomainError, InfeasibleError

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}


class InfeasibleBudget(InfeasibleError):
    """A budget of memory below what any schedule needs: ``minimum`` is the smallest, ``layer`` the one in the way."""

    def __init__(self, given: object, expected: object, hint: str = "", minimum: float = 0.0, layer: int = 0) -> None:
        super().__init__(given, expected, hint)
        self.minimum, self.layer = minimum, layer

    def __reduce__(self) -> tuple[type[InfeasibleBudget], tuple[str, str, str, float, int]]:  # type: ignore[override]
        return type(self), (self.given, self.expected, self.hint, self.minimum, self.layer)


def read_bytes(size: str | float | int) -> float:
    """Bytes from a number or from text: 1 kB is 1000 bytes, 1 KiB is 1024.

    Raises DomainError for text that names no size, and for what is negative or not a number.

    >>> read_bytes("256MB"), read_bytes("1.5 GiB"), read_bytes(4096)
    (256000000.0, 1610612736.0, 4096.0)
    """
    expected = "a number of bytes, or text such as '256MB' or '2 GiB'"
    if isinstance(size, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zA-Z]*)\s*", size)
        if found is None or found[2].lower() not in _UNITS:
            raise DomainError(f"a size of {size!r}", expected)
        return float(found[1]) * _UNITS[found[2].lower()]
    if not float(size) >= 0:
        raise DomainError(f"a size of {size!r}", expected)
    return float(size)


def in_words(size: float) -> str:
    """Bytes with three digits and a unit.

    >>> in_words(1_234_567), in_words(12)
    ('1.23 MB', '12 B')
    """
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size:.3g} B"
