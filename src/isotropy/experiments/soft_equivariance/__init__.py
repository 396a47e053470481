"""Soft equivariance under mixed symmetries (Kim et al., ICML 2023): exact, free and softly penalised networks."""

from __future__ import annotations

from isotropy.experiments._experiment import Experiment
from isotropy.experiments.soft_equivariance._claims import CLAIMS, ordered
from isotropy.experiments.soft_equivariance._config import (
    FULL,
    SMALL,
    Config,
    Plan,
    Question,
    Setting,
    inertia_settings,
    questions,
)
from isotropy.experiments.soft_equivariance._discovery import discover_job
from isotropy.experiments.soft_equivariance._methods import Method, methods, oracles
from isotropy.experiments.soft_equivariance._published import PUBLISHED
from isotropy.experiments.soft_equivariance._records import Level, Score, Strengths
from isotropy.experiments.soft_equivariance._result import SoftEquivariance
from isotropy.experiments.soft_equivariance._run import run_experiment
from isotropy.experiments.soft_equivariance._training import train_job

SOFT_EQUIVARIANCE: Experiment[Config, SoftEquivariance] = Experiment(
    name="soft-equivariance",
    paper="Kim, Lee, Yang, Lee: Regularizing Towards Soft Equivariance Under Mixed Symmetries, ICML 2023",
    published=PUBLISHED,
    small=SMALL,
    full=FULL,
    run=run_experiment,
    claims=CLAIMS,
)

__all__ = [
    "CLAIMS",
    "FULL",
    "PUBLISHED",
    "SMALL",
    "SOFT_EQUIVARIANCE",
    "Config",
    "Level",
    "Method",
    "Plan",
    "Question",
    "Score",
    "Setting",
    "SoftEquivariance",
    "Strengths",
    "discover_job",
    "inertia_settings",
    "methods",
    "oracles",
    "ordered",
    "questions",
    "run_experiment",
    "train_job",
]
