"""The tasks of the experiment, as its scores name them."""

from __future__ import annotations

NORMALS, GRAPHS, LEARNED, PARTICLES = "normals", "graphs", "EXP-classify", "particles"
