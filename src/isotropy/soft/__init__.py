"""Approximately equivariant layers, penalties that measure how far they are, and constraints that weigh them."""

from isotropy.soft._bilevel import Bilevel as Bilevel
from isotropy.soft._constraint import Constraint as Constraint
from isotropy.soft._evidence import Evidence as Evidence
from isotropy.soft._functional import LiePenalty as LiePenalty
from isotropy.soft._functional import SamplePenalty as SamplePenalty
from isotropy.soft._linear import SoftLinear as SoftLinear
from isotropy.soft._networks import SoftEMLP as SoftEMLP
from isotropy.soft._networks import SoftMLP as SoftMLP
from isotropy.soft._networks import hidden_rep as hidden_rep
from isotropy.soft._pathway import GateLeakPenalty as GateLeakPenalty
from isotropy.soft._pathway import ResidualPathwayPenalty as ResidualPathwayPenalty
from isotropy.soft._projection import ProjectionPenalty as ProjectionPenalty
from isotropy.soft._projection import attach as attach
from isotropy.soft._rules import Ascent as Ascent
from isotropy.soft._rules import Fixed as Fixed
from isotropy.soft._rules import Ratio as Ratio
from isotropy.soft._rules import Rule as Rule
from isotropy.soft._rules import RuleState as RuleState
from isotropy.soft._rules import RuleView as RuleView
from isotropy.soft._rules import StepInfo as StepInfo
