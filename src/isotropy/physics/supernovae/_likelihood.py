"""The likelihood of a sample: one Cholesky factor, a triangular solve for a batch, and an offset that is a symmetry."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.physics.cosmology import LIGHT, Cosmology
from isotropy.physics.parameters import AffineField
from isotropy.physics.supernovae._chain import Chain, sampled
from isotropy.physics.supernovae._evidence import Evidence, evidence
from isotropy.physics.supernovae._fit import Fit, Profile, best_fit, profile
from isotropy.physics.supernovae._sample import SNSample


@dataclass(frozen=True)
class Gaussian:
    """A prior on the offset ``M + 25 + 5 log10(c / H0 / Mpc)``, in magnitudes."""

    mean: float
    sd: float

    def __post_init__(self) -> None:
        if not (self.sd > 0 and math.isfinite(self.mean)):
            raise DomainError(f"{self}", "a finite mean and a positive sd", "Fixed(M, H0) holds the offset")


@dataclass(frozen=True)
class Fixed:
    """An offset that is known: absolute magnitude ``M`` and ``H0`` in km/s/Mpc."""

    M: float
    H0: float

    def __post_init__(self) -> None:
        if not (self.H0 > 0 and math.isfinite(self.M)):
            raise DomainError(f"{self}", "a finite M and a positive H0")

    @property
    def offset(self) -> float:
        """M + 25 + 5 log10(c/H0).

        >>> round(Fixed(-19.35, 70.0).offset, 4)
        23.8086
        """
        return self.M + 25 + 5 * math.log10(LIGHT / self.H0)


Offset = Literal["profile", "marginal"] | Gaussian | Fixed

_TOGETHER = 250_000  # magnitudes at a time: intermediate results of more do not stay in the cache


class SNLikelihood:
    """How well a model of the distances fits a ``sample``: ``m_i = 5 log10 dl_hat_i + offset``, errors Gaussian.

    ``cov`` is "stat" (the squares of err) or "stat+sys" (the sample's covariance added). Adding a constant to all
    magnitudes is a symmetry: ``offset`` "profile" takes the best point of the orbit, "marginal" integrates over it with
    a flat measure (its chi2 is that of the profile plus ln(E / 2 pi), E = 1^T C^-1 1); ``Gaussian`` and ``Fixed`` break
    it.

    Raises DomainError for "stat+sys" without a covariance, errors of 0 without one, a matrix that is not positive
    definite (naming its smallest eigenvalue; nothing is added to it), other words.

    >>> from isotropy.physics.cosmology import RhCt
    >>> z = torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64)
    >>> sample = SNSample(z, z, 20 + 5 * RhCt().dl_hat(z)[0].log10(), torch.full((3,), 0.1).double())
    >>> round(SNLikelihood(sample).fit(RhCt()).offset, 6)
    20.0
    """

    def __init__(self, sample: SNSample, cov: str = "stat", offset: Offset | str = "profile") -> None:
        if cov not in ("stat", "stat+sys"):
            raise DomainError(f"cov={cov!r}", "'stat' or 'stat+sys'")
        if isinstance(offset, str) and offset not in ("profile", "marginal"):
            raise DomainError(f"offset={offset!r}", "'profile', 'marginal', Gaussian(mean, sd) or Fixed(M, H0)")
        if cov == "stat+sys" and sample.cov is None:
            raise DomainError(f"cov='stat+sys' for {sample.name}, which has no covariance", "cov='stat', or a matrix")
        self.sample, self.cov, self.offset = sample, cov, offset
        self.variance = sample.err.square()
        self.cholesky: Tensor | None = None
        if cov == "stat":
            if bool((sample.err == 0).any()):
                row = int((sample.err == 0).nonzero()[0])
                given = f"an error of 0 in row {row} of {sample.name} without a covariance"
                raise DomainError(given, "errors above 0, or cov='stat+sys' with a matrix")
            self.logdet = float(self.variance.log().sum())
        else:
            assert sample.cov is not None, "refused above"
            whole = torch.diag(self.variance) + sample.cov
            self.cholesky = _factor(whole, sample.name)
            self.logdet = 2 * float(self.cholesky.diagonal().log().sum())
        self.one = self.whiten(torch.ones(1, len(sample), dtype=torch.float64))[0]
        self.E = float(self.one.square().sum())
        """1^T C^-1 1."""

    def whiten(self, rows: Float[Tensor, "P N"]) -> Float[Tensor, "P N"]:
        """Rows times the inverse Cholesky factor: their errors become independent, of size 1."""
        if self.cholesky is None:
            return rows / self.sample.err
        return torch.linalg.solve_triangular(self.cholesky, rows.mT, upper=False).mT

    def magnitudes(self, model: Cosmology, params: Tensor | None = None) -> Float[Tensor, "P N"]:
        """``5 log10 dl_hat``: what the model predicts, without the offset."""
        return 5 * model.dl_hat(self.sample.z_cmb, self.sample.hel, params).log10()

    def residuals(self, model: Cosmology, params: Tensor | None = None) -> Float[Tensor, "P M"]:
        """Whitened residuals at the best offset (P, N), and one more for a Gaussian or fixed offset.

        Their squares add up to chi2, but for the constant of the marginal.
        """
        delta = self.whiten(self.sample.mb - self.magnitudes(model, params))
        best = delta @ self.one / self.E
        rest = delta - best[:, None] * self.one
        if isinstance(self.offset, str):
            return rest
        mean, variance = self._prior()
        return torch.cat([rest, ((best - mean) / math.sqrt(1 / self.E + variance))[:, None]], 1)

    def chi2(self, model: Cosmology, params: Tensor | None = None) -> Float[Tensor, " P"]:
        """chi2 of ``params (P, k)``, differentiable; raises DomainError where the model is not defined."""
        return self._squares(model, params) + self.constant

    def _squares(self, model: Cosmology, params: Tensor | None) -> Float[Tensor, " P"]:
        return torch.cat([self.residuals(model, part).square().sum(1) for part in self._parts(params)])

    def _parts(self, params: Tensor | None) -> Sequence[Tensor | None]:
        """A batch in parts that stay in the cache."""
        if params is None or params.ndim != 2:
            return [params]
        return params.split(max(1, _TOGETHER // len(self.sample)))

    @property
    def constant(self) -> float:
        """What the marginal adds to the profile."""
        return math.log(self.E / (2 * math.pi)) if self.offset == "marginal" else 0.0

    def log_likelihood(self, model: Cosmology, params: Tensor | None = None) -> Float[Tensor, " P"]:
        """The logarithm of the normalised Gaussian; a free offset is integrated over with a flat, improper measure."""
        chi2 = self._squares(model, params)
        norm = len(self.sample) * math.log(2 * math.pi) + self.logdet
        if isinstance(self.offset, str):
            norm += math.log(self.E / (2 * math.pi))
        else:
            norm += math.log1p(self._prior()[1] * self.E)
        return -(chi2 + norm) / 2

    def best_offset(self, model: Cosmology, params: Tensor | None = None) -> Float[Tensor, " P"]:
        """The offset that fits best, with its prior where there is one."""
        deltas = (self.sample.mb - self.magnitudes(model, part) for part in self._parts(params))
        best = torch.cat([self.whiten(delta) @ self.one for delta in deltas]) / self.E
        if isinstance(self.offset, str):
            return best
        mean, variance = self._prior()
        return (variance * self.E * best + mean) / (variance * self.E + 1)

    def _prior(self) -> tuple[float, float]:
        if isinstance(self.offset, Gaussian):
            return self.offset.mean, self.offset.sd**2
        assert isinstance(self.offset, Fixed), "other words were refused"
        return self.offset.offset, 0.0

    def with_magnitudes(self, mb: Float[Tensor, " N"]) -> SNLikelihood:
        """The same errors about other magnitudes; nothing is factored again."""
        other = object.__new__(SNLikelihood)
        other.__dict__.update(self.__dict__)
        s = self.sample
        other.sample = SNSample(s.z_cmb, s.hel, mb, s.err, s.cov, s.name, s.ids)
        return other

    def mocks(self, model: Cosmology, params: Tensor | None, count: int, *, seed: int = 0) -> Float[Tensor, "count N"]:
        """Magnitudes drawn around a model (1, k) with the full covariance, at offset 0."""
        draw = torch.Generator().manual_seed(seed)
        noise = torch.randn(count, len(self.sample), generator=draw, dtype=torch.float64)
        spread = noise * self.sample.err if self.cholesky is None else noise @ self.cholesky.mT
        return self.magnitudes(model, params) + spread

    def fit(
        self, model: Cosmology, *, intervals: bool = True, seed: int = 0, start: Mapping[str, float] | None = None
    ) -> Fit:
        """The best parameters within the model's priors, from several starts, with the intervals where chi2 is 1 more.

        ``Fit.modes`` are all minima that ridges do not connect. ``intervals=False`` leaves the errors out; ``start``
        descends from there alone, and may end in a lesser mode. Raises SchemaError where it names other parameters.
        """
        return best_fit(self, model, intervals=intervals, seed=seed, start=start)

    def profile(self, model: Cosmology, name: str, values: Sequence[float] | Tensor | None = None) -> Profile:
        """The least chi2 for each value of one parameter (by default 41 about the best), the others fitted."""
        return profile(self, model, name, values)

    def mcmc(
        self,
        model: Cosmology,
        priors: Mapping[str, tuple[float, float]] | None = None,
        *,
        walkers: int = 64,
        steps: int = 3000,
        burn: int = 500,
        seed: int = 0,
        orbits: Sequence[AffineField] = (),
        width: float | None = None,
    ) -> Chain:
        """A chain of emcee over flat ``priors`` (by default the model's), all walkers in one batch.

        ``orbits`` are fields of ``parameter_symmetries``: after each step walkers are drawn anew along them, from the
        prior, at no cost of likelihoods (``orbit_redraw``; ``width`` is by default four times as long as an orbit stays
        inside the priors). Warns (ConvergenceWarning) where a chain is shorter than 50 autocorrelation times.
        """
        return sampled(
            self, model, priors, walkers=walkers, steps=steps, burn=burn, seed=seed, orbits=orbits, width=width
        )

    def evidence(
        self,
        model: Cosmology,
        priors: Mapping[str, tuple[float, float]] | None = None,
        *,
        method: Literal["quadrature", "nested"] = "quadrature",
        seed: int = 0,
        live: int = 500,
        panels: int | None = None,
        draws: int = 0,
    ) -> Evidence:
        """ln Z under flat ``priors``: the normalised Gaussian, a free offset with a flat, improper measure.

        Differences between models that share the sample and the treatment of the offset have a meaning, single values
        have none. "quadrature" for at most three free parameters, with ``draws`` of the posterior if asked: unlike a
        chain it misses no mode that is wider than its nodes, 8 in each of ``panels`` on a side (by default doubled
        until two agree). "nested" is dynesty with ``live`` points.
        """
        return evidence(self, model, priors, method=method, seed=seed, live=live, panels=panels, draws=draws)


def _factor(C: Tensor, name: str) -> Tensor:
    factor, failed = torch.linalg.cholesky_ex(C)
    if int(failed):
        least = float(torch.linalg.eigvalsh(C)[0])
        given = f"a covariance of {name} with the smallest eigenvalue {least:.3g}"
        raise DomainError(given, "a positive definite matrix", "nothing is added to its diagonal: check the file")
    return factor
