"""How far a symmetry is broken in data: cross-fitted, so that a weak model does not read as broken symmetry.

f* = E[y|x] is the regression function, R f(x) = E_g rho_out(g)^-1 f(rho_in(g) x) its average over the group, and
a = f - R f. The breaking fraction is b = ||f* - R f*||^2 / V with V = E||y - c||^2, c the best invariant constant.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.estimate import Estimate
from isotropy.groups import Drawn, Draws, Group, Window
from isotropy.random import spawn
from isotropy.reps import Rep

Function = Callable[[Tensor], Tensor]

# Below this share of the energy the error left is no yardstick any more; a price is quoted against at least this.
SMALLEST_ERROR = 1e-4
_ONE_SIDED = 0.95  # each end of an interval of breaking is a one-sided bound; as a pair they cover 0.90

# Values of f held in memory at once; the orbit of a long table is walked in pieces of this many rows x draws.
_PIECE = 65_536


@dataclass(frozen=True)
class BreakingTerms:
    """Per-row terms of the estimators, each ``(n,)``; a row is judged by a model that has not seen it.

    ``cross`` = <y - R f, f - R f>, ``plug_in`` = |f - R f|^2, ``model_cross`` = <a_1, a_2> for models from disjoint
    halves, averaged over the row's orbit, ``loss`` = |y - f|^2, ``loss_averaged`` = |y - R f|^2, and
    ``orbit_loss`` ``(n, 1 + M)`` the loss of the row as it is and moved along its orbit, of which ``tensors``, that is
    what ``combine`` reads, are free.
    """

    cross: Tensor
    plug_in: Tensor
    model_cross: Tensor
    loss: Tensor
    loss_averaged: Tensor
    orbit_loss: Tensor = field(default_factory=lambda: torch.empty(0, 0))

    def tensors(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "orbit_loss"}


@dataclass(frozen=True)
class Breaking:
    """The share of the signal that breaks a symmetry, and what imposing it would cost.

    ``estimate`` is b with one-sided 95 % ends; its upper end assumes that what the model leaves unexplained is not
    more asymmetric than what it explains, ``upper_worst`` does not. ``price`` is b V over the held-out error.
    """

    estimate: Estimate
    upper_worst: float
    price: Estimate
    cross: float
    plug_in: float
    risk_gap: float
    model_cross: float
    unexplained: float
    energy: float
    held_out: float
    standard_error: float


def breaking_terms(
    f: Function,
    other: Function,
    x: Float[Tensor, "n p"],
    y: Float[Tensor, "n q"],
    candidate: Group | Window,
    rep_in: Rep,
    rep_out: Rep,
    *,
    unit: Int[Tensor, " n"],
    draws: int = 32,
    generator: torch.Generator,
) -> BreakingTerms:
    """Terms of rows that ``f`` has not seen; ``other`` was fitted on rows disjoint from those of ``f``.

    Two independent halves of the draws give two copies of R f, so that a finite number of group elements biases no
    product; a finite group is averaged exactly.
    """
    orbit = Draws.of(candidate, draws).take(int(unit.max()) + 1, generator, dtype=x.dtype)
    F, F_other = (pulled_back(model, orbit, x, unit, rep_in, rep_out) for model in (f, other))
    fx = f(x)
    if not orbit.probability:
        return _window_terms(F, F_other, fx, other(x), y)
    M = len(orbit)
    if orbit.complete:
        R1 = R2 = F.mean(1)
        share, moved = 1 / M, F[:, 1:]
    else:
        R1, R2 = F[:, : M // 2].mean(1), F[:, M // 2 :].mean(1)
        share, moved = 1 / (M - 1), F
    inner = _symmetric_inner
    spread, spread_other = F - F.mean(1, keepdim=True), F_other - F_other.mean(1, keepdim=True)
    loss = (y - fx).square().sum(-1)
    return BreakingTerms(
        cross=inner(y - R1, fx - R2, y - R2, fx - R1),
        plug_in=((fx - R1) * (fx - R2)).sum(-1),
        model_cross=(spread * spread_other).sum((1, 2)) * share,
        loss=loss,
        loss_averaged=((y - R1) * (y - R2)).sum(-1),
        orbit_loss=torch.cat([loss[:, None], (y[:, None] - moved).square().sum(-1)], 1),
    )


def pulled_back(
    f: Callable[[Tensor], Tensor],
    draws: Drawn,
    x: Float[Tensor, "n p"],
    unit: Int[Tensor, " n"],
    rep_in: Rep,
    rep_out: Rep,
) -> Float[Tensor, "n M q"]:
    """``rho_out(g)^-1 f(rho_in(g) x)`` for every row and each of its elements, evaluated in pieces."""
    group, step = draws.group, max(1, _PIECE // len(draws))
    values: list[Tensor] = []
    for rows in torch.arange(len(x)).split(step):
        g = draws.rows(unit[rows])
        gx = rep_in.act(group, g, x[rows, None, :])
        fgx = f(gx.flatten(0, 1)).unflatten(0, gx.shape[:2])
        values.append(rep_out.act(group, group.inverse(g), fgx))
    return torch.cat(values)


def _symmetric_inner(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return ((a * b).sum(-1) + (c * d).sum(-1)) / 2


def _window_terms(F: Tensor, F_other: Tensor, fx: Tensor, other_x: Tensor, y: Tensor) -> BreakingTerms:
    """Without an invariant probability R is no projection: half the mean squared change along the window instead.

    For a compact group E_g |g.f - f|^2 = 2 |f - R f|^2, so both readings agree there.
    """
    change, change_other = fx[:, None] - F, other_x[:, None] - F_other
    loss = (y - fx).square().sum(-1)
    moved = (y[:, None] - F).square().sum(-1)
    return BreakingTerms(
        cross=(change * change_other).sum(-1).mean(1) / 2,
        plug_in=change.square().sum(-1).mean(1) / 2,
        model_cross=(change * change_other).sum(-1).mean(1) / 2,
        loss=loss,
        loss_averaged=moved.mean(1),
        orbit_loss=torch.cat([loss[:, None], moved], 1),
    )


def combine(terms: Sequence[BreakingTerms], energy: Float[Tensor, " n"], unit: Tensor) -> Breaking:
    """One answer from the terms of all splits (each in the order of the rows), per-row energy |y - c|^2.

    The point is A = X^2 / XX where the model sees the breaking (X > 0, XX > 2 se), else max(X, 0): X is unbiased,
    shrunk by what the model missed, and A undoes the shrinking without ever exceeding the truth in the mean.
    """
    X, XX, P, loss, averaged = (
        torch.stack([getattr(term, name) for term in terms])
        for name in ("cross", "model_cross", "plug_in", "loss", "loss_averaged")
    )
    V, mse = float(energy.mean()), float(loss.mean())
    x, xx = float(X.mean()), float(XX.mean())
    ratio = x / xx if x > 0 and xx > 2 * clustered_mean(XX, unit)[0] else None
    if ratio is None:
        a, rows = max(x, 0.0), X
    else:
        a, rows = x * ratio, 2 * ratio * X - ratio**2 * XX
    b = a / V
    # The share b = a / V is a ratio of means: its linearised rows carry the spread of the energy too.
    se, degrees = clustered_mean((rows - b * energy) / V, unit)
    t = float(scipy.special.stdtrit(degrees, _ONE_SIDED))
    u = min(max(mse / V, 0.0), 1.0)
    low = max(b - t * se, 0.0)
    typical = min(b / (1 - u) + t * se, 1.0) if u < 1 else 1.0
    worst = min(b + u + t * se, 1.0)
    left = max(mse, SMALLEST_ERROR * V)
    price_se, price_degrees = clustered_mean((rows - a / left * loss) / left, unit)
    price_t = float(scipy.special.stdtrit(price_degrees, _ONE_SIDED)) * price_se
    n, confidence = len(torch.unique(unit)), 2 * _ONE_SIDED - 1
    return Breaking(
        estimate=Estimate(b, low, max(typical, b), n, confidence),
        upper_worst=max(worst, b),
        price=Estimate(
            a / left, max(a / left - price_t, 0.0), (a / (1 - u) if u < 1 else V) / left + price_t, n, confidence
        ),
        cross=x / V,
        plug_in=float(P.mean()) / V,
        risk_gap=float((averaged - loss).mean()) / V,
        model_cross=xx / V,
        unexplained=u,
        energy=V,
        held_out=mse,
        standard_error=se,
    )


def clustered_mean(values: Float[Tensor, "S n"], unit: Int[Tensor, " n"]) -> tuple[float, float]:
    """Standard error of the grand mean, and its degrees of freedom.

    Rows vary (clustered by unit), and so do the models: the spread over random halves of the data stands for the
    second part (half-sampling: its variance over halves is the sampling variance at the full size).
    """
    S, n = values.shape
    centred = values.mean(0) - values.mean()
    units = int(unit.max()) + 1
    sums = torch.zeros(units, dtype=values.dtype).index_add_(0, unit, centred)
    present = max(len(torch.unique(unit)), 2)
    rows = float(sums.square().sum()) / n**2 * present / (present - 1)
    halves = float(values.mean(1).var()) if S > 1 else 0.0
    total = rows + halves
    if total == 0:
        return 0.0, float(present)
    degrees = total**2 / (halves**2 / max(S - 1, 1) + rows**2 / (present - 1))
    return math.sqrt(total), max(degrees, 1.0)


def split_halves(unit: Int[Tensor, " n"], seed: int, split: int) -> Int[Tensor, " n"]:
    """A random half (0 or 1) for each row; rows of one unit stay together.

    >>> split_halves(torch.tensor([0, 0, 1, 1]), seed=0, split=0).unique().tolist()
    [0, 1]
    """
    units = int(unit.max()) + 1
    order = torch.randperm(units, generator=spawn(seed, "halves", split))
    half = torch.zeros(units, dtype=torch.int64)
    half[order[units // 2 :]] = 1
    return half[unit]
