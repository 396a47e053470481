"""What happens where two principal axes change places: the frame jumps, at the tolerance and not at the tie."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from isotropy.frames import Frame, FrameAveraged, PCAFrame, TransformationInvariant, WeightedTupleFrame
from isotropy.groups import O
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Scalar, Vector

WEIGHT = torch.randn(3, 3, generator=spawn(0, "network"), dtype=torch.float64)
TOL = 1e-5  # of PCAFrame in float64


def network(x: Tensor) -> Tensor:
    return torch.tanh(x @ WEIGHT + 0.3).sum(1)


def cloud(t: float, n: int = 6) -> Tensor:
    """A generic cloud with eigenvalues 2, 1 + t and 1 - t: axes change places at t = 0, with relative gap |t|."""
    base = torch.randn(n, 3, generator=spawn(1, "cloud"), dtype=torch.float64)
    base = torch.linalg.qr(base - base.mean(0))[0]
    return base * torch.tensor([2.0, 1 + t, 1 - t], dtype=torch.float64).sqrt()


def change(frame: Frame, t: float, s: float) -> float:
    """How far the average of a smooth network is apart at t and at s."""
    f = FrameAveraged(network, frame, Cloud(Point), Vector)
    return float((f(cloud(t)[None]) - f(cloud(s)[None])).abs().max())


def test_principal_axes_jump_across_a_crossing() -> None:
    """Specification 03 §5.6: by the same amount however near, as long as the gap is more than the tolerance."""
    jumps = [change(PCAFrame("E(3)"), t, -t) for t in (1e-2, 1e-3, 1e-4, 1.1 * TOL)]
    assert min(jumps) > 1e-2
    assert max(jumps) < 1.05 * min(jumps)


def test_the_jump_is_where_the_gap_passes_the_tolerance() -> None:
    """Within the tolerance other moments choose the axes, through the tie and out again: two jumps, none between."""
    frame = PCAFrame("E(3)")
    for side in (1, -1):
        assert change(frame, side * 1.01 * TOL, side * 0.99 * TOL) > 1e-2
    for t in (0.9 * TOL, 0.4 * TOL, 1e-8):
        assert change(frame, t, -t) < 100 * t
    assert change(PCAFrame("E(3)", tol=0.0), 1e-8, -1e-8) > 1e-2


def test_weights_do_not_jump() -> None:
    for t in (1e-2, 1e-3, 1.1 * TOL, 0.9 * TOL):
        assert change(WeightedTupleFrame("E(3)"), t, -t) < t


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-10), (torch.float32, 2e-5)])
def test_nearly_equal_axes_cost_no_exactness(dtype: torch.dtype, bound: float) -> None:
    """`TransformationInvariant` has the tolerance of `PCAFrame`: axes that rounding turns are resolved by points."""
    W = torch.randn(3, 4, generator=spawn(2, "weight"), dtype=torch.float64).to(dtype)
    model = TransformationInvariant(lambda y: torch.tanh(y @ W + 0.3), rep_out=Cloud(Scalar + Vector))
    R = O(3).sample(20, generator=spawn(3, "turns"), dtype=torch.float64)
    assert isinstance(R, Tensor)
    R = R.to(dtype)
    for gap in (2e-3, 1e-4, 1e-5, 1e-6, 1e-8):
        x = cloud(gap, 9).to(dtype)
        out, moved = model(x[None]), model(x @ R.mT)
        assert float((moved[..., :1] - out[..., :1]).abs().max()) < bound, gap
        assert float((moved[..., 1:] - out[..., 1:] @ R.mT).abs().max()) < bound, gap
