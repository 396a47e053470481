"""What a layer takes: bytes at each stage of its forward and backward by the meter, seconds by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields, replace
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, IsotropyError, ShapeError
from isotropy.optics._again import Again, buffers_as, generators_of, modules_of, random_state_as
from isotropy.optics._meter import Meter, StepMeter
from isotropy.optics._profile import Profile
from isotropy.optics._run import asks


@dataclass(frozen=True)
class _Measured:
    forward: float
    backward: float
    output: int
    residual: int
    transient_forward: int
    transient_backward: int
    transient_kept: int
    unmade: int
    transient_again: int
    inverse: float | None = None
    transient_inverse: int = 0
    drift: float = 0.0


def measure_layers(layers: Sequence[Callable[[Any], Any]], names: Sequence[str], x: Any, repeats: int) -> Profile:
    """``Chain.profile``, where it is explained."""
    rows: list[_Measured] = []
    value, flags = x, asks(x)
    with untouched(layers, x):
        for layer, name in zip(layers, names, strict=True):
            value = cut(value, flags)
            row = _measure(_stand_in(layer), name, value, repeats)
            rows.append(_with_inverse(row, layer, value, repeats))
            with torch.enable_grad():
                value = layer(value)
            flags = asks(value)
    measured = {one.name: [getattr(row, one.name) for row in rows] for one in fields(_Measured)}
    return Profile(
        **measured,
        gradient=_new_gradients(layers),
        recompute_safe=[_safe(layer) for layer in layers],
        names=names,
        shape=shape_of(x),
    )


def _safe(layer: Callable[[Any], Any]) -> bool:
    """Whether nothing in a layer says that it must not run twice: itself, its parts, and what these hold."""
    parts = [part for module in modules_of(layer) for part in module.modules()]
    held = [one for part in parts for one in vars(part).values()]
    return all(bool(getattr(one, "recompute_safe", True)) for one in [layer, *parts, *held])


def shape_of(x: Any) -> str:
    """Shapes, dtypes and devices of the tensors of a value.

    >>> shape_of(torch.ones(2, 3))
    '(2, 3) float32 cpu'
    """
    parts = [leaf for leaf in tree.tree_leaves(x) if isinstance(leaf, Tensor)]
    return ", ".join(f"{tuple(p.shape)} {str(p.dtype).removeprefix('torch.')} {p.device}" for p in parts)


def cut(value: Any, flags: Sequence[bool]) -> Any:
    """The value without its graph: each tensor a leaf that asks for gradients where its flag says so."""
    leaves, spec = tree.tree_flatten(value)
    cut = [
        leaf.detach().requires_grad_(flag) if isinstance(leaf, Tensor) else leaf
        for leaf, flag in zip(leaves, flags, strict=True)
    ]
    return tree.tree_unflatten(cut, spec)


@contextmanager
def as_input(given: str, expected: str) -> Generator[None, None, None]:
    """What a model raises on a value that is none of its inputs, as a ShapeError; what we refuse ourselves stays."""
    try:
        yield
    except (IsotropyError, torch.OutOfMemoryError):
        raise
    except (RuntimeError, TypeError, IndexError, AttributeError) as error:
        raise ShapeError(given, expected, str(error)) from error


def as_example(args: tuple[Any, ...]) -> AbstractContextManager[None]:
    """The same of the example that ``fit_in_memory`` was given."""
    return as_input(f"an example of {type(args[0]).__name__}", "an input of the model")


@contextmanager
def untouched(layers: Sequence[Callable[[Any], Any]], x: Any) -> Generator[None, None, None]:
    """Random state and buffers are afterwards what they were before; what the work does to buffers falls on copies."""
    modules = [part for layer in layers for module in modules_of(layer) for part in module.modules()]
    devices = {leaf.device for leaf in tree.tree_leaves(x) if isinstance(leaf, Tensor) and leaf.is_cuda}
    generators = [torch.default_generator, *(torch.cuda.default_generators[device.index] for device in devices)]
    generators += [one for layer in layers for one in generators_of(layer)]
    states = [(generator, generator.get_state()) for generator in generators]
    buffers = [(part, name, value) for part in modules for name, value in part._buffers.items() if value is not None]
    with random_state_as(states), buffers_as(buffers):
        yield


def _stand_in(layer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The layer with other leaves in place of its parameters: their gradients and hooks are nobody's."""
    leaves: dict[Tensor, Tensor] = {}
    modules = modules_of(layer)
    with _other_leaves(modules, leaves):
        pass  # made here, with a place for their gradients, before any meter looks

    def call(value: Any) -> Any:
        with _other_leaves(modules, leaves):
            return layer(value)

    return call


@contextmanager
def _other_leaves(modules: Sequence[nn.Module], leaves: dict[Tensor, Tensor]) -> Generator[None, None, None]:
    """Leaves in place of parameters, one for each, however many modules share it."""
    parts = dict.fromkeys(part for module in modules for part in module.modules())
    flat = [(part, part._flat_weights) for part in parts if isinstance(part, nn.RNNBase)]
    places = [(part, name, one) for part in parts for name, one in part._parameters.items() if one is not None]
    try:
        for part, name, parameter in places:
            if parameter not in leaves:
                leaf = leaves[parameter] = parameter.detach().requires_grad_(parameter.requires_grad)
                leaf.grad = None if parameter.grad is None else torch.zeros_like(parameter)
            part._parameters[name] = leaves[parameter]  # type: ignore[assignment]
        # Recurrent layers of torch hold their parameters in a second list.
        for part, weights in flat:
            part._flat_weights = [None if one is None else leaves[one] for one in weights]  # type: ignore[misc]
        yield
    finally:
        for part, weights in flat:
            part._flat_weights = weights
        for part, name, parameter in places:
            part._parameters[name] = parameter


def peak_of_a_pass(model: nn.Module, args: tuple[Any, ...]) -> int:
    """Bytes that a forward and a backward pass through a model take, which is afterwards what it was before.

    On a run of blocks by a plan the plan may be made in the first of two passes; the second is measured.
    """
    peak = 0
    with untouched([model], args), torch.enable_grad():
        for _ in range(2):
            meter = Meter()
            with _other_leaves([model], {}), meter:
                result = model(*args)
                ends = [one for one in tree.tree_leaves(result) if isinstance(one, Tensor) and one.requires_grad]
                del result
                if ends:
                    loss = _Loss.apply(*ends)
                    del ends
                    loss.backward()
                    del loss
            peak = meter.peak
    return peak


def watch_layers(
    run: Callable[[Callable[[int], None]], Any], layers: Sequence[Callable[[Any], Any]], x: Any, steps: int
) -> tuple[float, ...]:
    """``Chain.watch``, where it is explained; ``run`` takes what is to be called when a step begins."""
    modules = [module for layer in layers for module in modules_of(layer)]
    # Leaves stay in place until the backward pass is over: a layer that runs again finds the same ones.
    with untouched(layers, x), torch.enable_grad(), _other_leaves(modules, {}), StepMeter() as meter:
        meter.run()
        ends = [one for one in tree.tree_leaves(run(meter.begins)) if isinstance(one, Tensor) and one.requires_grad]
        if ends:
            loss = _Loss.apply(*ends)
            ends.clear()
            loss.backward()
        return meter.steps(steps)


def _new_gradients(layers: Sequence[Callable[[Any], Any]]) -> list[int]:
    """Bytes of the gradients that each layer brings and that stay; those of tied parameters come with the last user."""
    seen: set[Tensor] = set()
    rows: list[int] = []
    for layer in reversed(layers):
        mine = {p for m in modules_of(layer) for p in m.parameters() if p.requires_grad and p.grad is None} - seen
        seen |= mine
        rows.append(sum(p.nbytes for p in mine))
    return rows[::-1]


class _Loss(torch.autograd.Function):
    """A number from any output, whose backward makes the cotangents: they live as long as the engine needs them."""

    @staticmethod
    def forward(ctx: Any, *outputs: Tensor) -> Tensor:  # type: ignore[override]
        ctx.like = [(one.shape, one.dtype, one.device) for one in outputs]
        return torch.zeros(())

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> Any:  # type: ignore[override]
        return tuple(torch.ones(shape, dtype=dtype, device=device) for shape, dtype, device in ctx.like)


def _measure(layer: Callable[[Any], Any], name: str, value: Any, repeats: int) -> _Measured:
    with torch.enable_grad():
        meter = Meter()
        with meter, saved_tensors_hooks(lambda _: None, _never):
            result = layer(value)
        tensors = [leaf for leaf in tree.tree_leaves(result) if isinstance(leaf, Tensor)]
        if not tensors:
            raise DomainError(f"layer {name}, which gives {type(result).__name__}", "a tensor, or a tree with tensors")
        output, own = _bytes(tensors), meter.live
        transient_forward = meter.peak + max(0, output - own)  # a view of the input is kept like any value
        del result, tensors
        meter = Meter()
        with meter:
            result = layer(value)
            tensors = [leaf for leaf in tree.tree_leaves(result) if isinstance(leaf, Tensor)]
            residual = meter.live + max(0, output - own)
            ends = [one for one in tensors if one.requires_grad]
            loss = _Loss.apply(*ends) if ends else None
            del result, tensors, ends
            before = meter.peak
            meter.restart()
            if loss is not None:
                loss.backward()
        del loss
        whole, most = _when_whole(layer, value)
        forwards, backwards = zip(*(_times(layer, value) for _ in range(max(1, repeats))), strict=True)
    return _Measured(
        forward=median(forwards),
        backward=median(backwards),
        output=output,
        residual=residual,
        transient_forward=transient_forward,
        transient_backward=max(0, meter.peak - residual),
        transient_kept=max(0, before - residual),
        unmade=max(0, residual - whole),
        transient_again=max(0, most - min(whole, residual)),
    )


_TOO_FAR = 1e-2
"""A rebuilt input that differs by more, relative to its largest entry, is none: chance inside, or no inverse at all."""


def _with_inverse(row: _Measured, layer: Callable[[Any], Any], value: Any, repeats: int) -> _Measured:
    """What rebuilding the input takes and how far it is off, where the layer can."""
    if not callable(getattr(layer, "inverse", None)) or not isinstance(value, Tensor):
        return row
    with torch.no_grad():
        once = Again("", layer, modules_of(layer))
        y = once.first(value.detach())
        meter = Meter()
        with meter:
            rebuilt = once.invert(y)
        seconds: list[float] = []
        for _ in range(max(1, repeats)):
            _wait(value)
            began = time.perf_counter()
            once.invert(y)
            _wait(value)
            seconds.append(time.perf_counter() - began)
    x = value.detach()
    drift = float((rebuilt - x).abs().max() / x.abs().max().clamp_min(1e-30))
    if not drift < _TOO_FAR:
        return row
    return replace(row, inverse=median(seconds), transient_inverse=meter.peak, drift=drift)


def _when_whole(layer: Callable[[Any], Any], value: Any) -> tuple[int, int]:
    """Bytes, and the most until then, when all that the backward needs is there: the last tensor was saved."""
    meter = Meter()
    held: list[Tensor] = []
    seen = 0, 0

    def pack(tensor: Tensor) -> None:
        nonlocal seen
        held.append(tensor.detach())
        seen = meter.live, meter.peak

    with meter, saved_tensors_hooks(pack, _never):
        layer(value)
    return seen


def _never(_: None) -> Tensor:
    raise AssertionError("nobody goes back through this run")


def _bytes(tensors: Sequence[Tensor]) -> int:
    storages = {part.untyped_storage()._cdata: part.untyped_storage().nbytes() for part in tensors}
    return sum(storages.values())


def _times(layer: Callable[[Any], Any], value: Any) -> tuple[float, float]:
    for leaf in tree.tree_leaves(value):
        if isinstance(leaf, Tensor):
            leaf.grad = None
    _wait(value)
    began = time.perf_counter()
    result = layer(value)
    _wait(value)
    between = time.perf_counter()
    ends = [leaf for leaf in tree.tree_leaves(result) if isinstance(leaf, Tensor) and leaf.requires_grad]
    if ends:
        _Loss.apply(*ends).backward()
    _wait(value)
    return between - began, time.perf_counter() - between


def _wait(value: Any) -> None:
    if any(isinstance(leaf, Tensor) and leaf.is_cuda for leaf in tree.tree_leaves(value)):
        torch.cuda.synchronize()
