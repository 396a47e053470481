"""Batch norm inside a frame: a cloud counts once, whatever the number of poses in which it is seen."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from isotropy.errors import DomainError, counted
from isotropy.linalg import Segments
from isotropy.modes import Remembering

_EVEN = 1e-6  # relative: weights of one size are equal to rounding


def batch_norms(model: Any) -> dict[str, _BatchNorm | Remembering]:
    """The batch norms of a model, and others that remember, that take statistics of what they see, by name."""
    parts = model.named_modules() if isinstance(model, nn.Module) else ()
    return {name: part for name, part in parts if isinstance(part, _BatchNorm | Remembering) and part.training}


def uneven(weight: Float[Tensor, " P"]) -> bool:
    """Whether some copies count more than others, as those of clouds in few poses do."""
    w = weight.detach()
    return bool(w.numel()) and bool(w.max() - w.min() > _EVEN * w.max())


@contextmanager
def counted_once(model: Any, weight: Tensor, inner: Segments | None) -> Generator[None, None, None]:
    """While it lasts, batch norms of ``model`` in train mode weigh copies by ``weight (P,)``, unless it is even.

    Raises DomainError where a batch norm sees rows that cannot be told to belong to copies.
    """
    norms = batch_norms(model)
    if not norms or not uneven(weight):
        yield
        return
    with ExitStack() as stack:
        for name, part in norms.items():
            stack.enter_context(_replaced(part, _weighted(name, part, weight, inner)))
        yield


@contextmanager
def _replaced(part: nn.Module, forward: Callable[[Tensor], Tensor]) -> Generator[None, None, None]:
    own = part.__dict__.get("forward")
    part.__dict__["forward"] = forward
    try:
        yield
    finally:
        if own is None:
            del part.__dict__["forward"]
        else:
            part.__dict__["forward"] = own


def _weighted(
    name: str, norm: _BatchNorm | Remembering, weight: Tensor, inner: Segments | None
) -> Callable[[Tensor], Tensor]:
    if isinstance(norm, Remembering):
        own = norm.forward
        return lambda x: own(x, _of_rows(name, len(x), weight, inner))

    def forward(x: Tensor) -> Tensor:
        w = _of_rows(name, len(x), weight, inner).to(torch.promote_types(x.dtype, torch.float32))
        w = w / w.sum()
        z = x.to(w.dtype)
        per_channel = x.numel() // max(x.shape[1], 1)
        each = z.flatten(2).mean(-1) if x.ndim > 2 else z
        mean = w @ each
        shape = (1, -1, *[1] * (x.ndim - 2))
        off = z - mean.reshape(shape)
        square = off.square().flatten(2).mean(-1) if x.ndim > 2 else off.square()
        variance = w @ square
        _remember(norm, mean.detach(), variance.detach(), per_channel)
        y = off * (variance.reshape(shape) + norm.eps).rsqrt()
        if norm.affine:
            y = y * norm.weight.reshape(shape) + norm.bias.reshape(shape)
        return y.to(x.dtype)

    return forward


def _remember(norm: _BatchNorm, mean: Tensor, variance: Tensor, values: int) -> None:
    """Running statistics, as torch keeps them."""
    if not norm.track_running_stats or norm.running_mean is None or norm.running_var is None:
        return
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked += 1
    rate = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean.to(norm.running_mean), rate)
    norm.running_var.lerp_((variance * values / max(values - 1, 1)).to(norm.running_var), rate)


def _of_rows(name: str, rows: int, weight: Tensor, inner: Segments | None) -> Tensor:
    """The weight of each row that a batch norm sees: a copy, a point of one, or one of equally many parts of one."""
    if inner is not None and rows == len(inner.label):
        return weight[inner.label]
    if inner is None and len(weight) and rows % len(weight) == 0:
        return weight.repeat_interleave(rows // len(weight))
    if rows == len(weight):
        return weight
    raise DomainError(
        f"batch norm ({name}) over {counted(rows, 'row')}, which are no copies of clouds in differently many poses",
        f"{counted(len(weight), 'row')}, or as many for each",
        'use LayerNorm, or mode="stochastic"',
    )
