"""What training selected: shares of the exact law of the chain, kinds and strengths, states that go on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from isotropy.groups import Window, parse
from isotropy.soft import Choice, Compose, GroupTransforms, ImageOps, Selections, TransformSet, draw

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
