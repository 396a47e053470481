"""PCA frames on clouds with distinct axes: the law, sizes, gradients, ragged batches, precision, refusals."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from frames.laws import act, average_distance, elements, set_distance
from isotropy.errors import DomainError, DtypeError, FrameSizeError, ShapeError
from isotropy.frames import PCAFrame
from isotropy.frames._signs import ambiguity, rotation_design
from isotropy.frames._spectrum import spectrum
from isotropy.groups import parse
from isotropy.linalg import Segments

GROUPS = [f"{name}({d})" for name in ("O", "SO", "E", "SE") for d in (1, 2, 3, 4)]
PLACED = ["O(2)@z", "SO(2)@(1,2,2)", "E(2)@y", "SE(2)@(1,-1,1)", "O(1)@x", "SE(3)@(1,0,2,0)"]


def clouds(batch: int, n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(batch, n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.3


@pytest.mark.parametrize("group", GROUPS + PLACED)
def test_the_measure_moves_with_the_cloud(group: str) -> None:
    """mu(h.x) = h_* mu(x) as a weighted set, whatever the order of the points; all atoms are in the group."""
    frame = PCAFrame(group)
    x = clouds(5, 9, frame.group.degree)
    found = frame(x)
    assert found.exact
    assert found.degenerate is not None
    assert not bool(found.degenerate.any())
    assert bool(frame.group.contains(found.g).all())
    for k, h in enumerate(elements(frame.group, 4)):
        order = torch.randperm(9, generator=torch.Generator().manual_seed(k))
        there = frame(act(h, x)[:, order])
        assert set_distance(found, there, h) < 1e-10
        assert average_distance(found, x, there, act(h, x)[:, order], h, "E" in group) < 1e-10


@settings(max_examples=40)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 10**6), st.sampled_from(["O", "SO", "E", "SE"]))
def test_any_number_of_points_in_any_dimension(n: int, d: int, seed: int, name: str) -> None:
    """Also fewer points than dimensions: then through the averages that the frame is exact for."""
    frame = PCAFrame(f"{name}({d})", max_frames=1000)
    x = clouds(2, n, d, seed)
    found = frame(x)
    for h in elements(frame.group, 2, seed):
        assert average_distance(found, x, frame(act(h, x)), act(h, x), h, "E" in name) < 1e-9


@pytest.mark.parametrize(
    ("group", "size"), [("E(3)", 8), ("SE(3)", 4), ("O(3)", 8), ("SO(3)", 4), ("O(2)@z", 4), ("SO(1)", 1), ("E(1)", 2)]
)
def test_sizes(group: str, size: int) -> None:
    """2^d, or 2^(d-1) without reflections (specification 03 §5.4)."""
    frame = PCAFrame(group)
    found = frame(clouds(3, 7, frame.group.degree))
    assert found.log_weight.shape == (3, size)
    assert float((found.weight - 1 / size).abs().max()) < 1e-15


def test_axes_are_those_of_the_second_moments() -> None:
    x = clouds(4, 10, 3)
    found = PCAFrame("E(3)")(x)
    y = x - x.mean(1, keepdim=True)
    V = found.g[:, :, :3, :3]
    moments = V.mT @ (y.mT @ y)[:, None] @ V
    assert float((moments - torch.diag_embed(moments.diagonal(dim1=-2, dim2=-1))).abs().max()) < 1e-12
    values = moments[:, 0].diagonal(dim1=-2, dim2=-1)
    assert bool((values[:, :-1] > values[:, 1:]).all())
    assert torch.allclose(found.g[:, :, :3, 3], x.mean(1)[:, None].expand(4, 8, 3), atol=1e-14)


def test_a_frame_is_a_value() -> None:
    frame = PCAFrame("O(2)@z", tol=1e-4)
    assert frame == PCAFrame(parse("O(2)@z"), tol=1e-4)
    assert hash(frame) == hash(dataclasses.replace(frame))
    assert dataclasses.replace(frame, grad="detach").grad == "detach"
    assert str(frame.group) == "O(2)@z"


@pytest.mark.parametrize("group", ["E(3)", "SO(3)", "O(2)@z"])
def test_ragged_equals_dense(group: str) -> None:
    x, frame = clouds(6, 8, 3), PCAFrame(group)
    order = torch.randperm(48, generator=torch.Generator().manual_seed(0))
    label = Segments.from_sizes(torch.full((6,), 8)).label[order]
    features = clouds(6, 8, 2, seed=1)
    dense = frame(x, features=features)
    ragged = frame(x.flatten(0, 1)[order], Segments(label, 6), features.flatten(0, 1)[order])
    one = torch.eye(dense.g.shape[-1], dtype=torch.float64)
    assert dense.g.shape == ragged.g.shape
    assert set_distance(dense, ragged, one) < 1e-12


def test_weights_count_points() -> None:
    """A point of weight 2 is that point twice, one of weight 0 is absent."""
    x = clouds(2, 6, 3)
    weights = torch.tensor([2.0, 1.0, 1.0, 1.0, 1.0, 0.0]).double().expand(2, 6)
    weighted = PCAFrame("E(3)")(x, weights=weights)
    repeated = PCAFrame("E(3)")(x[:, [0, 0, 1, 2, 3, 4]])
    assert set_distance(weighted, repeated, torch.eye(4, dtype=torch.float64)) < 1e-12
    # Weights are invariants too: they part what they break.
    square = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [0.0, 0.0]]]).double()
    masses = torch.tensor([[1.0, 2.0, 1.0, 2.0, 1.0]]).double()
    assert len(PCAFrame("O(2)")(square, weights=masses)) == 4


def energy(x: Tensor, frame: PCAFrame) -> Tensor:
    """A frame-averaged function of the canonical coordinates, with no symmetry of its own, one for each cloud."""
    found = frame(x)
    g = found.g
    affine = g.shape[-1] > x.shape[-1]
    y = (x[:, None] - g[:, :, None, :-1, -1]) @ g[..., :-1, :-1] if affine else x[:, None] @ g
    A = torch.randn(x.shape[-1], 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return torch.einsum("bf,bf->b", found.weight, torch.tanh(y @ A + 0.4).mean((2, 3)))


def central_differences(x: Tensor, frame: PCAFrame, step: float = 1e-5) -> Tensor:
    found = torch.zeros_like(x)
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            e = torch.zeros_like(x)
            e[:, i, j] = step
            found[:, i, j] = (energy(x + e, frame) - energy(x - e, frame)) / (2 * step)
    return found


@pytest.mark.parametrize("group", ["E(3)", "SE(3)", "O(3)", "SO(2)", "E(4)"])
def test_forces_are_the_derivative_of_the_energy(group: str) -> None:
    """Specification 03 §2.4: finite differences agree to 1e-6 with "exact", and differ by over 1e-3 with "detach"."""
    exact = PCAFrame(group)
    x = clouds(6, 7, exact.group.degree).requires_grad_()
    numeric = central_differences(x.detach(), exact)
    size = numeric.norm()
    (gradient,) = torch.autograd.grad(energy(x, exact).sum(), x)
    assert float((gradient - numeric).norm() / size) < 1e-6
    (wrong,) = torch.autograd.grad(energy(x, PCAFrame(group, grad="detach")).sum(), x)
    assert float((wrong - numeric).norm() / size) > 1e-3
    if group == "E(3)":
        # Forces of an invariant energy add up to nothing, and exert no torque.
        assert float(gradient.sum(1).abs().max()) < 1e-12
        torque = torch.linalg.cross((x - x.mean(1, keepdim=True)).detach(), gradient).sum(1)
        assert float(torque.abs().max()) < 1e-12


def test_second_derivatives() -> None:
    frame = PCAFrame("E(2)")
    x = clouds(1, 4, 2).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda z: energy(z, frame).sum(), x)


@pytest.mark.parametrize("group", ["E(3)", "SO(3)"])
def test_single_precision(group: str) -> None:
    """Specification 03 §5.3, for clouds whose axes are apart: 5e-6 relative."""
    frame = PCAFrame(group)
    x = clouds(8, 20, 3) * torch.tensor([3.0, 2.0, 1.0]).double()
    found = frame(x.float())
    assert found.g.dtype == found.log_weight.dtype == torch.float32
    for h in elements(frame.group, 4):
        hx = act(h, x).float()
        size = max(1.0, float(hx.abs().max()))
        assert set_distance(found, frame(hx), h.float()) < 5e-6 * size
        assert average_distance(found, x.float(), frame(hx), hx, h.float(), "E" in group) < 5e-6 * size


def test_scale_does_not_matter() -> None:
    x = clouds(3, 6, 3)
    found = PCAFrame("O(3)")(x)
    for scale in (1e-150, 1e-20, 1e20, 1e150):
        assert set_distance(found, PCAFrame("O(3)")(x * scale), torch.eye(3).double()) < 1e-10


def test_far_clouds_keep_their_axes() -> None:
    x = clouds(3, 6, 3)
    there = PCAFrame("E(3)")(x + 1e3)
    here = PCAFrame("E(3)")(x)
    shift = torch.eye(4, dtype=torch.float64)
    shift[:3, 3] = 1e3
    assert set_distance(here, there, shift) < 1e-10


def test_many_dimensions_draw_their_signs() -> None:
    for d in (8, 40):
        found = PCAFrame(f"SO({d})")(clouds(2, 50, d))
        assert found.g.shape == (2, 120, d, d)
        assert not found.exact
        assert float((torch.linalg.det(found.g) - 1).abs().max()) < 1e-10
        flat = (found.g[0].flatten(1)[:, None] - found.g[0].flatten(1)).abs().amax(-1)
        assert int((flat < 1e-8).sum()) == 120
    with pytest.raises(FrameSizeError, match="256 elements"):
        PCAFrame("O(8)", exact=True)(clouds(2, 50, 8))


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_designs_integrate_tensors_of_rank_two(m: int) -> None:
    """Over SO(m): E g = 0 and E g g = delta delta / m; with reflections also what is multiplied by det."""
    g = rotation_design(m)
    one = torch.eye(m, dtype=torch.float64)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    # In the plane the quarter turn commutes with all rotations, and changes sign with reflections.
    odd = torch.einsum("ik,jl->ijkl", turn, turn) / 2 if m == 2 else torch.zeros(m, m, m, m, dtype=torch.float64)
    isotropic = torch.einsum("ik,jl->ijkl", one, one) / m + odd
    assert float((torch.linalg.det(g) - 1).abs().max()) < 1e-12
    assert float((g.mT @ g - one).abs().max()) < 1e-12
    assert float(g.mean(0).abs().max()) < 1e-12
    assert float((torch.einsum("fij,fkl->ijkl", g, g) / len(g) - isotropic).abs().max()) < 1e-12
    both, count = ambiguity(m, m, False, 10**6, 0)
    assert len(both) == count == 2 * len(g)
    det = torch.linalg.det(both)
    assert float((torch.einsum("f,fij,fkl->ijkl", det, both, both) / count - odd).abs().max()) < 1e-12
    assert float(torch.einsum("f,fij->ij", det, both).abs().max()) < 1e-12


def test_the_spectrum_alone() -> None:
    """Values are those of the second moments; the cluster is what the coordinates can tell apart."""
    x = clouds(3, 9, 4)
    found = spectrum(x)
    y = x - x.mean(1, keepdim=True)
    rebuilt = found.vectors @ torch.diag_embed(found.values) @ found.vectors.mT
    assert float((rebuilt - y.mT @ y).abs().max()) < 1e-12
    assert found.cluster.tolist() == [[0, 1, 2, 3]] * 3
    assert not bool(found.tied.any())
    # Single-precision coordinates a thousand sizes away cannot tell eigenvalues 1e-3 apart.
    near = torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0005], [0.0, -1.0005]]]).double()
    assert spectrum(near, tol=1e-5).cluster.tolist() == [[0, 1]]
    coarse = torch.tensor([1.2e-7 * 1e4]).double()
    assert spectrum(near, tol=1e-5, resolution=coarse).cluster.tolist() == [[0, 0]]


def test_an_empty_batch() -> None:
    assert PCAFrame("E(3)")(torch.zeros(0, 4, 3)).g.shape == (0, 8, 4, 4)


BAD = {
    "NaN": (torch.tensor([[[0.0, 1.0]], [[torch.nan, 0.0]]]), DomainError, "non-finite coordinates at batch 1"),
    "infinity": (torch.tensor([[[torch.inf, 1.0]]]), DomainError, "non-finite coordinates at batch 0"),
    "integers": (torch.ones(2, 3, 2, dtype=torch.int64), DtypeError, "int64"),
    "half precision": (torch.ones(2, 3, 2, dtype=torch.float16), DtypeError, "float16"),
    "dimension": (torch.ones(2, 3, 3), ShapeError, r"\(2, 3, 3\).*\(batch, n, 2\)"),
    "one cloud": (torch.ones(3, 2), ShapeError, r"x\[None\]"),
    "no points": (torch.ones(2, 0, 2), DomainError, "no points at batch 0, 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_clouds_are_refused_by_name(name: str) -> None:
    """Specification 03 §7."""
    x, error, message = BAD[name]
    with pytest.raises(error, match=message):
        PCAFrame("E(2)")(x)


def test_bad_companions_are_refused() -> None:
    x, frame = clouds(2, 3, 2), PCAFrame("E(2)")
    flat, segments = x.flatten(0, 1), Segments(torch.tensor([0, 0, 0, 2, 2, 2]), 3)
    with pytest.raises(DomainError, match="no points at batch 1"):
        frame(flat, segments)
    with pytest.raises(ShapeError, match="5"):
        frame(flat[:5], segments)
    with pytest.raises(ShapeError, match="with segments"):
        frame(x, segments)
    flat = flat.index_fill(0, torch.tensor([4]), torch.nan)
    with pytest.raises(DomainError, match="non-finite coordinates at batch 1"):
        frame(flat, Segments(torch.tensor([0, 0, 0, 1, 1, 1]), 2))
    with pytest.raises(ShapeError, match="features"):
        frame(x, features=torch.ones(2, 4, 1))
    with pytest.raises(DomainError, match="non-finite features at batch 0"):
        frame(x, features=torch.full((2, 3), torch.nan))
    with pytest.raises(DomainError, match="negative weights at batch 1"):
        frame(x, weights=torch.tensor([[1.0, 1, 1], [1, -1, 1]]))
    with pytest.raises(DomainError, match="sum to 0 at batch"):
        frame(x, weights=torch.tensor([[1.0, 1, 1], [0, 0, 0]]))


def test_bad_settings_are_refused() -> None:
    with pytest.raises(DomainError, match="PCAFrame"):
        PCAFrame("S(3)")
    with pytest.raises(DomainError, match="PCAFrame"):
        PCAFrame("D(3)")
    with pytest.raises(DomainError, match="max_frames"):
        PCAFrame("O(3)", max_frames=0)


def test_tables_made_without_derivatives_serve_those_with_them() -> None:
    ambiguity.cache_clear()
    x = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.inference_mode():
        PCAFrame("SO(3)")(x)
    x.requires_grad_()
    PCAFrame("SO(3)")(x).g[..., 0].sum().backward()
    assert x.grad is not None
