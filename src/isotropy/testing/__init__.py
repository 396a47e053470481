"""One-line tests for users and for this library: is it equivariant, a group, a representation, a frame?"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from isotropy.testing._assert import assert_equivariant as assert_equivariant

if TYPE_CHECKING:
    from isotropy.testing._frames import check_frame as check_frame
    from isotropy.testing._groups import check_group as check_group
    from isotropy.testing._reps import check_rep as check_rep

# The contract suites are long: each is imported when it is first used.
_SUITES = {
    "check_frame": "isotropy.testing._frames",
    "check_group": "isotropy.testing._groups",
    "check_rep": "isotropy.testing._reps",
}

__all__ = ["assert_equivariant", *_SUITES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _SUITES:
        raise AttributeError(f"module 'isotropy.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(_SUITES[name]), name)
