"""What rooms above build from: an element as one tensor, the basis that goes with an axis, Haar draws, plain names,
whether an element is connected to the identity, rotations by angles and vectors, and periodic functions by samples."""

from isotropy.groups._cubature import circle_rule as circle_rule
from isotropy.groups._exponential import rotation2 as rotation2
from isotropy.groups._exponential import rotation3 as rotation3
from isotropy.groups._form_text import form_text as form_text
from isotropy.groups._fourier import circle as circle
from isotropy.groups._fourier import refined as refined
from isotropy.groups._fourier import slope as slope
from isotropy.groups._fourier import values as values
from isotropy.groups._kept import quadratic_forms as quadratic_forms
from isotropy.groups._linear import matrix as matrix
from isotropy.groups._matrix import in_identity_component as in_identity_component
from isotropy.groups._plain import PlainAlgebra as PlainAlgebra
from isotropy.groups._plain import plain_algebras as plain_algebras
from isotropy.groups._rotations import axis_frame as axis_frame
from isotropy.groups._rotations import axis_name as axis_name
from isotropy.groups._rotations import haar_orthogonal as haar_orthogonal
from isotropy.groups._rotations import reflect_last as reflect_last
