"""The phases of a discovery: learners compete, candidates are judged, and what the data say beyond them is sought."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data import Dataset
from isotropy.discovery._continuous import continuous
from isotropy.discovery._exponents import exponents, scales, sentence
from isotropy.discovery._findings import (
    AngleCurve,
    Continuous,
    DependenceFinding,
    GroupFinding,
    Learnt,
    NoiseFinding,
    TrainingCurves,
)
from isotropy.discovery._jobs import curves, fit_all, fit_half, gram, inputs, measure, refit, terms_of, unlearned
from isotropy.discovery._judging import Asked, findings
from isotropy.discovery._learners import revive
from isotropy.discovery._recommendation import Finding, recommend
from isotropy.discovery._refits import Refit, refits_of
from isotropy.discovery._regions import Region, regions
from isotropy.discovery._result import Discovery
from isotropy.discovery._retyping import hints
from isotropy.discovery._surrogates import surrogate
from isotropy.discovery._trees import MOST_OUTPUTS
from isotropy.discovery._unlisted import Unlisted, unlisted, unlisted_of
from isotropy.discovery._verdicts import ABSENT, ALPHA, HOLDS, least_overlap, partly_seen
from isotropy.fields import from_json
from isotropy.groups import Window
from isotropy.measure import GivenNoise, Noise, noise_of, outliers
from isotropy.study import Problem, subgroups, told_of

_SURROGATES = 10
_PERMUTATIONS, _FOR_EACH = 199, 60  # so many for each test, that the smallest p-value survives their number
_LONG = 5000
_OTHER_SPLITS = 3  # trees and networks take longer to fit
_NETWORK_COLUMNS = 64  # of inputs and targets; on wider tables a network takes the minutes that the whole may take
_MARGIN = 0.98  # another learner replaces the kernel only where it is better by more than noise


@dataclass(frozen=True)
class Work:
    """A problem, and what does its jobs: ``map_jobs`` in one run by one engine."""

    problem: Problem
    map: Callable[..., list[Any]]


@dataclass(frozen=True)
class _Winner:
    """The learner that predicts one held-out half better, on how many splits, and how both did."""

    learner: str
    splits: int
    loss: Float[Tensor, " K"]  # mean squared error of held-out rows over all splits, of each part of the target
    scores: Mapping[str, float]
    training: TrainingCurves  # of the network


def analyse(work: Work, dataset: Dataset, noise: GivenNoise | None, *, tolerance: float, quick: bool) -> Discovery:
    """All phases, one after the other; the jobs of each run side by side."""
    problem = work.problem
    parts = {part.name: part.columns for part in problem.parts}
    known = noise_of(problem.x, problem.y, parts, dataset.noise if noise is None else noise, unit=problem.unit)
    winner = _compete(work, quick)
    measured, tested = _judge(work, winner)
    refits = _refits(work, winner, tested)
    told = _noise_share(problem, known)
    spent = len(dataset.x) / len(problem.x)
    # Of a table on which candidates were found, the other rows judge.
    judging = {"rows": len(problem.x), "units": int(problem.unit.max()) + 1}
    asked = Asked(problem, known, dataset.imposed, dict(dataset.truth or {}), tolerance, spent)
    state, along, found_axes, calibration, nameless = _beyond(work, winner, asked, quick, told)
    found = findings(asked, measured, tested, refits, _unlearned(work, winner, measured, refits, tolerance))
    found = _with_exponents(work, winner, found)
    listed = [candidate for candidate in problem.candidates if candidate.listed]
    below = subgroups(listed)
    left = float((winner.loss / problem.spreads).mean())
    return Discovery(
        data={**told_of(dataset), "source": dataset.source, "noise": dataset.noise}
        | ({"judging": judging} if spent > 1 else {}),
        groups=tuple(found),
        edges=tuple((small, big) for big, smalls in below.items() for small in smalls),
        continuous=found_axes,
        recommendation=recommend([_advised(f) for f in found], below),
        tolerance=tolerance,
        learnt=Learnt(
            winner.learner, 1 - left, (float(winner.loss.sum()) / problem.y.shape[1]) ** 0.5,
            float(problem.spreads.sum()), winner.splits,
            winner.scores, str(state["core"].get("kernel", "")),
            {p.name: (float(loss) / p.outputs) ** 0.5 for p, loss in zip(problem.parts, winner.loss, strict=True)},
        ),
        curves=tuple(along),
        training=winner.training,
        calibration=calibration,
        notes=tuple(_notes(asked, found)),
        noise=_noise_found(problem, known),
        unlisted=nameless,
        regions=_regions(problem, found, measured),
        hints=_hints(work, winner, found, below),
        dependence=DependenceFinding.of(problem.dependence),
        model=revive(winner.learner, problem, state),
        samples=dataset,
    )  # fmt: skip


def _advised(f: GroupFinding) -> Finding:
    mostly = f.breaking.high < ABSENT and not partly_seen(f.inputs_invariant, f.overlap, f.overlap_low)
    return Finding(f.name, f.verdict, f.cost_rmse, f.price, bool(f.imposed), f.note, mostly)


def _compete(work: Work, quick: bool) -> _Winner:
    """Fits the kernels everywhere; another learner too, on fewer splits, where it wins on the first half."""
    problem = work.problem
    splits = 5 if len(problem.x) <= 2500 else 3
    halves = [(split, fold) for split in range(splits) for fold in (0, 1)]
    # The others are tried on one half, beside the kernels, and the network first, because it takes longest.
    networks = not quick and problem.x.shape[1] + problem.y.shape[1] <= _NETWORK_COLUMNS
    others = [*(["network"] if networks else []), *(["trees"] if problem.y.shape[1] <= MOST_OUTPUTS else [])]
    trials = [problem.job(fit_half, learner=name, split=0, fold=0) for name in others]
    jobs = [*trials, *(problem.job(fit_half, learner="kernel", split=split, fold=fold) for split, fold in halves)]
    outcomes = work.map(jobs, description="fitting")
    tried, fits = dict(zip(others, outcomes, strict=False)), outcomes[len(others) :]
    known = tried.get("network")
    training = TrainingCurves() if known is None else from_json(known["curves"], TrainingCurves, "curves")
    left = {name: float((_mean_loss([fit]) / problem.spreads).mean()) for name, fit in tried.items()}
    scores = {"kernel": float((_mean_loss(fits[:1]) / problem.spreads).mean()), **left}
    best = min(left, key=left.__getitem__, default="kernel")
    # One lone row can wreck the kernels of other halves: what does worse than the mean is not what is read.
    wrecked = float((_mean_loss(fits) / problem.spreads).mean()) >= 1 > scores.get(best, 1.0)
    if best == "kernel" or (scores["kernel"] * _MARGIN < scores[best] and not wrecked):
        return _Winner("kernel", splits, _mean_loss(fits), scores, training)
    few = halves[: 2 * _OTHER_SPLITS]
    jobs = [problem.job(fit_half, learner=best, split=split, fold=fold) for split, fold in few]
    fits = work.map(jobs, description=f"fitting with {best}")
    return _Winner(best, _OTHER_SPLITS, _mean_loss(fits), scores, training)


def _mean_loss(fits: Sequence[Mapping[str, Any]]) -> Float[Tensor, " K"]:
    return torch.cat([torch.from_numpy(fit["loss"]) for fit in fits], 1).mean(1)


def _noise_found(problem: Problem, noise: Noise) -> tuple[NoiseFinding, ...]:
    """The noise in the unit of the targets."""
    return tuple(
        NoiseFinding(
            name=part.name,
            deviation=(known.energy.mean / part.outputs) ** 0.5,
            low=(known.energy.low / part.outputs) ** 0.5,
            high=(known.energy.high / part.outputs) ** 0.5,
            source=known.source,
        )
        for part, known in zip(problem.parts, noise.parts, strict=True)
    )


def _judge(work: Work, winner: _Winner) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """For every candidate the terms of its breaking in each split, and what its inputs say."""
    problem = work.problem
    names, splits = [candidate.name for candidate in problem.candidates], range(winner.splits)
    jobs = [problem.job(inputs, index=i) for i in range(len(names))]
    for i in range(len(names)):
        jobs += [problem.job(measure, learner=winner.learner, index=i, split=split) for split in splits]
    outcomes = iter(work.map(jobs, description="judging candidates"))
    tested = {name: next(outcomes) for name in names}
    return {name: [next(outcomes) for _ in splits] for name in names}, tested


def _refits(work: Work, winner: _Winner, tested: Mapping[str, Any]) -> dict[str, tuple[Refit, ...]]:
    """Refits with the symmetry imposed, for candidates whose inputs are not invariant or that have no uniform law."""
    problem = work.problem
    wanted = [
        (i, candidate)
        for i, candidate in enumerate(problem.candidates)
        if isinstance(candidate.measured, Window) or not tested[candidate.name]["invariant"]
    ]
    # Each split refits twice for each candidate; on long tables two splits tell enough.
    splits = range(min(winner.splits, 2) if len(problem.x) > _LONG else winner.splits)
    jobs = [problem.job(refit, learner=winner.learner, index=i, split=split) for i, _ in wanted for split in splits]
    outcomes = iter(work.map(jobs, description="imposing and refitting") if jobs else [])
    return {candidate.name: refits_of([next(outcomes) for _ in splits], problem.unit) for _, candidate in wanted}


def _unlearned(
    work: Work, winner: _Winner, measured: Mapping[str, Sequence[Any]], refits: Mapping[str, Any], tolerance: float
) -> dict[str, Sequence[float] | None]:
    """P-values of a test without a learner, where the models leave more unexplained than may be overlooked.

    Only where orbits are exchangeable: for compact groups on inputs with an invariant law. None stands for a test that
    was spared, since the other one rejects already, even when it counts twice and for all.
    """
    problem = work.problem
    if bool((winner.loss / problem.spreads <= tolerance).all()):
        return {}
    wanted = [(i, c.name) for i, c in enumerate(problem.candidates) if c.width is None and c.name not in refits]
    tests = len(problem.candidates) * len(problem.parts)
    spared = [name for _, name in wanted if 2 * tests * max(measured[name][0]["p_values"]) < ALPHA]
    permutations = max(_PERMUTATIONS, _FOR_EACH * tests - 1)
    asked = [(i, name) for i, name in wanted if name not in spared]
    jobs = [problem.job(unlearned, index=i, permutations=permutations) for i, _ in asked]
    outcomes = work.map(jobs, description="looking for what was not learned") if jobs else []
    found = {name: outcome["p_values"] for (_, name), outcome in zip(asked, outcomes, strict=True)}
    return {**dict.fromkeys(spared), **found}


def _beyond(
    work: Work, winner: _Winner, asked: Asked, quick: bool, noise: float
) -> tuple[Mapping[str, Any], list[AngleCurve], Continuous, dict[str, tuple[float, ...]], tuple[Unlisted, ...]]:
    """The model of all rows, curves and Gram spectrum on the largest algebra among the candidates, what the same
    analysis reads off exactly symmetric copies of the data, for every compact candidate, and what is kept unlisted."""
    problem = work.problem
    # Along a symmetry that the preparation of the data imposed there are no data at all.
    dims = [0 if c.name in asked.imposed or not c.listed else c.group.dim for c in problem.candidates]
    index = dims.index(max(dims))
    largest = problem.candidates[index]
    compact = any(not isinstance(candidate.measured, Window) for candidate in problem.candidates)
    learner = winner.learner
    jobs = [problem.job(fit_all, learner=learner)]
    jobs.append(problem.job(unlisted, learner=learner, splits=winner.splits, noise=noise))
    if dims[index]:
        # Trees are constant almost everywhere and have no derivatives; the kernels' stand for them.
        smooth = "kernel" if learner == "trees" else learner
        jobs.append(problem.job(gram, learner=smooth, index=index, splits=winner.splits))
        jobs.append(problem.job(curves, learner=learner, index=index))
    if compact and not quick:
        jobs += [problem.job(surrogate, learner="kernel", copy=copy) for copy in range(_SURROGATES)]
    description = "continuous subgroups" if quick else "continuous subgroups and calibration"
    final, nameless, *outcomes = work.map(jobs, description=description)
    shown: list[AngleCurve] = []
    grams = None
    if dims[index]:
        grams, along, *outcomes = outcomes
        shown = [
            AngleCurve(name, tuple(along["angles"]), tuple(values), largest.width is None)
            for name, values in zip(along["names"], along["values"], strict=True)
        ]
    copies = [outcome["breaking"] for outcome in outcomes]
    read = {name: tuple(float(copy[name]) for copy in copies) for name in (copies[0] if copies else ())}
    return final["state"], shown, continuous(largest, grams, asked.tolerance), read, unlisted_of(nameless)


def _noise_share(problem: Problem, noise: Noise) -> float:
    """The part of what varies that is surely noise, the mean over the parts of the target."""
    shares = [part.energy.low / spread for part, spread in zip(noise.parts, problem.spreads.tolist(), strict=True)]
    return min(sum(shares) / len(shares), 1.0)


def _with_exponents(work: Work, winner: _Winner, found: list[GroupFinding]) -> list[GroupFinding]:
    """The findings, with the exponents beside scalings that are broken by them alone."""
    names = {f.name for f in found if f.verdict in ("approximate", "absent") or f.note.startswith("broken")}
    wanted = [(i, c.name) for i, c in enumerate(work.problem.candidates) if c.name in names and scales(c)]
    jobs = [work.problem.job(exponents, learner=winner.learner, index=i) for i, _ in wanted]
    outcomes = work.map(jobs, description="exponents") if jobs else []
    said = {name: sentence(work.problem, o["exponents"]) for (_, name), o in zip(wanted, outcomes, strict=True)}
    return [replace(f, note=said[f.name]) if said.get(f.name) else f for f in found]


def _hints(
    work: Work, winner: _Winner, found: Sequence[GroupFinding], below: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Types that may be wrong: where all of a mirror fails and the rotations hold, the other parity is tried out."""
    word = {f.name: f.verdict for f in found}
    index = {candidate.name: i for i, candidate in enumerate(work.problem.candidates)}
    pairs = [
        (G, H) for G in word for H in below[G]
        if word[G] in ("absent", "approximate") and word[H] in (*HOLDS, "none seen") and f"S{G}" == H
    ]  # fmt: skip
    bodies = [c.name for c in work.problem.candidates if c.name in word and "nodes" in c.group.spaces]
    permuted = any(word[name] not in ("absent", "approximate") for name in bodies)
    jobs = [
        work.problem.job(
            hints, learner=winner.learner, index=index[G], rotations=H, splits=winner.splits, permuted=permuted
        )
        for G, H in pairs
    ]
    return tuple(text for outcome in (work.map(jobs, description="types") if jobs else []) for text in outcome["hints"])


def _regions(
    problem: Problem, found: Sequence[GroupFinding], measured: Mapping[str, Sequence[Mapping[str, Any]]]
) -> tuple[Region, ...]:
    """Where the largest candidate that is broken breaks, in each part of the target that breaks it."""
    broken = next((f for f in found if f.verdict in ("approximate", "absent") and f.evidence == "orbit"), None)
    if broken is None:
        return ()
    rows = problem.measured(next(c for c in problem.candidates if c.name == broken.name))
    terms = [terms_of(outcome) for outcome in measured[broken.name]]
    guilty = [k for k, part in enumerate(broken.parts) if part.verdict in ("approximate", "absent")]
    return tuple(r for k in guilty for r in regions(problem, terms, rows, part=k, seed=problem.seed))


def _notes(asked: Asked, found: Sequence[GroupFinding]) -> list[str]:
    problem = asked.problem
    notes = [problem.dependence.sentence] if problem.dependence.sentence else []
    units, serial = int(problem.unit.max()) + 1, problem.series is not None
    far = outliers(problem.y, {part.name: part.columns for part in problem.parts})
    if far:
        notes.append(f"{'; '.join(map(str, far[:3]))}. Correct or leave out such rows, or judge with robust=True.")
    guessed = any(part.source == "near neighbours" for part in asked.noise.parts)
    if guessed and any(f.verdict == "none seen" for f in found):
        notes.append(asked.noise.sentence)
    moved = [finding for finding in found if not finding.imposed and not finding.inputs_invariant]
    if moved:
        names = ", ".join(finding.name for finding in moved)
        least, most = (f"{edge(finding.shift for finding in moved):.0%}" for edge in (min, max))
        notes.append(
            f"{names}: the law of the inputs is not invariant (a classifier tells moved inputs apart on "
            f"{least if least == most else f'{least} to {most}'} of the probability mass). That is a fact about the "
            "inputs, not about the map from inputs to targets, which is judged by refitting with the symmetry imposed, "
            "on the inputs seen."
        )
    for finding in found:
        if finding.imposed:
            notes.append(f"{finding.name}: {finding.imposed}")
        elif finding.width is not None:
            widths = ", ".join(f"{w:.3g}" for w in sorted(set(finding.width)))
            notes.append(
                f"{finding.name}: no uniform law exists on this group; judged within a window of width {widths}."
            )
        if finding.rows_needed is not None:
            counted = "rows" if units == len(problem.x) else "blocks" if serial else "independent units"
            notes.append(f"{finding.name}: undecided; about {finding.rows_needed:,} {counted} would decide.")
        if finding.verdict == "not identifiable":
            least = least_overlap(windowed=finding.width is not None)
            surely = f" (surely {finding.overlap_low:.0%})" if finding.overlap >= least else ""
            notes.append(
                f"{finding.name}: only {finding.overlap:.0%}{surely} of moved inputs lie where there are data. Its "
                "price comes from refitting with the symmetry imposed; whether the symmetry holds, these data cannot "
                "tell."
            )
    return notes
