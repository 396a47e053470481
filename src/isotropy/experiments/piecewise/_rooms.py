"""E4: kinds of furniture from one scan of one room, tried on rooms with other furniture in other places."""

from __future__ import annotations

from typing import Any

from isotropy.data import load_rooms
from isotropy.experiments.piecewise._config import RoomsPlan
from isotropy.experiments.piecewise._learning import learn, overlap, points_of, told
from isotropy.experiments.piecewise._networks import network
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import job, size

KINDS = 6


@job
def rooms_job(run: Run, *, seed: int, method: str, hard: bool, plan: RoomsPlan) -> dict[str, Any]:
    """Mean overlap over rooms, and in how many of them it is 80 or more: the same furniture moved, and other."""
    scan = load_rooms(1, plan.points, furniture=seed, hard=hard, seed=derive(seed, "scan"))
    model = network(method, KINDS, plan, seed)
    known = points_of(scan, normals=plan.normals), scan.label[None], scan.part[None]
    learn(model, method, known, plan, run, seed, "rooms", str(hard))
    found: dict[str, Any] = {"parameters": size(model)}
    for name, same in (("same", True), ("other", False)):
        rooms = load_rooms(plan.test, plan.points, furniture=seed, hard=hard, same=same, seed=derive(seed, name))
        said, label = told(model, points_of(rooms, normals=plan.normals)), rooms.label.view(len(rooms), -1)
        each = [overlap(one, true, KINDS) for one, true in zip(said, label, strict=True)]
        found[name] = sum(each) / len(each)
        found[f"{name} good"] = sum(one >= 80 for one in each) / len(each) * 8
    return found
