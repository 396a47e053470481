"""How much of the targets is noise: told by the user, by rows measured again, or bounded by near neighbours.

The noise energy of a part of the targets is E|y - E[y|x]|^2, summed over its columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.estimate import Estimate
from isotropy.measure._neighbours import local_residuals, matchings
from isotropy.measure._places import places

GivenNoise = float | Mapping[str, float] | Any
"""A standard deviation for all columns, one for each named part, or an array like y."""

_ROWS = 2000  # rows whose neighbours are sought; more would only narrow an interval that is narrow already
_ONE_SIDED = 0.95
_MATCHINGS = 3
_RESOLUTION = 0.02  # of the spread: neighbours within this distance can tell noise from a function
_COVERED = 0.5  # share of the rows that must have such neighbours
_FEWEST_REPEATS = 8  # degrees of freedom of repeated rows, of which an interval can be made


@dataclass(frozen=True)
class NoisePart:
    """The noise energy of one part of the targets, with one-sided 95 % ends, and how it is known.

    ``source`` is "given", "repeated rows" or "near neighbours". ``low`` 0 says that all might be structure.
    """

    name: str
    energy: Estimate
    source: str


@dataclass(frozen=True)
class Noise:
    """What is known about the noise of each part of the targets; ``sentence`` states the assumption behind it."""

    parts: tuple[NoisePart, ...]
    sentence: str


def noise_of(
    x: Float[Tensor, "n p"],
    y: Float[Tensor, "n q"],
    parts: Mapping[str, slice],
    given: GivenNoise | None = None,
    *,
    unit: Int[Tensor, " n"] | None = None,
) -> Noise:
    """The noise energy of each part (``parts`` names columns of y), from the best source there is.

    In this order: ``given``; rows that measure a place again (pure error); near neighbours. Half the mean squared
    difference of neighbours is an upper end always: a function that varies between them only adds to it. A lower end
    above 0 takes neighbours within 2 % of the spread of the inputs, in practice one or two dimensions, and the
    assumption that the function has no structure finer than that; no data can tell such structure from noise.

    Raises what ``given_noise`` raises.

    >>> x = torch.linspace(0, 1, 400, dtype=torch.float64)[:, None]
    >>> y = x.sin() + 0.1 * torch.randn(400, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> 0.008 < noise_of(x, y, {"y": slice(0, 1)}).parts[0].energy.low < 0.01
    True
    """
    known = {} if given is None else given_noise(given, y, parts)
    place = places(x)
    found: list[NoisePart] = []
    for name, where in parts.items():
        part = y[:, where]
        if name in known:
            found.append(NoisePart(name, Estimate(known[name], known[name], known[name], len(y), 0.90), "given"))
            continue
        again = repeated_noise(part, place)
        if again is not None:
            if unit is not None and not _across(place, unit):
                # Readings within one unit share what is common to it: they bound the noise from below only.
                high = max(again.high, neighbour_noise(x, part, unit=unit).high)
                again = Estimate(again.mean, again.low, high, again.n, again.confidence)
            found.append(NoisePart(name, again, "repeated rows"))
        else:
            found.append(NoisePart(name, neighbour_noise(x, part, unit=unit), "near neighbours"))
    return Noise(tuple(found), _sentence(found))


def _across(place: Tensor, unit: Tensor) -> bool:
    """Whether some place is measured by several units."""
    pairs = torch.unique(torch.stack([place, unit], 1), dim=0)
    return len(pairs) > int(place.max()) + 1


def _sentence(parts: list[NoisePart]) -> str:
    sources = {part.source for part in parts}
    if "near neighbours" not in sources:
        return "The noise was given." if sources == {"given"} else "The noise is read off rows that repeat a place."
    if all(part.energy.low == 0 for part in parts if part.source == "near neighbours"):
        return (
            "Neighbouring rows bound the noise from above. They are too far apart to tell noise from fine structure: "
            "say noise=, or measure some places twice"
        )
    return (
        f"The noise is read off neighbouring rows, nearer than {_RESOLUTION:.0%} of the spread of the inputs. "
        "Structure finer than that would be taken for noise"
    )


def given_noise(given: GivenNoise, y: Float[Tensor, "n q"], parts: Mapping[str, slice]) -> dict[str, float]:
    """The noise energies that ``noise=`` says, of the parts that it names.

    ``given`` is a standard deviation (of each column), ``{part: standard deviation}``, or an array like y of them.
    Raises DomainError for negative or missing numbers and for noise that is larger than the targets vary, SchemaError
    for an unknown part, ShapeError for an array of another shape than y.

    >>> y = torch.randn(100, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> given_noise({"force": 0.5}, y, {"energy": slice(0, 1), "force": slice(1, 4)})
    {'force': 0.75}
    """
    n, q = y.shape
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in parts]
        if unknown:
            expected = f"one of {', '.join(map(repr, parts))}"
            raise SchemaError(f"noise of the part {unknown[0]!r}", expected, "parts are named in the types of y")
    if isinstance(given, Mapping | int | float):
        named = given if isinstance(given, Mapping) else dict.fromkeys(parts, given)
        each = {
            name: torch.full_like(y[:, parts[name]], _deviation(s), dtype=torch.float64) for name, s in named.items()
        }
    else:
        array = torch.as_tensor(np.asarray(given, dtype=np.float64))
        array = array[:, None] if array.ndim == 1 and q == 1 else array
        if array.shape != y.shape:
            hint = "or one number, or {part: standard deviation}"
            raise ShapeError(f"noise of shape {tuple(array.shape)}", f"{tuple(y.shape)}, like y", hint)
        _deviation(float(array.min()) if bool(array.isfinite().all()) else math.nan)
        each = {name: array[:, where] for name, where in parts.items()}
    energies = {name: float(s.double().square().sum(1).mean()) for name, s in each.items()}
    for name, energy in energies.items():
        values = y[:, parts[name]]
        varies = float((values - values.mean(0)).square().sum(1).mean())
        if energy > varies * (1 + 4 * math.sqrt(2 / n)):  # targets of nothing but noise vary by so much by chance
            raise DomainError(
                f"noise of {name or 'the targets'} with standard deviation {math.sqrt(energy / values.shape[1]):.3g}",
                f"less than the targets vary, {math.sqrt(varies / values.shape[1]):.3g}",
                "noise= is in the unit of the targets, a standard deviation, not a variance",
            )
    return energies


def _deviation(value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise DomainError(f"noise={value!r}", "a standard deviation, at least 0", "noise=0.02, in the unit of y")
    return float(value)


def parse_noise(text: str) -> float | dict[str, float]:
    """A standard deviation, or one for each named part, from text such as ``"0.02"`` or ``"force=0.02,energy=1e-3"``.

    Raises SchemaError for other text.

    >>> parse_noise("force=0.02, energy=1e-3"), parse_noise("0.5")
    ({'force': 0.02, 'energy': 0.001}, 0.5)
    """
    pairs = [piece.rpartition("=") for piece in text.split(",")]
    try:
        if len(pairs) == 1 and not pairs[0][1]:
            return float(text)
        found = {name.strip().strip("\"'"): float(value) for name, _, value in pairs}
    except ValueError:
        found = {}
    if len(found) != len(pairs) or not all(sign for _, sign, _ in pairs):
        hint = '"0.02", or "force=0.02,energy=1e-3", each part once'
        raise SchemaError(f"noise {text!r}", "a number, or name=number for parts of the target", hint)
    return found


def repeated_noise(y: Float[Tensor, "n q"], place: Int[Tensor, " n"]) -> Estimate | None:
    """Pure error: the spread of rows within places, None where too few rows repeat one.

    Rows equal in their targets too, all of them, are copies and say nothing. The interval is a chi-square with the
    degrees of freedom that the spread between places allows, so that unequal noise widens it.
    """
    count = torch.bincount(place).to(y.dtype)
    mean = torch.zeros(len(count), y.shape[1], dtype=y.dtype).index_add_(0, place, y) / count[:, None]
    squares = torch.zeros_like(count).index_add_(0, place, (y - mean[place]).square().sum(1))
    free = count - 1
    degrees, total = float(free.sum()), float(squares.sum())
    if degrees < _FEWEST_REPEATS or total == 0:
        return None
    energy = total / degrees
    m = int((free > 0).sum())
    between = float((squares - energy * free).square().sum()) * m / max(m - 1, 1) / degrees**2
    spread = max(between, 2 * energy**2 / degrees)
    return _chi_square(energy, spread, len(y))


def _chi_square(energy: float, variance: float, n: int) -> Estimate:
    """An interval for a mean of squares: a chi-square of the same mean and variance (Satterthwaite)."""
    if energy <= 0:
        return Estimate(0.0, 0.0, 0.0, n, 2 * _ONE_SIDED - 1)
    degrees = 2 * energy**2 / max(variance, 1e-300)
    # A mean no larger than its own error is hardly known; a chi-square of less than two degrees has no such quantiles.
    chi = max(degrees, 2.0)
    low, high = (float(energy * chi / scipy.stats.chi2.ppf(level, chi)) for level in (_ONE_SIDED, 1 - _ONE_SIDED))
    if degrees < 2:
        low, high = 0.0, max(high, energy + 3 * math.sqrt(variance))
    return Estimate(energy, low, high, n, 2 * _ONE_SIDED - 1)


def neighbour_noise(
    x: Float[Tensor, "n p"],
    values: Float[Tensor, "n q"],
    *,
    unit: Int[Tensor, " n"] | None = None,
    fold: Int[Tensor, " n"] | None = None,
) -> Estimate:
    """Bounds on the noise energy of ``values (n, q)``, targets or held-out residuals, from rows near each other.

    Rows are paired so that each occurs once: given x, pairs are independent, and half their squared difference has
    mean sigma^2 or more, in any number of dimensions, however unequal the noise. For residuals ``fold`` names the model
    that judged each row; only rows of one model are paired. The lower end (0 unless half of the rows have neighbours
    within 2 % of the spread) is that of residuals from a plane through the nearest rows, less a third of what they grow
    by at twice the distance (the idea of the nugget of a variogram, and of Evans and Jones' Gamma test, Proc. R. Soc. A
    458, 2002).
    """
    x_, v = x.numpy(), values.numpy()
    label = np.arange(len(v)) if unit is None else unit.numpy()
    group = np.zeros(len(v), int) if fold is None else fold.numpy()
    if len(v) > _ROWS:
        kept = np.sort(np.random.default_rng(0).choice(len(v), _ROWS, replace=False))
        x_, v, label, group = x_[kept], v[kept], label[kept], group[kept]
    pairs = matchings(x_, label, group, _MATCHINGS)
    half = ((v[pairs[:, 0]] - v[pairs[:, 1]]) ** 2).sum(1) / 2
    upper = _of_pairs(half, pairs, label)
    near = local_residuals(x_, v, label, group, _RESOLUTION)
    if near is None or near.covered < _COVERED:
        return Estimate(upper.mean, 0.0, upper.high, upper.n, upper.confidence)
    # Structure shows by growing with the distance; at least fourfold at twice the distance where it is resolved.
    grown = near.squares - (near.wider - near.squares) / 3
    low = min(near.covered * _of_rows(part, near.used, near.squares).low for part in (near.squares, grown))
    every = _of_rows(near.all_squares, near.all_used, near.all_squares)
    return Estimate(every.mean, min(low, every.mean), max(every.high, every.mean), upper.n, 0.90)


def _of_pairs(half: Float[np.ndarray, " e"], pairs: Int[np.ndarray, "e 2"], label: Int[np.ndarray, " n"]) -> Estimate:
    """The mean over pairs that may share rows, or units: dyadic-robust variance (Aronow et al., Polit. Anal. 2015)."""
    mean = float(half.mean())
    number = np.unique(label, return_inverse=True)[1]
    centred = half - mean
    sums = np.zeros(number.max() + 1)
    for end in (0, 1):
        np.add.at(sums, number[pairs[:, end]], centred)
    variance = float((sums**2).sum() - (centred**2).sum()) / len(half) ** 2
    return _chi_square(mean, max(variance, 2 * mean**2 / len(number)), len(number))


def _of_rows(values: Float[np.ndarray, " m"], used: Int[np.ndarray, "m k"], like: Float[np.ndarray, " m"]) -> Estimate:
    """The mean over rows that share neighbours, ``used``; never taken for surer than independent normal noise."""
    mean = float(values.mean())
    centred = values - mean
    m, k = used.shape
    shares = scipy.sparse.csr_matrix((np.ones(m * k), (np.repeat(np.arange(m), k), used.ravel())))
    both: Any = (shares @ shares.T).tocsr()
    both.data[:] = 1.0
    variance = float(centred @ (both @ centred)) / m**2
    return _chi_square(max(mean, 0.0), max(variance, 2 * float(like.mean()) ** 2 / m), m)
