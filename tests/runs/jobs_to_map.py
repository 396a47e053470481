"""Jobs of the tests, in a module of their own so that worker processes can import them."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import torch

from isotropy.errors import ShapeError
from isotropy.random import spawn
from isotropy.runs import Run


def algebra(run: Run, *, seed: int, size: int) -> dict[str, Any]:
    """Products and spectra large enough that the number of threads shows in the last bits."""
    draw = torch.randn(size, size, generator=spawn(seed, "algebra"))
    values, vectors = torch.linalg.eigh(draw @ draw.mT)
    start = torch.nn.Linear(size, 3).weight  # from the global generator
    return {
        "values": values.numpy(),
        "vectors": vectors.numpy(),
        "sum": float((draw @ draw @ draw).sum()),
        "start": start.detach().numpy(),
        "mean": float(draw.double().exp().mean()),
    }


def count(run: Run, *, seed: int, name: str) -> int:
    """Leaves a trace of each call."""
    with open(run.path / "calls.txt", "a") as file:
        file.write(name + "\n")
    return seed


def read_rows(run: Run, *, seed: int, table: str, row: int) -> float:
    return float(run.read(table)["x"][row].sum())


def refuse(run: Run, *, seed: int) -> None:
    raise ShapeError("3 columns", "4 columns", "add one")


class Untravelled(Exception):
    """An error that cannot be rebuilt in another process."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"only here {first + second}")


def fail_strangely(run: Run, *, seed: int) -> None:
    raise Untravelled(1, 2)


def die(run: Run, *, seed: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def announce(run: Run) -> None:
    """Leaves this process's id, whole even if the process is killed here."""
    draft = run.path / f"begun-{os.getpid()}.txt"
    draft.write_text(str(os.getpid()))
    os.replace(draft, run.path / "begun.txt")


def slow(run: Run, *, seed: int, seconds: float) -> dict[str, Any]:
    announce(run)
    time.sleep(seconds)
    return {"seed": seed}


def gated(run: Run, *, seed: int, gate: int) -> dict[str, Any]:
    """A large outcome; from seed ``gate`` on only once the file ``open`` is there, so that a kill comes before."""
    announce(run)
    while seed >= gate and not (run.path / "open").exists():
        time.sleep(0.01)
    return {"x": torch.arange(200_000).numpy(), "seed": seed}


def a_tensor(run: Run, *, seed: int) -> Any:
    return {"fine": 1, "bad": [torch.ones(2)]}
