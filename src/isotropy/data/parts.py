"""What rooms above and tests build from: bodies, and archives that are opened without a pickle."""

from isotropy.data._archive import open_archive as open_archive
from isotropy.data._capsules import capsule_surface as capsule_surface
