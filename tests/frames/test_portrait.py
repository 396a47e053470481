"""The portrait shows what the frame sees, not what another tolerance would."""

from __future__ import annotations

import torch

from frames.zoo import zoo
from isotropy.frames import PCAFrame, portrait


def test_a_box_in_single_precision_is_as_tied_as_its_frame() -> None:
    x = zoo()["cube"].float() * (1 + 1e-5 * torch.tensor([0.0, 1.0, 2.0]))
    seen = portrait(x, PCAFrame("O(3)"))
    assert seen.frames == 48
    assert seen.clusters == (0, 0, 0)
    assert portrait(x.double(), PCAFrame("O(3)", tol=1e-7)).clusters == (0, 1, 2)


def test_about_an_axis_the_plane_is_shown() -> None:
    seen = portrait(torch.nn.functional.pad(zoo(2)["square"], (0, 1), value=3.0), PCAFrame("O(2)@z"))
    assert seen.clusters == (0, 0)
    assert len(seen.spreads) == 2
    assert seen.frames == 8
