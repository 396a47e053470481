"""What every model of the expansion has: free and fixed parameters, distances, scale factor, age."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError

LIGHT = 299792.458
"""km/s, exact by definition."""

GYR = 3.0856775814913673e19 / (365.25 * 86400) / 1e9
"""Gy: kilometres in a megaparsec (IAU 2015) over seconds in 10^9 Julian years; 977.792."""

Values = Mapping[str, Tensor]
"""Parameters by name: free ones (P, 1), fixed ones (1, 1), so that what depends on these alone is computed once."""


class Cosmology(ABC):
    """A flat (or empty) universe. Fields of a model are its parameters: a number fixes one, None leaves it free.

    ``priors`` are the ranges in which fits and samplers look by default. All methods take ``params (P, k)``, the free
    parameters in the order of ``parameters``; a model without free ones needs none, and P is 1.
    """

    priors: ClassVar[Mapping[str, tuple[float, float]]] = {}
    hubble_times: ClassVar[float] = 1.0  # H0 times the age, of models in which it is the same for all parameters

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the free parameters."""
        return tuple(name for name, value in self._settings.items() if value is None)

    @property
    def fixed(self) -> dict[str, float]:
        """The parameters that were given numbers."""
        return {name: float(value) for name, value in self._settings.items() if value is not None}

    @property
    def name(self) -> str:
        """What tables call it."""
        return type(self).__name__

    @property
    def _settings(self) -> dict[str, float | None]:
        return {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]

    def dl_hat(
        self, z_cmb: Tensor | float, z_hel: Tensor | float | None = None, params: Tensor | None = None
    ) -> Float[Tensor, "P N"]:
        """Luminosity distances in units of c / H0, ``(P, N)``: ``(1 + z_hel)`` times what is integrated to ``z_cmb``.

        Redshifts (N,) of another float dtype become float64; differentiable in ``params``. Raises DtypeError for
        integers, DomainError for redshifts that are NaN or not above 0, and for parameters outside the model's domain
        (negative distances, F <= 0 and the like), naming them.
        """
        z = redshifts(z_cmb, "z_cmb")
        hel = z if z_hel is None else redshifts(z_hel, "z_hel", lowest=-1.0)
        if hel.shape != z.shape:
            raise ShapeError(f"{len(hel)} of z_hel and {len(z)} of z_cmb", "as many")
        values = self.values(params)
        self.refuse(z, values)
        return ((1 + hel) * self._proper(z, values)).expand(sets(params), -1)

    def admissible(self, z_cmb: Tensor | float, params: Tensor | None = None) -> Bool[Tensor, " P"]:
        """Which rows of ``params`` lie in the model's domain at these redshifts: where ``dl_hat`` does not raise."""
        z, values = redshifts(z_cmb, "z_cmb"), self.values(params)
        with torch.no_grad():
            bad = [mask for mask, _ in self._problems(z, values)]
        broken = torch.zeros(sets(params), dtype=torch.bool)
        for mask in bad:
            broken |= mask.any(1)
        return ~broken

    def a_of_z(self, z: Tensor | float, params: Tensor | None = None) -> Float[Tensor, "P N"]:
        """The scale factor (1 today) when light of redshift ``z`` was sent, ``(P, N)``; z = 0 is allowed."""
        z, values = redshifts(z, "z", lowest=-1e-300), self.values(params)
        self.refuse(z[z > 0], values)
        return self._scale(z, values).expand(sets(params), -1)

    def age(self, H0: Tensor | float, params: Tensor | None = None) -> Float[Tensor, " P"]:
        """The age in Gy for H0 in km/s/Mpc (a number, or (P,)). Raises DomainError for H0 <= 0."""
        rate = torch.as_tensor(H0, dtype=torch.float64)
        if not bool((rate > 0).all()):
            raise DomainError(f"H0 = {H0}", "a positive rate in km/s/Mpc")
        values = self.values(params)
        self.refuse(torch.zeros(0, dtype=torch.float64), values)
        return GYR / rate * self._age(values)[:, 0].expand(sets(params))

    def h0_effective(self, z: Tensor | float, *, H0: Tensor | float, params: Tensor | None = None) -> Tensor:
        """The H0 that an analyst with ``DilatonVSL(F_inf=1)``, F = 1, infers from the distance to ``z``, ``(P, N)``.

        For ``DilatonVSL`` it is ``H0 F / (1 - 1.5 ln F / ln(1 + z))``: it falls where F does.
        """
        z = redshifts(z, "z")
        plain = (1 + z) * z.log1p() * 2 / 3
        return torch.as_tensor(H0, dtype=torch.float64) * plain / self.dl_hat(z, params=params)

    def values(self, params: Tensor | None) -> Values:
        """All parameters by name from the free ones (P, k): (P, 1) each, or (1, 1) for a fixed one.

        Raises ShapeError for other sizes, DtypeError for integers, DomainError for NaN.
        """
        free = self.parameters
        if params is None:
            if free:
                raise ShapeError(f"no params for {self.name}", f"params (P, {len(free)}): {', '.join(free)}")
            params = torch.zeros(1, 0, dtype=torch.float64)
        if not params.is_floating_point():
            raise DtypeError(f"params of dtype {params.dtype}", "float64")
        if params.ndim != 2 or params.shape[1] != len(free):
            names = ", ".join(free) or "none are free"
            raise ShapeError(f"params of shape {tuple(params.shape)}", f"(P, {len(free)}): {names}")
        params = params.double()
        if not bool(params.isfinite().all()):
            raise DomainError(f"params {params.tolist()[:3]}", "finite ones")
        found = {name: params[:, at : at + 1] for at, name in enumerate(free)}
        return {
            name: found[name] if name in found else torch.full((1, 1), float(value or 0), dtype=torch.float64)
            for name, value in self._settings.items()
        }

    def refuse(self, z: Tensor, values: Values) -> None:
        """Raises DomainError for parameters outside the domain, naming the first."""
        for mask, told in self._problems(z, values):
            if bool(mask.any()):
                row = int(mask.any(1).nonzero()[0])
                told_of = {name: float(value[row if len(value) > 1 else 0]) for name, value in values.items()}
                said = ", ".join(f"{name} = {value:g}" for name, value in told_of.items())
                column = int(mask[row].nonzero()[0])
                at = f" at z = {float(z[column]):g}" if mask.shape[1] == len(z) and len(z) else ""
                raise DomainError(f"{self.name} with {said}{at}", told)

    def _problems(self, z: Float[Tensor, " N"], values: Values) -> list[tuple[Bool[Tensor, "P M"], str]]:
        """Where parameters are outside the domain, (P, 1) or (P, N), and what is expected there."""
        return []

    def _scale(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        """The scale factor, in one row where it is the same for all parameters, as in the two below."""
        return (1 / (1 + z))[None]

    @abstractmethod
    def _proper(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        """``dl_hat`` without its factor 1 + z_hel."""

    def _age(self, values: Values) -> Float[Tensor, "P one"]:
        """H0 times the age."""
        return torch.full((1, 1), self.hubble_times, dtype=torch.float64)


def sets(params: Tensor | None) -> int:
    """P: how many sets of parameters there are."""
    return 1 if params is None else len(params)


def redshifts(z: Tensor | float, name: str, lowest: float = 0.0) -> Float[Tensor, " N"]:
    """Redshifts (N,) in float64. Raises DtypeError for integers, DomainError for NaN or values not above ``lowest``."""
    if isinstance(z, int) or (isinstance(z, Tensor) and not z.is_floating_point()):
        raise DtypeError(f"{name} of {'int' if isinstance(z, int) else z.dtype}", "float64", "write 1.0 for 1")
    values = torch.as_tensor(z, dtype=torch.float64)
    if values.ndim > 1:
        raise ShapeError(f"{name} of shape {tuple(values.shape)}", "(N,)")
    values = values.reshape(-1)
    bad = ~(values > lowest) | ~values.isfinite()
    if bool(bad.any()):
        row = int(bad.nonzero()[0])
        raise DomainError(f"{name} = {float(values[row])} at {row}", f"finite redshifts above {math.ceil(lowest)}")
    return values
