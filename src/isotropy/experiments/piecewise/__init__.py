"""Approximately piecewise E(3) equivariant point networks (Atzmon et al., ICLR 2024), on people and rooms made here."""

from isotropy.experiments.piecewise._claims import claims_of
from isotropy.experiments.piecewise._config import FULL, SMALL
from isotropy.experiments.piecewise._config import CellsPlan as CellsPlan
from isotropy.experiments.piecewise._config import Config as Config
from isotropy.experiments.piecewise._config import PeoplePlan as PeoplePlan
from isotropy.experiments.piecewise._config import RoomsPlan as RoomsPlan
from isotropy.experiments.piecewise._config import SubjectsPlan as SubjectsPlan
from isotropy.experiments.piecewise._networks import OURS as OURS
from isotropy.experiments.piecewise._networks import losses as losses
from isotropy.experiments.piecewise._networks import network as network
from isotropy.experiments.piecewise._result import PiecewiseFrames as PiecewiseFrames
from isotropy.experiments.piecewise._trials import trials
from isotropy.study import Experiment

PAPER = "Atzmon, Huang, Williams, Litany: Approximately Piecewise E(3) Equivariant Point Networks, ICLR 2024"
PIECEWISE = Experiment("piecewise", PAPER, PiecewiseFrames, SMALL, FULL, trials, claims_of)
