"""One thing that an answer holds, printed on one line."""

from __future__ import annotations

from typing import ClassVar

from isotropy.estimate import Estimate


class Finding:
    """What an answer holds under a name; its repr is one line: the name and what ``shown`` lists.

    ``to_frame()`` of the answer and ``dataclasses.asdict`` have every field.

    >>> class Height(Finding):
    ...     shown = ("verdict", "size")
    ...     name, verdict, size, other = "a tree", "high", Estimate(20.0, 18.0, 22.0, n=4), 3
    >>> Height()
    Height('a tree', verdict='high', size=20 [18, 22], ...)
    """

    shown: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        told = [(name, getattr(self, name)) for name in self.shown]
        parts = [f"{name}={_short(value)}" for name, value in told if value not in (None, "", ())]
        return f"{type(self).__name__}({', '.join([repr(getattr(self, 'name', '')), *parts, '...'])})"


def _short(value: object) -> str:
    if isinstance(value, Estimate):
        return str(value)
    return f"{value:.3g}" if isinstance(value, float) else repr(value)
