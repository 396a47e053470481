"""What the report draws: the objects, the simulator as pictures, planes of both halves, scores with floor and ceiling.

Pictures are drawn again from the numbers of the result, larger than the encoder saw them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isotropy.data.render import Family, Scene, latents, small_object
from isotropy.experiments.split_representation._config import EXACT, METHODS, MLP, SPLIT, VARY
from isotropy.experiments.split_representation._data import TURN, asked, once_around
from isotropy.experiments.split_representation._steering import PLANES, STEERED
from isotropy.random import spawn
from isotropy.report import Bar, Bars, Block, Images, Picture, Points, Scatter

SIZE, FRAME = 64, 3
VALIDATION, WRONG, RIGHT = (230, 159, 0), (213, 94, 0), (0, 158, 115)
NAMES = {EXACT: "exact", SPLIT: "linear", MLP: "MLP"}
PASSED = 0.005  # of a score: by less nothing is above a ceiling
SECTORS = 8  # of the turn, each with a colour of its own

Pixels = NDArray[np.uint8]


def objects(result: Any) -> Iterator[Block]:
    """Views of an object of each family that is learned from, and, framed, of one that is judged on."""
    config, plan = result.config, result.config["pictures"]
    held = plan["instances"] - 1
    shown: list[Picture] = []
    for family in range(plan["families"]):
        name = Family(config["seed"], family, plan["symmetric"]).name
        for instance, count in ((0, 4), (held, 2)):
            draw = spawn(config["seed"], "shown", family, instance)
            views = latents.sample(count, generator=draw, vary=VARY[config["level"]])
            for pixels in _drawn(config["seed"], family, instance, plan["symmetric"], views):
                validation = instance == held
                framed = _framed(pixels, VALIDATION) if validation else pixels
                shown.append(Picture(framed, f"validation {family}" if validation else name, 0, 255))
    caption = "Four views of an object that is learned from, and two, framed, of one that no training saw. Classes are "
    yield Images(
        shown, title="Families of objects", section="Pictures", name="families",
        caption=caption + "the families.",
    )  # fmt: skip


def simulator(result: Any) -> Iterator[Block]:
    """Ten steps of a turn: the true view, and below it the views that each predictor's W(g) y is nearest to."""
    traces = {trace.name: trace for trace in result.traced(STEERED) if trace.name in NAMES}
    if not traces:
        return
    config, plan = result.config, result.config["pictures"]
    views = _drawn(config["seed"], 0, _first_held(plan), plan["symmetric"], once_around())
    said = "From the top: the true view, and what is found by the predictor "
    rows = [name for name in NAMES if name in traces]
    said += ", ".join(f"{number}. {NAMES[name]}" for number, name in enumerate(rows, 2))
    for steps, title in zip(
        asked(), ("within the box of poses", "beyond the box, where no view was learned from"), strict=True
    ):
        columns: list[Picture] = []
        for step in steps:
            parts = [_framed(views[step], RIGHT)]
            for name in rows:
                trace = traces[name].columns
                found = int(trace["found"][list(trace["asked"]).index(step)])
                parts.append(_framed(views[found], RIGHT if found == step else WRONG))
            columns.append(Picture(np.concatenate(parts), f"{_degrees(step)} degrees", 0, 255))
        yield Images(
            [Picture(views[TURN // 2], "the query", 0, 255), *columns], title=f"The simulator, {title}",
            section="The simulator", name=f"turn-{'inside' if title.startswith('within') else 'beyond'}",
            caption=f"One object that no training saw, its upright view encoded and carried by W(g). {said}. A green "
            "frame: the true view; red: another of the 40 views of a whole turn.",
        )  # fmt: skip


def halves(result: Any) -> Iterator[Block]:
    """Both halves of the features in their leading planes while an object turns: what moves, and what stays."""
    for trace in result.traced(PLANES):
        if trace.name not in (SPLIT, EXACT, "vicreg") or "rep_equi 3" not in trace.columns:
            continue
        angle = np.array(trace.columns["degrees"])
        places = [("rep_equi", 0), ("rep_equi", 2), *([("rep_inv", 0)] if "rep_inv 1" in trace.columns else [])]
        planes = [tuple(np.array(trace.columns[f"{half} {i + j}"]) for j in (0, 1)) for half, i in places]
        wide = 2.4 * max(float(np.abs(x).max()) for plane in planes for x in plane)
        clouds: list[Points] = []
        for sector in range(SECTORS):
            low = -180 + 360 / SECTORS * sector
            rows = (angle >= low) & (angle < low + 360 / SECTORS)
            x = np.concatenate([plane[0][rows] + i * wide for i, plane in enumerate(planes)])
            y = np.concatenate([plane[1][rows] for plane in planes])
            clouds.append(Points(f"{low:g} to {low + 360 / SECTORS:g} degrees", x.tolist(), y.tolist()))
        yield Scatter(
            clouds, plane=True, title=f"{trace.name}: both halves while an object turns", section="The two halves",
            name=f"planes-{trace.name}",
            caption="From the left: first and second plane of the equivariant half, first plane of the invariant half, "
            "in one scale. Training saw -90 to 90 degrees about the vertical.",
        )  # fmt: skip


def scores(result: Any) -> Iterator[Block]:
    """R2 and top-1 of all methods, from the floor to the ceiling."""
    families = result.config["pictures"]["families"]
    for what, title, floor in (
        ("pooled R2", "How well poses are told", _mean(result, "floor of the pooled R2")),
        ("top-1", "How well classes are told", 1 / families),
    ):
        lines = result.lines(METHODS, f"^{what}, ")
        ceiling = next((one.mean for one in lines if one.method == "supervised" and one.setting.endswith("all")), None)
        bars = [
            Bar(
                f"{line.method}, {line.setting.removeprefix(f'{what}, ')}",
                line.mean,
                min(line.values) if len(line.values) > 1 else None,
                max(line.values) if len(line.values) > 1 else None,
                truth=ceiling,
            )
            for line in lines
        ]  # fmt: skip
        told = "The floor is what a constant answer has."
        if ceiling is not None:
            passed = any(line.mean > ceiling + PASSED for line in lines)
            told += " Supervised is an encoder that is told classes and poses: "
            told += (
                "no ceiling here, for others pass it, and it learns few objects by heart." if passed else "a ceiling."
            )
        if bars:
            yield Bars(
                bars, xlabel=what, title=title, section="Scores", tolerance=floor, tolerance_label="floor",
                truth_label="supervised", interval_label="range over seeds", name=what.replace(" ", "-"),
                caption=f"All features, the invariant half, the equivariant half. {told}",
            )  # fmt: skip


def _mean(result: Any, setting: str) -> float | None:
    found = [line.mean for line in result.lines(METHODS, f"^{setting}$")]
    return sum(found) / len(found) if found else None


def _degrees(view: int) -> int:
    return round(360 / TURN * (view - TURN // 2))


def _first_held(plan: Any) -> int:
    return plan["instances"] - round(0.2 * plan["instances"])


@lru_cache(maxsize=64)
def _scene(seed: int, family: int, instance: int, symmetric: bool) -> Scene:
    backend = "raster" if importlib.util.find_spec("numba") else "torch"
    return Scene(small_object(seed, family, instance, symmetric), SIZE, backend=backend)


def _drawn(seed: int, family: int, instance: int, symmetric: bool, views: torch.Tensor) -> Sequence[Pixels]:
    return list(_scene(seed, family, instance, symmetric).render(views).movedim(1, -1).numpy())


def _framed(pixels: Pixels, colour: tuple[int, int, int]) -> Pixels:
    framed = pixels.copy()
    for edge in (slice(None, FRAME), slice(-FRAME, None)):
        framed[edge], framed[:, edge] = colour, colour
    return framed
