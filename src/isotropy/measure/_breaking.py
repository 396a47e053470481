"""How far a symmetry is broken in data: cross-fitted, so that a weak model does not read as broken symmetry.

f* = E[y|x] is the regression function, R f(x) = E_g rho_out(g)^-1 f(rho_in(g) x) its average over the group, and
a = f - R f. With c the best constant that the group leaves alone, f* - c = (f* - R f*) + (R f* - c), two orthogonal
parts with the energies A and B: the signal is A + B, and the breaking b = A / (A + B) is a share of it, in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

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
# A signal below this share of the energy is none; a share of it is only formed so that it is a number.
SMALLEST_SIGNAL = 1e-6
_ONE_SIDED = 0.95  # each end of an interval of breaking is a one-sided bound
CONFIDENCE = 0.90  # what both ends cover as a pair

# Values of f held in memory at once; the orbit of a long table is walked in pieces of this many rows x draws.
_PIECE = 65_536


@dataclass(frozen=True)
class BreakingTerms:
    """Per-row terms of the estimators, each ``(K, n)`` for K parts of the target; a row is judged by a model that has
    not seen it.

    ``energy`` = |y - c|^2, ``cross`` = <y - R f, f - R f>, ``plug_in`` = |f - R f|^2, ``model_cross`` = <a_1, a_2> for
    models from disjoint halves, averaged over the row's orbit, ``kept`` = <y - c, R f - c>, ``model_kept`` =
    <R f_1 - c, R f_2 - c>, ``loss`` = |y - f|^2, ``loss_averaged`` = |y - R f|^2, and ``orbit_loss`` ``(K, n, 1 + M)``
    the loss of the row as it is and moved along its orbit. Along a window f stands for R f in the two terms ``kept``.
    """

    energy: Tensor
    cross: Tensor
    plug_in: Tensor
    model_cross: Tensor
    kept: Tensor
    model_kept: Tensor
    loss: Tensor
    loss_averaged: Tensor
    orbit_loss: Tensor

    def tensors(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Breaking:
    """How much of one part of the target breaks a symmetry, and what imposing it would cost.

    ``broken`` and ``kept`` are energies (of f* - R f* and R f* - c), as far as the models see them; ``signal`` is their
    sum, ``energy`` the whole |y - c|^2, ``loss`` the held-out error, ``outputs`` the number of columns. ``cross``,
    ``plug_in``, ``model_cross`` and ``risk_gap`` are the raw estimates of ``broken`` as shares of the energy.
    """

    share: Estimate  # broken / signal, with one-sided 95 % ends
    of_variance: Estimate  # broken / energy
    explained: Estimate  # signal / energy
    excess: Estimate  # broken / loss: by what share the squared error would rise
    broken: float
    signal: float
    energy: float
    loss: float
    outputs: int
    windowed: bool
    cross: float
    plug_in: float
    risk_gap: float
    model_cross: float
    standard_error: float  # of the share

    @property
    def kept(self) -> float:
        return self.signal - self.broken


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
    parts: Sequence[slice] = (slice(None),),
    centre: Float[Tensor, " q"] | None = None,
    draws: int = 32,
    seen: Function | None = None,
    generator: torch.Generator,
) -> BreakingTerms:
    """Terms of rows that ``f`` has not seen; ``other`` was fitted on rows disjoint from those of ``f``.

    ``parts`` are the columns of each part of the target, judged by itself; ``centre`` is c, the best constant that the
    candidate leaves alone (0 by default). Two independent halves of the draws give two copies of R f, so that a finite
    number of group elements biases no product; a finite group is averaged exactly.

    Where ``seen`` is given, moved rows count where it says True, and the terms are those of a window: what cannot be
    averaged over whole orbits is half the mean squared change between points where there are data.
    """
    orbit = Draws.of(candidate, draws).take(int(unit.max()) + 1, generator, dtype=x.dtype)
    F, F_other = pulled_back(lambda gx: torch.stack([f(gx), other(gx)]), orbit, x, unit, rep_in, rep_out)
    fx, other_x = f(x), other(x)
    c = torch.zeros_like(y[0]) if centre is None else centre
    read = _haar_terms if orbit.probability and seen is None else _window_terms
    if seen is not None:
        read = partial(_window_terms, weight=_weights(seen, orbit, x, unit, rep_in))
    each = [read(orbit, F[..., k], F_other[..., k], fx[:, k], other_x[:, k], y[:, k], c[k]) for k in parts]
    return BreakingTerms(**{name: torch.stack([terms[name] for terms in each]) for name in each[0]})


def _haar_terms(
    orbit: Drawn, F: Tensor, F_other: Tensor, fx: Tensor, other_x: Tensor, y: Tensor, c: Tensor
) -> dict[str, Tensor]:
    M = len(orbit)
    if orbit.complete:
        R1 = R2 = F.mean(1)
        R2_other = F_other.mean(1)
        share, moved = 1 / M, F[:, 1:]
    else:
        R1, R2, R2_other = F[:, : M // 2].mean(1), F[:, M // 2 :].mean(1), F_other[:, M // 2 :].mean(1)
        share, moved = 1 / (M - 1), F
    spread, spread_other = F - F.mean(1, keepdim=True), F_other - F_other.mean(1, keepdim=True)
    loss = (y - fx).square().sum(-1)
    return {
        "energy": (y - c).square().sum(-1),
        "cross": _symmetric_inner(y - R1, fx - R2, y - R2, fx - R1),
        "plug_in": ((fx - R1) * (fx - R2)).sum(-1),
        "model_cross": (spread * spread_other).sum((1, 2)) * share,
        "kept": ((y - c) * (F.mean(1) - c)).sum(-1),
        "model_kept": ((R1 - c) * (R2_other - c)).sum(-1),
        "loss": loss,
        "loss_averaged": ((y - R1) * (y - R2)).sum(-1),
        "orbit_loss": torch.cat([loss[:, None], (y[:, None] - moved).square().sum(-1)], 1),
    }


def pulled_back(
    f: Callable[[Tensor], Tensor],
    draws: Drawn,
    x: Float[Tensor, "n p"],
    unit: Int[Tensor, " n"],
    rep_in: Rep,
    rep_out: Rep,
) -> Float[Tensor, "*models n M q"]:
    """``rho_out(g)^-1 f(rho_in(g) x)`` for every row and each of its elements, evaluated in pieces.

    ``f`` takes rows ``(m, p)`` to ``(*models, m, q)``, so that several models share the moved rows.
    """
    group, step = draws.group, max(1, _PIECE // len(draws))
    values: list[Tensor] = []
    for rows in torch.arange(len(x)).split(step):
        g = draws.rows(unit[rows])
        gx = rep_in.act(group, g, x[rows, None, :])
        fgx = f(gx.flatten(0, 1)).unflatten(-2, gx.shape[:2])
        values.append(rep_out.act(group, group.inverse(g), fgx))
    return torch.cat(values, -3)


def _symmetric_inner(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return ((a * b).sum(-1) + (c * d).sum(-1)) / 2


def _weights(
    seen: Function, orbit: Drawn, x: Float[Tensor, "n p"], unit: Int[Tensor, " n"], rep_in: Rep
) -> Float[Tensor, "n M"]:
    """What each moved row counts, on average over all rows once: those seen alike, in rows that lead somewhere."""
    step = max(1, _PIECE // len(orbit))
    where = torch.cat(
        [
            seen(rep_in.act(orbit.group, orbit.rows(unit[rows]), x[rows, None, :])).to(x)
            for rows in torch.arange(len(x)).split(step)
        ]
    )
    if orbit.complete:
        where[:, 0] = 1.0  # as it is, every row is seen
    share = where / where.sum(1, keepdim=True).clamp_min(1)
    return share / share.sum(1).mean().clamp_min(1 / len(x))


def _window_terms(
    orbit: Drawn,
    F: Tensor,
    F_other: Tensor,
    fx: Tensor,
    other_x: Tensor,
    y: Tensor,
    c: Tensor,
    weight: Float[Tensor, "n M"] | None = None,
) -> dict[str, Tensor]:
    """Without an invariant probability R is no projection: half the mean squared change along the window instead.

    For a compact group E_g |g.f - f|^2 = 2 |f - R f|^2, so both readings agree there.
    """

    def mean(values: Float[Tensor, "n M"]) -> Float[Tensor, " n"]:
        return values.mean(1) if weight is None else (values * weight).sum(1)

    change, change_other = fx[:, None] - F, other_x[:, None] - F_other
    loss = (y - fx).square().sum(-1)
    moved = (y[:, None] - F).square().sum(-1)
    both = mean((change * change_other).sum(-1)) / 2
    return {
        "energy": (y - c).square().sum(-1),
        "cross": both,
        "plug_in": mean(change.square().sum(-1)) / 2,
        "model_cross": both,
        "kept": ((y - c) * (fx - c)).sum(-1),
        "model_kept": ((fx - c) * (other_x - c)).sum(-1),
        "loss": loss,
        "loss_averaged": mean(moved),
        "orbit_loss": torch.cat([loss[:, None], moved], 1),
    }


@dataclass(frozen=True)
class _Projected:
    """The energy of a part of f* that the models see, X^2 / XX, and its per-row linearisation ``(S, n)``."""

    value: float
    rows: Tensor

    @classmethod
    def of(cls, X: Tensor, XX: Tensor, unit: Tensor) -> _Projected:
        """X is unbiased but shrunk by what the models missed; where they see the part, X^2 / XX undoes the shrinking.

        By Cauchy and Schwarz it never exceeds the truth in the mean, X = <f*_a, a> and XX = |a|^2.
        """
        x, xx = float(X.mean()), float(XX.mean())
        if x > 0 and xx > 2 * clustered_mean(XX, unit)[0]:
            ratio = x / xx
            return cls(x * ratio, 2 * ratio * X - ratio**2 * XX)
        return cls(max(x, 0.0), X)


def combine(
    terms: Sequence[BreakingTerms], unit: Int[Tensor, " n"], outputs: Sequence[int], *, windowed: bool = False
) -> tuple[Breaking, ...]:
    """One answer for each part of the target from the terms of all splits, each in the order of the rows.

    ``outputs`` are the columns of each part. Along a window ``kept`` is what the signal has beside the breaking.
    """
    return tuple(
        _part({name: torch.stack([t.tensors()[name][k] for t in terms]) for name in _AVERAGED}, unit, q, windowed)
        for k, q in enumerate(outputs)
    )


_AVERAGED = tuple(name for name in BreakingTerms.__dataclass_fields__ if name != "orbit_loss")


def _part(rows: Mapping[str, Tensor], unit: Tensor, outputs: int, windowed: bool) -> Breaking:
    V, mse = float(rows["energy"].mean()), float(rows["loss"].mean())
    A = _Projected.of(rows["cross"], rows["model_cross"], unit)
    B = _Projected.of(rows["kept"], rows["model_kept"], unit)
    signal, S = (B.value, B.rows) if windowed else (A.value + B.value, A.rows + B.rows)
    signal = max(signal, A.value, SMALLEST_SIGNAL * V)
    left = max(mse, SMALLEST_ERROR * V)
    n = len(torch.unique(unit))

    def estimate(value: float, linear: Tensor, most: float = 1.0) -> tuple[Estimate, float]:
        se, degrees = clustered_mean(linear, unit)
        t = float(scipy.special.stdtrit(degrees, _ONE_SIDED))
        value = min(value, most)
        low, high = max(min(value - t * se, value), 0.0), min(value + t * se, most)
        return Estimate(value, low, high, n, CONFIDENCE), se

    # Each is a ratio of means: its linearised rows carry the spread of the denominator too.
    b, e, z = A.value / signal, signal / V, A.value / left
    share, se = estimate(b, (A.rows - b * S) / signal)
    excess = estimate(z, (A.rows - z * rows["loss"]) / left, math.inf)[0]
    return Breaking(
        share=share,
        of_variance=estimate(A.value / V, (A.rows - A.value / V * rows["energy"]) / V)[0],
        explained=estimate(e, (S - e * rows["energy"]) / V)[0],
        excess=replace(excess, low=_least_ratio(A.rows, rows["loss"] + (left - mse), unit, z)),
        broken=A.value,
        signal=signal,
        energy=V,
        loss=mse,
        outputs=outputs,
        windowed=windowed,
        cross=float(rows["cross"].mean()) / V,
        plug_in=float(rows["plug_in"].mean()) / V,
        risk_gap=float((rows["loss_averaged"] - rows["loss"]).mean()) / V,
        model_cross=float(rows["model_cross"].mean()) / V,
        standard_error=se,
    )


def _least_ratio(above: Tensor, below: Tensor, unit: Tensor, most: float) -> float:
    """The smallest z >= 0 at which ``above`` - z ``below`` is not surely positive (Fieller, J. R. Stat. Soc. B, 1954).

    Errors that few rows make are known badly. Linearised, the lower end of a ratio to them is 0, however sure it is
    that something stands above.
    """

    def surely(z: float) -> float:
        linear = above - z * below
        se, degrees = clustered_mean(linear, unit)
        return float(linear.mean()) - float(scipy.special.stdtrit(degrees, _ONE_SIDED)) * se

    if surely(0.0) <= 0 or surely(most) > 0:
        return 0.0 if surely(0.0) <= 0 else most
    return float(scipy.optimize.brentq(surely, 0.0, most, xtol=1e-6 * most))


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
