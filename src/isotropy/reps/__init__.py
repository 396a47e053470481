"""What is acted on: types of feature vectors, equivariant bases, and typed data."""

import warnings

from isotropy.reps._action import linear_part as linear_part
from isotropy.reps._action import translates as translates
from isotropy.reps._atoms import Adjoint as Adjoint
from isotropy.reps._atoms import Nodes as Nodes
from isotropy.reps._atoms import Pixels as Pixels
from isotropy.reps._atoms import Point as Point
from isotropy.reps._atoms import Pseudoscalar as Pseudoscalar
from isotropy.reps._atoms import Pseudovector as Pseudovector
from isotropy.reps._atoms import Scalar as Scalar
from isotropy.reps._atoms import Tensor as Tensor
from isotropy.reps._atoms import Vector as Vector
from isotropy.reps._basis import equivariant_basis as equivariant_basis
from isotropy.reps._basis import projector as projector
from isotropy.reps._bumps import Bumps as Bumps
from isotropy.reps._field import Field as Field
from isotropy.reps._harmonics import Normalization as Normalization
from isotropy.reps._harmonics import degrees as degrees
from isotropy.reps._harmonics import rescaling as rescaling
from isotropy.reps._harmonics import solid_harmonics as solid_harmonics
from isotropy.reps._harmonics import spherical_harmonics as spherical_harmonics
from isotropy.reps._indexed import Cloud as Cloud
from isotropy.reps._indexed import Edges as Edges
from isotropy.reps._indexed import Pairs as Pairs
from isotropy.reps._irreps import Irrep as Irrep
from isotropy.reps._irreps import Irreps as Irreps
from isotropy.reps._irreps import Sphere as Sphere
from isotropy.reps._irreps import from_e3nn as from_e3nn
from isotropy.reps._irreps import to_e3nn as to_e3nn
from isotropy.reps._piecewise import Celled as Celled
from isotropy.reps._piecewise import Piecewise as Piecewise
from isotropy.reps._reading import StandardisedVectorsWarning as StandardisedVectorsWarning
from isotropy.reps._reading import Values as Values
from isotropy.reps._reading import enough_rows as enough_rows
from isotropy.reps._reading import read_values as read_values
from isotropy.reps._reading import rests as rests
from isotropy.reps._reading import rows_of as rows_of
from isotropy.reps._reading import suits as suits
from isotropy.reps._reading import table as table
from isotropy.reps._rep import Rep as Rep
from isotropy.reps._schema import Schema as Schema
from isotropy.reps._standardise import Standardiser as Standardiser
from isotropy.reps._text import parse_rep as parse_rep
from isotropy.reps._types import Indexed as Indexed
from isotropy.reps._types import Type as Type
from isotropy.reps._types import act as act
from isotropy.reps._types import leaves as leaves
from isotropy.reps._types import over as over
from isotropy.reps._types import parse_type as parse_type
from isotropy.reps._types import pull as pull
from isotropy.reps._types import tangent as tangent
from isotropy.reps._types import written_type as written_type
from isotropy.reps._warp import cell_centres as cell_centres
from isotropy.reps._wigner import align as align
from isotropy.reps._wigner import wigner_blocks as wigner_blocks
from isotropy.reps._wigner import wigner_couplings as wigner_couplings
from isotropy.reps._wigner import wigner_D as wigner_D


def __getattr__(name: str) -> object:
    if name == "parse":
        warnings.warn("isotropy.reps.parse is now parse_type", DeprecationWarning, stacklevel=2)
        return parse_type
    raise AttributeError(f"module 'isotropy.reps' has no attribute {name!r}")
