"""X2 and X3: one composite, many programs, from nothing kept to everything kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from isotropy.experiments.optics._config import Spectrum
from isotropy.optics import Chain, Lens, Profile, cost, measure_peak
from isotropy.optics.cost import bracket, counted
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import Outcome, job


class Layer(nn.Module):
    """tanh(x W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, width) / width**0.5)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.weight)

    def lens(self) -> Lens[Any, Any, Any, Any]:
        """What it is to backpropagation: there without a graph, back with the graph of this layer alone."""

        def get(x: Tensor) -> Tensor:
            with torch.no_grad():
                return self(x)

        def put(x: Tensor, feedback: Tensor) -> Tensor:
            with torch.enable_grad():
                start = x.detach().requires_grad_()
                self(start).backward(feedback)
            assert start.grad is not None, "x was used"
            return start.grad

        return counted(Lens(get, put))


def layers_and_input(seed: int, n: int, plan: Spectrum) -> tuple[list[nn.Module], Tensor]:
    """``n`` layers, whose gradients have a place, and an input."""
    torch.manual_seed(derive(seed, "spectrum", n))
    layers: list[nn.Module] = [Layer(plan.width) for _ in range(n)]
    for p in nn.ModuleList(layers).parameters():
        p.grad = torch.zeros_like(p)
    return layers, torch.randn(plan.rows, plan.width)


def program(way: str, layers: list[nn.Module], x: Tensor) -> Callable[[], Any]:
    """The forward and backward pass of sum(y), done that way."""
    kind, _, detail = way.partition(", ")
    if kind == "lens":
        whole = bracket([layer.lens() for layer in layers if isinstance(layer, Layer)], detail)
        feedback = torch.ones(1).expand_as(x)  # no memory of its own, as the gradient of a sum
        return lambda: whole.put(x, feedback)
    chain, start = Chain(layers), x.clone().requires_grad_()
    start.grad = torch.zeros_like(x)
    if kind == "autograd":
        return lambda: chain.run(start).sum().backward()
    ones = [1] * len(layers)
    plan = Profile(ones, ones, ones, ones).plan(budget=int(detail) + 2, allow={"recompute"})
    return lambda: chain.run(start, plan).sum().backward()


@job
def spectrum_job(run: Run, *, seed: int, way: str, n: int, plan: Spectrum) -> Outcome:
    """Gets, the peak in units of one activation, seconds beside autograd's, weights whose gradient has other bits."""
    layers, x = layers_and_input(seed, n, plan)
    work, plain = program(way, layers, x), program("autograd", layers, x)
    runs = {"work": work, "plain": plain}
    seconds: dict[str, list[float]] = {"work": [], "plain": []}
    for _ in range(3):
        for name, one in runs.items():
            began = time.process_time()
            one()
            seconds[name].append(time.process_time() - began)
    gradients = [_gradients(layers, one) for one in (work, plain)]
    return {
        "gets": _gets(way, layers, x),
        "peak": measure_peak(work) / x.nbytes,
        "slower": min(seconds["work"]) / min(seconds["plain"]),
        "other_bits": sum(not torch.equal(a, b) for a, b in zip(*gradients, strict=True)),
    }


def _gradients(layers: list[nn.Module], work: Callable[[], Any]) -> list[Tensor]:
    weights = list(nn.ModuleList(layers).parameters())
    for p in weights:
        p.grad = torch.zeros_like(p)
    work()
    return [p.grad.clone() for p in weights if p.grad is not None]


def _gets(way: str, layers: list[nn.Module], x: Tensor) -> int:
    """Forwards beyond one of each layer: those of a lens are counted while it runs, those of a chain by hooks."""
    if way.startswith("lens"):
        whole = bracket([layer.lens() for layer in layers if isinstance(layer, Layer)], way.partition(", ")[2])
        return cost.trace(whole, x, torch.ones_like(x)).gets
    seen: list[int] = []
    hooks = [layer.register_forward_pre_hook(lambda *_: seen.append(1)) for layer in layers]
    program(way, layers, x)()
    for hook in hooks:
        hook.remove()
    return len(seen) - len(layers)
