"""The one-line test of a layer: passes what is equivariant, and says where something is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import SchemaError
from isotropy.groups import parse
from isotropy.reps import Point, Rep, Scalar, Vector
from isotropy.testing import assert_equivariant


class Norms(nn.Module):
    rep_in: Rep = 2 * Vector
    rep_out: Rep = 2 * Scalar

    def __init__(self, tilt: float = 0.0, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([1.0, 1.0, 1.0 + tilt], dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return (x.unflatten(-1, (2, 3)) * self.scale).norm(dim=-1)


def test_a_module_that_declares_its_types_needs_no_more() -> None:
    assert_equivariant(Norms(), "O(3)")
    assert_equivariant(Norms(dtype=torch.float32), parse("O(3)"))
    assert_equivariant(Norms(tilt=0.5), "O(2)@z")
    with pytest.raises(AssertionError, match="O\\(3\\)"):
        assert_equivariant(Norms(tilt=1e-6), "O(3)")
    assert_equivariant(Norms(tilt=1e-6), "O(3)", tol=1e-4)


def test_the_message_says_where() -> None:
    x = torch.randn(9, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    good = Norms()
    f = lambda v: torch.where((v == x[4]).all(1, keepdim=True), 2 * good(v), good(v))  # noqa: E731
    with pytest.raises(AssertionError, match=r"tolerance 1e-10\s+worst at row 4, for g = \[\[") as caught:
        assert_equivariant(f, "SO(3)", x, 2 * Vector, 2 * Scalar)
    assert "of the output's size" in str(caught.value)


def test_groups_without_a_uniform_law() -> None:
    difference = lambda v: v[:, :2] - v[:, 2:]  # noqa: E731
    assert_equivariant(difference, "E(2)", None, 2 * Point, Vector)
    with pytest.raises(AssertionError):
        assert_equivariant(lambda v: v[:, :2], "E(2)", None, 2 * Point, Vector)


def test_trees_and_undeclared_types() -> None:
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert_equivariant(torch.linalg.cross, "SO(3)", (x, x.flip(0)), (Vector, Vector), Vector)
    with pytest.raises(SchemaError, match="no rep_in"):
        assert_equivariant(torch.sin, "SO(3)", x)
    with pytest.raises(SchemaError, match="pass x"):
        assert_equivariant(torch.linalg.cross, "SO(3)", None, (Vector, Vector), Vector)


def test_the_suites_are_imported_when_used() -> None:
    import isotropy.testing

    assert {"assert_equivariant", "check_frame", "check_group", "check_rep"} <= set(isotropy.testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'check_optic'"):
        isotropy.testing.check_optic
