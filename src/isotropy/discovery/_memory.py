"""Where the memory of a sequential model goes, and what time less of it would cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from isotropy.errors import SchemaError
from isotropy.optics import Chain
from isotropy.report import Block, Column, Curve, Curves, Result, Table, Text, section

_SHARES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)


@dataclass(frozen=True)
class Layer:
    """Bytes that one layer keeps for its backward pass, bytes of its output, and seconds of its forward."""

    name: str
    keeps: float
    output: float
    seconds: float


@dataclass(frozen=True)
class Point:
    """A budget in bytes and what the plan for it is predicted to take: seconds, and forwards that run again."""

    budget: float
    seconds: float
    recomputed: int


@dataclass(frozen=True, kw_only=True)
class MemoryLook(Result):
    """What each layer keeps, and extra time against bytes: all predicted from a profile on ``rows`` rows."""

    kind: ClassVar[str] = "memory"
    rows_seen: int = 0
    layers: tuple[Layer, ...] = ()
    points: tuple[Point, ...] = ()
    smallest: str = ""

    def title(self) -> str:
        return "Where the memory goes"

    def summary(self) -> Table:
        columns = (Column("layer"), Column("keeps", "number", "kB"), Column("output", "number", "kB"),
                   Column("forward", "number", "ms"))  # fmt: skip
        cells = [(one.name, one.keeps / 1e3, one.output / 1e3, 1e3 * one.seconds) for one in self.layers]
        whole, least = self.points[0], self.points[-1]
        slower = least.seconds / whole.seconds
        note = (
            f"on {self.rows_seen} rows, predicted: {whole.budget / 1e6:.3g} MB keep everything; "
            f"{least.budget / 1e6:.3g} MB are the least, for {slower:.2f} times the time"
        )
        return Table(columns, cells, notes=(note,))

    def blocks(self) -> Sequence[Block]:
        whole = self.points[0]
        x = [point.budget / whole.budget for point in reversed(self.points)]
        y = [point.seconds / whole.seconds - 1 for point in reversed(self.points)]
        curve = Curves(
            (Curve("predicted", x, y),), xlabel="peak, share of that of keeping everything", ylabel="extra time",
            percent=True, title="What less memory costs",
            caption="For each budget the fastest schedule that keeps a stored value until it is used.",
        )  # fmt: skip
        return section(
            "Memory", curve, self.summary(), Text(self.smallest, title="The smallest budget", style="details")
        )


def memory_look(model: Any, x: torch.Tensor) -> MemoryLook:
    """Profiles an ``nn.Sequential`` on rows ``x (n, ...)`` and plans for budgets down to the smallest.

    Raises SchemaError for a model that is no ``nn.Sequential`` of two layers at least.

    >>> net = nn.Sequential(*[nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 4)) for _ in range(6)])
    >>> look = memory_look(net, torch.ones(64, 4))
    >>> look.points[0].recomputed, look.points[-1].recomputed > 0
    (0, True)
    """
    if not isinstance(model, nn.Sequential) or len(model) < 2:
        raise SchemaError(
            f"the memory of a {type(model).__name__}", "an nn.Sequential of its blocks",
            "of other models: optics.fit_in_memory(model, example, blocks='name.of.blocks').plan.explain()",
        )  # fmt: skip
    began = time.perf_counter()
    named = [f"{name} ({type(part).__name__})" for name, part in model.named_children()]
    profile = Chain(model, named).profile(x)
    whole, least = profile.plan(), profile.plan(min_budget=True)
    shares = [share for share in _SHARES if share * whole.predicted.peak_bytes > least.budget]
    plans = [whole, *(profile.plan(fraction=share) for share in shares), least]
    budgets = [whole.predicted.peak_bytes, *(plan.budget for plan in plans[1:])]
    layers = zip(named, profile.residual, profile.output, profile.forward, strict=True)
    return MemoryLook(
        rows_seen=len(x),
        layers=tuple(Layer(*one) for one in layers),
        points=tuple(
            Point(budget, plan.predicted.seconds, plan.predicted.recomputed)
            for budget, plan in zip(budgets, plans, strict=True)
        ),
        smallest=least.explain(),
        seconds=time.perf_counter() - began,
    )
