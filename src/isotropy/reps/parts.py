"""What grids of harmonics are made of: the recursion of associated Legendre functions."""

from isotropy.reps._harmonics import legendre_factors as legendre_factors
