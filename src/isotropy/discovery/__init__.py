"""The main job: which candidate symmetries hold in the data, how far, and what imposing each would cost."""

from isotropy.discovery._audit import Audit as Audit
from isotropy.discovery._audit import GroupAudit as GroupAudit
from isotropy.discovery._audit import audit as audit
from isotropy.discovery._discover import discover as discover
from isotropy.discovery._estimator import SymmetricRegressor as SymmetricRegressor
from isotropy.discovery._findings import GroupFinding as GroupFinding
from isotropy.discovery._model_file import load_model as load_model
from isotropy.discovery._result import Continuous as Continuous
from isotropy.discovery._result import Discovery as Discovery
from isotropy.study import Candidate as Candidate
