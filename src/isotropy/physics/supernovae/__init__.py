"""Supernovae: samples, a batched likelihood whose offset is a symmetry, fits, posteriors, evidence, comparisons."""

from isotropy.physics.supernovae._bins import h0_in_bins as h0_in_bins
from isotropy.physics.supernovae._bins import marginal_by_integral as marginal_by_integral
from isotropy.physics.supernovae._bins import offset_frame as offset_frame
from isotropy.physics.supernovae._chain import Chain as Chain
from isotropy.physics.supernovae._chain import split_rhat as split_rhat
from isotropy.physics.supernovae._compare import SCALE as SCALE
from isotropy.physics.supernovae._compare import Compared as Compared
from isotropy.physics.supernovae._compare import ModelComparison as ModelComparison
from isotropy.physics.supernovae._compare import compare_models as compare_models
from isotropy.physics.supernovae._compare import compared as compared
from isotropy.physics.supernovae._compare import comparison_table as comparison_table
from isotropy.physics.supernovae._compare import strength as strength
from isotropy.physics.supernovae._evidence import Evidence as Evidence
from isotropy.physics.supernovae._fit import Fit as Fit
from isotropy.physics.supernovae._fit import Mode as Mode
from isotropy.physics.supernovae._fit import Profile as Profile
from isotropy.physics.supernovae._likelihood import Fixed as Fixed
from isotropy.physics.supernovae._likelihood import Gaussian as Gaussian
from isotropy.physics.supernovae._likelihood import SNLikelihood as SNLikelihood
from isotropy.physics.supernovae._reading import load_covmat as load_covmat
from isotropy.physics.supernovae._reading import load_des5yr as load_des5yr
from isotropy.physics.supernovae._reading import load_lcparam as load_lcparam
from isotropy.physics.supernovae._reading import load_pantheon_plus as load_pantheon_plus
from isotropy.physics.supernovae._reading import load_sample as load_sample
from isotropy.physics.supernovae._sample import SampleWarning as SampleWarning
from isotropy.physics.supernovae._sample import SNSample as SNSample
