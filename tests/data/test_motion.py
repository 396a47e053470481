"""Recorded motion: what a BVH says, bodies that it moves, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from isotropy.data import load_motion, read_bvh, read_views
from isotropy.errors import DomainError, SchemaError

ARM = """HIERARCHY
ROOT shoulder
{
  OFFSET 1 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT elbow
  {
    OFFSET 0 2 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    End Site
    {
      OFFSET 0 1 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.5
0 0 0 0 0 0 0 0 0
0 0 5 90 0 0 0 0 90
"""


def test_rotations_are_products_along_the_chain() -> None:
    skeleton = read_bvh(ARM)
    R, t = skeleton.pose(1)
    # The shoulder, at (1, 0, 5), turns y to -x; the elbow turns its y to z about its x.
    assert torch.allclose(t, torch.tensor([[1.0, 0, 5], [-1, 0, 5]], dtype=torch.float64), atol=1e-12)
    end = R[1] @ torch.tensor([0.0, 1, 0], dtype=torch.float64) + t[1]
    assert torch.allclose(end, torch.tensor([-1.0, 0, 6], dtype=torch.float64), atol=1e-12)
    assert skeleton.bone_of.tolist() == [0, 1]
    assert skeleton.bones.tolist() == [[0, 2, 0], [0, 1, 0]]


def test_a_recorded_body_keeps_its_parts_rigid_and_is_as_large_as_a_person(real_data: Path) -> None:
    body = load_motion("131_03", (0, 400), n=400)
    assert body.views.shape == (2, 400, 3)
    height = float((body.views[0].amax(0) - body.views[0].amin(0)).max())
    assert 1.4 < height < 2.0, "metres"
    for part in range(len(body.names)):
        first, second = body.views[:, body.part == part]
        assert torch.allclose(torch.cdist(first, first), torch.cdist(second, second), atol=1e-6)
    assert {"LeftKnee", "RightShoulder", "Head"} <= set(body.names)
    assert torch.equal(load_motion("131_03", (0, 400), n=400).views, body.views)
    thigh = read_views("cmu-131", clip="131_01", frames="0,10", n="50")
    assert thigh.views.shape == (2, 50, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y\n1,2\n", "without HIERARCHY"),
        (ARM.replace("Frames: 2", "Frames: 3"), "(2, 9)"),
        (ARM.replace("90 0 0 0 0 90", "90 0 0 0 zero 90"), "cannot be read"),
        (ARM.replace("Xrotation\n  JOINT", "Wrotation\n  JOINT"), "Wrotation"),
        (ARM.replace("OFFSET 0 1 0", "OFFSET 0 one 0"), "cannot be read at"),
        (ARM.replace("CHANNELS 3", "CHANNELS -3"), "cannot be read at"),
        (ARM.replace("CHANNELS 3 Zrotation", "CHANNELS 3 Xposition"), "positions of the joint elbow"),
        (ARM.replace("End Site", "Limb"), "at 'Limb {"),
    ],
)
def test_what_is_no_motion(text: str, said: str) -> None:
    with pytest.raises(SchemaError) as refused:
        read_bvh(text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"clip": "131_04"}, DomainError, "131_04"),
        ({"frames": "0,99999"}, DomainError, "frames 0 to 993"),
        ({"frames": "a"}, SchemaError, "frames=0,250,500"),
        ({"points": "3"}, SchemaError, "one of clip"),
        ({"n": "1"}, DomainError, "n=1"),
    ],
)
def test_settings_that_a_recording_does_not_have(
    settings: dict[str, str], error: type[Exception], said: str, real_data: Path
) -> None:
    with pytest.raises(error, match=said):
        read_views("cmu-131", **settings)
