"""Frames for typed rows, for rooms above: a predictor that looks at every row in its poses."""

from isotropy.frames._symmetrize import PosedRows as PosedRows
from isotropy.frames._symmetrize import canonical_frame as canonical_frame
from isotropy.frames._symmetrize import pose_frame as pose_frame
