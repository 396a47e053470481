"""E2 and E3: bodies of people and who they are, in poses near to those of training, far from them, and recorded."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.data import NARROW, WIDE, PartClouds, load_motion, load_people
from isotropy.experiments.piecewise._config import PeoplePlan, SubjectsPlan
from isotropy.experiments.piecewise._learning import AT_ONCE, learn, overlap, points_of, told, turned
from isotropy.experiments.piecewise._networks import UNIT, Piecewise, network
from isotropy.experiments.piecewise._portraits import portraits
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import job, size

KINDS = ("torso", "lwaist", "pelvis", "thigh", "shin", "foot", "upper_arm", "lower_arm")
"""Of bodies, without their sides: a capsule of the left is one of the right, and no map that is exact part by part
can tell a part from another of the same shape."""
_SIDED = KINDS.index("thigh")  # from here on there is one on each side
_MOVING = {"131_01": (100, 700), "131_03": (200, 900)}  # frames in which it walks, hops
_OTHERS = tuple(range(100, 105))  # subjects that nothing is learnt from
_UNEVEN = 0.5
_FRONT = (1, 2)  # axes of a humanoid seen from the front
# Joints of the recorded skeleton by the kind of body of the humanoid that carries what they carry.
_RECORDED = {
    "torso": ("Chest", "lowerneck", "Neck", "Head", "LeftCollar", "RightCollar"),
    "lwaist": ("lowerback",),
    "pelvis": ("LHipJoint", "RHipJoint"),
    "thigh": ("LeftHip", "RightHip"),
    "shin": ("LeftKnee", "RightKnee"),
    "foot": ("LeftAnkle", "LeftToe", "RightAnkle", "RightToe"),
    "upper_arm": ("LeftShoulder", "RightShoulder"),
    "lower_arm": ("LeftElbow", "lhand", "LFingers", "LThumb", "RightElbow", "rhand", "RFingers", "RThumb"),
}


@job
def people_job(run: Run, *, seed: int, method: str, plan: PeoplePlan) -> dict[str, Any]:
    """Mean overlap on people nearly at rest, in far poses, hopping; the same turned, and with another density."""
    still = load_people(plan.clouds, plan.points, subjects=range(1, 11), share=NARROW, seed=derive(seed, "known"))
    seen = (points_of(still, normals=plan.normals), kinds_of(still), still.part.view(len(still), -1))
    walk = recorded("131_01", plan.walking, plan.points, normals=plan.normals)
    x, label, parts = (torch.cat([a, b]) for a, b in zip(seen, walk, strict=True))
    model = network(method, len(KINDS), plan, seed)
    learn(model, method, (x, label, parts), plan, run, seed, "people")
    sets = people_sets(plan, seed)
    scores, cells = {}, {}
    for name, (x, label) in sets.items():
        scores[name] = overlap(told(model, x), label, len(KINDS))
        if isinstance(model, Piecewise):
            cells[name] = [len(layer) / _batch(len(x)) for layer in model.partitions]
    x, label = sets["unseen poses"]
    seen = portraits("person", model, method, x[0], label[0], _FRONT)
    return {"overlap": scores, "cells": cells, "parameters": size(model), "traces": seen}


def _batch(rows: int) -> int:
    """How many clouds the last call had."""
    return rows % AT_ONCE or AT_ONCE


def people_sets(plan: PeoplePlan, seed: int) -> dict[str, tuple[Float[Tensor, "rows n d"], Int[Tensor, "rows n"]]]:
    """Test clouds by name, and the kind of body of each of their points."""
    near, far, uneven = (
        load_people(plan.test, plan.points, subjects=_OTHERS, share=share, uneven=u, seed=derive(seed, name))
        for name, share, u in (("near", NARROW, 0.0), ("far", WIDE, 0.0), ("uneven", NARROW, _UNEVEN))
    )
    sets = {
        "poses as learnt": _labelled(near, plan),
        "unseen poses": _labelled(far, plan),
        "recorded hop": recorded("131_03", plan.test, plan.points, normals=plan.normals)[:2],
    }
    for name in tuple(sets):
        sets[f"{name}, turned"] = (turned(sets[name][0], derive(seed, name)), sets[name][1])
    sets["other density"] = _labelled(uneven, plan)
    return sets


def _labelled(clouds: PartClouds, plan: PeoplePlan) -> tuple[Tensor, Tensor]:
    return points_of(clouds, normals=plan.normals), kinds_of(clouds)


def kinds_of(clouds: PartClouds) -> Int[Tensor, "rows n"]:
    """The kind of body of each point."""
    kinds = [KINDS.index(name.removeprefix("left_").removeprefix("right_")) for name in clouds.names]
    return torch.tensor(kinds)[clouds.label].view(len(clouds), -1)


def recorded(
    clip: str, clouds: int, n: int, *, normals: bool
) -> tuple[Float[Tensor, "rows n d"], Int[Tensor, "rows n"], Int[Tensor, "rows n"]]:
    """Frames spread over a clip, upright as the humanoid stands: points, kinds of bodies, and bodies with their sides.

    The walk and the hop show one body, which is not that of the humanoid: the hop is a sequence that was never seen.
    """
    bodies = {joint: KINDS.index(kind) for kind, joints in _RECORDED.items() for joint in joints}
    upright = [2, 0, 1]  # its second axis points up
    points, labels, parts = [], [], []
    first, last = _MOVING[clip]
    for i in range(clouds):
        body = load_motion(clip, (first + (last - first) * i // clouds,), n=n, seed=i)
        assert body.normals is not None
        x = body.views[0] - body.views[0].mean(0)
        points.append(torch.cat([x[:, upright] / UNIT, body.normals[0][:, upright] if normals else x[:, :0]], 1))
        kind = torch.tensor([bodies[name] for name in body.names])
        left = torch.tensor([name.lower().startswith("l") for name in body.names])
        labels.append(kind[body.part])
        parts.append((2 * kind + (left & (kind >= _SIDED)))[body.part])
    return torch.stack(points).float(), torch.stack(labels), torch.stack(parts)


@job
def subjects_job(run: Run, *, seed: int, method: str, plan: SubjectsPlan) -> dict[str, Any]:
    """Who it is, of people in poses nearly at rest and of the same people in far poses: the share recognised."""
    who = range(1, plan.subjects + 1)
    known, near, far = (
        load_people(count * plan.subjects, plan.points, subjects=who, share=share, uneven=u, seed=derive(seed, name))
        for name, count, share, u in (
            ("known", plan.clouds, NARROW, 0.0),
            ("near", plan.test, NARROW, 0.0),
            ("far", plan.test, WIDE, 0.0),
        )
    )
    model = network(method, plan.subjects, plan, seed, whole=True)
    seen = points_of(known, normals=plan.normals), known.kind - 1, known.part.view(len(known), -1)
    learn(model, method, seen, plan, run, seed, "subjects")
    return {
        "recognised": {
            "poses as learnt": _recognised(model, near, plan),
            "unseen poses": _recognised(model, far, plan),
            "unseen poses, turned": _recognised(model, far, plan, derive(seed, "turned")),
        },
        "parameters": size(model),
    }


def _recognised(model: nn.Module, clouds: PartClouds, plan: SubjectsPlan, seed: int | None = None) -> float:
    x = points_of(clouds, normals=plan.normals)
    said = told(model, x if seed is None else turned(x, seed))
    return 100 * float((said == clouds.kind - 1).double().mean())
