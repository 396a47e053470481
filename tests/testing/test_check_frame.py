"""The contract of frames passes what is a frame, and names what is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from isotropy.groups import DiscreteMeasure, parse
from isotropy.random import spawn
from isotropy.testing import check_frame

CLOUDS = torch.randn(5, 4, 2, generator=spawn(0, "clouds"), dtype=torch.float64)


def rotation(v: Tensor) -> Tensor:
    """The rotation that takes e_1 to the direction of ``v (..., 2)``."""
    c, s = (v / v.norm(dim=-1, keepdim=True)).unbind(-1)
    return torch.stack([c, -s, s, c], -1).unflatten(-1, (2, 2))


class Every:
    """One atom for each point, weighted by its squared norm: a weighted frame of SO(2)."""

    group = parse("SO(2)")
    power, first_only, sheared = 2.0, False, False

    def __call__(self, x: Tensor) -> DiscreteMeasure:
        g, weight = rotation(x), x.norm(dim=-1) ** self.power
        if self.first_only:
            g, weight = g[:, :1], weight[:, :1]
        if self.sheared:
            g = g + torch.tensor([[0.0, 0.1], [0.0, 0.0]], dtype=x.dtype)
        return DiscreteMeasure(g, (weight / weight.sum(1, keepdim=True)).log())


def test_a_weighted_frame_passes() -> None:
    check_frame(Every(), CLOUDS)
    check_frame(Every(), CLOUDS.float())


def test_repeated_atoms_count_as_one() -> None:
    twice = torch.cat([CLOUDS, CLOUDS[:, :1]], 1)
    check_frame(Every(), twice)


def test_a_frame_that_reads_the_order_is_refused_unless_points_are_ordered() -> None:
    frame = Every()
    frame.first_only = True
    check_frame(frame, CLOUDS, ordered=True)
    with pytest.raises(AssertionError, match="order of the points"):
        check_frame(frame, CLOUDS)


def test_a_frame_that_reads_coordinates_is_refused() -> None:
    def fixed(x: Tensor) -> DiscreteMeasure:
        return DiscreteMeasure(torch.eye(2, dtype=x.dtype).expand(len(x), 1, 2, 2), torch.zeros(len(x), 1).to(x))

    fixed.group = parse("SO(2)")  # type: ignore[attr-defined]
    with pytest.raises(AssertionError, match=r"mu\(h.x\) = h.mu\(x\) fails at cloud \d: atoms"):
        check_frame(fixed, CLOUDS)


def test_weights_that_do_not_follow_are_seen() -> None:
    class Tilted(Every):
        def __call__(self, x: Tensor) -> DiscreteMeasure:
            found = super().__call__(x)
            weight = found.weight * (1 + 1e-6 * x[..., 0].tanh())
            return DiscreteMeasure(found.g, (weight / weight.sum(1, keepdim=True)).log())

    with pytest.raises(AssertionError, match="weights"):
        check_frame(Tilted(), CLOUDS)


def test_atoms_outside_the_group_are_refused() -> None:
    frame = Every()
    frame.sheared = True
    with pytest.raises(AssertionError, match=r"outside SO\(2\)"):
        check_frame(frame, CLOUDS)
