"""Bodies made here whose parts move: people of eleven capsules, and machines of boxes, rods and plates."""

from __future__ import annotations

import torch
from torch import Tensor

from isotropy.data.parts import capsule_surface
from isotropy.groups import SO
from isotropy.random import spawn

# Name, parent, where its joint is on the parent, where it ends (from its joint), radius: in metres.
BONES = (
    ("torso", -1, (0, 0, 0), (0, 0, 0.45), 0.13),
    ("pelvis", 0, (0, 0, -0.02), (0, 0, -0.16), 0.12),
    ("head", 0, (0, 0, 0.62), (0, 0, 0.14), 0.09),
    ("left upper arm", 0, (0, 0.2, 0.45), (0, 0.28, 0), 0.05),
    ("left lower arm", 3, (0, 0.3, 0), (0, 0.26, 0), 0.04),
    ("right upper arm", 0, (0, -0.2, 0.45), (0, -0.28, 0), 0.05),
    ("right lower arm", 5, (0, -0.3, 0), (0, -0.26, 0), 0.04),
    ("left thigh", 1, (0, 0.1, -0.2), (0, 0, -0.36), 0.07),
    ("left shin", 7, (0, 0, -0.4), (0, 0, -0.38), 0.05),
    ("right thigh", 1, (0, -0.1, -0.2), (0, 0, -0.36), 0.07),
    ("right shin", 9, (0, 0, -0.4), (0, 0, -0.38), 0.05),
)


def person(n: int, poses: int, seed: int, angle: float = 1.0) -> tuple[Tensor, Tensor]:
    """Views ``(poses, n, 3)`` of a person whose joints turn by about ``angle`` radians, and the part of each point."""
    draw = spawn(seed, "person")
    size = 1 + 0.3 * (torch.rand(len(BONES), generator=draw, dtype=torch.float64) - 0.5)
    ends = [torch.tensor(end, dtype=torch.float64) * size[k] for k, (_, _, _, end, _) in enumerate(BONES)]
    area = torch.tensor([BONES[k][4] * (float(ends[k].norm()) + 2 * BONES[k][4]) for k in range(len(BONES))])
    label = torch.multinomial(area, 4 * n, replacement=True, generator=draw)
    radius = torch.tensor([bone[4] for bone in BONES], dtype=torch.float64)
    local, _ = capsule_surface(torch.stack(ends)[label], radius[label], draw)
    views = []
    inside = torch.zeros(4 * n, dtype=torch.bool)
    for _ in range(poses):
        R, t = _posed(size, angle, draw)
        x = (R[label] @ local[..., None])[..., 0] + t[label]
        for k in range(len(BONES)):
            back = (x - t[k]) @ R[k]
            share = ((back @ ends[k]) / ends[k].square().sum()).clamp(0, 1)
            within = (back - share[:, None] * ends[k]).norm(dim=1) < BONES[k][4] - 1e-9
            inside |= within & (label != k)
        views.append(x)
    keep = (~inside).nonzero().flatten()
    keep = keep[torch.randperm(len(keep), generator=draw)[:n]]
    return torch.stack(views)[:, keep], label[keep]


def _posed(size: Tensor, angle: float, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    R, t = [], []
    for _, parent, joint, _, _ in BONES:
        turn = torch.matrix_exp(angle * 0.6 * _hat(torch.randn(3, generator=draw, dtype=torch.float64)))
        where = torch.tensor(joint, dtype=torch.float64) * (size[parent] if parent >= 0 else 1.0)
        if parent < 0:
            whole = SO(3).sample(1, generator=draw, dtype=torch.float64)
            assert isinstance(whole, Tensor)
            R.append(whole[0])
            t.append(torch.randn(3, generator=draw, dtype=torch.float64))
        else:
            R.append(R[parent] @ turn)
            t.append(R[parent] @ where + t[parent])
    return torch.stack(R), torch.stack(t)


def _hat(w: Tensor) -> Tensor:
    x, y, z = w.tolist()
    return torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)


def noisy(views: Tensor, noise: float, seed: int = 0) -> Tensor:
    return views + noise * torch.randn(views.shape, generator=spawn(seed, "noise"), dtype=views.dtype)


def machine(n: int, poses: int, seed: int) -> tuple[Tensor, Tensor]:
    """A crank, a rod, a piston and a frame that stands still: plates, boxes and a cylinder, sliding and turning."""
    draw = spawn(seed, "machine")
    label = torch.randint(4, (n,), generator=draw)
    u = 2 * torch.rand(n, 3, generator=draw, dtype=torch.float64) - 1
    sizes = torch.tensor(
        [[2.0, 1.2, 0.1], [0.35, 0.35, 0.06], [0.6, 0.05, 0.05], [0.2, 0.15, 0.15]], dtype=torch.float64
    )
    local = u * sizes[label]
    centre = torch.tensor([[0, 0, -0.3], [-0.8, 0, 0], [0, 0, 0.15], [0.9, 0, 0.15]], dtype=torch.float64)
    views = []
    for _ in range(poses):
        angle, slide, lift = (2 * torch.rand(3, generator=draw, dtype=torch.float64) - 1).tolist()
        turns = [(0.0, 0.0), (3 * angle, 0.0), (0.4 * lift, 0.3), (0.0, 0.4 * slide)]
        x = torch.empty_like(local)
        for k, (turn, shift) in enumerate(turns):
            R = torch.matrix_exp(_hat(torch.tensor([0.0, 0.0, turn], dtype=torch.float64)))
            x[label == k] = local[label == k] @ R.mT + centre[k] + torch.tensor([shift, 0, 0], dtype=torch.float64)
        views.append(x)
    return torch.stack(views), label
