"""The least time under a budget among all schedules, persistent or not: a shortest path over what is at hand."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from isotropy.optics._schedule import Costs, Step

MOST_LAYERS = 10
"""What is at hand is a set of values and a set of residuals: 4^n states."""


class _State(NamedTuple):
    """Kept values and residuals as bits, the value that is running, the next backward, whether the output was seen."""

    kept: int
    taped: int
    running: int
    backward: int
    reached: bool


_NOTHING = -1


def optimum(costs: Costs, budget: float) -> tuple[Step, ...] | None:
    """The steps of a fastest schedule within the budget, None where there is none.

    Until the output is reached each layer runs once, as in any forward pass. Source: the unrestricted problem of
    specification 13 §2.3, by A* with the backwards and the forwards that are certainly still to come as the bound.

    >>> from isotropy.optics import Profile
    >>> costs = Profile([4, 3], [2, 3], [1, 2], [3, 2]).costs
    >>> [step.at for step in optimum(costs, 3) if step.action in ("forward", "tape")]
    [0, 1, 0]
    """
    n = len(costs)
    search = _Search(costs, budget)
    start = _State(0, 0, 0, n - 1, n == 0)
    seconds = {start: 0.0}
    before: dict[_State, tuple[_State, tuple[Step, ...]]] = {start: (start, ())}
    queue = [(search.to_come(start), 0, start)]
    done: set[_State] = set()
    while queue:
        _, _, state = heapq.heappop(queue)
        if state in done:
            continue
        done.add(state)
        if state.backward < 0:
            return _trace(state, before)
        for after, taken, steps in search.moves(state):
            total = seconds[state] + taken
            if total < seconds.get(after, float("inf")):
                seconds[after], before[after] = total, (state, steps)
                # Among equals the one that is further on: fewer states are opened.
                heapq.heappush(queue, (total + search.to_come(after), after.backward, after))
    return None


def _trace(state: _State, before: dict[_State, tuple[_State, tuple[Step, ...]]]) -> tuple[Step, ...]:
    steps: list[Step] = []
    while before[state][0] != state:
        state, last = before[state]
        steps += reversed(last)
    return tuple(reversed(steps))


class _Search:
    def __init__(self, costs: Costs, budget: float) -> None:
        self.costs, self.n = costs, len(costs)
        # Sums in another order than the planner's may differ in their last digits.
        self.budget = budget * (1 + 1e-12)

    def to_come(self, state: _State) -> float:
        """Seconds that are certainly still to be spent."""
        c, total = self.costs, 0.0
        for layer in range(state.backward + 1):
            total += c.backward[layer] + (0 if state.taped >> layer & 1 else c.forward[layer])
        return total

    def moves(self, state: _State) -> Iterator[tuple[_State, float, tuple[Step, ...]]]:
        yield from self._forwards(state)
        yield from self._storing(state)
        b, c = state.backward, self.costs
        if state.reached and state.taped >> b & 1 and self.at_hand(state, b):
            now = self.held(state, waiting=False) + c.transient_backward[b]
            if now <= self.budget:
                kept, taped = state.kept & ~(1 << b), state.taped & ~(1 << b)
                drop = (Step("drop", b),) if kept != state.kept else ()
                yield _State(kept, taped, _NOTHING, b - 1, True), c.backward[b], (Step("backward", b), *drop)

    def at_hand(self, state: _State, value: int) -> bool:
        return value == 0 or bool(state.kept >> value & 1) or bool(state.taped >> (value - 1) & 1)

    def held(self, state: _State, *, waiting: bool = True) -> float:
        c, b = self.costs, state.backward
        total = sum(c.gradient[b + 1 :])
        if waiting and c.counts_running and 0 <= b < self.n - 1:
            total += c.output[b]  # its cotangent
        for layer in range(self.n):
            if state.taped >> layer & 1:
                total += c.residual[layer]
            elif state.kept >> (layer + 1) & 1:
                total += c.output[layer]
        return total

    def _forwards(self, state: _State) -> Iterator[tuple[_State, float, tuple[Step, ...]]]:
        """Forwards from the running value, or, once the output was reached, from any value at hand."""
        c, sources = self.costs, [state.running]
        if state.reached:
            sources = [v for v in range(state.backward + 1) if v == state.running or self.at_hand(state, v)]
        for value in sources:
            if value == _NOTHING or value > min(state.backward, self.n - 1) or (state.taped >> value & 1):
                continue
            if state.reached and not c.safe[value]:
                continue
            extra = 0.0 if self.at_hand(state, value) or not c.counts_running else c.output[value - 1]
            reached = state.reached or value + 1 == self.n
            taped = state._replace(taped=state.taped | 1 << value, running=value + 1, reached=reached)
            if self.held(taped) + extra + c.transient_kept[value] <= self.budget:
                yield taped, c.forward[value], (Step("tape", value),)
            if not c.safe[value] or (state.reached and value == state.backward):
                continue
            if self.held(state) + extra + c.transient_forward[value] <= self.budget:
                moved = state._replace(running=value + 1, reached=reached)
                yield moved, c.forward[value], (Step("forward", value),)

    def _storing(self, state: _State) -> Iterator[tuple[_State, float, tuple[Step, ...]]]:
        value = state.running
        if 0 < value <= state.backward and not state.kept >> value & 1:
            kept = state._replace(kept=state.kept | 1 << value)
            if self.held(kept) <= self.budget:
                yield kept, 0.0, (Step("keep", value),)
        for at in range(1, state.backward + 1):
            if state.kept >> at & 1:
                yield state._replace(kept=state.kept & ~(1 << at)), 0.0, (Step("drop", at),)
            if state.taped >> (at - 1) & 1:
                # Its output may stay where the residual goes.
                yield state._replace(taped=state.taped & ~(1 << (at - 1))), 0.0, (Step("release", at - 1),)
                if not state.kept >> at & 1:
                    only = state._replace(taped=state.taped & ~(1 << (at - 1)), kept=state.kept | 1 << at)
                    yield only, 0.0, (Step("keep", at), Step("release", at - 1))
