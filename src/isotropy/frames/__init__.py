"""Exact symmetry around any model: frames, canonical forms and invariant coordinates."""

from isotropy.frames._averaged import FrameAveraged
from isotropy.frames._frame import Frame, vectors_of

__all__ = ["Frame", "FrameAveraged", "vectors_of"]
