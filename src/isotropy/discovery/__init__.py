"""The main job: which candidate symmetries hold in the data, how far, and what imposing each would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isotropy.discovery._adapted import adapted as adapted
from isotropy.discovery._audit import audit as audit
from isotropy.discovery._audit_result import Audit as Audit
from isotropy.discovery._audit_result import GroupAudit as GroupAudit
from isotropy.discovery._by_parts import Certified as Certified
from isotropy.discovery._by_parts import PartError as PartError
from isotropy.discovery._by_parts import PiecewiseAudit as PiecewiseAudit
from isotropy.discovery._calculator import CalculatorAudit as CalculatorAudit
from isotropy.discovery._calculator import Check as Check
from isotropy.discovery._calculator import audit_calculator as audit_calculator
from isotropy.discovery._conserved import Conserved as Conserved
from isotropy.discovery._discover import discover as discover
from isotropy.discovery._discover_graphs import discover_graphs as discover_graphs
from isotropy.discovery._factors import FactorFinding as FactorFinding
from isotropy.discovery._findings import Continuous as Continuous
from isotropy.discovery._findings import GroupFinding as GroupFinding
from isotropy.discovery._graph_result import GraphDiscovery as GraphDiscovery
from isotropy.discovery._graph_result import GraphFinding as GraphFinding
from isotropy.discovery._memory import MemoryLook as MemoryLook
from isotropy.discovery._memory import memory_look as memory_look
from isotropy.discovery._model_file import is_calculator as is_calculator
from isotropy.discovery._model_file import load_model as load_model
from isotropy.discovery._moving_parts import MovingParts as MovingParts
from isotropy.discovery._moving_parts import Part as Part
from isotropy.discovery._moving_parts import moving_parts as moving_parts
from isotropy.discovery._parts_asked import audit_parts as audit_parts
from isotropy.discovery._picture_findings import PictureFinding as PictureFinding
from isotropy.discovery._picture_result import PictureDiscovery as PictureDiscovery
from isotropy.discovery._result import Discovery as Discovery
from isotropy.study import Candidate as Candidate

if TYPE_CHECKING:
    from isotropy.discovery._estimator import SymmetricRegressor as SymmetricRegressor


def __getattr__(name: str) -> object:
    # scikit-learn is a second of imports, for those alone who ask for its interface.
    if name != "SymmetricRegressor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from isotropy.discovery._estimator import SymmetricRegressor

    return SymmetricRegressor
