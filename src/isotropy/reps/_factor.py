"""The smallest piece of a type: one factor of a tensor product, and what it weighs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from isotropy.errors import SchemaError, ShapeError


@dataclass(frozen=True)
class Factor:
    """One factor of a tensor product: what acts on its ``space`` acts on it in the way that ``kind`` names.

    ``shape`` is ``(height, width, hole)`` of Pixels and empty otherwise.
    """

    kind: str
    space: str = "space"
    dual: bool = False
    shape: tuple[int, ...] = ()

    @property
    def weight(self) -> int:
        """Weight under scaling: a vector scales as s, its dual as 1/s, numbers and pixels stay."""
        return (-1 if self.dual else 1) if self.kind in ("Vector", "Point") else 0

    @property
    def size_key(self) -> str:
        """Which dimension its own depends on; empty for Pixels, which know theirs."""
        if self.kind == "Pixels":
            return ""
        return f"Adjoint on {self.space}" if self.kind == "Adjoint" else self.space

    def size(self, sizes: Mapping[str, int]) -> int:
        """Dimension, given the ``sizes`` of the spaces (and of the Lie algebras, for Adjoint)."""
        if self.kind == "Pixels":
            height, width, hole = self.shape
            return height * width - hole * hole
        key = self.size_key
        if key not in sizes:
            hint = "only the group knows it" if self.kind == "Adjoint" else f"pass dims={{{self.space!r}: d}}"
            raise ShapeError(f"no dimension of {key!r}", f"one for {self.kind}", hint)
        return sizes[key] + (self.kind == "Linearised")


def exact_weight(weight: Fraction | int | float | str) -> Fraction:
    """The weight as an exact fraction of small numbers; raises SchemaError for any other."""
    try:
        exact = Fraction(weight)
    except (ValueError, ZeroDivisionError, OverflowError):
        exact = Fraction(1, 1 << 30)
    if exact.denominator > 1024 or abs(exact) > 1024:
        raise SchemaError(f"the weight {weight!r}", "a fraction of small numbers", 'write Fraction(1, 3) or "1/3"')
    return exact
