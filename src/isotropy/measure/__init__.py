"""How symmetric is it? Errors of functions, and breaking of data, with intervals.

Of a function: ``equivariance_error`` (sampled), ``lie_error`` (infinitesimal), ``layer_errors`` (where it enters),
``lie_gram`` (directions that nobody listed), ``projection_error`` (of a weight). Of data: ``breaking_terms`` and
``combine`` (the share of the signal that breaks a symmetry), ``randomisation_test``, and what the inputs alone can
tell: ``input_invariance_test`` and ``overlap``. Of the table before anything is fitted: ``dependence`` of its rows,
``outliers``, and ``noise_of`` its targets.
"""

from isotropy.measure._blame import Blame as Blame
from isotropy.measure._breaking import Breaking as Breaking
from isotropy.measure._breaking import BreakingTerms as BreakingTerms
from isotropy.measure._breaking import breaking_terms as breaking_terms
from isotropy.measure._breaking import combine as combine
from isotropy.measure._dependence import Dependence as Dependence
from isotropy.measure._dependence import dependence as dependence
from isotropy.measure._dependence import in_order as in_order
from isotropy.measure._error import equivariance_defects as equivariance_defects
from isotropy.measure._error import equivariance_error as equivariance_error
from isotropy.measure._gram import Gram as Gram
from isotropy.measure._gram import lie_gram as lie_gram
from isotropy.measure._images import ImageErrors as ImageErrors
from isotropy.measure._images import image_errors as image_errors
from isotropy.measure._images import interpolation_floor as interpolation_floor
from isotropy.measure._inputs import InputTest as InputTest
from isotropy.measure._inputs import input_invariance_test as input_invariance_test
from isotropy.measure._inputs import inputs_seen as inputs_seen
from isotropy.measure._inputs import overlap as overlap
from isotropy.measure._invariant_columns import invariant_columns as invariant_columns
from isotropy.measure._kernel_test import kernel_test as kernel_test
from isotropy.measure._layers import Layer as Layer
from isotropy.measure._layers import LayerErrors as LayerErrors
from isotropy.measure._layers import layer_errors as layer_errors
from isotropy.measure._lie import LieError as LieError
from isotropy.measure._lie import lie_derivative as lie_derivative
from isotropy.measure._lie import lie_error as lie_error
from isotropy.measure._noise import GivenNoise as GivenNoise
from isotropy.measure._noise import Noise as Noise
from isotropy.measure._noise import NoisePart as NoisePart
from isotropy.measure._noise import given_noise as given_noise
from isotropy.measure._noise import neighbour_noise as neighbour_noise
from isotropy.measure._noise import noise_of as noise_of
from isotropy.measure._noise import parse_noise as parse_noise
from isotropy.measure._noise import repeated_noise as repeated_noise
from isotropy.measure._outliers import Outlier as Outlier
from isotropy.measure._outliers import outliers as outliers
from isotropy.measure._places import places as places
from isotropy.measure._projection import projection_error as projection_error
from isotropy.measure._sample import Sample as Sample
from isotropy.measure._significance import holm as holm
from isotropy.measure._significance import randomisation_test as randomisation_test
