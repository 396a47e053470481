"""What rooms above build on: factors of Legendre functions, how few rows say nothing, groups that permute cells."""

from isotropy.reps._harmonics import legendre_factors as legendre_factors
from isotropy.reps._reading import LEAST_ROWS as LEAST_ROWS
from isotropy.reps._warp import permutes_cells as permutes_cells
