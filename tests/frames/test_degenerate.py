"""PCA frames on the degenerate zoo: the law holds where principal axes do not exist (specification 03 §5)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from frames.laws import act, average_distance, elements, set_distance
from frames.zoo import FLAT, zoo
from isotropy.errors import FrameSizeError
from isotropy.frames import DegenerateFrameError, PCAFrame
from isotropy.groups import Group, Placed, parse
from isotropy.groups._cubature import rotation_group
from isotropy.linalg import Segments

GROUPS = ["O(3)", "SO(3)", "E(3)", "SE(3)", "O(2)@z", "SO(2)@(1,2,2)", "E(2)@x", "SE(2)@(1,2,2)"]


def turned(x: Tensor, seed: int = 0) -> Tensor:
    """The cloud in general position: nothing of it along the coordinate axes."""
    return act(elements(parse(f"E({x.shape[-1]})"), 1, seed)[0], x)


def law_defect(name: str, frame: PCAFrame, x: Tensor, sets: bool, seed: int = 1) -> float:
    affine = name.lstrip("S").startswith("E")
    found, worst = frame(x[None]), 0.0
    for k, h in enumerate(elements(frame.group, 4, seed)):
        shuffled = torch.randperm(len(x), generator=torch.Generator().manual_seed(k))
        hx = act(h, x)[shuffled][None]
        there = frame(hx)
        worst = max(worst, average_distance(found, x[None], there, hx, h, affine))
        if sets:
            worst = max(worst, set_distance(found, there, h))
    return worst


def leaves_a_null_space(group: Group, x: Tensor) -> bool:
    """Whether two or more of the directions that the group turns are absent from the cloud."""
    affine, d = "E" in str(group), group.degree
    y = x - x.mean(0) if affine else x
    if isinstance(group, Placed):
        axis = torch.nn.functional.normalize(torch.tensor(group.axis, dtype=y.dtype), dim=0)
        y, d = y - torch.outer(y @ axis, axis), d - 1
    return int(torch.linalg.matrix_rank(y, tol=1e-9)) <= d - 2


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", zoo())
def test_the_law_holds_on_the_zoo(name: str, group: str) -> None:
    """As weighted sets; where a null space has dimension 2 or more, for outputs of tensor rank up to 2 (and det)."""
    for x in (zoo()[name], turned(zoo()[name])):
        flat = leaves_a_null_space(parse(group), x)
        assert law_defect(group, PCAFrame(group), x, sets=not flat) < 1e-10


@pytest.mark.parametrize("group", ["O(2)", "SO(2)", "E(2)", "SE(2)"])
@pytest.mark.parametrize("name", zoo(2))
def test_the_law_holds_in_the_plane(name: str, group: str) -> None:
    x = turned(zoo(2)[name])
    assert law_defect(group, PCAFrame(group), x, sets=not leaves_a_null_space(parse(group), x)) < 1e-10


@pytest.mark.parametrize("offset", [1e2, 1e3])
@pytest.mark.parametrize("name", ["cube", "methane", "benzene", "co2", "two points", "all equal", "ethane"])
def test_far_clouds_are_as_degenerate_as_near_ones(name: str, offset: float) -> None:
    x, frame = zoo()[name], PCAFrame("E(3)")
    here, there = frame(x[None]), frame(turned(x)[None] + offset * torch.tensor([1.0, -0.3, 0.7]).double())
    assert len(here) == len(there)
    assert there.degenerate is not None
    assert bool(there.degenerate.all())


@pytest.mark.parametrize(
    ("name", "group", "size"),
    [
        ("cube", "O(3)", 48),
        ("cube", "SO(3)", 24),
        ("methane", "E(3)", 24),
        ("methane", "SE(3)", 12),
        ("tetrahedron", "O(3)", 24),
        ("icosahedron", "O(3)", 120),
        ("icosahedron", "SO(3)", 60),
        ("benzene", "E(3)", 24),
        ("benzene", "SE(3)", 12),
        ("ethane", "E(3)", 12),
        ("torus", "E(3)", 32),
        ("square", "E(3)", 16),
        ("twisted", "E(3)", 8),
        ("twisted", "SE(3)", 4),
        ("two points", "E(3)", 12),
        ("co2", "SE(3)", 6),
        ("one point", "E(3)", 24),
        ("one point", "SE(3)", 12),
        ("all equal", "E(3)", 24),
        ("cube", "O(2)@z", 8),
    ],
)
def test_frames_are_as_large_as_the_symmetry_asks(name: str, group: str, size: int) -> None:
    """The order of the cloud's own group wherever its points tell all axes (specification 03 §5.4)."""
    found = PCAFrame(group, exact=True)(zoo()[name][None])
    assert len(found) == size
    assert found.exact


def test_a_square_in_the_plane_has_eight() -> None:
    assert len(PCAFrame("O(2)")(zoo(2)["square"][None])) == 8
    assert len(PCAFrame("O(2)")(zoo(2)["pentagon"][None])) == 10


def test_accidental_ties_are_parted_by_higher_moments() -> None:
    """Equal second moments without a symmetry: the ordinary 8 atoms, whatever the points."""
    x = torch.randn(9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x - x.mean(0)
    values, vectors = torch.linalg.eigh(x.mT @ x)
    white = x @ vectors / values.sqrt()
    found = PCAFrame("E(3)")(white[None])
    assert found.degenerate is not None
    assert bool(found.degenerate.all())
    assert len(found) == 8
    assert law_defect("E(3)", PCAFrame("E(3)"), white, sets=True) < 1e-10


def test_thin_clouds_are_not_flat() -> None:
    """A needle 1e-6 thick: its thin axes lie within the tolerance of each other, and differ all the same."""
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    needle = x * torch.tensor([1.0, 1e-5, 4e-6], dtype=torch.float64)
    frame = PCAFrame("O(3)")
    found = frame(needle[None])
    assert len(found) == 8
    h = elements(parse("O(3)"), 1)[0]
    assert average_distance(found, needle[None], frame(act(h, needle)[None]), act(h, needle)[None], h, False) < 1e-9


@pytest.mark.parametrize("noise", [0.0, 1e-12, 1e-9, 1e-8, 1e-7, 1e-6])
@pytest.mark.parametrize("name", ["cube", "methane", "benzene", "ethane", "icosahedron"])
def test_clouds_that_are_almost_symmetric_keep_the_law(name: str, noise: float) -> None:
    """Axes a gap apart are known to rounding / gap: a tolerance of 1e-9 would cost up to 1e-7 here."""
    x = zoo()[name]
    x = turned(x + noise * torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    assert law_defect("E(3)", PCAFrame("E(3)"), x, sets=True) < 1e-10
    if noise == 1e-8:
        assert law_defect("E(3)", PCAFrame("E(3)", tol=1e-9), x, sets=True) > 1e-10


@pytest.mark.parametrize("group", ["O(3)", "SE(3)"])
@pytest.mark.parametrize("name", ["T", "O", "I", "Oh"])
def test_points_on_a_sphere_with_many_orbits(name: str, group: str) -> None:
    """Three orbits of a polyhedral group at one radius: how points see each other tells the orbits apart."""
    H = rotation_group({"T": 2, "O": 3, "I": 5, "Oh": 3}[name])
    if name == "Oh":
        H = torch.cat([H, -H])
    p = torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p = p / torch.linalg.vector_norm(p, dim=1, keepdim=True)
    x = turned(torch.einsum("gij,kj->gki", H, p).flatten(0, 1))
    x = x - x.mean(0)
    assert law_defect(group, PCAFrame(group, exact=True), x, sets=True) < 1e-10
    assert len(PCAFrame(group)(x[None])) <= 2 * len(H)


def test_features_part_what_positions_do_not() -> None:
    """A square of two kinds of atoms that alternate keeps 2 of its 4 turns; one odd corner keeps one mirror."""
    x, frame = zoo(2)["square"][None], PCAFrame("O(2)")
    alternating = torch.tensor([1.0, 6.0, 1.0, 6.0])[None, :, None]
    odd = torch.tensor([[8.0, 1.0, 1.0, 1.0]])
    assert len(frame(x, features=alternating)) == 4
    assert len(frame(x, features=odd)) <= 4
    for features in (alternating, odd):
        found = frame(x, features=features)
        for h in elements(parse("O(2)"), 4):
            there = frame(act(h, x)[:, [2, 0, 3, 1]], features=features[:, [2, 0, 3, 1]])
            assert set_distance(found, there, h) < 1e-10


def test_two_open_blocks_at_once() -> None:
    """In R^5: a square times a triangle times nothing."""
    angle = 2 * torch.pi * torch.arange(3, dtype=torch.float64) / 3
    triangle = 2 * torch.stack([angle.cos(), angle.sin()], 1)
    square = zoo(2)["square"]
    zero = torch.zeros(12, 1, dtype=torch.float64)
    x = torch.cat([square.repeat_interleave(3, 0), triangle.repeat(4, 1), zero], 1)
    for group in ("O(5)", "SE(5)"):
        frame = PCAFrame(group, max_frames=500)
        assert len(frame(x[None])) == (96 if group == "O(5)" else 48)
        assert law_defect(group, frame, x, sets=True) < 1e-10


def test_lines_in_four_dimensions_average_their_null_space_out() -> None:
    """A line in R^4 leaves O(3) open: vectors outside the line average to nothing, tensors to the isotropic one."""
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None] * torch.tensor([0.5, 0.5, -0.5, 0.5]).double() * 2
    for group in ("O(4)", "SO(4)"):
        found = PCAFrame(group)(x[None])
        assert law_defect(group, PCAFrame(group), x, sets=False) < 1e-10
        assert found.exact
        mean = torch.einsum("f,fij->ij", found.weight[0], found.g[0])
        assert float(mean.abs().max()) < 1e-12


def test_vectors_across_a_flat_cloud_vanish() -> None:
    """Specification 03 §5.10: the component of a vector output orthogonal to the span of the cloud is 0 for E(3)."""
    for name, span in (("square", 2), ("co2", 1), ("one point", 0)):
        x = turned(zoo()[name])
        vector = averaged_vector(PCAFrame("E(3)"), x)
        basis = torch.linalg.svd(x - x.mean(0)).Vh[:span]
        assert float((vector - vector @ basis.mT @ basis).abs().max()) < 1e-12


def averaged_vector(frame: PCAFrame, x: Tensor) -> Tensor:
    found = frame(x[None])
    R, t = found.g[0, :, :3, :3], found.g[0, :, :3, 3]
    inside = (x - t[:, None]) @ R
    A = torch.randn(3, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    f = torch.tanh(inside @ A + 0.3).mean(1)
    return torch.einsum("f,fij,fj->i", found.weight[0], R, f)


def test_a_chiral_cloud_is_told_from_its_mirror_image_by_rotations_only() -> None:
    x = zoo()["twisted"][None]
    mirror = x * torch.tensor([-1.0, 1.0, 1.0]).double()
    e = torch.eye(4, dtype=torch.float64)
    assert average_distance(PCAFrame("E(3)")(x), x, PCAFrame("E(3)")(mirror), mirror, mirrored(e), True) < 1e-10
    assert average_distance(PCAFrame("SE(3)")(x), x, PCAFrame("SE(3)")(mirror), mirror, mirrored(e), True) > 1e-3


def mirrored(e: Tensor) -> Tensor:
    return e * torch.tensor([-1.0, 1.0, 1.0, 1.0]).double()


@pytest.mark.parametrize("group", ["E(3)", "SE(3)", "O(3)", "O(2)@z"])
@pytest.mark.parametrize("name", zoo())
def test_gradients_are_finite_on_the_zoo(name: str, group: str) -> None:
    """Specification 03 §5.5; a second derivative too."""
    x = zoo()[name][None].clone().requires_grad_()
    found = PCAFrame(group)(x)
    kept = found.weight[0] > 0
    probe = torch.randn(found.g[0][kept].shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (gradient,) = torch.autograd.grad((found.g[0][kept] * probe).sin().sum(), x, create_graph=True)
    assert bool(gradient.isfinite().all())
    (second,) = torch.autograd.grad(gradient.square().sum(), x, allow_unused=True, materialize_grads=True)
    assert bool(second.isfinite().all())


def test_gradients_of_an_energy_follow_a_symmetric_cloud_along_its_symmetry() -> None:
    """Swelling a cube keeps it a cube: there the derivative of the averaged energy is that of finite differences."""
    frame, x = PCAFrame("E(3)"), turned(zoo()["cube"])

    def energy(cloud: Tensor) -> Tensor:
        found = frame(cloud[None])
        return averaged_scalar(found.g[0], found.weight[0], cloud)

    start = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(energy(start), start)
    swelling = x - x.mean(0)
    turning = swelling @ torch.tensor([[0.0, 1.0, -0.3], [-1.0, 0.0, 0.2], [0.3, -0.2, 0.0]]).double()
    step = 1e-5
    numeric = (energy(x + step * swelling) - energy(x - step * swelling)) / (2 * step)
    assert float((gradient * swelling).sum()) == pytest.approx(float(numeric), rel=1e-6)
    assert abs(float((gradient * turning).sum())) < 1e-10 * abs(float(numeric))


def averaged_scalar(g: Tensor, weight: Tensor, x: Tensor) -> Tensor:
    inside = (x - g[:, None, :3, 3]) @ g[:, :3, :3]
    A = torch.randn(3, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return weight @ torch.tanh(inside @ A + 0.4).mean((1, 2))


def test_batches_of_mixed_clouds_ragged_and_one_by_one() -> None:
    """Fast rows, flat rows and tied rows in one call: each has the measure that it has alone."""
    clouds = [turned(x, k) for k, x in enumerate(zoo().values())]
    clouds.append(torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    sizes = torch.tensor([len(x) for x in clouds])
    order = torch.randperm(int(sizes.sum()), generator=torch.Generator().manual_seed(1))
    segments = Segments(Segments.from_sizes(sizes).label[order], len(clouds))
    for group in ("E(3)", "SO(3)", "O(2)@z"):
        frame = PCAFrame(group)
        together = frame(torch.cat(clouds)[order], segments)
        e = torch.eye(together.g.shape[-1], dtype=torch.float64)
        assert bool(parse(group).contains(together.g).all())
        for k, x in enumerate(clouds):
            alone = frame(x[None])
            row = type(alone)(together.g[k : k + 1], together.log_weight[k : k + 1])
            assert together.degenerate is not None
            assert alone.degenerate is not None
            assert bool(together.degenerate[k]) == bool(alone.degenerate[0])
            if name_of(k) not in FLAT:
                assert set_distance(alone, row, e) < 1e-10
            assert average_distance(alone, x[None], row, x[None], e, "E" in group) < 1e-10


def name_of(k: int) -> str:
    return [*zoo(), "generic"][k]


@pytest.mark.parametrize("name", zoo())
def test_single_precision_keeps_the_law(name: str) -> None:
    """Specification 03 §5.3: 5e-6 relative, of coordinates as large as the cloud."""
    x, frame = zoo()[name], PCAFrame("E(3)")
    found = frame(x[None].float())
    assert found.g.dtype == torch.float32
    assert len(found) == len(frame(x[None]))
    for h in elements(parse("E(3)"), 4):
        hx = act(h, x).float()[None]
        there = frame(hx)
        distance = average_distance(found, x[None].float(), there, hx, h.float(), True)
        assert distance < 5e-6 * max(1.0, float(hx.abs().max()))
        if name not in FLAT:
            assert set_distance(found, there, h.float()) < 5e-6 * float(hx.abs().max())


def test_other_ways_with_open_blocks() -> None:
    x = turned(zoo()["cube"])[None]
    with pytest.raises(DegenerateFrameError, match=r"batch 1: \[.*\] in clusters \[0, 0, 0\]"):
        PCAFrame("E(3)", "raise")(torch.cat([torch.randn(1, 8, 3).double(), x]))
    drawn, again = PCAFrame("E(3)", "haar")(x), PCAFrame("E(3)", "haar")(x)
    assert not drawn.exact
    assert torch.equal(drawn.g, again.g)
    assert not torch.equal(drawn.g, PCAFrame("E(3)", "haar", seed=1)(x).g)
    rule = PCAFrame("O(3)", "quadrature", degree=3)(x - x.mean(1, keepdim=True))
    assert not rule.exact
    # Degree 3 in g: rank 2 of the output times degree 1 of a linear f.
    R = rule.g[0]
    mean = torch.einsum("f,fij,fkl->ijkl", rule.weight[0], R, R)
    isotropic = torch.einsum("ik,jl->ijkl", torch.eye(3), torch.eye(3)).double() / 3
    assert float((mean - isotropic).abs().max()) < 1e-12
    # A cloud with distinct axes is not touched by any of this.
    generic = torch.randn(1, 8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(PCAFrame("E(3)", "haar")(generic).g, PCAFrame("E(3)")(generic).g)
    assert PCAFrame("E(3)", "haar")(generic).exact


def test_too_many_atoms_are_drawn_or_refused() -> None:
    x = zoo()["icosahedron"][None]
    few = PCAFrame("O(3)", max_frames=50)(x)
    assert len(few) == 50
    assert not few.exact
    whole = PCAFrame("O(3)")(x)
    distance = (few.g[0, :, None] - whole.g[0]).abs().amax((-2, -1))
    assert int((distance < 1e-8).sum()) == 50
    with pytest.raises(FrameSizeError, match="120 elements"):
        PCAFrame("O(3)", max_frames=50, exact=True)(x)
    ring = torch.arange(400, dtype=torch.float64) * (2 * torch.pi / 400)
    circle = torch.stack([ring.cos(), ring.sin(), 0 * ring], 1)[None]
    sampled = PCAFrame("E(3)")(circle)
    assert len(sampled) == 120
    assert not sampled.exact
