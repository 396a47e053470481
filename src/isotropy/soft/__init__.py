"""Approximately equivariant layers, penalties that measure how far they are, and constraints that weigh them."""

from __future__ import annotations

from isotropy.soft._constraint import Constraint
from isotropy.soft._rule import Rule, RuleState, Sight, StepInfo
from isotropy.soft._rules import Ascent, Fixed, Ratio

__all__ = ["Ascent", "Constraint", "Fixed", "Ratio", "Rule", "RuleState", "Sight", "StepInfo"]
