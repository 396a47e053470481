"""A Lagrangian as a function L(q, v) of rows: momenta, energy, the equations of motion, and their solution for a."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import grad, jvp, vmap

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
    _, by_q, _ = slopes(L, q, v)
    return (by_q - jvp(partial(_momenta, L), (q, v), (v, a))[1]).detach()


def _momenta(L: Lagrangian, q: Rows, v: Rows) -> Rows:
    """dL/dv, in a form that transforms of torch.func pass through."""
    return grad(lambda w: value(L, q, w).sum())(v)


@dataclass(frozen=True, eq=False)
class Equations:
    """E(L) = 0 solved for the ``accelerations (B, d)``; ``mass[b, i, j]`` is d2L/dv_i dv_j, ``mixed`` d2L/dv_i dq_j."""

    accelerations: Rows
    mass: Float[Tensor, "B d d"]
    mixed: Float[Tensor, "B d d"]


def equations(L: Lagrangian, q: Rows, v: Rows) -> Equations:
    """The equations of motion of each row, where d2L/dv2 is regular; gradients pass to what L depends on, for training.

    Each column of the momenta is derived once for all rows: several times faster than Hessians row by row.
    """
    with torch.enable_grad():
        q, v = (part if part.requires_grad else part.detach().requires_grad_() for part in (q, v))
        force, p = _derived(value(L, q, v), q, v)
        both = [_derived(p[:, j], q, v) for j in range(q.shape[1])]
        mixed, mass = (torch.stack(part, 1) for part in zip(*both, strict=True))
        a = torch.linalg.solve(mass, force - (mixed @ v[..., None])[..., 0])
    return Equations(a, mass, mixed)


def _derived(f: Float[Tensor, " B"], q: Rows, v: Rows) -> tuple[Rows, Rows]:
    """The derivatives of f by q and by v, of each row; zero where it does not depend on them."""
    if not f.requires_grad:
        return torch.zeros_like(q), torch.zeros_like(v)
    by_q, by_v = torch.autograd.grad(f.sum(), (q, v), create_graph=True, allow_unused=True, materialize_grads=True)
    return by_q, by_v


def accelerations(L: Lagrangian, q: Rows, v: Rows) -> Rows:
    """The a that solves E(L) = 0, where d2L/dv2 is regular; gradients and transforms of torch.func pass through.

    >>> def spring(q, v):
    ...     return (v.square() - 4 * q.square()).sum(-1) / 2
    >>> accelerations(spring, torch.tensor([[1.0, 0.5]]), torch.zeros(1, 2)).tolist()
    [[-4.0, -2.0]]
    """
    force = grad(lambda u: value(L, u, v).sum())(q)

    def column(e: Tensor) -> Tensor:
        return jvp(lambda w: _momenta(L, q, w), (v,), (e.expand_as(v),))[1]

    mass = vmap(column, out_dims=2)(torch.eye(q.shape[1], dtype=v.dtype, device=v.device))
    drift = jvp(lambda u: _momenta(L, u, v), (q,), (v,))[1]
    return torch.linalg.solve(mass, force - drift)
