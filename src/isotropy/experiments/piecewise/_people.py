"""E2 and E3: bodies of people and who they are, in poses near to those of training, far from them, and recorded."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.data import NARROW, WIDE, PartClouds, load_motion, load_people
from isotropy.experiments.piecewise._config import PeoplePlan, SubjectsPlan
from isotropy.experiments.piecewise._learning import learn, overlap, points_of, told, turned
from isotropy.experiments.piecewise._networks import UNIT, Piecewise, network
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import job, size

KINDS = ("torso", "lwaist", "pelvis", "thigh", "shin", "foot", "upper_arm", "lower_arm")
"""Of bodies, without their sides: a capsule of the left is one of the right, and no map that is exact part by part
can tell a part from another of the same shape."""
_OTHERS = tuple(range(100, 105))  # subjects that nothing is learnt from
_UNEVEN = 0.5
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
    known = load_people(plan.clouds, plan.points, subjects=range(1, 11), share=NARROW, seed=derive(seed, "known"))
    model = network(method, len(KINDS), plan, seed)
    learn(model, method, known, kinds_of(known), plan, run, seed, "people")
    sets = people_sets(plan, seed)
    scores, cells = {}, {}
    for name, (x, label) in sets.items():
        scores[name] = overlap(told(model, x), label, len(KINDS))
        if isinstance(model, Piecewise):
            cells[name] = [count / _batch(len(x)) for count in model.cells]
    return {"overlap": scores, "cells": cells, "parameters": size(model)}


def _batch(rows: int) -> int:
    """How many clouds the last call had."""
    return rows % 8 or 8


def people_sets(plan: PeoplePlan, seed: int) -> dict[str, tuple[Float[Tensor, "rows n 3"], Int[Tensor, "rows n"]]]:
    """Test clouds by name, and the kind of body of each of their points."""
    near, far, uneven = (
        load_people(plan.test, plan.points, subjects=_OTHERS, share=share, uneven=u, seed=derive(seed, name))
        for name, share, u in (("near", NARROW, 0.0), ("far", WIDE, 0.0), ("uneven", NARROW, _UNEVEN))
    )
    sets = {
        "poses as learnt": _labelled(near),
        "unseen poses": _labelled(far),
        "recorded hop": hopping(plan.test, plan.points),
    }
    for name in tuple(sets):
        sets[f"{name}, turned"] = (turned(sets[name][0], derive(seed, name)), sets[name][1])
    sets["other density"] = _labelled(uneven)
    return sets


def _labelled(clouds: PartClouds) -> tuple[Tensor, Tensor]:
    return points_of(clouds), kinds_of(clouds)


def kinds_of(clouds: PartClouds) -> Int[Tensor, "rows n"]:
    """The kind of body of each point."""
    kinds = [KINDS.index(name.removeprefix("left_").removeprefix("right_")) for name in clouds.names]
    return torch.tensor(kinds)[clouds.label].view(len(clouds), -1)


def hopping(clouds: int, n: int) -> tuple[Float[Tensor, "rows n 3"], Int[Tensor, "rows n"]]:
    """Frames of a recorded hop, spread over the clip, upright as the humanoid stands."""
    bodies = {joint: KINDS.index(kind) for kind, joints in _RECORDED.items() for joint in joints}
    points, labels = [], []
    for i in range(clouds):
        body = load_motion("131_03", (200 + 700 * i // clouds,), n=n, seed=i)
        points.append(body.views[0][:, [2, 0, 1]])  # its second axis points up
        labels.append(torch.tensor([bodies[name] for name in body.names])[body.part])
    x = torch.stack(points)
    return ((x - x.mean(1, keepdim=True)) / UNIT).float(), torch.stack(labels)


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
    learn(model, method, known, known.kind - 1, plan, run, seed, "subjects")
    return {
        "recognised": {
            "poses as learnt": _recognised(model, near),
            "unseen poses": _recognised(model, far),
            "unseen poses, turned": _recognised(model, far, derive(seed, "turned")),
        },
        "parameters": size(model),
    }


def _recognised(model: nn.Module, clouds: PartClouds, seed: int | None = None) -> float:
    x = points_of(clouds)
    said = told(model, x if seed is None else turned(x, seed))
    return 100 * float((said == clouds.kind - 1).double().mean())
