"""The pure jobs of a discovery: fit on half of the data, judge a candidate on the other half, test the inputs.

Each is called as ``function(run, seed=..., **arguments)``, reads the problem from the run, and returns JSON with
arrays; a job that needs another's outcome asks for it by its description.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.discovery._learners import learn, revive
from isotropy.discovery._robust import targets_to_judge
from isotropy.discovery._verdicts import MOSTLY_SEEN, partly_seen
from isotropy.groups import Drawn, Draws, Window
from isotropy.measure import (
    Breaking,
    BreakingTerms,
    Gram,
    breaking_terms,
    combine,
    input_invariance_test,
    inputs_seen,
    kernel_test,
    lie_gram,
    randomisation_test,
)
from isotropy.measure.parts import bonferroni, pulled_back
from isotropy.random import spawn
from isotropy.reps import Rep
from isotropy.runs import Run, map_jobs
from isotropy.study import Candidate, Model, Problem

_REFIT_COPIES = 8
_REFIT_ROWS = 16_000  # copies in all, beyond which fewer copies of each row are made
# Few stretches of a series move as a whole: with so many elements even two of them can reject.
_SERIES_DRAWS = 99
_CURVE_ROWS = 400
_CURVE_ANGLES = 33
_GRAM_ROWS = 4000
_REPLICATES = 400
_OUTPUTS = 16  # up to so many, slopes are faster than derivatives along each generator


def fit_half(run: Run, *, seed: int, learner: str, split: int, fold: int) -> dict[str, Any]:
    """A model fitted without the rows of half ``fold``, and its squared errors on them, part by part."""
    problem = Problem.load(run)
    held_out = problem.half(split) == fold
    x, y, unit = problem.x[~held_out], problem.y[~held_out], problem.unit[~held_out]
    state, curves = learn(learner, problem, x, y, unit, seed=seed, stream=("fit", split, fold))
    model = revive(learner, problem, state)
    loss = problem.losses(_residual(problem, model, held_out))
    return {"state": state, "curves": curves, "loss": loss.numpy()}


def _residual(problem: Problem, model: Model, rows: Tensor) -> Tensor:
    fitted = model(problem.x[rows])
    return targets_to_judge(problem, problem.y[rows], fitted) - fitted


def fit_all(run: Run, *, seed: int, learner: str) -> dict[str, Any]:
    """The model of all rows, which predicts for the user and judges nothing."""
    problem = Problem.load(run)
    state, _ = learn(learner, problem, problem.x, problem.y, problem.unit, seed=seed, stream=("final",))
    return {"state": state}


def _state(run: Run, problem: Problem, learner: str, split: int, fold: int) -> dict[str, Any]:
    (outcome,) = map_jobs([problem.job(fit_half, learner=learner, split=split, fold=fold)], run, progress=False)
    return outcome["state"]


def fitted(run: Run, problem: Problem, learner: str, split: int, fold: int) -> Model:
    """The model that has not seen half ``fold``; fitted now if no engine has done it before."""
    return revive(learner, problem, _state(run, problem, learner, split, fold))


def both_fitted(run: Run, problem: Problem, learner: str, split: int) -> tuple[Model, Model]:
    """The models that have not seen half 0, and half 1, of a split."""
    return fitted(run, problem, learner, split, 0), fitted(run, problem, learner, split, 1)


def measure(run: Run, *, seed: int, learner: str, index: int, split: int) -> dict[str, Any]:
    """Per-row terms of the breaking of one candidate, each row judged by the model of the other half."""
    problem = Problem.load(run)
    candidate = problem.candidates[index]
    rows, half = problem.measured(candidate), problem.half(split)
    models = both_fitted(run, problem, learner, split)
    generator = spawn(seed, "measure", candidate.name, split)
    seen = _where_seen(run, problem, index)
    terms, p_values = judge(problem, candidate, models, half, rows, generator, seen)
    kept = {name: values.numpy() for name, values in terms.tensors().items() if name != "orbit_loss"}
    return {"terms": kept, "p_values": p_values, "partly": seen is not None}


def _where_seen(run: Run, problem: Problem, index: int) -> Callable[[Tensor], Tensor] | None:
    """Which moved inputs have data near them, for a compact candidate whose orbits the inputs cover in part."""
    measured = problem.candidates[index].measured
    if isinstance(measured, Window):
        return None
    (tested,) = map_jobs([problem.job(inputs, index=index)], run, progress=False)
    if not partly_seen(tested["invariant"], tested["overlap"], tested["overlap_low"]):
        return None
    return _near_inputs(problem, index)


@lru_cache(maxsize=1)  # a candidate's splits follow each other, and all read the same inputs
def _near_inputs(problem: Problem, index: int) -> Callable[[Tensor], Tensor]:
    measured, generator = problem.candidates[index].measured, spawn(problem.seed, "seen", index)
    return inputs_seen(problem.x, measured, problem.rep_in, unit=problem.unit, generator=generator)


def judge(
    problem: Problem,
    candidate: Candidate,
    models: Sequence[Model],
    half: Int[Tensor, " n"],
    rows: Int[Tensor, " m"],
    generator: torch.Generator,
    seen: Callable[[Tensor], Tensor] | None = None,
) -> tuple[BreakingTerms, list[float]]:
    """One candidate judged by models that have not seen its rows: the step that data and symmetric copies share.

    The terms of the breaking of ``rows`` and, for each part of the target, the p-value of the randomisation test over
    both halves.

    ``models[fold]`` was fitted without the rows of half ``fold``. Losses along the orbit are not kept. With ``seen``
    moved rows are read only where it says True.
    """
    terms: dict[str, Tensor] = {}
    p_values: list[list[float]] = []
    centre = problem.centre(problem.y[rows], candidate)
    for fold in (0, 1):
        at = (half[rows] == fold).nonzero()[:, 0]
        x = problem.x[rows[at]]
        y = targets_to_judge(problem, problem.y[rows[at]], models[fold](x))
        unit = torch.unique(problem.unit[rows[at]], return_inverse=True)[1]
        found = breaking_terms(
            models[fold], models[1 - fold], x, y, candidate.measured, problem.rep_in, problem.rep_out,
            unit=unit, parts=[part.columns for part in problem.parts], centre=centre,
            draws=problem.draws(candidate), seen=seen, generator=generator,
        )  # fmt: skip
        losses, together = found.orbit_loss, unit
        if problem.series is not None and not isinstance(candidate.measured, Window):
            together = torch.unique(problem.series[rows[at]], return_inverse=True)[1]
            losses = _moved_together(problem, candidate, models[fold], x, y, together, generator)
        p_values.append([randomisation_test(loss, together, generator=generator) for loss in losses])
        for name, values in found.tensors().items():
            if name != "orbit_loss":
                terms.setdefault(name, torch.empty(len(values), len(rows), dtype=values.dtype))[:, at] = values
    both = [bonferroni(list(halves)) for halves in zip(*p_values, strict=True)]
    return BreakingTerms(**terms, orbit_loss=torch.empty(0, 0, 0)), both


def _moved_together(
    problem: Problem, candidate: Candidate, model: Model, x: Tensor, y: Tensor, unit: Tensor, generator: torch.Generator
) -> Float[Tensor, "K n M"]:
    """Losses of the rows as they are and moved with their whole stretch of a series, for each part of the target."""
    orbit = Draws.of(candidate.group, _SERIES_DRAWS).take(int(unit.max()) + 1, generator, dtype=x.dtype)
    F = pulled_back(model, orbit, x, unit, problem.rep_in, problem.rep_out)
    every = torch.cat([model(x)[:, None], F[:, 1:] if orbit.complete else F], 1)
    return torch.stack([(y[:, None] - every)[..., part.columns].square().sum(-1) for part in problem.parts])


def terms_of(outcome: Mapping[str, Any]) -> BreakingTerms:
    """The terms of a stored ``measure``; losses along the orbit are not kept."""
    tensors = {name: torch.from_numpy(values) for name, values in outcome["terms"].items()}
    return BreakingTerms(**tensors, orbit_loss=torch.empty(0, 0, 0))


def breaking_of(problem: Problem, candidate: Candidate, outcomes: Sequence[Mapping[str, Any]]) -> tuple[Breaking, ...]:
    """The breaking of a candidate in each part of the target, from the stored ``measure`` of some splits."""
    unit = torch.unique(problem.unit[problem.measured(candidate)], return_inverse=True)[1]
    # What was read between the inputs seen alone is read as along a window.
    windowed = isinstance(candidate.measured, Window) or any(outcome.get("partly") for outcome in outcomes)
    outputs = [part.outputs for part in problem.parts]
    return combine([terms_of(outcome) for outcome in outcomes], unit, outputs, windowed=windowed)


def on_rows(problem: Problem, rows: Tensor, **changed: Any) -> Problem:
    """The problem on some rows, with their units numbered without gaps."""
    unit = torch.unique(problem.unit[rows], return_inverse=True)[1]
    series = None if problem.series is None else problem.series[rows]
    return replace(problem, x=problem.x[rows], y=problem.y[rows], unit=unit, series=series, **changed)


def inputs(run: Run, *, seed: int, index: int) -> dict[str, Any]:
    """Whether the law of the inputs is invariant, and how much of the moved inputs lies on data."""
    problem = Problem.load(run)
    candidate = problem.candidates[index]
    generator = spawn(seed, "inputs", candidate.name)
    test = input_invariance_test(problem.x, candidate.measured, problem.rep_in, unit=problem.unit, generator=generator)
    return {
        "p_value": test.p_value,
        "shift": test.shift,
        "overlap": test.overlap,
        "overlap_low": test.overlap_low,
        "invariant": test.invariant,
        "components": [list(each) for each in test.components],
        "lows": list(test.lows),
    }


def unlearned(run: Run, *, seed: int, index: int, permutations: int) -> dict[str, Any]:
    """For each part of the target the p-value of a test without a learner, which sees what no model has learned."""
    problem = Problem.load(run)
    candidate = problem.candidates[index]
    unit = problem.unit if problem.series is None else problem.series
    return {
        "p_values": [
            kernel_test(
                problem.x, problem.y[:, part.columns], candidate.group, problem.rep_in, Rep((term,)),
                unit=unit, permutations=permutations, generator=spawn(seed, "kernels", candidate.name, part.name),
            )
            for part, term in zip(problem.parts, problem.rep_out.parts(), strict=True)
        ]
    }  # fmt: skip


def refit(run: Run, *, seed: int, learner: str, index: int, split: int) -> dict[str, Any]:
    """Paired held-out losses of the free model and of one refitted with the symmetry imposed.

    Where the inputs are not invariant, averaging a model trained without the symmetry asks for its values where there
    are no data; a model refitted on moved copies of the rows answers what imposing the symmetry would really cost.
    Within a window only copies that lie where there are data take part.
    """
    problem = Problem.load(run)
    candidate, half = problem.candidates[index], problem.half(split)
    shape = (len(problem.parts), len(half))
    free, imposed = torch.empty(shape, dtype=problem.x.dtype), torch.empty(shape, dtype=problem.x.dtype)
    for fold in (0, 1):
        held_out = half == fold
        generator = spawn(seed, "refit", candidate.name, split, fold)
        unit = torch.unique(problem.unit[~held_out], return_inverse=True)[1]
        x, y, moved_unit = _moved_copies(run, problem, index, ~held_out, unit, generator)
        like = _state(run, problem, learner, split, fold)
        state, _ = learn(learner, problem, x, y, moved_unit, seed=seed, stream=("refit", index, split, fold), like=like)
        model = revive(learner, problem, state)
        test_x = problem.x[held_out]
        free_prediction = revive(learner, problem, like)(test_x)
        test_y = targets_to_judge(problem, problem.y[held_out], free_prediction)
        if not isinstance(candidate.measured, Window):
            test_unit = torch.unique(problem.unit[held_out], return_inverse=True)[1]
            orbit = Draws.of(candidate.group, _REFIT_COPIES).take(int(test_unit.max()) + 1, generator)
            prediction = pulled_back(model, orbit, test_x, test_unit, problem.rep_in, problem.rep_out).mean(1)
        else:
            prediction = model(test_x)
        imposed[:, held_out] = problem.losses(test_y - prediction)
        free[:, held_out] = problem.losses(test_y - free_prediction)
    return {"free": free.numpy(), "imposed": imposed.numpy()}


def _moved_copies(
    run: Run, problem: Problem, index: int, rows: Tensor, unit: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Copies of these rows moved by a candidate, with their targets and units: along whole orbits, or as far within a
    window as there are data."""
    measured = problem.candidates[index].measured
    if isinstance(measured, Window):
        (outcome,) = map_jobs([problem.job(seen_copies, index=index)], run, progress=False)
        seen = torch.from_numpy(outcome["seen"])[rows]
        x, y = (moved[rows] for moved in _along_window(problem, index, seen.shape[1]))
        lonely = ~seen.any(1)  # rows that lead nowhere else stand for themselves
        x[lonely, 0], y[lonely, 0], seen[lonely, 0] = problem.x[rows][lonely], problem.y[rows][lonely], True
        return x[seen], y[seen], unit[:, None].expand_as(seen)[seen]
    orbit = Draws.of(measured, _copies(int(rows.sum()))).take(int(unit.max()) + 1, generator)
    x, y = _moved(problem, orbit, problem.x[rows], problem.y[rows], unit)
    return x.flatten(0, 1), y.flatten(0, 1), unit.repeat_interleave(len(orbit))


def _moved(problem: Problem, orbit: Drawn, x: Tensor, y: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and their targets, moved by each element of their unit, ``(n, copies, p)``."""
    g = orbit.rows(unit)
    return problem.rep_in.act(orbit.group, g, x[:, None]), problem.rep_out.act(orbit.group, g, y[:, None])


def _copies(rows: int) -> int:
    return max(2, min(_REFIT_COPIES, _REFIT_ROWS // rows))


def seen_copies(run: Run, *, seed: int, index: int) -> dict[str, Any]:
    """Which copies of the rows, moved within the window of a candidate, lie where there are data, ``(n, copies)``.

    A stretch leads out of the range of the data. Copies there are right where the symmetry holds, and still make a
    model worse that must follow them: its error would pass for the price of the symmetry. Where few lead out, all
    count: at the ends of the data they are what tells a wrong exponent.
    """
    problem = Problem.load(run)
    measured, generator = problem.candidates[index].measured, spawn(seed, "seen", index)
    seen = inputs_seen(problem.x, measured, problem.rep_in, unit=problem.unit, generator=generator)
    found = seen(_along_window(problem, index, _copies(len(problem.x) // 2))[0])
    return {"seen": (found if float(found.double().mean()) < MOSTLY_SEEN else torch.ones_like(found)).numpy()}


@lru_cache(maxsize=1)  # the refits of a candidate follow each other, and all read the same copies
def _along_window(problem: Problem, index: int, copies: int) -> tuple[Tensor, Tensor]:
    """All rows and their targets, each moved so many times within the window of a candidate, ``(n, copies, p)``."""
    orbit = Draws.of(problem.candidates[index].measured, copies).take(
        int(problem.unit.max()) + 1, spawn(problem.seed, "copies", index), dtype=problem.x.dtype
    )
    return _moved(problem, orbit, problem.x, problem.y, problem.unit)


def _comparable(problem: Problem, model: Model) -> Callable[[Tensor], Tensor]:
    """The model in units in which squares are shares of the signal; each part keeps one unit, so symmetries stay."""
    return lambda x: problem.comparable(model(x))


def curves(run: Run, *, seed: int, learner: str, index: int) -> dict[str, Any]:
    """Half the mean squared change of f along each one-parameter subgroup, as a share of the energy.

    The product of two models from disjoint halves, so that independent errors cancel; one curve per generator.
    """
    problem = Problem.load(run)
    candidate = problem.candidates[index]
    group, models = candidate.group, [_comparable(problem, model) for model in both_fitted(run, problem, learner, 0)]
    rows = torch.randperm(len(problem.x), generator=spawn(seed, "curves"))[:_CURVE_ROWS]
    x = problem.x[rows]
    at = [model(x) for model in models]
    reach = math.pi if candidate.width is None else 2 * max(candidate.width)
    angles = torch.linspace(-reach, reach, _CURVE_ANGLES, dtype=x.dtype)
    basis, _ = group.generators
    values: list[list[float]] = []
    for a in range(group.dim):
        # Elements of a product over several spaces are tuples, and so are those of its algebra.
        g = group.exp(tree.tree_map(lambda part, a=a: angles[:, None, None] * part[a], basis))
        moved = problem.rep_in.act(group, g, x[:, None])
        change = [
            f - problem.rep_out.act(group, group.inverse(g), model(moved.flatten(0, 1)).unflatten(0, moved.shape[:2]))
            .transpose(0, 1)
            for f, model in zip(at, models, strict=True)
        ]  # fmt: skip
        values.append(((change[0] * change[1]).sum(-1).mean(1) / 2).tolist())
    return {"angles": angles.tolist(), "names": list(group.generator_names), "values": values}


def gram(run: Run, *, seed: int, learner: str, index: int, splits: int) -> dict[str, Any]:
    """The cross-fitted Gram matrix of Lie derivatives of the largest algebra, averaged over splits (section 3.4)."""
    problem = Problem.load(run)
    group = problem.candidates[index].group
    rows = torch.randperm(len(problem.x), generator=spawn(seed, "gram"))[:_GRAM_ROWS]
    grams: list[Gram] = []
    for split in range(splits):
        one, two = (_comparable(problem, model) for model in both_fitted(run, problem, learner, split))
        grams.append(
            lie_gram(
                (one, two), group, problem.x[rows], problem.rep_in, problem.rep_out, cluster=problem.unit[rows],
                replicates=_REPLICATES, seed=seed, by_row=problem.y.shape[1] <= _OUTPUTS,
            )
        )  # fmt: skip
    return {
        "matrices": np.stack([gram.matrix.numpy() for gram in grams]),
        "replicates": torch.cat([gram.replicates for gram in grams]).numpy(),
    }
