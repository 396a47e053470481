"""One network on one fold: trained on all others, asked about rows that it never saw, and what both took."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from isotropy.comparison._methods import Method
from isotropy.errors import InfeasibleWarning
from isotropy.optics import measure_peak
from isotropy.random import derive
from isotropy.runs import Job, Run, map_jobs
from isotropy.study import size
from isotropy.train import Cosine, DivergedError, fit


def folds_by_method(
    methods: Sequence[Method], folds: int, job: Callable[[Method, int], Job], run: Run, **how: Any
) -> dict[str, list[Any]]:
    """The outcomes of every fold of each method, by its name; ``how`` is what ``map_jobs`` takes."""
    outcomes = iter(map_jobs([job(method, fold) for method in methods for fold in range(folds)], run, **how))
    return {method.name: [next(outcomes) for _ in range(folds)] for method in methods}


def fold_of(
    network: nn.Module, loss: Any, batches: Any, predict: Callable[[], Tensor],
    judge: Callable[[Tensor], Mapping[str, Any]], *, began: float, rate: float, steps: int, seed: int, fold: int,
    constraints: Sequence[Any] = (),
) -> dict[str, Any]:  # fmt: skip
    """What ``judge`` says of predictions after so many steps of Adam, with processor seconds, memory and parameters.

    ``began`` is when the network began to be built. Of a training that diverged it says why, and nothing else.
    """

    def train(count: int) -> None:
        fit(network, loss, batches, optimizer=torch.optim.Adam(network.parameters(), lr=rate), constraints=constraints,
            schedule=Cosine(), max_steps=count, seed=derive(seed, "train", fold), progress=False)  # fmt: skip

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InfeasibleWarning)  # what is out of reach shows in the error
        try:
            train(steps)
        except DivergedError as error:
            return {"diverged": error.given}
    trained = time.process_time()
    network.eval()
    with torch.no_grad():
        out = predict()
    predicted = time.process_time()
    if not bool(out.isfinite().all()):
        return {"diverged": f"predictions that are not finite in fold {fold + 1}"}
    with torch.no_grad():
        judged = judge(out)
    return {
        "diverged": "",
        **judged,
        "seconds": trained - began,
        "predict_seconds": predicted - trained,
        "peak_mb": measure_peak(lambda: train(1), [*network.parameters(), *network.buffers()]) / 1e6,
        "parameters": size(network),
        "best_step": steps,
    }
