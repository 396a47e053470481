"""A forward pass that keeps what a plan says, and a backward pass that rebuilds the rest when its turn comes.

The graph is the one that plain autograd makes: the same nodes, in the same order, with the same hooks. Only what the
nodes have saved goes into slots, and a slot may be empty until its node asks.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, NonDeterministicError, counted
from isotropy.optics._again import Again, changed
from isotropy.optics._schedule import Step


class _Slot:
    """The place of one saved tensor. The node holds it; when its backward has run, slot and tensor go."""

    __slots__ = ("__weakref__", "layer", "rest", "tensor", "version")

    def __init__(self, rest: Rest, layer: int) -> None:
        self.rest, self.layer = rest, layer
        self.tensor: Tensor | None = None
        self.version = 0

    def fill(self, tensor: Tensor) -> None:
        # An output comes with the node that saves it, which holds this slot: attached it would keep itself alive.
        self.tensor, self.version = tensor.detach(), tensor._version

    def read(self) -> Tensor:
        if not self.rest.ahead:
            self.rest.reach(self.layer)
        elif self.tensor is None:
            raise inside(self.rest.calls[self.layer].name)
        if self.tensor is None:
            raise NonDeterministicError(
                f"a backward of layer {self.rest.calls[self.layer].name} for which nothing is left",
                "one backward pass through each run, from the output down",
                "run the chain again",
            )
        if self.tensor._version != self.version:
            raise changed(f"what layer {self.rest.calls[self.layer].name} keeps for its backward")
        return self.tensor


def inside(name: str) -> DomainError:
    return DomainError(
        f"layer {name}, which takes a gradient inside its forward pass, where nothing is kept",
        "layers whose backward pass comes after the forward pass",
        "forces inside a model need plain autograd: run it without a plan",
    )


class _Value:
    """A value between two layers, cut from the graph, with what is needed to go on from it."""

    def __init__(self, value: Any, flags: Sequence[bool]) -> None:
        leaves, self.spec = tree.tree_flatten(value)
        self.flags = flags
        self.leaves = [leaf.detach() if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        self.versions = [leaf._version if isinstance(leaf, Tensor) else 0 for leaf in self.leaves]

    def fresh(self, name: str) -> Any:
        """The same bits as new leaves, which ask for gradients where the originals did."""
        leaves: list[Any] = []
        for leaf, flag, version in zip(self.leaves, self.flags, self.versions, strict=True):
            if isinstance(leaf, Tensor):
                if leaf._version != version:
                    raise changed(f"the value that goes into layer {name}")
                leaf = leaf.detach().requires_grad_(flag)
            leaves.append(leaf)
        return tree.tree_unflatten(leaves, self.spec)


def asks(value: Any) -> list[bool]:
    """Of each leaf of a value, whether it asks for a gradient."""
    return [isinstance(leaf, Tensor) and leaf.requires_grad for leaf in tree.tree_leaves(value)]


class Rest:
    """What is left to do after the forward pass: the steps still to come, and what they start from.

    ``calls`` are the layers. With ``twice`` the gradient may itself be differentiated; residuals then stay, as those of
    plain autograd do. With ``debug`` outputs are kept, and compared bit by bit when they are rebuilt. ``begins`` is
    called with the number of each step before it is taken.
    """

    def __init__(
        self,
        calls: Sequence[Again],
        steps: Sequence[Step],
        *,
        debug: bool = False,
        twice: bool = False,
        begins: Callable[[int], None] | None = None,
    ) -> None:
        self.calls, self.steps, self.debug, self.twice = calls, steps, debug, twice
        self.begins = begins or _nothing
        self.at, self.level = 0, len(calls)
        self.values: dict[int, _Value] = {}
        self.slots: dict[int, list[weakref.ref[_Slot]]] = {}
        self.flags: dict[int, list[bool]] = {}
        self.seen: dict[int, Any] = {}
        self.running: tuple[int, _Value] | None = None
        self.ahead = True  # until the forward pass is over

    def forward(self, value: Any) -> Any:
        """The forward pass: each layer once, in order, in the graph that the caller sees."""
        again = {step.at for step in self.steps if step.action == "forward"}
        self.flags[0] = asks(value)
        if 0 in again:
            self.values[0] = _Value(value, self.flags[0])
        while self.at < len(self.steps) and self.steps[self.at].action != "backward":
            step = self.steps[self.at]
            self.begins(self.at)
            if step.action in ("forward", "tape"):
                value = self._first(step, value, repeated=step.at in again)
            elif step.action == "keep":
                self.values[step.at] = _Value(value, self.flags[step.at])
            else:
                raise DomainError(f"the step {step.action} {step.at} in a forward pass", "a persistent plan")
            self.at += 1
        self.ahead = False
        return value

    def _first(self, step: Step, value: Any, *, repeated: bool) -> Any:
        layer, slots = step.at, self.slots.setdefault(step.at, [])
        stays = step.action == "tape"

        def pack(tensor: Tensor) -> _Slot:
            slot = _Slot(self, layer)
            if stays:
                slot.fill(tensor)
            slots.append(weakref.ref(slot))
            return slot

        given = [leaf for leaf in tree.tree_leaves(value) if isinstance(leaf, Tensor)]
        versions = [leaf._version for leaf in given]
        # What is never run again need not be remembered.
        call = self.calls[layer].first if repeated else self.calls[layer].call
        with saved_tensors_hooks(pack, _Slot.read):
            result = call(value)
        if repeated and [leaf._version for leaf in given] != versions:
            raise DomainError(
                f"layer {self.calls[layer].name}, which changes its input in place",
                "layers that leave their input as it was, where they run again",
                "inplace=False, or join it with the layer before it",
            )
        self.flags[layer + 1] = asks(result)
        if self.debug and repeated:
            self.seen[layer] = tree.tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, result)
        return result

    def reach(self, layer: int) -> None:
        """Does what comes before the backward of a layer, if it was not done."""
        if layer >= self.level:
            return
        if torch.is_grad_enabled() and not self.twice and any(step.action == "forward" for step in self.steps):
            raise DomainError(
                "a gradient of a gradient through a plan that recomputes",
                "one backward pass without create_graph",
                "forces inside a loss, gradient penalties and Hessians need plain autograd: run the layers themselves, "
                "or plan without a budget",
            )
        while True:
            step = self.steps[self.at]
            self.begins(self.at)
            if step == Step("backward", layer):
                break
            self.at += 1
            if step.action == "drop":
                self.values.pop(step.at, None)
            elif step.action == "keep":
                self.values[step.at] = self._input(step.at)
            elif step.action == "invert":
                rebuilt = self.calls[step.at].invert(self.values[step.at + 1].fresh(self.calls[step.at].name))
                self.running = step.at, _Value(rebuilt, self.flags[step.at])
                del rebuilt
            elif step.action in ("forward", "tape"):
                self._repeat(step)
        self.level = layer
        self.running = None

    def _input(self, layer: int) -> _Value:
        if layer in self.values:
            return self.values[layer]
        assert self.running is not None, "a plan that simulate refuses"
        assert self.running[0] == layer, "a plan that simulate refuses"
        return self.running[1]

    def _repeat(self, step: Step) -> None:
        layer, call, count = step.at, self.calls[step.at], 0
        slots = self.slots[layer]

        # The output of a layer whose backward is next is nobody's: what follows the last saved tensor need not run.
        last = step.action == "tape" and self.steps[self.at] == Step("backward", layer) and not self.debug

        def pack(tensor: Tensor) -> None:
            nonlocal count
            slot = slots[count]() if count < len(slots) else None
            if slot is not None:
                slot.fill(tensor)
            count += 1
            if last and count == len(slots):
                raise _EnoughError

        value = self._input(layer).fresh(call.name)
        self.running = None
        try:
            with torch.set_grad_enabled(step.action == "tape"), saved_tensors_hooks(pack, _never):
                result = call.repeat(value)
        except _EnoughError:
            return
        if step.action == "tape" and count != len(slots):
            raise NonDeterministicError(
                f"layer {call.name}, which saved {counted(len(slots), 'tensor')} at first, {count} when it ran again",
                "the same operations in both runs",
                "solver='all', or mark the layer recompute_safe = False",
            )
        if layer in self.seen:
            _compare(call.name, self.seen[layer], result)
        self.running = layer + 1, _Value(result, self.flags[layer + 1])


class _EnoughError(Exception):
    """All that a backward needs is there."""


def _nothing(_: int) -> None:
    pass


def _never(_: None) -> Tensor:
    raise AssertionError("the graph of a second run is not walked")


def _compare(name: str, before: Any, after: Any) -> None:
    for one, two in zip(tree.tree_leaves(before), tree.tree_leaves(after), strict=True):
        if not isinstance(one, Tensor) or one.shape != two.shape:
            continue
        if not torch.equal(one.nan_to_num(), two.nan_to_num()):
            difference = float((one.double() - two.double()).abs().max())
            raise NonDeterministicError(
                f"layer {name}, whose output differs by up to {difference:.3g} when it runs again",
                "the same bits",
                "deterministic operations, random numbers from torch's own generators, or recompute_safe = False",
            )


def recomputed(call: Callable[..., Any], *args: Any, modules: Sequence[Any] = ()) -> Any:
    """``call(*args)``, of which nothing is kept for the backward pass: it is run again then, with the same bits.

    >>> x = torch.ones(3, requires_grad=True)
    >>> recomputed(torch.sin, x).sum().backward()
    >>> torch.equal(x.grad, x.detach().cos())
    True
    """
    if not torch.is_grad_enabled():
        return call(*args)
    once = Again(getattr(call, "__name__", "of a call"), lambda given: call(*given), list(modules))
    steps = [Step("forward", 0), Step("tape", 0), Step("backward", 0)]
    rest = Rest([once], steps, twice=True)
    rest.at = 1
    rest.flags[0] = asks(args)
    rest.values[0] = _Value(args, rest.flags[0])
    result = rest._first(steps[0], args, repeated=True)
    rest.ahead = False
    return result
