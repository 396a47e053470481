"""The checks of annotations see new kinds of argument and of result, whatever passed before, in every test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import typechecker
from typechecker import jaxtyped

checked = jaxtyped()


@checked
def turned(
    x: Float[Tensor, "n d"], R: Float[Tensor, "d d"], /, times: int = 1, *, how: Literal["all", "none"] = "all"
) -> Float[Tensor, "n d"]:
    return x if how == "none" else x @ torch.linalg.matrix_power(R, times)


@checked
def asked(x: Float[Tensor, " n"], answer: Any) -> Float[Tensor, " n"]:
    return answer()


@checked
def joined(parts: list[Float[Tensor, "n _"]]) -> Float[Tensor, "n m"]:
    return torch.cat(parts, 1)


@checked
@dataclass(frozen=True)
class Pair:
    left: Float[Tensor, " n"]
    right: Float[Tensor, " n"]


def inner(scale: float) -> Callable[..., Any]:
    @checked
    def scaled(x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        return scale * x

    return scaled


x, R = torch.ones(4, 3), torch.eye(3)


@pytest.fixture(autouse=True)
def _right_ones_passed_before() -> None:
    for _ in range(3):
        typechecker.begin()
        turned(x, R)
        turned(x, R, 2, how="none")
        asked(x[0], lambda: x[1])
        joined([x, x])
        Pair(x[0], x[1])
        inner(2.0)(x[0])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: turned(x[0], R),
        lambda: turned(x, R[:2, :2]),
        lambda: turned(x.long(), R),
        lambda: turned(x, R, 1.0),  # type: ignore[arg-type]
        lambda: turned(x, R, how="some"),  # type: ignore[arg-type]
        lambda: turned(x.numpy(), R),  # type: ignore[arg-type]
        lambda: asked(x[0], lambda: x),
        lambda: asked(x[0], lambda: x[0, :2]),
        lambda: asked(x[0], lambda: None),
        lambda: joined([x[0]]),
        lambda: joined((x, x)),  # type: ignore[arg-type]
        lambda: Pair(x[0], x[0, :2]),
        lambda: inner(3.0)(x),
    ],
)
def test_a_wrong_one_is_still_seen(wrong: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        wrong()


def test_what_passes_is_what_the_function_gives() -> None:
    assert torch.equal(turned(2 * x, R), 2 * x)
    assert torch.equal(inner(5.0)(x[0]), 5 * x[0])
    assert [float(asked(x[0], lambda k=k: k * x[1])[0]) for k in (1.0, 2.0, 3.0)] == [1.0, 2.0, 3.0]


@checked
def counted(x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    return x


def test_loops_are_looked_at_less_and_less() -> None:
    seen = []
    for call in range(1, 40):
        try:
            counted(R)
        except TypeError:
            seen.append(call)
    assert seen == [1, 2, 3, 4, 8, 16, 32]


def test_the_next_test_is_looked_at_again() -> None:
    for _ in range(4):
        counted(x[0])
    counted(R)
    typechecker.begin()
    with pytest.raises(TypeError):
        counted(R)
