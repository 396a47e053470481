"""The pure jobs of a discovery: fit on half of the data, judge a candidate on the other half, test the inputs,
and do the same on copies of the data that are exactly symmetric by construction (calibration).

Each is called as ``function(run, seed=..., **arguments)``, reads the problem from the run, and returns JSON with
arrays; a job that needs another's outcome asks for it by its description.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.discovery._learners import learn, revive
from isotropy.groups import Draws, Window
from isotropy.measure import BreakingTerms, breaking_terms, combine, input_invariance_test, lie_gram, randomisation_test
from isotropy.measure.parts import bonferroni, pulled_back
from isotropy.random import spawn
from isotropy.runs import Run, map_jobs
from isotropy.study import Candidate, Model, Problem

_REFIT_COPIES = 8
_REFIT_ROWS = 16_000  # copies in all, beyond which fewer copies of each row are made
_CURVE_ROWS = 400
_CURVE_ANGLES = 33
_GRAM_ROWS = 4000
_REPLICATES = 400
CALIBRATED_ROWS = 1000  # calibration redoes the analysis many times, on at most this many rows


def fit_half(run: Run, *, seed: int, learner: str, split: int, fold: int) -> dict[str, Any]:
    """A model fitted without the rows of half ``fold``, and its squared errors on them."""
    problem = Problem.load(run)
    held_out = problem.half(split) == fold
    x, y, unit = problem.x[~held_out], problem.y[~held_out], problem.unit[~held_out]
    state, curves = learn(learner, problem, x, y, unit, seed=seed, stream=("fit", split, fold))
    model = revive(learner, problem, state)
    loss = (problem.y[held_out] - model(problem.x[held_out])).square().sum(-1)
    return {"state": state, "curves": curves, "loss": loss.numpy()}


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


def measure(run: Run, *, seed: int, learner: str, index: int, split: int) -> dict[str, Any]:
    """Per-row terms of the breaking of one candidate, each row judged by the model of the other half."""
    problem = Problem.load(run)
    candidate = problem.candidates[index]
    rows, half = problem.measured(candidate), problem.half(split)
    models = [fitted(run, problem, learner, split, fold) for fold in (0, 1)]
    generator = spawn(seed, "measure", candidate.name, split)
    terms, p_value = judge(problem, candidate, models, half, rows, generator)
    return {"terms": {name: values.numpy() for name, values in terms.tensors().items()}, "p_value": p_value}


def judge(
    problem: Problem,
    candidate: Candidate,
    models: Sequence[Model],
    half: Int[Tensor, " n"],
    rows: Int[Tensor, " m"],
    generator: torch.Generator,
) -> tuple[BreakingTerms, float]:
    """One candidate judged by models that have not seen its rows: the step that data and symmetric copies share.

    The terms of the breaking of ``rows`` and the p-value of the randomisation test over both halves.

    ``models[fold]`` was fitted without the rows of half ``fold``. Losses along the orbit are not kept.
    """
    terms: dict[str, Tensor] = {}
    p_values: list[float] = []
    for fold in (0, 1):
        at = (half[rows] == fold).nonzero()[:, 0]
        x, y = problem.x[rows[at]], problem.y[rows[at]]
        unit = torch.unique(problem.unit[rows[at]], return_inverse=True)[1]
        part = breaking_terms(
            models[fold], models[1 - fold], x, y, candidate.measured, problem.rep_in, problem.rep_out,
            unit=unit, draws=problem.draws(candidate), generator=generator,
        )  # fmt: skip
        p_values.append(randomisation_test(part.orbit_loss, unit, generator=generator))
        for name, values in part.tensors().items():
            terms.setdefault(name, torch.empty(len(rows), dtype=values.dtype))[at] = values
    return BreakingTerms(**terms), bonferroni(p_values)


def inputs(run: Run, *, seed: int, index: int) -> dict[str, Any]:
    """Whether the law of the inputs is invariant, and how much of the moved inputs lies on data."""
    problem = Problem.load(run)
    candidate = problem.candidates[index]
    generator = spawn(seed, "inputs", candidate.name)
    test = input_invariance_test(problem.x, candidate.measured, problem.rep_in, unit=problem.unit, generator=generator)
    return {"p_value": test.p_value, "shift": test.shift, "overlap": test.overlap, "invariant": test.invariant}


def refit(run: Run, *, seed: int, learner: str, index: int, split: int) -> dict[str, Any]:
    """Paired held-out losses of the free model and of one refitted with the symmetry imposed.

    Where the inputs are not invariant, averaging a model trained without the symmetry asks for its values where there
    are no data; a model refitted on moved copies of the rows answers what imposing the symmetry would really cost.
    """
    problem = Problem.load(run)
    candidate, half = problem.candidates[index], problem.half(split)
    free, imposed = torch.empty(2, len(half), dtype=problem.x.dtype)
    for fold in (0, 1):
        held_out = half == fold
        generator = spawn(seed, "refit", candidate.name, split, fold)
        unit = torch.unique(problem.unit[~held_out], return_inverse=True)[1]
        x, y, moved_unit = _moved_copies(problem, candidate.measured, ~held_out, unit, generator)
        like = _state(run, problem, learner, split, fold)
        state, _ = learn(learner, problem, x, y, moved_unit, seed=seed, stream=("refit", index, split, fold), like=like)
        model = revive(learner, problem, state)
        test_x, test_y = problem.x[held_out], problem.y[held_out]
        if not isinstance(candidate.measured, Window):
            test_unit = torch.unique(problem.unit[held_out], return_inverse=True)[1]
            orbit = Draws.of(candidate.group, _REFIT_COPIES).take(int(test_unit.max()) + 1, generator)
            prediction = pulled_back(model, orbit, test_x, test_unit, problem.rep_in, problem.rep_out).mean(1)
        else:
            prediction = model(test_x)
        imposed[held_out] = (test_y - prediction).square().sum(-1)
        free[held_out] = (test_y - revive(learner, problem, like)(test_x)).square().sum(-1)
    return {"free": free.numpy(), "imposed": imposed.numpy()}


def _moved_copies(
    problem: Problem, measured: Any, rows: Tensor, unit: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    copies = max(2, min(_REFIT_COPIES, _REFIT_ROWS // int(rows.sum())))
    orbit = Draws.of(measured, copies).take(int(unit.max()) + 1, generator)
    g, group = orbit.rows(unit), orbit.group
    x = problem.rep_in.act(group, g, problem.x[rows][:, None])
    y = problem.rep_out.act(group, g, problem.y[rows][:, None])
    return x.flatten(0, 1), y.flatten(0, 1), unit.repeat_interleave(len(orbit))


def curves(run: Run, *, seed: int, learner: str, index: int) -> dict[str, Any]:
    """Half the mean squared change of f along each one-parameter subgroup, as a share of the energy.

    The product of two models from disjoint halves, so that independent errors cancel; one curve per generator.
    """
    problem = Problem.load(run)
    candidate = problem.candidates[index]
    group, models = candidate.group, [fitted(run, problem, learner, 0, fold) for fold in (0, 1)]
    rows = torch.randperm(len(problem.x), generator=spawn(seed, "curves"))[:_CURVE_ROWS]
    x, V = problem.x[rows], problem.signal
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
        values.append(((change[0] * change[1]).sum(-1).mean(1) / (2 * V)).tolist())
    return {"angles": angles.tolist(), "names": list(group.generator_names), "values": values}


def gram(run: Run, *, seed: int, learner: str, index: int, splits: int) -> dict[str, Any]:
    """The cross-fitted Gram matrix of Lie derivatives of the largest algebra, averaged over splits (section 3.4)."""
    problem = Problem.load(run)
    group = problem.candidates[index].group
    rows = torch.randperm(len(problem.x), generator=spawn(seed, "gram"))[:_GRAM_ROWS]
    V = problem.signal
    grams = [
        lie_gram(
            (fitted(run, problem, learner, split, 0), fitted(run, problem, learner, split, 1)),
            group, problem.x[rows], problem.rep_in, problem.rep_out,
            scale=V, cluster=problem.unit[rows], replicates=_REPLICATES, seed=seed,
        )
        for split in range(splits)
    ]  # fmt: skip
    return {
        "matrices": np.stack([gram.matrix.numpy() for gram in grams]),
        "replicates": torch.cat([gram.replicates for gram in grams]).numpy(),
    }


def surrogate(run: Run, *, seed: int, learner: str, copy: int) -> dict[str, Any]:
    """The breaking read off one symmetric copy (g_i x_i, g_i y_i), for every compact candidate.

    Turned under the largest compact candidate, the copy is symmetric under all candidates inside it, with the noise
    and the invariants of the data; candidates outside get a copy of their own.
    """
    problem = Problem.load(run)
    order = torch.randperm(len(problem.x), generator=spawn(seed, "surrogate rows", copy))[:CALIBRATED_ROWS]
    unit = torch.unique(problem.unit[order], return_inverse=True)[1]
    problem = replace(problem, x=problem.x[order], y=problem.y[order], unit=unit)
    compact = [candidate for candidate in problem.candidates if not isinstance(candidate.measured, Window)]
    breaking: dict[str, float] = {}
    for top in compact:
        if top.name in breaking:
            continue
        inside = [c for c in compact if c.group <= top.group and c.name not in breaking]
        breaking |= _analyse(problem, top, inside, learner, seed, copy)
    return {"breaking": breaking}


def _analyse(
    problem: Problem, top: Candidate, inside: list[Candidate], learner: str, seed: int, copy: int
) -> dict[str, float]:
    generator = spawn(seed, "surrogate", copy, top.name)
    g = Draws.of(top.group, 1).take(int(problem.unit.max()) + 1, generator).rows(problem.unit)
    x = problem.rep_in.act(top.group, g, problem.x[:, None])[:, 0]
    y = problem.rep_out.act(top.group, g, problem.y[:, None])[:, 0]
    turned = replace(problem, x=x, y=y)
    half, models = turned.half(0), []
    for fold in (0, 1):
        kept = half != fold
        state, _ = learn(
            learner, turned, x[kept], y[kept], turned.unit[kept], seed=seed, stream=("surrogate", copy, top.name, fold)
        )
        models.append(revive(learner, turned, state))
    found: dict[str, float] = {}
    rows, energy = torch.arange(len(x)), turned.energy
    for candidate in inside:
        terms, _ = judge(turned, candidate, models, half, rows, generator)
        found[candidate.name] = combine([terms], energy, turned.unit).cross
    return found
