"""What searches over many groups put together themselves: pieces of a breaking, and corrections of p-values."""

from isotropy.measure._breaking import SMALLEST_ERROR as SMALLEST_ERROR
from isotropy.measure._breaking import clustered_mean as clustered_mean
from isotropy.measure._breaking import pulled_back as pulled_back
from isotropy.measure._breaking import split_halves as split_halves
from isotropy.measure._defects import units as units
from isotropy.measure._significance import along_lattice as along_lattice
from isotropy.measure._significance import bonferroni as bonferroni
