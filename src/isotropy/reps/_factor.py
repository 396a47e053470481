"""The smallest piece of a type: one factor of a tensor product, and what it weighs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from isotropy.errors import SchemaError, ShapeError

HARMONIC = ("Irrep", "Sphere")  # kinds that turn as spherical harmonics do


@dataclass(frozen=True)
class Factor:
    """One factor of a tensor product: what acts on its ``space`` acts on it in the way that ``kind`` names.

    ``shape`` is ``(height, width, hole)`` of Pixels, ``(l,)`` of Irrep, ``(L,)`` of Sphere, and empty otherwise.
    """

    kind: str
    space: str = "space"
    dual: bool = False
    shape: tuple[int, ...] = ()

    @property
    def weight(self) -> int:
        """Weight under scaling: a vector scales as s, its dual as 1/s, an Irrep as s^l, numbers and pixels stay.

        A Sphere has none: each of its degrees has its own.
        """
        power = 1 if self.kind in ("Vector", "Point") else self.shape[0] if self.kind == "Irrep" else 0
        return -power if self.dual else power

    @property
    def degrees(self) -> range:
        """The degrees l of an Irrep or a Sphere, in the order of their columns."""
        return range(0 if self.kind == "Sphere" else self.shape[0], self.shape[0] + 1)

    @property
    def irreps(self) -> tuple[tuple[Factor, ...], ...]:
        """The factors of each degree alone: none for numbers (l = 0), a Vector for l = 1."""
        found: list[tuple[Factor, ...]] = [(), (Factor("Vector", self.space, self.dual),)]
        found += [(Factor("Irrep", self.space, self.dual, (l,)),) for l in range(2, self.degrees.stop)]
        return tuple(found[l] for l in self.degrees)

    @property
    def size_key(self) -> str:
        """Which dimension its own depends on; empty for those that know theirs."""
        if self.shape:
            return ""
        return f"Adjoint on {self.space}" if self.kind == "Adjoint" else self.space

    def size(self, sizes: Mapping[str, int]) -> int:
        """Dimension, given the ``sizes`` of the spaces (and of the Lie algebras, for Adjoint)."""
        if self.kind == "Pixels":
            height, width, hole = self.shape
            return height * width - hole * hole
        if self.kind in HARMONIC:
            return sum(2 * l + 1 for l in self.degrees)
        key = self.size_key
        if key not in sizes:
            hint = (
                "only the group knows it"
                if self.kind == "Adjoint"
                else f"pass dims={{{self.space!r}: d}}; a schema takes it beside x and y"
            )
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
