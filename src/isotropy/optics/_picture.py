"""A plan as a picture: what is alive and at work over the time of a step, and the bytes of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from isotropy.optics._schedule import Costs, Step

if TYPE_CHECKING:
    from isotropy.report import Memory

_WORK = {"forward": "forward", "tape": "forward", "backward": "backward", "invert": "inverted"}


def picture(
    costs: Costs, steps: Sequence[Step], live: Sequence[float], budget: float, measured: Sequence[float] = ()
) -> Memory:
    """The block of a report that draws it; ``live`` and ``measured`` are bytes during each step."""
    from isotropy.report import Memory, Span

    spans: list[Span] = []
    times = [0.0]
    taped: dict[int, float] = {}
    kept: dict[int, float] = {}
    ran: set[int] = set()
    for action, layer in steps:
        began, ended = times[-1], times[-1] + _seconds(costs, action, layer)
        times.append(ended)
        if action in _WORK:
            again = action in ("forward", "tape") and layer in ran
            spans.append(Span(layer, began, ended, "again" if again else _WORK[action]))  # type: ignore[arg-type]
        if action in ("forward", "tape"):
            ran.add(layer)
        if action == "tape":
            taped[layer] = began
        elif action == "keep":
            kept[layer] = began
        elif action == "drop" and layer in kept:
            spans.append(Span(layer - 1, kept.pop(layer), ended, "value"))
        if action in ("backward", "release") and layer in taped:
            spans.append(Span(layer, taped.pop(layer), ended, "kept"))
    return Memory(
        layers=tuple(costs.names),
        spans=tuple(spans),
        times=tuple(times),
        predicted=tuple(map(float, live)),
        measured=tuple(map(float, measured)),
        budget=None if math.isinf(budget) else float(budget),
        title="What is kept, and until when",
        name="plan",
        caption="Times and the filled bytes are predicted from a profile of each layer.",
    )


def _seconds(costs: Costs, action: str, layer: int) -> float:
    match action:
        case "forward" | "tape":
            return costs.forward[layer]
        case "backward":
            return costs.backward[layer]
        case "invert":
            return costs.inverse[layer] or 0.0
        case _:
            return 0.0
