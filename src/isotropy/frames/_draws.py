"""Which draw a call makes: the next one, and the same again where a checkpoint runs the call a second time."""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import NonDeterministicError

_KEPT = 1024
"""Inputs that are remembered until the backward pass."""


def next_draw(seen: OrderedDict[tuple[Any, ...], list[int]], count: Tensor, x: Any) -> int:
    """The number of a call at ``x``: that of ``count``, which goes on, or, in a backward pass, of the call it repeats.

    ``torch.utils.checkpoint`` runs a call twice, the second time within the backward pass: the gradient belongs to the
    value only if both draw the same. The call is known by its inputs, the numbers of which are kept in ``seen``. Raises
    NonDeterministicError where a backward pass repeats a call with inputs that were not seen before.

    >>> seen, count = OrderedDict(), torch.zeros((), dtype=torch.int64)
    >>> next_draw(seen, count, torch.ones(2)), next_draw(seen, count, torch.ones(2)), int(count)
    (0, 1, 2)
    """
    key = _key(x)
    if torch._C._current_graph_task_id() != -1:  # a backward pass is running, within which a checkpoint calls again
        if key not in seen:
            raise NonDeterministicError(
                "a checkpoint that repeats a stochastic call with other inputs", "the same inputs", "no checkpoint here"
            )
        numbers = seen[key]
        return numbers.pop() if len(numbers) > 1 else numbers[0]
    number = int(count)
    count += 1
    seen.setdefault(key, []).append(number)
    seen.move_to_end(key)
    del seen[key][:-_KEPT]
    while len(seen) > _KEPT:
        seen.popitem(last=False)
    return number


def _key(x: Any) -> tuple[Any, ...]:
    leaves = [part.detach() for part in tree.tree_leaves(x) if isinstance(part, Tensor)]
    return tuple((tuple(part.shape), *_sums(part)) for part in leaves)


def _sums(part: Tensor) -> tuple[float, float]:
    flat = part.double().flatten() if not part.is_complex() else torch.view_as_real(part).double().flatten()
    place = torch.arange(1, len(flat) + 1, dtype=torch.float64, device=flat.device).to(flat)
    return float(flat.sum()), float((flat * place.sqrt()).sum())
