"""What training selected: shares of the exact law of the chain, kinds and strengths, states that go on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.groups import Window, parse
from isotropy.groups.parts import matrix
from isotropy.soft import (
    Choice,
    Compose,
    Fixed,
    GroupTransforms,
    ImageOps,
    InvarianceConstraint,
    Selections,
    TransformSet,
    draw,
)

LOSSES = torch.tensor([0.1, 0.2, 0.4, 0.8, 1.6], dtype=torch.float64)
EXACT = (0.0775, 0.1350, 0.2000, 0.2650, 0.3225)  # two states, uniform proposals (specification 09 §2.3)


@dataclass
class Which:
    state: Tensor


class Five(TransformSet):
    name = "five"
    kinds = ("a", "b", "c", "d", "e")

    def sample(self, n: int, generator: torch.Generator) -> Which:
        return Which(torch.randint(5, (n,), generator=generator))

    def apply(self, t: Which, x: Tensor) -> Tensor:
        return torch.ones_like(x) * t.state[:, None]

    def log_density(self, t: Which) -> Tensor:
        return torch.full((len(t.state),), -math.log(5))

    def strengths(self, t: Which) -> tuple[Tensor, Tensor]:
        return t.state, torch.zeros(len(t.state))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_shares_are_those_of_the_chain_beside_the_loss_of_each_kind() -> None:
    seen, n = Selections(), 100_000
    drawn = draw(lambda x, y: LOSSES[x[:, 0].long()], torch.zeros(n, 1), None, Five(), generator=generator())
    seen.add(Five(), drawn.first, drawn.first_loss, drawn.params)
    for row, loss, exact in zip(seen.rows(), LOSSES, EXACT, strict=True):
        assert row.loss == pytest.approx(float(loss))
        assert row.proposed == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / n))
        assert row.selected == pytest.approx(exact, abs=4 * math.sqrt(exact / n))
        assert row.often == row.selected / row.proposed
    assert sum(row.selected for row in seen.rows()) == pytest.approx(1)


def test_uniform_draws_select_what_they_propose() -> None:
    seen = Selections()
    drawn = draw(
        lambda x, y: LOSSES[x[:, 0].long()], torch.zeros(50, 1), None, Five(), sampler="uniform", generator=generator()
    )
    seen.add(Five(), drawn.first, drawn.first_loss, drawn.params)
    assert {row.often for row in seen.rows()} == {1.0}


def test_kinds_and_strengths_of_every_set() -> None:
    turns, sizes = GroupTransforms("SO(2)", "Vector"), GroupTransforms(Window(parse("Scale(2)"), 0.5), "Vector")
    t = turns.sample(200, generator())
    which, angle = turns.strengths(t)
    assert turns.kinds == ("SO(2) on Vector",)
    assert which.abs().max() == 0
    # Single precision: the smallest angles are rounded most.
    assert torch.allclose(angle.cos().double(), t.g[:, 0, 0].double(), atol=1e-5)
    either = Choice(turns, sizes)
    assert either.kinds == (turns.name, sizes.name)
    assert set(either.strengths(either.sample(50, generator()))[0].tolist()) == {0, 1}
    both = Compose(turns, sizes)
    assert both.strengths(both.sample(7, generator()))[0].shape == (7,)
    ops = ImageOps("standard")
    t = ops.sample(300, generator())
    assert [ops.kinds[k] for k in ops.strengths(t)[0].tolist()] == [ops.names[k] for k in t.op.tolist()]
    mirrors = GroupTransforms("O(1)@x", "Vector")
    assert mirrors.strengths(mirrors.sample(4, generator()))[1].tolist() == [0.0] * 4


def test_strengths_fall_into_fifths_and_states_go_on() -> None:
    ops, seen = ImageOps(["rotate"]), Selections()
    x = torch.rand(500, 1, 8, 8, generator=generator())

    def loss(moved: Tensor, y: object) -> Tensor:
        return (moved - x).square().mean((1, 2, 3))

    def step(into: Selections, seed: int) -> None:
        drawn = draw(loss, x, None, ops, steps=4, generator=generator(seed))
        into.add(ops, drawn.first, drawn.first_loss, drawn.params)

    step(seen, 0)
    rows = seen.rows()
    assert [round(row.low, 3) for row in rows] == [round(k * seen.farthest / 5, 3) for k in range(5)]
    assert rows[-1].loss > rows[0].loss  # larger turns change more
    assert rows[-1].often > 1 > rows[0].often
    again = Selections()
    again.load_state_dict(seen.state_dict())
    step(seen, 1)
    step(again, 1)
    assert again.rows() == seen.rows()


class Strong(Five):
    """One kind, of the strengths that it is given."""

    kinds = ("strong",)

    def strengths(self, t: Which) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(t.state), dtype=torch.int64), t.state


def counted(*batches: list[float]) -> Selections:
    seen = Selections()
    for batch in batches:
        t = Which(torch.tensor(batch))
        seen.add(Strong(), t, torch.ones(len(batch)), t)
    return seen


def table(seen: Selections) -> list[tuple[float, float, float]]:
    return [(round(row.low, 6), round(row.high, 6), round(row.proposed, 6)) for row in seen.rows()]


def test_elements_without_coordinates_are_counted_apart() -> None:
    moves, seen = GroupTransforms("O(2)", "Vector"), Selections()
    for seed in range(6):
        t = moves.sample(8, generator(seed))
        strength, turned = moves.strengths(t)[1], torch.linalg.det(matrix(t.g)) > 0
        assert torch.equal(strength.isfinite(), turned)
        assert torch.allclose(strength[turned].cos(), matrix(t.g)[turned, 0, 0].to(strength), atol=1e-5)
        seen.add(moves, t, torch.ones(8), t)
    rows = seen.rows()
    assert math.isnan(rows[-1].low)
    assert rows[-1].proposed == pytest.approx(rows[-1].selected)
    assert 0.2 < rows[-1].proposed < 0.8
    assert rows[-2].high == seen.farthest > 2
    assert sum(row.proposed for row in rows) == pytest.approx(1)


def test_bins_follow_what_is_stronger_later() -> None:
    """As if the strongest had been known from the beginning, wherever it comes."""
    weak, strong = [0.5, 1.0, 1.5, 2.0], [3.0, 4.5, 9.5, 10.0]
    expected = [(0, 2, 0.5), (2, 4, 0.125), (4, 6, 0.125), (8, 10, 0.25)]
    assert table(counted([*weak, *strong])) == expected
    assert table(counted(weak, strong)) == table(counted(strong, weak)) == expected
    assert table(counted([0.0, 0.0], weak, strong))[-1] == (8, 10, 0.2)
    assert table(counted([0.0, 0.0])) == [(0, 0, 1)]


def test_a_diagnostic_ends_no_training() -> None:
    seen = counted([], [1.0, math.nan, math.inf, 0.0], [])
    assert counted([]).rows() == []
    assert [row.proposed for row in seen.rows()] == [0.25, 0.25, 0.5]
    assert math.isnan(seen.rows()[-1].high)
    again = Selections()
    again.load_state_dict(seen.state_dict())
    assert table(again)[:2] == table(seen)[:2]


class Asked(Five):
    """Counts how often it is asked for strengths."""

    times = 0

    def strengths(self, t: Which) -> tuple[Tensor, Tensor]:
        self.times += 1
        return super().strengths(t)


def test_strengths_are_computed_for_who_asks() -> None:
    for asked in (False, True):
        five = Asked()
        keep = InvarianceConstraint(
            five, 0.1, multiplier=Fixed(1.0), loss=lambda model, batch: model(batch[0])[:, 0].square(),
            count_selections=asked,
        )  # fmt: skip
        keep.term(torch.nn.Linear(1, 1), (torch.zeros(6, 1), None), generator())
        assert five.times == 2 * asked
        assert ("selections" in keep.state_dict()) is asked
        if asked:
            assert sum(row.proposed for row in keep.selections.rows()) == pytest.approx(1)
        else:
            with pytest.raises(DomainError, match="count_selections=True"):
                _ = keep.selections
