"""What keeps models within a budget of memory, for rooms above."""

from isotropy.optics._budget import in_words as in_words
from isotropy.optics._budget import read_bytes as read_bytes
from isotropy.optics._classic import extra_forwards as extra_forwards
from isotropy.optics._front import chain_in as chain_in
from isotropy.optics._front import planner_of as planner_of
from isotropy.optics._in_memory import Planner as Planner
from isotropy.optics._measuring import untouched as untouched
from isotropy.optics._meter import StepMeter as StepMeter
from isotropy.optics._meter import pass_peak as pass_peak
from isotropy.optics._persistent import fill as fill
from isotropy.optics._run import recomputed as recomputed
