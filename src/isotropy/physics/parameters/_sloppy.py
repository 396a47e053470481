"""Directions of parameters ranked by what data say about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.physics.parameters._jacobian import Model, checked, jacobian, whitened


@dataclass(frozen=True)
class Sloppy:
    """``directions (p, p)``, one a row, and ``singular_values (p,)``, descending: standard deviations per unit step.

    A step of ``1 / singular_value`` along a direction changes chi2 by 1; a value near 0 is a direction the data do not
    see, and no rank is decided. Components are in units of ``scale``.
    """

    singular_values: Float[Tensor, " p"]
    directions: Float[Tensor, "p p"]


def sloppy_directions(
    model: Model,
    theta: Tensor,
    *,
    weights: Tensor,
    project: Literal["offset"] | Tensor | None = None,
    scale: Tensor | None = None,
) -> Sloppy:
    """The singular values of the whitened derivative of ``model`` at ``theta (p,)``: stiff directions first.

    ``weights`` are one over the errors (n,), or a matrix (n, n) that makes the errors independent (the inverse of a
    Cholesky factor). ``project`` removes nuisance directions first: "offset", a constant added to all predictions, or
    vectors (n, m). ``scale (p,)`` are the units in which steps of parameters compare, such as prior widths; by default
    the user's.

    Raises ShapeError, DtypeError, DomainError for sizes, integers and values that are not finite.
    Source: Transtrum, Machta, Sethna 2011; specification 07 §2.4.

    >>> t = torch.linspace(0.1, 3.0, 30, dtype=torch.float64)
    >>> decays = lambda k: torch.exp(-k[0] * t) + torch.exp(-k[1] * t)
    >>> found = sloppy_directions(decays, torch.tensor([1.0, 1.1]).double(), weights=torch.full((30,), 100.0))
    >>> found.directions[0].round(decimals=2), bool(found.singular_values[0] > 20 * found.singular_values[1])
    (tensor([0.7500, 0.6600], dtype=torch.float64), True)
    """
    theta = checked(theta, 1)
    J = jacobian(model, theta)
    if scale is not None:
        if scale.shape != theta.shape or not bool((scale > 0).all()):
            raise DomainError(f"scale {scale.tolist()}", f"{counted(len(theta), 'positive unit')} of the parameters")
        J = J * scale.to(J)
    J = whitened(J, weights)
    if project is not None:
        if isinstance(project, str):
            if project != "offset":
                raise DomainError(f"project={project!r}", "'offset', or vectors (n, m)")
            nuisance = torch.ones(len(J), 1, dtype=J.dtype)
        else:
            nuisance = project.to(J)
            if nuisance.ndim != 2 or len(nuisance) != len(J):
                raise ShapeError(f"vectors of shape {tuple(nuisance.shape)}", f"({len(J)}, m)")
        nuisance = whitened(nuisance, weights)
        nuisance = nuisance / nuisance.norm(dim=0).clamp_min(torch.finfo(J.dtype).tiny)
        U, s, _ = torch.linalg.svd(nuisance, full_matrices=False)
        Q = U[:, s > 1e-12 * s[:1]]  # of dependent vectors the rest is rounding, which points anywhere
        J = J - Q @ (Q.mT @ J)
    _, S, Vh = torch.linalg.svd(J, full_matrices=True)
    values = torch.cat([S, S.new_zeros(len(theta) - len(S))])
    peak = Vh.gather(1, Vh.abs().argmax(1, keepdim=True))
    return Sloppy(values, Vh * torch.where(peak < 0, -1.0, 1.0))
