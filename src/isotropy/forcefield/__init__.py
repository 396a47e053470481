"""From a file of energies and forces to a force field: trained, looked at, moved."""

from isotropy.forcefield._dynamics import Motion as Motion
from isotropy.forcefield._dynamics import moving as moving
from isotropy.forcefield._frames import Frames as Frames
from isotropy.forcefield._frames import Keys as Keys
from isotropy.forcefield._frames import fitted_references as fitted_references
from isotropy.forcefield._frames import prepared as prepared
from isotropy.forcefield._look import Look as Look
from isotropy.forcefield._look import look as look
from isotropy.forcefield._recipe import Recipe as Recipe
from isotropy.forcefield._result import ForceFieldReport as ForceFieldReport
from isotropy.forcefield._result import SetErrors as SetErrors
from isotropy.forcefield._verbs import evaluate_force_field as evaluate_force_field
from isotropy.forcefield._verbs import run_dynamics as run_dynamics
from isotropy.forcefield._verbs import train_force_field as train_force_field
