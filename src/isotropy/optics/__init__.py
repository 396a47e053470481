"""There and back: optics with a residual, and averages over a group as one of them."""

from isotropy.optics._average import average, canonicalise
from isotropy.optics._optic import Lens, Optic
from isotropy.optics._transform import Type, transform

__all__ = ["Lens", "Optic", "Type", "average", "canonicalise", "transform"]
