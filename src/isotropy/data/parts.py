"""What rooms above and tests build bodies from."""

from isotropy.data._capsules import capsule_surface as capsule_surface
