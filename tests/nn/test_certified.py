"""The certificate over a hundred drawn poses, motions and numbers of cells: never violated, and not idle."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from frames.bodies import person
from isotropy.frames import Partition, PiecewiseLayer, piecewise_certificate, voronoi_partition
from isotropy.nn import PiecewiseSegmenter

N = 100
CELLS = (10, 20, 40, 70, N)


def of_a_layer() -> Callable[[int], Callable[[Tensor], Any]]:
    layer = PiecewiseLayer(None, "4*Scalar", k_local=4, width=12).double().requires_grad_(False)

    def asked(x: Tensor, cells: int) -> tuple[Tensor, Partition]:
        found, _ = voronoi_partition(x, cells)
        return layer(x, None, found)[0], found

    return lambda cells: partial(asked, cells=cells)


def of_a_network() -> Callable[[int], Callable[[Tensor], Any]]:
    """Its cells are those that its own votes make."""
    return PiecewiseSegmenter(4, k_local=4, variances=(1e-4,) * 3).double().requires_grad_(False).with_cells


@pytest.mark.parametrize("model", [of_a_layer, pytest.param(of_a_network, marks=pytest.mark.slow)])
def test_it_is_never_violated_and_tells_how_large_the_error_is(
    model: Callable[[], Callable[[int], Callable[[Tensor], Any]]],
) -> None:
    """Specification 06 §5.4: 100 triples (pose, g, K), mirrors of single parts among them; correlation above 0.6."""
    torch.manual_seed(0)
    asked = model()
    bound, measured, exact, worst = [], [], [], 0.0
    for pose in range(4):
        views, truth = person(N, 1, pose)
        for cells in CELLS:
            found = piecewise_certificate(asked(cells), views[0], Partition(truth), 5, seed=100 * pose + cells)
            rounding = 1e-12 * found.M  # of single points the bound is 0
            assert bool((found.measured <= found.bound + rounding).all()), (pose, cells)
            bound.append(found.bound / found.M)
            measured.append(found.measured / found.M)
            exact.append(int(found.exact.sum()))
            if exact[-1]:
                worst = max(worst, float(found.error[:, found.exact].max()))
    assert torch.cat(bound).shape == (100,)
    assert worst < 1e-8
    assert sum(0 < count < N for count in exact) >= 4, "there are exact points beside others"
    assert float(torch.corrcoef(torch.stack([torch.cat(bound), torch.cat(measured)]))[0, 1]) > 0.6
    assert float(torch.cat(measured).max()) > 0.05, "the error that is bounded is not idle"
