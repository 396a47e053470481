"""``discover`` on pictures: jobs on thirds of them, and their outcomes as one answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch

from isotropy.data import Pictures
from isotropy.discovery._motions import Motion, motions_of, spelt, within
from isotropy.discovery._picture_findings import PictureFinding, Range, Shown
from isotropy.discovery._picture_jobs import FULL, PICTURES, QUICK, SMALL, strip
from isotropy.discovery._picture_report import advice
from isotropy.discovery._picture_result import PictureDiscovery
from isotropy.discovery._thirds import FOLDS, MOSTLY, Said, judged, overlap_of, said, thirds
from isotropy.errors import DomainError, SchemaError
from isotropy.groups import Group, Window
from isotropy.runs import Job, map_jobs
from isotropy.study import answering, fingerprint

_FEWEST = 10  # pictures of a class in each third; with fewer a network cannot learn it
_MODULE = "isotropy.discovery._picture_jobs"


def discover_pictures(
    pictures: Pictures,
    *,
    groups: str | Group | Window | Sequence[Any] | None = None,
    transforms: str | Sequence[str] | None = None,
    seed: int = 0,
    tolerance: float = 0.01,
    quick: bool = False,
    engine: str = "serial",
    workers: int | None = None,
    address: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> PictureDiscovery:
    """What may be done to labelled pictures without changing what they are: three columns for each candidate.

    ``groups`` act on the plane (text such as ``"SO(2),T(2),Scale,Shear@x,D(4)"``, groups, Windows; turns, shifts,
    sizes, shears and the mirror by default), ``transforms`` are operations of ``ImageOps`` by name. ``tolerance`` is a
    share of the signal, and of held-out pictures. ``quick`` asks one third of the pictures, with shorter trainings.
    With ``out`` the run lives in that directory, with result.json and report.html.

    Raises SchemaError for one class, or a class of fewer than 30 pictures, and what ``parse`` and ``ImageOps`` raise;
    DomainError for a tolerance outside of (0, 1).

    >>> import torch
    >>> few = Pictures(torch.zeros(9, 1, 8, 8, dtype=torch.uint8), torch.zeros(9, dtype=torch.int64), ("cat",))
    >>> discover_pictures(few) # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    isotropy.errors.SchemaError: given pictures of one class, cat; expected two classes or more...
    """
    began = monotonic()
    if not 0 < tolerance < 1:
        raise DomainError(f"tolerance={tolerance!r}", "a share between 0 and 1", "tolerance=0.01 is 1 %")
    _check_classes(pictures)
    channels = pictures.x.shape[1]
    motions = motions_of(groups, transforms, channels)
    plan = QUICK if quick else FULL
    settings = {
        "data": pictures.name, "sha256": fingerprint(pictures.x, pictures.y),
        "candidates": [spelt(one) for one in motions], "seed": seed, "tolerance": tolerance, "quick": quick,
    }  # fmt: skip
    with answering(out, resume, settings, began=began) as answer:
        if not answer.run.has(PICTURES):
            fold = thirds(pictures.y, seed)
            answer.run.write(PICTURES, {"x": pictures.x.contiguous(), "y": pictures.y, "fold": fold})
        mapped = partial(map_jobs, run=answer.run, engine=engine, workers=workers, address=address, progress=progress)
        how = asdict(plan)
        networks = mapped([Job(f"{_MODULE}:plain", {"fold": f, "plan": how}, seed) for f in range(FOLDS)])
        folds = range(1 if quick else FOLDS)
        asked = {"plan": how}
        jobs = [
            Job(f"{_MODULE}:moved", {**asked, "fold": f, "motion": spelt(one), "loss": networks[f]["loss"]}, seed)
            for one in motions
            for f in folds
        ]
        outcomes = mapped(jobs)
        parts = [outcomes[i : i + len(folds)] for i in range(0, len(outcomes), len(folds))]
        findings = [_finding(one, part, tolerance, seed) for one, part in zip(motions, parts, strict=True)]
        groups_found = judged(findings, tolerance, "pictures", "D(4)", "C(4)")
        found = PictureDiscovery(
            groups=groups_found,
            recommendation=advice(groups_found),
            tolerance=tolerance,
            error=float(np.mean([one["error"] for one in networks])),
            chance=1 - float(torch.bincount(pictures.y).max()) / len(pictures),
            data=_told(pictures),
            notes=_notes(pictures, groups_found, channels),
            shown={m.name: _shown(pictures, m, part) for m, part in zip(motions, parts, strict=True)},
        )
        return answer.write(replace(found, **answer.stamp()))


def _check_classes(pictures: Pictures) -> None:
    counts = torch.bincount(pictures.y)
    present = [int(k) for k in counts.nonzero()[:, 0]]
    if len(present) < 2:
        name = pictures.classes[present[0]] if pictures.classes and present else "all in one folder"
        hint = "one sub-folder for each class: FOLDER/cat/1.png, FOLDER/dog/2.png"
        raise SchemaError(f"pictures of one class, {name}", "two classes or more", hint)
    small = [k for k in present if int(counts[k]) < FOLDS * _FEWEST]
    if small:
        told = ", ".join(f"{pictures.classes[k] if pictures.classes else k} ({int(counts[k])})" for k in small[:10])
        more = f" and {len(small) - 10} more" if len(small) > 10 else ""
        expected = f"at least {FOLDS * _FEWEST} pictures of each class, {_FEWEST} for each third"
        raise SchemaError(
            f"classes of few pictures: {told}{more}", expected, "leave these classes out, or add pictures"
        )


def _finding(motion: Motion, parts: list[dict[str, Any]], tolerance: float, seed: int) -> PictureFinding:
    """The three columns from the outcomes of the thirds; the verdict waits for all candidates."""
    breaking, p, test, explained = _said(motion, parts, seed)
    overlap, overlap_low = overlap_of(parts)
    wrong, asked = np.sum([one["wrong"] for one in parts], axis=0), sum(one["asked"] for one in parts)
    errors, errors_plain = ([float(e) for e in row / asked] for row in (wrong[1], wrong[0]))
    lost = np.concatenate([one["lost"] for one in parts])
    cost, spread = float(lost.mean()), 1.96 * float(lost.std(ddof=1)) / math.sqrt(len(lost))
    if len(parts) > 1:
        by_third = [float(np.mean(one["lost"])) for one in parts]
        spread = math.hypot(spread, 1.96 * float(np.std(by_third, ddof=1)) / math.sqrt(len(parts)))
    ranges = [
        Range(*within(each, motion.strengths, motion.rest, tolerance), motion.unit) if motion.unit else None
        for each in (errors, errors_plain)
    ]
    return PictureFinding(
        name=motion.name, breaking=breaking, verdict="undecided", overlap=overlap,
        inputs_invariant=overlap >= MOSTLY, p_value=p, p_adjusted=p, test=test, explained=explained, note="",
        range=ranges[0], range_plain=ranges[1], multiplier=float(np.mean([one["multiplier"][-1] for one in parts])),
        settled=all(one["settled"] for one in parts), cost_accuracy=cost, cost_low=cost - spread,
        cost_high=cost + spread, bound=float(np.mean([one["bound"] for one in parts])),
        acceptance=float(np.mean([one["acceptance"] for one in parts])), strengths=motion.strengths, rest=motion.rest,
        unit=motion.unit, errors=tuple(errors), errors_plain=tuple(errors_plain), asked=asked,
        multipliers=tuple(tuple(one["multiplier"]) for one in parts),
        overlap_low=overlap_low, selected=_selected(parts),
    )  # fmt: skip


def _selected(parts: list[dict[str, Any]]) -> tuple[tuple[float, float, float, float], ...]:
    """The mean over trainings of what each strength was proposed, selected and lost."""
    each = [one["selected"] for one in parts]
    if len({len(rows) for rows in each}) > 1:
        return ()  # a strength that one training never saw
    means = np.mean(np.asarray(each, dtype=np.float64), axis=0)
    return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in means)


def _said(motion: Motion, parts: list[dict[str, Any]], seed: int) -> Said:
    # Of a finite group the element that moves nothing is left out, and counts as the others do.
    order = len(motion.strengths)
    whole = (order - 1) / order if motion.uniform and not motion.unit and 1 < order <= SMALL else 1.0
    return said(parts, motion.name, seed, exchangeable=motion.uniform, whole=whole)


def _told(pictures: Pictures) -> dict[str, Any]:
    _, channels, height, width = pictures.x.shape
    classes = list(pictures.classes) or [str(k) for k in range(int(pictures.y.max()) + 1)]
    return {
        "name": pictures.name, "rows": len(pictures), "given": pictures.given or len(pictures),
        "size": f"{height} x {width} x {channels}", "classes": classes,
    }  # fmt: skip


def _notes(pictures: Pictures, groups: Sequence[PictureFinding], channels: int) -> tuple[str, ...]:
    idle = channels == 1 and any(f.name == "color" for f in groups)
    return (*pictures.notes, *(["Pictures of one channel have no colour: color does nothing to them."] if idle else []))


def _shown(pictures: Pictures, motion: Motion, parts: list[dict[str, Any]]) -> Shown:
    # The picture of largest contrast among the first, so that a warp can be seen.
    few = pictures.x[:200].double()
    row = int(few.flatten(1).var(1).argmax())
    shown = Shown(strip(pictures.x[row : row + 1].float() / 255, motion))
    best = max(parts, key=lambda one: one["contradiction"])
    if not best["contradiction"]:
        return shown
    one, twin = best["rows"]
    names = pictures.classes or tuple(map(str, range(int(pictures.y.max()) + 1)))
    three = (pictures.x[one].numpy(), np.asarray(best["moved"]), pictures.x[twin].numpy())
    return replace(shown, contradiction=three, labels=(names[int(pictures.y[one])], names[int(pictures.y[twin])]))
