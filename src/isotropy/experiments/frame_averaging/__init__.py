"""Frame averaging (Puny et al., ICLR 2022): normals of CAD parts, graphs told apart, charged particles."""

from isotropy.experiments.frame_averaging._claims import CLAIMS
from isotropy.experiments.frame_averaging._config import FULL, SMALL
from isotropy.experiments.frame_averaging._config import Config as Config
from isotropy.experiments.frame_averaging._config import FramesPlan as FramesPlan
from isotropy.experiments.frame_averaging._config import GraphsPlan as GraphsPlan
from isotropy.experiments.frame_averaging._config import NetworkPlan as NetworkPlan
from isotropy.experiments.frame_averaging._config import NormalsPlan as NormalsPlan
from isotropy.experiments.frame_averaging._config import learners as learners
from isotropy.experiments.frame_averaging._config import particle_networks as particle_networks
from isotropy.experiments.frame_averaging._config import point_networks as point_networks
from isotropy.experiments.frame_averaging._result import FrameAveraging as FrameAveraging
from isotropy.experiments.frame_averaging._trials import trials
from isotropy.study import Experiment

PAPER = (
    "Puny, Atzmon, Ben-Hamu, Misra, Grover, Smith, Lipman: Frame Averaging for Invariant and Equivariant Network "
    "Design, ICLR 2022"
)
FRAME_AVERAGING = Experiment("frame-averaging", PAPER, FrameAveraging, SMALL, FULL, trials, CLAIMS)
