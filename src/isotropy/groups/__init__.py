"""What acts: groups, their Lie algebras, subgroups, and measures on them.

Elements are tensors: matrices ``(..., d, d)``, homogeneous ``(..., d+1, d+1)`` with translations, permutations
``(..., n)`` int64; for a product over several spaces a tuple of these.
"""

from isotropy.groups._affine import SE, E, T, homogeneous, linear, translation
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._cubature import Cubature, integrate
from isotropy.groups._decompositions import cartan, iwasawa, kak, polar
from isotropy.groups._draws import Drawn, Draws
from isotropy.groups._finite import C, D, S, permutation_matrix
from isotropy.groups._group import Group
from isotropy.groups._linear import LinearGroup
from isotropy.groups._lorentz import Lorentz
from isotropy.groups._matrix import MatrixGroup
from isotropy.groups._measure import DiscreteMeasure, Measure
from isotropy.groups._parse import parse, parse_list
from isotropy.groups._placed import Placed
from isotropy.groups._product import Product
from isotropy.groups._rotations import SO, O
from isotropy.groups._similarity import Similarity, SimilarityPlus
from isotropy.groups._stretches import SL, GLPlus, Inversion, Scale
from isotropy.groups._subgroups import is_conjugate, is_subgroup, lattice, same
from isotropy.groups._window import Haar, Window

__all__ = [
    "SE",
    "SL",
    "SO",
    "C",
    "Cubature",
    "D",
    "DiscreteMeasure",
    "Drawn",
    "Draws",
    "E",
    "Element",
    "GLPlus",
    "Group",
    "Haar",
    "Inversion",
    "LieAlgebra",
    "LinearGroup",
    "Lorentz",
    "MatrixGroup",
    "Measure",
    "O",
    "Placed",
    "Product",
    "S",
    "Scale",
    "Similarity",
    "SimilarityPlus",
    "T",
    "Window",
    "cartan",
    "homogeneous",
    "integrate",
    "is_conjugate",
    "is_subgroup",
    "iwasawa",
    "kak",
    "lattice",
    "linear",
    "parse",
    "parse_list",
    "permutation_matrix",
    "polar",
    "same",
    "translation",
]
