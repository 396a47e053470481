"""Lenses and optics: composition is composition, and lenses obey their laws."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from isotropy.optics import Lens, Optic

# A few optics on vectors of two numbers, closed over functions of one number or of two.
shift = Optic(lambda x: (x.mean(), x - x.mean()), lambda m, y: y + m)
scale = Optic(lambda x: (x.abs().max() + 1, x / (x.abs().max() + 1)), lambda s, y: s * y)
first: Lens[Any, Any, Any, Any] = Lens(lambda x: x[0], lambda x, b: torch.stack([b, x[1]]))
numbers = st.floats(-10, 10)


def vector(a: float, b: float) -> torch.Tensor:
    return torch.tensor([a, b], dtype=torch.float64)


@given(numbers, numbers)
def test_composition_closes_from_the_inside(a: float, b: float) -> None:
    x = vector(a, b)
    nested = shift.close(scale.close(torch.sin))(x)
    assert torch.equal((shift >> scale).close(torch.sin)(x), nested)
    triple = ((shift >> scale) >> shift).close(torch.sin)(x)
    assert torch.equal((shift >> (scale >> shift)).close(torch.sin)(x), triple)


@given(numbers, numbers)
def test_there_and_back_is_the_identity(a: float, b: float) -> None:
    for optic in (shift, scale, shift >> scale, first.to_optic(), shift.to_lens().to_optic()):
        x = vector(a, b)
        residual, inside = optic.forward(x)
        assert torch.allclose(optic.backward(residual, inside), x, atol=1e-12)


def test_side_by_side() -> None:
    both = (shift @ scale).close(lambda pair: (pair[0] * 2, pair[1] * 3))
    x, y = vector(1.0, 3.0), vector(2.0, -1.0)
    left, right = both((x, y))
    assert torch.equal(left, shift.close(lambda v: v * 2)(x))
    assert torch.equal(right, scale.close(lambda v: v * 3)(y))


@given(numbers, numbers, numbers)
def test_lens_laws(a: float, b: float, c: float) -> None:
    for lens in (first, shift.to_lens()):
        x = vector(a, b)
        new = vector(c, -c) if lens is not first else torch.tensor(c, dtype=torch.float64)
        assert torch.allclose(lens.get(lens.put(x, new)), new, atol=1e-12)  # PutGet
        assert torch.allclose(lens.put(x, lens.get(x)), x, atol=1e-12)  # GetPut


LENSES = {"first": first, "shift": shift.to_lens(), "scale": scale.to_lens(), "identity": Lens.identity()}
OPTICS = {"shift": shift, "scale": scale, "both": shift >> scale, "identity": Optic.identity()}


def same(one: Lens[Any, Any, Any, Any], other: Lens[Any, Any, Any, Any], x: torch.Tensor, y: torch.Tensor) -> bool:
    """Two lenses that do the same at x and y, to the last bit."""
    return torch.equal(one.get(x), other.get(x)) and torch.equal(one.put(x, y), other.put(x, y))


@given(numbers, numbers, numbers)
def test_lenses_are_optics_and_back(a: float, b: float, c: float) -> None:
    """13 T2: D(E(l)) = l for every lens, and E(D(o)) closes as o does."""
    x = vector(a, b)
    for lens in LENSES.values():
        y = lens.get(x) * c
        assert same(lens.to_optic().to_lens(), lens, x, y)
    for optic in OPTICS.values():
        assert torch.equal(optic.to_lens().to_optic().close(torch.sin)(x), optic.close(torch.sin)(x))


@given(numbers, numbers, numbers)
def test_turning_optics_into_lenses_is_a_functor(a: float, b: float, c: float) -> None:
    """13 T5: D(o1; o2) = D(o1); D(o2), and units to units."""
    x = vector(a, b)
    for one in OPTICS.values():
        for other in OPTICS.values():
            assert same((one >> other).to_lens(), one.to_lens() >> other.to_lens(), x, vector(c, a))
    assert same(Optic.identity().to_lens(), Lens.identity(), x, vector(b, c))


@given(numbers, numbers, numbers)
def test_composition_of_lenses_is_associative_and_has_a_unit(a: float, b: float, c: float) -> None:
    x, y = vector(a, b), vector(c, a)
    one, other = shift.to_lens(), scale.to_lens()
    assert same((one >> other) >> one, one >> (other >> one), x, y)
    for lens in (one, other):
        assert same(Lens.identity() >> lens, lens, x, y)
        assert same(lens >> Lens.identity(), lens, x, y)


def test_what_a_lens_runs_again_an_optic_keeps() -> None:
    """13 T4 and T7: in a composite of three the lens runs get 3 times more on the way back, the optic never."""
    calls: list[str] = []

    def get(x: torch.Tensor) -> torch.Tensor:
        calls.append("get")
        return x + 1

    def put(_: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return y - 1

    lens: Lens[Any, Any, Any, Any] = Lens(get, put)
    x = vector(1.0, 2.0)
    assert torch.equal(((lens >> lens) >> lens).put(x, x), x - 3)
    assert len(calls) == 3  # left-nested: n (n - 1) / 2 for n = 3
    calls.clear()
    assert torch.equal((lens >> (lens >> lens)).put(x, x), x - 3)
    assert len(calls) == 2  # right-nested: n - 1
    calls.clear()
    optic = lens.to_optic() >> lens.to_optic() >> lens.to_optic()
    residual, inside = optic.forward(x)
    assert len(calls) == 3
    assert torch.equal(optic.backward(residual, inside), x)
    assert len(calls) == 3


def test_what_must_not_be_run_again_says_so() -> None:
    drawn = Optic(lambda x: (torch.rand(()), x), lambda m, y: y * m, recompute_safe=False)
    assert not (shift >> drawn).recompute_safe
    assert not (drawn @ shift).recompute_safe
    assert (shift >> scale).recompute_safe
    pair = (shift.to_lens() @ scale.to_lens()).put((vector(1, 3), vector(2, 1)), (vector(0, 0), vector(0, 0)))
    assert torch.equal(pair[0], shift.to_lens().put(vector(1, 3), vector(0, 0)))
