"""One method on one fold: built, trained, and judged on rows that it has not seen."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from isotropy.comparison._methods import Budget, Kind
from isotropy.comparison._own import Own, best_constant
from isotropy.comparison._trainees import Trainee, trainee_of
from isotropy.errors import DomainError, ShapeError
from isotropy.measure import equivariance_error
from isotropy.optics import fit_in_memory, measure_peak
from isotropy.optics.parts import planner_of
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.study import Candidate, Problem, size
from isotropy.train import Batches, Cosine, DivergedError, fit

_VALIDATION, _MOST_VALIDATION = 0.15, 2000
_WARMUP = 50
_CLIP = 1.0
_LOOKS = 50  # at the validation rows, over the whole training
_ERROR_ROWS, _ERROR_DRAWS = 256, 16
_PIECE = 2048


def folds_of(problem: Problem, count: int) -> Int[Tensor, " n"]:
    """The fold 0, 1, ... of each row; units stay whole, and folds have equally many of them."""
    return folds_of_units(int(problem.unit.max()) + 1, count, problem.seed)[problem.unit]


def folds_of_units(units: int, count: int, seed: int) -> Int[Tensor, " units"]:
    """The fold of each unit, drawn; folds have equally many."""
    order = torch.randperm(units, generator=spawn(seed, "folds"))
    fold = torch.empty(units, dtype=torch.int64)
    fold[order] = torch.arange(units) % count
    return fold


def train_fold(
    run: Run, *, seed: int, kind: Kind, group: str, fold: int, budget: dict[str, int],
    memory: str | float | None = None, **own: Any,
) -> dict[str, Any]:  # fmt: skip
    """Losses of the held-out rows (squared errors per output, unless ``own`` says otherwise), which of their classes
    are right, where there are any, and what the training took; or how it diverged. Passes keep within ``memory`` where
    the network is a chain of layers."""
    with single_precision():
        return _trained(Problem.load(run), seed, kind, group, fold, Budget(**budget), Own(**own), memory)


@contextmanager
def single_precision() -> Generator[None, None, None]:
    """Networks are made in single precision, whatever torch's default is where the question is asked."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _trained(
    problem: Problem, seed: int, kind: Kind, group: str, fold: int, spend: Budget, own: Own, memory: str | float | None
) -> dict[str, Any]:
    held_out = folds_of(problem, spend.folds) == fold
    validation = validation_rows(problem, held_out, seed, fold)
    rows = (~held_out & ~validation).nonzero().flatten()
    candidate = next((c for c in problem.candidates if c.name == group), None)
    began = time.process_time()
    trainee = trainee_of(kind, problem, candidate, rows, spend, derive(seed, "fold", fold), own)
    try:
        history = _train(trainee, rows, validation.nonzero().flatten(), spend, derive(seed, "train", fold), memory)
    except DivergedError as error:
        return {"diverged": error.given}
    trained = time.process_time()
    trainee.core.double().eval().requires_grad_(False)
    x, y = problem.x[held_out], problem.y[held_out]
    with torch.no_grad():
        prediction = torch.cat([trainee.predict(some) for some in x.split(_PIECE)])
    predicted = time.process_time()
    loss, constant = _losses(own, y, prediction, problem.y[rows])
    if not torch.isfinite(loss).all():
        return {"diverged": f"predictions that are not finite in fold {fold + 1}"}
    return {
        "diverged": "",
        "loss": loss.numpy(),
        "constant": constant.numpy(),
        **({"right": (prediction.argmax(-1) == y.argmax(-1)).double().numpy()} if own.classes else {}),
        "equivariance_error": _asymmetry(trainee, problem, candidate or problem.candidates[0], x, seed),
        "seconds": trained - began,
        "predict_seconds": predicted - trained,
        "peak_mb": peak_of_a_step(kind, problem, candidate, rows[: spend.batch], spend, own, memory) / 1e6,
        "parameters": size(trainee.core),
        "best_step": 0 if history.best_epoch is None else int(history.rows[history.best_epoch]["step"]),
    }


def _losses(own: Own, y: Tensor, prediction: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Those of predictions, and of the best constant for the targets that were seen."""
    if own.function is None:
        return (y - prediction).square().mean(-1), (y - seen.mean(0)).square().mean(-1)
    loss = own.each(prediction, y)
    if bool((loss < 0).any()):
        raise DomainError(
            f"a loss {own.loss} of {float(loss.min()):.3g}",
            "one that is 0 at best: methods are compared by ratios of it",
        )
    return loss, own.each(best_constant(own, seen).expand_as(y), y)


def validation_rows(problem: Problem, held_out: Bool[Tensor, " n"], seed: int, fold: int) -> Bool[Tensor, " n"]:
    """Whole units among the training rows on which every method is stopped."""
    units, sizes = torch.unique(problem.unit[~held_out], return_counts=True)
    order = torch.randperm(len(units), generator=spawn(seed, "validation units", fold))
    few = sizes[order].cumsum(0) <= _MOST_VALIDATION
    few[max(1, round(_VALIDATION * len(units))) :] = False
    few[0] = True
    return torch.isin(problem.unit, units[order[few]]) & ~held_out


def _train(
    trainee: Trainee, rows: Tensor, validation: Tensor, spend: Budget, seed: int, memory: str | float | None
) -> Any:
    core = trainee.core if memory is None else planned(trainee, min(spend.batch, len(rows)))[0]
    x, y = trainee.table(rows)
    batches = Batches(x, y, batch_size=min(spend.batch, len(rows)), seed=derive(seed, "batches"), drop_last=True)
    epochs = max(1, spend.steps // len(batches))
    return fit(
        core,
        trainee.loss,
        batches,
        optimizer=trainee.optimizer(),
        constraints=trainee.constraints(epochs),
        schedule=Cosine(warmup=_WARMUP),
        max_steps=spend.steps,
        validation=Batches(*trainee.table(validation), batch_size=_PIECE, shuffle=False),
        validate_every=max(1, epochs // _LOOKS),
        clip=_CLIP,
        seed=seed,
        memory=None if planner_of(core) is None else memory,
        progress=False,
    )


def peak_of_a_step(
    kind: Kind, problem: Problem, candidate: Candidate | None, rows: Int[Tensor, " B"], spend: Budget, own: Own,
    memory: str | float | None = None,
) -> int:  # fmt: skip
    """The bytes that tensors take in one step of training on ``rows``, with weights, gradients and Adam's state."""
    few = problem.few(rows)
    trainee = trainee_of(kind, few, candidate, torch.arange(len(rows)), spend, 0, own)
    core, table = trainee.core, trainee.table(torch.arange(len(rows)))
    if memory is not None:
        core, why_not = planned(trainee, len(rows))
        if not why_not:
            steps_of(trainee, table, 1, core, memory)  # in which the plan is made
            for parameter in core.parameters():
                parameter.grad = None
    return measure_peak(lambda: steps_of(trainee, table, 1, core), [*core.parameters(), *core.buffers(), *table])


def steps_of(
    trainee: Trainee, table: tuple[Tensor, Tensor], count: int, core: nn.Module | None = None,
    memory: str | float | None = None,
) -> None:  # fmt: skip
    """So many steps on the rows of a table, all in one batch, of the trainee's own network or of one with a plan.

    Plans are for the passes through the loss: while one is made there are no penalties.
    """
    constraints = trainee.constraints(count) if memory is None else []
    batches = Batches(*table, batch_size=len(table[0]), shuffle=False)
    fit(core or trainee.core, trainee.loss, batches, optimizer=trainee.optimizer(),
        constraints=constraints, max_steps=count, memory=memory, progress=False)  # fmt: skip


def planned(trainee: Trainee, rows: int) -> tuple[nn.Module, str]:
    """The network of a trainee, with a plan to come where it is a chain of layers, and else why it is none."""
    try:
        return fit_in_memory(trainee.core, None), ""
    except DomainError:
        pass  # what happens between its blocks is seen on an example
    try:
        return fit_in_memory(trainee.core, torch.zeros(rows, trainee.problem.x.shape[1])), ""
    except (DomainError, ShapeError) as error:
        return trainee.core, error.given


def _asymmetry(
    trainee: Trainee, problem: Problem, candidate: Candidate, x: Float[Tensor, "n p"], seed: int
) -> float | None:
    some = x[torch.randperm(len(x), generator=spawn(seed, "asymmetry"))[:_ERROR_ROWS]]
    with torch.no_grad():
        if not trainee.predict(some).any():
            return None  # zero everywhere is symmetric, and tells nothing
    return equivariance_error(
        trainee.predict, candidate.measured, some, problem.rep_in, problem.rep_out, n=_ERROR_DRAWS, seed=seed,
        chunk=_PIECE,
    ).mean  # fmt: skip
