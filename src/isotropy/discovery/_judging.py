"""One candidate judged on all rows by models that have not seen them: the step that data and symmetric copies share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from isotropy.measure import BreakingTerms, breaking_terms, randomisation_test
from isotropy.measure.parts import bonferroni
from isotropy.study import Candidate, Model, Problem


def judge(
    problem: Problem,
    candidate: Candidate,
    models: Sequence[Model],
    half: Int[Tensor, " n"],
    rows: Int[Tensor, " m"],
    generator: Generator,
) -> tuple[BreakingTerms, float]:
    """The terms of the breaking of ``rows`` and the p-value of the randomisation test over both halves.

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
            if name != "orbit_loss":
                terms.setdefault(name, torch.empty(len(rows), dtype=values.dtype))[at] = values
    return BreakingTerms(**terms, orbit_loss=torch.empty(0, 0)), bonferroni(p_values)
