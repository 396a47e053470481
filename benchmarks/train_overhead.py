"""What ``isotropy.train.fit`` costs over the loop written by hand: width 128, batches of 500, on one CPU thread.

    python benchmarks/train_overhead.py

Prints the time of a step for both loops (the best of several interleaved repetitions) and the overhead; the target is
less than 15 % (§3.7: trainings must not pay for the house). Both loops end with the same weights, bit for bit.
"""

from __future__ import annotations

import itertools
import time

import torch
from torch import Tensor, nn

from isotropy.random import spawn
from isotropy.train import Batches, fit

EPOCHS, ROWS, REPETITIONS = 100, 2000, 5


def network() -> nn.Module:
    torch.manual_seed(0)
    widths = [20, 128, 128, 128, 9]
    layers = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.SiLU())]
    return nn.Sequential(*layers[:-1])


def squared(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return (model(batch[0]) - batch[1]).square().mean(-1)


def by_hand(model: nn.Module, x: Tensor, y: Tensor) -> None:
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for epoch in range(EPOCHS):
        order = torch.randperm(ROWS, generator=spawn(0, "batches", epoch))
        for index in order.split(500):
            optimizer.zero_grad()
            loss = (model(x[index]) - y[index]).square().mean(-1).mean()
            loss.backward()
            optimizer.step()


def by_fit(model: nn.Module, x: Tensor, y: Tensor) -> None:
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    fit(model, squared, Batches(x, y, 500), optimizer=optimizer, max_epochs=EPOCHS, progress=False)


def main() -> None:
    torch.set_num_threads(1)
    generator = spawn(0, "table")
    x = torch.randn(ROWS, 20, generator=generator)
    y = torch.randn(ROWS, 9, generator=generator)
    best = {"by hand": float("inf"), "fit": float("inf")}
    models: dict[str, nn.Module] = {}
    for _ in range(REPETITIONS):
        for name, train in (("by hand", by_hand), ("fit", by_fit)):
            models[name] = network()
            begin = time.perf_counter()
            train(models[name], x, y)
            best[name] = min(best[name], time.perf_counter() - begin)
    steps = EPOCHS * ROWS // 500
    for name, seconds in best.items():
        print(f"{name:8s} {1e6 * seconds / steps:8.1f} us/step")
    print(f"overhead {100 * (best['fit'] / best['by hand'] - 1):6.1f} %")
    pairs = zip(models["fit"].parameters(), models["by hand"].parameters(), strict=True)
    print("same weights:", all(torch.equal(a, b) for a, b in pairs))


if __name__ == "__main__":
    main()
