"""The 29 bodies of the benchmark 3D-SGRL (Chen et al., ICML 2023): hoppers, walkers, humanoids, cheetahs, as MJCF."""

from __future__ import annotations

import copy
import tarfile
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from isotropy.control._engine import mujoco
from isotropy.errors import MorphologyError, nearest

_PREFIX = "3d_"  # of the names in the archive
# Never trained on: those on which zero-shot transfer is measured.
HELD_OUT = (
    "walker_3_left_knee_right_knee",
    "walker_6_right_foot",
    "humanoid_7_left_leg",
    "humanoid_8_right_knee",
    "cheetah_11_leftbkneen_rightffoot",
    "cheetah_12_tail_leftffoot",
)


@cache
def _files() -> dict[str, str]:
    packed = resources.files("isotropy.control").joinpath("bodies.tar.xz")
    with packed.open("rb") as file, tarfile.open(fileobj=file, mode="r:xz") as archive:
        members = {Path(member.name).stem: archive.extractfile(member) for member in archive if member.isfile()}
        return {name.removeprefix(_PREFIX): one.read().decode() for name, one in sorted(members.items()) if one}


def bodies(family: str | None = None) -> tuple[str, ...]:
    """The names of the bodies, of one ``family`` ("hopper", "walker", "humanoid", "cheetah") or of all.

    >>> bodies("hopper")
    ('hopper_3_shin', 'hopper_4_lower_shin', 'hopper_5_full')
    """
    return tuple(name for name in _files() if family is None or name.startswith(f"{family}_"))


def model_of(body: Any) -> tuple[str, Any]:
    """The name and a fresh MjModel of a body: one of ``bodies()``, a path of an MJCF file, or an MjModel.

    Raises MorphologyError for a name that is none, and for a file that MuJoCo cannot read.

    >>> name, model = model_of("walker_7_full")
    >>> name, model.nbody - 1, model.nu
    ('walker_7_full', 7, 18)
    """
    if isinstance(body, mujoco.MjModel):
        return "body", copy.copy(body)  # an environment sets cones and flags: those of its own
    name = str(body)
    if name in _files():
        return name, mujoco.MjModel.from_xml_string(_files()[name])
    if not Path(name).is_file():
        near = nearest(name, _files())
        raise MorphologyError(f"body {name!r}", f"an MJCF file, or one of {', '.join(_files())}", near)
    try:
        return Path(name).stem, mujoco.MjModel.from_xml_path(name)
    except ValueError as wrong:
        raise MorphologyError(f"{name}, which MuJoCo does not read: {wrong}", "an MJCF file") from wrong
