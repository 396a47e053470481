"""Exact symmetry around any model: frames, canonical forms and invariant coordinates."""

from isotropy.frames._averaged import FrameAveraged
from isotropy.frames._frame import Frame, vectors_of
from isotropy.frames._haar import HaarFrame
from isotropy.frames._minimal import MinimalFrame
from isotropy.frames._normalising import CentreFrame, ScaleFrame
from isotropy.frames._pca import DegenerateFrameError, PCAFrame
from isotropy.frames._portrait import Portrait, portrait
from isotropy.frames._posed_rows import PosedRows as PosedRows
from isotropy.frames._posed_rows import canonical_frame as canonical_frame
from isotropy.frames._posed_rows import pose_frame as pose_frame
from isotropy.frames._projection_sort import RandomProjectionFrame
from isotropy.frames._symmetrize import frame_of, symmetrize
from isotropy.frames._viewed import Viewed
from isotropy.frames._weighted import WeightedTupleFrame
from isotropy.frames.coordinates._degenerate import DegenerateCloudError
from isotropy.frames.coordinates._frame import MDSFrame
from isotropy.frames.coordinates._invariant import InvariantCoordinates
from isotropy.frames.coordinates._module import TransformationInvariant
from isotropy.frames.coordinates._pose import Pose
from isotropy.frames.coordinates._sign_invariant import SignInvariant
from isotropy.frames.graphs._canonical_graph import CanonicalGraph
from isotropy.frames.graphs._forms import CanonicalForms, Labelling, canonical_forms, canonical_labelling
from isotropy.frames.graphs._frame import CanonicalGraphFrame
from isotropy.frames.graphs._laplacian import LaplacianFrame
from isotropy.frames.learned._orders import ProbabilisticOrderFrame, order_entropy
from isotropy.frames.learned._poses import CanonicalizerFrame, ProbabilisticFrame, pose_prior
from isotropy.frames.learned._vector_neurons import VectorLeakyReLU, VectorLinear, VectorNeurons
from isotropy.frames.scaling._classical import classical_mds
from isotropy.frames.scaling._distances import MDSResult, RankWarning
from isotropy.frames.scaling._landmarks import choose_landmarks, landmark_mds
from isotropy.frames.scaling._stress import stress

__all__ = [
    "CanonicalForms",
    "CanonicalGraph",
    "CanonicalGraphFrame",
    "CanonicalizerFrame",
    "CentreFrame",
    "DegenerateCloudError",
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
    "Pose",
    "ProbabilisticFrame",
    "ProbabilisticOrderFrame",
    "RandomProjectionFrame",
    "RankWarning",
    "ScaleFrame",
    "SignInvariant",
    "TransformationInvariant",
    "VectorLeakyReLU",
    "VectorLinear",
    "VectorNeurons",
    "Viewed",
    "WeightedTupleFrame",
    "canonical_forms",
    "canonical_labelling",
    "choose_landmarks",
    "classical_mds",
    "frame_of",
    "landmark_mds",
    "order_entropy",
    "portrait",
    "pose_prior",
    "stress",
    "symmetrize",
    "vectors_of",
]
