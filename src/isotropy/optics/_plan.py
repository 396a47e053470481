"""A plan: which schedule, why, and what it is predicted to take."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from isotropy.errors import DomainError, counted
from isotropy.optics import _persistent as persistent
from isotropy.optics import _unrestricted as unrestricted
from isotropy.optics._budget import InfeasibleBudget, in_words, read_bytes
from isotropy.optics._classic import binomial, every_root, store_all
from isotropy.optics._persistent import fill, gradients_after, least_memory
from isotropy.optics._picture import picture
from isotropy.optics._schedule import Cost, Costs, Cuts, Step, simulate, steps_of
from isotropy.optics._unrestricted import optimum

if TYPE_CHECKING:
    from isotropy.report import Memory

Solver = Literal["dp", "revolve", "sqrt", "all", "none", "exact"]


@dataclass(frozen=True)
class Plan:
    """``steps`` to take within ``budget`` bytes (infinite where there was none), as ``solver`` found them.

    ``tree`` says the same of a persistent schedule, segment by segment: None where the residual of the first layer is
    kept, else the layer whose input is kept while what is before it is run again. It is None for "exact".
    """

    costs: Costs
    budget: float
    solver: Solver
    steps: tuple[Step, ...]
    tree: Cuts | None

    @cached_property
    def predicted(self) -> Cost:
        """Seconds, peak bytes and recomputed forwards, from the profile by the schedule: nothing of it is measured."""
        return simulate(self.steps, self.costs)

    @property
    def exact(self) -> bool:
        """Whether gradients are those of plain autograd to the last bit: no input is rebuilt by an inverse."""
        return not any(step.action == "invert" for step in self.steps)

    @cached_property
    def drift(self) -> float:
        """By how much rebuilt inputs may differ, relative to their largest entries: what was measured, added up.

        It is that of the longest way from a value that was kept, 0 for an exact plan.
        """
        worst, way, before = 0.0, 0.0, -1
        for action, layer in self.steps:
            if action == "invert":
                way = self.costs.drift[layer] + (way if before == layer + 1 else 0.0)
                worst, before = max(worst, way), layer
        return worst

    @cached_property
    def lower_bound(self) -> float:
        """Seconds below which no schedule at all comes within the budget, inverses aside.

        When the backward pass begins, the residuals that are there fit into the budget; each other layer runs forward
        at least twice. The best choice of the first is bounded by a knapsack that may take parts of things.
        """
        c = self.costs
        free, saved = self.budget, 0.0
        for layer in sorted(range(len(c)), key=lambda i: -c.forward[i] / max(c.residual[i], 1e-300)):
            part = 1.0 if c.residual[layer] <= free else free / c.residual[layer]
            saved += part * c.forward[layer]
            free -= part * c.residual[layer]
        return 2 * sum(c.forward) + sum(c.backward) - saved

    def picture(self, measured: Sequence[float] = (), outside: float = 0.0) -> Memory:
        """The plan as a block of a report, "Memory".

        ``measured`` are bytes during each step, as ``Chain.watch`` counts them, ``outside`` what is taken beside the
        chain all the while.
        """
        live = [size + outside for size in self.predicted.live]
        return picture(self.costs, self.steps, live, self.budget + outside, measured)

    def report(self, path: str | Path, measured: Sequence[float] = (), outside: float = 0.0) -> Path:
        """Writes a page with the picture and ``explain()`` to ``path`` (.html, or a folder), and returns where it is.

        >>> import tempfile
        >>> from isotropy.optics import Profile
        >>> Profile([1] * 4, [1] * 4, [1] * 4, [3] * 4).plan(budget=7).report(tempfile.mkdtemp()).name
        'report.html'
        """
        from isotropy.report import Text, section, write_html

        said = self.explain().splitlines()
        said += [f"{in_words(outside)} more are taken outside of these layers."] if outside else []
        words = Text("\n\n".join(said), title="In words")
        return write_html("A plan of memory", section("Memory", self.picture(measured, outside), words), path)

    def explain(self) -> str:
        """What is kept, what is run again, and what that takes, in words.

        >>> from isotropy.optics import Profile
        >>> print(Profile([1] * 4, [1] * 4, [1] * 4, [3] * 4).plan(budget=7).explain())
        4 layers within 7 B, by 'dp': predicted peak 7 B, 2 forwards run again.
        Predicted 10 s; plain autograd 8 s at 12 B; no schedule within this budget takes less than 9.67 s.
        Kept until their backward: 2 to 3.
        Run again when their turn comes: 0 to 1; of values between layers kept at first: into 2.
        """
        c, cost, plain = (
            self.costs,
            self.predicted,
            simulate(steps_of(store_all(len(self.costs)), len(self.costs)), self.costs),
        )
        within = "without a budget" if math.isinf(self.budget) else f"within {in_words(self.budget)}"
        first = {step.at: step.action for step in reversed(self.steps) if step.action in ("forward", "tape")}
        kept = [layer for layer in range(len(c)) if first[layer] == "tape"]
        again = [layer for layer in range(len(c)) if first[layer] == "forward"]
        ahead = takewhile(lambda step: step.action != "backward", self.steps)
        values = sorted(step.at for step in ahead if step.action == "keep")
        lines = [
            f"{counted(len(c), 'layer')} {within}, by {self.solver!r}: predicted peak {in_words(cost.peak_bytes)}, "
            f"{counted(cost.recomputed, 'forward')} {'runs' if cost.recomputed == 1 else 'run'} again.",
            f"Predicted {cost.seconds:.3g} s; plain autograd {plain.seconds:.3g} s at {in_words(plain.peak_bytes)}; "
            f"no schedule within this budget takes less than {self.lower_bound:.3g} s.",
            f"Kept until their backward: {_ranges(kept, c.names)}.",
            f"Run again when their turn comes: {_ranges(again, c.names)}"
            + (f"; of values between layers kept at first: into {_ranges(values, c.names)}." if values else "."),
        ]
        rebuilt = sorted(step.at for step in self.steps if step.action == "invert")
        if rebuilt:
            names = _ranges(rebuilt, c.names)
            lines.append(f"Inputs rebuilt by inverses: {names}. They, and gradients, may be off by {self.drift:.1g}.")
        once = [layer for layer in range(len(c)) if not c.safe[layer]]
        if once:
            lines.append(f"Kept because another run may differ: {_ranges(once, c.names)}.")
        return "\n".join(lines)


def _ranges(layers: list[int], names: tuple[str, ...]) -> str:
    """Neighbours as "a to b".

    >>> _ranges([0, 1, 2, 5], tuple("abcdef"))
    'a to c, f'
    """
    starts = [i for i in layers if i - 1 not in layers]
    ends = [i for i in layers if i + 1 not in layers]
    parts = [names[a] if a == b else f"{names[a]} to {names[b]}" for a, b in zip(starts, ends, strict=True)]
    return ", ".join(parts) or "none"


def make_plan(
    costs: Costs,
    budget: str | float | None,
    fraction: float | None,
    min_budget: bool,
    allow: Collection[str],
    solver: Solver,
    slots: int,
    every: int = 32,
) -> Plan:
    """``Profile.plan``, where the arguments are explained."""
    store = _checked(allow, solver, slots, (budget is not None) + (fraction is not None) + min_budget)
    every = every if "invert" in allow else 0
    if not len(costs):
        return Plan(costs, math.inf if budget is None else read_bytes(budget), solver, (), {})
    n = len(costs)
    if fraction is not None and not 0 < fraction <= 1:
        raise DomainError(f"fraction={fraction}", "a share of plain autograd's peak, above 0 and at most 1")
    plain = simulate(steps_of(store_all(n), n), costs).peak_bytes
    free = math.inf if budget is None else read_bytes(budget)
    free = free if fraction is None else fraction * plain
    if solver not in ("dp", "exact"):
        return _from_the_books(costs, None if min_budget else free, solver)
    if store and plain <= free and not min_budget:
        cuts = store_all(n)
        return Plan(costs, free, solver, steps_of(cuts, n), cuts)
    _refuse_long(n, solver)
    least, frugal = least_memory(costs, store=store, every=every)
    free = least if min_budget else free
    # A fraction and the smallest budget are products and sums: their last digits are nobody's wish.
    if free < least * (1 - 1e-12):
        raise _infeasible(costs, free, least, frugal, solver)
    if solver == "exact":
        steps = optimum(costs, free)
        assert steps is not None, "a persistent schedule is a schedule"
        return Plan(costs, free, solver, steps, None)
    cuts = _dynamic(costs, free, slots, store, frugal, every)
    return Plan(costs, free, solver, steps_of(cuts, n), cuts)


def _refuse_long(layers: int, solver: Solver) -> None:
    most, instead = {
        "dp": (persistent.MOST_LAYERS, "join neighbours, or solver='revolve'"),
        "exact": (unrestricted.MOST_LAYERS, "solver='dp'"),
    }[solver]
    if layers > most:
        raise DomainError(f"a chain of {counted(layers, 'layer')}", f"at most {most} for solver={solver!r}", instead)


def _checked(allow: Collection[str], solver: str, slots: int, told: int) -> bool:
    if told > 1:
        raise DomainError("several budgets", "one of budget=, fraction= and min_budget=True")
    if solver not in get_args(Solver):
        raise DomainError(f"solver={solver!r}", f"one of {', '.join(map(repr, get_args(Solver)))}")
    unknown = set(allow) - {"store", "recompute", "invert"}
    if isinstance(allow, str) or unknown or "recompute" not in allow:
        raise DomainError(f"allow={allow!r}", 'a set of "store", "recompute" and "invert", "recompute" in any case')
    if ("store" not in allow or "invert" in allow) and solver != "dp":
        raise DomainError(f"solver={solver!r} with allow={allow!r}", "solver='dp'")
    if slots < 1:
        raise DomainError(f"slots={slots}", "at least one")
    return "store" in allow


def _dynamic(costs: Costs, budget: float, slots: int, store: bool, frugal: Cuts, every: int) -> Cuts:
    sizes = [*costs.output, *costs.residual, *costs.gradient]
    sizes += [*costs.transient_forward, *costs.transient_backward, *costs.transient_kept]
    sizes += costs.transient_inverse
    if math.isinf(budget):
        budget = simulate(steps_of(frugal, len(costs)), costs).peak_bytes + sum(costs.residual) + sum(costs.output)
    if budget <= slots and all(float(size).is_integer() for size in sizes):
        unit, limit, top = 1.0, int(budget), int(budget)
    else:
        # Rounding may cost a slot for each layer. What seems to need a few more than there are is tried on paper.
        unit, limit, top = budget / slots, slots, slots + len(costs)
    table = fill(costs, unit, top, store=store, every=every)
    found, seen = [frugal], math.inf
    for free in range(top, -1, -1):
        seconds = float(table.seconds[0, -1, free])
        if math.isinf(seconds):
            break
        if seconds == seen:
            continue
        seen, cuts = seconds, table.cuts(free)
        assert cuts is not None
        if free <= limit or simulate(steps_of(cuts, len(costs)), costs).peak_bytes <= budget:
            found.append(cuts)
            break
    return min(found, key=lambda cuts: simulate(steps_of(cuts, len(costs)), costs).seconds)


def _from_the_books(costs: Costs, budget: float | None, solver: Solver) -> Plan:
    """The schedule of that name, of binomial ones that with the most values; None asks for the least memory."""
    n = len(costs)

    def plan(cuts: Cuts) -> Plan:
        found = Plan(costs, math.inf if budget is None else budget, solver, steps_of(cuts, n), cuts)
        if _reruns(found):
            raise DomainError(
                f"solver={solver!r} for a chain with a layer that must not run twice", "solver='dp'", "or solver='all'"
            )
        return found if budget is not None else replace(found, budget=found.predicted.peak_bytes)

    def fits(found: Plan) -> bool:
        return found.predicted.peak_bytes <= found.budget

    if solver == "revolve":
        low, high = 0, 0 if budget is None else n - 1
        while low < high:  # more values take more bytes and less time
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(plan(binomial(n, middle))) else (low, middle - 1)
        chosen = plan(binomial(n, low))
    else:
        chosen = plan({"all": store_all(n), "none": binomial(n, 0), "sqrt": every_root(n)}[solver])
    if not fits(chosen):
        assert chosen.tree is not None
        raise _infeasible(costs, chosen.budget, chosen.predicted.peak_bytes, chosen.tree, solver)
    return chosen


def _reruns(plan: Plan) -> bool:
    """Whether some layer that must not run twice does."""
    runs = [step.at for step in plan.steps if step.action in ("forward", "tape")]
    return any(runs.count(layer) > 1 for layer, safe in enumerate(plan.costs.safe) if not safe)


def _infeasible(costs: Costs, budget: float, least: float, cuts: Cuts, solver: Solver) -> InfeasibleBudget:
    layer = simulate(steps_of(cuts, len(costs)), costs).peak_layer
    stay = float(gradients_after(costs)[layer])
    return InfeasibleBudget(
        f"a budget of {in_words(budget)}",
        f"at least {in_words(math.ceil(least))} ({math.ceil(least)} bytes) for solver={solver!r}",
        f"layer {costs.names[layer]} is in the way: at its turn {in_words(least - stay)} are needed at once"
        + (f", and {in_words(stay)} of gradients stay" if stay else ""),
        minimum=float(least),
        layer=layer,
    )
