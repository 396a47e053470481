"""Where the memory of a model of blocks goes, and what time less of it would cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import torch
from torch import nn

from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.optics import Chain, Profile
from isotropy.optics.parts import chain_in
from isotropy.report import Block, Column, Curve, Curves, Memory, Result, Table, Text, section

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
    """What each layer keeps, and extra time against bytes: all predicted from a profile on ``rows_seen`` rows.

    ``layers`` are what the blocks keep, ``points`` budgets down to the least and what their plans are predicted to
    take, ``smallest`` the plan for the least in words; ``seconds`` this took.
    ``half`` is the plan for half the memory, or the smallest there is, with measured bytes over predicted ones;
    ``blocks_of`` the name of the blocks in a model that is more than them.
    """

    kind: ClassVar[str] = "memory"
    rows_seen: int = 0
    layers: tuple[Layer, ...] = ()
    points: tuple[Point, ...] = ()
    smallest: str = ""
    blocks_of: str = ""
    half: Memory | None = None

    def title(self) -> str:
        return "Where the memory goes"

    def summary(self) -> Table:
        columns = (Column("layer"), Column("keeps", "number", "kB"), Column("output", "number", "kB"),
                   Column("forward", "number", "ms"))  # fmt: skip
        cells = [(one.name, one.keeps / 1e3, one.output / 1e3, 1e3 * one.seconds) for one in self.layers]
        whole, least = self.points[0], self.points[-1]
        slower = least.seconds / whole.seconds
        note = (
            f"{self.blocks_of or 'all'} on {counted(self.rows_seen, 'row')}, predicted: "
            f"{whole.budget / 1e6:.3g} MB keep everything; "
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
        least = Text(self.smallest, title="The smallest budget", style="details")
        return section("Memory", curve, *([] if self.half is None else [self.half]), self.summary(), least)


def memory_look(model: Any, x: torch.Tensor, blocks: str | None = None) -> MemoryLook:
    """Profiles blocks of a model on rows ``x (n, ...)`` and plans for budgets down to the smallest.

    ``model`` is what ``optics.fit_in_memory`` takes: an ``nn.Sequential``, a list of blocks, or a module that calls the
    blocks which ``blocks="encoder.layers"`` names one after the other (found where there is one such list).

    Raises SchemaError for a model of which no blocks are found, or fewer than two.

    >>> net = nn.Sequential(*[nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 4)) for _ in range(6)])
    >>> look = memory_look(net, torch.ones(64, 4))
    >>> look.points[0].recomputed, look.points[-1].recomputed > 0
    (0, True)
    """
    began = time.perf_counter()
    chain, value, name = _chain_of(model, x, blocks)
    profile = chain.profile(value)
    whole, least = profile.plan(), profile.plan(min_budget=True)
    shares = [share for share in _SHARES if share * whole.predicted.peak_bytes > least.budget]
    plans = [whole, *(profile.plan(fraction=share) for share in shares), least]
    budgets = [whole.predicted.peak_bytes, *(plan.budget for plan in plans[1:])]
    layers = zip(chain.names, profile.residual, profile.output, profile.forward, strict=True)
    return MemoryLook(
        rows_seen=len(x),
        layers=tuple(Layer(*one) for one in layers),
        points=tuple(
            Point(budget, plan.predicted.seconds, plan.predicted.recomputed)
            for budget, plan in zip(budgets, plans, strict=True)
        ),
        smallest=least.explain(),
        blocks_of=name,
        half=_half(chain, profile, value),
        seconds=time.perf_counter() - began,
    )


def _half(chain: Chain, profile: Profile, value: Any) -> Memory:
    """The picture of the plan for half the memory, or for the least, with what its steps were measured to take."""
    least = profile.plan(min_budget=True)
    half = 0.5 * profile.plan().predicted.peak_bytes
    plan = profile.plan(half) if half > least.budget else least
    share = "half the memory" if half > least.budget else "the least memory"
    return replace(plan.picture(chain.watch(value, plan)), title=f"A plan for {share}")


def _chain_of(model: Any, x: torch.Tensor, blocks: str | None) -> tuple[Chain, Any, str]:
    """The blocks as a chain, the value that goes into the first of them, and what they are called."""
    if blocks is None and not isinstance(model, nn.Module) and isinstance(model, Sequence):
        model = nn.Sequential(*cast(Sequence[nn.Module], model))
    if not isinstance(model, nn.Module):
        raise SchemaError(f"the memory of a {type(model).__name__}", "an nn.Module, or a list of blocks")
    try:
        chain, value, name = chain_in(model, x, blocks)
    except (DomainError, ShapeError) as error:
        raise SchemaError(f"the memory of {error.given}", error.expected, error.hint) from error
    if len(chain) < 2:
        raise SchemaError(f"the memory of {len(chain)} block", "two blocks or more", "--blocks name.of.blocks")
    return chain, value, name
