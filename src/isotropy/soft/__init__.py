"""Approximately equivariant layers, penalties that measure how far they are, and constraints that weigh them."""

from __future__ import annotations

from isotropy.soft._bilevel import Bilevel
from isotropy.soft._constraint import Constraint
from isotropy.soft._evidence import Evidence
from isotropy.soft._functional import LiePenalty, SamplePenalty
from isotropy.soft._linear import SoftLinear
from isotropy.soft._networks import SoftEMLP, SoftMLP, hidden_rep
from isotropy.soft._pathway import GateLeakPenalty, ResidualPathwayPenalty
from isotropy.soft._projection import ProjectionPenalty, attach
from isotropy.soft._rule import Rule, RuleState, RuleView, StepInfo
from isotropy.soft._rules import Ascent, Fixed, Ratio

__all__ = [
    "Ascent",
    "Bilevel",
    "Constraint",
    "Evidence",
    "Fixed",
    "GateLeakPenalty",
    "LiePenalty",
    "ProjectionPenalty",
    "Ratio",
    "ResidualPathwayPenalty",
    "Rule",
    "RuleState",
    "RuleView",
    "SamplePenalty",
    "SoftEMLP",
    "SoftLinear",
    "SoftMLP",
    "StepInfo",
    "attach",
    "hidden_rep",
]
