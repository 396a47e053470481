"""Invariant coordinates of clouds with every kind of symmetry, on axes and planes of it, with colours and without."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from isotropy.frames import InvariantCoordinates, MDSFrame, PCAFrame, TransformationInvariant
from isotropy.groups import O
from isotropy.random import spawn
from isotropy.reps import Cloud, Scalar, Vector
from isotropy.testing import check_frame

SAFE = "donot_use_mm_for_euclid_dist"
BOUND = {torch.float64: 1e-9, torch.float32: 1e-4}


def turn(k: int) -> Tensor:
    c, s = math.cos(2 * math.pi / k), math.sin(2 * math.pi / k)
    return torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)


def signs(*values: float) -> Tensor:
    return torch.diag(torch.tensor(values, dtype=torch.float64))


CYCLE = torch.eye(3, dtype=torch.float64)[[1, 2, 0]]
GENERATORS = {
    "C1": [],
    "Cs": [signs(1, 1, -1)],
    "Ci": [signs(-1, -1, -1)],
    "C2": [turn(2)],
    "C3": [turn(3)],
    "C4": [turn(4)],
    "C2v": [turn(2), signs(1, -1, 1)],
    "C3v": [turn(3), signs(1, -1, 1)],
    "C2h": [turn(2), signs(1, 1, -1)],
    "D2": [turn(2), signs(1, -1, -1)],
    "D2h": [turn(2), signs(1, -1, -1), signs(1, 1, -1)],
    "D3": [turn(3), signs(1, -1, -1)],
    "D3h": [turn(3), signs(1, -1, -1), signs(1, 1, -1)],
    "D3d": [turn(3), signs(1, -1, -1), signs(-1, -1, -1)],
    "S4": [turn(4) @ signs(1, 1, -1)],
    "D4h": [turn(4), signs(1, -1, -1), signs(1, 1, -1)],
    "T": [CYCLE, turn(2)],
    "Td": [CYCLE, turn(4) @ signs(1, 1, -1)],
    "O": [CYCLE, turn(4)],
    "Oh": [CYCLE, turn(4), signs(-1, -1, -1)],
}


def different(rows: Tensor) -> Tensor:
    """The rows without those that repeat an earlier one to rounding."""
    same = (rows[:, None] - rows).abs().flatten(2).amax(-1) < 1e-6
    return rows[~same.tril(-1).any(1)]


def elements(generators: list[Tensor]) -> Tensor:
    found, count = torch.eye(3, dtype=torch.float64)[None], 0
    while len(found) > count:
        count = len(found)
        found = different(torch.cat([found, *(found @ g for g in generators)]))
    return found


def clouds(name: str, seed: int) -> Iterator[tuple[str, Tensor, Tensor | None]]:
    """Three orbits of points in general position, on planes, and on axes; with unequal colours, and without."""
    G, draw = elements(GENERATORS[name]), spawn(seed, "orbits", name)
    for place, least in (("general", 0), ("planes", 1), ("axes", 2)):
        p = torch.randn(3, 3, generator=draw, dtype=torch.float64)
        p[torch.rand(3, 3, generator=draw).argsort(1) < least] = 0.0
        x = torch.cat([different(one @ G.mT) for one in p])
        yield f"{name}, {place}", x, None
        yield f"{name}, {place}, coloured", x, torch.randn(len(x), 1, generator=draw, dtype=torch.float64)


def named() -> Iterator[tuple[str, Tensor, Tensor | None]]:
    rhombus = torch.tensor([[3, 0, 0], [-3, 0, 0], [0, 2, 0], [0, -2, 0]], dtype=torch.float64)
    octahedron = torch.cat([rhombus, torch.tensor([[0, 0, 1], [0, 0, -1]], dtype=torch.float64)])
    for name, x in (("rhombus", rhombus), ("octahedron", octahedron)):
        yield name, x, None
        yield f"{name}, coloured", x, torch.arange(1, len(x) + 1, dtype=torch.float64)[:, None]


def poses(x: Tensor, count: int, seed: int) -> Tensor:
    """x turned, reflected and translated by about its size, in its dtype."""
    draw = spawn(seed, "poses")
    R = O(3).sample(count, generator=draw, dtype=torch.float64)
    assert isinstance(R, Tensor)
    return x @ R.to(x).mT + torch.randn(count, 1, 3, generator=draw, dtype=torch.float64).to(x)


def assert_invariant(name: str, x: Tensor, colour: Tensor | None, dtype: torch.dtype, count: int) -> None:
    x = torch.cat([x[None].to(dtype), poses(x.to(dtype), count, 0)])
    colours = None if colour is None else colour.to(dtype).expand(1 + count, -1, -1)
    y, pose = InvariantCoordinates()(x, None, colours)
    assert bool((pose.ambiguous == pose.ambiguous[0]).all()), name
    y, z = y[:1].expand(count, -1, -1), y[1:]
    if not bool(pose.ambiguous[0]):
        assert float((z - y).abs().max()) < BOUND[dtype], name
    if colours is not None:  # equal colours alone are compared
        y, z = (torch.cat([part, 10 * colours[1:]], -1) for part in (y, z))
    apart = torch.cdist(z, y, compute_mode=SAFE)
    assert float(apart.amin(1).max()) < BOUND[dtype], name
    assert float(apart.amin(2).max()) < BOUND[dtype], name
    frame = MDSFrame("E(3)")(x, None, colours)
    assert (frame.weight > 0).sum(1).tolist() == [len(frame)] * (1 + count), name


@pytest.mark.parametrize("group", GENERATORS)
def test_every_point_group(group: str) -> None:
    """Specification 08 §5.2: moments that vanish identically are no more than rounding, and decide nothing."""
    for name, x, colour in clouds(group, 0):
        assert_invariant(name, x, colour, torch.float64, 4)


@pytest.mark.parametrize("group", ["C1", "Ci", "C3v", "D3d", "Oh"])
def test_some_point_groups_in_single_precision(group: str) -> None:
    for name, x, colour in clouds(group, 0):
        assert_invariant(name, x, colour, torch.float32, 4)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("group", GENERATORS)
def test_every_point_group_many_times(group: str, dtype: torch.dtype) -> None:
    for seed in (0, 1, 2, 3):
        for name, x, colour in clouds(group, seed):
            assert_invariant(f"{name}, seed {seed}", x, colour, dtype, 10)


@pytest.mark.parametrize("group", GENERATORS)
def test_principal_frames_of_every_point_group(group: str) -> None:
    """What counts as equal does not depend on the pose: extents among tied axes are lengths, not coordinates."""
    frame = PCAFrame("E(3)")
    for seed in (0, 2):
        for name, x, _ in clouds(group, seed):
            flat = int(torch.linalg.matrix_rank(x - x.mean(0), tol=1e-9)) < 2  # no finite set is moved as a line is
            if not (flat or name.endswith("coloured")):
                check_frame(frame, x[None], tol=1e-9, draws=2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_points_on_the_axes(dtype: torch.dtype) -> None:
    """Products of two coordinates are all rounding; unequal colours still leave one pose, and none leave all eight."""
    for name, x, colour in named():
        assert_invariant(name, x, colour, dtype, 50)
        assert bool(InvariantCoordinates()(x.to(dtype)[None])[1].ambiguous)
        frame = MDSFrame("E(3)", invariant=True)
        found = frame(poses(x.to(dtype), 50, 1))
        plain = 4 if name.startswith("rhombus") else 8
        assert (found.weight > 0).sum(1).tolist() == [plain] * 50, name


def test_networks_see_points_on_the_axes() -> None:
    weight = torch.randn(3, 4, generator=spawn(0, "weight"), dtype=torch.float64)
    model = TransformationInvariant(lambda y: torch.tanh(y @ weight + 0.3), rep_out=Cloud(Scalar + Vector))
    for name, x, _ in named():
        out = model(x[None])
        R = O(3).sample(20, generator=spawn(1, "turns"), dtype=torch.float64)
        assert isinstance(R, Tensor)
        moved = model(x @ R.mT + 1)
        assert torch.allclose(moved[..., :1], out[..., :1].expand(20, -1, -1), atol=1e-12), name
        assert torch.allclose(moved[..., 1:], out[..., 1:] @ R.mT, atol=1e-12), name
