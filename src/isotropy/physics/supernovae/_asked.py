"""What fits, chains and evidences ask of a likelihood, and where they may look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import DomainError, SchemaError
from isotropy.physics.cosmology import Cosmology

Draws = NDArray[np.float64]


@runtime_checkable
class Likelihood(Protocol):
    """The face of ``SNLikelihood`` that its verbs work on."""

    sample: Any
    offset: Any
    E: float
    one: Tensor

    @property
    def constant(self) -> float: ...
    def whiten(self, rows: Tensor) -> Tensor: ...
    def magnitudes(self, model: Cosmology, params: Tensor | None = None) -> Tensor: ...
    def residuals(self, model: Cosmology, params: Tensor | None = None) -> Tensor: ...
    def chi2(self, model: Cosmology, params: Tensor | None = None) -> Tensor: ...
    def chi2_and_offset(self, model: Cosmology, params: Tensor | None = None) -> tuple[Tensor, Tensor]: ...
    def log_likelihood(self, model: Cosmology, params: Tensor | None = None) -> Tensor: ...
    def best_offset(self, model: Cosmology, params: Tensor | None = None) -> Tensor: ...


def box(model: Cosmology, priors: Mapping[str, tuple[float, float]] | None = None) -> tuple[Tensor, Tensor]:
    """The lower and the upper ends of the priors of the free parameters, (k,) each.

    Raises SchemaError for names that are not free or ranges that are missing, DomainError for empty ranges.
    """
    given = dict(model.priors if priors is None else priors)
    unknown = [name for name in given if name not in model.parameters]
    if priors is not None and unknown:
        free = ", ".join(model.parameters) or "none"
        raise SchemaError(f"a prior on {unknown[0]!r}", f"free parameters of {model.name}: {free}")
    missing = [name for name in model.parameters if name not in given]
    if missing:
        raise SchemaError(f"no prior on {missing[0]}", "a range (low, high) for each free parameter")
    for name in model.parameters:
        low, high = given[name]
        if not low < high:
            raise DomainError(f"the prior ({low}, {high}) on {name}", "low < high")
    ends = torch.tensor([given[name] for name in model.parameters], dtype=torch.float64).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]


def defined(lik: Likelihood, model: Cosmology, params: Tensor, read: str, outside: float) -> Tensor:
    """``chi2`` or ``log_likelihood`` of a batch, with ``outside`` where the model is not defined."""
    inside = model.admissible(lik.sample.z_cmb, params)
    values = torch.full((len(params),), outside, dtype=torch.float64)
    if bool(inside.any()):
        with torch.no_grad():
            values[inside] = getattr(lik, read)(model, params[inside])
    return values


def held(lik: Likelihood) -> float:
    """How sharply a prior holds the offset: not at all, as its standard deviation says, or wholly."""
    return 0.0 if isinstance(lik.offset, str) else 1 / lik.offset.sd**2 if hasattr(lik.offset, "sd") else np.inf


def posterior(
    lik: Likelihood, model: Cosmology, draws: Draws, random: np.random.RandomState, best: Draws | None = None
) -> dict[str, Draws]:
    """Draws (n, k) of the parameters by name, and of the offset, which is Gaussian about ``best (n,)`` of each."""
    if best is None:
        distinct, where = np.unique(draws, axis=0, return_inverse=True)  # a walker that stays is computed once
        with torch.no_grad():
            best = lik.best_offset(model, torch.from_numpy(distinct)).numpy()[where.reshape(-1)]
    spread = random.standard_normal(len(draws)) / np.sqrt(lik.E + held(lik))
    columns = {name: draws[:, at] for at, name in enumerate(model.parameters)}
    return {**columns, "offset": best + spread}
