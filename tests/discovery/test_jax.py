"""Arrays and functions of jax, as a courtesy: ``pip install jax`` beside this library is all that they need."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import isotropy
from isotropy.errors import DtypeError

jax = pytest.importorskip("jax", reason="jax is not installed")
TYPES = {"x": "2*Vector", "y": "Vector"}


def rows() -> Any:
    return jax.numpy.asarray(np.random.default_rng(0).normal(size=(60, 6)))


def crossed(v: Any) -> Any:
    return jax.numpy.cross(v[:, :3], v[:, 3:])


def changed(v: Any) -> Any:
    """By a method that arrays of jax have and those of numpy have not."""
    return v.at[:, 0].set(0.0)[:, :3]


def products(v: Any) -> Any:
    return jax.numpy.sum(v[:, :3] * v[:, 3:], 1)


def test_functions_are_audited() -> None:
    for function in (crossed, jax.jit(crossed)):
        found = isotropy.audit(function, rows(), TYPES, groups="SO(3)")
        assert found["SO(3)"].verdict == "exact to rounding"
        assert found.notes[0].startswith("No Lie errors: the model computes outside torch")
    assert isotropy.audit(changed, rows(), TYPES, groups="SO(3)")["SO(3)"].error.mean > 0.1
    dot = jax.vmap(lambda v: jax.numpy.dot(v[:3], v[3:]))
    assert isotropy.audit(dot, rows(), {"x": "2*Vector", "y": "Scalar"}, groups="O(3)").largest is not None


def test_arrays_are_data() -> None:
    x = rows()
    found = isotropy.discover(x, products(x), {"x": "2*Vector", "y": "Scalar"}, groups="SO(3)", quick=True)
    assert found["SO(3)"].verdict in ("no breaking detected", "none seen")
    for kind in ("bfloat16", "float16", "int32"):
        assert isotropy.audit(crossed, x.astype(kind), TYPES, groups="SO(3)").largest is not None
    with pytest.raises(DtypeError, match="real and imaginary parts"):
        isotropy.audit(crossed, x.astype("complex64"), TYPES, groups="SO(3)")
