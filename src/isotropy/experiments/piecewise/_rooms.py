"""E4: kinds of furniture from one scan of one room, tried on rooms with other furniture in other places."""

from __future__ import annotations

from typing import Any

from isotropy.data import ROOM_KINDS, load_rooms
from isotropy.experiments.piecewise._config import RoomsPlan
from isotropy.experiments.piecewise._learning import learn, overlap, points_of, told
from isotropy.experiments.piecewise._networks import network
from isotropy.experiments.piecewise._portraits import portraits
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import job, size

KINDS = len(ROOM_KINDS)
_ABOVE = (0, 1)  # axes of a room seen from above


@job
def rooms_job(run: Run, *, seed: int, method: str, hard: bool, plan: RoomsPlan) -> dict[str, Any]:
    """Mean overlap over rooms, and in how many of them it is 80 or more: the same furniture moved, and other."""
    scan = load_rooms(1, plan.points, furniture=seed, hard=hard, seed=derive(seed, "scan"))
    model = network(method, KINDS, plan, seed)
    known = points_of(scan, normals=plan.normals), scan.label[None], scan.part[None]
    learn(model, method, known, plan, run, seed, "rooms", str(hard))
    found: dict[str, Any] = {"parameters": size(model), "traces": []}
    for name, same in (("same", True), ("other", False)):
        rooms = load_rooms(plan.test, plan.points, furniture=seed, hard=hard, same=same, seed=derive(seed, name))
        x = points_of(rooms, normals=plan.normals)
        said, label = told(model, x), rooms.label.view(len(rooms), -1)
        each = [overlap(one, true, KINDS) for one, true in zip(said, label, strict=True)]
        found[name] = sum(each) / len(each)
        if not same and not hard:
            found["traces"] = portraits("room", model, method, x[0], label[0], _ABOVE)
        found[f"{name} good"] = sum(one >= 80 for one in each) / len(each) * 8
    return found
