"""What exact layers are made of, and other networks too: starts of weights, copies, centroids, messages of atoms."""

from isotropy.nn._copies import centroid_map as centroid_map
from isotropy.nn._copies import centroids as centroids
from isotropy.nn._copies import copies as copies
from isotropy.nn._copies import dimensions as dimensions
from isotropy.nn._copies import moved_points as moved_points
from isotropy.nn._copies import size as size
from isotropy.nn._linear import balanced as balanced
from isotropy.nn._linear import orthogonal as orthogonal
from isotropy.nn.force_field._batches import free_energies as free_energies
from isotropy.nn.force_field._batches import symbol as symbol
from isotropy.nn.force_field._committee import WITHIN as WITHIN
from isotropy.nn.force_field._committee import members_of as members_of
from isotropy.nn.force_field._committee import spread_of as spread_of
from isotropy.nn.force_field._interaction import DegreeLinear as DegreeLinear
from isotropy.nn.force_field._interaction import Dense as Dense
from isotropy.nn.force_field._interaction import ElementLinear as ElementLinear
from isotropy.nn.force_field._interaction import Interaction as Interaction
from isotropy.nn.force_field._interaction import RadialBasis as RadialBasis
from isotropy.nn.force_field._loss import compared as compared
from isotropy.nn.force_field._loss import predicted as predicted
from isotropy.nn.force_field._neighbours import edge_lengths as edge_lengths
from isotropy.nn.gaunt._coefficients import inverse_root as inverse_root
from isotropy.nn.gaunt._coefficients import variances as variances
from isotropy.nn.gaunt._constants import Constants as Constants
from isotropy.nn.gaunt._constants import table as table
from isotropy.nn.subequivariant._tree import LimbTree as LimbTree
