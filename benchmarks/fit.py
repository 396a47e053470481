"""What ``isotropy.train.fit`` costs over the loop written by hand, in one process and on one CPU thread.

    python benchmarks/fit.py

Two figures, in processor time. A short call: one step of a small network, by hand and by a call of ``fit``, turn by
turn, medians over the turns; the bar is 3 ms for the call. A step of a longer training (width 128, batches of 500): the
best of several interleaved repetitions, bar 15 % over the loop by hand; both end with the same weights, bit for bit.

Measured on two shared, busy cores: one step 0.89 ms by hand and 1.4 to 1.5 ms by ``fit`` (11.5 ms while each call built
a Fabric); a step of many 4.2 ms by hand, and up to 9 % more.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from isotropy.random import spawn
from isotropy.train import Batches, fit

TURNS = 100
EPOCHS, ROWS, REPETITIONS = 100, 2000, 5


def network(*widths: int) -> nn.Module:
    torch.manual_seed(0)
    layers = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.SiLU())]
    return nn.Sequential(*layers[:-1])


def table(rows: int, columns: int, targets: int) -> tuple[Tensor, Tensor]:
    generator = spawn(0, "table")
    return torch.randn(rows, columns, generator=generator), torch.randn(rows, targets, generator=generator)


def squared(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return (model(batch[0]) - batch[1]).square().mean(-1)


def step_by_hand(model: nn.Module, optimizer: torch.optim.Optimizer, batch: tuple[Tensor, Tensor]) -> None:
    optimizer.zero_grad()
    squared(model, batch).mean().backward()
    optimizer.step()


def short_calls() -> dict[str, float]:
    """Milliseconds of one step, by hand and by one call."""
    x, y = table(64, 8, 1)
    models = {name: network(8, 32, 1) for name in ("by hand", "fit")}
    optimizers = {name: torch.optim.Adam(model.parameters(), 1e-3) for name, model in models.items()}
    batches = Batches(x, y, 64)
    steps: dict[str, Callable[[], object]] = {
        "by hand": lambda: step_by_hand(models["by hand"], optimizers["by hand"], (x, y)),
        "fit": lambda: fit(
            models["fit"], squared, batches, optimizer=optimizers["fit"], max_steps=1, progress=False
        ),
    }  # fmt: skip
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(TURNS):
        for name, step in steps.items():
            begin = time.process_time()
            step()
            seconds[name].append(time.process_time() - begin)
    return {name: 1e3 * statistics.median(all_of[TURNS // 10 :]) for name, all_of in seconds.items()}


def train_by_hand(model: nn.Module, x: Tensor, y: Tensor) -> None:
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for epoch in range(EPOCHS):
        order = torch.randperm(ROWS, generator=spawn(0, "batches", epoch))
        for index in order.split(500):
            step_by_hand(model, optimizer, (x[index], y[index]))


def train_by_fit(model: nn.Module, x: Tensor, y: Tensor) -> None:
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    fit(model, squared, Batches(x, y, 500), optimizer=optimizer, max_epochs=EPOCHS, progress=False)


def long_trainings() -> tuple[dict[str, float], bool]:
    """Milliseconds of a step of a training, and whether both trainings end with the same weights."""
    x, y = table(ROWS, 20, 9)
    best, models = {"by hand": float("inf"), "fit": float("inf")}, dict[str, nn.Module]()
    for _ in range(REPETITIONS):
        for name, train in (("by hand", train_by_hand), ("fit", train_by_fit)):
            models[name] = network(20, 128, 128, 128, 9)
            begin = time.process_time()
            train(models[name], x, y)
            best[name] = min(best[name], time.process_time() - begin)
    pairs = zip(models["fit"].parameters(), models["by hand"].parameters(), strict=True)
    steps = EPOCHS * ROWS // 500
    return {name: 1e3 * seconds / steps for name, seconds in best.items()}, all(torch.equal(a, b) for a, b in pairs)


def main() -> None:
    torch.set_num_threads(1)
    short = short_calls()
    print("one step, ms:       " + ", ".join(f"{name} {ms:.2f}" for name, ms in short.items()))
    long, equal = long_trainings()
    print("step of many, ms:   " + ", ".join(f"{name} {ms:.3f}" for name, ms in long.items()))
    print(f"overhead {100 * (long['fit'] / long['by hand'] - 1):.1f} %, same weights: {equal}")


if __name__ == "__main__":
    main()
