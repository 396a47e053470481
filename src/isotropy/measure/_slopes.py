"""Derivatives of a function that reads each row by itself, in reverse mode: one pass for each output, not direction."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

_ROWS = 1_024  # rows whose graph is held at once


def slopes(f: Callable[[Tensor], Tensor], x: Float[Tensor, "n p"]) -> Float[Tensor, "n q p"]:
    """The Jacobian of ``f`` at each row, where row i of f(x) depends on row i of x alone.

    Forward mode takes one pass for each direction, and by way of torch.func each of its passes costs several.
    A function that torch sees no derivative of has slopes 0.

    >>> slopes(lambda x: x[:, :1] * x[:, 1:], torch.tensor([[2.0, 3.0]])).tolist()
    [[[3.0, 2.0]]]
    """
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
