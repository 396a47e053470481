"""Derivatives of a function that reads each row by itself, in reverse mode: one pass for each output, not direction."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

_ROWS = 1_024  # rows whose graph is held at once
_TOGETHER = 4_096  # outputs times rows, up to which all outputs take one pass


def slopes(f: Callable[[Tensor], Tensor], x: Float[Tensor, "n p"]) -> Float[Tensor, "n q p"]:
    """The Jacobian of ``f`` at each row, where row i of f(x) depends on row i of x alone.

    Forward mode takes one pass for each direction, and by way of torch.func each of its passes costs several.
    A function that torch sees no derivative of has slopes 0.

    >>> slopes(lambda x: x[:, :1] * x[:, 1:], torch.tensor([[2.0, 3.0]])).tolist()
    [[[3.0, 2.0]]]
    """
    with torch.no_grad():
        outputs = f(x[:1]).shape[-1]
    if outputs * len(x) <= _TOGETHER:
        return _together(f, x, outputs)
    found: list[Tensor] = []
    for rows in x.detach().split(_ROWS):
        with torch.enable_grad():
            at = rows.clone().requires_grad_()
            columns = f(at).unbind(-1)
            zero = torch.zeros_like(rows)
            each = [
                torch.autograd.grad(column.sum(), at, retain_graph=True, allow_unused=True)[0] if column.requires_grad
                else None for column in columns
            ]  # fmt: skip
        found.append(torch.stack([zero if slope is None else slope for slope in each], 1))
    return torch.cat(found)


def _together(f: Callable[[Tensor], Tensor], x: Float[Tensor, "n p"], outputs: int) -> Float[Tensor, "n q p"]:
    """One pass over a copy of the rows for each output: of a short table, calls cost more than numbers."""
    with torch.enable_grad():
        at = x.detach().repeat(outputs, 1).requires_grad_()
        own = f(at).unflatten(0, (outputs, -1)).diagonal(dim1=0, dim2=2)
        slope = torch.autograd.grad(own.sum(), at, allow_unused=True)[0] if own.requires_grad else None
    return (torch.zeros_like(at) if slope is None else slope).detach().unflatten(0, (outputs, -1)).transpose(0, 1)
