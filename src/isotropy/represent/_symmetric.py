"""Objects that look alike in several poses: which turns leave one as it is, and how well its pose can be told at all.

Of a bottle no picture tells the turn about its axis. What a network says of it is judged modulo the turns that leave
the object as it is, and its R2 beside the ceiling that nobody passes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.render import Scene, small_object
from isotropy.data.render import latents as views
from isotropy.errors import DomainError, ShapeError, counted
from isotropy.groups import (
    angles_to_matrix,
    angles_to_quaternion,
    matrix_to_angles,
    quaternion_inverse,
    quaternion_product,
)
from isotropy.random import spawn
from isotropy.represent._scores import RotationScores, rotation_scores

# Of the difference between pictures of unrelated poses. At 12 pixels surfaces of revolution of 32 sides differ by up to
# .07 of it when they are turned by any angle, assemblies by .11 and more when they are turned by 6 degrees.
ALIKE, COARSE = 0.09, 12
# Of the difference between the object and the bare stage, where all poses look alike: turned balls differ by .005 to
# .023 of it, assemblies by more than .1 when they are turned by 6 degrees.
ROUND = 0.03
_TURNS = 60  # about each axis: multiples of 6 degrees, among which are those of C(2) to C(6)
_STILL = 1e-6  # radians, within which an angle has not moved
_BELOW = 100.0  # far beneath the floor, where no object is seen


def dihedral_turns() -> Float[Tensor, "k 3 3"]:
    """The dihedral groups of order 120 about the three axes, the identity first: what ``own_symmetry`` tries.

    >>> dihedral_turns().shape
    torch.Size([352, 3, 3])
    """
    angle = 2 * math.pi / _TURNS * torch.arange(_TURNS, dtype=torch.float64)
    none = torch.zeros_like(angle)
    about = angles_to_matrix(torch.stack([none, none, angle], -1))
    flipped = about @ torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    upright = torch.cat([about, flipped])
    cyclic = torch.eye(3, dtype=torch.float64).roll(1, 0)  # x to y, y to z, z to x
    found: dict[tuple[int, ...], Tensor] = {}
    for turn in (torch.eye(3, dtype=torch.float64), cyclic, cyclic @ cyclic):
        for R in turn @ upright @ turn.mT:
            found.setdefault(tuple((1e6 * R).round().long().flatten().tolist()), R)
    return torch.stack(list(found.values()))


def own_symmetry(
    scene: Scene, candidates: Float[Tensor, "k 3 3"] | None = None, *, poses: int = 6, seed: int = 0
) -> Float[Tensor, "m 3 3"]:
    """Which of the ``candidates`` (``dihedral_turns``) leave the object as it is, found by looking at its pictures.

    A turn h belongs to the object where the pictures of R and of R h differ, in each of so many Haar ``poses``, by less
    than 0.09 of what pictures of unrelated poses differ by (mean absolute difference), or, for a ball, which looks the
    same in all of them, by less than 0.03 of what the object makes visible on the bare stage. Coarse pictures, of 12
    pixels, hide the facets of a round body, all of whose turns about its axis are found then. The identity is always
    among them, and comes first.

    >>> from isotropy.data.render import Family
    >>> box = torch.tensor([[x, y, z] for x in (-.3, .3) for y in (-.2, .2) for z in (-.5, .5)])
    >>> from scipy.spatial import ConvexHull
    >>> faces = torch.from_numpy(ConvexHull(box.numpy()).simplices).long()
    >>> len(own_symmetry(Scene((box, faces), size=16, backend="torch"), poses=2))
    4
    """
    from isotropy.groups import SO
    from isotropy.groups.parts import matrix

    turns = dihedral_turns() if candidates is None else candidates.double()
    if turns.dim() != 3 or turns.shape[1:] != (3, 3) or not len(turns):
        raise ShapeError(f"candidates {tuple(turns.shape)}", "(k, 3, 3), at least one")
    if poses < 2:
        raise DomainError(f"poses={poses}", "at least 2, of which pictures are compared")
    one = torch.eye(3, dtype=torch.float64)
    turns = torch.cat([one[None], turns[(turns - one).abs().amax((1, 2)) > _STILL]])
    R = matrix(SO(3).sample((poses,), generator=spawn(seed, "own symmetry"), dtype=torch.float64))
    seen = _pictures(scene, R)
    apart = torch.stack([(seen[i] - seen[j]).abs().mean() for i in range(poses) for j in range(i)]).mean()
    bare = (scene.vertices - torch.tensor([0.0, 0.0, _BELOW]), scene.faces)
    stage = _pictures(Scene(bare, scene.size, scene.supersample, scene.backend), one[None])
    allowed = max(ALIKE * float(apart), ROUND * float((seen - stage).abs().mean()))
    for pose, picture in zip(R, seen, strict=True):
        differ = (_pictures(scene, pose @ turns) - picture).abs().mean((1, 2, 3))
        turns = turns[differ <= allowed]
    return turns


def _pictures(scene: Scene, R: Float[Tensor, "n 3 3"]) -> Float[Tensor, "n 3 s s"]:
    still = torch.tensor(views.STILL[3:], dtype=torch.float64).expand(len(R), -1)
    return scene.render(torch.cat([matrix_to_angles(R), still], 1)).float()


def own_symmetries(
    seed: int, families: Sequence[int], symmetric: bool, size: int = COARSE, backend: str = "raster"
) -> list[Float[Tensor, "m 3 3"]]:
    """The turns that leave the first object of each of these families of ``make_3diebench_small`` as it is."""
    meshes = (small_object(seed, family, 0, symmetric) for family in families)
    return [own_symmetry(Scene(mesh, size, 4, backend)) for mesh in meshes]


def pose_ceiling(latents: Float[Tensor, "n v 7"], symmetries: Sequence[Float[Tensor, "m 3 3"]]) -> RotationScores:
    """The best scores that anybody can have on views ``(n_obj, n_view, 7)`` of objects with these own symmetries.

    Each view is paired with the next, as in ``rotation_probe``. What is told of two views that could be R1 h and R2 h'
    is the mean of the quaternions of ``(R1 h)^-1 R2 h'`` over all h, h' for which both poses lie in the box of poses,
    each by its density: where a, b and c vary 1 / cos b, that of the box against Haar's; where fewer do, the same for
    all. It is the least squared error of any function of the pictures.

    Raises ShapeError for another number of symmetries than of objects, DomainError for poses outside the box and for
    symmetries without the identity.

    >>> seen = views.sample(40, generator=torch.Generator().manual_seed(0)).reshape(4, 10, 7)
    >>> one = [torch.eye(3, dtype=torch.float64)[None]] * 4
    >>> pose_ceiling(seen, one).component
    1.0
    """
    if latents.dim() != 3 or latents.shape[-1] != len(views.NAMES) or len(symmetries) != len(latents):
        given = f"latents {tuple(latents.shape)} and {counted(len(symmetries), 'symmetry', 'symmetries')}"
        raise ShapeError(given, "(n_obj, n_view, 7), and a (m, 3, 3) for each object")
    latents = views.check(latents).double()
    _check_box(latents)
    for own in symmetries:
        if own.shape[1:] != (3, 3) or not bool(((own - torch.eye(3).to(own)).abs().amax((1, 2)) < 1e-4).any()):
            raise DomainError(
                f"symmetries {tuple(own.shape)} without the identity", "(m, 3, 3), the identity among them"
            )
    varies = (latents[..., :3] - latents[:1, :1, :3]).abs().amax((0, 1)) > _STILL
    target: list[Tensor] = []
    told: list[Tensor] = []
    for seen, own in zip(latents, symmetries, strict=True):
        q, weight = _equivalents(seen, own.double(), varies)
        between = quaternion_product(quaternion_inverse(q)[:, :, None], q.roll(-1, 0)[:, None])  # (v, m, m, 4)
        shares = weight[:, :, None] * weight.roll(-1, 0)[:, None]
        told.append((shares[..., None] * between).sum((1, 2)))
        target.append(views.relative(seen, seen.roll(-1, 0), "quat", warn=False))
    return rotation_scores(torch.cat(target), torch.cat(told), symmetries)


def _check_box(latents: Tensor) -> None:
    """Raises DomainError for poses outside the box, for which the density of poses that look alike is not known."""
    low, high = (torch.tensor(x[:3], dtype=torch.float64) for x in (views.LOW, views.HIGH))
    angles = latents[..., :3]
    if not bool(((angles >= low - _STILL) & (angles <= high + _STILL)).all()):
        given = f"angles from {float(angles.min()):.3g} to {float(angles.max()):.3g}"
        raise DomainError(given, "-pi/2 to pi/2, the box of poses", "angles are in radians")


def _equivalents(seen: Tensor, own: Tensor, varies: Tensor) -> tuple[Float[Tensor, "v m 4"], Float[Tensor, "v m"]]:
    """The poses that look like those seen, as quaternions whose signs follow the angles, and how likely each is."""
    angles = matrix_to_angles(views.rotation(seen)[:, None] @ own)  # (v, m, 3)
    low, high = (torch.tensor(x[:3], dtype=torch.float64) for x in (views.LOW, views.HIGH))
    still = (angles - seen[:1, None, :3]).abs() < _STILL
    within = torch.where(varies, (angles > low - _STILL) & (angles < high + _STILL), still).all(-1)
    # With an angle held still the box is as even as Haar's measure on what is left: a and c meet at an angle b, which
    # changes in the box of all three alone.
    weight = within / angles[..., 1].cos().clamp_min(1e-6) if bool(varies.all()) else within.double()
    return angles_to_quaternion(angles), weight / weight.sum(1, keepdim=True)
