"""Recorded motions: the Lagrangian behind them, the quantity that belongs to each symmetry, and how far it drifts."""

from isotropy.dynamics._divergence import divergence_defect as divergence_defect
from isotropy.dynamics._drift import Drift as Drift
from isotropy.dynamics._lagrangian import Lagrangian as Lagrangian
from isotropy.dynamics._lagrangian import accelerations as accelerations
from isotropy.dynamics._lagrangian import energy as energy
from isotropy.dynamics._lagrangian import euler as euler
from isotropy.dynamics._laws import Given as Given
from isotropy.dynamics._laws import Judged as Judged
from isotropy.dynamics._laws import Law as Law
from isotropy.dynamics._laws import Laws as Laws
from isotropy.dynamics._laws import check_motions as check_motions
from isotropy.dynamics._laws import laws_of as laws_of
from isotropy.dynamics._mechanical import Fit as Fit
from isotropy.dynamics._mechanical import Mechanical as Mechanical
from isotropy.dynamics._mechanical import fit_mechanical as fit_mechanical
from isotropy.dynamics._moments import trajectories_of as trajectories_of
from isotropy.dynamics._network import LagrangianNetwork as LagrangianNetwork
from isotropy.dynamics._network import Learned as Learned
from isotropy.dynamics._network import fit_network as fit_network
from isotropy.dynamics._noether import LearnedNoether as LearnedNoether
from isotropy.dynamics._noether import PointGenerator as PointGenerator
from isotropy.dynamics._noether import Quantity as Quantity
from isotropy.dynamics._trajectories import Trajectories as Trajectories
