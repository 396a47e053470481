"""There and back: optics with a residual, and averages over a group as one of them."""

from isotropy.optics._average import Mode, average, canonicalise
from isotropy.optics._optic import Lens, Optic
from isotropy.optics._transform import Type, over, pull, transform

__all__ = ["Lens", "Mode", "Optic", "Type", "average", "canonicalise", "over", "pull", "transform"]
