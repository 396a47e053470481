"""Distances, ages and redshifts of expanding universes: batched over parameters, exact derivatives, float64."""

from isotropy.physics.cosmology._model import GYR as GYR
from isotropy.physics.cosmology._model import LIGHT as LIGHT
from isotropy.physics.cosmology._model import Cosmology as Cosmology
from isotropy.physics.cosmology._power import DilatonVSL as DilatonVSL
from isotropy.physics.cosmology._power import EinsteinDeSitter as EinsteinDeSitter
from isotropy.physics.cosmology._power import Milne as Milne
from isotropy.physics.cosmology._power import PowerLaw as PowerLaw
from isotropy.physics.cosmology._power import RhCt as RhCt
from isotropy.physics.cosmology._standard import FlatLambdaCDM as FlatLambdaCDM
from isotropy.physics.cosmology._standard import FlatwCDM as FlatwCDM
