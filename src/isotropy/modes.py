"""Modules in evaluation for a while, and afterwards each part in its own mode again."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from torch import nn


class Remembering(nn.Module):
    """A base of norms, beside torch's own, that move averages by the rows they see in train mode.

    Called with ``weight (rows,)`` they count rows by it. Who shows a model copies of what it is to see, or some of
    them at a time, knows by it what would remember these. In eval mode nothing is remembered.
    """


@contextmanager
def modes_kept(model: Any) -> Generator[None]:
    """Whatever happens to the modes of a module, each of its parts has its own again afterwards.

    ``model.train()`` alone would wake parts that were put in eval mode on purpose, such as a frozen batch norm. What
    is no module has no mode.
    """
    if not isinstance(model, nn.Module):
        yield
        return
    modes = [(part, part.training) for part in model.modules()]
    try:
        yield
    finally:
        # Where nothing changed, nothing is set: of small models that would be a tenth of a step of dynamics.
        if any(part.training is not training for part, training in modes):
            # First as a whole: some modules do more than set a flag when they change their mode.
            model.train(modes[0][1])
            for part, training in modes:
                part.training = training


@contextmanager
def evaluating(model: Any) -> Generator[None]:
    """A module in eval mode; afterwards each of its parts in the mode that it was in.

    >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2).eval())
    >>> with evaluating(net):
    ...     net.training
    False
    >>> net[0].training, net[1].training
    (True, False)
    """
    with modes_kept(model):
        if isinstance(model, nn.Module) and any(part.training for part in model.modules()):
            model.eval()
        yield
