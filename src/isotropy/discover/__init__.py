"""The main job: which candidate symmetries hold in the data, how far, and what imposing each would cost."""

from isotropy.discover._candidates import Candidate as Candidate
from isotropy.discover._discover import discover as discover
from isotropy.discover._findings import GroupFinding as GroupFinding
from isotropy.discover._result import Continuous as Continuous
from isotropy.discover._result import Discovery as Discovery
