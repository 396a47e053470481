"""A Lagrangian as a function L(q, v) of rows: momenta, energy, the equations of motion, and their solution for a."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import grad, hessian, jacfwd, jvp, vmap

Lagrangian = Callable[[Tensor, Tensor], Tensor]
"""L(q (B, d), v (B, d)) -> (B,) or (B, 1), each row by itself: a module, trained or not, or any such function."""

Rows = Float[Tensor, "B d"]


def value(L: Lagrangian, q: Rows, v: Rows) -> Float[Tensor, " B"]:
    """L of each row."""
    found = L(q, v)
    return found[:, 0] if found.ndim == 2 else found


def slopes(L: Lagrangian, q: Rows, v: Rows) -> tuple[Float[Tensor, " B"], Rows, Rows]:
    """L, dL/dq and the momenta dL/dv of each row, in one gradient; constants of what was to be trained."""
    q, v = q.detach().requires_grad_(), v.detach().requires_grad_()
    with torch.enable_grad():
        L_of = value(L, q, v)
        by_q, by_v = torch.autograd.grad(L_of.sum(), (q, v), allow_unused=True)
    zero = torch.zeros_like(q)
    return L_of.detach(), zero if by_q is None else by_q, zero if by_v is None else by_v


def energy(L: Lagrangian, q: Rows, v: Rows) -> Float[Tensor, " B"]:
    """v . dL/dv - L."""
    L_of, _, p = slopes(L, q, v)
    return (v * p).sum(-1) - L_of


def euler(L: Lagrangian, q: Rows, v: Rows, a: Rows) -> Rows:
    """E(L) = dL/dq - d/dt dL/dv along a motion that has these accelerations; zero where the equations hold."""

    def momenta(q: Tensor, v: Tensor) -> Tensor:
        return grad(lambda w: value(L, q, w).sum())(v)

    _, by_q, _ = slopes(L, q, v)
    return (by_q - jvp(momenta, (q, v), (v, a))[1]).detach()


def accelerations(L: Lagrangian, q: Rows, v: Rows) -> Rows:
    """The a that solves E(L) = 0, where d2L/dv2 is regular; gradients pass through, for training on it.

    >>> def spring(q, v):
    ...     return (v.square() - 4 * q.square()).sum(-1) / 2
    >>> accelerations(spring, torch.tensor([[1.0, 0.5]]), torch.zeros(1, 2)).tolist()
    [[-4.0, -2.0]]
    """

    def single(q: Tensor, v: Tensor) -> Tensor:
        return value(L, q[None], v[None])[0]

    def solved(q: Tensor, v: Tensor) -> Tensor:
        mass = hessian(single, argnums=1)(q, v)
        mixed = jacfwd(grad(single, argnums=1), argnums=0)(q, v)
        return torch.linalg.solve(mass, grad(single)(q, v) - mixed @ v)

    return vmap(solved)(q, v)
