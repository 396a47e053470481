"""Two constants: the speed of light in km/s, and one over 1 km/s/Mpc in thousand million years."""

LIGHT = 299792.458
"""km/s, exact by definition."""

GYR = 3.0856775814913673e19 / (365.25 * 86400) / 1e9
"""Gy: kilometres in a megaparsec (IAU 2015) over seconds in 10^9 Julian years; 977.792."""
