"""``compare`` on pictures: the same folds and steps for every way to use a symmetry of the plane."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from isotropy.comparison._fold import folds_by_method
from isotropy.comparison._methods import Budget, Method, kinds_of
from isotropy.comparison._picture_training import (
    PICTURE_KINDS,
    PICTURES,
    PictureKind,
    folds_of_pictures,
    train_pictures,
    why_missing,
)
from isotropy.comparison._result import Comparison
from isotropy.comparison._table import comparison_of, largest_class
from isotropy.data import Pictures
from isotropy.errors import SchemaError, counted
from isotropy.reps import Field, Scalar, Schema, written_type
from isotropy.reps.parts import permutes_cells
from isotropy.runs import Job
from isotropy.study import Candidate, answering, candidates, fingerprint, job_of

_FOLDS, _FEWEST = 3, 10  # and pictures of a class in each fold


def compare_pictures(
    pictures: Pictures,
    *,
    groups: Any,
    methods: str | Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    windows: Mapping[str, float] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    **how: Any,
) -> Comparison:
    """Which way to use a symmetry names the classes of pictures best: error (nats), accuracy, time and memory.

    "plain", "TrivialAugment", and for each group "augmentation" (uniform draws), "constrained" (a bound on the loss
    under hard ones), "frames" (a finite group whole, SO(2) by eight angles), "coordinates" (moments) and "layers"
    (a convolution over the group), where these exist; the others are told with the reason. ``how`` is what ``map_jobs``
    takes.

    Raises SchemaError for pictures without groups, of one class, or of a class too small for folds, and for methods
    that are none of these.
    """
    began = time.monotonic()
    kinds: tuple[PictureKind, ...] = kinds_of(methods, PICTURE_KINDS)
    counts = torch.bincount(pictures.y)
    present = counts[counts > 0]
    if len(present) < 2 or int(present.min()) < _FOLDS * _FEWEST:
        told = f"pictures in {counted(len(present), 'class', 'classes')}, the smallest of {int(present.min())}"
        raise SchemaError(told, f"two classes or more, {_FOLDS * _FEWEST} pictures in each")
    if not groups:
        raise SchemaError("no groups", "groups of the plane", 'groups="SO(2),D(4)" (--groups "SO(2),D(4)")')
    classes = len(counts)
    types = Schema.of({"x": Field(pictures.x.shape[1] * Scalar), "y": classes * Scalar})
    asked = candidates(groups, types, pictures.x[:2].float() / 255, windows)
    listed = _methods(kinds, asked, pictures, classes)
    budget = Budget(folds=_FOLDS, steps=150 if quick else 500, batch=64)
    fold = folds_of_pictures(pictures.y, budget.folds, seed)
    settings = {
        "data": pictures.name, "sha256": fingerprint(pictures.x, pictures.y), "loss": "cross-entropy",
        "candidates": [one.as_json() for one in asked], "methods": list(kinds), "seed": seed, "quick": quick,
    }  # fmt: skip
    with answering(out, resume, settings, began=began) as answer:
        if not answer.run.has(PICTURES):
            answer.run.write(PICTURES, {"x": pictures.x.contiguous(), "y": pictures.y, "fold": fold})
        by_name = {one.name: one.as_json() for one in asked}

        def job(method: Method, number: int) -> Job:
            return job_of(
                train_pictures, seed, kind=method.kind, candidate=by_name.get(method.group, {}), fold=number,
                under=by_name[method.group or asked[0].name], budget=budget,
            )  # fmt: skip

        tried = [method for method in listed if not method.missing]
        found = folds_by_method(tried, budget.folds, job, answer.run, **how)
        _, _, height, width = pictures.x.shape
        data = {
            "name": pictures.name, "rows": len(pictures), "units": len(pictures),
            "inputs": written_type(types.x), "targets": written_type(types.y), "pictures": f"{height} x {width}",
        }  # fmt: skip
        notes = (*pictures.notes, largest_class(float(counts.max()) / len(pictures), "pictures"))
        result = comparison_of(data, listed, found, fold, torch.arange(len(pictures)), asked, budget, notes=notes)
        return answer.write(replace(result, **answer.stamp()))


def _methods(
    kinds: Sequence[PictureKind], asked: Sequence[Candidate], pictures: Pictures, classes: int
) -> tuple[Method, ...]:
    found: list[Method] = []
    sides = (pictures.x.shape[2], pictures.x.shape[3])
    for kind in kinds:
        if kind in ("plain", "TrivialAugment"):
            found.append(Method(kind))
            continue
        for one in asked:
            missing = ""
            if kind in ("frames", "coordinates", "layers"):
                missing = why_missing(kind, one, pictures.x, classes)
            # Turns between cells are interpolated, moments leave a turn open, convolutions are sums of some elements.
            found.append(
                Method(kind, one.name, missing, nearly=kind != "frames" or not permutes_cells(one.group, sides))
            )
    return tuple(found)
