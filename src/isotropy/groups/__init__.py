"""What acts: groups, their Lie algebras, subgroups, and measures on them.

Elements are tensors: matrices ``(..., d, d)``, homogeneous ``(..., d+1, d+1)`` with translations, permutations
``(..., n)`` int64; for a product over several spaces a tuple of these; of infinite dimension sampled functions
``(..., N)``.
"""

from isotropy.groups._affine import SE as SE
from isotropy.groups._affine import E as E
from isotropy.groups._affine import Similarity as Similarity
from isotropy.groups._affine import SimilarityPlus as SimilarityPlus
from isotropy.groups._affine import T as T
from isotropy.groups._affine import homogeneous as homogeneous
from isotropy.groups._affine import linear as linear
from isotropy.groups._affine import translation as translation
from isotropy.groups._affine_of import Affine as Affine
from isotropy.groups._affine_of import Shear as Shear
from isotropy.groups._algebra import Element as Element
from isotropy.groups._algebra import LieAlgebra as LieAlgebra
from isotropy.groups._cubature import Cubature as Cubature
from isotropy.groups._decompositions import cartan as cartan
from isotropy.groups._decompositions import iwasawa as iwasawa
from isotropy.groups._decompositions import kak as kak
from isotropy.groups._decompositions import polar as polar
from isotropy.groups._diffeomorphisms import Diff as Diff
from isotropy.groups._diffeomorphisms import NotADiffeomorphism as NotADiffeomorphism
from isotropy.groups._draws import Drawn as Drawn
from isotropy.groups._draws import Draws as Draws
from isotropy.groups._finite import C as C
from isotropy.groups._finite import D as D
from isotropy.groups._finite import S as S
from isotropy.groups._general_linear import SL as SL
from isotropy.groups._general_linear import GLPlus as GLPlus
from isotropy.groups._group import Group as Group
from isotropy.groups._homography import Homography as Homography
from isotropy.groups._homography import project as project
from isotropy.groups._integrate import Integral as Integral
from isotropy.groups._integrate import integrate as integrate
from isotropy.groups._linear import LinearGroup as LinearGroup
from isotropy.groups._matrix import MatrixGroup as MatrixGroup
from isotropy.groups._measure import DiscreteMeasure as DiscreteMeasure
from isotropy.groups._measure import Measure as Measure
from isotropy.groups._parse import UnsizedGroupError as UnsizedGroupError
from isotropy.groups._parse import list_items as list_items
from isotropy.groups._parse import parse as parse
from isotropy.groups._parse import parse_list as parse_list
from isotropy.groups._permutation_group import PermutationGroup as PermutationGroup
from isotropy.groups._permutations import permutation_matrix as permutation_matrix
from isotropy.groups._placed import Placed as Placed
from isotropy.groups._power import Independent as Independent
from isotropy.groups._power import Power as Power
from isotropy.groups._product import Product as Product
from isotropy.groups._quaternions import angles_to_matrix as angles_to_matrix
from isotropy.groups._quaternions import angles_to_quaternion as angles_to_quaternion
from isotropy.groups._quaternions import matrix_to_angles as matrix_to_angles
from isotropy.groups._quaternions import matrix_to_quaternion as matrix_to_quaternion
from isotropy.groups._quaternions import quaternion_inverse as quaternion_inverse
from isotropy.groups._quaternions import quaternion_product as quaternion_product
from isotropy.groups._quaternions import quaternion_to_matrix as quaternion_to_matrix
from isotropy.groups._rotations import SO as SO
from isotropy.groups._rotations import O as O
from isotropy.groups._spd import SPDSpace as SPDSpace
from isotropy.groups._stretches import Inversion as Inversion
from isotropy.groups._stretches import Lorentz as Lorentz
from isotropy.groups._stretches import Scale as Scale
from isotropy.groups._structure import Levi as Levi
from isotropy.groups._structure import Structure as Structure
from isotropy.groups._subgroups import is_conjugate as is_conjugate
from isotropy.groups._subgroups import is_subgroup as is_subgroup
from isotropy.groups._subgroups import lattice as lattice
from isotropy.groups._subgroups import same as same
from isotropy.groups._tangent import Tangent as Tangent
from isotropy.groups._tangent import tangent as tangent
from isotropy.groups._window import Haar as Haar
from isotropy.groups._window import Window as Window
from isotropy.groups._words import in_words as in_words
