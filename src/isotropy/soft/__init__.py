"""Approximately equivariant layers, penalties that measure how far they are, and constraints that weigh them."""

from __future__ import annotations

from isotropy.soft._bilevel import Bilevel, squared_error
from isotropy.soft._complement import Complement, Layer
from isotropy.soft._constraint import Constraint
from isotropy.soft._evidence import Evidence
from isotropy.soft._functional import LiePenalty, SamplePenalty
from isotropy.soft._linear import SoftLinear
from isotropy.soft._networks import SoftBlock, SoftEMLP, SoftMLP, hidden_rep
from isotropy.soft._pathway import GateLeakPenalty, ResidualPathwayPenalty
from isotropy.soft._projection import ProjectionPenalty, attach, soft_layers
from isotropy.soft._rule import Rule, RuleState, Sight, StepInfo
from isotropy.soft._rules import Ascent, Fixed, Ratio, ratio_update

__all__ = [
    "Ascent",
    "Bilevel",
    "Complement",
    "Constraint",
    "Evidence",
    "Fixed",
    "GateLeakPenalty",
    "Layer",
    "LiePenalty",
    "ProjectionPenalty",
    "Ratio",
    "ResidualPathwayPenalty",
    "Rule",
    "RuleState",
    "SamplePenalty",
    "Sight",
    "SoftBlock",
    "SoftEMLP",
    "SoftLinear",
    "SoftMLP",
    "StepInfo",
    "attach",
    "hidden_rep",
    "ratio_update",
    "soft_layers",
    "squared_error",
]
