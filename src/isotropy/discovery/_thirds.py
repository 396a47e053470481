"""What two models that saw neither a row nor each other's third say of it, moved: the share of the signal that breaks.

Pictures and graphs are judged so; of them, rows are kept apart in thirds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np
import scipy
import torch
from jaxtyping import Int
from torch import Tensor

from isotropy.discovery._graph_result import GraphFinding
from isotropy.discovery._picture_findings import PictureFinding
from isotropy.discovery._verdicts import ALPHA, MINIMAL_OVERLAP, ON_SEEN, SEVERITY, Grounds, Verdict, verdict
from isotropy.estimate import Estimate
from isotropy.measure import holm, randomisation_test
from isotropy.measure.parts import bonferroni, clustered_mean
from isotropy.random import spawn

FOLDS = 3
MOSTLY = 0.85
"""Of moved rows that look like data, where 95 % of rows themselves do."""
_SURE = 1.645  # standard errors to a one-sided 95 % end
_ENOUGH = 30  # rows of which a moved one occurs; of fewer no breaking is read

F = TypeVar("F", GraphFinding, PictureFinding)
Said = tuple[Estimate, float, Literal["randomisation", "estimate"], float]


def thirds(y: Int[Tensor, " n"], seed: int) -> Int[Tensor, " n"]:
    """A third for each row; classes are spread evenly."""
    order = torch.randperm(len(y), generator=spawn(seed, "thirds"))
    fold = torch.empty_like(y)
    fold[order[y[order].argsort(stable=True)]] = torch.arange(len(y)) % FOLDS
    return fold


def said(
    parts: Sequence[Mapping[str, Any]], name: str, seed: int, *, exchangeable: bool = True, whole: float = 1.0
) -> Said:
    """Breaking among moved rows that occur, its p-value and test, and what is explained.

    Each part holds of its rows: ``broken (n)``, half the inner product of both models' changes, summed over its draws
    that occur, ``seen (n)`` how many do, ``energy (n)``, ``losses (n, K)``; ``draws``, ``spread``. ``exchangeable``
    says that draws are those of the uniform law, ``whole`` is the share of elements that move something.
    """
    broken, seen, energy = (
        torch.as_tensor(np.concatenate([one[name] for one in parts])).double() for name in ("broken", "seen", "energy")
    )
    explained = float(energy.mean()) / float(np.mean([one["spread"] for one in parts]))
    rows = seen > 0
    if int(rows.sum()) < _ENOUGH or float(energy.mean()) <= 0:
        return Estimate(0.0, 0.0, 1.0, len(seen), 0.90), 1.0, "estimate", explained
    # Rows count by how many of their draws occur, so that the law is that of pairs that occur.
    share = whole * float(broken.sum() / seen.sum() / energy.mean())
    signal, per_row = float(energy.mean()), len(seen) / float(seen.sum())
    influence = (per_row * (whole * broken - share * signal * seen) - share * (energy - signal)) / signal
    error, degrees = clustered_mean(influence[None], torch.arange(len(seen)))
    if len(parts) > 1:
        by_third = [whole * _ratio(one) for one in parts]
        error = math.hypot(error, float(np.std(by_third, ddof=1)) / math.sqrt(len(parts)))
    mean, low, high = (min(max(v, 0.0), 1.0) for v in (share, share - _SURE * error, share + _SURE * error))
    estimate = Estimate(mean, low, high, len(seen), 0.90)
    if exchangeable and overlap_of(parts)[0] >= MOSTLY:
        draw = partial(spawn, seed, "randomisation", name)
        exact = [
            randomisation_test(torch.as_tensor(one["losses"]), torch.arange(len(one["losses"])), generator=draw(k))
            for k, one in enumerate(parts)
        ]
        return estimate, bonferroni(exact), "randomisation", explained
    p = float(scipy.stats.t.sf(share / error, degrees)) if error > 0 else 1.0
    return estimate, p, "estimate", explained


def _ratio(one: Mapping[str, Any]) -> float:
    seen = float(np.sum(one["seen"]))
    return float(np.sum(one["broken"])) / seen / float(np.mean(one["energy"])) if seen else 0.0


def overlap_of(parts: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """The share of moved rows that look like data, with its one-sided 95 % lower end (rows count)."""
    share = torch.as_tensor(np.concatenate([one["seen"] / one["draws"] for one in parts])).double()
    error, _ = clustered_mean(share[None], torch.arange(len(share)))
    return float(share.mean()), max(float(share.mean()) - _SURE * error, 0.0)


def judged(found: Sequence[F], tolerance: float, rows: str, outer: str, inner: str) -> tuple[F, ...]:
    """The findings with the words for what the data say, and what they leave open.

    ``rows`` is what the rows are called; the group ``outer`` contains the group ``inner``.
    """
    words: list[F] = []
    for f, p in zip(found, holm([f.p_value for f in found]), strict=True):
        word, left = _word(f.breaking, p, (f.overlap, f.overlap_low), f.explained, tolerance, rows)
        words.append(replace(f, verdict=word, p_adjusted=p, note=left))
    return together(words, outer, inner)


def _word(
    breaking: Estimate, adjusted: float, overlap: tuple[float, float], explained: float, tolerance: float, rows: str
) -> tuple[Verdict, str]:
    share, surely = overlap
    grounds = Grounds(
        breaking.low, breaking.high, min(breaking.high * explained + 1 - explained, 1.0), 0.0, 0.0,
        surely >= MINIMAL_OVERLAP, adjusted < ALPHA, imposed=False, signal=explained > 0.05,
    )  # fmt: skip
    word = verdict(grounds, tolerance)
    left = ""
    if share < MOSTLY and word not in ("not identifiable", "no signal"):
        left = f"read {ON_SEEN}: {share:.0%} of moved {rows} look like {rows} of the data"
    if word == "not identifiable":
        least = f" (surely {surely:.0%})" if share >= MINIMAL_OVERLAP else ""
        left = f"only {share:.0%}{least} of moved {rows} look like {rows} of the data, fewer than {MINIMAL_OVERLAP:.0%}"
    return word, left


def together(found: Sequence[F], outer: str, inner: str) -> tuple[F, ...]:
    """A group breaks at least as much as one that it contains: where that one is broken, so is this."""
    told: Verdict | None = next((f.verdict for f in found if f.name == inner), None)
    if told not in ("approximate", "absent"):
        return tuple(found)
    return tuple(
        replace(f, verdict=told, note=f"it contains {inner}, which is {told}")
        if f.name == outer and SEVERITY[f.verdict] < SEVERITY[told]
        else f
        for f in found
    )
