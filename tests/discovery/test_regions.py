"""Where a symmetry breaks: thresholds recovered, shares that cover the truth, nothing where it breaks alike."""

from __future__ import annotations

import re

import numpy as np
import torch
from crossfit import kernel_fit
from numpy.typing import NDArray

from isotropy.discovery._jobs import judge
from isotropy.discovery._regions import Region, readings, regions
from isotropy.random import spawn
from isotropy.reps import Point, Rep, Scalar, Schema, Vector
from isotropy.study import Problem, dataset_of, problem_of

Array = NDArray[np.float64]


def problem(x: Array, y: Array, rep_in: Rep, rep_out: Rep, group: str, **more: object) -> Problem:
    y = y.reshape(len(y), -1)
    return problem_of(dataset_of(np.ascontiguousarray(x), y, Schema(x=rep_in, y=rep_out, **more), None), group, None, 0)


def found(p: Problem, part: int = 0, splits: int = 3) -> list[Region]:
    fit, terms, rows = kernel_fit(), [], torch.arange(len(p.x))
    for split in range(splits):
        half = p.half(split)
        models = [fit(p, *(t[half != fold] for t in (p.x, p.y, p.unit)), 2 * split + fold) for fold in (0, 1)]
        terms.append(judge(p, p.candidates[0], models, half, rows, spawn(0, "measure", split))[0])
    return regions(p, terms, rows, part=part)


def turned(n: int, r: np.random.Generator, least: float, most: float, d: int = 3) -> Array:
    v = r.normal(size=(n, d))
    return v / np.linalg.norm(v, axis=1, keepdims=True) * r.uniform(least, most, (n, 1))


def test_a_threshold_of_speed_is_found() -> None:
    r = np.random.default_rng(0)
    v = turned(800, r, 2, 20)
    speed = np.linalg.norm(v, axis=1)
    y = speed**2 / 40 + np.maximum(speed - 12, 0) * v[:, 0] / 10 + 0.1 * r.normal(size=800)
    (region, *more) = found(problem(v, y, Vector("v"), Scalar("drag"), "SO(3)"))
    assert not more
    bound = re.fullmatch(r"\|v\| > (\d+)", region.text)
    assert bound is not None
    assert 12 <= int(bound[1]) <= 16
    assert region.part == "drag"
    inside = speed > int(bound[1])
    assert region.rows == inside.sum()
    broken = (np.maximum(speed - 12, 0) * v[:, 0]) ** 2
    assert region.low <= broken[inside].sum() / broken.sum() <= region.high
    assert region.low > 0.6


def test_a_number_says_where_it_breaks_and_in_which_output() -> None:
    r = np.random.default_rng(1)
    x = np.c_[turned(600, r, 0.5, 1.5, 2), r.uniform(0, 1, 600)]
    wind = np.c_[1.5 * (x[:, 2] > 0.6), np.zeros(600)]
    force = x[:, :2] * 0.5 + wind + 0.05 * r.normal(size=(600, 2))
    y = np.c_[force, (x[:, :2] ** 2).sum(1) + 0.05 * r.normal(size=600)]
    names = {"x": ("vx", "vy", "height"), "y": ("fx", "fy", "energy")}
    p = problem(x, y, Vector("v") + Scalar, Vector("force") + Scalar("energy"), "SO(2)", names=names)
    (region,) = found(p)
    assert re.fullmatch(r"height > 0\.(5\d?|6\d?)", region.text), region
    assert region.part == "force"
    assert region.low > 0.7
    assert found(p, part=1) == []


def test_nothing_is_claimed_where_it_breaks_alike_or_not_at_all() -> None:
    claims = 0
    for seed in range(6):
        r = np.random.default_rng(seed)
        x = turned(300, r, 0.5, 1.5, 2)
        alike = x * 0.5 + [1.0, 0.0] + 0.1 * r.normal(size=(300, 2))
        claims += len(found(problem(x, alike, Vector, Vector, "SO(2)"), splits=2))
        claims += len(found(problem(x, (x**2).sum(1) + 0.1 * r.normal(size=300), Vector, Scalar, "SO(2)"), splits=2))
    assert claims <= 1


def test_readings_have_names_that_people_use() -> None:
    r = np.random.default_rng(2)
    x = r.normal(size=(60, 14))
    rep = Vector("v") + Vector("w") + 2 * Point + 2 * Scalar("mass")
    p = problem(x, r.normal(size=(60, 1)), rep, Scalar, "SO(3)")
    table = readings(p, p.x)
    assert {"|v|", "v_x", "v.w", "|point1 - point2|", "point2_z", "mass1", "mass2"} <= set(table)
    assert "|point1|" not in table  # it depends on where the origin happens to be
    assert torch.allclose(table["v.w"], (p.x[:, :3] * p.x[:, 3:6]).sum(1))
