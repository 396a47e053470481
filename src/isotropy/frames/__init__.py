"""Exact symmetry around any model: frames, canonical forms and invariant coordinates."""

from isotropy.frames._averaged import FrameAveraged
from isotropy.frames._canonical_graph import CanonicalGraph
from isotropy.frames._forms import CanonicalForms, Labelling, canonical_forms, canonical_labelling
from isotropy.frames._frame import Frame, vectors_of
from isotropy.frames._graph import CanonicalGraphFrame
from isotropy.frames._haar import HaarFrame
from isotropy.frames._invariant import InvariantCoordinates
from isotropy.frames._landmarks import choose_landmarks, landmark_mds
from isotropy.frames._laplacian import LaplacianFrame
from isotropy.frames._learned import CanonicalizerFrame, ProbabilisticFrame, pose_prior
from isotropy.frames._learned_order import ProbabilisticOrderFrame, order_entropy
from isotropy.frames._mds import MDSResult, classical_mds
from isotropy.frames._mds_frame import MDSFrame
from isotropy.frames._minimal import MinimalFrame
from isotropy.frames._orbits import orbit_mean, orbital_mean, orbitals
from isotropy.frames._pca import DegenerateFrameError, PCAFrame
from isotropy.frames._portrait import Portrait, portrait
from isotropy.frames._projection_sort import RandomProjectionFrame
from isotropy.frames._sign_invariant import SignInvariant
from isotropy.frames._stress import stress
from isotropy.frames._symmetrize import frame_of, symmetrize
from isotropy.frames._transformation_invariant import TransformationInvariant
from isotropy.frames._vector_neurons import VectorNeurons
from isotropy.frames._weighted import WeightedTupleFrame

__all__ = [
    "CanonicalForms",
    "CanonicalGraph",
    "CanonicalGraphFrame",
    "CanonicalizerFrame",
    "DegenerateFrameError",
    "Frame",
    "FrameAveraged",
    "HaarFrame",
    "InvariantCoordinates",
    "Labelling",
    "LaplacianFrame",
    "MDSFrame",
    "MDSResult",
    "MinimalFrame",
    "PCAFrame",
    "Portrait",
    "ProbabilisticFrame",
    "ProbabilisticOrderFrame",
    "RandomProjectionFrame",
    "SignInvariant",
    "TransformationInvariant",
    "VectorNeurons",
    "WeightedTupleFrame",
    "canonical_forms",
    "canonical_labelling",
    "choose_landmarks",
    "classical_mds",
    "frame_of",
    "landmark_mds",
    "orbit_mean",
    "orbital_mean",
    "orbitals",
    "order_entropy",
    "portrait",
    "pose_prior",
    "stress",
    "symmetrize",
    "vectors_of",
]
