"""Which way to use a symmetry wins: plain, augmentation, soft, frames, invariant coordinates, exact layers."""

from isotropy.comparison._compare import compare as compare
from isotropy.comparison._methods import MethodFinding as MethodFinding
from isotropy.comparison._parts import compare_parts as compare_parts
from isotropy.comparison._recommendation import Contender as Contender
from isotropy.comparison._recommendation import choose as choose
from isotropy.comparison._recommendation import recommend as recommend
from isotropy.comparison._result import Comparison as Comparison
from isotropy.comparison._trainees import GatedNetwork as GatedNetwork
