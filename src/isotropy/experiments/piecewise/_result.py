"""The answer of the experiment, and its report: overlaps, subjects, rooms, certificates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from isotropy.data import ROOM_KINDS
from isotropy.experiments.piecewise._people import KINDS
from isotropy.experiments.piecewise._portraits import growing_cells, likenesses
from isotropy.study import Published, Traced, bars, curves, grid, quoted

_SETS = ("poses as learnt", "unseen poses", "recorded hop")
_COLUMNS = {name: name for each in _SETS for name in (each, f"{each}, turned")} | {"other density": "other density"}


@dataclass(frozen=True, kw_only=True)
class PiecewiseFrames(Traced):
    """Networks that are exact part by part against networks that see the whole (specification 06 §4)."""

    kind: ClassVar[str] = "piecewise_frames"
    heading = "Parts that move: piecewise frames, reproduced on other data"
    shown = (
        grid(
            "E2", "Bodies of people, mean overlap in %", section="E2: bodies",
            settings=_COLUMNS,
            caption="Learnt from people nearly at rest; turned: each test cloud by its own rotation.",
        ),
        bars(
            "E2", "Poses as learnt and unseen", {"poses as learnt": "as learnt", "unseen poses": "unseen"},
            section="E2: bodies", xlabel="mean overlap, %",
        ),
        curves(
            "E2", r"(?P<set>poses as learnt|unseen poses), cells of layer (?P<x>\d+)",
            lambda found: f"Cells, {found['set']}",
            section="E2: bodies", xlabel="layer", ylabel="cells that have points, per cloud", half=True,
        ),
        likenesses("person", KINDS, "A person in a pose never seen: {}", section="E2: bodies"),
        growing_cells("person", "Cells of that person, {}", section="E2: bodies"),
        grid("E3", "Who it is, recognised in %", section="E3: subjects", caption="Bodies of equal volume."),
        grid(
            "E4", "Furniture from one scan", section="E4: rooms",
            caption="mIoU in %, and rooms of 8 with 80 or more; hard: pieces hang in the room, turned at will.",
        ),
        likenesses("room", ROOM_KINDS, "A room with other furniture, from above: {}", section="E4: rooms"),
        grid("E1", "Largest relative error", section="E1: exactness", first="group", cost=False),
        *(
            curves(
                "E5", rf"(?P<name>{name}), K=(?P<x>\d+)", lambda found: str(found["name"]).capitalize(),
                section="E5: the certificate", xlabel="cells", ylabel="share", half=True,
            )
            for name in ("impure", "minority", "bound", "measured")
        ),
        grid("E6", "Soft cells, relative error", section="E6: soft cells", cost=False,
             caption="clean: points whose cell is pure and stays; all: the mean over points."),
        quoted,
    )  # fmt: skip
    published = Published.read(__name__, "Real bodies and scans (SMPL, DFAUST, DynLab), not ours: other data.")
