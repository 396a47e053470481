"""What the penalties of three groups cost beside a training step: median times and their ratio, after warm-up.

    python benchmarks/soft_penalties.py [--width 128] [--batch 500] [--steps 100]

Target: all projection penalties together below 25 % of a plain step at width 128. With one thread the clock counts
processor time, so that other programs on the machine weigh less; the variants run in turns, so that they weigh alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from isotropy.random import spawn
from isotropy.reps import Scalar, Vector
from isotropy.reps import Tensor as T
from isotropy.soft import Constraint, Fixed, LiePenalty, ProjectionPenalty, SamplePenalty, SoftEMLP, SoftMLP

GROUPS = ("O(2)@z", "O(2)@x", "O(2)@y")
REP_IN, REP_OUT = 5 * Scalar + 5 * Vector, T(2)


def step_of(model: nn.Module, data: tuple[Tensor, Tensor], constraint: Constraint | None) -> Callable[[], None]:
    """One training step: forward, penalty, backward, Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    generator = spawn(0, "draws")

    def step() -> None:
        optimizer.zero_grad()
        loss = (model(data[0]) - data[1]).square().mean()
        if constraint is not None:
            loss = loss + constraint.term(model, data, generator)
        loss.backward()
        optimizer.step()
        if constraint is not None:
            constraint.decoupled_step(model, 1e-4)

    return step


def medians(steps: dict[str, Callable[[], None]], count: int, clock: Callable[[], float]) -> dict[str, float]:
    """Median seconds of each variant over interleaved repetitions, the first tenth discarded."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(count + count // 10 + 1):
        for name, step in steps.items():
            start = clock()
            step()
            times[name].append(clock() - start)
    return {name: statistics.median(values[count // 10 + 1 :]) for name, values in times.items()}


def variants(width: int, batch: int, emlp: bool) -> dict[str, Callable[[], None]]:
    """The plain step and the step with each penalty, of one architecture."""

    def model() -> nn.Module:
        if emlp:
            return SoftEMLP(REP_IN, REP_OUT, ("O(3)", *GROUPS), ch=width, generator=spawn(0, "net"))
        return SoftMLP(REP_IN, REP_OUT, GROUPS, ch=width, generator=spawn(0, "net"))

    x = torch.randn(batch, 20, generator=spawn(0, "x"))
    data = (x, torch.randn(batch, 9, generator=spawn(0, "y")))
    made = {name: model() for name in ("plain", "projection", "projection, decoupled", "sample", "lie")}
    weight = Fixed(0.1)
    projection = ProjectionPenalty(made["projection"])
    constraints: dict[str, Constraint | None] = {
        "plain": None,
        "projection": Constraint(projection, multiplier=weight),
        "projection, decoupled": Constraint(projection, multiplier=weight, decoupled=True),
        "sample": Constraint(SamplePenalty(REP_IN, REP_OUT, GROUPS), multiplier=weight),
        "lie": Constraint(LiePenalty(REP_IN, REP_OUT, GROUPS), multiplier=weight),
    }
    return {name: step_of(made[name], data, constraint) for name, constraint in constraints.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    print(f"width {options.width}, batch {options.batch}, {len(GROUPS)} groups, {options.threads} thread(s)")
    for name, emlp in (("SoftMLP", False), ("SoftEMLP", True)):
        found = medians(variants(options.width, options.batch, emlp), options.steps, clock)
        plain = found["plain"]
        for variant, seconds in found.items():
            extra = "" if variant == "plain" else f"  {100 * (seconds / plain - 1):+6.1f} %"
            print(f"{name:9s} {variant:22s} {1e3 * seconds:8.2f} ms{extra}")


if __name__ == "__main__":
    main()
