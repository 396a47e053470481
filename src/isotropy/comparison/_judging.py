"""How sure a difference is: held-out losses of methods on the same rows, units and folds, compared row by row."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import ShapeError
from isotropy.estimate import Estimate
from isotropy.measure import holm

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Spread:
    """The standard error of a mean over held-out rows, and its degrees of freedom."""

    standard_error: float
    degrees: float


@dataclass(frozen=True)
class Against:
    """One method against another: the relative difference of their errors, and two-sided p-values of no difference."""

    excess: float
    p_value: float
    p_adjusted: float


def spread_of(values: Float[Tensor, " n"], fold: Int[Tensor, " n"], unit: Int[Tensor, " n"]) -> Spread:
    """How far the mean of values, judged once each by the model of their fold, may be from that of another sample.

    Two things vary. Rows do, clustered by unit: the sum over units of squared deviations from their fold's mean. Models
    do: what the means of the K folds vary more than their rows explain is the variance of a fit, and enters with
    1/K + 1/(K - 1), because training sets overlap (the correction of Nadeau and Bengio, Machine Learning 52, 2003, with
    test to training rows as 1 to K - 1). Degrees of freedom follow Satterthwaite. Raises ShapeError for fewer than two
    folds.

    >>> fold = torch.tensor([0, 0, 1, 1])
    >>> round(spread_of(torch.tensor([1.0, 3.0, 1.0, 3.0]), fold, torch.arange(4)).standard_error, 12)
    0.707106781187
    """
    K, n = int(fold.max()) + 1, len(values)
    if K < 2:
        raise ShapeError(f"{K} fold", "at least two")
    values = values.double()
    largest = float(values.abs().max()) or 1.0
    values = values / largest  # whose fourth powers are then finite
    size = torch.bincount(fold, minlength=K).to(values)
    mean = torch.zeros(K, dtype=values.dtype).index_add_(0, fold, values) / size
    units = int(unit.max()) + 1
    sums = torch.zeros(units, dtype=values.dtype).index_add_(0, unit, values - mean[fold])
    home = torch.zeros(units, dtype=torch.int64).index_put_((unit,), fold)
    present = torch.bincount(unit, minlength=units) > 0
    count = torch.bincount(home[present], minlength=K).to(values)
    correction = count / (count - 1).clamp_min(1)
    scatter = torch.zeros(K, dtype=values.dtype).index_add_(0, home[present], sums[present].square()) * correction
    rows = float(scatter.sum()) / n**2
    fits = max(float(mean.var()) - float((scatter / size.square()).mean()), 0.0) * (1 / K + 1 / (K - 1))
    total = rows + fits
    if total == 0:
        return Spread(0.0, float(n - K))
    left = max(float(count.sum()) - K, 1.0)
    return Spread(largest * math.sqrt(total), max(total**2 / (rows**2 / left + fits**2 / (K - 1)), 1.0))


def error_of(
    loss: Float[Tensor, " n"], fold: Int[Tensor, " n"], unit: Int[Tensor, " n"], *, squared: bool = True
) -> Estimate:
    """The root mean squared error from squared errors of rows (else their mean loss), with a 95 % interval.

    It is symmetric in the logarithm of the error.

    >>> rows = torch.arange(100)
    >>> print(error_of(torch.tensor([1.0, 4.0]).repeat(50), rows // 50, rows))
    1.58 [1.49, 1.68]
    """
    mean, spread = float(loss.double().mean()), spread_of(loss, fold, unit)
    error, units = error_from(mean, squared), len(torch.unique(unit))
    if mean == 0:
        return Estimate(0.0, 0.0, 0.0, units, CONFIDENCE)
    t = float(scipy.special.stdtrit(spread.degrees, 0.5 + CONFIDENCE / 2))
    # A wide interval of a few rows stays one of positive numbers.
    reach = math.exp(min(t * spread.standard_error / ((1 + squared) * mean), 50.0))
    return Estimate(error, error / reach, error * reach, units, CONFIDENCE)


def accuracy_of(right: Float[Tensor, " n"], fold: Int[Tensor, " n"], unit: Int[Tensor, " n"]) -> Estimate:
    """The share of rows whose class is right, with a 95 % interval within [0, 1].

    >>> rows = torch.arange(100)
    >>> print(accuracy_of(torch.tensor([1.0, 1.0, 1.0, 0.0]).repeat(25), rows // 50, rows))
    0.75 [0.663, 0.837]
    """
    share, spread = float(right.mean()), spread_of(right, fold, unit)
    reach = float(scipy.special.stdtrit(spread.degrees, 0.5 + CONFIDENCE / 2)) * spread.standard_error
    return Estimate(share, max(share - reach, 0.0), min(share + reach, 1.0), len(torch.unique(unit)), CONFIDENCE)


def error_from(mean: float, squared: bool) -> float:
    """The error that a mean loss tells: its root, where it is of squared errors."""
    return math.sqrt(mean) if squared else mean


def against(
    losses: Mapping[str, Float[Tensor, " n"]], reference: str, fold: Int[Tensor, " n"], unit: Int[Tensor, " n"],
    *, squared: bool = True,
) -> dict[str, Against]:  # fmt: skip
    """Every other method against ``reference``, on the same rows; p-values corrected by Holm for their number."""
    base = losses[reference].double()
    error = error_from(float(base.mean()), squared)
    others = [name for name in losses if name != reference]
    p_values = [_p_value(losses[name].double() - base, fold, unit) for name in others]
    return {
        name: Against(_excess(error_from(float(losses[name].mean()), squared), error), p, adjusted)
        for name, p, adjusted in zip(others, p_values, holm(p_values), strict=True)
    }


def _p_value(difference: Float[Tensor, " n"], fold: Int[Tensor, " n"], unit: Int[Tensor, " n"]) -> float:
    mean, spread = float(difference.mean()), spread_of(difference, fold, unit)
    if spread.standard_error == 0:
        return float(mean == 0)
    return 2 * float(scipy.special.stdtr(spread.degrees, -abs(mean) / spread.standard_error))


def _excess(error: float, reference: float) -> float:
    if reference == 0:
        return 0.0 if error == 0 else math.inf
    return error / reference - 1
