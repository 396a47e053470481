"""Frames for rooms above: a predictor that looks at every row in its poses; axes of cells, and how parts are drawn."""

from isotropy.frames._foreign import Foreign as Foreign
from isotropy.frames._foreign import callable_of as callable_of
from isotropy.frames._inputs import Inputs as Inputs
from isotropy.frames._inputs import is_graph as is_graph
from isotropy.frames._inputs import opened as opened
from isotropy.frames._symmetrize import PosedRows as PosedRows
from isotropy.frames._symmetrize import canonical_frame as canonical_frame
from isotropy.frames._symmetrize import pose_frame as pose_frame
from isotropy.frames.piecewise._certificate import motions_of as motions_of
from isotropy.frames.piecewise._radial import RadialFrames as RadialFrames
from isotropy.frames.piecewise._radial import check_group as check_group
