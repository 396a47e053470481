"""Gaunt tensor products (Luo, Chen, Krishnapriyan, ICLR 2024): speed, molecules, charged particles, mirror images."""

from __future__ import annotations

from isotropy.experiments._experiment import Experiment
from isotropy.experiments.gaunt._chirality import chirality_job
from isotropy.experiments.gaunt._claims import claims_of
from isotropy.experiments.gaunt._config import FULL, SMALL, Config, ForceField, force_fields
from isotropy.experiments.gaunt._efficiency import efficiency_job
from isotropy.experiments.gaunt._forcefield import forcefield_job
from isotropy.experiments.gaunt._nbody import nbody_job
from isotropy.experiments.gaunt._plans import ChiralityPlan, EfficiencyPlan, ForceFieldPlan, NBodyPlan
from isotropy.experiments.gaunt._published import PUBLISHED
from isotropy.experiments.gaunt._records import PARTS
from isotropy.experiments.gaunt._result import GauntProducts
from isotropy.experiments.gaunt._run import run_experiment
from isotropy.experiments.gaunt._steps import forcefield_step_job, nbody_step_job

GAUNT: Experiment[Config, GauntProducts] = Experiment(
    name="gaunt",
    paper="Luo, Chen, Krishnapriyan: Enabling Efficient Equivariant Operations in the Fourier Basis via Gaunt Tensor "
    "Products, ICLR 2024",
    published=PUBLISHED,
    small=SMALL,
    full=FULL,
    run=run_experiment,
    claims=tuple(claims_of(SMALL)),
)

__all__ = [
    "FULL",
    "GAUNT",
    "PARTS",
    "PUBLISHED",
    "SMALL",
    "ChiralityPlan",
    "Config",
    "EfficiencyPlan",
    "ForceField",
    "ForceFieldPlan",
    "GauntProducts",
    "NBodyPlan",
    "chirality_job",
    "claims_of",
    "efficiency_job",
    "force_fields",
    "forcefield_job",
    "forcefield_step_job",
    "nbody_job",
    "nbody_step_job",
    "run_experiment",
]
