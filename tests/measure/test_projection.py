"""Operator-level distance of a weight from the equivariant maps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import parse
from isotropy.measure import projection_error
from isotropy.optics import average
from isotropy.reps import Scalar, Vector


def test_zero_on_the_subspace_and_pythagoras_off_it() -> None:
    rep_in, rep_out, G = 2 * Vector + Scalar, Vector, parse("SO(3)")
    W = torch.randn(3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    P = average(G, rep_in, rep_out).close(lambda v: v @ W.mT)(torch.eye(7, dtype=torch.float64)).mT
    assert projection_error(P, rep_in, rep_out, G) < 1e-12
    expected = float((W - P).norm() / W.norm())
    assert projection_error(W, rep_in, rep_out, "SO(3)") == pytest.approx(expected, rel=1e-10)
    assert projection_error(-5 * W, rep_in, rep_out, G) == pytest.approx(expected, rel=1e-10)


def test_the_bias_counts() -> None:
    layer = nn.Linear(3, 3)
    with torch.no_grad():
        layer.weight.copy_(2 * torch.eye(3))
        layer.bias.copy_(torch.tensor([0.0, 0.0, 1.0]))
    # |b|^2 / (|W|^2 + |b|^2) = 1 / 13 under SO(3); turning about z leaves b alone.
    assert projection_error(layer, Vector, Vector, "SO(3)") ** 2 == pytest.approx(1 / 13, rel=1e-6)
    assert projection_error(layer, Vector, Vector, "SO(2)@z") < 1e-6
    layer.bias = None
    assert projection_error(layer, Vector, Vector, "SO(3)") < 1e-6


def test_refusals() -> None:
    with pytest.raises(ShapeError, match=r"\(3, 3\)"):
        projection_error(torch.ones(2, 3), Vector, Vector, "SO(3)")
    with pytest.raises(DomainError, match="zeros"):
        projection_error(torch.zeros(3, 3), Vector, Vector, "SO(3)")
