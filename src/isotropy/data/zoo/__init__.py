"""A zoo of laws of physics whose symmetries are known: the truth that verdicts are tried by.

``load("zoo/kepler", n=300, noise=0.1)`` draws rows of one; ``isotropy reproduce zoo`` asks ``discover`` about all.
"""

from __future__ import annotations

from isotropy.data.zoo import _electromagnetism, _mechanics, _optics, _relativity, _scaling
from isotropy.data.zoo._law import BROKEN, HOLDING, OPEN, Law, law

LAWS: dict[str, Law] = {
    one.name: one
    for shelf in (_mechanics, _electromagnetism, _optics, _scaling, _relativity)
    for one in vars(shelf).values()
    if isinstance(one, Law)
}

__all__ = ["BROKEN", "HOLDING", "LAWS", "OPEN", "Law", "law"]
