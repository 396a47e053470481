"""The trials: each job, and where its numbers stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isotropy.experiments.optics._config import (
    FINITE,
    POSES,
    REVERSIBLE,
    SHAPES,
    SPECTRUM,
    TRANSFORMER,
    UNEQUAL,
    WAYS,
    Config,
)
from isotropy.experiments.optics._finite import finite_job
from isotropy.experiments.optics._poses import poses_job
from isotropy.experiments.optics._reversible import reversible_job
from isotropy.experiments.optics._spectrum import spectrum_job
from isotropy.experiments.optics._transformer import transformer_job
from isotropy.experiments.optics._unequal import NETS, unequal_job
from isotropy.study import Outcome, Trial

COUNTS = {
    ("optics", "number"): "optics",
    ("components", "number"): "components",
    ("lenses", "number"): "lenses",
    ("components of several lenses", "number"): "split",
    ("optics without one 2-cell from their lens", "number"): "cells",
}


def trials(config: Config) -> Iterator[Trial]:
    """X1 to X6 of specification 13 §4."""
    for sets in SHAPES:
        yield from config.trials(finite_job, FINITE, sets, COUNTS, sets=sets, residual=config.residual)
    for n in config.lengths:
        for way in WAYS:
            numbers: dict[tuple[str, str], str] = {
                (f"{n} layers, gets", "number"): "gets",
                (f"{n} layers, peak", "activations"): "peak",
                (f"{n} layers, time", "of autograd's"): "slower",
                (f"{n} layers, weights with other bits", "number"): "other_bits",
            }
            yield from config.trials(spectrum_job, SPECTRUM, way, numbers, way=way, n=n, plan=config.spectrum)
    for net in NETS:
        yield from config.trials(unequal_job, UNEQUAL, net, _points, net=net, plan=config.unequal)
    told = {
        ("peak", "of autograd's"): "peak",
        ("time", "of autograd's"): "slower",
        ("parameters with other bits after three steps", "number"): "other_bits",
    }
    yield from config.trials(transformer_job, TRANSFORMER, "planned", told, plan=config.transformer)
    told = {
        ("kept by the optic", "bytes"): "kept",
        ("kept by the lens", "bytes"): "whole",
        ("lens, time", "of the optic's"): "slower",
        ("gradients, optic and lens", "relative"): "gradients",
        ("GetPut", "relative"): "get_put",
        ("equivariance", "relative"): "equivariance",
    }
    yield from config.trials(poses_job, POSES, "SVD frame", told, points=config.points)
    for depth in config.depths:
        for precision in ("float32", "float64"):
            told = {
                (f"{depth} blocks, peak", "activations"): "peak",
                (f"{depth} blocks, peak of autograd", "activations"): "plain_peak",
                (f"{depth} blocks, drift of one", "relative"): "drift",
                (f"{depth} blocks, error of gradients", "relative"): "error",
                (f"{depth} blocks, drift that the plan tells", "relative"): "told",
            }
            yield from config.trials(reversible_job, REVERSIBLE, precision, told, depth=depth, precision=precision)


def _points(outcome: Outcome) -> Mapping[tuple[str, str], Any]:
    """Each number of segments is a setting of its own."""
    told: dict[tuple[str, str], Any] = {("smallest budget", "of autograd's peak"): outcome["smallest"]}
    for name, value in outcome.items():
        if name.startswith("predicted_"):
            told[f"measured / predicted peak at {name.removeprefix('predicted_')} %", "ratio"] = value
    for segments, row in outcome["rows"].items():
        told[f"{segments} segments, peak", "of autograd's"] = row["peak"]
        told[f"{segments} segments, operations", "of autograd's"] = row["theirs"]
        if "ours" in row:  # within these bytes there is a plan
            told[f"planned at the peak of {segments} segments, peak", "of autograd's"] = row["our_peak"]
            told[f"planned at the peak of {segments} segments, operations", "of autograd's"] = row["ours"]
    return told
