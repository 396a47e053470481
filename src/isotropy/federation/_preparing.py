"""What happens at a site before the first round: rows are held out, statistics leave, classes are filled up."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Generator, Tensor

from isotropy.errors import DomainError
from isotropy.federation._factors import Factors
from isotropy.federation._generators import GeometryGuidedAugmenter, Mode
from isotropy.federation._privacy import private_stats
from isotropy.federation._request import Request
from isotropy.federation._statistics import ClassStats
from isotropy.linalg import Moments

Rows = tuple[Tensor, Tensor]


def split_rows(x: Tensor, y: Tensor, share: float, draw: Generator) -> tuple[Rows, Rows]:
    """Rows to train on and rows held out: of each class the share, rounded down, so that single rows are trained on."""
    order = torch.randperm(len(x), generator=draw)
    held = torch.zeros(len(x), dtype=torch.bool)
    for c in y.unique():
        rows = order[y[order] == c]
        held[rows[: int(share * len(rows))]] = True
    return (x[~held], y[~held]), (x[held], y[held])


def statistics_of(request: Request, name: str, rows: Rows) -> ClassStats:
    """All that leaves a site before the rounds."""
    x, y = rows
    if request.privacy is None:
        return ClassStats.from_data(x, y, classes=request.classes, site=name).release(request.min_count)
    budget = request.privacy
    return private_stats(
        x, y, classes=request.classes, clip=budget.clip, epsilon=budget.epsilon, delta=budget.delta, site=name
    ).release(request.min_count)


def augmenter_of(
    request: Request, pooled: ClassStats, chosen: Mapping[int, Mode] | None = None
) -> GeometryGuidedAugmenter | None:
    """What fills up classes at the sites, if the request asks for it; "auto" as it was ``chosen``."""
    if request.augment is None:
        return None
    shapes = pooled.shapes("auto" if request.privacy is not None else None)
    if not shapes:
        raise DomainError(
            f"no class with {request.min_count} rows at any site", "a class whose statistics may leave a site",
            "lower min_count, or leave augment out",
        )  # fmt: skip
    augment = GeometryGuidedAugmenter(shapes, request.augment.target, request.augment.mode, skip_missing=True)
    augment.chosen = dict(chosen or {})
    return augment


def known(augment: GeometryGuidedAugmenter, x: Tensor, y: Tensor) -> Rows:
    """Rows of classes that have a shape."""
    some = torch.tensor([c in augment.shapes for c in range(augment.shapes.classes)])
    return x[some[y]], y[some[y]]


def packed(stats: ClassStats) -> dict[str, Tensor]:
    """Statistics as named tensors, as they travel and are kept: no other number than those of ``stats``."""
    moments = stats.moments
    found = {"n": moments.n, "mean": moments.mean, "like": torch.zeros(0, dtype=stats.dtype)}
    if stats.noise is not None:
        found["noise"] = stats.noise
    if isinstance(moments, Moments):
        return found | {"inner": moments.inner, "outer": moments.outer}
    for part, rows in (("inner", moments.inner), ("outer", moments.outer)):
        found |= {f"{part}/{c}": F.contiguous() for c, F in enumerate(rows)}
    return found if moments.kept is None else found | {"kept": torch.tensor(moments.kept)}


def unpacked(parts: dict[str, Tensor]) -> ClassStats:
    """What ``packed`` made, again."""
    n, mean = parts["n"], parts["mean"]
    if "inner" in parts:
        moments: Moments | Factors = Moments(n, mean, parts["inner"], parts["outer"])
    else:
        inner, outer = (tuple(parts[f"{part}/{c}"] for c in range(len(n))) for part in ("inner", "outer"))
        moments = Factors(n, mean, inner, outer, int(parts["kept"]) if "kept" in parts else None)
    return ClassStats(moments, parts["like"].dtype, parts.get("noise"))
