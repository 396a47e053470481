"""Penalties take whatever a type can describe: clouds, sets of several sizes, graphs, pixels, several arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from isotropy.data import Clouds
from isotropy.groups import Window, parse
from isotropy.linalg import Segments
from isotropy.measure import lie_derivative
from isotropy.random import spawn
from isotropy.soft import LiePenalty, SamplePenalty

SETS = Segments.from_sizes(torch.tensor([2, 3, 4]))
MOVES = Window(parse("SE(3)"), 1.0)


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=spawn(0, *shape), dtype=torch.float64)


class Dipole(nn.Module):
    """A vector for each cloud; the third axis counts more."""

    def __init__(self, lean: float) -> None:
        super().__init__()
        self.lean = nn.Parameter(torch.tensor(lean, dtype=torch.float64))

    def forward(self, x: Tensor, other: Any = None, segments: Segments | None = None) -> Tensor:
        segments = other if isinstance(other, Segments) else segments
        scale = torch.ones(3, dtype=x.dtype).index_fill(0, torch.tensor(2), 1.0) + self.lean * torch.eye(3)[2]
        if segments is not None:
            far = x - segments.gather(segments.mean(x))
            return segments.sum(far * far.square().sum(-1, keepdim=True)) * scale
        weight = x.square().sum(-1, keepdim=True) if other is None else other
        far = x - x.mean(1, keepdim=True)
        return (far * (far.square().sum(-1, keepdim=True) if other is None else weight)).sum(1) * scale


class Of(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


CASES: dict[str, tuple[Any, Any, Any, Any]] = {
    "clouds": ("Cloud(Point)", "Vector", drawn(8, 5, 3), MOVES),
    "sets": ("Cloud(Point)", "Vector", (drawn(9, 3), SETS), MOVES),
    "collections": ("Cloud(Point)", "Vector", Clouds(drawn(9, 3), drawn(3, 1), SETS), MOVES),
    "arguments": (("Cloud(Point)", "Cloud(Scalar)"), "Vector", (drawn(8, 5, 3), drawn(8, 5, 1)), MOVES),
    "arguments, then targets": (
        ("Cloud(Point)", "Cloud(Scalar)"), "Vector", ((drawn(8, 5, 3), drawn(8, 5, 1)), drawn(8, 3)), MOVES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_keeps_a_symmetry_costs_nothing_and_what_breaks_it_is_pulled_back(name: str) -> None:
    rep_in, rep_out, batch, moves = CASES[name]
    for penalty in (
        SamplePenalty(rep_in, rep_out, [moves], draws=2),
        LiePenalty(rep_in, rep_out, [moves.group]),
    ):
        assert float(penalty(Dipole(0.0), batch, spawn(1, "g")).detach()) < 1e-20
        leaning = Dipole(0.5)
        value = penalty(leaning, batch, spawn(1, "g"))
        assert float(value.detach()) > 1e-3
        value.sum().backward()
        assert float(leaning.lean.grad or 0) > 0  # away from 0 it costs more


def test_values_are_those_of_the_definition() -> None:
    x, model = drawn(8, 5, 3), Dipole(0.5)
    rates = lie_derivative(model, "SO(3)", x, "Cloud(Vector)", "Vector")
    (lie,) = LiePenalty("Cloud(Vector)", "Vector", ["SO(3)"])(model, x)
    assert torch.allclose(lie, rates.square().mean())
    # All of a finite group: each row is moved by each of its elements.
    turns = parse("C(4)@z")
    g = turns.elements(dtype=torch.float64)
    moved = torch.stack([model(x @ one.mT) - model(x) @ one.mT for one in g])
    (sampled,) = SamplePenalty("Cloud(Vector)", "Vector", ["C(4)@z"], draws=4)(model, x, spawn(0, "g"))
    assert torch.allclose(sampled, moved.square().mean())


def test_pixels_and_graphs() -> None:
    pixels = drawn(4, 1, 6, 6)
    (turned,) = SamplePenalty("Field(Scalar)", "Scalar", ["C(4)"])(
        Of(lambda v: v[..., :3].mean((1, 2, 3))[:, None]), pixels, spawn(0, "g")
    )
    assert float(turned) > 1e-4
    (same,) = SamplePenalty("Field(Scalar)", "Scalar", ["C(4)"])(
        Of(lambda v: v.square().mean((1, 2, 3))[:, None]), pixels, spawn(0, "g")
    )
    assert float(same) < 1e-20
    (edges,) = SamplePenalty("Pairs()", "Cloud(Scalar)", ["S(4)"])(
        Of(lambda a: a.sum(2, keepdim=True)), drawn(5, 4, 4), spawn(0, "g")
    )
    assert float(edges) < 1e-20
