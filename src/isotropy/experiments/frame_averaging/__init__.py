"""Frame averaging (Puny et al., ICLR 2022): normals of CAD parts, graphs told apart, charged particles."""

from __future__ import annotations

from isotropy.experiments._experiment import Experiment
from isotropy.experiments._scores import Score
from isotropy.experiments.frame_averaging._claims import CLAIMS
from isotropy.experiments.frame_averaging._config import (
    FULL,
    SMALL,
    Config,
    GraphsPlan,
    NormalsPlan,
    ParticlesPlan,
    Training,
    learners,
    particle_networks,
    point_networks,
)
from isotropy.experiments.frame_averaging._normals import clouds_job, normals_job
from isotropy.experiments.frame_averaging._prediction import particles_job
from isotropy.experiments.frame_averaging._published import PUBLISHED
from isotropy.experiments.frame_averaging._result import FrameAveraging
from isotropy.experiments.frame_averaging._run import run_experiment
from isotropy.experiments.frame_averaging._separation import learning_job, separation_job

FRAME_AVERAGING: Experiment[Config, FrameAveraging] = Experiment(
    name="frame-averaging",
    paper="Puny, Atzmon, Ben-Hamu, Misra, Grover, Smith, Lipman: Frame Averaging for Invariant and Equivariant Network "
    "Design, ICLR 2022",
    published=PUBLISHED,
    small=SMALL,
    full=FULL,
    run=run_experiment,
    claims=CLAIMS,
)

__all__ = [
    "CLAIMS",
    "FRAME_AVERAGING",
    "FULL",
    "PUBLISHED",
    "SMALL",
    "Config",
    "FrameAveraging",
    "GraphsPlan",
    "NormalsPlan",
    "ParticlesPlan",
    "Score",
    "Training",
    "clouds_job",
    "learners",
    "learning_job",
    "normals_job",
    "particle_networks",
    "particles_job",
    "point_networks",
    "run_experiment",
    "separation_job",
]
