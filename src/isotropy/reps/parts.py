"""What rooms above build on: the recursion of associated Legendre functions, how few rows say nothing, cells that permute."""

from isotropy.reps._harmonics import legendre_factors as legendre_factors
from isotropy.reps._reading import LEAST_ROWS as LEAST_ROWS
from isotropy.reps._warp import permutes_cells as permutes_cells
