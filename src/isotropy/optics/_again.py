"""Running something a second time with the same bits: chance, buffers and autocast as they were at the first."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, NonDeterministicError


def modules_of(f: Callable[..., Any]) -> list[nn.Module]:
    """The modules that a callable is, is bound to, or mentions (in its closure, or by a global name).

    >>> net = nn.Linear(1, 1)
    >>> modules_of(lambda x: net(x) + 1) == modules_of(net.forward) == [net]
    True
    """
    found: list[Any] = []
    if isinstance(f, nn.Module):
        found = [f]
    elif isinstance(getattr(f, "module", None), nn.Module):
        found = [f.module]  # type: ignore[attr-defined]
    elif isinstance(f, functools.partial):
        found = [f.func, *f.args, *f.keywords.values()]
    elif inspect.ismethod(f):
        found = [f.__self__, *_mentioned(f.__func__)]
    elif inspect.isfunction(f):
        found = _mentioned(f)
    else:
        found = tree.tree_leaves([*getattr(f, "__dict__", {}).values()])
    inner = [modules_of(one.func) for one in found if isinstance(one, functools.partial)]
    modules = [one for one in found if isinstance(one, nn.Module)]
    return list(dict.fromkeys([*modules, *(module for some in inner for module in some)]))


def _mentioned(f: Callable[..., Any]) -> list[Any]:
    seen = inspect.getclosurevars(f)
    return [*seen.nonlocals.values(), *seen.globals.values()]


def generators_of(f: Callable[..., Any]) -> list[torch.Generator]:
    """The generators that a callable mentions, or that the modules that it mentions, or its own object, hold."""
    parts: list[Any] = [part for module in modules_of(f) for part in module.modules()]
    if inspect.ismethod(f):
        parts += [f.__self__] if hasattr(f.__self__, "__dict__") else []
        f = f.__func__
    found = [*(one for part in parts for one in vars(part).values()), *(_mentioned(f) if inspect.isfunction(f) else ())]
    # By its classes: isinstance asks a metaclass of torch's each time, which thousands of attributes would feel.
    return list(dict.fromkeys(one for one in found if torch.Generator in type(one).__mro__))


@dataclass(eq=False)
class Again:
    """A call that can be made again: ``first`` makes it and remembers, ``repeat`` makes it with the same bits.

    ``name`` is for errors; ``modules`` are those whose buffers and parameters the call reads. Random state is that of
    the processor, of the CUDA devices in use, and of generators that the modules hold.
    """

    name: str
    call: Callable[..., Any]
    modules: Sequence[nn.Module]
    _random: list[tuple[torch.Generator, Tensor]] = field(default_factory=list)
    _buffers: list[tuple[nn.Module, str, Tensor]] = field(default_factory=list)
    _versions: list[tuple[str, Tensor, int]] = field(default_factory=list)
    _autocast: list[tuple[str, bool, torch.dtype]] = field(default_factory=list)
    _cached: bool = True
    _flags: list[tuple[Any, str, bool]] = field(default_factory=list)

    def first(self, *args: Any) -> Any:
        """The call, as anybody would make it."""
        generators = [(generator, generator.get_state()) for generator in self._generators(args)]
        before = _moving(self.modules)
        self._flags = _flags(self.modules)
        self._autocast, self._cached = autocast_now(args), torch.is_autocast_cache_enabled()
        result = self.call(*args)
        self._random = [(one, state) for one, state in generators if not torch.equal(one.get_state(), state)]
        self._buffers = _moved(self.name, self.modules, before)
        self._versions = _versions(self.modules, self._buffers)
        return result

    def repeat(self, *args: Any) -> Any:
        """The same call once more; buffers and random state are afterwards what they were before it.

        Raises DomainError where parameters or buffers were changed in place since the first call.
        """
        for what, tensor, version in self._versions:
            if tensor._version != version:
                raise changed(f"{what} of layer {self.name}")
        with self._as_then():
            return self.call(*args)

    def invert(self, y: Any) -> Any:
        """The input that gives ``y``, by the layer's own inverse, with the chance and the buffers of the first call."""
        with self._as_then(), torch.no_grad():
            return self.call.inverse(y)  # type: ignore[attr-defined]

    @contextmanager
    def _as_then(self) -> Generator[None, None, None]:
        with ExitStack() as stack:
            stack.enter_context(random_state_as(self._random))
            stack.enter_context(buffers_as(self._buffers))
            stack.enter_context(_flags_as(self._flags))
            for device, enabled, dtype in self._autocast:
                stack.enter_context(torch.autocast(device, dtype, enabled, self._cached))
            yield

    def _generators(self, args: Any) -> Iterator[torch.Generator]:
        yield torch.default_generator
        devices = {part.device for part in tree.tree_leaves(args) if isinstance(part, Tensor) and part.is_cuda}
        yield from (torch.cuda.default_generators[device.index] for device in devices)
        others = [] if any(self.call is one for one in self.modules) else [self.call]
        for one in (*others, *self.modules):
            yield from generators_of(one)


def changed(what: str) -> DomainError:
    """The refusal of what plain autograd refuses too, with a name."""
    return DomainError(
        f"{what}, changed in place between forward and backward",
        "what the backward pass needs, as it was",
        "call backward before optimizer.step() and before other changes, or write x = x + 1 instead of x += 1",
    )


@contextmanager
def random_state_as(states: Sequence[tuple[torch.Generator, Tensor]]) -> Generator[None, None, None]:
    """Generators are in the given states, and afterwards in those that they were in."""
    now = [(generator, generator.get_state()) for generator, _ in states]
    try:
        for generator, state in states:
            generator.set_state(state)
        yield
    finally:
        for generator, state in now:
            generator.set_state(state)


@contextmanager
def buffers_as(then: Sequence[tuple[nn.Module, str, Tensor]]) -> Generator[None, None, None]:
    """Modules see copies of their buffers as they were; what the call does to those is forgotten."""
    now = [(module, name, module._buffers[name]) for module, name, _ in then]
    try:
        for module, name, value in then:
            module._buffers[name] = value.clone()
        yield
    finally:
        for module, name, value in now:
            module._buffers[name] = value


def _flags(modules: Sequence[nn.Module]) -> list[tuple[Any, str, bool]]:
    """Which parts are in train mode, and which parameters ask for gradients."""
    parts = [part for module in modules for part in module.modules()]
    asked = [one for part in parts for one in part._parameters.values() if one is not None and one.is_leaf]
    found: list[tuple[Any, str, bool]] = [(part, "training", part.training) for part in parts]
    found.extend((one, "requires_grad", one.requires_grad) for one in asked)
    return found


@contextmanager
def _flags_as(then: Sequence[tuple[Any, str, bool]]) -> Generator[None, None, None]:
    now = [(one, name, not flag) for one, name, flag in then if getattr(one, name) != flag]
    try:
        for one, name, flag in now:
            setattr(one, name, not flag)
        yield
    finally:
        for one, name, flag in now:
            setattr(one, name, flag)


# Which buffers a module moves is seen at its first call in each mode, and remembered.
_MOVES: WeakKeyDictionary[nn.Module, dict[tuple[bool, ...], set[str]]] = WeakKeyDictionary()

Buffers = list[tuple[nn.Module, str, Tensor, int, Tensor | None]]


def _moving(modules: Sequence[nn.Module]) -> Buffers:
    """All buffers, with their versions, and with a copy of those that may move."""
    found: Buffers = []
    for module in modules:
        known = _MOVES.get(module, {}).get(mode_of(module))
        for path, part in module.named_modules():
            for name, value in part._buffers.items():
                if value is not None:
                    copy = value.detach().clone() if known is None or f"{path}.{name}" in known else None
                    found.append((part, name, value, value._version, copy))
    return found


def _moved(name: str, modules: Sequence[nn.Module], before: Buffers) -> list[tuple[nn.Module, str, Tensor]]:
    """Those that the call moved, as they were before it."""
    found: list[tuple[nn.Module, str, Tensor]] = []
    paths = {id(part): path for module in modules for path, part in module.named_modules()}
    movers: set[int] = set()
    for part, key, value, version, copy in before:
        same = part._buffers.get(key) is value and value._version == version
        # Batch norm moves its statistics without a new version: what has a copy is compared with it.
        if same and (copy is None or torch.equal(value, copy)):
            continue
        movers.add(id(part))
        if copy is None:
            for module in modules:
                _MOVES.pop(module, None)
            raise NonDeterministicError(
                f"the buffer {key} of layer {name}, which moved now and never before",
                "buffers that each step moves, or none",
                "run the step again: from now on it is watched",
            )
        found.append((part, key, copy))
    # A mean may move to where it was; who moves one of its buffers is watched whole.
    moved = {f"{paths[id(part)]}.{key}" for part, key, *_ in before if id(part) in movers}
    for module in modules:
        _MOVES.setdefault(module, {}).setdefault(mode_of(module), moved)
    return found


def mode_of(module: nn.Module) -> tuple[bool, ...]:
    """Which parts of a module are in train mode."""
    return tuple(part.training for part in module.modules())


def _versions(
    modules: Sequence[nn.Module], moved: Sequence[tuple[nn.Module, str, Tensor]]
) -> list[tuple[str, Tensor, int]]:
    moving = {(id(part), name) for part, name, _ in moved}
    found: list[tuple[str, Tensor, int]] = []
    for module in modules:
        for path, part in module.named_modules():
            named = [*part._parameters.items(), *part._buffers.items()]
            for name, value in named:
                if value is not None and (id(part), name) not in moving:
                    found.append((f"{path}.{name}".lstrip("."), value, value._version))
    return found


def autocast_now(args: Any) -> list[tuple[str, bool, torch.dtype]]:
    """For the processor and the devices of tensors: whether autocast is on, and its dtype."""
    devices = {"cpu", *(part.device.type for part in tree.tree_leaves(args) if isinstance(part, Tensor))}
    return [
        (device, torch.is_autocast_enabled(device), torch.get_autocast_dtype(device))
        for device in sorted(devices)
        if torch.amp.is_autocast_available(device)
    ]
