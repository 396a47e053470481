"""Derivatives of a model by its parameters, exact, one direction at a time: models may look at their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError

Model = Callable[[Tensor], Tensor]


def jacobian(model: Model, theta: Float[Tensor, " p"]) -> Float[Tensor, "n p"]:
    """d model / d theta at ``theta (p,)`` for ``model: (p,) -> (n,)``, by forward mode; backward where there is none.

    Raises ShapeError for other outputs, DomainError where the model or its derivative is not finite.
    """
    value = model(theta).detach()
    if value.ndim != 1:
        raise ShapeError(f"a model with values of shape {tuple(value.shape)}", "(n,), for parameters (p,)")
    try:
        slopes: list[Tensor] = []
        for direction in torch.eye(len(theta), dtype=theta.dtype):
            _, slope = cast(tuple[Tensor, Tensor], torch.func.jvp(model, (theta,), (direction,)))
            slopes.append(slope)
        found = torch.stack(slopes, 1).detach()
    except NotImplementedError:  # an operation of the model has no forward rule
        start = theta.clone().requires_grad_()
        found = torch.stack([torch.autograd.grad(one, start, retain_graph=True)[0] for one in model(start)])
    for what, numbers in (("model", value), ("derivative of the model", found)):
        if not bool(numbers.isfinite().all()):
            raise DomainError(
                f"a {what} that is not finite at {theta.tolist()}", "finite values", "choose other points"
            )
    return found


def checked(thetas: Tensor, ndim: int) -> Tensor:
    """Parameters in float64. Raises DtypeError for integers, ShapeError, DomainError for NaN or infinity."""
    if not thetas.is_floating_point():
        raise DtypeError(f"parameters of dtype {thetas.dtype}", "float32 or float64", "write 2.0 for 2")
    if thetas.ndim != ndim or not thetas.numel():
        raise ShapeError(f"parameters of shape {tuple(thetas.shape)}", "(K, p)" if ndim == 2 else "(p,)")
    if not bool(thetas.isfinite().all()):
        raise DomainError("parameters that are NaN or infinite", "finite ones")
    return thetas.detach().double()


def whitened(columns: Float[Tensor, "n m"], weights: Tensor | None) -> Float[Tensor, "n m"]:
    """Rows times ``weights``: one over the error of each, or a matrix that makes the errors independent."""
    if weights is None:
        return columns
    n = len(columns)
    if weights.shape not in ((n,), (n, n)):
        raise ShapeError(f"weights of shape {tuple(weights.shape)}", f"({n},), or ({n}, {n}) for correlated errors")
    weights = weights.to(columns)
    return weights[:, None] * columns if weights.ndim == 1 else weights @ columns
