"""What bracketings of a composite cost: the laws of T7, the trap of the stack, and chains."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from torch import nn

from isotropy.errors import DomainError
from isotropy.optics import Chain, Lens, Optic, cost
from isotropy.optics.cost import Value, bracket, counted, trace


def steps(n: int) -> list[Lens[Any, Any, Any, Any]]:
    return [counted(Lens(lambda s, k=k: Value(s.content + k), lambda s, b: (s.content, b))) for k in range(n)]


@pytest.mark.parametrize("n", [2, 8, 64])
def test_bracketings_cost_what_the_theorem_says(n: int) -> None:
    log = int(math.log2(n))
    expected = {"left": (n * (n - 1) // 2, 1), "balanced": (n * log // 2, log), "right": (n - 1, n - 1)}
    answers: set[Any] = set()
    for how, (gets, live) in expected.items():
        whole = bracket(steps(n), how)
        told = trace(whole, Value(0), "back")
        assert (told.gets, told.puts, told.live_values) == (gets, n, live)
        answers.add(whole.put(Value(0), "back"))
        assert whole.get(Value(0)).content == n * (n - 1) // 2
    assert len(answers) == 1  # one function


def test_a_left_nested_put_runs_in_constant_depth() -> None:
    deepest = 0

    def put(_: Any, b: int) -> int:
        nonlocal deepest
        depth, frame = 0, sys._getframe()
        while frame.f_back is not None:
            frame, depth = frame.f_back, depth + 1
        deepest = max(deepest, depth)
        return b + 1

    depths: list[int] = []
    for n in (4, 400):
        deepest = 0
        for how in ("left", "right"):
            assert bracket([Lens(lambda s: s, put)] * n, how).put(0, 0) == n
        depths.append(deepest)
    assert depths[0] == depths[1]


def test_tensors_of_a_spectrum() -> None:
    """Peaks in units of one activation, at n = 64: O(1), O(log n), O(n), without a feedback for each frame."""
    weight, x = torch.randn(8, 8), torch.randn(64, 8)

    def layer() -> Lens[Any, Any, Any, Any]:
        return counted(Lens(lambda s: torch.tanh(s @ weight), lambda s, b: (b * (1 - s.square())) @ weight.T))

    peaks = {
        how: trace(bracket([layer()] * 64, how), x, x).peak_bytes / x.nbytes for how in ("left", "balanced", "right")
    }
    assert peaks["left"] < 7
    assert peaks["balanced"] < 12
    assert 63 <= peaks["right"] < 70


def test_optics_and_chains_are_traced() -> None:
    whole = Optic(lambda s: (s, s + 1), lambda m, b: m + b)
    assert trace(whole, torch.ones(4), torch.ones(4)).peak_bytes >= 16
    x = torch.randn(8, 4)
    chain = Chain([nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(6)])
    profile = chain.profile(x, repeats=1)
    plain, none = trace(chain, x), trace(chain, x, plan=profile.plan(solver="none"))
    assert (plain.gets, plain.puts, plain.live_values) == (0, 6, 6)
    assert (none.gets, none.puts) == (15, 6)
    assert none.live_values < plain.live_values
    with pytest.raises((DomainError, TypeError), match=r"a Lens, an Optic or a Chain|violates"):
        cost.trace(3, x)  # type: ignore[arg-type]
    with pytest.raises(DomainError, match="watched"):
        trace(bracket([counted(Lens(lambda s: s + 1, lambda s, b: b))] * 2, "left"), 0)
    with pytest.raises(DomainError, match="how='up'"):
        bracket(steps(2), "up")
