"""A model whose chain of blocks runs by a plan, and is the same model in every other respect."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from isotropy.optics._again import autocast_now, mode_of
from isotropy.optics._budget import InfeasibleBudget, in_words, read_bytes
from isotropy.optics._chain import Chain
from isotropy.optics._measuring import as_input, shape_of
from isotropy.optics._meter import StepMeter
from isotropy.optics._plan import Plan
from isotropy.optics._profile import Profile
from isotropy.optics._run import asks

STORE_OR_RECOMPUTE = ("store", "recompute")


@dataclass
class Planner:
    """The plans of one chain, one for each kind of input: made when it comes for the first time, then kept.

    ``budget`` is that of the whole model, ``outside`` what its other parts take when the chain takes most; without a
    budget the smallest is taken. ``plan`` is the one that ran last; a ``watch`` is told its steps.
    """

    budget: float | None
    allow: Collection[str] = STORE_OR_RECOMPUTE
    debug: bool = False
    outside: float = 0.0
    plan: Plan | None = None
    watch: StepMeter | None = None
    _profiles: dict[Any, Profile] = field(default_factory=dict)
    _plans: dict[Any, Plan] = field(default_factory=dict)

    def run(self, chain: Chain, x: Any) -> Any:
        """The chain on ``x``, by the plan for such an input."""
        if not torch.is_grad_enabled():
            return chain.run(x)
        kind = shape_of(x), tuple(asks(x)), tuple(map(mode_of, chain.modules)), tuple(autocast_now((x,)))
        if kind not in self._profiles:
            with as_input(f"an input of {shape_of(x) or type(x).__name__}", "one of this model"):
                self._profiles[kind] = chain.profile(x)
        if kind not in self._plans:
            self._plans[kind] = self._made(self._profiles[kind])
        self.plan = self._plans[kind]
        if self.watch is None:
            return chain.run(x, self.plan, debug=self.debug)
        self.watch.run()
        return chain.run(x, self.plan, debug=self.debug, begins=self.watch.begins)

    def replan(self, budget: float | None, outside: float = 0.0) -> None:
        """From here on another budget."""
        self.budget, self.outside = budget, outside
        self._plans.clear()

    def _made(self, profile: Profile) -> Plan:
        if self.budget is None:
            return profile.plan(min_budget=True, allow=self.allow)
        try:
            return profile.plan(max(0.0, self.budget - self.outside), allow=self.allow)
        except InfeasibleBudget as error:
            least = error.minimum + self.outside
            beside = f"; {in_words(self.outside)} more are taken outside of the blocks" if self.outside else ""
            raise InfeasibleBudget(
                f"a budget of {in_words(self.budget)}",
                f"at least {in_words(math.ceil(least))} ({math.ceil(least)} bytes)",
                error.hint + beside,
                minimum=least,
                layer=error.layer,
            ) from error


class Planned:
    """What runs its blocks by the plans of a ``planner``."""

    planner: Planner

    @property
    def plan(self) -> Plan | None:
        """The plan by which it ran last."""
        return self.planner.plan


class InMemory(Planned, nn.Sequential):
    """Blocks one after the other, by a plan; parameters and their names are those of the ``nn.Sequential`` before."""

    def __init__(self, blocks: Mapping[str, nn.Module], planner: Planner) -> None:
        super().__init__()
        for name, block in blocks.items():
            self.add_module(name, block)
        self.planner = planner

    def forward(self, x: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.planner.run(chain_of(self._modules), x)


class InMemoryList(Planned, nn.ModuleList):
    """Blocks of a module that calls them in a loop: the loop has one turn, in which all run by a plan."""

    def __init__(self, blocks: Iterable[nn.Module], planner: Planner) -> None:
        super().__init__(blocks)
        self.planner = planner

    def __iter__(self) -> Iterator[nn.Module]:
        # Not a module of its own: it would have to be in the tree of modules, with names.
        yield self._all  # pyright: ignore[reportReturnType]

    def _all(self, x: Any, *more: Any, **named: Any) -> Any:
        return self.planner.run(chain_of(self._modules, more, named), x)


class InMemoryOrder(Planned, nn.Module):
    """A module that tells by ``layers_in_order()`` what it does: the same modules under the same names, by a plan."""

    def __init__(self, model: nn.Module, layers: Sequence[Callable[[Any], Any]], planner: Planner) -> None:
        super().__init__()
        for name, part in model._modules.items():
            self.add_module(name, part)
        for name, parameter in model._parameters.items():
            self.register_parameter(name, parameter)
        self.planner, self.layers = planner, list(layers)
        self.training = model.training  # not train(): the parts are shared, and some of them may be frozen

    def forward(self, x: Any) -> Any:
        return self.planner.run(Chain(self.layers), x)


def in_order(model: nn.Module) -> list[Callable[[Any], Any]] | None:
    """The layers of a module that says what it does by them; None where there is more to it: buffers, hooks."""
    told: Callable[[], Iterable[Any]] | None = getattr(model, "layers_in_order", None)
    more = [one for one in model._buffers.values() if one is not None]
    more += [*model._forward_hooks.values(), *model._forward_pre_hooks.values()]
    return list(told()) if told is not None and not more else None


def chain_of(
    blocks: Mapping[str, nn.Module | None], more: tuple[Any, ...] = (), named: Mapping[str, Any] | None = None
) -> Chain:
    """The chain of some modules, each of which receives the same further arguments."""
    found = [(name, block) for name, block in blocks.items() if block is not None]
    names = [f"{name} ({type(block).__name__})" for name, block in found]
    if not more and not named:
        return Chain([block for _, block in found], names)
    return Chain([_Bound(block, more, dict(named or {})) for _, block in found], names)


@dataclass(frozen=True)
class _Bound:
    """A block with further arguments that are the same for all."""

    module: nn.Module
    more: tuple[Any, ...]
    named: dict[str, Any]

    def __call__(self, x: Any) -> Any:
        return self.module(x, *self.more, **self.named)

    @property
    def recompute_safe(self) -> bool:
        return bool(getattr(self.module, "recompute_safe", True))


def read_budget(budget: str | float | None) -> float | None:
    """Bytes, or None for the smallest budget."""
    return None if budget is None else read_bytes(budget)
