"""Best fits from several starts with exact derivatives, every mode, and intervals where chi2 is 1 more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import forward_ad

from isotropy.errors import DomainError, SchemaError
from isotropy.estimate import Estimate
from isotropy.physics.cosmology import LIGHT, Cosmology
from isotropy.physics.supernovae._asked import Likelihood, box, defined, held

Vector = NDArray[np.float64]

ONE_SIGMA = 0.6826894921370859
_STARTS = 8  # as many basins as are looked into
_APART = 0.15  # of the diagonal of the priors: starts nearer than this look into the same basin
_RIDGE = 0.05  # a rise of chi2 between two minima below which they are ends of one valley


@dataclass(frozen=True)
class Mode:
    """A minimum of chi2: parameters by name, chi2, the offset there, and whether it lies at an end of a prior."""

    params: Mapping[str, float]
    chi2: float
    offset: float
    at_edge: bool

    def h0(self, *, M: float) -> float:
        """H0 in km/s/Mpc for the absolute magnitude ``M``."""
        return rate(self.offset, M)


@dataclass(frozen=True)
class Fit:
    """The best parameters, their ``errors`` (Estimates of 68 %, where chi2 is 1 more), and all ``modes``, best first.

    ``offset`` has the standard deviation ``offset_error``, which the information matrix gives; ``evaluations`` counts
    residual vectors and derivatives.
    """

    model: str
    params: Mapping[str, float]
    chi2: float
    offset: float
    offset_error: float
    errors: Mapping[str, Estimate]
    modes: tuple[Mode, ...]
    fixed: Mapping[str, float] = field(default_factory=dict[str, float])
    evaluations: int = 0

    def h0(self, *, M: float | None = None) -> float:
        """H0 in km/s/Mpc for the absolute magnitude ``M``; without one data say only M - 5 log10 H0: DomainError."""
        if M is None:
            raise DomainError("H0 without an absolute magnitude", "h0(M=...)", "supernovae alone give M - 5 log10 H0")
        return rate(self.offset, M)

    def h0_error(self, *, M: float) -> float:
        """Its standard deviation, M being known exactly."""
        return self.h0(M=M) * np.log(10) / 5 * self.offset_error


@dataclass(frozen=True)
class Profile:
    """The least ``chi2 (n,)`` at each of ``values (n,)`` of one parameter."""

    name: str
    values: Float[Tensor, " n"]
    chi2: Float[Tensor, " n"]


def rate(offset: float, M: float) -> float:
    """H0 from an offset: ``c 10^(-(offset - 25 - M) / 5)``, in km/s/Mpc."""
    return LIGHT * 10 ** (-(offset - 25 - M) / 5)


class _Descent:
    """Least squares of whitened residuals in the box of the priors, counting what it costs."""

    def __init__(self, lik: Likelihood, model: Cosmology) -> None:
        self.lik, self.model = lik, model
        self.low, self.high = box(model)
        self.count = 0

    def residuals(self, x: Vector) -> Vector:
        self.count += 1
        theta = torch.from_numpy(np.array(x))[None]
        if not bool(self.model.admissible(self.lik.sample.z_cmb, theta)):
            more = not isinstance(self.lik.offset, str)  # a prior is one residual
            return np.full(len(self.lik.sample) + more, 1e3)  # far worse than any fit: the step is shortened
        with torch.no_grad():
            return self.lik.residuals(self.model, theta)[0].numpy()

    def jacobian(self, x: Vector, free: Sequence[int] | None = None) -> Vector:
        """Exact derivatives of the residuals, (M, k), one forward pass for each parameter."""
        self.count += 1
        theta = torch.from_numpy(np.array(x))
        every = range(len(theta)) if free is None else free
        columns = [_along(lambda p: self.lik.residuals(self.model, p[None])[0], theta, at) for at in every]
        return torch.stack(columns, 1).detach().numpy()

    def minimise(self, start: Vector, hold: Mapping[int, float] | None = None) -> tuple[Vector, float]:
        """The minimum from ``start``, some parameters held, and chi2 there without the constant."""
        from scipy.optimize import least_squares

        held = hold or {}
        free = [at for at in range(len(start)) if at not in held]
        whole = np.array(start, dtype=np.float64)
        for at, value in held.items():
            whole[at] = value
        if not free:
            return whole, float(np.square(self.residuals(whole)).sum())

        def put(x: Vector) -> Vector:
            full = whole.copy()
            full[free] = x
            return full

        low, high = self.low.numpy()[free], self.high.numpy()[free]
        inside = np.clip(whole[free], low + 1e-9 * (high - low), high - 1e-9 * (high - low))
        found: Any = least_squares(
            lambda x: self.residuals(put(x)), inside, lambda x: self.jacobian(put(x), free),
            bounds=(low, high), x_scale="jac", xtol=1e-12, ftol=1e-13, gtol=1e-12, max_nfev=100,
        )  # fmt: skip
        return put(found.x), float(2 * found.cost)


def _along(call: Callable[[Tensor], Tensor], theta: Tensor, at: int) -> Tensor:
    """The derivative by one parameter, by forward mode."""
    direction = torch.zeros_like(theta)
    direction[at] = 1
    with forward_ad.dual_level():
        value = call(forward_ad.make_dual(theta, direction))
        slope: Tensor | None = forward_ad.unpack_dual(value).tangent
    return torch.zeros_like(value) if slope is None else slope


def starts(lik: Likelihood, model: Cosmology, seed: int) -> list[Vector]:
    """Points of the priors from which to descend: the best of a scatter that lie apart."""
    from scipy.stats import qmc

    low, high = box(model)
    k = len(low)
    if not k:
        return [np.zeros(0)]
    unit = torch.from_numpy(qmc.Sobol(k, seed=seed).random(2 ** (4 + min(k, 3))))
    points = low + (high - low) * unit
    values = defined(lik, model, points, "chi2", np.inf)
    if not bool(values.isfinite().any()):
        raise DomainError(f"{model.name}, which is not defined anywhere in its priors", "parameters that it allows")
    chosen: list[int] = []
    for at in values.argsort().tolist():
        if not bool(values[at].isfinite()) or len(chosen) == _STARTS:
            break
        if all(float((unit[at] - unit[other]).norm()) > _APART * k**0.5 for other in chosen):
            chosen.append(at)
    return [points[at].numpy() for at in chosen]


def best_fit(
    lik: Likelihood,
    model: Cosmology,
    *,
    intervals: bool = True,
    seed: int = 0,
    start: Mapping[str, float] | None = None,
) -> Fit:
    """See ``SNLikelihood.fit``."""
    work = _Descent(lik, model)
    begin = starts(lik, model, seed) if start is None else [_start(model, start)]
    ends = sorted((work.minimise(x) for x in begin), key=lambda end: end[1])
    kept = _modes(lik, model, ends)
    x, least = kept[0]
    modes = tuple(_mode(lik, model, work, *one) for one in kept)
    errors: dict[str, Estimate] = {}
    if intervals:
        n = len(lik.sample)
        for at, name in enumerate(model.parameters):
            low, high = _interval(work, x, least, at)
            errors[name] = Estimate(float(x[at]), low, high, n=n, confidence=ONE_SIGMA)
    spread = _offset_error(work, x)
    best = modes[0]
    return Fit(
        model.name, best.params, best.chi2, best.offset, spread, errors, modes, model.fixed, evaluations=work.count
    )


def _start(model: Cosmology, start: Mapping[str, float]) -> Vector:
    if set(start) != set(model.parameters):
        free = ", ".join(model.parameters) or "none"
        raise SchemaError(f"a start at {', '.join(start) or 'nothing'}", f"the free parameters of {model.name}: {free}")
    return np.array([start[name] for name in model.parameters], dtype=np.float64)


def _mode(lik: Likelihood, model: Cosmology, work: _Descent, x: Vector, chi2: float) -> Mode:
    theta = torch.from_numpy(x)[None] if len(x) else None
    near = 1e-4 * (work.high - work.low).numpy()
    edge = bool(((x - work.low.numpy() < near) | (work.high.numpy() - x < near)).any())
    with torch.no_grad():
        offset = float(lik.best_offset(model, theta))
    return Mode(dict(zip(model.parameters, x.tolist(), strict=True)), chi2 + lik.constant, offset, edge)


def _modes(lik: Likelihood, model: Cosmology, ends: Sequence[tuple[Vector, float]]) -> list[tuple[Vector, float]]:
    """The minima between which chi2 rises."""
    kept: list[tuple[Vector, float]] = []
    for x, value in ends:
        for other, theirs in kept:
            if not len(x):
                break
            steps = torch.linspace(0, 1, 21, dtype=torch.float64)[:, None]
            line = torch.from_numpy(other) + steps * torch.from_numpy(x - other)
            between = defined(lik, model, line, "chi2", np.inf) - lik.constant
            if float(between.max()) <= max(value, theirs) + _RIDGE:
                break
        else:
            kept.append((x, value))
    return kept


def _offset_error(work: _Descent, x: Vector) -> float:
    """From the information matrix of the parameters and the offset together."""
    lik, extra = work.lik, held(work.lik)
    if extra == np.inf:
        return 0.0
    theta = torch.from_numpy(x)
    slopes = [_along(lambda p: lik.whiten(lik.magnitudes(work.model, p[None]))[0], theta, at) for at in range(len(x))]
    J = torch.stack([lik.one, *slopes], 1)
    information = J.mT @ J
    information[0, 0] += extra
    # Parameters that the data do not see at all leave the offset as uncertain as the pseudo-inverse says.
    return float(torch.linalg.pinv(information, hermitian=True)[0, 0].clamp(min=0).sqrt())


def _interval(work: _Descent, x: Vector, least: float, at: int) -> tuple[float, float]:
    """Where the profile of one parameter is 1 above its minimum; the end of the prior where it stays below."""
    from scipy.optimize import brentq

    J = work.jacobian(x)
    information = np.linalg.pinv(J.T @ J, hermitian=True)
    span = float(work.high[at] - work.low[at])
    sigma = min(max(float(information[at, at]) ** 0.5, 1e-6 * span), 0.25 * span)
    found: list[float] = []
    for sign, end in ((-1, float(work.low[at])), (1, float(work.high[at]))):
        start = x.copy()

        def above(value: float) -> float:
            nonlocal start
            there, chi2 = work.minimise(start, {at: value})
            start = there
            return chi2 - least - 1

        inner, step = float(x[at]), sigma
        outer = inner
        while True:
            outer = min(max(inner + sign * step, float(work.low[at])), float(work.high[at]))
            if above(outer) > 0:
                found.append(float(cast(Any, brentq(above, inner, outer, xtol=1e-7 * sigma, rtol=1e-12))))
                break
            if outer == end:
                found.append(end)
                break
            inner, step = outer, 1.5 * step
    return found[0], found[1]


def profile(lik: Likelihood, model: Cosmology, name: str, values: Sequence[float] | Tensor | None = None) -> Profile:
    """See ``SNLikelihood.profile``."""
    if name not in model.parameters:
        free = ", ".join(model.parameters) or "none"
        raise SchemaError(f"a profile over {name!r}", f"a free parameter of {model.name}: {free}")
    at = model.parameters.index(name)
    work = _Descent(lik, model)
    fit = best_fit(lik, model)
    best = np.array([fit.params[one] for one in model.parameters])
    if values is None:
        e = fit.errors[name]
        low = max(e.mean - 3 * (e.mean - e.low), float(work.low[at]))
        high = min(e.mean + 3 * (e.high - e.mean), float(work.high[at]))
        values = torch.linspace(low, high, 41, dtype=torch.float64)
    grid = torch.as_tensor(values, dtype=torch.float64)
    found = torch.zeros_like(grid)
    # From the best outwards, each from its neighbour, so that a valley is followed.
    order = (grid - best[at]).abs().argsort().tolist()
    known: dict[int, Vector] = {}
    for i in order:
        near = min(known, key=lambda j: abs(float(grid[j] - grid[i])), default=None)
        start = best if near is None else known[near]
        known[i], chi2 = work.minimise(start, {at: float(grid[i])})
        found[i] = chi2 + lik.constant
    return Profile(name, grid, found)
