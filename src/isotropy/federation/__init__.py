"""Many owners, one geometry: what sites may share of their data, and the one classifier that they get for it."""

from isotropy.federation._algorithms import ALGORITHMS, Plan
from isotropy.federation._choosing import Choice, choose_modes
from isotropy.federation._federate import Federated, Round, federate
from isotropy.federation._generators import GeometryGuidedAugmenter
from isotropy.federation._heads import ccvr_head, lda_head, mixture_head, ridge_head
from isotropy.federation._partition import dirichlet_label_skew, domain_skew, lds
from isotropy.federation._privacy import private_stats
from isotropy.federation._result import Federation, SiteFinding
from isotropy.federation._secure import secure_stats
from isotropy.federation._shapes import ClassShapes, GeometricShape
from isotropy.federation._similarity import ShapeSimilarity, shape_similarity_test
from isotropy.federation._statistics import ClassStats, Sums
from isotropy.federation._verb import federate_files
from isotropy.federation._words import error_of

__all__ = [
    "ALGORITHMS",
    "Choice",
    "ClassShapes",
    "ClassStats",
    "Federated",
    "Federation",
    "GeometricShape",
    "GeometryGuidedAugmenter",
    "Plan",
    "Round",
    "ShapeSimilarity",
    "SiteFinding",
    "Sums",
    "ccvr_head",
    "choose_modes",
    "dirichlet_label_skew",
    "domain_skew",
    "error_of",
    "federate",
    "federate_files",
    "lda_head",
    "lds",
    "mixture_head",
    "private_stats",
    "ridge_head",
    "secure_stats",
    "shape_similarity_test",
]
