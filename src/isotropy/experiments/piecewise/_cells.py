"""E1, E5 and E6 on a person of capsules: how exact a layer is, what its certificate says, and of which cells."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data import WIDE, PartClouds, load_people
from isotropy.experiments.piecewise._assignments import WAYS, SoftCells, phi
from isotropy.experiments.piecewise._config import CellsPlan
from isotropy.frames import Partition, PiecewiseLayer, piecewise_certificate, voronoi_partition
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.study import job

_SMALL = (0.02, 0.005)  # radians and metres: motions that leave most cells as they are
_SOFT = 0.05  # metres: deviation of the balls about seeds that make cells soft


def _person(plan: CellsPlan, seed: int) -> PartClouds:
    return load_people(1, plan.points, share=WIDE, seed=seed)


def _layer(plan: CellsPlan, group: str, dtype: torch.dtype) -> PiecewiseLayer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(0, "layer"))
        layer = PiecewiseLayer(None, "4*Scalar + Vector", group, width=plan.width)
    return layer.to(dtype).requires_grad_(False)


@job
def exactness_job(run: Run, *, seed: int, group: str, plan: CellsPlan) -> dict[str, Any]:
    """The largest error relative to the output: true cells, cells that refine them, one cell, half the digits."""
    person = _person(plan, seed)
    x, truth = person.x, Partition(person.part)
    extra = torch.randint(4, (len(x),), generator=spawn(seed, "fine"))
    sets = {"true cells": truth, "finer cells": Partition(4 * person.part + extra)}
    found: dict[str, Any] = {}
    for name, cells in sets.items():
        found[name] = _worst(_layer(plan, group, torch.float64), x, cells, truth, group, plan)
    found["true cells, float32"] = _worst(_layer(plan, group, torch.float32), x.float(), truth, truth, group, plan)
    one = Partition(torch.zeros_like(person.part))
    found["one cell"] = _worst(_layer(plan, group, torch.float64), x, one, one, group, plan)
    found["one cell, parts moving"] = _worst(_layer(plan, group, torch.float64), x, one, truth, group, plan)
    return {"errors": found}


def _worst(layer: PiecewiseLayer, x: Tensor, cells: Partition, truth: Partition, group: str, plan: CellsPlan) -> float:
    def model(points: Tensor) -> tuple[Tensor, Partition]:
        return layer(points, None, cells)[0], cells

    found = piecewise_certificate(model, x, truth, plan.draws, rep_out="4*Scalar + Vector", group=group)
    return float(found.error.max()) / found.M


@job
def certificate_job(run: Run, *, seed: int, cells: int, plan: CellsPlan) -> dict[str, Any]:
    """Impure and minority points of cells about spread points, lambda, bound and error under small motions."""
    layer = _layer(plan, "E(3)", torch.float64)
    seen: list[dict[str, float]] = []

    def model(points: Tensor) -> tuple[Tensor, Partition]:
        found, _ = voronoi_partition(points, min(cells, len(points)))
        return layer(points, None, found)[0], found

    for pose in range(plan.poses):
        person = _person(plan, derive(seed, "pose", pose))
        truth = Partition(person.part)
        own, _ = voronoi_partition(person.x, min(cells, len(person.x)))
        moves = small_motions(len(truth), 2, derive(seed, "moves", pose))
        found = piecewise_certificate(model, person.x, truth, moves, rep_out="4*Scalar + Vector")
        seen.append(
            {
                "impure": float(own.impure(truth).double().mean()),
                "minority": _minority(own, truth),
                "bound": float(found.bound.mean() / found.M),
                "measured": float(found.measured.mean() / found.M),
                "exact": float(found.exact.double().mean()),
                "worst exact": float(found.error[:, found.exact].max()) if bool(found.exact.any()) else 0.0,
                "violated": float((found.measured > found.bound).sum()),
                "lambda": found.lambda_,
            }
        )
    mean = {name: sum(one[name] for one in seen) / len(seen) for name in seen[0]}
    return mean | {"worst exact": max(one["worst exact"] for one in seen)}


def _minority(cells: Partition, truth: Partition) -> float:
    """Points that are not of the part that most points of their cell belong to."""
    both = Partition(cells.labels * len(truth) + truth.labels)
    most = torch.zeros(len(cells), dtype=torch.int64)
    most = most.scatter_reduce(0, both.names // len(truth), both.counts, "amax")
    return 1 - float(most.sum()) / len(cells.labels)


def small_motions(K: int, count: int, seed: int) -> list[tuple[Float[Tensor, "K 3 3"], Float[Tensor, "K 3"]]]:
    """Turns of a degree or two and shifts of millimetres, one for each part."""
    turn, shift = _SMALL
    found = []
    for i in range(count):
        draw = spawn(seed, "small", i)
        w = turn * torch.randn(K, 3, generator=draw, dtype=torch.float64)
        zero = torch.zeros_like(w[:, 0])
        rows = [[zero, -w[:, 2], w[:, 1]], [w[:, 2], zero, -w[:, 0]], [-w[:, 1], w[:, 0], zero]]
        hat = torch.stack([torch.stack(row, 1) for row in rows], 1)
        found.append((torch.matrix_exp(hat), shift * torch.randn(K, 3, generator=draw, dtype=torch.float64)))
    return found


@job
def assignments_job(run: Run, *, seed: int, plan: CellsPlan) -> dict[str, Any]:
    """The error of soft cells fed in three ways, at points whose cell is pure and stays, and at the others."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(0, "soft"))
        psi = SoftCells(plan.width).double().requires_grad_(False)
    person = _person(plan, seed)
    x, truth = person.x, Partition(person.part)
    k = max(k for k in plan.cells if k < len(x))
    found: dict[str, Any] = {}
    share = 0.0
    for way in WAYS:

        def model(points: Tensor, way: str = way) -> tuple[Tensor, Partition]:
            cells, seeds = voronoi_partition(points, k)
            Q = torch.softmax(-torch.cdist(points, points[seeds]).square() / (2 * _SOFT**2), 1)
            return phi(way, psi, points, Q, seed, plan.draws), cells

        told = piecewise_certificate(model, x, truth, small_motions(len(truth), 2, derive(seed, "moves")))
        clean, share = told.error[:, told.exact], float(told.exact.double().mean())
        found[way] = {
            "clean": float(clean.max()) / told.M if clean.numel() else 0.0,
            "all": float(told.measured.mean()) / told.M,
        }
    return {**found, "clean points": share}
