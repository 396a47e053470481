"""What a plan does, step by step, and what that takes: the machine that every solver is judged by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from isotropy.errors import DomainError

Action = Literal["forward", "tape", "keep", "drop", "release", "backward", "invert"]
Cuts = Mapping[tuple[int, int], int | None]
"""How a persistent schedule runs the layers s..t, segment by segment, while the input of s is at hand.
``cuts[s, t]`` is None where all that the backward pass of s needs is kept before s+1..t; else a layer k, of which only
the input is kept while k..t run, before it comes back to s..k-1; with a minus, these are then rebuilt one by one from
that value, by inverses."""


@dataclass(frozen=True)
class Costs:
    """Of each layer what it takes, in the words of ``Profile``, with zeros for what was left out.

    ``counts_running`` says whether a value that runs from layer to layer takes memory, ``shape`` on which input the
    numbers were measured.
    """

    forward: tuple[float, ...]
    backward: tuple[float, ...]
    output: tuple[float, ...]
    residual: tuple[float, ...]
    transient_forward: tuple[float, ...]
    transient_backward: tuple[float, ...]
    transient_kept: tuple[float, ...]
    gradient: tuple[float, ...]
    inverse: tuple[float | None, ...]
    transient_inverse: tuple[float, ...]
    drift: tuple[float, ...]
    unmade: tuple[float, ...]
    transient_again: tuple[float, ...]
    safe: tuple[bool, ...]
    names: tuple[str, ...]
    counts_running: bool
    shape: str = ""

    def __len__(self) -> int:
        return len(self.forward)


class Step(NamedTuple):
    """One step: ``forward``, ``tape`` (a forward that keeps the residual) or ``backward`` of layer ``at``; ``release``
    lets go of its residual; ``keep`` and ``drop`` are about the value that goes *into* layer ``at``, which ``invert``
    makes from the one that comes out of it."""

    action: Action
    at: int


@dataclass(frozen=True)
class Cost:
    """What a schedule takes: ``seconds``, ``peak_bytes``, how many forwards are ``recomputed``; where the peak is.

    ``peak_layer`` is the layer at work when the peak is reached, ``live`` the bytes during each step.
    """

    seconds: float
    peak_bytes: float
    recomputed: int
    peak_layer: int = 0
    live: tuple[float, ...] = ()


def steps_of(cuts: Cuts, layers: int) -> tuple[Step, ...]:
    """The steps of a persistent schedule, by a loop: a long chain recurses nowhere.

    >>> [f"{action} {at}" for action, at in steps_of({(0, 1): 1, (1, 1): None, (0, 0): None}, 2)]
    ['forward 0', 'keep 1', 'tape 1', 'backward 1', 'drop 1', 'tape 0', 'backward 0']
    """
    steps: list[Step] = []
    todo: list[Step | tuple[int, int]] = [(0, layers - 1)] if layers else []
    while todo:
        now = todo.pop()
        if isinstance(now, Step):
            steps.append(now)
            continue
        first, last = now
        cut = cuts[first, last]
        if cut is not None:
            after = abs(cut)
            forwards = [Step("forward", layer) for layer in range(first, after)]
            parts = [*forwards, Step("keep", after), (after, last)]
            parts += [Step("drop", after), (first, after - 1)] if cut > 0 else _inverted(first, after)
        else:
            parts: list[Step | tuple[int, int]] = [Step("tape", first), Step("backward", first)]
            if first < last:
                # Who comes back to this output needs it by itself; a layer stored next holds it where it must.
                returns = cuts[first + 1, last] is not None
                rest: list[Step | tuple[int, int]] = [(first + 1, last)]
                parts[1:1] = [Step("keep", first + 1), *rest, Step("drop", first + 1)] if returns else rest
        todo += reversed(parts)
    return tuple(steps)


def _inverted(first: int, after: int) -> list[Step | tuple[int, int]]:
    """Backwards of the layers from ``after`` - 1 down to ``first``, each on an input that was rebuilt."""
    steps: list[Step | tuple[int, int]] = []
    for layer in range(after - 1, first - 1, -1):
        rebuilt = [Step("invert", layer), Step("keep", layer)] if layer > first else []
        steps += [*rebuilt, Step("drop", layer + 1), Step("tape", layer), Step("backward", layer)]
    return steps


def simulate(steps: Iterable[Step], profile: Costs) -> Cost:
    """Runs a schedule on paper: nothing is rounded, and a step that lacks what it needs is refused.

    Raises DomainError for a schedule that cannot be carried out.
    """
    machine = _Machine(profile)
    for step, after in pairwise([*steps, Step("drop", 0)]):
        machine.take(step, after)
    if machine.next_backward >= 0:
        raise DomainError("a schedule that ends early", "a backward of every layer")
    return Cost(
        machine.seconds,
        machine.peak,
        machine.forwards - len(profile),
        machine.peak_layer,
        tuple(machine.live),
    )


class _Machine:
    """Kept values, residuals, the value that is running, the cotangent that waits, and gradients that stay."""

    def __init__(self, profile: Costs) -> None:
        self.profile = profile
        self.kept: set[int] = set()
        self.taped: dict[int, float] = {}  # layers, and the bytes of their residuals
        self.running: int | None = 0
        self.next_backward = len(profile) - 1
        self.held = self.gradients = self.cotangent = self.seconds = self.peak = 0.0
        self.forwards = self.peak_layer = 0
        self.live: list[float] = []

    def at_hand(self, value: int) -> bool:
        return value == 0 or value in self.kept or value - 1 in self.taped

    def take(self, step: Step, after: Step) -> None:
        layer, extra = step.at, 0.0
        p = self.profile
        match step.action:
            case "forward" | "tape":
                self._needs(self.at_hand(layer) or self.running == layer, step)
                if not self.at_hand(layer) and p.counts_running:
                    extra = p.output[layer - 1]
                if step.action == "forward":
                    extra += p.transient_forward[layer]
                else:
                    stops = after == Step("backward", layer) and self.next_backward < len(p) - 1
                    self.taped[layer] = p.residual[layer] - (p.unmade[layer] if stops else 0)
                    self.held += self.taped[layer] - (p.output[layer] if layer + 1 in self.kept else 0)
                    extra += p.transient_again[layer] if stops else p.transient_kept[layer]
                self.running = layer + 1
                self.forwards += 1
                self.seconds += p.forward[layer]
            case "keep":
                self._needs(self.running == layer or layer - 1 in self.taped, step)
                if not self.at_hand(layer):
                    self.held += p.output[layer - 1]
                self.kept.add(layer)
            case "invert":
                seconds = p.inverse[layer]
                self._needs(layer + 1 in self.kept and seconds is not None, step)
                extra = max(p.transient_inverse[layer], p.output[layer - 1])
                self.running = layer
                self.seconds += seconds or 0.0
            case "drop":
                self._needs(layer in self.kept, step)
                self.kept.discard(layer)
                if not self.at_hand(layer):
                    self.held -= p.output[layer - 1]
            case "release":
                self._needs(layer in self.taped, step)
                self._release(layer)
            case "backward":
                self._needs(layer == self.next_backward and layer in self.taped and self.at_hand(layer), step)
                self.cotangent = 0.0  # among the transients from here on
                # They were counted beyond a whole residual, of which the output goes when they begin.
                self._note(layer, p.transient_backward[layer] + p.residual[layer] - self.taped[layer])
                self._release(layer)
                self.gradients += p.gradient[layer]
                self.cotangent = p.output[layer - 1] if layer and p.counts_running else 0.0
                self.next_backward -= 1
                self.running = None
                self.seconds += p.backward[layer]
                return
        self._note(layer, extra)

    def _release(self, layer: int) -> None:
        self.held -= self.taped.pop(layer) - (self.profile.output[layer] if layer + 1 in self.kept else 0)

    def _note(self, layer: int, extra: float) -> None:
        now = self.held + self.gradients + self.cotangent + extra
        self.live.append(now)
        if now > self.peak:
            self.peak, self.peak_layer = now, min(layer, len(self.profile) - 1)

    def _needs(self, condition: bool, step: Step) -> None:
        if not condition:
            raise DomainError(f"the step {step.action} {step.at}", "what it needs to be at hand")
