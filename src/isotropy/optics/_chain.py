"""A chain of layers: what each takes, and a run of it that keeps to a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.optics._again import Again, modules_of
from isotropy.optics._measuring import measure_layers, shape_of, watch_layers
from isotropy.optics._plan import Plan
from isotropy.optics._profile import Profile
from isotropy.optics._run import Rest


class Chain:
    """``layers`` of which each takes what the one before it gives: a tensor, or a tree of tensors.

    A layer is a module or another callable; a residual block is one layer. What a layer shows of itself in an attribute
    ``recompute_safe = False`` is heeded: it runs forward once only. ``names`` are for people, by default numbers with
    the class.

    Raises DomainError for layers that cannot be called.

    >>> from torch import nn
    >>> chain = Chain([nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)])
    >>> x = torch.ones(4, 2)
    >>> plan = chain.profile(x).plan(min_budget=True)
    >>> chain.run(x, plan).sum().backward()
    >>> chain.layers[0].weight.grad.shape
    torch.Size([8, 2])
    """

    def __init__(self, layers: Iterable[Callable[[Any], Any]], names: Sequence[str] | None = None) -> None:
        self.layers = list(layers)
        self.names = list(names or (f"{i} ({_class(layer)})" for i, layer in enumerate(self.layers)))
        wrong = [i for i, layer in enumerate(self.layers) if not callable(layer)]
        if wrong:
            raise DomainError(f"{type(self.layers[wrong[0]]).__name__} as layer {wrong[0]}", "modules, or functions")
        if len(self.names) != len(self.layers):
            raise ShapeError(counted(len(self.names), "name"), f"{len(self.layers)}, one for each layer")

    @property
    def modules(self) -> list[nn.Module]:
        """The modules that its layers are or mention."""
        return [module for layer in self.layers for module in modules_of(layer)]

    def __len__(self) -> int:
        return len(self.layers)

    def profile(self, x: Any, *, repeats: int = 3) -> Profile:
        """What each layer takes on ``x``: bytes as the meter counts them, seconds as medians of ``repeats`` runs.

        It is measured in the modes and under the autocast that are on now, on gradients that have a place now or have
        none. Parameters, gradients, buffers and random state are afterwards what they were, and hooks on parameters
        are not called. On CUDA the bytes are those of storages too; the allocator rounds each up.

        Raises DomainError for a layer that gives no tensor.
        """
        return measure_layers(self.layers, self.names, x, repeats)

    def watch(self, x: Any, plan: Plan) -> tuple[float, ...]:
        """Bytes measured during each step of the ``plan``, in a forward and backward pass that leaves nothing behind.

        ``plan.report(path, chain.watch(x, plan))`` draws them over the predicted ones.

        >>> from torch import nn
        >>> chain = Chain([nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)])
        >>> plan = chain.profile(torch.ones(4, 2)).plan(min_budget=True)
        >>> max(chain.watch(torch.ones(4, 2), plan)) <= plan.budget
        True
        """
        return watch_layers(lambda begins: self.run(x, plan, begins=begins), self.layers, x, len(plan.steps))

    def run(
        self,
        x: Any,
        plan: Plan | None = None,
        *,
        debug: bool = False,
        begins: Callable[[int], None] | None = None,
    ) -> Any:
        """The output of the chain, in the graph of plain autograd, with as much of it kept as the ``plan`` says.

        Gradients, buffers and the random stream afterwards are those of plain autograd, bit by bit, for layers that
        are deterministic given their random state; ``debug=True`` compares rebuilt outputs, at the price of keeping
        them. Without gradients nothing is stored. Hooks of modules are called at each forward.
        ``begins`` is called with the number of each step of the plan before it is taken.

        Raises DomainError for a plan of another chain or shape, a layer that gives no tensor, changes in place, and,
        during backward, for a gradient of a gradient where the plan recomputes; NonDeterministicError for layers that
        do something else at their second run.
        """
        if not torch.is_grad_enabled():
            return self._plainly(x)
        if plan is None:
            plan = everything(len(self), self.names)
        self._check(plan, x)
        if begins is None and all(step.action in ("tape", "backward") for step in plan.steps):
            return self._plainly(x)  # everything is kept, which autograd does by itself
        calls = [Again(name, layer, modules_of(layer)) for name, layer in zip(self.names, self.layers, strict=True)]
        return Rest(calls, plan.steps, debug=debug, begins=begins).forward(x)

    def _plainly(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def _check(self, plan: Plan, x: Any) -> None:
        if len(plan.costs) != len(self):
            raise DomainError(
                f"a plan for {counted(len(plan.costs), 'layer')}", f"one for the {len(self)} of this chain"
            )
        if plan.tree is None:
            raise DomainError(
                "a plan by solver='exact'", "a plan that keeps stored values until they are used", "solver='dp' to run"
            )
        if plan.costs.shape and plan.costs.shape != shape_of(x):
            raise DomainError(
                f"an input of {shape_of(x)}", f"{plan.costs.shape}, for which it was planned", "profile(x).plan(...)"
            )


def everything(layers: int, names: Sequence[str]) -> Plan:
    """The plan that keeps all."""
    ones = [1.0] * layers
    return Profile(ones, ones, ones, ones, names=names).plan()


def _class(layer: object) -> str:
    return getattr(layer, "__name__", type(layer).__name__)
