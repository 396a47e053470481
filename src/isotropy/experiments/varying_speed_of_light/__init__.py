"""A varying speed of light and the supernovae, judged with full statistics (Nguyen 2024; arXiv 2412.05262)."""

from isotropy.experiments.varying_speed_of_light._claims import CLAIMS, claims
from isotropy.experiments.varying_speed_of_light._config import FULL, SMALL, Config, Plan
from isotropy.experiments.varying_speed_of_light._result import VaryingSpeedOfLight
from isotropy.experiments.varying_speed_of_light._trials import trials
from isotropy.study import Experiment

VARYING_SPEED_OF_LIGHT = Experiment(
    "varying-speed-of-light",
    "Nguyen, Varying speed of light via Higgs-dilaton coupling, arXiv 2408.02583 and 2412.05262 (PLB 862, 139357)",
    VaryingSpeedOfLight,
    SMALL,
    FULL,
    trials,
    claims,
)

__all__ = ["CLAIMS", "FULL", "SMALL", "VARYING_SPEED_OF_LIGHT", "Config", "Plan", "trials"]
