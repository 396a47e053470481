"""What searches over transformations put together themselves: parameters of one strength."""

from isotropy.soft._image_ops import LEVELS as LEVELS
from isotropy.soft._transforms import Moved as Moved
