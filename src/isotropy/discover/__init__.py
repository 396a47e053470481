"""The main job: which candidate symmetries hold in the data, how far, and what imposing each would cost."""

from isotropy.discover._audit import Audit as Audit
from isotropy.discover._audit import GroupAudit as GroupAudit
from isotropy.discover._audit import audit as audit
from isotropy.discover._candidates import Candidate as Candidate
from isotropy.discover._discover import discover as discover
from isotropy.discover._estimator import SymmetricRegressor as SymmetricRegressor
from isotropy.discover._findings import GroupFinding as GroupFinding
from isotropy.discover._model_file import load_model as load_model
from isotropy.discover._result import Continuous as Continuous
from isotropy.discover._result import Discovery as Discovery
