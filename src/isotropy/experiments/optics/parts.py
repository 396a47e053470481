"""Networks of the experiment and how its operations are counted, for benchmarks."""

from isotropy.experiments.optics._unequal import Block as Block
from isotropy.experiments.optics._unequal import counted_flops as counted_flops
from isotropy.experiments.optics._unequal import in_flops as in_flops
from isotropy.experiments.optics._unequal import network as network
