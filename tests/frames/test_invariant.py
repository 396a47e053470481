"""Coordinates that similarities do not change: exact on generic clouds, as sets on symmetric ones, and led back."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from isotropy.errors import DomainError, DtypeError, FrameSizeError, SchemaError, ShapeError
from isotropy.frames import (
    DegenerateCloudError,
    InvariantCoordinates,
    MDSFrame,
    SignInvariant,
    TransformationInvariant,
    classical_mds,
)
from isotropy.frames.coordinates._invariant import Direction
from isotropy.groups import E, O, Similarity, SimilarityPlus, Window, homogeneous
from isotropy.linalg import Segments, procrustes
from isotropy.reps import Cloud, Point, Pseudovector, Rep, Scalar, Vector
from isotropy.testing import assert_equivariant, check_frame

SAFE = "donot_use_mm_for_euclid_dist"


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clouds(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=draw(seed), dtype=torch.float64)


def similarities(count: int, d: int, far: float, seed: int = 1, scale: float = 1e3) -> Float[Tensor, "count m m"]:
    """s in scale^[-1, 1], R in O(d), |t| up to ``far`` times s: specification 08 §5.1."""
    generator = draw(seed)
    R = O(d).sample(count, generator=generator, dtype=torch.float64)
    s = (2 * torch.rand(count, generator=generator, dtype=torch.float64) - 1).mul(math.log(scale)).exp()
    t = nn.functional.normalize(torch.randn(count, d, generator=generator, dtype=torch.float64), dim=1)
    t = far * s[:, None] * t * torch.rand(count, 1, generator=generator, dtype=torch.float64)
    assert isinstance(R, Tensor)
    return homogeneous(s[:, None, None] * R, t)


def moved(g: Float[Tensor, "B m m"], x: Float[Tensor, "B n d"]) -> Float[Tensor, "B n d"]:
    return x @ g[:, :-1, :-1].mT + g[:, None, :-1, -1]


def symmetric_shapes() -> dict[str, Tensor]:
    """Specification 08 §5.2."""
    golden = (1 + math.sqrt(5)) / 2
    corners = [(0.0, s, t * golden) for s in (1, -1) for t in (1, -1)]
    ring = torch.stack(
        [torch.arange(7).double().mul(2 * math.pi / 7).cos(), torch.arange(7).double().mul(2 * math.pi / 7).sin()], 1
    )
    half = torch.tensor([[0.7, 0.0, 0.0], [0.9, 0.8, 0.5], [0.2, 1.5, 1.4]], dtype=torch.float64)
    one_off = torch.zeros(6, 3, dtype=torch.float64)
    one_off[2] = torch.tensor([1.0, 2.0, -0.5])
    rhombus = torch.tensor([[3, 0, 0], [-3, 0, 0], [0, 2, 0], [0, -2, 0]], dtype=torch.float64)
    return {
        "cube": torch.tensor(list(itertools.product([-1.0, 1.0], repeat=3)), dtype=torch.float64),
        "icosahedron": torch.tensor([c[k:] + c[:k] for c in corners for k in range(3)], dtype=torch.float64),
        "square": torch.tensor([[1, 1, 0], [1, -1, 0], [-1, 1, 0], [-1, -1, 0]], dtype=torch.float64),
        "cylinder": torch.cat([nn.functional.pad(ring, (0, 1), value=h) for h in (-1.0, 0.0, 1.0)]),
        "two points": torch.tensor([[0.2, 0.1, -0.5], [1.0, -0.7, 0.4]], dtype=torch.float64),
        "collinear": torch.tensor([[0.0], [1.0], [3.0], [4.0]], dtype=torch.float64) * torch.tensor([1.0, 2.0, -1.0]),
        "uneven line": torch.tensor([[0.0], [1.0], [5.0]], dtype=torch.float64) * torch.tensor([1.0, 2.0, -1.0]),
        "all equal but one": one_off,
        "rhombus": rhombus,
        "octahedron": torch.cat([rhombus, torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])]),
        "flat": nn.functional.pad(clouds(6, 2, seed=3), (0, 1)),
        "half turn (C2)": torch.cat([half, half * torch.tensor([-1, -1, 1])]),
        "inversion (Ci)": torch.cat([clouds(4, 3, seed=5), -clouds(4, 3, seed=5)]),
    }


SHAPES = symmetric_shapes()


class Net(nn.Module):
    """A per-point network that knows no symmetry but that of the order of points."""

    def __init__(self, d: int, out: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.first, self.second = nn.Linear(d, 24).double(), nn.Linear(24, out).double()
        self.requires_grad_(False)

    def forward(self, y: Tensor, segments: Segments | None = None) -> Tensor:
        h = torch.tanh(self.first(y))
        mean = h.mean(-2, keepdim=True) if segments is None else segments.gather(segments.mean(h))
        return self.second(torch.tanh(h + mean.square()))


class Pooled(Net):
    def forward(self, y: Tensor, segments: Segments | None = None) -> Tensor:
        each = super().forward(y, segments)
        return each.mean(-2) if segments is None else segments.mean(each)


# Invariance on generic clouds.


@pytest.mark.parametrize(("n", "d"), [(20, 3), (64, 3), (12, 2), (4, 3), (30, 6)])
@pytest.mark.parametrize("scale", ["rms", "max"])
def test_similarities_change_nothing(n: int, d: int, scale: str) -> None:
    """Specification 08 §5.1, first half."""
    x, g = clouds(1000, n, d), similarities(1000, d, far=1e3)
    coordinates = InvariantCoordinates(scale=scale)  # type: ignore[arg-type]
    (y, pose), (z, again) = coordinates(x), coordinates(moved(g, x))
    assert float((y - z).abs().max()) < 1e-9
    assert not bool(pose.ambiguous.any() | again.ambiguous.any())


@pytest.mark.parametrize(("n", "d"), [(20, 3), (64, 3)])
def test_similarities_change_little_in_float32(n: int, d: int) -> None:
    """Specification 08 §5.1, second half."""
    x, g = clouds(1000, n, d).float(), similarities(1000, d, far=1e2)
    coordinates = InvariantCoordinates()
    y, z = coordinates(x)[0], coordinates(moved(g, x.double()).float())[0]
    assert y.dtype == torch.float32
    assert float((y - z).abs().max()) < 1e-4


def test_mean_distance_and_no_scale() -> None:
    x, g = clouds(50, 9, 3), similarities(50, 3, far=10)
    y, pose = InvariantCoordinates(scale="mean_dist")(x)
    assert torch.allclose(InvariantCoordinates(scale="mean_dist")(moved(g, x))[0], y, atol=1e-11)
    D = torch.cdist(y, y, compute_mode=SAFE)
    assert torch.allclose(D.sum((1, 2)) / 72, torch.ones(50, dtype=torch.float64), atol=1e-12)
    s = g[:, :3, :3].det().abs() ** (1 / 3)
    assert torch.allclose(InvariantCoordinates(scale="mean_dist")(moved(g, x))[1].scale, s * pose.scale, rtol=1e-10)
    plain = InvariantCoordinates(scale="none")
    assert torch.allclose(plain(moved(g, x))[0], s[:, None, None] * plain(x)[0], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("scale", ["rms", "max", "mean_dist", "none"])
def test_distances_are_kept(scale: str) -> None:
    """Specification 08 §5.3."""
    x = clouds(200, 15, 3) * 100 + 1000
    y, pose = InvariantCoordinates(scale=scale)(x)  # type: ignore[arg-type]
    before, after = (torch.cdist(z, z, compute_mode=SAFE) for z in (x, y))
    error = (after * pose.scale[:, None, None] - before).abs().amax((1, 2))
    assert bool((error < 1e-10 * before.amax((1, 2))).all())


def test_the_order_of_points_is_followed() -> None:
    """Specification 08 §5.3."""
    x, order = clouds(200, 15, 3), torch.randperm(15, generator=draw(2))
    y = InvariantCoordinates()(x)[0]
    assert float((InvariantCoordinates()(x[:, order])[0] - y[:, order]).abs().max()) < 1e-12


def test_it_is_classical_scaling() -> None:
    """Specification 08 §5.4."""
    for x in clouds(20, 12, 3):
        y, pose = InvariantCoordinates(scale="none")(x[None])
        found = classical_mds(D=torch.cdist(x, x, compute_mode=SAFE), k=3)
        assert float(procrustes(found.Y, y[0]).error) < 1e-9
        assert torch.allclose(found.Y.abs(), y[0].abs(), atol=1e-9)
        assert torch.allclose(pose.eigenvalues[0], found.eigenvalues, rtol=1e-10)


def test_points_far_away_in_float32() -> None:
    """Specification 08 §5.9: rounding of the input is all that is lost, where |x|^2 + |y|^2 - 2xy loses everything."""
    widths = torch.tensor([1.0, 0.6, 0.3], dtype=torch.float64)
    x = clouds(1, 400, 3).exp() * widths  # skewed, so that rounding leaves the directions alone
    far = (x + 1e5).float()
    near = InvariantCoordinates()(x)[0]
    error = (InvariantCoordinates()(far)[0].double() - near).abs().max()
    assert float(error) < 1e-2
    square = far[0].square().sum(1)
    naive = (square[:, None] + square - 2 * far[0] @ far[0].T).clamp_min(0).fill_diagonal_(0)
    naive = (naive + naive.T) / 2
    bad = classical_mds(naive, k=3).Y
    bad = bad / bad.square().sum(1).mean().sqrt()
    assert float(procrustes(bad.double(), near[0]).error) > 0.1


def test_both_problems_give_one_answer() -> None:
    """Specification 08 §5.5: fewer points than dimensions, solved in their span, and the same with room to spare."""
    for n, d in ((5, 8), (3, 40), (8, 8), (3, 4)):
        x = clouds(30, n, d)
        y, pose = InvariantCoordinates()(x)
        assert y.shape == x.shape
        assert not bool(y[..., n - 1 :].any())
        g = similarities(30, d, far=1e3)
        assert float((InvariantCoordinates()(moved(g, x))[0] - y).abs().max()) < 1e-9
        # In the first n - 1 principal coordinates of all, by hand.
        centred = x - x.mean(1, keepdim=True)
        Q = torch.linalg.qr(centred.mT).Q
        assert torch.allclose(InvariantCoordinates()(centred @ Q)[0][..., : n - 1], y[..., : n - 1], atol=1e-9)
        A = pose.element
        assert bool(Similarity(d).contains(A, 1e-9).all())
        assert torch.allclose(moved(A, y), x, atol=1e-9)


class Live(TorchDispatchMode):
    """The most bytes of tensors alive at once, after each operation."""

    def __init__(self) -> None:
        super().__init__()
        self.peak, self.seen = 0, dict[int, tuple[StorageWeakRef, int]]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for part in tree_leaves(out):
            if isinstance(part, Tensor):
                storage = part.untyped_storage()
                self.seen[storage.data_ptr()] = (StorageWeakRef(storage), storage.nbytes())
        self.seen = {k: v for k, v in self.seen.items() if not v[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self.seen.values()))
        return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_memory_is_linear(dtype: torch.dtype) -> None:
    """Specification 08 §5.5: less than ten times the input, the input itself not counted."""
    for x in (clouds(1, 20_000, 3), clouds(200, 100, 3)):
        x = x.to(dtype)
        with torch.no_grad(), Live() as live:
            InvariantCoordinates()(x)
        assert 2 < live.peak / x.nbytes < 10


# Symmetric clouds.


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("reflections", [True, False])
def test_symmetric_clouds_are_the_same_sets(name: str, reflections: bool) -> None:
    """Specification 08 §5.2, first half: Hausdorff distance < 1e-9, in any order of the points."""
    x = SHAPES[name]
    g = similarities(10, 3, far=10)
    if not reflections:
        g[:, :3, 0] *= torch.linalg.det(g[:, :3, :3]).sign()[:, None]
    order = torch.stack([torch.randperm(len(x), generator=draw(i)) for i in range(10)])
    coordinates = InvariantCoordinates(reflections=reflections)
    y = coordinates(x[None])[0]
    z = coordinates(moved(g, x.expand(10, -1, -1)).gather(1, order[..., None].expand(-1, -1, 3)))[0]
    apart = torch.cdist(z, y.expand(10, -1, -1), compute_mode=SAFE)
    assert float(apart.amin(1).max()) < 1e-9
    assert float(apart.amin(2).max()) < 1e-9
    # Nothing was lost on the way.
    D = [torch.cdist(v, v, compute_mode=SAFE) for v in (x[None], y)]
    assert torch.allclose(D[0] / D[0].max(), D[1] / D[1].max(), atol=1e-12)


def test_ambiguous_says_so() -> None:
    """Marked are clouds with a symmetry that moves points, and no others."""
    moving = {"uneven line": False, "all equal but one": False, "flat": False}
    for name, x in SHAPES.items():
        assert bool(InvariantCoordinates()(x[None])[1].ambiguous) == moving.get(name, True), name


def test_accidents_of_moments_are_decided() -> None:
    """Third moments vanish along both axes; higher ones, then generic functions, still tell the directions."""
    x = torch.tensor([[-2.0, 1], [-1, -3], [3, 0], [0, 0], [2, -1], [-2, 3]], dtype=torch.float64)
    along = torch.tensor([-3.0, -1.0, -1.0, 2.0, 2.0, 1.0], dtype=torch.float64)
    assert float(along.pow(3).sum()) == -12.0
    # Roots of a cubic: points on a line with vanishing first and third moment, and no symmetry.
    line = torch.tensor([-5.0, -4.0, 1.0, 1.0, 1.0, 6.0], dtype=torch.float64)
    assert float(line.sum()) == 0.0
    for cloud in (x, nn.functional.pad(line[:, None], (0, 1))):
        y, pose = InvariantCoordinates()(cloud[None])
        g = similarities(20, 2, far=10)
        assert float((InvariantCoordinates()(moved(g, cloud.expand(20, -1, -1)))[0] - y).abs().max()) < 1e-9
        assert not bool(pose.ambiguous)


def test_features_tell_points_apart() -> None:
    """A coloured square has fewer symmetries than a plain one; unequal colours leave none."""
    x = SHAPES["square"][None, :, :2]
    colour = torch.tensor([1.0, 2.0, 3.0, 5.0], dtype=torch.float64)[None, :, None]
    coordinates = InvariantCoordinates()
    y, pose = coordinates(x, None, colour)
    assert not bool(pose.ambiguous)
    g = similarities(20, 2, far=10)
    z = coordinates(moved(g, x.expand(20, -1, -1)), None, colour.expand(20, -1, -1))[0]
    assert float((z - y).abs().max()) < 1e-9
    pairs = torch.tensor([1.0, 1.0, 2.0, 2.0], dtype=torch.float64)[None, :, None]
    assert bool(coordinates(x, None, pairs)[1].ambiguous)
    sizes = [len(MDSFrame("E(2)")(x, None, f)) for f in (None, pairs, colour)]
    assert sizes == [8, 2, 1]


def test_nearly_equal_axes_have_a_large_condition() -> None:
    for gap in (1e-2, 1e-4):
        x = SHAPES["cube"] * torch.tensor([1.5, 1.0 + gap, 1.0], dtype=torch.float64)
        pose = InvariantCoordinates()(x[None])[1]
        assert float(pose.condition) == pytest.approx(1.5**2 / ((1 + gap) ** 2 - 1), rel=1e-6)
    assert float(InvariantCoordinates()(SHAPES["cube"][None])[1].condition) > 1e12


# Orientation.


def test_mirror_images() -> None:
    """Specification 08 §5.7."""
    x, mirror = clouds(100, 10, 3), torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    alike, apart = InvariantCoordinates(), InvariantCoordinates(reflections=False)
    assert float((alike(x)[0] - alike(x * mirror)[0]).abs().max()) < 1e-9
    difference = (apart(x)[0] - apart(x * mirror)[0]).abs().amax((1, 2))
    assert float(difference.min()) > 1e-2
    g = similarities(100, 3, far=1e3)
    g[:, :3, 0] *= torch.linalg.det(g[:, :3, :3]).sign()[:, None]
    assert float((apart(moved(g, x))[0] - apart(x)[0]).abs().max()) < 1e-9
    assert bool(SimilarityPlus(3).contains(apart(x)[1].element).all())
    # Flat clouds have no orientation in space.
    flat = x * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    assert float((apart(flat)[0] - apart(flat * mirror)[0]).abs().max()) < 1e-9


def test_the_orientation_decides_one_mirror_axis() -> None:
    """A chiral choice of axes resolves a cloud with one mirror plane: its points are told apart."""
    half = clouds(5, 3, seed=8)
    x = torch.cat([half, half * torch.tensor([1.0, 1.0, -1.0])])[None]
    assert bool(InvariantCoordinates()(x)[1].ambiguous)
    assert not bool(InvariantCoordinates(reflections=False)(x)[1].ambiguous)


# There and back.


def test_restore_undoes_the_coordinates() -> None:
    x = clouds(40, 9, 3) * 7 + 30
    coordinates = InvariantCoordinates()
    y, pose = coordinates(x)
    assert torch.allclose(coordinates.restore(y, pose, Cloud(Point)), x, atol=1e-11)
    assert torch.allclose(coordinates.restore(y, pose, Cloud(Vector)), x - x.mean(1, keepdim=True), atol=1e-11)
    assert torch.allclose(moved(pose.element, y), x, atol=1e-11)
    assert bool(Similarity(3).contains(pose.element).all())


@pytest.mark.parametrize("rep", [Point, Vector, Direction, Scalar, 2 * Vector + Scalar + Point])
@pytest.mark.parametrize("n", [9, 3])
def test_restored_outputs_move_with_the_cloud(rep: Rep, n: int) -> None:
    """Specification 08 §2.6; with n = 3 points in space the cloud is flat."""
    net, G = Pooled(3, rep.dim(Similarity(3))), Similarity(3)
    coordinates = InvariantCoordinates()

    def f(x: Tensor) -> Tensor:
        y, pose = coordinates(x)
        return coordinates.restore(net(y), pose, rep)

    assert_equivariant(f, Window(G, 0.7), clouds(50, n, 3), Cloud(Point), rep, tol=1e-9)


def test_restore_refuses_what_it_cannot() -> None:
    coordinates = InvariantCoordinates()
    y, pose = coordinates(clouds(4, 6, 3))
    with pytest.raises(DomainError, match="Pseudo"):
        coordinates.restore(y, pose, Cloud(Pseudovector))
    with pytest.raises(ShapeError, match=r"\(4, ..., width\)"):
        coordinates.restore(y[:2], pose, Cloud(Point))


def test_ragged_batches_are_single_clouds() -> None:
    sizes, order = torch.tensor([5, 4, 11, 8]), torch.randperm(28, generator=draw(4))
    flat = clouds(28, 3)
    flat[9:20] = torch.cat([SHAPES["cube"], torch.zeros(3, 3)])  # a symmetric one among them
    segments = Segments(Segments.from_sizes(sizes).label[order], 4)
    coordinates = InvariantCoordinates(scale="mean_dist")
    y, pose = coordinates(flat[order], segments)
    for i in range(4):
        mine = segments.label == i
        alone, other = coordinates(flat[order][mine][None])
        assert torch.allclose(y[mine], alone[0], atol=1e-12)
        assert torch.allclose(pose.element[i], other.element[0], atol=1e-12)
        assert bool(pose.ambiguous[i]) == bool(other.ambiguous)
    assert torch.allclose(coordinates.restore(y, pose, Cloud(Point)), flat[order], atol=1e-12)
    centre = coordinates.restore(torch.zeros(4, 3, dtype=torch.float64), pose, Point)
    assert torch.allclose(centre, segments.mean(flat[order]), atol=1e-12)
    wide = clouds(26, 12)
    few = Segments.from_sizes(torch.tensor([5, 2, 8, 11]))
    y = InvariantCoordinates()(wide, few)[0]
    assert torch.allclose(y[7:15], InvariantCoordinates()(wide[7:15][None])[0][0], atol=1e-11)


def test_columns_are_padded_and_left_out() -> None:
    x = clouds(5, 9, 3)
    y = InvariantCoordinates()(x)[0]
    assert torch.equal(InvariantCoordinates(out_dim=2)(x)[0], y[..., :2])
    wide = InvariantCoordinates(out_dim=5)(x)[0]
    assert torch.equal(wide[..., :3], y)
    assert not bool(wide[..., 3:].any())
    line = InvariantCoordinates()(SHAPES["uneven line"][None])[0]
    assert not bool(line[..., 1:].any())


def test_thin_clouds_are_not_flattened() -> None:
    """Only what rounding explains is set to zero."""
    x = clouds(50, 10, 3) * torch.tensor([1.0, 1.0, 1e-6], dtype=torch.float64)
    y, pose = InvariantCoordinates()(x)
    width = torch.linalg.svdvals(x - x.mean(1, keepdim=True))[:, 2]
    assert torch.allclose(y[..., 2].norm(dim=1) * pose.scale, width, rtol=1e-8)
    g = similarities(50, 3, far=1)
    z = InvariantCoordinates()(moved(g, x))[0]
    assert float((y - z).abs().max()) < 1e-9


# Derivatives.


@pytest.mark.parametrize("name", SHAPES)
def test_gradients_are_finite_on_symmetric_clouds(name: str) -> None:
    """Specification 08 §5.10, first half."""
    for model in (
        lambda x: InvariantCoordinates()(x)[0],
        lambda x: InvariantCoordinates(scale="mean_dist")(x)[0],
        TransformationInvariant(Net(3, 3), rep_out=Cloud(Vector)),
    ):
        x = SHAPES[name][None].clone().requires_grad_()
        out = model(x)
        (out * clouds(*out.shape, seed=6)).sum().backward()
        assert x.grad is not None
        assert bool(x.grad.isfinite().all())


@pytest.mark.parametrize(("n", "d"), [(8, 3), (3, 3), (3, 5)])
@pytest.mark.parametrize("scale", ["rms", "max", "mean_dist", "none"])
def test_derivatives_match_differences(n: int, d: int, scale: str) -> None:
    """Specification 08 §5.10, second half; also of the way back, in fewer points than dimensions."""
    coordinates = InvariantCoordinates(scale=scale)  # type: ignore[arg-type]
    weight = clouds(2, n, d, seed=9)

    def f(x: Tensor) -> Tensor:
        y, pose = coordinates(x)
        back = coordinates.restore((y * weight).tanh(), pose, Cloud(Vector))
        return torch.cat([(y * weight).sum((1, 2)), (back.roll(1, 1) * weight).sum((1, 2))])

    x = clouds(2, n, d, seed=7).requires_grad_()
    assert torch.autograd.gradcheck(f, x, eps=1e-6, atol=1e-6, rtol=1e-6)
    held = InvariantCoordinates(scale=scale, grad="detach")  # type: ignore[arg-type]
    (exact,) = torch.autograd.grad((coordinates(x)[0] * weight).sum(), x)
    (detached,) = torch.autograd.grad((held(x)[0] * weight).sum(), x)
    assert float((exact - detached).abs().max()) > 1e-3


# Frames and networks.


@pytest.mark.parametrize("group", ["Similarity(3)", "Similarity+(3)", "E(3)", "SE(3)"])
@pytest.mark.parametrize("ambiguity", ["moment", "frame"])
def test_the_frame_is_a_frame(group: str, ambiguity: str) -> None:
    frame = MDSFrame(group, ambiguity)  # type: ignore[arg-type]
    check_frame(frame, clouds(20, 7, 3), draws=2)
    assert len(MDSFrame(group)(clouds(20, 7, 3))) == 1
    for name, x in SHAPES.items():
        # Collinear clouds have a finite stand-in for a circle of atoms, no set that could be compared.
        if name not in ("two points", "collinear", "uneven line", "all equal but one"):
            check_frame(frame, x[None], draws=1)


def test_one_atom_for_each_symmetry() -> None:
    orders = {"cube": 48, "icosahedron": 120, "square": 16, "cylinder": 28, "half turn (C2)": 2, "inversion (Ci)": 2}
    for name, order in orders.items():
        found = MDSFrame("E(3)")(SHAPES[name][None])
        assert (len(found), bool(found.degenerate)) == (order, True), name  # type: ignore[arg-type]
        proper = {"half turn (C2)": 2, "inversion (Ci)": 1}.get(name, order // 2)
        assert len(MDSFrame("SE(3)")(SHAPES[name][None])) == proper, name
    assert len(MDSFrame("E(3)")(SHAPES["flat"][None])) == 2
    assert len(MDSFrame("E(3)", invariant=True)(SHAPES["flat"][None])) == 1
    assert len(MDSFrame("E(3)", "frame")(clouds(1, 7, 3))) == 8


@pytest.mark.parametrize("reflections", [True, False])
@pytest.mark.parametrize(
    ("ambiguity", "rep"),
    [
        ("moment", None),
        ("moment", Vector),
        ("moment", Cloud(Scalar + Vector + Point)),
        ("frame", Cloud(Scalar + Vector + Point)),
    ],
)
def test_networks_on_coordinates_are_exact(ambiguity: str, reflections: bool, rep: Rep | Cloud | None) -> None:
    """Specification 08 §5.2, second half: 1e-9 also on symmetric clouds."""
    inner = rep.rep if isinstance(rep, Cloud) else rep
    out = 2 if inner is None else inner.dim(E(3))
    net = Net(3, out) if isinstance(rep, Cloud) else Pooled(3, out)
    coords = InvariantCoordinates(ambiguity=ambiguity, reflections=reflections)  # type: ignore[arg-type]
    model = TransformationInvariant(net, coords, rep)
    window = Window(model.group(3), 0.5)
    for name, x in {"random": clouds(10, 7, 3), **SHAPES}.items():
        batch = x if x.ndim == 3 else x[None]
        g = window.draw(4, draw(3))
        assert isinstance(g, Tensor)
        out = model(batch[:1] + 0.1)
        if float(out.abs().max()) < 1e-12:  # no vector is fixed by all symmetries of the cloud
            assert rep == Vector
            assert float(model(moved(g, batch[:1].expand(4, -1, -1))).abs().max()) < 1e-11
        else:
            assert_equivariant(model, window, batch + 0.1, Cloud(Point), rep, tol=1e-9, n=2)
        order = torch.randperm(batch.shape[1], generator=draw(1))
        same, permuted = model(torch.cat([batch, batch[:, order]])).chunk(2)
        same = same[:, order] if isinstance(rep, Cloud) else same
        assert torch.allclose(permuted, same, atol=1e-9), name


def test_networks_on_ragged_batches() -> None:
    parts = [clouds(6, 3), SHAPES["cube"], SHAPES["flat"], clouds(9, 3, seed=2)]
    segments = Segments.from_sizes(torch.tensor([len(part) for part in parts]))
    model = TransformationInvariant(Net(3, 3), rep_out=Cloud(Point), chunk=5)
    together = model(torch.cat(parts), segments)
    assert torch.allclose(together, torch.cat([model(part[None])[0] for part in parts]), atol=1e-10)
    pooled = TransformationInvariant(Pooled(3, 3), rep_out="Vector")
    together = pooled(torch.cat(parts), segments)
    assert torch.allclose(together, torch.cat([pooled(part[None]) for part in parts]), atol=1e-10)


def test_features_reach_the_network() -> None:
    net = Net(4, 3)
    coords = InvariantCoordinates(out_dim=3)
    model = TransformationInvariant(lambda y, f: net(torch.cat([y, f], -1)), coords, Cloud(Vector))
    x, f = SHAPES["square"][None], torch.tensor([1.0, 2.0, 3.0, 5.0], dtype=torch.float64)[None, :, None]
    g = similarities(10, 3, far=5)
    out = model(moved(g, x.expand(10, -1, -1)), None, f.expand(10, -1, -1))
    expected = model(x, None, f) @ g[:, :3, :3].mT
    assert torch.allclose(out, expected, atol=1e-9 * float(expected.abs().max()))
    assert not torch.allclose(model(x, None, f), model(x, None, f.flip(1)), atol=1e-3)


def test_random_signs_while_training() -> None:
    coords = InvariantCoordinates(ambiguity="augment", seed=3)
    x = clouds(5, 8, 3)
    first, second = coords(x)[0], coords(x)[0]
    assert torch.allclose(first.abs(), second.abs(), atol=1e-12)
    assert not torch.allclose(first, second)
    again = InvariantCoordinates(ambiguity="augment", seed=3)
    assert torch.equal(again(x)[0], first)
    assert torch.equal(coords.eval()(x)[0], InvariantCoordinates()(x)[0])
    model = TransformationInvariant(Net(3, 3), coords, Cloud(Vector)).train()
    whole = model.eval()(x)
    draws = torch.stack([model.train()(x) for _ in range(64)])
    error = (draws.mean(0) - whole).norm()
    assert not torch.allclose(draws[0], whole)
    assert float(error) < 2 * float(draws.std(0).norm()) / 8


def test_networks_blind_to_signs() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        phi, rho = nn.Sequential(nn.Linear(1, 16), nn.Tanh()).double(), nn.Linear(48, 4).double()
    layer = SignInvariant(phi, rho, axes=True)
    coords = InvariantCoordinates(ambiguity="signnet")
    model = TransformationInvariant(lambda y: layer(y).mean(1), coords)
    x, g = clouds(40, 8, 3), similarities(40, 3, far=10)
    assert torch.allclose(model(moved(g, x)), model(x), atol=1e-10)
    signs = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)
    assert torch.allclose(layer(x * signs), layer(x), atol=1e-14)
    summed = SignInvariant(phi, nn.Identity())
    assert torch.allclose(summed(x.flip(-1)), summed(x), atol=1e-14)
    with pytest.raises(DomainError, match="signnet"):
        TransformationInvariant(layer, coords, "Vector")


def test_dropout_in_train_mode_is_reported() -> None:
    """As by FrameAveraged: an average of different masks is not invariant."""
    model = TransformationInvariant(nn.Sequential(nn.Dropout(0.5)), rep_out=Cloud(3 * Scalar)).train()
    x = clouds(2, 5, 3)
    with torch.no_grad(), pytest.warns(UserWarning, match="drops features"):
        model(x)
    model(x)  # with gradients it is training
    model.eval()
    with torch.no_grad():
        model(x)


# scikit-learn.


def test_in_a_pipeline() -> None:
    """Shapes in random poses are told apart by a linear model on coordinates, and not without them."""
    generator = np.random.default_rng(0)
    shapes = clouds(3, 10, 3)
    label = generator.integers(0, 3, 150)
    posed = moved(similarities(150, 3, far=10), shapes[torch.tensor(label)]).numpy()
    flatten = FunctionTransformer(lambda X: X.reshape(len(X), -1))
    pipeline = make_pipeline(InvariantCoordinates(), flatten, RidgeClassifier()).fit(posed[:90], label[:90])
    assert pipeline.score(posed[90:], label[90:]) == 1.0
    assert make_pipeline(flatten, RidgeClassifier()).fit(posed[:90], label[:90]).score(posed[90:], label[90:]) < 0.8
    copy = clone(pipeline[0]).set_params(scale="max")
    assert copy.get_params() == {**InvariantCoordinates().get_params(), "scale": "max"}
    with pytest.raises((DomainError, TypeError), match="median"):
        copy.set_params(scale="median")
    with pytest.raises(SchemaError, match="sigma"):
        copy.set_params(sigma=1)


def test_arrays_and_lists() -> None:
    arrays = [clouds(n, 3, seed=n).numpy() for n in (5, 9, 7)]
    found = InvariantCoordinates().fit_transform(arrays)
    for cloud, y in zip(arrays, found, strict=True):
        assert np.allclose(y, InvariantCoordinates().transform(cloud[None])[0], atol=1e-12)
    assert InvariantCoordinates().transform(arrays[0][None].astype(np.float32)).dtype == np.float32
    with pytest.raises(ShapeError, match="clouds, n, d"):
        InvariantCoordinates().transform(arrays[0])
    with pytest.raises(ShapeError, match="one d"):
        InvariantCoordinates().transform([arrays[0], arrays[1][:, :2]])
    with pytest.raises(DtypeError, match="int"):
        InvariantCoordinates().transform(np.ones((2, 3, 3), int))


def test_transform_draws_nothing() -> None:
    coords = InvariantCoordinates(ambiguity="augment")
    X = clouds(20, 8, 3).numpy()
    assert np.array_equal(coords.transform(X), coords.transform(X))
    assert np.array_equal(coords.transform(X), InvariantCoordinates().transform(X))
    assert coords.training
    assert int(coords.draws) == 0


# Bad input.


def test_no_clouds() -> None:
    for group in ("Similarity(3)", "SE(3)"):
        for ambiguity in ("moment", "frame", "signnet"):
            found = MDSFrame(group, ambiguity)(clouds(0, 5, 3))  # type: ignore[arg-type]
            assert found.g.shape[0] == found.log_weight.shape[0] == found.degenerate.shape[0] == 0  # type: ignore[union-attr]
    assert InvariantCoordinates()(clouds(0, 5, 3))[0].shape == (0, 5, 3)
    assert TransformationInvariant(Pooled(3, 2))(clouds(0, 5, 3)).shape == (0, 2)


@pytest.mark.parametrize("unit", [1e200, 1e-200])
def test_squares_that_are_no_numbers(unit: float) -> None:
    x = clouds(2, 5, 3)
    x[1] *= unit
    for f in (InvariantCoordinates(), MDSFrame("E(3)"), MDSFrame("Similarity(3)", "frame")):
        with pytest.raises(DomainError, match=r"coordinates up to .*e[+-]200 at batch 1"):
            f(x)
    x = clouds(2, 5, 3)
    assert torch.allclose(InvariantCoordinates()(1e100 * x)[0], InvariantCoordinates()(1e-100 * x)[0], atol=1e-12)


def test_clouds_without_extent() -> None:
    """Specification 08 §7."""
    x = clouds(3, 5, 3)
    x[1] = torch.tensor([0.1, 1e3, 7.0])
    for bad in (x, clouds(2, 1, 3)):
        with pytest.raises(DegenerateCloudError, match=r"batch \[[01]"):
            InvariantCoordinates()(bad)
        y, pose = InvariantCoordinates(scale="none")(bad)
        assert not bool(y[pose.eigenvalues[:, 0] == 0].any())
    with pytest.raises(DegenerateCloudError, match=r"batch \[1\]"):
        MDSFrame("Similarity(3)")(x)
    with pytest.raises(DegenerateCloudError, match=r"batch \[1\]"):
        InvariantCoordinates()(x[:, 0], Segments.from_sizes(torch.tensor([2, 1])))
    check = MDSFrame("E(3)")(x)
    assert bool(check.degenerate[1])  # type: ignore[index]


def test_bad_clouds_and_settings() -> None:
    x = clouds(2, 5, 3)
    with pytest.raises(DomainError, match="batch"):
        InvariantCoordinates()(x / 0)
    with pytest.raises(DtypeError, match="int64"):
        InvariantCoordinates()(x.long())
    with pytest.raises(ShapeError, match="x of shape"):
        InvariantCoordinates()(x[0])
    with pytest.raises(ShapeError, match="x of shape"):
        InvariantCoordinates(dim=2)(x)
    with pytest.raises(DomainError, match="points"):
        InvariantCoordinates()(x[:, :0])
    for settings in ({"dim": 0}, {"out_dim": 0}, {"tol": -1.0}):
        with pytest.raises(DomainError, match="positive"):
            InvariantCoordinates(**settings)  # type: ignore[arg-type]
    for frame, match in (("O(3)", "Similarity"), ("S(3)", "Similarity")):
        with pytest.raises(DomainError, match=match):
            MDSFrame(frame)
    with pytest.raises(DomainError, match="scale"):
        MDSFrame("E(3)", scale="rms")
    with pytest.raises(FrameSizeError, match="directions without extent"):
        MDSFrame("E(20)")(clouds(1, 4, 20))
    many = clouds(40, 14)
    with pytest.raises(FrameSizeError, match="14 axes"):
        InvariantCoordinates()(torch.cat([many, -many])[None])
