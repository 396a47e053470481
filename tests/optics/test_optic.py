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
