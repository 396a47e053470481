"""How far a quantity wanders along trajectories, and how far it may, given what was measured."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.dynamics._trajectories import Trajectories
from isotropy.errors import DomainError, ShapeError
from isotropy.estimate import Estimate

_SURE = 4.0  # standard deviations of the noise of a single moment that the bound allows at either end
_NORMAL = 1.96
_SAME = 1e-12  # a spread of J below this share of its size is rounding


@dataclass(frozen=True, eq=False)
class Drift(Estimate):
    """The mean over trajectories of the largest |J(t) - J(0)|, in standard deviations of J over trajectories.

    ``each (n,)`` are those of the trajectories, ``bound (n,)`` what they may at most be: the integral of |dJ/dt|, as
    symmetry and equations of motion leave it, in the same unit; ``unit`` is that unit.
    """

    each: Float[Tensor, " n"] = field(kw_only=True, repr=False)
    bound: Float[Tensor, " n"] = field(kw_only=True, repr=False)
    unit: float = field(kw_only=True)


def drift_of(
    moments: Trajectories,
    J: Float[Tensor, " N"],
    rate: Float[Tensor, " N"],
    jitter: Float[Tensor, " N"],
) -> Drift:
    """The drift of the values ``J`` of moments, of which ``rate`` is dJ/dt and ``jitter`` the deviation by noise.

    The bound is the trapezoid rule on |dJ/dt|, what the rule may leave (a third of the second difference of dJ/dt: four
    times the leading term of its error), and four standard deviations of the noise at both ends.
    """
    if moments.count < 2:
        raise ShapeError("one trajectory", "two or more: J is measured by its spread over them")
    unit = spread(moments, J)
    each = moments.moved(J) / unit
    k = moments.steps
    h = moments.t[k + 1] - moments.t[k]
    area = h * (rate[k].abs() + rate[k + 1].abs()) / 2 + h * _left(moments, rate)[k] / 3
    integral = area.new_zeros(moments.count).index_add(0, moments.tracks.label[k], area)
    noise = _SURE * (moments.tracks.max(jitter) + jitter[moments.first])
    mean, error = float(each.mean()), _NORMAL * float(each.std()) / moments.count**0.5
    rounding = 1e-13 * float(J.abs().max()) / unit
    return Drift(
        mean, max(mean - error, 0.0), mean + error, n=moments.count, max=float(each.max()),
        each=each, bound=(integral + noise) / unit + rounding, unit=unit,
    )  # fmt: skip


def spread(moments: Trajectories, J: Float[Tensor, " N"]) -> float:
    """The standard deviation over tracks of the mean of J on each; raises DomainError where there is none."""
    found = float(moments.tracks.mean(J).std())
    if not found > _SAME * float(J.abs().max()):
        raise DomainError(
            "a quantity that is the same on every trajectory", "trajectories that differ in it", "it says nothing here"
        )
    return found


def _left(moments: Trajectories, rate: Tensor) -> Float[Tensor, " N"]:
    """For each moment, the largest second difference of the rate about it, so that each step knows both its ends."""
    label, t = moments.tracks.label, moments.t
    second = torch.zeros_like(rate)
    inner = ((label[2:] == label[:-2]).nonzero()[:, 0]) + 1
    if len(inner):
        left, right = t[inner] - t[inner - 1], t[inner + 1] - t[inner]
        bend = (rate[inner + 1] - rate[inner]) / right - (rate[inner] - rate[inner - 1]) / left
        second[inner] = (bend / (left + right) * 2 * torch.maximum(left, right).square()).abs()
    wide = torch.maximum(second, torch.cat([second[1:], second.new_zeros(1)]))
    return torch.maximum(wide, torch.cat([wide.new_zeros(1), wide[:-1]]))
