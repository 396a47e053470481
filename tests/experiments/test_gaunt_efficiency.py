"""The clock of the Gaunt experiment: methods of one function agree, peers stop where the plan says, medians count."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from isotropy.errors import DomainError, NonDeterministicError
from isotropy.experiments.gaunt import EfficiencyPlan
from isotropy.experiments.gaunt._efficiency import (
    ALL,
    CONTRACTION,
    E3NN,
    ESCN,
    GAUNT,
    OPERATIONS,
    SAME,
    Way,
    check_agreement,
    efficiency_job,
    timed,
)
from isotropy.runs import Run

TINY = EfficiencyPlan(channels=2, batch=2, edges=3, atoms=3, rounds=3, least=1e-3)
FORMS = {f"{GAUNT}, {form}" for form in ("zonal", "aligned", "matrix")}
PEERS = {
    "interaction": {"same_up_to": SAME, "all_paths_up_to": ALL},
    "convolution": {"escn_up_to": ESCN, "convolution_up_to": E3NN},
    "many-body": {"contraction_up_to": CONTRACTION, "powers_up_to": E3NN},
}
OURS = {"interaction": {GAUNT}, "convolution": FORMS, "many-body": {GAUNT}}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("L", [1, 2])
def test_methods_of_one_function_agree_in_values_and_gradients(operation: str, L: int) -> None:
    ways = {name: way for name, way in OPERATIONS[operation](L, TINY, 0) if way.restore is not None}
    assert len(ways) == {"interaction": 2, "convolution": 4, "many-body": 3}[operation]
    found = {name: way.restore(way.run(*way.given)) for name, way in ways.items() if way.restore is not None}
    one = found.pop(next(iter(found)))
    assert one.abs().max() > 0.1
    for other in found.values():
        assert other.shape == one.shape
        torch.testing.assert_close(other, one, atol=1e-5 * one.abs().max().item(), rtol=0)
    # The norm of a gradient does not depend on the layout of the input.
    slopes = [_slope(way) for way in ways.values()]
    assert slopes == pytest.approx([slopes[0]] * len(slopes), rel=1e-4)


def _slope(way: Way) -> float:
    """The norm of the gradient of the sum of squares in the first input."""
    assert way.restore is not None
    x = way.given[0].clone().requires_grad_()
    value = way.restore(way.run(x, *way.given[1:])).square().sum()
    return torch.autograd.grad(value, x)[0].norm().item()


def test_other_functions_are_not_compared_but_have_their_sizes() -> None:
    every = dict(OPERATIONS["interaction"](1, TINY, 0))[ALL]
    assert every.restore is None
    assert every.run(*every.given).shape == (TINY.batch * TINY.channels, 16)  # all products of two coefficients
    escn = dict(OPERATIONS["convolution"](1, TINY, 0))[ESCN]
    assert escn.restore is None
    assert escn.run(*escn.given).shape == (TINY.edges, TINY.channels, 4)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_peers_run_up_to_the_degree_of_the_plan(operation: str) -> None:
    peers = PEERS[operation]
    for field, peer in peers.items():
        assert {name for name, _ in OPERATIONS[operation](1, replace(TINY, **{field: 1}), 0)} >= {peer}
        left = {name for name, _ in OPERATIONS[operation](1, replace(TINY, **{field: 0}), 0)}
        assert left == OURS[operation] | set(peers.values()) - {peer}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_job_gives_positive_medians_of_every_method(operation: str, tmp_path: Path) -> None:
    with Run(tmp_path) as run:
        found: Any = efficiency_job(run, seed=0, operation=operation, L=1, plan=asdict(TINY))
    assert set(found) == {"milliseconds", "backward", "seconds"}
    assert set(found["milliseconds"]) == set(found["backward"]) == OURS[operation] | set(PEERS[operation].values())
    assert all(0 < ms < 1e4 for ms in [*found["milliseconds"].values(), *found["backward"].values()])
    assert found["seconds"] > 0


def test_clock_gives_milliseconds_of_calls_that_take_turns() -> None:
    calls: list[str] = []

    def busy(name: str) -> Way:
        def run(x: torch.Tensor) -> torch.Tensor:
            calls.append(name if x.requires_grad else f"{name}, forward")
            end = time.process_time() + 2e-3
            while time.process_time() < end:
                pass
            return x.sin()

        return Way(run, (torch.ones(3),))

    forward, backward = timed({name: busy(name) for name in ("one", "other")}, replace(TINY, rounds=3, least=1e-3))
    assert set(forward) == set(backward) == {"one", "other"}
    assert all(2 <= ms < 20 for ms in [*forward.values(), *backward.values()])
    assert calls[:2] == ["one, forward"] * 2  # warm-ups come first
    turns = [name for name, before in zip(calls, [None, *calls], strict=False) if name != before]
    # Each round is a block of calls of each method in turn.
    assert turns[-4:] == turns[-8:-4] == turns[-12:-8] == ["one, forward", "one", "other, forward", "other"]


def test_methods_that_differ_are_refused() -> None:
    ones = (torch.ones(4),)
    same = {"one": Way(torch.sin, ones), "other": Way(torch.cos, ones, None)}
    check_agreement(same)  # another function is not compared
    with pytest.raises(NonDeterministicError, match="'third' off"):
        check_agreement({**same, "third": Way(torch.cos, ones)})
    with pytest.raises(NonDeterministicError, match="nan"):
        check_agreement({**same, "third": Way(lambda x: x * torch.nan, ones)})


def test_unknown_operation_is_refused(tmp_path: Path) -> None:
    with Run(tmp_path) as run, pytest.raises(DomainError, match="'interaction'"):
        efficiency_job(run, seed=0, operation="sum", L=1, plan=asdict(TINY))
