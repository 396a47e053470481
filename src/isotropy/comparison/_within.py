"""Every method within one budget of memory: planned where its network is a chain of layers, else measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch

from isotropy.comparison._methods import Budget, Kind, Method
from isotropy.comparison._own import Own
from isotropy.comparison._trainees import trainee_of
from isotropy.comparison._training import planned, single_precision, steps_of
from isotropy.errors import counted
from isotropy.optics import InfeasibleBudget
from isotropy.optics.parts import in_words, pass_peak, planner_of, read_bytes
from isotropy.study import Problem


@dataclass(frozen=True)
class Held:
    """What one method's pass took on a first batch: ``peak`` in bytes, ``recomputed`` forwards of its plan.

    ``why_not`` says why there is no plan, ``over`` why it cannot keep within the budget at all: it needs ``least``.
    """

    method: Method
    peak: float = 0.0
    recomputed: int = 0
    why_not: str = ""
    over: str = ""
    least: float = 0.0


def held_to(
    memory: str | float, problem: Problem, methods: Sequence[Method], spend: Budget, own: Own
) -> tuple[tuple[Method, ...], list[str]]:
    """The methods, those that need more marked as missing, and what was found, in words.

    Raises InfeasibleBudget where the plain network, to which all are compared, needs more; DomainError for sizes that
    cannot be read.
    """
    budget = read_bytes(memory)
    with single_precision(), torch.random.fork_rng(devices=[]):
        looks = [_held(budget, problem, method, spend, own) for method in methods if not method.missing]
    found = {look.method.name: look for look in looks}
    if found["plain"].over:
        raise InfeasibleBudget(
            f"a budget of {in_words(budget)} for the plain network",
            "one that it keeps within: all methods are compared to it",
            found["plain"].over,
            minimum=found["plain"].least,
        )
    marked = (replace(m, missing=found[m.name].over) if m.name in found else m for m in methods)
    return tuple(marked), list(_told(budget, looks))


def _held(budget: float, problem: Problem, method: Method, spend: Budget, own: Own) -> Held:
    rows = torch.arange(min(spend.batch, len(problem.x)))
    candidate = next((c for c in problem.candidates if c.name == method.group), None)
    trainee = trainee_of(cast(Kind, method.kind), problem.few(rows), candidate, rows, spend, 0, own)
    core, why_not = planned(trainee, len(rows))
    table = trainee.table(rows)
    planner = planner_of(core)
    if planner is not None:
        try:
            steps_of(trainee, table, 1, core, budget)
        except InfeasibleBudget as error:
            said = f"its network needs {error.expected} in a pass of {counted(len(rows), 'row')}. {error.hint}"
            return Held(method, over=said, least=error.minimum)
    peak = pass_peak(lambda: trainee.loss(core, table).mean(), core.parameters())
    if peak > budget and planner is None:
        said = f"a pass of {counted(len(rows), 'row')} takes {in_words(peak)}, and no less can be planned: {why_not}"
        return Held(method, over=said, least=float(peak))
    again = 0 if planner is None or planner.plan is None else planner.plan.predicted.recomputed
    return Held(method, float(peak), again, why_not)


def _told(budget: float, looks: Sequence[Held]) -> list[str]:
    within = f"Within {in_words(budget)} for forward and backward pass, weights and Adam's state aside"
    by_plan = [look for look in looks if not look.over and not look.why_not]
    told = []
    if by_plan:
        again = max(look.recomputed for look in by_plan)
        runs = (
            f"{counted(again, 'forward')} {'runs' if again == 1 else 'run'} again at most"
            if again
            else "nothing has to run again"
        )
        most = in_words(max(look.peak for look in by_plan))
        told.append(f"{within}: planned for {_names(by_plan)}; {runs}, and a pass was measured at up to {most}.")
    for reason in dict.fromkeys(look.why_not for look in looks if look.why_not and not look.over):
        these = [look for look in looks if look.why_not == reason and not look.over]
        most = in_words(max(look.peak for look in these))
        told.append(
            f"{within}, could not be planned: {_names(these)} ({reason}). As they are they keep within it: a pass was "
            f"measured at up to {most}."
        )
    over = [look for look in looks if look.over]
    if over:
        told.append(f"{within}, not run because they need more: {_names(over)}.")
    return told


def _names(looks: Sequence[Held]) -> str:
    return ", ".join(look.method.name for look in looks)
