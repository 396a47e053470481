"""BMS3, the symmetry of 2+1-dimensional flat space at null infinity: aspects, group, charges, orbits, matching."""

from isotropy.physics.bms3._aspects import Aspects as Aspects
from isotropy.physics.bms3._aspects import Charges as Charges
from isotropy.physics.bms3._aspects import Fingerprint as Fingerprint
from isotropy.physics.bms3._aspects import Invariants as Invariants
from isotropy.physics.bms3._aspects import PrecisionWarning as PrecisionWarning
from isotropy.physics.bms3._aspects import antipodal as antipodal
from isotropy.physics.bms3._aspects import match_past_future as match_past_future
from isotropy.physics.bms3._aspects import schwarzian as schwarzian
from isotropy.physics.bms3._aspects import vacuum_fingerprint as vacuum_fingerprint
from isotropy.physics.bms3._bulk import PHI as PHI
from isotropy.physics.bms3._bulk import R as R
from isotropy.physics.bms3._bulk import U as U
from isotropy.physics.bms3._bulk import aspects_variation as aspects_variation
from isotropy.physics.bms3._bulk import asymptotic_killing as asymptotic_killing
from isotropy.physics.bms3._bulk import charge_from_conformal_data as charge_from_conformal_data
from isotropy.physics.bms3._bulk import conformal_completion as conformal_completion
from isotropy.physics.bms3._bulk import general_solution as general_solution
from isotropy.physics.bms3._bulk import modified_bracket as modified_bracket
from isotropy.physics.bms3._bulk import parameter_bracket as parameter_bracket
from isotropy.physics.bms3._group import BMS3 as BMS3
from isotropy.physics.bms3._hill import monodromy as monodromy
from isotropy.physics.bms3._orbits import Orbit as Orbit
