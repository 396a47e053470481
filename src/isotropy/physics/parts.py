"""What rooms above and tests build from, and users do not need."""

from isotropy.physics._expressions import put as put
from isotropy.physics._expressions import symbols_in as symbols_in
from isotropy.physics._leading import Solved as Solved
from isotropy.physics._reader import Formula as Formula
from isotropy.physics._reader import read_formulas as read_formulas
from isotropy.physics._zero import is_zero as is_zero
