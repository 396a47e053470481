"""Approximately equivariant layers, penalties that measure how far they are, and constraints that weigh them."""

from isotropy.soft._constraint import Constraint as Constraint
from isotropy.soft._functional import LiePenalty as LiePenalty
from isotropy.soft._functional import SamplePenalty as SamplePenalty
from isotropy.soft._layers import SoftEMLP as SoftEMLP
from isotropy.soft._layers import SoftLinear as SoftLinear
from isotropy.soft._layers import SoftMLP as SoftMLP
from isotropy.soft._layers import hidden_rep as hidden_rep
from isotropy.soft._projection import GateLeakPenalty as GateLeakPenalty
from isotropy.soft._projection import ProjectionPenalty as ProjectionPenalty
from isotropy.soft._projection import ResidualPathwayPenalty as ResidualPathwayPenalty
from isotropy.soft._projection import attach as attach
from isotropy.soft._rules import Ascent as Ascent
from isotropy.soft._rules import Fixed as Fixed
from isotropy.soft._rules import Ratio as Ratio
from isotropy.soft._rules import Rule as Rule
from isotropy.soft._rules import RuleState as RuleState
from isotropy.soft._rules import RuleView as RuleView
from isotropy.soft._rules import StepInfo as StepInfo
from isotropy.soft._strengths import Bilevel as Bilevel
from isotropy.soft._strengths import Evidence as Evidence
