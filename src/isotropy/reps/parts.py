"""What rooms above build on: the recursion of associated Legendre functions, and how few rows say nothing."""

from isotropy.reps._harmonics import legendre_factors as legendre_factors
from isotropy.reps._reading import LEAST_ROWS as LEAST_ROWS
