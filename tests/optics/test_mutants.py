"""Faults made on purpose: the smallest function is replaced by a wrong one, and the law that names it fails."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint_sequential

from isotropy.optics import Chain, Lens, Profile, TwoCell, cost, finite, measure_peak, oplaxator
from isotropy.optics import _again as again
from isotropy.optics import _measuring as measuring
from isotropy.optics import _optic as optic
from isotropy.optics import _plan as plans
from isotropy.optics._classic import every_root, extra_forwards
from isotropy.optics.cost import Value, bracket, counted

Law = Callable[[], None]
Mutate = Callable[[pytest.MonkeyPatch], None]


def layers(chance: bool) -> list[nn.Module]:
    torch.manual_seed(0)
    more = nn.Dropout(0.5) if chance else nn.BatchNorm1d(8)
    return [nn.Sequential(nn.Linear(8, 8), copy.deepcopy(more), nn.Tanh()) for _ in range(5)]


def left_behind(net: Sequence[nn.Module], run: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """Gradients, buffers and the stream after a step, of which the input asks for no gradient."""
    torch.manual_seed(1)
    x = torch.ones(16, 8) + torch.randn(16, 8, generator=torch.Generator().manual_seed(2))
    run(x).square().sum().backward()
    parts = nn.ModuleList(net)
    return [*(p.grad for p in parts.parameters() if p.grad is not None), *parts.buffers(), torch.rand(3)]


def every_bit(chance: bool) -> Law:
    """Gradients, statistics and the random stream are those of plain autograd, where forwards run again."""

    def law() -> None:
        plain, ours = layers(chance), layers(chance)
        expected = left_behind(plain, nn.Sequential(*plain))
        chain = Chain(ours)
        plan = chain.profile(torch.ones(16, 8), repeats=1).plan(solver="none")
        assert plan.predicted.recomputed > 0
        got = left_behind(ours, lambda x: chain.run(x, plan))
        assert len(got) == len(expected)
        assert all(map(torch.equal, got, expected))

    return law


def moved_twice(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def nothing(_: Any) -> Generator[None, None, None]:
        yield

    patch.setattr(again, "buffers_as", nothing)


def not_put_back(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def restored(states: Sequence[tuple[torch.Generator, Tensor]]) -> Generator[None, None, None]:
        for generator, state in states:
            generator.set_state(state)
        yield

    patch.setattr(again, "random_state_as", restored)


def re_entrant(patch: pytest.MonkeyPatch) -> None:
    def run(self: Chain, x: Tensor, *_: Any) -> Any:
        y = checkpoint_sequential(nn.Sequential(*self.modules), len(self), x, use_reentrant=True)
        assert y.requires_grad, "its last segment keeps its graph"
        return y

    patch.setattr(Chain, "run", run)


def kept_budget() -> None:
    """The peak that is measured is at most the budget, and what was predicted."""
    net = [nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16)) for _ in range(5)]
    chain, x = Chain(net), torch.randn(64, 16)
    profile = chain.profile(x, repeats=1)
    plan = profile.plan(min_budget=True)
    peak = measure_peak(lambda: chain.run(x, plan).sum().backward())
    assert 0.95 * plan.predicted.peak_bytes <= peak <= 1.02 * plan.budget


def by_formula(patch: pytest.MonkeyPatch) -> None:
    """A layer takes what its output takes: no working tensors, nothing kept inside."""
    measured = measuring._measure
    nothing = dict.fromkeys(("transient_kept", "transient_backward", "unmade", "transient_again"), 0)

    def formula(*given: Any) -> Any:
        row = measured(*given)
        return replace(row, residual=row.output, transient_forward=row.output, **nothing)

    patch.setattr(measuring, "_measure", formula)


def binomial_forwards() -> None:
    """On equal layers the programme runs as many forwards again as binomial checkpointing."""
    ones = [1.0] * 16
    for values in (1, 2, 4):
        plan = Profile(ones, ones, ones, ones).plan(budget=values + 2, allow={"recompute"})
        assert plan.predicted.recomputed == extra_forwards(16, values)
        assert plan.predicted.peak_bytes <= values + 2


def root_under_its_name(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plans, "_dynamic", lambda costs, *_: every_root(len(costs)))


def constant_live_values() -> None:
    """The put of 64 lenses that are nested to the left holds one value beside its input."""
    one = counted(Lens(lambda s: Value(s.content + 1), lambda s, b: Value(b.content)))
    live = cost.trace(bracket([one] * 64, "left"), Value(0), Value(0)).live_values
    assert live == 1  # by itself: a composite that is shown in an error is endless


def recursive_put(patch: pytest.MonkeyPatch) -> None:
    """Each frame holds the value that it got while it waits for what is inside of it."""

    def put(outer: Any, inner: Any, s: Any, c: Any) -> Any:
        middle = outer.get(s)
        back = inner.put(middle, c)
        result = outer.put(s, back)
        del middle
        return result

    patch.setattr(optic, "_put", put)


def wrong_way_refused() -> None:
    """A 2-cell that stores something else than what the get gives is none."""
    sets = finite.Sets(2, 2, 2, 2)
    constant = finite.FiniteLens.of(sets, (0, 0), ((0, 0), (1, 1)))
    cell = oplaxator(constant, finite.FiniteLens.of(sets, (0, 1), ((0, 1), (1, 0))))
    wrong = TwoCell(cell.source, cell.target, lambda a: (a, 1 - constant.got[a]))
    samples = list(itertools.product(range(2), range(2)))
    assert cell.check(samples)
    assert not wrong.check(samples)


def accepts_all(patch: pytest.MonkeyPatch) -> None:
    def check(self: TwoCell, samples: Iterable[Any]) -> bool:
        return True

    patch.setattr(TwoCell, "check", check)


def by_zig_zags() -> None:
    """Components come of steps from optic to optic: without any, each optic is one by itself."""
    count = len(finite.enumerate_optics(2, 1, 2, 2, 3))
    assert len(finite.components(2, 1, 2, 2, 3)) == 4 < count
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finite, "_steps", lambda *_: iter(()))
        assert len(finite.components(2, 1, 2, 2, 3)) == count


def by_denotation(patch: pytest.MonkeyPatch) -> None:
    def components(A: int, A2: int, B: int, B2: int, M: int) -> list[list[finite.FiniteOptic]]:
        found: dict[finite.FiniteLens, list[finite.FiniteOptic]] = {}
        for one in finite.enumerate_optics(A, A2, B, B2, M):
            found.setdefault(one.to_lens(), []).append(one)
        return list(found.values())

    patch.setattr(finite, "components", components)


MUTANTS: dict[str, tuple[Law, Mutate]] = {
    "batch norm moved twice": (every_bit(False), moved_twice),
    "random state not put back": (every_bit(True), not_put_back),
    "re-entrant checkpoint": (every_bit(False), re_entrant),
    "budget by formula": (kept_budget, by_formula),
    "sqrt under the name dp": (binomial_forwards, root_under_its_name),
    "recursive put": (constant_live_values, recursive_put),
    "TwoCell.check accepts all": (wrong_way_refused, accepts_all),
    "components by denotation": (by_zig_zags, by_denotation),
}


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad=True")
@pytest.mark.parametrize("fault", MUTANTS)
def test_the_law_that_names_a_fault_finds_it(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    law, mutate = MUTANTS[fault]
    law()
    mutate(monkeypatch)
    with pytest.raises(AssertionError):
        law()
