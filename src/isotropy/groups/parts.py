"""What frames of matrices are made of: an element as one tensor, the basis that goes with an axis, Haar draws."""

from isotropy.groups._linear import matrix as matrix
from isotropy.groups._rotations import axis_frame as axis_frame
from isotropy.groups._rotations import haar_orthogonal as haar_orthogonal
