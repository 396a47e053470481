"""Convolutions over groups of affine maps: closed forms, exact symmetry of finite groups, what forgets a density."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DomainError, InfeasibleError, SchemaError, ShapeError
from isotropy.groups import SL, SO, GLPlus, Window, parse
from isotropy.groups.parts import matrix
from isotropy.nn import Chart, GroupConv, GroupPool, GroupResNet, GroupSampler, GroupSamples, LiftConv
from isotropy.nn.lie_convolution._kernel import shares_of_cells
from isotropy.reps import Bumps, Field, Scalar, act, cell_centres

FLOAT64 = torch.float64
GROUPS = ("GL+(2)", "SL(2)", "SO(2)", "C(4)", "D(4)", "Similarity+(2)", "Affine(SL(2))", "Scale(2)", "Shear(2)", "T(2)")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Given(nn.Module):
    """A kernel with a formula."""

    def __init__(self, k: Callable[..., Tensor]) -> None:
        super().__init__()
        self.k = k

    def forward(self, place: Tensor, group: Tensor | None = None) -> Tensor:
        found = self.k(place) if group is None else self.k(group).expand(*group.shape[:-2], place.shape[-2])
        return found[..., None, None]


# Lifting (specification 02 §5.5).
def test_lifting_has_its_closed_form() -> None:
    s, side = 0.2, 201
    bump = torch.tensor([[0.03, 0.01], [0.01, 0.02]], dtype=FLOAT64)
    centre = torch.tensor([0.05, -0.1], dtype=FLOAT64)
    f = Bumps(2).of(torch.ones(1, 1, dtype=FLOAT64), centre[None, None], bump[None, None])
    A = torch.tensor([[[1.3, 0.4], [-0.2, 0.8]], [[0.7, 0.0], [0.1, 0.9]]], dtype=FLOAT64)
    lift = LiftConv("GL+(2)", 1, 1, side, 2, kernel=Given(lambda v: (-v.square().sum(-1) / (2 * s**2)).exp()))
    found = lift(Bumps(2).render(f, (side, side)), GroupSamples.of(A))[0, 0, :, 0, 0]
    whole = bump + s**2 * A @ A.mT
    fall = (centre @ torch.linalg.inv(whole) * centre).sum(-1)
    expected = 2 * math.pi * s**2 * (torch.linalg.det(bump) / torch.linalg.det(whole)).sqrt() * (-fall / 2).exp()
    assert (found / expected - 1).abs().max() < 1e-6
    assert (found * torch.linalg.det(A).abs() / expected - 1).abs().min() > 0.1  # |det A| forgotten


# What kernels of networks make of pictures, which no closed form tells: places between cells (§2.6).
def lifting_error(
    n: int, kernel_size: int, points: int | None = None, radius: float | None = None, seeds: int = 5
) -> float:
    """How far ``lift(g f)(0, A)`` is from ``lift(f)(0, g^-1 A)`` on smooth bumps, relative: the median of seeds."""
    G, bumps, side = SL(n), Bumps(n), 25 if n == 2 else 15
    draw = generator()
    middle = 0.3 * torch.randn(24, 6, n, generator=draw, dtype=FLOAT64)
    round_ = ((0.12 if n == 2 else 0.2) ** 2 * torch.eye(n, dtype=FLOAT64)).expand(24, 6, n, n)
    f = bumps.of(torch.randn(24, 6, generator=draw, dtype=FLOAT64), middle, round_)
    at = slice((side - kernel_size) // 2, (side + kernel_size) // 2)
    x = bumps.render(f, (side,) * n)[(..., *[at] * n)]
    found: list[float] = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        lift = LiftConv(G, 1, 8, kernel_size, 8, points=points, radius=radius).double()
        g = matrix(Window(G, 0.2, compact="haar").draw(1, generator(seed))).double()
        A = lift.sampler.draw(8, generator(seed + 100)).g
        moved = bumps.render(bumps.act(G, g, f), (side,) * n)[(..., *[at] * n)]
        with torch.no_grad():
            one, other = lift(moved, GroupSamples.of(A)), lift(x, GroupSamples.of(torch.linalg.inv(g) @ A))
        found.append(float((one - other).norm() / one.norm()))
    return median(found)


@pytest.mark.parametrize(("n", "kernel_size", "most"), [(2, 5, 0.03), (2, 3, 0.1), (3, 5, 0.03), (3, 3, 0.1)])
def test_lifted_pictures_follow_the_group(n: int, kernel_size: int, most: float) -> None:
    error = lifting_error(n, kernel_size)
    assert error < most
    assert 2 * error < lifting_error(n, kernel_size, points=1, radius=1.0)  # the published sum in the unit ball


def test_the_published_sum() -> None:
    """``|u| -> (1 - |v|^2)_+ k(v)`` at the middles v of cells, times their volume: corners of 3 x 3 count."""
    lift = LiftConv("SO(2)", 1, 1, 3, 1, points=1, radius=1.0).double()
    v = cell_centres((3, 3)).flatten(0, 1).double()
    expected = (4 / 9) * lift.kernel(v)[:, 0, 0] * (1 - v.square().sum(1)).clamp_min(0)
    found = lift.weight(GroupSamples.of(torch.eye(2, dtype=FLOAT64)[None]), v)[0, 0, 0]
    assert torch.allclose(found, expected, atol=1e-12)
    assert found[0].abs() > 0
    settled = lift.state_dict()
    with pytest.raises(SchemaError, match="radius"):
        LiftConv("SO(2)", 1, 1, 3, 1, points=1).double().load_state_dict(settled)


def test_the_network_hands_places_and_ball_to_its_layers() -> None:
    net = GroupResNet("SL(2)", (2,), 4, points=1, radius=1.0)
    layers = [each for each in net.modules() if isinstance(each, LiftConv | GroupConv)]
    assert {(each.points, each.radius) for each in layers} == {(1, 1.0)}
    one_cell = GroupResNet("SL(2)", (2,), 4, kernel_size=1, lift_size=3, points=2)
    assert one_cell.lift.points == 2
    assert one_cell.last.points == 1


def test_shares_of_cells_give_constants_and_slopes_exactly() -> None:
    shares = shares_of_cells(5, 3, 2)
    inner = ((cell_centres((15, 15)).flatten(0, 1).abs() <= 0.8).all(1)).double()
    places, middles = cell_centres((15, 15)).flatten(0, 1).double(), cell_centres((5, 5)).flatten(0, 1).double()
    for values, between in ((middles[:, 0], places[:, 0]), (torch.ones(25).double(), torch.ones(225).double())):
        assert torch.allclose((9 * values @ shares) * inner, between * inner, atol=1e-12)


# The integral over the group (specification 02 §5.4): the layer at one place, 4 being the volume of its only cell.
SHIFT = torch.tensor([[1.2, 0.3], [-0.2, 0.9]], dtype=FLOAT64)
VALUES = {"SL(2)": (0.5145, 4.0), "GL+(2)": (0.9933, 8.0 / math.exp(2.18445))}


def signal(B: Tensor) -> Tensor:
    det = torch.linalg.det(B)
    traces = B.square().sum((-2, -1)) * (1 + 1 / det.square())
    return (-(traces - 4) / 2).exp() * (1 + 0.5 * B[:, 0, 1].sin())


def sides(name: str, change: Callable[[GroupSamples], GroupSamples] = lambda samples: samples) -> tuple[float, float]:
    """Both sides of the equivariance of the convolution of `signal`, in the unit of the specification."""
    G = parse(name)
    assert isinstance(G, GLPlus)

    def kernel(v: Tensor) -> Tensor:
        D = G.from_coords(v)
        gap = (D - torch.eye(2, dtype=FLOAT64)).square().sum((-2, -1))
        return (-gap / 0.72).exp() * torch.linalg.det(D) ** 2

    window = Window(G, 0.4, compact="haar")
    conv = GroupConv(G, 1, 1, 1, 2**13, measure=window, angle="log", kernel=Given(kernel))
    given = conv.sampler.draw(2**13, generator())
    C = SHIFT / torch.linalg.det(SHIFT).sqrt() if isinstance(G, SL) else SHIFT
    one, back = torch.eye(2, dtype=FLOAT64)[None], torch.linalg.inv(C)
    unit = math.exp(float(window.log_weight(torch.zeros(1, G.dim, dtype=FLOAT64)))) * VALUES[name][1] / 4
    found: list[float] = []
    for f, at in ((signal(back @ given.g), one), (signal(given.g), back[None])):
        x = (f * given.log_det.exp())[None, None, :, None, None]
        found.append(unit * float(conv(x, change(given), GroupSamples.of(at))))
    return found[0], found[1]


# A window for these signals is wider than one for kernels on pictures.
@pytest.mark.filterwarnings("ignore::isotropy.errors.EffectiveSampleWarning")
@pytest.mark.parametrize("name", VALUES)
def test_group_convolution_is_the_haar_integral(name: str) -> None:
    for found in sides(name):
        assert found == pytest.approx(VALUES[name][0], rel=2e-3)


@pytest.mark.filterwarnings("ignore::isotropy.errors.EffectiveSampleWarning")
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("SL(2)", lambda s: replace(s, log_weight=torch.zeros_like(s.log_weight))),  # weights forgotten: published
        ("SL(2)", lambda s: replace(s, log_weight=s.log_weight - log_jacobian("SL(2)", s.g))),  # J = 1
        ("GL+(2)", lambda s: replace(s, log_det=torch.zeros_like(s.log_det))),  # |det B| forgotten
        ("GL+(2)", lambda s: replace(s, log_weight=s.log_weight - log_jacobian("GL+(2)", s.g))),
    ],
    ids=["no weights", "J = 1 on SL", "no |det|", "J = 1 on GL+"],
)
def test_a_density_that_is_forgotten_breaks_it(name: str, change: Callable[[GroupSamples], GroupSamples]) -> None:
    left, right = sides(name, change)
    value = VALUES[name][0]
    assert min(abs(left / value - 1), abs(right / value - 1)) > 0.02


def log_jacobian(name: str, g: Tensor) -> Tensor:
    G = parse(name)
    assert isinstance(G, GLPlus)
    v = G.coords(g)
    return G.haar_log_density(v) - G.haar_log_density(torch.zeros_like(v))


def test_the_volume_belongs_to_the_input() -> None:
    """On the output axis |det A|^-1 is equivariant too, but another kernel: the layer is what it says."""
    conv = GroupConv("GL+(2)", 2, 3, 1, 4, normalised=False).double()
    given, out = (conv.sampler.draw(n, generator(n)) for n in (4, 6))
    no_volume = replace(given, log_det=torch.zeros_like(given.log_det))
    whole, bare = (conv.weight(each, out, given.g)[..., 0].unflatten(0, (3, 6)) for each in (given, no_volume))
    by_input = bare.unflatten(2, (2, 4)) * (-given.log_det).exp()
    by_output = bare.unflatten(2, (2, 4)) * (-out.log_det).exp()[:, None, None]
    assert torch.allclose(whole.unflatten(2, (2, 4)), by_input, rtol=1e-12)
    assert not torch.allclose(by_input, by_output, rtol=0.01)


# Finite groups are exact (§5.6).
@pytest.mark.parametrize("name", ["C(4)", "D(4)", "C(4)@z"])
@pytest.mark.parametrize("separable", [False, True])
def test_finite_groups_of_cells_are_exact(name: str, separable: bool) -> None:
    torch.manual_seed(0)
    G = parse(name)
    n, side = G.degree, 9
    lift = LiftConv(G, 1, 3, 3, 8).double()
    conv = GroupConv(G, 3, 2, 3, 8, separable=separable, padding=1).double()
    x = torch.rand(2, 1, *(side,) * n, generator=generator(), dtype=FLOAT64)
    elements = matrix(G.elements())
    for g in elements[1:4]:
        h = conv(lift(x), lift.samples)
        moved = conv(lift(act(Field(), G, g[None], x)), lift.samples)
        for a, A in enumerate(elements):
            same = (elements - g.mT @ A).abs().amax((1, 2)).argmin()
            expected = act(Field(2 * Scalar), G, g[None], h[:, :, same])
            assert (moved[:, :, a] - expected).abs().max() < 1e-12
    assert len(lift.sampler) == len(elements)


def test_a_network_of_quarter_turns_is_invariant() -> None:
    torch.manual_seed(0)
    net = GroupResNet("D(4)", (4, 6), 8, kernel_size=3).double().eval()
    x = torch.rand(2, 1, 9, 9, generator=generator(), dtype=FLOAT64)
    for g in matrix(parse("D(4)").elements()):
        assert (net(act(Field(), parse("D(4)"), g[None], x)) - net(x)).abs().max() < 1e-10


# Shapes, samples, kernels.
@pytest.mark.parametrize("name", GROUPS)
def test_samples_of_input_and_output_may_differ_in_number(name: str) -> None:
    torch.manual_seed(0)
    lift = LiftConv(name, 2, 4, 5, 8)
    x = lift(torch.rand(1, 2, 11, 10))
    for separable in (False, True):
        conv = GroupConv(name, 4, 3, 3, 8, padding=1, separable=separable)
        given = lift.samples
        assert given is not None
        out = GroupSamples.of(given.g[:3] if len(given) > 3 else given.g)
        y = conv(x, given, out)
        assert y.shape == (1, 3, len(out), 7, 6)
        weight = conv.weight(given, out, x).unflatten(-1, (3, 3))
        whole = nn.functional.conv2d(x.flatten(1, 2), weight, padding=1)
        assert torch.allclose(y.flatten(1, 2), whole, atol=1e-5)


@pytest.mark.parametrize("name", ["SL(3)", "GL+(3)", "SO(3)"])
def test_voxels(name: str) -> None:
    net = GroupResNet(name, (3,), 4, num_classes=2, kernel_size=3, separable=True)
    net(torch.rand(2, 1, 7, 6, 8)).sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in net.parameters())


def test_coordinates_are_global_and_without_a_cut() -> None:
    v = torch.tensor([[0.4, -0.2, math.pi - 1e-9], [0.4, -0.2, -math.pi + 1e-9]], dtype=FLOAT64)
    g = SL(2).from_coords(v)
    assert bool((g.diagonal(dim1=1, dim2=2).sum(1) < -2).all())  # no real logarithm
    embed, log = (Chart(SL(2), angle)(g) for angle in ("embed", "log"))
    assert torch.allclose(log, v, atol=1e-7)
    assert (embed[0] - embed[1]).abs().max() < 1e-8
    assert Chart(parse("Scale(2)")).turns == 0
    assert Chart(parse("Shear(2)")).stretches == 3
    assert Chart(parse("D(4)")).turns == 4
    assert Chart(SO(4)).turns == 16


def test_when_elements_are_drawn() -> None:
    each, never, always = (GroupSampler("SL(2)", 5, resample=how) for how in ("train", "never", "always"))

    def same(sampler: GroupSampler) -> bool:
        return torch.equal(sampler().g, sampler().g)

    assert [same(sampler) for sampler in (each, never, always)] == [False, True, False]
    assert [same(sampler.eval()) for sampler in (each, never, always)] == [True, True, False]
    torch.manual_seed(1)
    first = always().g
    torch.manual_seed(1)
    assert torch.equal(first, always().g)
    turns = GroupSampler("SO(2)", 6)(generator()).g
    steps = torch.atan2(turns[:, 1, 0], turns[:, 0, 0]).sort().values.diff()
    assert (steps - math.pi / 3).abs().max() < 1e-12  # equal turns, no end point twice
    assert GroupSampler("GL+(2)", 4, weights="none")(generator()).log_weight.abs().max() == 0
    assert GroupSampler("SL(2)", 64).share > 0.8


def test_weights_that_are_no_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = GroupSampler("SL(2)", 5)

    def pairs(self: Window, n: int, **how: Any) -> tuple[Tensor, Tensor, Tensor]:
        one = torch.eye(2, dtype=FLOAT64).expand(n, 2, 2)
        return one, one, torch.full((n,), math.nan, dtype=FLOAT64)

    monkeypatch.setattr(Window, "pairs", pairs)
    with pytest.raises(DomainError, match="weights that are not finite"):
        sampler(generator())


def test_settings_stand_in_the_state() -> None:
    state = LiftConv("SL(2)", 1, 2, 3, 4).state_dict()
    with pytest.raises(SchemaError, match="weights"):
        LiftConv("SL(2)", 1, 2, 3, 4, weights="none").load_state_dict(state)


def test_pooling_by_haar_measure() -> None:
    x = torch.rand(2, 3, 4, 5, 6, generator=generator())
    given = GroupSampler("GL+(2)", 4)(generator())
    weight = given.log_weight.exp().float() / given.log_weight.exp().sum().float()
    expected = torch.einsum("bcnhw,n->bc", x, weight) / 30
    assert torch.allclose(GroupPool("mean")(x, given), expected, atol=1e-6)
    assert torch.allclose(GroupPool("mean")(x), x.mean((2, 3, 4)), atol=1e-6)


REFUSED: list[tuple[type[Exception], str, Callable[[], object]]] = [
    (DomainError, "kernel_size=4", lambda: LiftConv("SL(2)", 1, 1, 4, 2)),
    (DomainError, "sees no shape", lambda: LiftConv("SL(2)", 1, 1, 1, 2)),
    (DomainError, "kernel_size=2", lambda: GroupConv("SL(2)", 1, 1, 2, 2)),
    (DomainError, "points=0", lambda: LiftConv("SL(2)", 1, 1, 3, 2, points=0)),
    (DomainError, "radius=0.0", lambda: LiftConv("SL(2)", 1, 1, 3, 2, radius=0.0)),
    (DomainError, "points=5", lambda: LiftConv("SL(2)", 1, 1, 3, 2, points=5, kernel=Given(torch.zeros_like))),
    (DomainError, "radius=0.9", lambda: GroupConv("SL(2)", 1, 1, 3, 2, radius=0.9, kernel=Given(torch.zeros_like))),
    (DomainError, "kernel_size=1", lambda: GroupConv("SL(2)", 1, 1, 1, 2, points=5)),
    (DomainError, "n_samples=0", lambda: LiftConv("SL(2)", 1, 1, 3, 0)),
    (ShapeError, "kernel_size = 5", lambda: LiftConv("SL(2)", 1, 1, 5, 2)(torch.rand(1, 1, 4, 9))),
    (ShapeError, "2 channels", lambda: LiftConv("SL(2)", 1, 1, 5, 2)(torch.rand(1, 2, 9, 9))),
    (ShapeError, "(B, C, D, H, W)", lambda: LiftConv("SL(3)", 1, 1, 3, 2)(torch.rand(1, 1, 9, 9))),
    (ShapeError, "at 3 elements", lambda: GroupConv("SL(2)", 1, 1, 3, 2)(torch.rand(1, 1, 3, 9, 9))),
    (DomainError, "angle='embed'", lambda: Chart(SO(4), "log")),
    (DomainError, "mirrors", lambda: Chart(parse("D(4)"), "log")),
    (DomainError, "'log'", lambda: GroupConv("SL(2)", 1, 1, 3, 2, angle="cut")),
    (DomainError, "homographies", lambda: LiftConv("Homography(2)", 1, 1, 3, 2)),
    (DomainError, "linear or affine", lambda: LiftConv("SO(4)", 1, 1, 3, 2)),
    (DomainError, "a measure on GL", lambda: LiftConv("SL(2)", 1, 1, 3, 2, measure=Window(GLPlus(2), 0.1))),
    (InfeasibleError, "effective sample", lambda: LiftConv("SL(2)", 1, 1, 3, 8, measure=Window(SL(2), 0.02))),
    (DomainError, "reduce", lambda: GroupPool("median")),  # type: ignore[arg-type]
    (DomainError, "dims", lambda: GroupResNet("SL(2)", ())),
    (DomainError, "weights", lambda: GroupSampler("SL(2)", 3, weights="left")),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("kind", "words", "made"), REFUSED, ids=[words for _, words, _ in REFUSED])
def test_refusals(kind: type[Exception], words: str, made: Callable[[], object]) -> None:
    # Types that lie are the business of the type checker, and are let through here.
    with pytest.raises((kind, TypeError)) as error:
        made()
    assert words in str(error.value) or not isinstance(error.value, kind)


# What no training can hide (issue text: medians over several seeds).
class Plain(nn.Module):
    """The same network without a group."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lift = nn.Conv2d(1, channels, 5)
        self.convs = nn.ModuleList([nn.Conv2d(channels, channels, 5, padding=2) for _ in range(5)])

    def features(self, x: Tensor) -> Tensor:
        z = nn.functional.gelu(_normal(self.lift(x)))
        for first, second in ((0, 1), (2, 3)):
            inner = nn.functional.gelu(_normal(self.convs[first](z)))
            z = nn.functional.gelu(z + _normal(self.convs[second](inner)))
        return _normal(self.convs[4](z)).flatten(2).amax(2)


def _normal(x: Tensor) -> Tensor:
    return nn.functional.layer_norm(x, x.shape[1:])


@pytest.mark.slow
def test_random_weights_are_nearer_to_invariance_with_more_samples() -> None:
    """|h(f) - h(gf)| over |h(f) - h(f')| for g in SL(2), pictures of bumps made anew: the median of seven seeds."""
    draw, n = generator(), 12
    root = 0.1 * torch.randn(n, 4, 2, 2, generator=draw)
    covariance = root @ root.mT + 0.01 * torch.eye(2)
    f = Bumps(2).of(0.3 + torch.rand(n, 4, generator=draw), 0.2 * torch.randn(n, 4, 2, generator=draw), covariance)
    g = matrix(Window(SL(2), 0.2).draw(n, generator(1))).float()
    x, y = (Bumps(2).render(each, (24, 24)) for each in (f, Bumps(2).act(SL(2), g, f)))

    def ratio(make: Callable[[], Any]) -> float:
        found: list[float] = []
        for seed in range(7):
            torch.manual_seed(seed)
            net = make().eval()
            with torch.no_grad():
                a, b = net.features(x), net.features(y)
            found.append(float((a - b).norm(dim=1).mean() * n * (n - 1) / torch.cdist(a, a).sum()))
        return median(found)

    plain = ratio(lambda: Plain(8))
    few, many = (ratio(lambda k=k: GroupResNet("SL(2)", (8, 8), k)) for k in (1, 16))
    assert many < few
    assert many < 0.9 * plain
