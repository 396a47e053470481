"""What searches over many groups put together themselves: pieces of a breaking, and corrections of p-values."""

from isotropy.measure._breaking import CONFIDENCE as CONFIDENCE
from isotropy.measure._breaking import SMALLEST_ERROR as SMALLEST_ERROR
from isotropy.measure._breaking import clustered_mean as clustered_mean
from isotropy.measure._breaking import pulled_back as pulled_back
from isotropy.measure._breaking import split_halves as split_halves
from isotropy.measure._cosets import cosets as cosets
from isotropy.measure._defects import units as units
from isotropy.measure._directions import Directions as Directions
from isotropy.measure._directions import Frame as Frame
from isotropy.measure._directions import directions as directions
from isotropy.measure._directions import directions_along as directions_along
from isotropy.measure._directions import frame_of as frame_of
from isotropy.measure._inputs import near_data as near_data
from isotropy.measure._neighbours import matchings as matchings
from isotropy.measure._significance import along_lattice as along_lattice
from isotropy.measure._significance import bonferroni as bonferroni
from isotropy.measure._unlisted import TOLERANCE as TOLERANCE
from isotropy.measure._unlisted import null_algebra as null_algebra
