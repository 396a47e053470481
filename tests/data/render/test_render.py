"""The renderer: the same picture in any batch and by either raster, poses that turn meshes, symmetries that show."""

from __future__ import annotations

import colorsys
import importlib.util
import math
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from isotropy.data.render import Family, Scene, latents, load_meshes, normalised
from isotropy.data.render._camera import NEAR
from isotropy.data.render._rasters import clipped
from isotropy.errors import DomainError, DtypeError, MissingExtraError, SchemaError, ShapeError
from isotropy.groups import angles_to_matrix
from isotropy.random import spawn

Mesh = tuple[Tensor, Tensor]


@pytest.fixture(scope="module")
def thing() -> Mesh:
    """An assembly without a symmetry."""
    return Family(0, 3).instance(spawn(0, "thing"))


@pytest.fixture(scope="module")
def views() -> Tensor:
    return latents.sample(6, generator=spawn(0, "views"))


def test_a_picture_is_the_same_alone_in_a_batch_and_in_plain_torch(thing: Mesh, views: Tensor) -> None:
    scene = Scene(thing, 24)
    whole = scene.render(views)
    assert torch.equal(whole, torch.cat([scene.render(view[None]) for view in views]))
    assert torch.equal(whole.flip(0), scene.render(views.flip(0)))
    assert torch.equal(whole[:2], Scene(thing, 24, backend="torch").render(views[:2]))
    assert len({tuple(picture.flatten().tolist()) for picture in whole}) == len(views)


def test_a_turned_mesh_is_a_turned_latent(thing: Mesh, views: Tensor) -> None:
    vertices, faces = thing
    still = views.clone()
    still[:, :3] = 0
    turned = torch.cat(
        [
            Scene((vertices @ R.mT, faces), 48).render(l[None])
            for R, l in zip(latents.rotation(views), still, strict=True)
        ]
    )
    asked = Scene(thing, 48).render(views)
    assert float((turned != asked).double().mean()) < 0.005
    # A picture of another pose is another one by far: the bound above says something.
    assert float((asked != asked.roll(1, 0)).double().mean()) > 0.2


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_prism_turned_by_its_symmetry_is_the_same_picture(number: int) -> None:
    family = Family(0, number, symmetric=True)
    scene = Scene(family.instance(spawn(0, "prism")), 40)
    pose = torch.tensor([latents.STILL]).double().repeat(3, 1)
    pose[:, 2] = torch.tensor([0.1, 0.1 + 2 * math.pi / family.order, 0.1 + math.pi / family.order])
    pictures = scene.render(pose)
    assert torch.equal(pictures[0], pictures[1])
    assert not torch.equal(pictures[0], pictures[2])


def test_the_floor_tells_its_hue(thing: Mesh) -> None:
    views = torch.tensor([latents.STILL]).double().repeat(7, 1)
    views[:, 3] = torch.linspace(0.02, 0.97, 7)
    corner = Scene(thing, 32).render(views)[:, :, 0, 0].double() / 255  # far from the spot
    found = [colorsys.rgb_to_hsv(*colour.tolist())[0] for colour in corner]
    assert torch.allclose(torch.tensor(found).double(), views[:, 3], atol=0.01)


def test_the_light_and_its_hue_are_seen(thing: Mesh, views: Tensor) -> None:
    still = torch.tensor([latents.STILL]).double()
    scene = Scene(thing, 32)
    for i in (4, 5, 6):
        moved = still.clone()
        moved[0, i] += 0.3
        assert not torch.equal(scene.render(still), scene.render(moved)), latents.NAMES[i]


def test_depth_is_that_of_the_floor_by_its_formula_and_nearer_on_the_object(thing: Mesh, views: Tensor) -> None:
    scene = Scene(thing, 33)
    depth, seen = scene.depth(views), scene.silhouette(views)
    # The middle of the picture looks at the origin, and through it at the floor 1 below: (1 + sqrt(1/2) 2.5) / sin 45.
    floor = 2.5 + math.sqrt(2)
    nothing = Scene((torch.tensor([[0.0, 0, -5], [1, 0, -5], [0, 1, -5]]), torch.tensor([[0, 1, 2]])), 33)
    assert float(nothing.depth(views[:1])[0, 16, 16]) == pytest.approx(floor, rel=1e-6)  # rays are single precision
    assert not nothing.silhouette(views[:1]).any(), "what is below the floor is not seen"
    assert bool((depth[seen] < nothing.depth(views[:1]).expand_as(depth)[seen]).all())
    assert 0.01 < float(seen.double().mean()) < 0.6


def test_triangles_through_the_camera_are_cut_and_those_behind_it_vanish() -> None:
    points = torch.tensor([[0.0, 0, 1], [1, 0, 1], [0, 1, 1], [0, 0, -1], [1, 0, -2], [0, 1, -1]]).double()
    faces = torch.tensor([[0, 1, 2], [0, 1, 3], [0, 3, 4], [3, 4, 5]])
    cut, corners, owner = clipped(points, faces)
    assert sorted(owner.tolist()) == [0, 1, 1, 2]
    assert float(cut[:, 2].min()) >= NEAR - 1e-12
    # What remains of a triangle is as large as its part in front: that of face 1 loses a similar corner.
    area = torch.linalg.cross(*(cut[corners][:, i] - cut[corners][:, 0] for i in (1, 2))).norm(dim=-1) / 2
    whole = torch.linalg.cross(points[1] - points[0], points[3] - points[0]).norm() / 2
    share = ((NEAR + 1) / 2) ** 2
    assert float(area[owner == 1].sum()) == pytest.approx(float(whole * (1 - share)), rel=1e-9)
    eye = torch.tensor([0.0, 1.7678, 1.7678])
    huge = torch.tensor([[-9.0, 0, 0], [9.0, 0, 0], [0, 9.0, 9.0]]) * 1.0 + 0.1 * eye
    scene = Scene((huge, torch.tensor([[0, 1, 2]])), 16, backend="torch")
    assert torch.equal(
        scene.render(torch.tensor([latents.STILL])),
        Scene((huge, torch.tensor([[0, 1, 2]])), 16).render(torch.tensor([latents.STILL])),
    )


def test_silhouettes_are_those_of_another_renderer(views: Tensor, real_data: Path) -> None:
    if importlib.util.find_spec("mujoco") is None:
        pytest.skip("no MuJoCo")
    from isotropy.data.render._mujoco import NoGLError

    mesh = load_meshes()["spot"]
    try:
        judge = Scene(mesh, 128, backend="mujoco")
        theirs, depth = judge.silhouette(views[:3]), judge.depth(views[:3])
    except NoGLError as error:
        pytest.skip(str(error))
    scene = Scene(mesh, 128)
    ours = scene.silhouette(views[:3])
    overlap = (ours & theirs).sum((1, 2)) / (ours | theirs).sum((1, 2))
    assert float(overlap.min()) > 0.97
    both = ours & theirs
    # MuJoCo's depth buffer has single precision; outlines differ by a pixel here and there.
    assert float((scene.depth(views[:3]) - depth)[both].abs().quantile(0.95)) < 0.01


def test_the_other_renderer_has_a_buffer_for_large_pictures(thing: Mesh) -> None:
    mujoco = pytest.importorskip("mujoco")
    from isotropy.data.render._mujoco import _stage

    buffer = _stage(mujoco, *thing, 2048).vis.global_
    assert min(buffer.offwidth, buffer.offheight) >= 2048


def test_a_package_that_is_not_there_is_named_with_the_line_that_installs_it(
    thing: Mesh, views: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package, extra in (("trimesh", "render"), ("mujoco", "control")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingExtraError, match=rf"pip install 'isotropy\[{extra}\]'"):
            _ = (
                Family(0, 3).instance(spawn(0, "thing"))
                if package == "trimesh"
                else Scene(thing, 8, backend="mujoco").silhouette(views[:1])
            )


def test_a_gl_library_that_does_not_start_names_the_variable_to_set(
    thing: Mesh, views: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    mujoco = pytest.importorskip("mujoco")
    from isotropy.data.render._mujoco import NoGLError

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no display")

    monkeypatch.setattr(mujoco, "Renderer", broken)
    with pytest.raises(NoGLError, match=r"no display.*set MUJOCO_GL=egl"):
        Scene(thing, 8, backend="mujoco").silhouette(views[:1])


def test_meshes_that_are_none_are_refused() -> None:
    one = torch.eye(3)
    for mesh, error, said in (
        ((one, torch.tensor([[0, 1, 3]])), DomainError, "0 to 2"),
        ((one, torch.tensor([[-1, 1, 2]])), DomainError, "-1 to 2"),
        ((one * math.nan, torch.tensor([[0, 1, 2]])), DomainError, "not finite"),
        ((one, torch.tensor([[0, 1, 2, 0]])), ShapeError, "triangles"),
        ((one, torch.empty(0, 3, dtype=torch.int64)), ShapeError, "empty"),
        ((one, torch.tensor([[0, 1, 2.0]])), DtypeError, "numbers of their vertices"),
    ):
        with pytest.raises(error, match=said):
            Scene(mesh)
    # A triangle without an area is no mistake: it draws nothing.
    flat = Scene((one, torch.tensor([[0, 0, 0]])), 8, backend="torch")
    assert not flat.silhouette(torch.tensor([latents.STILL])).any()
    with pytest.raises(SchemaError, match="write raster"):
        Scene((one, torch.tensor([[0, 1, 2]])), backend="rester")
    with pytest.raises(DomainError, match="not finite"):
        flat.render(torch.full((1, 7), math.nan))


def test_families_differ_more_than_their_instances() -> None:
    clouds = torch.stack(
        [torch.stack([normalised(Family(0, f).instance(spawn(0, f, i))[0]).std(0) for i in range(4)]) for f in range(6)]
    )
    within, between = clouds.var(1).mean(), clouds.mean(1).var(0).mean()
    assert float(between) > 2 * float(within)


def test_latents_lie_in_their_ranges_and_only_those_named_vary() -> None:
    drawn = latents.sample(4000, generator=spawn(0, "ranges"))
    low, high = torch.tensor(latents.LOW), torch.tensor(latents.HIGH)
    assert bool(((drawn >= low) & (drawn <= high)).all())
    # Uniform: half of the width from end to end, within four standard errors.
    assert torch.allclose(
        (drawn.mean(0) - low) / (high - low), torch.full((7,), 0.5).double(), atol=4 * 0.2887 / 4000**0.5
    )
    one = latents.sample(5, generator=spawn(0, "one"), vary=("c",))
    assert one.std(0).gt(0).tolist() == [False, False, True, False, False, False, False]
    with pytest.raises(SchemaError, match="write theta"):
        latents.sample(1, generator=spawn(0, ""), vary=("thetta",))
    assert torch.allclose(latents.rotation(one), angles_to_matrix(one[:, :3]))
